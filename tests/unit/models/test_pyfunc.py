"""A registered model can be loaded by whoever has MLflow, and says what goes in and what comes out."""

import numpy as np
import pandas as pd
import pytest
import xgboost

from social_signals.models import pyfunc
from social_signals.models.artefact import CHURN, Artefact, ModelStore
from social_signals.models.calibration import Calibration
from social_signals.models.predict import margins_on
from social_signals.tracking import ModelRun, TrackingParams, log_model_run

FEATURES = ["a", "b"]


@pytest.fixture
def model():
    rng = np.random.default_rng(1)
    rows = rng.random((200, 2), dtype=np.float32)
    grown = xgboost.train({"objective": "binary:logistic"}, xgboost.DMatrix(rows, label=rows[:, 0] > 0.5), 5)
    calibration = Calibration(slope=0.8, intercept=-0.1).as_json()
    return Artefact(CHURN, "churn-1", FEATURES, bytes(grown.save_raw("ubj")), calibration, {"metrics": {}})


@pytest.mark.filterwarnings("ignore")
def test_the_champion_is_loaded_by_mlflow_and_says_what_our_own_scoring_says(model, tmp_path, monkeypatch):
    import mlflow
    from mlflow.exceptions import MlflowException

    folder = ModelStore(tmp_path / "models").put(model)
    run = ModelRun(
        CHURN, model.model_id, folder, features=FEATURES, answer=pyfunc.ANSWERS[CHURN], loader=pyfunc.__name__
    )
    log_model_run(TrackingParams(), run, root=tmp_path, is_champion=True)
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", uri)
    known = mlflow.models.get_model_info("models:/social-signals-churn@champion")
    assert [(c.name, c.type.name) for c in known.signature.inputs] == [("a", "double"), ("b", "double")]
    assert [(c.name, c.type.name) for c in known.signature.outputs] == [("p_churn", "double")]
    loaded = mlflow.pyfunc.load_model("models:/social-signals-churn@champion")
    rows = pd.DataFrame({"b": [0.1, float("nan")], "a": [0.9, 0.2]})
    expected = Calibration(**model.calibration).apply(margins_on(model.booster, rows[FEATURES]))
    assert loaded.predict(rows)["p_churn"].tolist() == expected.tolist()
    with pytest.raises(MlflowException, match="missing inputs"):
        loaded.predict(rows.drop(columns="a"))
