"""Hydra stops here: a job's YAML, its groups and the command line become one typed dataclass, or a sentence."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from hydra import compose, initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException
from yaml import YAMLError

from social_signals.core.errors import ConfigError, SocialSignalsError, did_you_mean
from social_signals.core.places import shipped
from social_signals.jobs.job import Job

T = TypeVar("T")


def conf_folder() -> Path:
    """`conf/` inside the wheel, or at the top of the repository."""
    return shipped("conf")


def groups() -> dict[str, list[str]]:
    """Every config group and its options, as shipped."""
    folders = [f for f in sorted(conf_folder().iterdir()) if f.is_dir()]
    return {f.name: sorted(p.stem for p in f.glob("*.yaml")) for f in folders}


def groups_of(name: str) -> dict[str, list[str]]:
    """The groups that a job's YAML chooses from, with their options."""
    defaults: Any = OmegaConf.load(conf_folder() / f"{name}.yaml")["defaults"]  # type: ignore[index]
    chosen = {key for entry in defaults if not isinstance(entry, str) for key in entry}
    return {group: options for group, options in groups().items() if group in chosen}


_known_schemas: dict[str, type] = {}
_group_kinds: dict[str, dict[str, type]] = {}
_stored: dict[tuple[str | None, str], type] = {}


def register(schemas: dict[str, type], *, group_schemas: dict[str, dict[str, type]]) -> None:
    """Tell Hydra the dataclass behind each job (`base_<job>`) and behind each group's kinds (`<group>/base_<kind>`); once, since
    it writes each of them out as a config."""
    _group_kinds.update(group_schemas)
    for name, schema in schemas.items():
        _store(None, f"base_{name}", schema)
    for group, kinds in group_schemas.items():
        for kind, schema in kinds.items():
            _store(group, f"base_{kind}", schema)


def _store(group: str | None, name: str, schema: type) -> None:
    if _stored.get((group, name)) is not schema:
        ConfigStore.instance().store(group=group, name=name, node=schema)
        _remember(schema)
        _stored[group, name] = schema


def _remember(schema: type) -> None:
    """Keep a dataclass and those inside it by name, to tell what is valid where a key is not."""
    _known_schemas[schema.__name__] = schema
    for hint in get_type_hints(schema).values():
        inner = _unwrapped(hint)
        if dataclasses.is_dataclass(inner) and isinstance(inner, type) and inner.__name__ not in _known_schemas:
            _remember(inner)


def compose_job(name: str, overrides: Sequence[str], *, schema: type[Job]) -> Job:
    """The job's config as its dataclass. Raises ConfigError in words for anything that is off."""
    return _composed(name, overrides, schema, lambda config: _object(config, name, schema))


def settings_of(name: str, *, schema: type[Job]) -> str:
    """Every setting of a job with its default, as YAML; also where one of them still has to be given."""
    return _composed(name, [], schema, lambda config: OmegaConf.to_yaml(config))


def _composed(name: str, overrides: Sequence[str], schema: type[Job], then: Callable[[DictConfig], T]) -> T:
    _refuse_sweeps(overrides)
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(config_dir=str(conf_folder().resolve()), version_base="1.3", job_name=name):
            config = compose(config_name=name, overrides=[_into_maps(_quoted(text), schema) for text in overrides])
        return then(config)
    except SocialSignalsError:
        raise
    except MissingMandatoryValue as error:
        key = str(error.full_key or "").strip() or str(error)
        raise ConfigError(f"{key} has no value", hint=f"give one: {key}=...") from None
    except YAMLError as error:
        words = " ".join(str(error).split())[-300:]
        raise ConfigError(f"a config file is no YAML: {words}", hint="correct the line that is named") from None
    except (HydraException, OmegaConfBaseException) as error:
        raise _explained(error, schema) from None
    finally:
        GlobalHydra.instance().clear()


