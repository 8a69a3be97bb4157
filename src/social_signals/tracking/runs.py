"""One run of MLflow a trained model: its settings, its metrics, its folder, and its place in the registry."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from social_signals.core.errors import ResourceError
from social_signals.tracking.params import TrackingParams

log = logging.getLogger(__name__)

CHAMPION = "champion"
# MLflow refuses longer values.
LONGEST_PARAM = 6000


@dataclass(frozen=True)
class ModelRun:
    """A trained model as MLflow should know it: what kind, where its folder is, nested settings and metrics, tags."""

    kind: str
    model_id: str
    folder: Path
    params: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


def log_model_run(params: TrackingParams, run: ModelRun, *, root: Path, is_champion: bool) -> str | None:
    """Log and register a model; the version that is champion carries the alias `champion`. Returns MLflow's run id.

    A model that is registered already (same model_id) is not logged again; the alias still follows. None where tracking
    is off. root: where `mlflow.db` and its files go unless `params.uri` names a server. Raises ResourceError where the
    tracking server does not answer.
    """
    if not params.enabled:
        return None
    with _quiet():
        try:
            return _log(params, run, root=root, is_champion=is_champion)
        except Exception as error:
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
            raise ResourceError(
                f"{run.model_id} is trained and saved, but MLflow at {params.uri or root / 'mlflow.db'} failed: {reason}",
                hint="correct tracking.uri, or run again with tracking.enabled=false; the model is found, not trained again",
            ) from error


def _log(params: TrackingParams, run: ModelRun, *, root: Path, is_champion: bool) -> str:
    from mlflow.tracking import MlflowClient

    if params.uri is None:
        root.mkdir(parents=True, exist_ok=True)
    uri = params.uri or f"sqlite:///{(root / 'mlflow.db').absolute()}"
    client = MlflowClient(tracking_uri=uri, registry_uri=uri)
    name = f"{params.experiment}-{run.kind}"
    known = _version_of(client, name, run.model_id)
    if known is None:
        known = _logged(client, params, run, name=name, root=root)
    if is_champion:
        client.set_registered_model_alias(name, CHAMPION, known.version)
    return str(known.run_id)


def _version_of(client: Any, name: str, model_id: str) -> Any:
    versions = client.search_model_versions(f"name = '{name}'")
    return next((v for v in versions if v.tags.get("model_id") == model_id), None)


def _logged(client: Any, params: TrackingParams, run: ModelRun, *, name: str, root: Path) -> Any:
    from mlflow.entities import Metric, Param, RunTag

    found = client.get_experiment_by_name(params.experiment)
    files = None if params.uri else (root / "mlflow-files").absolute().as_uri()
    experiment = found.experiment_id if found else client.create_experiment(params.experiment, artifact_location=files)
    started = client.create_run(experiment, run_name=run.model_id, tags={"model_id": run.model_id, "kind": run.kind})
    run_id = started.info.run_id
    now = started.info.start_time
    client.log_batch(
        run_id,
        metrics=[Metric(key, value, now, 0) for key, value in flat(run.metrics).items() if _is_number(value)],
        params=[Param(key, str(value)[:LONGEST_PARAM]) for key, value in flat(run.params).items()],
        tags=[RunTag(key, value) for key, value in run.tags.items()],
    )
    client.log_artifacts(run_id, str(run.folder), "model")
    if not client.search_registered_models(f"name = '{name}'"):
        client.create_registered_model(name)
    source = f"{started.info.artifact_uri}/model"
    version = client.create_model_version(name, source, run_id, tags={"model_id": run.model_id})
    client.set_terminated(run_id)
    return version


def flat(nested: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested names joined by dots.

    >>> flat({"test": {"roc_auc": 0.8}, "seed": 1})
    {'test.roc_auc': 0.8, 'seed': 1}
    """
    found: dict[str, Any] = {}
    for key, value in nested.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = value
    return found


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value == value


@contextmanager
def _quiet() -> Iterator[None]:
    """No telemetry, and no word of MLflow's or of its migrations between our own log lines."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("DO_NOT_TRACK", "true")
    loggers = [logging.getLogger(name) for name in ("mlflow", "alembic", "sqlalchemy")]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # MLflow sets its own levels and handlers when it is first imported, so that comes before ours.
        import mlflow  # noqa: F401

        for logger in loggers:
            logger.setLevel(logging.ERROR)
        # Alembic's own loggers are children with levels of their own; a global floor is the only one they obey.
        floor = logging.root.manager.disable
        logging.disable(logging.WARNING)
        try:
            yield
        finally:
            logging.disable(floor)
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
