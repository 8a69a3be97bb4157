"""Several workers that train together find what plain XGBoost finds, on more slots than the session of the tests has."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from social_signals.core.errors import ConfigError
from social_signals.models.distributed import require_barrier

# Run in a process of its own, with four slots; the cores behind them are this machine's, however few.
SCRIPT = """
import json, sys
import numpy as np, pandas as pd, xgboost
from pyspark.sql import functions as F
from social_signals.core.session import PlatformParams, make_session
from social_signals.evaluation.metrics import roc_auc
from social_signals.models.distributed import fit_classifier
from social_signals.models.params import XGBoostParams
from social_signals.models.predict import margins_on

spark = make_session(PlatformParams(master="local[4]", driver_memory="2g", conf={"spark.ui.enabled": "false"}), app_name="workers")
chance, names = np.random.default_rng(7), ["a", "b", "c", "d"]
rows = pd.DataFrame(np.where(chance.random((20_000, 4)) < 0.05, np.nan, chance.normal(size=(20_000, 4))), columns=names)
pull = rows["a"].fillna(0) + rows["b"].fillna(0) * (rows["c"].fillna(0) > 0)
rows["label"] = (chance.random(len(rows)) < 1 / (1 + np.exp(-pull))).astype(int)
rows["key"] = np.arange(len(rows))
train, test = rows[:15_000], rows[15_000:]
params = XGBoostParams(max_depth=4, learning_rate=0.1, subsample=1.0, colsample_bytree=1.0)
settings = {"objective": "binary:logistic", "max_depth": 4, "learning_rate": 0.1, "min_child_weight": 10.0, "reg_lambda": 1.0, "nthread": 1}
data = xgboost.QuantileDMatrix(train[names].to_numpy(np.float32), label=train["label"], max_bin=params.max_bin, nthread=1)
plain = xgboost.train(settings, data, 60)
found = {"plain": roc_auc(test["label"], plain.inplace_predict(test[names].to_numpy(np.float32)))}
examples = spark.createDataFrame(train).repartition(3, F.xxhash64("key", F.lit(1))).persist()
for workers in (1, 2, 4):
    fitted = fit_classifier(
        examples, features=names, label="label", is_valid=None, key=["key"], params=params, workers=workers, device="cpu",
        seed=7, rounds=60,
    )
    assert fitted.workers == workers
    found[str(workers)] = roc_auc(test["label"], margins_on(fitted.booster, test[names]))
print(json.dumps(found))
"""


def test_executors_that_may_leave_are_refused() -> None:
    class Session:
        """As far as the check looks at it: Spark lets nobody set this once a session is there."""

        class conf:  # noqa: N801
            @staticmethod
            def get(name: str, default: str) -> str:
                return "true" if name == "spark.dynamicAllocation.enabled" else default

    with pytest.raises(ConfigError, match=r"spark\.dynamicAllocation\.enabled is true"):
        require_barrier(Session(), workers=2)  # type: ignore[arg-type]


@pytest.mark.slow
def test_one_two_and_four_workers_agree_with_plain_xgboost_within_a_thousandth_of_auc(tmp_path: Path) -> None:
    script = tmp_path / "workers.py"
    script.write_text(SCRIPT)
    ran = subprocess.run(
        [sys.executable, str(script)], cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    found = json.loads(ran.stdout.strip().splitlines()[-1])
    assert found["plain"] > 0.7, "there is something to find"
    for workers in ("1", "2", "4"):
        assert found[workers] == pytest.approx(found["plain"], abs=1e-3)
