"""Texts in groups: what is read together costs the same."""

from __future__ import annotations

from pyspark.sql import SparkSession

from social_signals.nlp.packaged import MARKED, SentimentModel, pieces_of
from social_signals.nlp.reading import GROUP, grouped_texts
from social_signals.nlp.words import CASE_MARKS


def test_texts_of_a_group_have_as_many_word_pieces(spark_session: SparkSession) -> None:
    # as many words each, but the one kind costs four times as much
    texts = [word + " a" * i for i in range(GROUP // 2) for word in ("aaaa", "abcd")]
    posts = spark_session.createDataFrame(
        [(str(i), text) for i, text in enumerate([*texts, *(text + " !" for text in texts)])],
        "post_id string, text string",
    )
    pieces = frozenset({"aa", "##aa", "a", "abcd", "!"})
    groups = grouped_texts(posts, partitions=1, languages=None, inputs=[MARKED], pieces=pieces).select("text").collect()

    def cost(text: str) -> int:
        return sum(2 if word == "aaaa" else 1 for word in text.split())

    spans = sorted((min(map(cost, group.text)), max(map(cost, group.text))) for group in groups)
    assert len(spans) == 2
    assert spans[0][1] <= spans[1][0], "the dear ones are together"


def test_a_packaged_model_says_which_pieces_it_knows(sentiment_model: SentimentModel) -> None:
    pieces = pieces_of(sentiment_model.stage)
    assert {"the", "##ing", "!"} <= pieces
    assert not any(piece[0] in CASE_MARKS for piece in pieces if piece)
    assert pieces_of(object()) == frozenset(), "no WordPiece, no pieces"


def test_which_texts_share_a_group_does_not_hang_on_the_number_of_partitions(spark_session: SparkSession) -> None:
    spark = spark_session.newSession()
    posts = spark.createDataFrame(
        [(str(i), f"text number {i}") for i in range(3 * GROUP)], "post_id string, text string"
    )

    def groups(shuffle_partitions: int) -> set[tuple[str, ...]]:
        spark.conf.set("spark.sql.shuffle.partitions", str(shuffle_partitions))
        found = grouped_texts(posts, partitions=8, languages=None, inputs=[MARKED]).select("text_hash").collect()
        return {tuple(row[0]) for row in found}

    # As many as the texts are dealt to, and another number.
    assert groups(8) == groups(3)
    assert len(groups(8)) > 3, "dealt to eight tasks, however few the texts are"
