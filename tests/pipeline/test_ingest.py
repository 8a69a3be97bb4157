"""Ingest through the catalog: whatever arrives, no good row is lost, and in = accepted + duplicates + quarantined."""

from __future__ import annotations

import gzip
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession

from tests.pipeline.conftest import Ran

DAY = "2024-03-01T10:00:00Z"
EMOJI_AND_RIGHT_TO_LEFT = "👩\u200d👩\u200d👧 ❤️ \u202bשלום עולם\u202c قهوة"  # noqa: RUF001  another script is the point
LONG_TEXT = "hop " * 250_000
TWEET = {
    "posts": {
        "post_id": "tweet.id_str", "author_id": "tweet.user.id_str", "event_ts": "tweet.created_at", "text": "tweet.text",
        "language": "tweet.lang", "parent_post_id": "tweet.in_reply_to_status_id_str", "media_type": "=status",
    },
    "users": {
        "user_id": "tweet.user.id_str", "handle": "tweet.user.screen_name", "display_name": "tweet.user.name",
        "bio": "tweet.user.description", "country": "tweet.user.location", "created_ts": "tweet.user.created_at",
    },
    "user_snapshots": {
        "user_id": "tweet.user.id_str", "snapshot_ts": "tweet.created_at", "follower_count": "tweet.user.followers_count",
        "following_count": "tweet.user.friends_count", "post_count": "tweet.user.statuses_count",
        "listed_count": "tweet.user.listed_count",
    },
    "interactions": {
        "kind": "=comment", "actor_id": "tweet.user.id_str", "target_user_id": "tweet.in_reply_to_user_id_str",
        "target_post_id": "tweet.in_reply_to_status_id_str", "event_ts": "tweet.created_at",
        "interaction_id": "tweet.id_str",
    },
}  # fmt: skip
AIRLINE = {
    "posts": {"post_id": "tweet_id", "author_id": "name", "event_ts": "tweet_created", "language": "=en", "media_type": "=status"},
    "interactions": {"kind": "=mention", "actor_id": "name", "target_user_id": "airline", "target_post_id": "=", "event_ts": "tweet_created"},
}  # fmt: skip


@dataclass(frozen=True)
class Lake:
    """What a test sees of a lakehouse: its tables."""

    spark: SparkSession
    root: Path

    def table(self, name: str) -> DataFrame:
        return self.spark.read.format("delta").load(str(self.root.joinpath(*name.split("."))))

    def exists(self, name: str) -> bool:
        return self.root.joinpath(*name.split("."), "_delta_log").is_dir()

    def versions(self) -> dict[str, int]:
        """The newest version of every table outside the ledger of runs."""
        logs = [log for log in self.root.glob("*/*/_delta_log") if log.parent.name != "runs"]
        return {f"{log.parent.parent.name}.{log.parent.name}": len(list(log.glob("*.json"))) for log in logs}

    def reasons(self, table: str) -> Counter[str]:
        rows = self.table(f"silver.{table}_quarantine").select("reasons").collect()
        return Counter(reason for row in rows for reason in row.reasons)


def said(overrides: dict[str, object]) -> list[str]:
    """Settings as the command line takes them."""

    def text(value: object) -> str:
        if isinstance(value, dict):
            return "{" + ", ".join(f"{k}: {text(v)}" for k, v in value.items()) + "}"
        if isinstance(value, list):
            return "[" + ", ".join(map(text, value)) + "]"
        return f"'{value}'"

    return [f"{key}={text(value)}" for key, value in overrides.items()]


def lines(*records: object) -> bytes:
    return b"".join(
        (r if isinstance(r, bytes) else json.dumps(r, ensure_ascii=False).encode()) + b"\n" for r in records
    )


def post(post_id: str | None, text: object = "fine", event_ts: object = DAY, **more: object) -> dict[str, object]:
    return {"post_id": post_id, "text": text, "event_ts": event_ts, **more}


