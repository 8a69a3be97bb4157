"""The churn model of a table of contracts beside a tuned plain XGBoost on the same rows.

    python benchmarks/telco.py [--table CSV] [--label Churn] [--key customerID] [--trials 40] [--search 0]

`train_churn churn.definition=contract` runs as a user runs it (with `--search N`, after N trials of its own search). The other
side is plain XGBoost with native categories: Optuna chooses its settings by five-fold cross-validation on every row that is not
test, and it is grown on all of those rows. Both are judged on the same test rows. The last line is JSON: `ratio` is our 1 - ROC AUC
over theirs, so 1.0 is the same level and smaller is better; `difference` is our ROC AUC less theirs with its paired bootstrap
interval. Where the table is absent, it says so and does nothing.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pandas as pd
import xgboost as xgb

from social_signals.core.session import PlatformParams, make_session
from social_signals.evaluation.metrics import bootstrap, calibration_error, paired_bootstrap, roc_auc
from social_signals.evaluation.splits import TEST, TRAIN, split_by_time
from social_signals.models.artefact import CHURN_CONTRACT, ModelStore
from social_signals.models.calibration import Calibration
from social_signals.models.contract import NO_TIME, contract_rows, encoded, learn_encoding
from social_signals.models.examples import ROLE, with_role
from social_signals.models.labels import CHURNED
from social_signals.models.params import ChurnParams, ContractParams
from social_signals.models.predict import margins_on
from social_signals.tables.gold import AS_OF
from social_signals.tables.silver import USER_ID

TABLE = Path(__file__).parents[2] / "shared" / "data" / "telco_churn" / "WA_Fn-UseC_-Telco-Customer-Churn.csv.gz"
SEED = 20140121
ROUNDS, FOLDS = 2000, 5


def ours(arguments: argparse.Namespace, *, root: Path) -> None:
    """Train as a user does."""
    call = [
        sys.executable, "-m", "social_signals.cli", "train_churn", f"catalog.root={root}", "platform.master=local[2]",
        "platform.driver_memory=2g", "tracking.enabled=false", f"seed={SEED}", "churn.definition=contract",
        f"churn.contract.table={arguments.table}", f"churn.contract.label={arguments.label}", f"churn.contract.key={arguments.key}",
    ]  # fmt: skip
    if arguments.search:
        call += ["search.method=tpe", f"search.n_trials={arguments.search}"]
    subprocess.run(call, check=True, stdout=subprocess.DEVNULL)


def same_rows(arguments: argparse.Namespace) -> tuple[pd.DataFrame, list[str], list[str]]:
    """Every contract with its features, outcome and part, as the job sees them; the features; those of them that are codes."""
    params, contract = (
        ChurnParams(),
        ContractParams(table=str(arguments.table), label=arguments.label, key=arguments.key),
    )
    splits = split_by_time(
        [NO_TIME], horizon_days=1, test_fraction=params.test_fraction, valid_fraction=params.valid_fraction
    )
    spark = make_session(PlatformParams(master="local[2]", driver_memory="2g"), app_name="telco")
    table = spark.read.csv(str(arguments.table), header=True, inferSchema=True)
    rows = with_role(contract_rows(table, contract), splits, seed=SEED)
    columns = [name for name in rows.columns if name not in (AS_OF, USER_ID, CHURNED, ROLE)]
    encoding = learn_encoding(rows.where(rows[ROLE] == TRAIN), columns=columns)
    found = encoded(rows, encoding, keep=[USER_ID, CHURNED, ROLE]).toPandas()
    spark.stop()
    return found.sort_values(USER_ID, ignore_index=True), encoding.features, list(encoding.categories)


def theirs(rows: pd.DataFrame, features: list[str], codes: list[str], *, trials: int) -> tuple[Any, dict[str, Any]]:
    """Probabilities of the test rows by plain XGBoost, and the settings that cross-validation chose."""
    types = ["c" if name in codes else "q" for name in features]

    def matrix(part: pd.DataFrame) -> Any:
        values = part[features].to_numpy(np.float32)
        return xgb.DMatrix(values, label=part[CHURNED], feature_types=types, enable_categorical=True)

    known = matrix(rows[rows[ROLE] != TEST])

    def objective(trial: optuna.Trial) -> float:
        settings = {
            "max_depth": trial.suggest_int("max_depth", 2, 6),
            "learning_rate": trial.suggest_float("learning_rate", 0.01, 0.3, log=True),
            "min_child_weight": trial.suggest_float("min_child_weight", 1, 50, log=True),
            "reg_lambda": trial.suggest_float("reg_lambda", 0.1, 50, log=True),
            "subsample": trial.suggest_float("subsample", 0.5, 1),
            "colsample_bytree": trial.suggest_float("colsample_bytree", 0.2, 1),
        }
        history = xgb.cv(
            settings | COMMON, known, ROUNDS, nfold=FOLDS, stratified=True, early_stopping_rounds=30, seed=SEED
        )
        trial.set_user_attr("rounds", len(history))
        return float(history["test-logloss-mean"].iloc[-1])

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="minimize", sampler=optuna.samplers.TPESampler(seed=SEED))
    study.optimize(objective, n_trials=trials)
    rounds = int(study.best_trial.user_attrs["rounds"])
    booster = xgb.train(study.best_params | COMMON, known, rounds)
    return booster.predict(matrix(rows[rows[ROLE] == TEST])), study.best_params | {"rounds": rounds}


COMMON = {
    "objective": "binary:logistic", "eval_metric": "logloss", "tree_method": "hist", "seed": SEED, "nthread": 1, "verbosity": 0,
}  # fmt: skip


def main() -> None:
    """Train both, judge both on the same rows, print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--table", type=Path, default=TABLE)
    parser.add_argument("--label", default="Churn")
    parser.add_argument("--key", default="customerID")
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--search", type=int, default=0)
    arguments = parser.parse_args()
    if not arguments.table.exists():
        print(f"{arguments.table} is not there; name a table of contracts with --table", file=sys.stderr)
        return
    with tempfile.TemporaryDirectory() as folder:
        started = time.monotonic()
        ours(arguments, root=Path(folder))
        ours_s = time.monotonic() - started
        model = ModelStore(Path(folder) / "models").champion(CHURN_CONTRACT)
    assert model is not None
    rows, features, codes = same_rows(arguments)
    started = time.monotonic()
    other, settings = theirs(rows, features, codes, trials=arguments.trials)
    theirs_s = time.monotonic() - started
    test = rows[rows[ROLE] == TEST]
    mine = Calibration(**model.calibration).apply(margins_on(model.booster, test[model.features]))
    labels, people = test[CHURNED].to_numpy(), test[USER_ID].to_numpy()

    def judged(p: Any) -> dict[str, list[float]]:
        found = {"roc_auc": roc_auc, "calibration_error": calibration_error}
        return {
            name: [round(v, 4) for v in bootstrap(metric, labels, p, groups=people, seed=SEED)]
            for name, metric in found.items()
        }

    gained = paired_bootstrap(roc_auc, labels, mine, other, groups=people, seed=SEED)
    print(
        json.dumps(
            {
                "benchmark": "telco", "ratio": round((1 - roc_auc(labels, mine)) / (1 - roc_auc(labels, other)), 3),
                "ours": judged(mine), "theirs": judged(other), "difference": [round(v, 4) for v in gained],
                "competitor": f"xgboost {xgb.__version__}, {arguments.trials} trials of Optuna, {FOLDS}-fold cross-validation",
                "settings": settings, "rows": len(rows), "test_rows": len(test), "search": arguments.search,
                "ours_s": round(ours_s, 1), "theirs_s": round(theirs_s, 1), "cores": 2,
            }
        )
    )  # fmt: skip


if __name__ == "__main__":
    main()
