import pytest

from social_signals.scoring.tenths import tenths_of, with_tenth

SCORES = [0.0, 0.0, 0.1, 0.10001, 0.25, 0.5, 0.5, 0.5, 0.99999, 1.0]


@pytest.mark.parametrize("count", [1, 9, 10, 203])
def test_tenths_are_those_of_a_plain_sort_ties_by_the_tie_break(spark_session, count):
    rows = [(f"u{i:03}", SCORES[(i * 7) % len(SCORES)]) for i in range(count)]
    frame = spark_session.createDataFrame(rows, "user_id string, score double").repartition(3)
    tenths = tenths_of(frame, by="score", tie="user_id")
    assert tenths.total == count
    found = {r["user_id"]: r["decile"] for r in with_tenth(frame, tenths, by="score", tie="user_id").collect()}
    ordered = sorted(rows, key=lambda row: (-row[1], row[0]))
    assert found == {user: place * 10 // count + 1 for place, (user, _) in enumerate(ordered)}


def test_no_row_has_no_tenth(spark_session):
    empty = spark_session.createDataFrame([], "user_id string, score double")
    tenths = tenths_of(empty, by="score", tie="user_id")
    assert tenths.total == 0
    assert with_tenth(empty, tenths, by="score", tie="user_id").collect() == []
