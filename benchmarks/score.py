"""People per second of `score_churn`, Delta to Delta, against pyarrow with XGBoost's `inplace_predict` on the same files.

    python benchmarks/score.py [--rows 5000000] [--features 40] [--trees 100] [--cores 2] [--rounds 3] [--reasons none]
                               [--device cpu|cuda]

Ours is the job itself: the slice of gold.user_features read, everybody's probability calibrated, put into tenths, and the slice of
gold.churn_scores replaced. The competitor reads the columns that it needs from the Parquet files of that slice, predicts with a
thread a core, and writes one Parquet file of ids and probabilities; it knows no tenths. With
`--device cuda` both predict on the GPU. The last line is JSON: `ratio` is our
seconds over theirs, below 1 is better; `peak_mb` the largest resident memory of the JVM, `worker_mb` that of one Python worker.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from datetime import datetime, timezone
from pathlib import Path

# A thread that waits must not spin on the core of another.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import xgboost as xgb
from pyspark.sql import Column, SparkSession
from pyspark.sql import functions as F
from turns import Memory, medians

from social_signals.core.gpu import CUDA
from social_signals.core.machine import gpu_names
from social_signals.core.progress import Progress
from social_signals.core.session import DEVICES, PlatformParams, make_session
from social_signals.features import FEATURE_NAMES, USER_FEATURES
from social_signals.jobs import score_churn
from social_signals.jobs.job import Context
from social_signals.models.artefact import CHURN, Artefact, save
from social_signals.models.calibration import Calibration
from social_signals.scoring.params import ScoringParams
from social_signals.tables.catalog import Catalog
from social_signals.tables.gold import CHURN_SCORES
from social_signals.tables.store import CatalogParams

AS_OF = datetime(2020, 5, 1, tzinfo=timezone.utc)
BATCH_ROWS = 200_000


def make_features(spark: SparkSession, catalog: Catalog, *, rows: int, features: list[str]) -> list[str]:
    """One slice of made-up people with these features, the others absent; the paths of its files."""
    kinds = {f.name: f.dataType.simpleString() for f in USER_FEATURES.schema}

    def made(name: str, place: int) -> Column:
        if name not in features:
            return F.lit(None).cast(kinds[name])
        value = F.floor(F.rand(place) * 100) if kinds[name] == "bigint" else F.round(F.randn(place) * 10, 4)
        return F.when(F.rand(1000 + place) > 0.05, value).cast(kinds[name])

    people = spark.range(0, rows, 1, 8).select(
        F.lit(AS_OF).alias("as_of"),
        F.sha2(F.col("id").cast("string"), 256).substr(1, 16).alias("user_id"),
        *(made(name, place).alias(name) for place, name in enumerate(FEATURE_NAMES)),
    )
    catalog.replace_slice(USER_FEATURES, people, as_of=AS_OF)
    # One write made the table, so every file there is of the slice; Delta's own list of them escapes the folder's name once less.
    folder = catalog.file(*USER_FEATURES.name.split("."))
    return sorted(str(file) for file in folder.rglob("part-*.parquet"))


def matrix(batch: pa.RecordBatch, features: list[str]) -> np.ndarray:
    """The features of a batch as XGBoost takes them."""
    values = np.empty((batch.num_rows, len(features)), dtype=np.float32)
    for place, name in enumerate(features):
        values[:, place] = batch.column(name).to_numpy(zero_copy_only=False)
    return values


def grown(files: list[str], features: list[str], *, trees: int, depth: int, cores: int) -> bytes:
    """A booster of so many trees, learnt from the first rows with labels that follow from them in part."""
    batch = next(ds.dataset(files[0]).to_batches(columns=features, batch_size=BATCH_ROWS))
    values, chance = matrix(batch, features), np.random.default_rng(7)
    pull = np.nan_to_num(values) @ chance.normal(size=len(features)) / 100
    labels = (chance.random(len(pull)) < 1 / (1 + np.exp(-pull))).astype(float)
    settings = {"objective": "binary:logistic", "max_depth": depth, "tree_method": "hist", "nthread": cores}
    data = xgb.QuantileDMatrix(values, label=labels, feature_names=features)
    return bytes(xgb.train(settings, data, trees).save_raw("ubj"))


def plain(files: list[str], features: list[str], booster: bytes, *, cores: int, device: str, target: Path) -> None:
    """pyarrow and XGBoost, nothing else; files are read ahead while a batch is predicted."""
    pa.set_cpu_count(cores)
    loaded = xgb.Booster({"nthread": cores})
    loaded.load_model(bytearray(booster))
    loaded.set_param({"nthread": cores, "device": device})
    schema = pa.schema([("user_id", pa.string()), ("p", pa.float32())])
    with pq.ParquetWriter(target, schema) as writer:
        for batch in ds.dataset(files).to_batches(columns=["user_id", *features], batch_size=BATCH_ROWS):
            values = matrix(batch, features)
            if device == CUDA:
                # rows in the memory of the machine would be predicted there, with a warning
                p = loaded.predict(xgb.DMatrix(values, feature_names=features, nthread=cores))
            else:
                p = loaded.inplace_predict(values, validate_features=False)
            writer.write_batch(pa.record_batch([batch.column("user_id"), pa.array(p)], schema=schema))


def main() -> None:
    """Time both in turns, and print the comparison of the medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--features", type=int, default=40)
    parser.add_argument("--trees", type=int, default=100)
    parser.add_argument("--depth", type=int, default=6)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--reasons", default="none")
    parser.add_argument("--driver-memory", default="4g")
    parser.add_argument("--device", choices=DEVICES, default="cpu")
    chosen = parser.parse_args()
    features = list(FEATURE_NAMES[: chosen.features])
    platform = PlatformParams(
        master=f"local[{chosen.cores}]", driver_memory=chosen.driver_memory, shuffle_partitions=chosen.cores,
        device=chosen.device,
    )  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="benchmark-score-") as folder:
        spark = make_session(platform, app_name="benchmark score")
        place = CatalogParams(root=f"{folder}/lakehouse")
        files = make_features(spark, Catalog(spark, place, run_id="make"), rows=chosen.rows, features=features)
        booster = grown(files, features, trees=chosen.trees, depth=chosen.depth, cores=chosen.cores)
        model = Artefact(CHURN, "churn-benchmark", features, booster, Calibration().as_json(), {})
        scoring = ScoringParams(model=str(save(model, Path(folder) / "model")), reasons=chosen.reasons)
        job = score_churn.ScoreChurnJob(as_of=AS_OF.isoformat(), scoring=scoring, platform=platform, catalog=place)

        def ours() -> None:
            context = Context(
                spark, Catalog(spark, place, run_id="score"), "score", datetime.now(timezone.utc), Progress()
            )
            score_churn.run(job, context)

        memory = Memory()
        seconds = medians(
            {
                "ours": ours,
                "theirs": lambda: plain(
                    files,
                    features,
                    booster,
                    cores=chosen.cores,
                    device=chosen.device,
                    target=Path(folder) / "plain.parquet",
                ),
            },
            rounds=chosen.rounds,
        )
        memory.stop()
        scores = Catalog(spark, place, run_id="look").read(CHURN_SCORES).select("user_id", "p_churn").toPandas()
        spark.stop()
        told = pq.read_table(Path(folder) / "plain.parquet").to_pandas().set_index("user_id")["p"]
        apart = float(np.abs(scores.set_index("user_id")["p_churn"] - told).max()) if len(scores) == len(told) else None
    line = {
        "benchmark": "score",
        "ratio": round(seconds["ours"] / seconds["theirs"], 3),
        "ours_s": round(seconds["ours"], 2),
        "theirs_s": round(seconds["theirs"], 2),
        "competitor": f"pyarrow {pa.__version__} and xgboost {xgb.__version__} inplace_predict, Parquet to Parquet",
        "rows": chosen.rows,
        "cores": chosen.cores,
        "features": chosen.features,
        "trees": chosen.trees,
        "depth": chosen.depth,
        "reasons": chosen.reasons,
        "device": gpu_names()[0] if chosen.device == CUDA else chosen.device,
        "rows_per_s": round(chosen.rows / seconds["ours"]),
        "largest_difference": apart,
        "peak_mb": round(memory.jvm),
        "worker_mb": round(memory.worker),
    }
    print(json.dumps(line))


if __name__ == "__main__":
    sys.exit(main())
