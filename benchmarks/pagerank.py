"""Seconds of PageRank, Delta to Delta, against igraph on the same edges; and how they grow with the edges.

    python benchmarks/pagerank.py [--edges 500000 8000000] [--degree 8] [--cores 2] [--rounds 3] [--driver-memory 6g]

Ours reads a Delta table of edges between people's ids, numbers the people, and writes a rank for each, to a tolerance of 1e-9. The
competitor reads the same Parquet files with pyarrow, numbers the ids with pandas, asks igraph (PRPACK), and writes Parquet. Edges are made up:
receivers by a power law, so that a few people have very many, actors evenly. The last line is JSON: `ratio` is our seconds over
theirs for the most edges, below 1 is better; `growth` is our seconds for the most over the fewest edges, divided by how many times more edges these are.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from urllib.parse import unquote, urlparse

import igraph
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from turns import Memory, medians

from social_signals.core.session import PlatformParams, make_session
from social_signals.network.centrality import pagerank
from social_signals.network.cohesion import both_ways, pairs_of
from social_signals.network.graph import matrices, numbered, values_by_node, vector_of

DAMPING, TOLERANCE = 0.85, 1e-9


def make_edges(spark: SparkSession, place: str, *, edges: int, degree: int) -> None:
    """Distinct edges with weights; about `degree` a person."""
    people = max(2, edges // degree)
    # The inverse of a power law's distribution: the first people receive most.
    receiver = F.floor(F.lit(people) * F.pow(F.rand(11), F.lit(4.0)))
    drawn = spark.range(0, edges, 1, 8).select(
        F.concat(F.lit("u"), F.floor(F.rand(7) * people)).alias("src"), F.concat(F.lit("u"), receiver).alias("dst")
    )
    counted = drawn.where("src <> dst").groupBy("src", "dst").agg(F.count(F.lit(1)).cast("double").alias("weight"))
    counted.write.format("delta").save(place)


def ours(spark: SparkSession, place: str, target: str) -> None:
    """The path of `build_network`, as far as its ranks."""
    graph = numbered(spark.read.format("delta").load(place))
    found = matrices(graph, both_ways(pairs_of(graph.edges)))
    sums = graph.edges.groupBy(F.col("src").alias("node")).agg(F.sum("weight").alias("out_weight"))
    ranks = pagerank(
        found.towards,
        vector_of(sums, "out_weight", nodes=graph.nodes),
        damping=DAMPING,
        tolerance=TOLERANCE,
        max_rounds=300,
    )
    by_node = values_by_node(graph.people, {"pagerank": ranks})
    graph.people.join(by_node, on="node").select("user_id", "pagerank").write.format("delta").mode("overwrite").save(
        target
    )
    found.release()
    graph.release()


def theirs(files: list[str], target: Path) -> None:
    """pyarrow, pandas and igraph."""
    table = ds.dataset(files).to_table().to_pandas()
    codes, names = pd.factorize(pd.concat([table["src"], table["dst"]], ignore_index=True))
    src, dst = codes[: len(table)], codes[len(table) :]
    graph = igraph.Graph(n=len(names), edges=np.column_stack([src, dst]), directed=True)
    ranks = graph.pagerank(damping=DAMPING, weights=table["weight"].tolist())
    pq.write_table(pa.table({"user_id": pa.array(names), "pagerank": pa.array(ranks)}), target)


def main() -> None:
    """Time both in turns for each size, and print the comparison of the medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--edges", type=int, nargs="+", default=[500_000, 8_000_000])
    parser.add_argument("--degree", type=int, default=8)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--driver-memory", default="6g")
    chosen = parser.parse_args()
    sizes = sorted(chosen.edges)
    platform = PlatformParams(master=f"local[{chosen.cores}]", driver_memory=chosen.driver_memory, shuffle_partitions=8)
    seconds: dict[int, dict[str, float]] = {}
    apart = 0.0
    with tempfile.TemporaryDirectory(prefix="benchmark-pagerank-") as folder:
        spark = make_session(platform, app_name="benchmark pagerank")
        memory = Memory()
        for edges in sizes:
            place, target, plain = (
                f"{folder}/edges{edges}",
                f"{folder}/ranks{edges}",
                Path(folder) / f"ranks{edges}.parquet",
            )
            make_edges(spark, place, edges=edges, degree=chosen.degree)
            files = [unquote(urlparse(file).path) for file in spark.read.format("delta").load(place).inputFiles()]
            seconds[edges] = medians(
                {"ours": lambda p=place, t=target: ours(spark, p, t), "theirs": lambda f=files, t=plain: theirs(f, t)},
                rounds=chosen.rounds,
            )
            found = spark.read.format("delta").load(target).toPandas().set_index("user_id")["pagerank"]
            told = pq.read_table(plain).to_pandas().set_index("user_id")["pagerank"]
            apart = max(apart, float((found - told).abs().max()) if len(found) == len(told) else np.inf)
        memory.stop()
        spark.stop()
    most, fewest = sizes[-1], sizes[0]
    line = {
        "benchmark": "pagerank",
        "ratio": round(seconds[most]["ours"] / seconds[most]["theirs"], 3),
        "ours_s": round(seconds[most]["ours"], 2),
        "theirs_s": round(seconds[most]["theirs"], 2),
        "competitor": f"pyarrow {pa.__version__}, pandas {pd.__version__} and igraph {igraph.__version__}",
        "rows": most,
        "cores": chosen.cores,
        "growth": round(seconds[most]["ours"] / seconds[fewest]["ours"] / (most / fewest), 3),
        "all_s": {str(edges): {name: round(value, 2) for name, value in by.items()} for edges, by in seconds.items()},
        "largest_difference": apart,
        "peak_mb": round(memory.total),
        "jvm_mb": round(memory.jvm),
    }
    print(json.dumps(line))


if __name__ == "__main__":
    sys.exit(main())
