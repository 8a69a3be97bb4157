"""One run of MLflow a trained model: its settings, its metrics, its folder, what was tried, and its place in the registry."""

from __future__ import annotations

import logging
import os
import re
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from social_signals.core.errors import ResourceError
from social_signals.tracking.params import TrackingParams

log = logging.getLogger(__name__)

CHAMPION = "champion"
# MLflow refuses longer values, larger batches and other signs in a name.
LONGEST_PARAM = 6000
MOST_PARAMS, MOST_METRICS = 100, 1000
NO_SIGN_OF_A_NAME = re.compile(r"[^/\w.\- :]")


@dataclass(frozen=True)
class TrialRun:
    """Settings that a search tried. losses: the validation loss of each fold, in order."""

    settings: Mapping[str, Any]
    losses: Sequence[float]
    state: str


@dataclass(frozen=True)
class ModelRun:
    """A trained model as MLflow should know it: what kind, where its folder is, nested settings and metrics, tags.

    features: its inputs, in order, and answer: its output, for the signature; loader: the module that loads the folder as an
    MLflow pyfunc (`_load_pyfunc`). trials: what a search tried, each a run nested in the model's.
    """

    kind: str
    model_id: str
    folder: Path
    params: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    features: Sequence[str] = ()
    answer: str = "probability"
    loader: str | None = None
    trials: Sequence[TrialRun] = ()


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
    found = client.get_experiment_by_name(params.experiment)
    files = None if params.uri else (root / "mlflow-files").absolute().as_uri()
    experiment = found.experiment_id if found else client.create_experiment(params.experiment, artifact_location=files)
    started = client.create_run(experiment, run_name=run.model_id, tags={"model_id": run.model_id, "kind": run.kind})
    run_id = started.info.run_id
    _log_values(client, run_id, params=run.params, metrics=run.metrics, tags=run.tags)
    client.log_artifacts(run_id, str(run.folder), "model")
    if run.loader is not None:
        _log_signature(client, run, run_id=run_id)
    for number, trial in enumerate(run.trials):
        _log_trial(client, experiment, run, trial, number=number, parent=run_id)
    if not client.search_registered_models(f"name = '{name}'"):
        client.create_registered_model(name)
    source = f"{started.info.artifact_uri}/model"
    version = client.create_model_version(name, source, run_id, tags={"model_id": run.model_id})
    client.set_terminated(run_id)
    return version


def _log_signature(client: Any, run: ModelRun, *, run_id: str) -> None:
    """An `MLmodel` beside the model's own files: what goes in and comes out, and how `mlflow.pyfunc.load_model` loads it."""
    from mlflow.models import Model, ModelSignature
    from mlflow.types import ColSpec, DataType, Schema

    signature = ModelSignature(
        inputs=Schema([ColSpec(DataType.double, name, required=True) for name in run.features]),
        outputs=Schema([ColSpec(DataType.double, run.answer)]),
    )
    described = Model(run_id=run_id, artifact_path="model", signature=signature, metadata={"model_id": run.model_id})
    described.add_flavor("python_function", loader_module=run.loader)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "MLmodel"
        described.save(str(path))
        client.log_artifact(run_id, str(path), "model")


def _log_trial(client: Any, experiment: str, run: ModelRun, trial: TrialRun, *, number: int, parent: str) -> None:
    from mlflow.entities import Metric

    tags = {"mlflow.parentRunId": parent, "kind": run.kind, "trial": str(number), "state": trial.state}
    started = client.create_run(experiment, run_name=f"{run.model_id} trial {number}", tags=tags)
    run_id, now = started.info.run_id, started.info.start_time
    losses = [Metric("valid.log_loss", loss, now, fold) for fold, loss in enumerate(trial.losses)]
    mean = Metric("valid.mean_log_loss", sum(trial.losses) / len(trial.losses), now, 0)
    client.log_batch(run_id, metrics=[*losses, mean])
    _log_values(client, run_id, params=trial.settings)
    client.set_terminated(run_id, "FINISHED" if trial.state == "complete" else "KILLED")


def _log_values(
    client: Any,
    run_id: str,
    *,
    params: Mapping[str, Any],
    metrics: Mapping[str, Any] | None = None,
    tags: Mapping[str, str] | None = None,
) -> None:
    from mlflow.entities import Metric, Param, RunTag

    now = client.get_run(run_id).info.start_time
    told = [Param(_name(key), str(value)[:LONGEST_PARAM]) for key, value in flat(params).items()]
    numbers = [Metric(_name(key), value, now, 0) for key, value in flat(metrics or {}).items() if _is_number(value)]
    client.log_batch(run_id, tags=[RunTag(key, value) for key, value in (tags or {}).items()])
    for start in range(0, len(told), MOST_PARAMS):
        client.log_batch(run_id, params=told[start : start + MOST_PARAMS])
    for start in range(0, len(numbers), MOST_METRICS):
        client.log_batch(run_id, metrics=numbers[start : start + MOST_METRICS])


def _name(key: str) -> str:
    return NO_SIGN_OF_A_NAME.sub("_", key)


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