def balances(counts: dict[str, int]) -> bool:
    return counts["in"] == counts["accepted"] + counts["duplicates"] + counts["quarantined"]


@pytest.fixture(scope="module")
def bad_input(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that has everything wrong with it that files have had wrong with them."""
    folder = tmp_path_factory.mktemp("bad")
    posts = folder / "posts"
    posts.mkdir()
    (posts / "a.jsonl").write_bytes(
        lines(
            post("good", likes=3),
            post("emoji", EMOJI_AND_RIGHT_TO_LEFT),
            post("long", LONG_TEXT),
            b'{"post_id": "latin", "text": "caf\xe9", "event_ts": "2024-03-01"}',
            b'{"post_id": "nul", "text": "a\\u0000b\x00c", "event_ts": "2024-03-01"}',
            post("twitter", event_ts="Wed Jan 07 11:11:33 +0000 2015"),
            post("seconds", event_ts=1424777752),
            b'{"post_id": "broken", "text": "no end',
            b"not json at all",
            post("year one", event_ts="0001-01-01T00:00:00Z"),
            post("year 9999", event_ts="9999-12-31"),
            post("words", event_ts="the day after"),
            post(None, "nobody's"),
            post("  ", "nobody's either"),
            post("twice"),
            post("twice"),
            post("differs", "old", "2024-03-01T10:00:00Z"),
            post("differs", "new", "2024-03-02T10:00:00Z"),
        )
    )
    cut = gzip.compress(lines(*(post(f"g{i}", os.urandom(30).hex()) for i in range(2000))))
    (posts / "cut.jsonl.gz").write_bytes(cut[: len(cut) // 2])
    (posts / "empty.jsonl").write_bytes(b"")
    (folder / "snapshots.csv").write_text(
        "user_id,snapshot_ts,follower_count,post_count,mood\n"
        "u1,2024-03-01,10,5.0,good\n"
        "u2,2024-03-01,-1,,\n"
        "u3,2024-03-01,3.3k,many,\n"
        "u4,2024-03-01\n"
        'u5,2024-03-01,7,1,"a ""quoted"", mood"\n'
    )
    return folder


@pytest.fixture(scope="module")
def run(job_runner: Callable[..., Ran]) -> Callable[..., Ran]:
    def ingest(root: Path, **settings: object) -> Ran:
        overrides = {key.replace("__", "."): value for key, value in settings.items()}
        return job_runner("ingest", root, *said(overrides))

    return ingest


@pytest.fixture(scope="module")
def bad_run(run: Callable[..., Ran], bad_input: Path, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    root = tmp_path_factory.mktemp("bad_lake") / "lakehouse"
    ran = run(
        root, source="files", source__posts=bad_input / "posts", source__user_snapshots=bad_input / "snapshots.csv"
    )
    assert ran.code == 0, ran.summary.error
    return ran


@pytest.fixture
def bad_lake(spark_session: SparkSession, bad_run: Ran) -> Lake:
    return Lake(spark_session, bad_run.root)


def test_every_good_post_of_a_bad_folder_arrives(bad_lake: Lake) -> None:
    rows = bad_lake.table("silver.posts").where("post_id NOT LIKE 'g_%' OR post_id = 'good'").collect()
    posts = {row.post_id: row for row in rows}
    good = {"good", "emoji", "long", "latin", "nul", "twitter", "seconds", "twice", "differs"}
    assert set(posts) == good
    assert posts["emoji"].text == EMOJI_AND_RIGHT_TO_LEFT
    assert posts["long"].text == LONG_TEXT.strip()
    assert posts["latin"].text == "caf\ufffd"
    assert posts["nul"].text == "a\ufffdb\ufffdc"
    assert posts["differs"].text == "new"


def test_what_is_wrong_is_in_quarantine_with_its_reason(bad_lake: Lake, bad_run: Ran) -> None:
    assert bad_lake.reasons("posts") == {
        "the record is not a whole JSON object or row": 2,
        "event_ts is before 1990 or in the future": 2,
        "event_ts is not a time that can be read": 1,
        "post_id is missing": 2,
        "another record has the same key and is newer, or as new and differs": 1,
        "the rest of the file could not be read: it is truncated or damaged": 1,
    }
    refused = bad_lake.table("silver.posts_quarantine").collect()
    assert [row.file for row in refused if row.record is None] == ["cut.jsonl.gz"]
    assert any(row.record == "not json at all" for row in refused)
    assert any(row.record and '"old"' in row.record for row in refused)


def test_what_could_be_read_of_a_truncated_file_is_kept(bad_lake: Lake) -> None:
    kept = bad_lake.table("silver.posts").where("post_id RLIKE '^g[0-9]+$'").count()
    assert 800 < kept < 1200


def test_rows_of_csv_are_kept_or_say_why_not(bad_lake: Lake) -> None:
    kept = bad_lake.table("silver.user_snapshots").select("user_id", "follower_count", "post_count").collect()
    assert sorted(map(tuple, kept)) == [("u1", 10, 5), ("u5", 7, 1)]
    assert bad_lake.reasons("user_snapshots") == {
        "follower_count is negative": 1,
        "follower_count is not a whole number that can be read": 1,
        "post_count is not a whole number that can be read": 1,
        "the record is not a whole JSON object or row": 1,
    }


def test_nothing_is_lost_on_the_way(bad_lake: Lake, bad_run: Ran) -> None:
    counts = bad_run.summary.metrics["ingest"]
    for table in ("posts", "user_snapshots"):
        assert balances(counts[table])
        assert counts[table]["in"] == bad_lake.table(f"bronze.files_{table}").count()
        assert counts[table]["accepted"] == bad_lake.table(f"silver.{table}").count()
        assert counts[table]["quarantined"] == bad_lake.table(f"silver.{table}_quarantine").count()
    assert counts["posts"]["duplicates"] == 1
    written = bad_lake.table("ops.batches").where("silver_table = 'silver.posts'").collect()
    # One batch a file; the empty one is written down too, so that it is not opened again.
    assert sorted(row.in_rows for row in written)[0] == 0
    assert len(written) == 3
    assert all(row.in_rows == row.accepted_rows + row.duplicate_rows + row.quarantined_rows for row in written)


def test_history_was_seen_when_it_happened(bad_lake: Lake) -> None:
    assert bad_lake.table("silver.posts").where("ingested_ts != event_ts").count() == 0


def test_a_second_run_writes_nothing_and_new_files_are_news(
    run: Callable[..., Ran], spark_session: SparkSession, tmp_path: Path
) -> None:
    lake, folder = Lake(spark_session, tmp_path / "lakehouse"), tmp_path / "in"
    folder.mkdir()
    (folder / "a.jsonl").write_bytes(lines(post("p1"), post("p2"), {"post_id": "bad"}))
    settings = {"source": "files", "source__posts": folder}
    assert run(lake.root, **settings).code == 0
    before = lake.versions()

    again = run(lake.root, **settings)
    assert again.code == 0
    assert lake.versions() == before
    assert again.summary.metrics["ingest"]["posts"] == {"in": 0, "accepted": 0, "duplicates": 0, "quarantined": 0}

    # A new file is news: its rows were not known when they happened. What it repeats stays as it was.
    (folder / "b.jsonl").write_bytes(lines(post("p2"), post("p3")))
    assert run(lake.root, now="2024-06-01T00:00:00", **settings).summary.metrics["ingest"]["posts"]["in"] == 2
    posts = lake.table("silver.posts").selectExpr("post_id", "CAST(ingested_ts AS STRING) AS seen").collect()
    assert {row.post_id: row.seen for row in posts} == {
        "p1": "2024-03-01 10:00:00", "p2": "2024-03-01 10:00:00", "p3": "2024-06-01 00:00:00",
    }  # fmt: skip
    assert lake.table("bronze.files_posts").count() == 5

    # A run that died before it wrote down its batches is completed by the next one, with the same content.
    content = sorted(map(str, lake.table("silver.posts").collect()))
    spark_session.sql(f"DELETE FROM delta.`{lake.root}/ops/batches`")
    assert run(lake.root, **settings).summary.metrics["ingest"]["posts"] == {
        "in": 5, "accepted": 3, "duplicates": 1, "quarantined": 1,
    }  # fmt: skip
    assert sorted(map(str, lake.table("silver.posts").collect())) == content
    assert lake.table("silver.posts_quarantine").count() == 1
    assert lake.table("bronze.files_posts").count() == 5


@pytest.mark.parametrize(
    ("settings", "code", "words"),
    [
        ({"source__posts": "{folder}/other.csv"}, 3, "silver.posts needs post_id, event_ts"),
        ({"source__posts": "{folder}/empty_folder"}, 2, "is an empty folder"),
        ({"source__posts": "{folder}/*.parquet"}, 2, "matches no file"),
        (
            {"source__posts": "{folder}/other.csv", "source__timestamp_formats": ["EEE"]},
            2,
            "no pattern that Spark reads",
        ),
        ({"source__posts": "{folder}/other.csv", "ingest__pseudonymise": "true"}, 2, "is not set"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_written(
    run: Callable[..., Ran],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    settings: dict[str, object],
    code: int,
    words: str,
) -> None:
    monkeypatch.delenv("SOCIAL_SIGNALS_PSEUDONYM_KEY", raising=False)
    (tmp_path / "other.csv").write_text("name,city\na,b\n")
    (tmp_path / "empty_folder").mkdir()
    places = {k: v.format(folder=tmp_path) if isinstance(v, str) else v for k, v in settings.items()}
    ran = run(tmp_path / "lakehouse", source="files", **places)
    assert (ran.code, words in str(ran.summary.error)) == (code, True), ran.summary.error
    assert not list((tmp_path / "lakehouse").glob("bronze/*"))


@pytest.fixture
def readable_parquet(spark_session: SparkSession) -> Iterator[None]:
    """Files in which a search of bytes finds what is in them."""
    setting = "spark.sql.parquet.compression.codec"
    before = spark_session.conf.get(setting)
    spark_session.conf.set(setting, "none")
    yield
    spark_session.conf.set(setting, before)


def test_pseudonyms_leave_no_id_in_silver_or_quarantine(
    run: Callable[..., Ran], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, readable_parquet: None
) -> None:
    monkeypatch.setenv("SOCIAL_SIGNALS_PSEUDONYM_KEY", "a key of enough length")
    (tmp_path / "users.jsonl").write_bytes(
        lines({"user_id": "anna77", "handle": "anna77", "city": "Bonn"}, b'{"user_id": "anna77')
    )
    (tmp_path / "posts.jsonl").write_bytes(lines(post("p1", author_id="anna77"), post(None, author_id="anna77")))
    ran = run(
        tmp_path / "lakehouse", source="files", source__users=tmp_path / "users.jsonl",
        source__posts=tmp_path / "posts.jsonl", ingest__pseudonymise="true",
    )  # fmt: skip
    assert ran.code == 0, ran.summary.error
    assert ran.summary.metrics["ingest"]["posts"] == {"in": 2, "accepted": 1, "duplicates": 0, "quarantined": 1}

    def leaking(layer: str) -> list[Path]:
        files = [file for file in (tmp_path / "lakehouse" / layer).rglob("*") if file.is_file()]
        return [file for file in files if b"anna77" in file.read_bytes()]

    # Bronze is as received, and shows that the search would find what is there.
    assert leaking("bronze")
    assert not leaking("silver")


def test_a_dry_run_writes_nothing(
    job_runner: Callable[..., Ran], tmp_path: Path, bad_input: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ran = job_runner(
        "ingest", tmp_path / "lakehouse", "source=files", f"source.posts={bad_input}/posts/a.jsonl", "dry_run=true"
    )
    assert (ran.code, ran.summary.status) == (0, "dry_run")
    assert "1 batches from posts to bronze.files_posts and silver.posts" in capsys.readouterr().out
    assert not (tmp_path / "lakehouse").exists()


@pytest.mark.shared_data
def test_threads_of_tweets_need_a_mapping_only(
    run: Callable[..., Ran], shared_data: Path, spark_session: SparkSession, tmp_path: Path
) -> None:
    tweets = shared_data / "rumoureval2017" / "*_tweets.jsonl.gz"
    ran = run(
        tmp_path / "lakehouse", source="files", source__name="rumoureval", source__columns=TWEET,
        source__only_with={"interactions": "tweet.in_reply_to_user_id_str"}, **{f"source__{t}": tweets for t in TWEET},
    )  # fmt: skip
    assert ran.code == 0, ran.summary.error
    counts = ran.summary.metrics["ingest"]
    assert all(balances(table) for table in counts.values())
    assert counts["posts"] == {"in": 4519, "accepted": 4519, "duplicates": 0, "quarantined": 0}
    people = {tweet["tweet"]["user"]["id_str"] for tweet in tweets_of(shared_data)}
    replies = [tweet for tweet in tweets_of(shared_data) if tweet["tweet"]["in_reply_to_user_id_str"]]
    assert counts["users"]["accepted"] == len(people)
    assert counts["interactions"]["accepted"] == len(replies)
    latest = Lake(spark_session, tmp_path / "lakehouse").table("silver.posts").agg({"event_ts": "max"}).first()
    assert latest is not None
    assert latest[0].year == 2015


def tweets_of(shared_data: Path) -> list[dict[str, dict[str, object]]]:
    files = sorted((shared_data / "rumoureval2017").glob("*_tweets.jsonl.gz"))
    return [json.loads(line) for file in files for line in gzip.open(file, "rt", encoding="utf-8")]


@pytest.mark.shared_data
def test_a_csv_of_tweets_needs_a_mapping_only(run: Callable[..., Ran], shared_data: Path, tmp_path: Path) -> None:
    tweets = shared_data / "twitter_us_airline" / "Tweets.csv.gz"
    ran = run(
        tmp_path / "lakehouse", source="files", source__name="airline", source__columns=AIRLINE,
        source__timestamp_formats=["M/d/yyyy H:mm"], source__posts=tweets, source__interactions=tweets,
    )  # fmt: skip
    assert ran.code == 0, ran.summary.error
    counts = ran.summary.metrics["ingest"]
    # 14,640 rows and 14,485 ids; what repeats an id is a duplicate where it says the same, and quarantined where not.
    assert (counts["posts"]["in"], counts["posts"]["accepted"]) == (14640, 14485)
    assert all(balances(table) for table in counts.values())


def test_who_acted_towards_whom_is_enough_to_go_on_with(job_runner: Callable[..., Ran], tmp_path: Path) -> None:
    edges, root = tmp_path / "edges.txt", tmp_path / "lakehouse"
    edges.write_text("1 2 1082040961\n3 4 1082155839\n5 2 1082414391\nx y never\n")
    ran = job_runner("ingest", root, "source=timed_edges", f"source.interactions={edges}")
    assert ran.summary.metrics["ingest"]["interactions"] == {
        "in": 4, "accepted": 3, "duplicates": 0, "quarantined": 1,
    }  # fmt: skip
    for job in ("annotate", "build_features"):
        ran = job_runner(job, root)
        assert ran.code == 0, ran.summary.error
    assert ran.summary.tables["gold.user_features"]["rows"] == 5
