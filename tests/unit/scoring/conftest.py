"""Two small boosters with a known truth, grown without Spark: training has tests of its own."""

from __future__ import annotations

from datetime import datetime, timezone

import numpy as np
import pytest
import xgboost as xgb

from social_signals.models.artefact import CHURN, INFLUENCE, Artefact
from social_signals.models.calibration import Calibration
from social_signals.models.ladder import Ladder

AS_OF = datetime(2020, 5, 1, tzinfo=timezone.utc)
FEATURES = ["silent_days", "received_90d_count"]


def _booster(*, falls: bool) -> bytes:
    """More silence, higher margin (`falls`: lower)."""
    silent = np.arange(100, dtype=np.float32)
    rows = np.column_stack([silent, np.zeros(100, dtype=np.float32)])
    label = (silent < 50) if falls else (silent >= 50)
    data = xgb.DMatrix(rows, label=label.astype(float), feature_names=FEATURES)
    grown = xgb.train({"objective": "binary:logistic", "max_depth": 3, "learning_rate": 0.3, "nthread": 1}, data, 20)
    return bytes(grown.save_raw("ubj"))


@pytest.fixture(scope="session")
def churn():
    return Artefact(CHURN, "churn-test", FEATURES, _booster(falls=False), Calibration(slope=0.5).as_json(), {})


@pytest.fixture(scope="session")
def influence():
    ladder = Ladder(0.8, [-2.0, 0.0, 2.0]).as_json()
    return Artefact(INFLUENCE, "influence-test", FEATURES, _booster(falls=True), ladder, {})


@pytest.fixture
def features(spark_session):
    """`features((user, silent, received, followers), ...)` at one cut-off."""

    def build(*people):
        return spark_session.createDataFrame(
            [(AS_OF, *person) for person in people],
            "as_of timestamp, user_id string, silent_days double, received_90d_count long, follower_count long",
        )

    return build
