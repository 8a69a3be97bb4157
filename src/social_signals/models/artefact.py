"""A model as a folder that says what it was made of: weights, calibration, card, and a hash of each. No pickle.

`model.ubj` (XGBoost UBJSON), `calibration.json`, `card.json`, where it reads texts `text.json`, `manifest.json` (SHA-256 of
the others, checked before anything is loaded). All file access of models is here.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from social_signals.core.errors import ModelMismatchError
from social_signals.core.files import write_whole

MODEL_FILE = "model.ubj"
CALIBRATION_FILE = "calibration.json"
CARD_FILE = "card.json"
# How texts become features (`models.text_reader`); only models that read texts have it.
TEXT_FILE = "text.json"
MANIFEST_FILE = "manifest.json"
CHAMPION_FILE = "champion.json"
CHURN = "churn"
# Churn by another definition foretells another thing: never the champion of those who fall silent.
CHURN_EVENT, CHURN_CONTRACT = "churn_event", "churn_contract"
INFLUENCE = "influence"
# Learnt from labelled pairs with columns of their own: never the champion that scores user_features.
INFLUENCE_PAIRS = "influence_pairs"
# Ranks posts when they are published.
INFLUENCE_POSTS = "influence_posts"


@dataclass(frozen=True)
class Artefact:
    """A trained model. card: plain JSON; see `card_of` in the module that trains it for what it holds. text: the content of
    `text.json`, for models with features of texts."""

    kind: str
    model_id: str
    features: list[str]
    booster: bytes
    calibration: dict[str, Any]
    card: dict[str, Any]
    text: bytes | None = None

    @property
    def metrics(self) -> dict[str, Any]:
        """What training measured, by the name under `metrics` of the job's last line: {"churn": {"test": ...}}."""
        return dict(self.card.get("metrics", {}))


def model_id_of(kind: str, made_of: Mapping[str, Any]) -> str:
    """`churn-1a2b3c4d5e6f`: a hash of everything that decides the content, so the same inputs name the same model.

    >>> model_id_of("churn", {"seed": 1}) == model_id_of("churn", {"seed": 1})
    True
    """
    text = json.dumps(made_of, sort_keys=True, default=str)
    return f"{kind}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


class ModelStore:
    """Models under one root folder: `<root>/<kind>/<model_id>/`, and which one is the champion of its kind.

    resume: trainings keep what they have grown under `<root>/<kind>/checkpoints/<model_id>/`, and go on from what is there.
    """

    def __init__(self, root: Path, *, resume: bool = False) -> None:
        self.root = root
        self.resume = resume

    def checkpoints(self, kind: str, model_id: str) -> Path | None:
        """The folder of a model's checkpoints; None where none are kept."""
        return self.root / kind / "checkpoints" / model_id if self.resume else None

    def path(self, kind: str, model_id: str) -> Path:
        return self.root / kind / model_id

    def leftovers(self, *, before: datetime) -> list[Path]:
        """What runs that were killed while they saved have left under hidden names, untouched since `before`; a younger one may be
        of a run that is at work. Nobody reads them. Weights that a later run would go on from are not among them."""
        found = [*self.root.glob("*/.unfinished-*"), *self.root.glob(f"*/.{CHAMPION_FILE}.*")]
        return sorted(path for path in found if _changed_before(path, before))

    def find(self, kind: str, model_id: str) -> Artefact | None:
        """The finished model of that name, or None."""
        folder = self.path(kind, model_id)
        return load(folder) if (folder / MANIFEST_FILE).exists() else None

    def put(self, artefact: Artefact) -> Path:
        """Save a model; one of the same name was made of the same and is replaced whole. Its checkpoints go."""
        folder = save(artefact, self.path(artefact.kind, artefact.model_id))
        shutil.rmtree(self.root / artefact.kind / "checkpoints" / artefact.model_id, ignore_errors=True)
        return folder

    def champion(self, kind: str) -> Artefact | None:
        """The model in charge, or None before the first one was promoted."""
        pointer = self.root / kind / CHAMPION_FILE
        if not pointer.exists():
            return None
        model_id = str(json.loads(pointer.read_text("utf-8"))["model_id"])
        found = self.find(kind, model_id)
        if found is None:
            raise ModelMismatchError(
                f"the champion of {kind} is {model_id}, but there is no such model under {self.root / kind}",
                hint=f"train again, or name a model folder in {kind}.model",
            )
        return found

    def promote(self, artefact: Artefact) -> None:
        """Put a saved model in charge of its kind."""
        write_whole(self.root / artefact.kind / CHAMPION_FILE, _json({"model_id": artefact.model_id}))


