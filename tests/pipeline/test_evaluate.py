"""`evaluate` on labelled files: predictions by row of the file, metrics in the last line."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from tests.pipeline.conftest import Ran


def predictions(spark: SparkSession, ran: Ran, task: str) -> dict[int, object]:
    rows = spark.read.format("delta").load(str(ran.root / f"gold/evaluation_{task}"))
    return {r["row"]: r["predicted"] for r in rows.collect()}


def test_sentiment_of_labelled_lines(
    job_runner: Callable[..., Ran], spark_session: SparkSession, tmp_path: Path
) -> None:
    lines = [
        "I love this, what a great day!\tpositive",
        "",
        "I hate it, the worst service ever\tnegative",
        "A tab\tinside, awful\t0",
    ]
    with gzip.open(tmp_path / "labelled.tsv.gz", "wt", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    ran = job_runner("evaluate", tmp_path / "lake", "task=sentiment", f"evaluate.path={tmp_path}/labelled.tsv.gz")
    assert ran.code == 0, ran.summary.error
    assert predictions(spark_session, ran, "sentiment") == {0: "positive", 2: "negative", 3: "negative"}
    assert ran.summary.metrics["sentiment"]["macro_recall"] == 1.0
    assert ran.summary.metrics["sentiment"]["rows"] == 3


def test_entities_of_labelled_tokens(
    job_runner: Callable[..., Ran], spark_session: SparkSession, tmp_path: Path
) -> None:
    sentences = [
        [("Barack", "B-PER"), ("Obama", "I-PER"), ("visited", "O"), ("Paris", "B-LOC")],
        [("nothing", "O"), ("here", "O")],
    ]
    blocks = ["\n".join("\t".join(word) for word in words) for words in sentences]
    (tmp_path / "labelled.conll").write_text("\n\n".join(blocks) + "\n")
    ran = job_runner("evaluate", tmp_path / "lake", "task=entities", f"evaluate.path={tmp_path}/labelled.conll")
    assert ran.code == 0, ran.summary.error
    expected = {n: [tag for _, tag in words] for n, words in enumerate(sentences)}
    assert predictions(spark_session, ran, "entities") == expected
    assert ran.summary.metrics["entities"]["f1"] == 1.0


@pytest.mark.parametrize(
    ("content", "code", "says"),
    [("no label here\n", 3, "line 0"), ("fine\tpositive\nodd\tjoyful\n", 3, "line 1"), (None, 2, "no file")],
)
def test_a_file_that_cannot_be_measured_is_refused(
    content: str | None, code: int, says: str, job_runner: Callable[..., Ran], tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / "labelled.tsv").write_text(content)
    ran = job_runner("evaluate", tmp_path / "lake", "task=sentiment", f"evaluate.path={tmp_path}/labelled.tsv")
    assert ran.code == code
    assert says in str(ran.summary.error)
    assert "joyful" not in str(ran.summary.error), "an error does not quote people"


def test_pairs_give_a_probability_each(
    job_runner: Callable[..., Ran], spark_session: SparkSession, tmp_path: Path
) -> None:
    header = "Choice,A_follower_count,A_posts,B_follower_count,B_posts\n"
    numbers = [(10 + 7 * n % 900, n % 13, 5 + 11 * n % 800, n % 7) for n in range(120)]
    rows = [f"{int(a > b)},{a},{pa},{b},{pb}\n" for a, pa, b, pb in numbers]
    (tmp_path / "pairs.csv").write_text(header + "".join(rows))
    swapped = [f"{int(a <= b)},{b},{pb},{a},{pa}\n" for a, pa, b, pb in numbers]
    (tmp_path / "swapped.csv").write_text(header + "".join(swapped))
    root = tmp_path / "lake"
    trained = job_runner("train_influence", root, f"influence.pairs={tmp_path}/pairs.csv")
    assert trained.code == 0, trained.summary.error
    assert trained.summary.metrics["influence"]["cv_row"]["roc_auc"] > 0.8
    one = job_runner("evaluate", root, "task=influence_pairs", f"evaluate.path={tmp_path}/pairs.csv")
    assert one.code == 0, one.summary.error
    there = predictions(spark_session, one, "influence_pairs")
    other = job_runner("evaluate", root, "task=influence_pairs", f"evaluate.path={tmp_path}/swapped.csv")
    back = predictions(spark_session, other, "influence_pairs")
    assert sorted(there) == list(range(120))
    for row, probability in there.items():
        assert isinstance(probability, float)
        assert abs(probability + float(str(back[row])) - 1) < 1e-6
