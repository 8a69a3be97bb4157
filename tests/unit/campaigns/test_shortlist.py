"""Small frames to the judgement of each creator: what counts, who is left out, what raises the fit."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import numpy as np
import pytest
from pyspark.sql import DataFrame, SparkSession

from social_signals.campaigns import BriefParams, Known, ShortlistParams, Textual, Topical, judged
from social_signals.campaigns.overlap import overlaps, signatures
from social_signals.campaigns.quality import has_term
from social_signals.campaigns.relevance import text_relevance
from social_signals.campaigns.results import campaign_results, own_prices
from social_signals.tables.gold_texts import POST_EMBEDDINGS, POST_LANGUAGE, POST_SENTIMENT, POST_TOPICS
from social_signals.tables.silver import CAMPAIGNS, INTERACTIONS, POSTS

AS_OF = datetime(2024, 3, 1, tzinfo=timezone.utc)
Rows = Callable[..., DataFrame]
Record = dict[str, Any]
BRIEF = BriefParams(
    topics=["1"], tiers=["nano", "micro"], languages=["en"], budget=400.0, blocked_terms=["snake oil"], max_negative_ratio=0.8,
)  # fmt: skip
SCORES = [
    ("ann", 0.8, "micro"), ("bob", 0.5, "nano"), ("cat", 0.5, "nano"), ("dan", 0.5, "nano"), ("eve", 0.5, "nano"),
    ("fay", 0.9, "mega"), ("gil", 0.5, "nano"), ("hal", 0.5, "nano"), ("ida", 0.5, "nano"),
]  # fmt: skip
# (post, author, share of topic 1, language, text)
WROTE = [
    ("a1", "ann", 1.0, "en", "beer"), ("a2", "ann", 0.5, "en", "hops"), ("b1", "bob", 0.0, "en", "cars"),
    ("c1", "cat", 1.0, "en", "try Snake  OIL!"), ("e1", "eve", 1.0, "de", "Bier"), ("f1", "fay", 1.0, "en", "beer"),
    ("g1", "gil", 1.0, "en", "beer"), ("h1", "hal", 1.0, "en", "beer"), ("i1", "ida", 1.0, "en", "beer"),
]  # fmt: skip
# Who engaged with whom.
ACTED = [
    *((f"x{n}", "ann") for n in range(8)),
    *((one, who) for one in ("x1", "y1") for who in ("bob", "cat", "eve", "hal", "ida")),
]


def ago(days: float) -> datetime:
    return AS_OF - timedelta(days=days)


def post(
    name: str, author: str, text: str = "words", *, parent: str | None = None, days: float = 5, **more: Any
) -> Record:
    return {"post_id": name, "author_id": author, "text": text, "parent_post_id": parent, "event_ts": ago(days), **more}


def campaign(
    name: str, creator: str, cost: float | None, *, currency: str = "USD", end: float = 20, **more: Any
) -> Record:
    return {
        "campaign_id": name, "creator_id": creator, "cost": cost, "currency": currency, "start_ts": ago(end + 10), "end_ts": ago(end),
        **more,
    }  # fmt: skip


def act(number: int, kind: str, campaign_id: str, *, days: float = 21, **more: Any) -> Record:
    return {"interaction_id": f"i{number}", "kind": kind, "campaign_id": campaign_id, "event_ts": ago(days), **more}


def about(name: str, share: float, *, model: str = "t") -> Record:
    weights = [(1, share), (2, 1.0 - share)]
    return {"post_id": name, "topic": 1 if share > 0.5 else 2, "weights": weights, "model_id": model}


def feels(name: str, label: str) -> Record:
    return {"post_id": name, "label": label, "p_negative": 0.3, "p_neutral": 0.3, "p_positive": 0.4, "model_id": "m"}


def known_by(
    rows: Rows, spark: SparkSession, *, more: list[Record] | None = None, parts: int = 1, **also: Any
) -> Known:
    answers = [post(f"r{n}", "x", parent="a1", days=2) for n in range(4)]
    # ten of ten answers to ida are not kind
    answers += [post(f"s{n}", "y", parent="i1", days=2) for n in range(40)]
    posts = [post(name, author, text) for name, author, _, _, text in WROTE] + answers + (more or [])
    moods = [feels(f"r{n}", "negative" if n == 0 else "neutral") for n in range(4)]
    moods += [feels(f"s{n}", "negative") for n in range(40)]
    languages = {name: language for name, _, _, language, _ in WROTE} | {"z1": "de"}
    read = [
        {"post_id": name, "language": code, "confidence": 1.0, "is_read": True, "read_by": "m", "model_id": "m"}
        for name, code in languages.items()
    ]
    edges = [(src, dst, 1.0) for src, dst in ACTED]
    spent = [campaign("k1", "hal", 500.0), campaign("k2", "ann", 200.0), campaign("k3", "zoe", 100.0)]
    brought = [act(n, "like", "k2") for n in range(4)] + [act(10, "like", "k3")]
    topics = [about(name, share) for name, _, share, _, _ in WROTE] + [
        about("z1", 0.0),
        about("a1", 0.0, model="older"),
    ]
    return Known(
        scores=spark.createDataFrame(SCORES, "user_id string, influence double, tier string").repartition(parts),
        posts=rows(POSTS, *posts).repartition(parts),
        interactions=rows(INTERACTIONS, *brought),
        campaigns=rows(CAMPAIGNS, *spent),
        edges=spark.createDataFrame(edges, "src string, dst string, weight double").repartition(parts),
        sentiment=rows(POST_SENTIMENT, *moods).repartition(parts),
        post_language=rows(POST_LANGUAGE, *read),
        topical=Topical(rows(POST_TOPICS, *topics).repartition(parts), [1], "t"),
        **also,
    )


def people_of(known: Known, brief: BriefParams = BRIEF) -> dict[str, dict[str, Any]]:
    found = judged(known, brief=brief, params=ShortlistParams(), as_of=AS_OF).collect()
    assert len(found) == len({row["user_id"] for row in found})
    return {row["user_id"]: row.asDict() for row in found}


@pytest.fixture(scope="module")
def people(rows: Rows, spark_session: SparkSession) -> dict[str, dict[str, Any]]:
    return people_of(known_by(rows, spark_session))


@pytest.fixture(scope="module")
def doubted(rows: Rows, spark_session: SparkSession) -> dict[str, dict[str, Any]]:
    """The same by texts too, with a doubt about ann, rows dealt out otherwise, and rows that nobody knew of by then."""
    later = [
        post("z1", "ann", "snake oil", days=-1), post("z2", "ann", "snake oil", days=3, ingested_ts=ago(-1)),
        post("z3", "dan", days=91), post("z4", "x", parent="a1", days=-1),
    ]  # fmt: skip
    doubts = spark_session.createDataFrame(
        [("ann", 0.5, ["bursts"])], "user_id string, authenticity double, discount_reasons array<string>"
    )
    embedded = rows(POST_EMBEDDINGS, {"post_id": "a1", "embedding": [0.6, 0.8], "model_id": "e"})
    textual = Textual(embedded, np.array([[1.0, 0.0]], dtype=np.float32), "e")
    return people_of(known_by(rows, spark_session, more=later, parts=5, textual=textual, quality=doubts))


def test_each_filter_takes_whom_it_is_for(people: dict[str, dict[str, Any]]) -> None:
    assert {name: row["excluded"] for name, row in people.items()} == {
        "ann": None, "bob": None, "cat": "brand_safety", "dan": "no_posts", "eve": "language", "fay": "tier", "gil": "no_audience",
        "hal": "price", "ida": "mood",
    }  # fmt: skip


def test_what_is_known_of_a_creator(people: dict[str, dict[str, Any]]) -> None:
    ann = people["ann"]
    assert (ann["topic_share"], ann["topical_posts"], ann["posts_written"], ann["audience_count"]) == (0.75, 2, 2, 8)
    # 7.5 of nine posts are about the topic; three average ones are added to her two
    assert ann["topic_relevance"] == pytest.approx((1.5 + 3 * 7.5 / 9) / 5)
    assert (ann["replies_read"], ann["replies_negative"]) == (4, 1)
    assert ann["negative_ratio"] == pytest.approx((1 + 10 * 41 / 44) / 14)
    assert (ann["engagements_per_post"], ann["ahead_of_ratio"]) == (4.0, 0.5)
    # 4 for 200, 1 for 100, none for 500: the median is 0.01 a dollar, hers 0.02
    assert (ann["results_as_found"], ann["campaigns_count"]) == (2.0, 1)
    assert ann["campaign_results"] == pytest.approx((2.0 + 2) / 3)
    assert (ann["price"], ann["is_price_known"]) == (200.0, True)
    bob = people["bob"]
    assert (bob["price"], bob["is_price_known"], bob["campaign_results"], bob["campaigns_count"]) == (
        100.0,
        False,
        1.0,
        0,
    )


def test_fit_is_the_weighted_geometric_mean_of_its_parts(people: dict[str, dict[str, Any]]) -> None:
    ann = people["ann"]
    parts = [ann["relevance"], ann["influence"], ann["post_quality"], (4 / 3) / (4 / 3 + 1)]
    assert ann["fit"] == pytest.approx(np.prod(np.power(parts, [0.5, 0.2, 0.2, 0.1])), abs=1e-8)
    assert all(0 <= row["fit"] <= 1 for row in people.values() if row["fit"] is not None)
    assert ann["fit"] > people["bob"]["fit"]


def test_what_was_not_known_changes_nothing_nor_does_the_order_of_rows(
    people: dict[str, dict[str, Any]], doubted: dict[str, dict[str, Any]]
) -> None:
    moved = ("text_relevance", "relevance", "authenticity", "discount_reasons", "fit")
    for name, row in people.items():
        assert {k: v for k, v in doubted[name].items() if k not in moved} == {
            k: v for k, v in row.items() if k not in moved
        }


def test_texts_are_compared_with_the_closest_posts(rows: Rows, spark_session: SparkSession) -> None:
    vectors = {"p1": [1.0, 0.0], "p2": [0.0, 1.0], "p3": [-1.0, 0.0], "p4": [0.6, 0.8]}
    embedded = [{"post_id": name, "embedding": vector, "model_id": "e"} for name, vector in vectors.items()]
    embedded.append({"post_id": "p1", "embedding": [0.0, 0.0], "model_id": "older"})
    written = spark_session.createDataFrame(
        [("ann", "p1"), ("ann", "p2"), ("ann", "p4"), ("bob", "p3")], "user_id string, post_id string"
    )
    found = text_relevance(
        written, rows(POST_EMBEDDINGS, *embedded), texts=np.array([[1.0, 0.0], [0.8, 0.6]], dtype=np.float32), model_id="e",
        params=ShortlistParams(best_posts=2),
    )  # fmt: skip
    # nearest of the two texts: p1 1, p4 0.96, p2 0.6, p3 -0.8; an average post stands in for the second of bob's
    scores = {row["user_id"]: row["text_relevance"] for row in found.collect()}
    assert scores["ann"] == pytest.approx(0.98)
    assert scores["bob"] == 0.0


def test_texts_beside_topics_and_doubts_about_engagement_move_the_fit(
    people: dict[str, dict[str, Any]], doubted: dict[str, dict[str, Any]]
) -> None:
    ann, before = doubted["ann"], people["ann"]
    assert ann["text_relevance"] == pytest.approx(0.6)
    assert ann["relevance"] == pytest.approx((before["topic_relevance"] + 0.6) / 2)
    assert ann["fit"] == pytest.approx(before["fit"] * (ann["relevance"] / before["relevance"]) ** 0.5 / 2, abs=1e-8)
    assert ann["discount_reasons"] == ["bursts"]
    # none of his posts has a vector, and nobody looked at his engagement
    assert (doubted["bob"]["relevance"], doubted["bob"]["authenticity"]) == (people["bob"]["topic_relevance"] / 2, None)


def test_blocked_terms_are_whole_words_as_they_are_written(spark_session: SparkSession) -> None:
    texts = {
        "CRYPTO now": True, "cryptography": False, "my crypto.": True, "C++ is fun": True, "c is fun": False, "get\n rich": True,
        "get richer": False, "ÄRGER": True, "a.b": True, "axb": False, "#ad": True, "#adventure": False,
    }  # fmt: skip
    frame = spark_session.createDataFrame(
        [(None if n % 2 else text, text if n % 2 else None) for n, text in enumerate(texts)],
        "title string, text string",
    )
    terms = ["crypto", "c++", "get rich", "ärger", "a.b", "#ad"]
    found = [row["has"] for row in frame.select(has_term(terms).alias("has")).collect()]
    assert dict(zip(texts, found, strict=True)) == texts


def test_campaigns_are_judged_by_what_they_brought_for_their_cost(rows: Rows) -> None:
    campaigns = [
        campaign("k1", "ann", 100.0), campaign("k2", "ann", 100.0), campaign("k3", "bob", 100.0), campaign("k4", "cat", 300.0, end=-5),
        campaign("k5", "cat", None), campaign("k6", "dan", 50.0, currency="EUR"),
        campaign("k7", "eve", 900.0, ingested_ts=ago(-1)),
    ]  # fmt: skip
    acts = [
        *(act(n, "like", "k1") for n in range(3)), *(act(10 + n, "share", "k2") for n in range(2)), act(20, "view", "k3"),
        act(21, "click", "k3"), act(22, "like", "k3", days=-1), act(23, "like", "k3", ingested_ts=ago(-1)), act(30, "like", "k6"),
        act(40, "purchase", "k1", value=50.0, currency="USD"), act(41, "refund", "k1", value=10.0, currency="USD"),
        act(42, "purchase", "k2", value=20.0, currency="USD"), act(43, "purchase", "k3", value=20.0, currency="EUR"),
        act(44, "purchase", "k3", value=10.0, currency="USD"),
    ]  # fmt: skip
    found = campaign_results(
        rows(CAMPAIGNS, *campaigns), rows(INTERACTIONS, *acts), as_of=AS_OF, params=ShortlistParams(prior_campaigns=2.0)
    )
    results = {row["user_id"]: row for row in found.collect()}
    # engagements 3, 2, 1 and dollars 40, 20, 10 for the same cost, against the middle one of each
    assert results["ann"]["results_as_found"] == pytest.approx(((3 / 2 + 40 / 20) / 2 + 1) / 2)
    assert results["bob"]["results_as_found"] == pytest.approx((1 / 2 + 10 / 20) / 2)
    assert results["bob"]["campaign_results"] == pytest.approx((0.5 + 2) / 3)
    # no money came of campaigns in euros, so engagements alone count, and it is its own median
    assert (results["dan"]["results_as_found"], set(results)) == (1.0, {"ann", "bob", "dan"})
    prices = {
        r["user_id"]: r["price"] for r in own_prices(rows(CAMPAIGNS, *campaigns), as_of=AS_OF, currency="USD").collect()
    }
    assert prices == {"ann": 100.0, "bob": 100.0, "cat": 300.0}


def test_signatures_estimate_how_much_audiences_share(spark_session: SparkSession) -> None:
    audiences = {"ann": range(600), "bob": range(300, 900), "cat": range(900, 950), "dan": range(600)}
    edges = [(f"p{n}", name, 1.0) for name, people in audiences.items() for n in people]
    frame = spark_session.createDataFrame(edges, "src string, dst string, weight double").repartition(3)
    minima = 256
    signed = {row["user_id"]: row["signature"] for row in signatures(frame, minima=minima).collect()}
    names = sorted(audiences)
    near = overlaps(np.array([signed[name] for name in names], dtype=np.int64))
    truth = 300 / 900
    assert abs(near[0, 1] - truth) < 4 * np.sqrt(truth * (1 - truth) / minima)
    assert (near[0, 3], near[0, 2], near[0, 0]) == (1.0, 0.0, 0.0)
    assert (near == near.T).all()
