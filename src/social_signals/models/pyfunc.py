"""A model's folder as MLflow loads it: `mlflow.pyfunc.load_model("models:/social-signals-churn@champion").predict(features)`.

MLflow finds `_load_pyfunc` by its name in the `MLmodel` that tracking logs; the manifest is checked as everywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from social_signals.models.artefact import (
    CHURN,
    CHURN_CONTRACT,
    CHURN_EVENT,
    INFLUENCE,
    INFLUENCE_PAIRS,
    INFLUENCE_POSTS,
    Artefact,
    load,
)
from social_signals.models.calibration import Calibration
from social_signals.models.followers import FOLLOWERS
from social_signals.models.ladder import Ladder
from social_signals.models.predict import margins_on
from social_signals.models.survival import TIME_TO_CHURN
from social_signals.tables.gold import INFLUENCE as INFLUENCE_COLUMN
from social_signals.tables.gold import P_CHURN

# The chance that silence begins in the period of the row, of those who were still there when it began.
HAZARD = "hazard"
# What a model of each kind answers: the column of its scores.
ANSWERS = {
    **dict.fromkeys((CHURN, CHURN_EVENT, CHURN_CONTRACT, *FOLLOWERS.kinds.values()), P_CHURN),
    TIME_TO_CHURN: HAZARD,
    **dict.fromkeys((INFLUENCE, INFLUENCE_PAIRS, INFLUENCE_POSTS), INFLUENCE_COLUMN),
}


class Scorer:
    """A loaded model that takes and gives frames of pandas."""

    def __init__(self, model: Artefact) -> None:
        self.model = model
        self.answer = ANSWERS[model.kind]
        is_ranked = self.answer == INFLUENCE_COLUMN
        self.link: Callable[[Any], NDArray[np.float64]] = (
            Ladder.from_json(model.calibration).influence if is_ranked else Calibration(**model.calibration).apply
        )

        self.trend = Ladder.from_json(model.calibration).trend if is_ranked else None

    def predict(self, rows: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:  # noqa: ARG002 - MLflow's
        """One row per row: the calibrated probability (`p_churn`, of a period `hazard`) or the influence, by the model's features in any order."""
        features = rows[self.model.features].astype("float64")
        margins = margins_on(self.model.booster, features, trend=self.trend)
        return pd.DataFrame({self.answer: self.link(margins.astype(np.float64))}, index=rows.index)


def _load_pyfunc(path: str) -> Scorer:
    return Scorer(load(Path(path)))