def save(artefact: Artefact, folder: Path) -> Path:
    """Write the model's folder, all of it or nothing: a reader never sees half a model."""
    files = {
        MODEL_FILE: artefact.booster,
        CALIBRATION_FILE: _json(artefact.calibration),
        CARD_FILE: _json(
            artefact.card | {"kind": artefact.kind, "model_id": artefact.model_id, "features": artefact.features}
        ),
    }
    if artefact.text is not None:
        files[TEXT_FILE] = artefact.text
    manifest = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=".unfinished-", dir=folder.parent))
    try:
        for name, content in (files | {MANIFEST_FILE: _json(manifest)}).items():
            (unfinished / name).write_bytes(content)
        unfinished.chmod(0o755)
        if folder.exists():
            shutil.rmtree(folder)
        os.replace(unfinished, folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return folder


def load(folder: Path) -> Artefact:
    """The model of a folder, once every file has the hash that the manifest promises. Else ModelMismatchError."""
    manifest_path = folder / MANIFEST_FILE
    if not manifest_path.exists():
        raise ModelMismatchError(
            f"there is no model at {folder} ({MANIFEST_FILE} is missing)",
            hint="name the folder of a trained model, or train one",
        )
    contents = {name: _checked(folder, name, promised) for name, promised in _manifest(manifest_path).items()}
    card = json.loads(contents[CARD_FILE])
    return Artefact(
        kind=str(card["kind"]),
        model_id=str(card["model_id"]),
        features=[str(name) for name in card["features"]],
        booster=contents[MODEL_FILE],
        calibration=json.loads(contents[CALIBRATION_FILE]),
        card=card,
        text=contents.get(TEXT_FILE),
    )


def require_kind(artefact: Artefact, kind: str) -> Artefact:
    """The model itself, if it is of the kind wanted."""
    if artefact.kind != kind:
        raise ModelMismatchError(
            f"{artefact.model_id} is a model of {artefact.kind}, wanted is one of {kind}",
            hint=f"name the folder of a {kind} model",
        )
    return artefact


def _manifest(path: Path) -> dict[str, str]:
    try:
        manifest = {str(k): str(v) for k, v in json.loads(path.read_text("utf-8")).items()}
    except (ValueError, AttributeError):
        manifest = {}
    missing = [name for name in (MODEL_FILE, CALIBRATION_FILE, CARD_FILE) if name not in manifest]
    if missing:
        raise ModelMismatchError(
            f"{path} does not promise {', '.join(missing)}",
            hint="restore the folder from where it was trained, or train again",
        )
    # Names come from a file; only our own are ever opened.
    return {name: manifest[name] for name in (MODEL_FILE, CALIBRATION_FILE, CARD_FILE, TEXT_FILE) if name in manifest}


def _checked(folder: Path, name: str, promised: str) -> bytes:
    path = folder / name
    if not path.exists():
        raise ModelMismatchError(
            f"{path} is missing, though the manifest promises it", hint="copy the whole folder, or train again"
        )
    content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != promised:
        raise ModelMismatchError(
            f"{path} is not the file that was saved: SHA-256 {found[:12]}..., promised {promised[:12]}...",
            hint="do not trust it; restore the folder from where it was trained, or train again",
        )
    return content


def _json(content: Mapping[str, Any] | Sequence[Any]) -> bytes:
    return (json.dumps(_finite(content), indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()


def _finite(value: Any) -> Any:
    """NaN is no JSON: what was not defined is null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(k): _finite(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(v) for v in value]
    return value


def _changed_before(path: Path, instant: datetime) -> bool:
    """False too where it is gone since it was listed: whoever was writing it has finished."""
    try:
        return path.stat().st_mtime < instant.timestamp()
    except FileNotFoundError:
        return False
