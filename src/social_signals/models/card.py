"""The card of a model: what it was made of, in plain JSON without a clock, so that the same model has the same card."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from social_signals import __version__
from social_signals.core.times import iso
from social_signals.evaluation.splits import Splits
from social_signals.models.distributed import Fitted
from social_signals.models.examples import Examined
from social_signals.models.params import CutoffParams, XGBoostParams


def code_identity() -> dict[str, str]:
    """The versions that can change what is learnt from the same rows."""
    import xgboost as xgb

    return {"created_by": f"social-signals {__version__}", "xgboost_version": xgb.__version__}


def card_of(
    *,
    as_of: datetime | None,
    params: CutoffParams,
    xgboost: XGBoostParams,
    splits: Splits,
    examined: Examined,
    fitted: Fitted,
    seed: int,
    inputs: Mapping[str, int],
) -> dict[str, Any]:
    """What every model trained on past cut-offs says of itself; the module that trains it adds label and metrics.

    as_of: null where the examples have no time.
    """
    import numpy as np
    import pyspark

    return {
        **code_identity(),
        "spark_version": pyspark.__version__,
        "numpy_version": np.__version__,
        "as_of": iso(as_of) if as_of else None,
        "lookback_days": params.lookback_days,
        "horizon_days": params.horizon_days,
        "params": asdict(params),
        "xgboost": xgboost.deciding,
        "seed": seed,
        "device": fitted.device,
        "workers": fitted.workers,
        "rounds": fitted.rounds,
        "history": {name: [round(v, 6) for v in values] for name, values in fitted.history.items()},
        "splits": {
            "method": splits.method,
            **{
                part: [iso(c) for c in getattr(splits, part)] if as_of else []
                for part in ("train", "valid", "between", "test", "embargoed")
            },
        },
        "examples": examined.as_json(),
        "fingerprint": examined.fingerprint,
        "inputs": dict(inputs),
    }
