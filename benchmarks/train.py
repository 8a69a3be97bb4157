"""Seconds from a Delta table to a model, by Spark tasks that train together, against plain XGBoost on the same files.

    python benchmarks/train.py [--rows 2000000] [--features 40] [--trees 100] [--cores 2] [--workers 2] [--rounds 3]
                               [--device cpu|cuda]

Ours is `fit_classifier`, as `train_churn` calls it: rows dealt to the workers by a hash of their key, each worker's sorted, one
matrix of bins a worker, histograms shared. The competitor reads the same Parquet files with pyarrow into one QuantileDMatrix and
trains with a thread a core. With `--device cuda` both train on the GPU, in local mode by one worker. The last line is JSON: `ratio` is our seconds over theirs, below 1 is better; `roc_auc` and
`their_roc_auc` are on rows kept apart.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from typing import Any
from urllib.parse import unquote, urlparse

# A thread that waits must not spin on the core of another.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import xgboost as xgb
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from turns import Memory, medians

from social_signals.core.gpu import CUDA
from social_signals.core.machine import gpu_names
from social_signals.core.session import DEVICES, PlatformParams, make_session
from social_signals.evaluation.metrics import roc_auc
from social_signals.models.distributed import CLASSIFY, fit_classifier
from social_signals.models.params import XGBoostParams, xgboost_settings
from social_signals.models.predict import margins_on

LABEL, KEY = "churned", "user_id"
TEST_ROWS = 200_000


def made_up(spark: SparkSession, *, rows: int, features: list[str], seed: int) -> DataFrame:
    """People with normal features, a twentieth of them absent, and labels that follow from some of them and from chance."""
    values = [
        F.when(F.rand(seed + 1000 + place) > 0.05, F.round(F.randn(seed + place) * 10, 4)).alias(name)
        for place, name in enumerate(features)
    ]
    people = spark.range(0, rows, 1, 8).select(F.concat(F.lit("u"), "id").alias(KEY), *values)
    first, second, third = (F.coalesce(F.col(name), F.lit(0.0)) for name in features[:3])
    pull = first / 8 + F.when(second > 3, 1.0).otherwise(0.0) * third / 10 - 0.5
    return people.withColumn(LABEL, (F.rand(seed + 5000) < 1 / (1 + F.exp(-pull))).cast("int"))


def plain(files: list[str], features: list[str], settings: dict[str, Any], *, rounds: int, cores: int) -> xgb.Booster:
    """pyarrow and XGBoost, nothing else."""
    pa.set_cpu_count(cores)
    table = ds.dataset(files).to_table(columns=[LABEL, *features])
    values = np.empty((table.num_rows, len(features)), dtype=np.float32)
    for place, name in enumerate(features):
        values[:, place] = table.column(name).to_numpy()
    label = table.column(LABEL).to_numpy()
    del table
    data = xgb.QuantileDMatrix(values, label=label, feature_names=features, nthread=cores)
    return xgb.train(settings | {"nthread": cores}, data, rounds)


def main() -> None:
    """Time both in turns, and print the comparison of the medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--features", type=int, default=40)
    parser.add_argument("--trees", type=int, default=100)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--driver-memory", default="4g")
    parser.add_argument("--device", choices=DEVICES, default="cpu")
    chosen = parser.parse_args()
    workers = 1 if chosen.device == CUDA else chosen.workers
    features = [f"feature_{place:02}" for place in range(chosen.features)]
    params = XGBoostParams(max_depth=6, learning_rate=0.1, colsample_bytree=0.5, min_child_weight=5.0, reg_lambda=5.0)
    platform = PlatformParams(
        master=f"local[{chosen.cores}]", driver_memory=chosen.driver_memory, shuffle_partitions=chosen.cores,
        device=chosen.device,
    )  # fmt: skip
    found: dict[str, bytes] = {}
    with tempfile.TemporaryDirectory(prefix="benchmark-train-") as folder:
        spark = make_session(platform, app_name="benchmark train")
        made_up(spark, rows=chosen.rows, features=features, seed=7).write.format("delta").save(f"{folder}/examples")
        test: pd.DataFrame = made_up(spark, rows=TEST_ROWS, features=features, seed=11).toPandas()
        examples = spark.read.format("delta").load(f"{folder}/examples")
        files = sorted(unquote(urlparse(file).path) for file in examples.inputFiles())

        def ours() -> None:
            found["ours"] = fit_classifier(
                spark.read.format("delta").load(f"{folder}/examples"), features=features, label=LABEL, is_valid=None,
                key=[KEY], params=params, workers=workers, device=chosen.device, seed=7, rounds=chosen.trees,
            ).booster  # fmt: skip

        def theirs() -> None:
            settings = xgboost_settings(params, features=features) | {
                "objective": CLASSIFY, "eval_metric": "logloss", "tree_method": "hist", "seed": 7,
                "device": chosen.device,
            }  # fmt: skip
            booster = plain(files, features, settings, rounds=chosen.trees, cores=chosen.cores)
            found["theirs"] = bytes(booster.save_raw("ubj"))

        memory = Memory()
        seconds = medians({"ours": ours, "theirs": theirs}, rounds=chosen.rounds)
        memory.stop()
        spark.stop()
    auc = {name: roc_auc(test[LABEL], margins_on(booster, test[features])) for name, booster in found.items()}
    line = {
        "benchmark": "train",
        "ratio": round(seconds["ours"] / seconds["theirs"], 3),
        "ours_s": round(seconds["ours"], 2),
        "theirs_s": round(seconds["theirs"], 2),
        "competitor": f"pyarrow {pa.__version__} and xgboost {xgb.__version__} QuantileDMatrix on the same files",
        "rows": chosen.rows,
        "cores": chosen.cores,
        "workers": workers,
        "device": gpu_names()[0] if chosen.device == CUDA else chosen.device,
        "features": chosen.features,
        "trees": chosen.trees,
        "roc_auc": round(auc["ours"], 5),
        "their_roc_auc": round(auc["theirs"], 5),
        "peak_mb": round(memory.jvm),
        "worker_mb": round(memory.worker),
    }
    print(json.dumps(line))


if __name__ == "__main__":
    sys.exit(main())
