"""`annotate` follows what changes: each text is read once, in the languages that the models know, and told sentence by sentence."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from pyspark.sql import Row, SparkSession

from social_signals.tables.catalog import Catalog
from tests.pipeline.conftest import Ran

GOLD = ("post_language", "post_sentiment", "post_entities", "entity_sentiment")
POSTS = {
    "english": "I love this phone, best purchase ever!",
    "french": "Quel beau temps aujourd'hui, je suis tellement heureux",
    "wordless": "\U0001f602\U0001f602",
    "mixed": "London was wonderful and we loved it. Ryanair was the worst airline, I hate them!",
    "again": "I love this phone, best purchase ever!",
    "foreign": "J'adore la nouvelle zephyr 9, merci à toute l'équipe",
}
ITEM = {"item_id": "z9", "title": "Zephyr 9"}


def write(folder: Path, name: str, posts: dict[str, str], *, day: str) -> None:
    rows = ({"post_id": key, "event_ts": day, "text": text} for key, text in posts.items())
    (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_each_text_is_read_once_and_by_whom_it_can_be(
    job_runner: Callable[..., Ran], spark_session: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, folder = tmp_path / "lakehouse", tmp_path / "in"
    folder.mkdir()

    def gold(name: str) -> dict[str, list[Row]]:
        found: dict[str, list[Row]] = {}
        for row in spark_session.read.format("delta").load(f"{root}/gold/{name}").orderBy("post_id").collect():
            found.setdefault(row.post_id, []).append(row)
        return found

    def versions() -> dict[str, int]:
        return {name: len(list((root / "gold" / name / "_delta_log").glob("*.json"))) for name in GOLD}

    def run(job: str, *overrides: str) -> Ran:
        source = ["source=files", f"source.posts={folder}", f"source.items={tmp_path}/items.jsonl"]
        source = source if job == "ingest" else []
        ran = job_runner(job, root, *source, *overrides)
        assert ran.code == 0, ran.summary.error
        return ran

    (tmp_path / "items.jsonl").write_text(json.dumps(ITEM) + "\n")
    write(folder, "a.jsonl", POSTS, day="2024-03-01")
    run("ingest")
    counts = run("annotate").summary.metrics["annotate"]
    assert counts == {"posts": 6, "read": 4, "languages": {"en": 3, "fr": 2, "und": 1}}
    # English models meet no French; what does not tell its language is read all the same.
    assert {key: rows[0].language for key, rows in gold("post_language").items()} == {
        "english": "en", "again": "en", "mixed": "en", "french": "fr", "foreign": "fr", "wordless": "und",
    }  # fmt: skip
    moods = {key: rows[0].label for key, rows in gold("post_sentiment").items()}
    assert set(moods) == set(POSTS) - {"french", "foreign"}
    assert moods["english"] == moods["again"] == "positive"
    # Two names in one post, and each has the mood of its own sentence.
    named = {row.normalized: row for row in gold("entity_sentiment")["mixed"]}
    assert named["london"].label == "positive"
    assert named["ryanair"].label == "negative"
    assert POSTS["mixed"][named["ryanair"].sentence_begin :].startswith("Ryanair was the worst")

    # An item is known by its name in any language, and says who found it.
    known = gold("post_entities")["foreign"]
    assert [(row.text, row.entity_type, row.normalized) for row in known] == [("zephyr 9", "product", "zephyr9")]
    assert known[0].model_id.startswith("gazetteer-")
    assert gold("post_entities")["mixed"][0].model_id.startswith("entities-")

    before = versions()
    assert run("annotate").summary.metrics == {}
    assert run("annotate", "text.reread=true").summary.metrics == {}, "these models have read them already"
    assert versions() == before
    again = run("annotate", "text.reread=true", "text.languages=[en]").summary.metrics["annotate"]
    assert (again["posts"], again["read"]) == (6, 3), "other languages were asked for, so all are read again"
    assert "wordless" not in gold("post_sentiment")

    # One text changes, one post is new: those two are looked at, and what the old text said is gone.
    write(
        folder,
        "b.jsonl",
        {"mixed": "Il fait tellement beau dans cette ville", "new": "We loved Berlin"},
        day="2024-03-02",
    )
    run("ingest", "now=2024-06-01T00:00:00")
    asked: list[tuple[int, int]] = []
    original = Catalog.changed_keys

    def spied(self: Catalog, table: object, *, since: int, until: int) -> object:
        asked.append((since, until))
        return original(self, table, since=since, until=until)  # type: ignore[arg-type]

    monkeypatch.setattr(Catalog, "changed_keys", spied)
    assert run("annotate").summary.metrics["annotate"]["posts"] == 2
    assert len(asked) == 1
    assert asked[0][0] < asked[0][1]
    assert gold("post_language")["mixed"][0].language == "fr"
    for name in ("post_sentiment", "post_entities", "entity_sentiment"):
        rows = gold(name)
        assert "mixed" not in rows, name
        assert "new" in rows, name
    assert {row.label for row in gold("post_sentiment")["english"]} == {"positive"}, "what did not change stays"
