from social_signals.scoring.ranks import with_rank

SCORES = [0.0, 0.0, 0.1, 0.10001, 0.25, 0.5, 0.5, 0.5, 0.99999, 1.0]


def test_ranks_are_those_of_a_plain_sort_ties_by_the_tie_break(spark_session):
    rows = [(f"u{i:03}", SCORES[(i * 7) % len(SCORES)]) for i in range(200)]
    frame = spark_session.createDataFrame(rows, "user_id string, score double").repartition(5)
    found = {
        r["user_id"]: (r["rank"], r["total"]) for r in frame.transform(with_rank, by="score", tie="user_id").collect()
    }
    expected = sorted(rows, key=lambda row: (-row[1], row[0]))
    assert found == {user: (place, 200) for place, (user, _) in enumerate(expected, start=1)}


def test_no_row_gives_no_rank(spark_session):
    empty = spark_session.createDataFrame([], "user_id string, score double")
    assert empty.transform(with_rank, by="score", tie="user_id").collect() == []
