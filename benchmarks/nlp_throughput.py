"""Posts per second of `annotate`, against a plain onnxruntime loop with the same weights.

    python benchmarks/nlp_throughput.py [--posts 8000] [--cores 2] [--rounds 3] [--driver-memory 3g] [--data DIR]

Both read the same tweets on the same cores, and both start from texts: words, word pieces, inference, answers. The loop sorts
by length, gives ONNX Runtime a thread a core and takes the best of several batch sizes; models are loaded before the clock
starts, for both; they take turns, medians of the rounds are compared. The last line is JSON: `ratio` is our seconds over the loop's for sentiment and entities together, below 1 is
better; `sentiment` has the same for sentiment alone; `pool_ratio` is against a loop made parallel by hand (a batch a core, one
thread each); `peak_mb` the largest resident memory of the driver's JVM, `python_mb` of its Python workers. Ours also tells the
language of each text, which the loop does not.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import os
import random
import re
import statistics
import sys
import time
import zipfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

# A thread that waits must not spin on the core of another.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
import onnxruntime
from pyspark.sql import DataFrame
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from turns import Memory

from social_signals.core.places import shipped
from social_signals.core.session import PlatformParams, make_session
from social_signals.nlp import annotate, find_entities, load_entity_model, load_sentiment_model, split_words

WINDOW = 128
BATCH_SIZES = (8, 16, 32, 64)
INPUTS = ("input_ids", "attention_mask", "token_type_ids")


def tweets(data: Path, count: int) -> list[str]:
    """The first distinct tweets of the SemEval files, by name of file and line."""
    found: dict[str, None] = {}
    for path in sorted((data / "semeval2017_task4a").glob("twitter-*.txt.gz")):
        with gzip.open(path, "rt", encoding="utf-8", newline="\n") as lines:
            for row in csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE):
                if len(row) >= 3:
                    found.setdefault(row[2])
    if len(found) < count:
        raise SystemExit(f"{data} holds {len(found)} tweets, fewer than --posts {count}")
    return list(found)[:count]


class Loop:
    """Texts to answers with onnxruntime and nothing around it."""

    def __init__(self, models: dict[str, tuple[Path, Any]], *, cores: int) -> None:
        self.cores = cores
        self.labels = {name: list(stage.getClasses()) for name, (_, stage) in models.items()}
        vocabularies = {name: vocabulary_of(stage) for name, (_, stage) in models.items()}
        first = next(iter(vocabularies.values()))
        if any(v != first for v in vocabularies.values()):
            raise SystemExit("the models have different vocabularies, and one tokenisation cannot serve both")
        self.ends = first["[CLS]"], first["[SEP]"]
        self.tokenizer = Tokenizer(WordPiece(first, unk_token="[UNK]", max_input_chars_per_word=200))
        self.graphs = {
            name: zipfile.ZipFile(next(folder.glob("*_onnx"))).read("model.onnx")
            for name, (folder, _) in models.items()
        }
        self.sessions = {threads: self._sessions(threads) for threads in {1, cores}}

    def _sessions(self, threads: int) -> dict[str, onnxruntime.InferenceSession]:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        return {
            name: onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
            for name, graph in self.graphs.items()
        }

    def read(
        self, texts: Sequence[str], tasks: Sequence[str], *, batch_size: int, is_parallel: bool
    ) -> dict[str, list[Any]]:
        """The label of each text, and its entities."""
        words = [[word.text for word in split_words(text)] for text in texts]
        encodings = self.tokenizer.encode_batch(words, is_pretokenized=True)
        rows = [[self.ends[0], *e.ids[: WINDOW - 2], self.ends[1]] for e in encodings]
        order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
        batches = [order[i : i + batch_size] for i in range(0, len(order), batch_size)]
        sessions = self.sessions[1 if is_parallel else self.cores]
        answers: dict[str, list[Any]] = {task: [None] * len(texts) for task in tasks}

        def answer(batch: list[int]) -> None:
            inputs = padded([rows[i] for i in batch])
            for task in tasks:
                best = sessions[task].run(None, inputs)[0].argmax(-1)
                for i, said in zip(batch, best, strict=True):
                    if task == "sentiment":
                        answers[task][i] = self.labels[task][int(said)]
                        continue
                    firsts = [
                        n + 1
                        for n, w in enumerate(encodings[i].word_ids[: WINDOW - 2])
                        if n == 0 or encodings[i].word_ids[n - 1] != w
                    ]
                    tags = [self.labels[task][int(said[n])] for n in firsts]
                    answers[task][i] = find_entities(texts[i], tags) if set(tags) != {"O"} else []

        if is_parallel:
            with ThreadPoolExecutor(self.cores) as pool:
                list(pool.map(answer, batches))
        else:
            for batch in batches:
                answer(batch)
        return answers


def vocabulary_of(stage: Any) -> dict[str, int]:
    """Piece -> id, as the Spark NLP stage has it."""
    text = stage._java_obj.vocabulary().get().get().toSeq().mkString("\n")
    pairs = (re.fullmatch(r"\((.*),(\d+)\)", line, re.DOTALL) for line in text.split("\n"))
    return {match[1]: int(match[2]) for match in pairs if match}


def padded(rows: list[list[int]]) -> dict[str, np.ndarray]:
    ids = np.zeros((len(rows), max(map(len, rows))), dtype=np.int64)
    mask = np.zeros_like(ids)
    for i, row in enumerate(rows):
        ids[i, : len(row)] = row
        mask[i, : len(row)] = 1
    return dict(zip(INPUTS, (ids, mask, np.zeros_like(ids)), strict=True))


def timed(call: Callable[[], object]) -> float:
    started = time.monotonic()
    call()
    return time.monotonic() - started


def main() -> None:
    """Time both in turns, and print the comparison of the medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--posts", type=int, default=8000)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--driver-memory", default="2g")
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared" / "data")
    chosen = parser.parse_args()
    if not chosen.data.is_dir():
        raise SystemExit(f"there is no folder {chosen.data} with tweets to read: give one with --data")
    texts = tweets(chosen.data, chosen.posts)
    platform = PlatformParams(
        master=f"local[{chosen.cores}]", driver_memory=chosen.driver_memory, shuffle_partitions=chosen.cores
    )
    spark = make_session(platform, app_name="nlp_throughput")
    memory = Memory()
    sentiment = load_sentiment_model(spark, shipped("models", "sentiment"))
    entities = load_entity_model(spark, shipped("models", "entities"))
    posts = (
        spark.createDataFrame(list(enumerate(texts)), "id long, text string")
        .selectExpr("CAST(id AS STRING) AS post_id", "text")
        .persist()
    )
    posts.count()

    def write(answers: DataFrame) -> None:
        answers.write.format("noop").mode("overwrite").save()

    ours = {
        "sentiment": lambda: write(annotate(posts, sentiment=sentiment)),
        "both": lambda: write(annotate(posts, sentiment=sentiment, entities=entities)),
    }
    write(annotate(posts.limit(500), sentiment=sentiment, entities=entities))
    models = {
        "sentiment": (shipped("models", "sentiment"), sentiment.stage),
        "entities": (shipped("models", "entities"), entities.stage),
    }
    loop = Loop(models, cores=chosen.cores)
    said = {r.post_id: r for r in annotate(posts, sentiment=sentiment, entities=entities).collect()}
    few = texts[:: max(1, len(texts) // 1000)]
    calls: dict[tuple[str, str], Callable[[], object]] = {(name, "ours"): call for name, call in ours.items()}
    best: dict[tuple[str, str], int] = {}
    for name, tasks in (("sentiment", ["sentiment"]), ("both", list(models))):
        for way, is_parallel in (("loop", False), ("pool", True)):
            read = partial(loop.read, tasks=tasks, is_parallel=is_parallel)
            size = min(BATCH_SIZES, key=lambda size: timed(partial(read, few, batch_size=size)))
            best[name, way] = size
            calls[name, way] = partial(read, texts, batch_size=size)
    answers = loop.read(texts, tasks=["sentiment"], is_parallel=True, batch_size=best["sentiment", "pool"])
    seconds: dict[tuple[str, str], list[float]] = {key: [] for key in calls}
    order = random.Random(7)
    for _ in range(chosen.rounds):
        # a machine is not equally fast all the time: everybody takes their turn, in an order of chance
        for key in order.sample(list(calls), len(calls)):
            seconds[key].append(timed(calls[key]))
    spark.stop()
    memory.stop()
    median = {key: statistics.median(values) for key, values in seconds.items()}
    same = [said[str(i)].sentiment.label == answers["sentiment"][i] for i in range(len(texts))]
    compared = {
        name: {
            "ratio": round(median[name, "ours"] / median[name, "loop"], 3),
            "ours_s": round(median[name, "ours"], 1),
            "theirs_s": round(median[name, "loop"], 1),
            "batch_size": best[name, "loop"],
            "pool_ratio": round(median[name, "ours"] / median[name, "pool"], 3),
            "pool_s": round(median[name, "pool"], 1),
            "posts_per_s": round(len(texts) / median[name, "ours"]),
        }
        for name in ours
    }
    line = {
        "benchmark": "nlp_throughput",
        **compared["both"],
        "competitor": f"plain onnxruntime {onnxruntime.__version__} loop, sorted by length, best batch size",
        "rows": len(texts),
        "cores": chosen.cores,
        "sentiment": compared["sentiment"],
        "same_sentiment": round(sum(same) / len(same), 4),
        "driver_memory": chosen.driver_memory,
        "peak_mb": round(memory.jvm),
        "python_mb": round(memory.python),
    }
    print(json.dumps(line))


if __name__ == "__main__":
    sys.exit(main())
