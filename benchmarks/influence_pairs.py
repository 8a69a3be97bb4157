"""The influence model of labelled pairs beside a tuned LightGBM on the same folds.

    python benchmarks/influence_pairs.py [--pairs CSV] [--trials 30] [--folds 5]

Ours is `train_influence influence.pairs=CSV`'s own cross-validation. The competitor sees the logarithms of both sides and their
differences, learns each pair both ways round and answers with the mean of both; Optuna chooses its settings by the ROC AUC of the very folds by
row that it is judged on, which flatters it. The last line is JSON: `ratio` is our 1 - ROC AUC over theirs by row,
`ratio_unseen` the same of pairs whose people are both unseen; smaller is better. Where the table is absent, it says so and does nothing.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import optuna
import pandas as pd

from social_signals.evaluation.metrics import roc_auc
from social_signals.models.pairs import Masks, Pairs, cross_validate, folds_of, read_pairs

SEED = 20140121
TABLE = Path(__file__).parents[2] / "shared" / "data" / "kaggle_influencers" / "train.csv.gz"


def both_ways(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """What LightGBM sees of pairs, `first` before `second`."""
    return np.hstack([first - second, first, second])


def out_of_fold(pairs: Pairs, splits: list[Masks], settings: dict[str, Any], rounds: int) -> float:
    """The ROC AUC of all held-out pairs together."""
    a, b = (np.sign(side) * np.log1p(np.abs(side)) for side in (pairs.a, pairs.b))
    won = np.asarray(pairs.a_won)
    told, labels = [], []
    for train, test in splits:
        if not test.any():
            continue
        rows = np.vstack([both_ways(a[train], b[train]), both_ways(b[train], a[train])])
        booster = lgb.train(settings, lgb.Dataset(rows, np.r_[won[train], 1 - won[train]]), rounds)
        ahead, back = (
            np.asarray(booster.predict(both_ways(*sides), raw_score=True))
            for sides in ((a[test], b[test]), (b[test], a[test]))
        )
        told.append(ahead - back)
        labels.append(won[test])
    return float(roc_auc(np.concatenate(labels), np.concatenate(told)))


def tuned(pairs: Pairs, by_row: list[Masks], *, trials: int) -> tuple[dict[str, Any], int]:
    """The settings and rounds with the best ROC AUC by row."""

    def settings_of(trial: optuna.Trial) -> tuple[dict[str, Any], int]:
        return {
            "objective": "binary", "verbosity": -1, "seed": SEED, "num_threads": 2, "bagging_freq": 1,
            "learning_rate": trial.suggest_float("learning_rate", 0.01, 0.2, log=True),
            "num_leaves": trial.suggest_int("num_leaves", 4, 64, log=True),
            "min_data_in_leaf": trial.suggest_int("min_data_in_leaf", 5, 200, log=True),
            "feature_fraction": trial.suggest_float("feature_fraction", 0.2, 1.0),
            "bagging_fraction": trial.suggest_float("bagging_fraction", 0.4, 1.0),
            "lambda_l2": trial.suggest_float("lambda_l2", 1e-3, 50, log=True),
        }, trial.suggest_int("rounds", 50, 800, log=True)  # fmt: skip

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=SEED))
    study.optimize(lambda trial: out_of_fold(pairs, by_row, *settings_of(trial)), n_trials=trials)
    return settings_of(optuna.trial.FixedTrial(study.best_params))


def main() -> None:
    """Cross-validate both on the same folds and print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=Path, default=TABLE)
    parser.add_argument("--trials", type=int, default=30)
    parser.add_argument("--folds", type=int, default=5)
    chosen = parser.parse_args()
    if not chosen.pairs.is_file():
        print(json.dumps({"benchmark": "influence_pairs", "skipped": f"there is no {chosen.pairs.name}"}))
        return
    pairs = read_pairs(pd.read_csv(chosen.pairs))
    started = time.monotonic()
    ours = cross_validate(pairs, folds=chosen.folds, seed=SEED).metrics
    ours_s = time.monotonic() - started
    by_row, unseen = folds_of(pairs, folds=chosen.folds, seed=SEED)
    settings, rounds = tuned(pairs, by_row, trials=chosen.trials)
    theirs = {
        "cv_row": out_of_fold(pairs, by_row, settings, rounds),
        "cv_unseen": out_of_fold(pairs, unseen, settings, rounds),
    }
    auc = {name: float(ours[name]["roc_auc"]) for name in theirs}
    line = {
        "benchmark": "influence_pairs",
        "ratio": round((1 - auc["cv_row"]) / (1 - theirs["cv_row"]), 3),
        "ratio_unseen": round((1 - auc["cv_unseen"]) / (1 - theirs["cv_unseen"]), 3),
        "roc_auc": {name: round(value, 4) for name, value in auc.items()},
        "their_roc_auc": {name: round(value, 4) for name, value in theirs.items()},
        "followers_alone": {name: round(one["roc_auc"], 4) for name, one in ours["baselines"]["followers"].items()},
        "competitor": f"lightgbm {lgb.__version__}, {chosen.trials} trials of Optuna {optuna.__version__}",
        "rows": len(pairs.a),
        "cores": 2,
        "ours_s": round(ours_s, 1),
    }
    print(json.dumps(line))


if __name__ == "__main__":
    sys.exit(main())
