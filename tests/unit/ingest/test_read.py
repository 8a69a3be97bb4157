"""Files as records: what lands, with which fingerprint, and what is refused in words."""

from __future__ import annotations

import gzip
import json
import os

import pytest

from social_signals.core.errors import ConfigError
from social_signals.ingest.places import find_files
from social_signals.ingest.read import open_files
from social_signals.ingest.source import Opened


def landed(dataset):
    ids = [batch.id for batch in dataset.batches]
    return sorted((tuple(r) for r in dataset.read(ids).select("record", "file", "batch_id").collect()), key=str), ids


def test_lines_land_as_received_with_the_id_of_their_file(spark_session, tmp_path):
    folder = tmp_path / "dt=2020-01-01" / "odd [name] 100% é"
    folder.mkdir(parents=True)
    (folder / "a.jsonl").write_bytes(b'{"a": 1}\n\n   \n{"a": "\xff\x00"}\r\n')
    with gzip.open(folder / "b.jsonl.gz", "wt") as packed:
        packed.write('{"a": "second"}\n')
    (folder / "_SUCCESS").write_text("")
    (folder / "empty.jsonl").write_text("")
    dataset = open_files(spark_session, "posts", str(tmp_path))
    records, ids = landed(dataset)
    assert [b.label for b in dataset.batches] == ["a.jsonl", "b.jsonl.gz", "empty.jsonl"]
    assert sorted(records) == sorted(
        [
            ('{"a": 1}', "a.jsonl", ids[0]),
            ('{"a": "\ufffd\ufffd"}', "a.jsonl", ids[0]),
            ('{"a": "second"}', "b.jsonl.gz", ids[1]),
        ]
    )
    assert dataset.columns == ["a"]


def test_a_fingerprint_changes_with_the_file(spark_session, tmp_path):
    file = tmp_path / "a.jsonl"

    def fingerprint(text, modified):
        file.write_text(text)
        os.utime(file, (modified, modified))
        return find_files(spark_session, str(tmp_path), setting="source.posts")[0].batch_id

    first = fingerprint("{}", 1000)
    assert fingerprint("{}", 1000) == first
    assert len({first, fingerprint("{}", 1001), fingerprint("{ }", 1000)}) == 3


def test_csv_rows_land_as_json_of_texts(spark_session, tmp_path):
    file = tmp_path / "a.csv"
    file.write_text('id,text\n007,"he said ""no"",\nthen left"\n8,,\n9\n10,\n')
    dataset = open_files(spark_session, "posts", str(file))
    records = [json.loads(r) if r.startswith("{") else r for r, *_ in landed(dataset)[0]]
    assert dataset.columns == ["id", "text"]
    assert {"id": "007", "text": 'he said "no",\nthen left'} in records
    assert {"id": "10"} in records
    # Longer and shorter than the header: as received, so that silver can say what is wrong with it.
    assert [r for r in records if isinstance(r, str)] == ["8,,", "9"]


def test_a_table_without_header_has_numbered_columns(spark_session, tmp_path):
    (tmp_path / "a.tsv").write_text("1\tx\n")
    dataset = open_files(spark_session, "posts", str(tmp_path / "*.tsv"), header=False)
    assert [json.loads(r) for r, *_ in landed(dataset)[0]] == [{"_c0": "1", "_c1": "x"}]


def test_parquet_lands_with_partitions_and_microseconds(spark_session, tmp_path):
    typed = spark_session.sql(
        "SELECT 'p1' AS id, TIMESTAMP '2020-01-01 00:00:00.123456' AS at, 'de' AS lang, CAST(NULL AS INT) AS n"
    )
    typed.write.partitionBy("lang").parquet(str(tmp_path / "t"))
    dataset = open_files(spark_session, "posts", str(tmp_path / "t"))
    assert [json.loads(r) for r, *_ in landed(dataset)[0]] == [
        {"id": "p1", "at": "2020-01-01T00:00:00.123456Z", "lang": "de"}
    ]


def test_a_delta_folder_is_one_batch_a_version(spark_session, tmp_path):
    place = str(tmp_path / "d")
    spark_session.sql("SELECT 'p1' AS id").write.format("delta").save(place)
    first = open_files(spark_session, "posts", place).batches
    spark_session.sql("SELECT 'p2' AS id").write.format("delta").mode("append").save(place)
    dataset = open_files(spark_session, "posts", place)
    assert len(first) == len(dataset.batches) == 1
    assert first[0].id != dataset.batches[0].id
    assert [json.loads(r)["id"] for r, *_ in landed(dataset)[0]] == ["p1", "p2"]


def test_what_is_left_of_a_truncated_file_is_read(spark_session, tmp_path):
    lines = "".join(json.dumps({"id": i, "noise": os.urandom(8).hex()}) + "\n" for i in range(5000)).encode()
    packed = gzip.compress(lines)
    (tmp_path / "cut.jsonl.gz").write_bytes(packed[: len(packed) // 2])
    (tmp_path / "whole.jsonl").write_text('{"id": "w"}\n')
    dataset = open_files(spark_session, "posts", str(tmp_path))
    left = (
        dataset.read_what_is_left([b.id for b in dataset.batches])
        .groupBy("file")
        .agg({"record": "count", "*": "count"})
    )
    counts = {r["file"]: (r["count(record)"], r["count(1)"]) for r in left.collect()}
    readable, rows = counts["cut.jsonl.gz"]
    assert 2000 < readable < 3000
    # One null record says that something followed.
    assert rows == readable + 1
    assert counts["whole.jsonl"] == (1, 1)
    whole = [b.id for b in dataset.batches if b.label == "whole.jsonl"]
    assert dataset.read_what_is_left(whole) is None


@pytest.mark.parametrize(
    ("files", "place", "words"),
    [
        ([], "", "is an empty folder"),
        ([], "nowhere/*.jsonl", "matches no file"),
        (["a.jsonl", "b.csv"], "", r"files of several formats \(csv, jsonl\)"),
        (["notes.txt"], "", "no file whose name tells its format; it has notes.txt"),
        (["dump.7z"], "", "unpack them first"),
    ],
)
def test_a_place_without_usable_files_is_a_sentence(spark_session, tmp_path, files, place, words):
    for name in files:
        (tmp_path / name).write_text("x")
    with pytest.raises(ConfigError, match=words):
        open_files(spark_session, "posts", f"{tmp_path}/{place}" if place else str(tmp_path))


def test_no_table_at_the_place_is_a_sentence(spark_session, tmp_path):
    with pytest.raises(ConfigError, match=r"source\.posts=.* is no Delta table"):
        open_files(spark_session, "posts", str(tmp_path), file_format="delta")


def test_a_source_is_told_by_what_it_holds(spark_session, tmp_path):
    def fingerprint(name="ours"):
        return Opened(name, [open_files(spark_session, "posts", str(tmp_path))], []).fingerprint

    (tmp_path / "a.jsonl").write_text('{"a": 1}\n')
    first = fingerprint()
    assert fingerprint() == first
    assert fingerprint("another") != first
    (tmp_path / "b.jsonl").write_text('{"a": 1}\n')
    second = fingerprint()
    (tmp_path / "b.jsonl").write_text('{"a": 12}\n')
    assert len({first, second, fingerprint()}) == 3
    (tmp_path / "b.jsonl").unlink()
    assert fingerprint() == first
