from social_signals.models.contributions import Explanation
from social_signals.scoring.influence import AUDIENCE, predict_influence, with_standing
from social_signals.tables.gold import INFLUENCE_SCORES


def score_influence(features, *, model, previous=None, top_reasons=0, emerging_max_followers=None):
    explanation = Explanation(top_reasons, "influence") if top_reasons else None
    predicted = predict_influence(features, model=model, explanation=explanation, keep=AUDIENCE)
    before = None if previous is None else predict_influence(previous, model=model)
    return with_standing(predicted, previous=before, emerging_max_followers=emerging_max_followers)


def by_user(scores):
    return {r["user_id"]: r for r in scores.collect()}


def test_rank_momentum_tier_and_emerging_by_eye(features, influence):
    now = features(
        ("star", 1.0, 900, 2_000_000),
        ("rising", 0.0, 5, 200),
        ("middle", 60.0, 50, 150_000),
        ("quiet", 90.0, 1, 20_000),
        ("unread", 95.0, 0, None),
    )
    before = features(("star", 1.0, 0, 0), ("rising", 90.0, 0, 0), ("gone", 0.0, 0, 0))
    scores = score_influence(now, model=influence, previous=before, top_reasons=2)
    assert scores.columns == INFLUENCE_SCORES.columns
    found = by_user(scores)
    assert {user: r["rank"] for user, r in found.items()} == {
        "rising": 1,
        "star": 2,
        "middle": 3,
        "quiet": 4,
        "unread": 5,
    }
    assert {user: r["tier"] for user, r in found.items()} == {
        "star": "mega", "rising": "nano", "middle": "mid", "quiet": "micro", "unread": "nano",
    }  # fmt: skip
    assert [user for user, r in found.items() if r["is_emerging"]] == ["rising"]
    assert found["star"]["momentum"] == 0.0
    assert found["rising"]["momentum"] > 0.1
    assert found["quiet"]["momentum"] is None
    assert all(0 <= r["influence"] <= 1 for r in found.values())


def test_without_followers_the_tier_and_the_small_audience_go_by_what_was_received(features, influence):
    people = [(f"u{i:02}", float(i), 100 - i if i else 0, None) for i in range(20)]
    found = by_user(score_influence(features(*people), model=influence, top_reasons=0))
    assert found["u00"]["tier"] == "nano"
    assert found["u00"]["is_emerging"]
    assert not found["u01"]["is_emerging"]
    assert found["u01"]["tier"] in ("macro", "mega")
    assert found["u15"]["tier"] == "nano"
    assert {r["momentum"] for r in found.values()} == {None}


def test_a_threshold_of_followers_replaces_the_median(features, influence):
    people = features(("a", 0.0, 1, 5_000), ("b", 90.0, 1, 10), ("c", 95.0, 1, 20))
    by_median = by_user(score_influence(people, model=influence, top_reasons=0))
    by_limit = by_user(score_influence(people, model=influence, top_reasons=0, emerging_max_followers=10_000))
    assert not by_median["a"]["is_emerging"]
    assert by_limit["a"]["is_emerging"]
