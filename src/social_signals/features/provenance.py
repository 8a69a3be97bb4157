"""What a slice of gold was made from, said in the commit that wrote it and nowhere else."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cache
from importlib import resources
from typing import Any

from pyspark.sql import Row

from social_signals import __version__
from social_signals.features.cutoffs import micros
from social_signals.features.declared import USER_FEATURES
from social_signals.features.params import FeatureParams
from social_signals.governance import ConsentParams
from social_signals.tables.commits import UPKEEP, Origin, note_of

Inputs = Mapping[str, "Origin | None"]

# These change no row. Whatever else was done to the table by somebody who left no note may have.
_HARMLESS = (*UPKEEP, "ADD COLUMNS", "CREATE TABLE")


@dataclass(frozen=True)
class Provenance:
    """The tables that slices were made from (name -> origin, None where it was not there), and how."""

    inputs: Inputs
    recipe: str

    def note(self, as_of: Sequence[datetime]) -> str:
        """As one line of JSON, for the commit that writes the slices `as_of`."""
        inputs = {name: [o.table_id, o.version] if o else None for name, o in sorted(self.inputs.items())}
        return json.dumps({"as_of_us": sorted(map(micros, as_of)), "inputs": inputs, "recipe": self.recipe})


def recipe_of(params: FeatureParams, consent: ConsentParams) -> str:
    """SHA-256 of everything beside the tables that decides a slice: settings, declared features, the code of this room."""
    settings = {k: v for k, v in asdict(params).items() if k != "rebuild"}
    return recipe(settings, asdict(consent), USER_FEATURES.schema.json())


def recipe(*parts: Any, rooms: Sequence[str] = (__name__.rpartition(".")[0],)) -> str:
    """SHA-256 of `parts`, which JSON can say, of the package's version and of the code in the packages `rooms`."""
    said = [*parts, __version__, *(_code(room) for room in rooms)]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def provenance_of(as_of: datetime, commits: Iterable[Row]) -> Provenance | None:
    """What the slice was last made from; None where no commit says so, or somebody else has changed the table since.

    commits: of the table, newest first, with operation and userMetadata.
    """
    for commit in commits:
        said = _read(note_of(commit["userMetadata"]))
        if said is None and commit["operation"] not in _HARMLESS:
            return None
        if said is not None and micros(as_of) in said["as_of_us"]:
            inputs = {name: Origin(*origin) if origin else None for name, origin in said["inputs"].items()}
            return Provenance(inputs, said["recipe"])
    return None


def _read(note: str) -> dict | None:  # type: ignore[type-arg]
    try:
        said = json.loads(note)
    except ValueError:
        return None
    return said if isinstance(said, dict) and {"as_of_us", "inputs", "recipe"} <= set(said) else None


@cache
def _code(room: str) -> str:
    """Hash of the modules that measure: a slice made by other code is not carried over. Read from the package, in a zip or not."""
    digest = hashlib.sha256()
    modules = (entry for entry in resources.files(room).iterdir() if entry.name.endswith(".py"))
    for module in sorted(modules, key=lambda entry: entry.name):
        digest.update(module.read_bytes())
    return digest.hexdigest()