def _object(config: DictConfig, name: str, schema: type[Job]) -> Job:
    job = OmegaConf.to_object(config)
    if not isinstance(job, schema):
        raise ConfigError(
            f"conf/{name}.yaml does not start from base_{name}", hint=f"put base_{name} first in its defaults"
        )
    return job


def _refuse_sweeps(overrides: Sequence[str]) -> None:
    for text in overrides:
        key, equals, value = text.partition("=")
        if not equals:
            raise ConfigError(f"{text!r} is no setting", hint="write key=value, for example as_of=2020-03-01")
        if "," in value and not re.search(r"""[\[{'"(]""", value):
            raise ConfigError(
                f"{key}={value} has a comma, which Hydra reads as a sweep over several runs",
                hint=f"quote the value: '{key}=\"{value}\"'; a list is written {key}=[{value}]",
            )


def _quoted(override: str) -> str:
    """`platform.master=local[2]` and `source.path=/x/dt=2024-01-01` mean what they say; Hydra wants them in quotes."""
    key, _, value = override.partition("=")
    if not value or value[0] in "'\"[{$" or not re.search(r"[=\[\]]", value):
        return override
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'{key}="{escaped}"'


def _into_maps(override: str, schema: type) -> str:
    """`source.columns.posts.text=body` or `platform.conf={spark.x: 1}` adds to a map, which Hydra takes only with `++`."""
    key, _, _ = override.partition("=")
    nodes: list[Any] = [schema]
    for part in key.split("."):
        hints = [get_type_hints(n)[part] for n in nodes if dataclasses.is_dataclass(n) and part in get_type_hints(n)]
        if any(get_origin(_unwrapped(h)) is dict or get_origin(h) is dict for h in hints):
            return f"++{override}"
        nodes = [_unwrapped(h) for h in hints if h is not Any] or list(_group_kinds.get(part, {}).values())
    return override


def _explained(error: Exception, schema: type) -> ConfigError:
    # Hydra wraps what OmegaConf said; the useful words are in the innermost one.
    cause = error.__cause__
    text = "\n".join(str(e) for e in (error, cause) if e is not None)
    if match := re.search(r"Could not override '([^']+)'", text) or re.search(r"Key '([^']+)' (?:is )?not in", text):
        key = match[1].lstrip("+~")
        return ConfigError(f"there is no setting {key}", hint=did_you_mean(*_candidates(key, text, schema)))
    if match := re.search(r"Could not find '([^']+)'", text):
        group, _, option = match[1].rpartition("/")
        options = groups().get(group, [])
        return ConfigError(f"there is no {group}={option}", hint=did_you_mean(option, options))
    if "mismatched input" in text or "LexerNoViableAlt" in text or "extraneous input" in text:
        return ConfigError(
            f"an override cannot be read: {_first_line(text)}",
            hint="quote values with =, :, spaces or commas in them: 'key=\"a=b\"'",
        )
    said = cause if cause is not None else error
    key = getattr(said, "full_key", None) or ""
    place = f"{key}: " if key else ""
    return ConfigError(f"{place}{_first_line(str(said))}", hint="give a value of the type that the default has")


def _candidates(key: str, text: str, schema: type) -> tuple[str, list[str]]:
    """The misspelt part of a dotted key and the names that are valid in its place."""
    parts = key.split(".")
    node: Any = schema
    if match := re.search(r"object_type=(\w+)", text):
        named = _known_schemas.get(match[1])
        if named is not None:
            return parts[-1], [f.name for f in dataclasses.fields(named)]
    for part in parts:
        names = [f.name for f in dataclasses.fields(node)] if dataclasses.is_dataclass(node) else []
        if part not in names:
            return part, names + ([g for g in groups() if g in names] if node is schema else [])
        node = _unwrapped(get_type_hints(node)[part])
    return parts[-1], []


def _unwrapped(hint: Any) -> Any:
    inner = [a for a in get_args(hint) if a is not type(None)]
    return inner[0] if len(inner) == 1 else hint


def _first_line(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), "")[:300]
