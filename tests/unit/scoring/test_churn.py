import pytest

from social_signals.core.errors import ModelMismatchError
from social_signals.scoring.churn import score_churn
from social_signals.tables.gold import CHURN_SCORES


def everybody(count):
    return [(f"u{i:02}", float(i * 5), 0, None) for i in range(count)]


def test_scores_are_probabilities_that_rise_with_silence_in_tenths(features, churn):
    scores = score_churn(features(*everybody(20)).repartition(3), model=churn, top_reasons=1)
    assert scores.columns == CHURN_SCORES.columns
    found = sorted(scores.collect(), key=lambda r: r["user_id"])
    p = [r["p_churn"] for r in found]
    assert p == sorted(p)
    assert 0 <= p[0] < 0.5 < p[-1] <= 1
    assert p == [round(value, 9) for value in p]
    assert sorted(r["decile"] for r in found) == [d for d in range(1, 11) for _ in range(2)]
    assert {r["decile"] for r in found[-2:]} <= {1, 2, 3, 4, 5}
    assert {r["model_id"] for r in found} == {"churn-test"}
    assert all(r["reasons"][0]["feature"] == "silent_days" for r in found)
    assert all(r["reasons"][0]["value"] == float(r["user_id"][1:]) * 5 for r in found)


def test_ties_are_ordered_by_user_id_so_deciles_are_the_same_on_every_run(features, churn):
    alike = [(f"u{i:02}", 99.0, 0, None) for i in range(10)]
    scores = score_churn(features(*alike), model=churn, top_reasons=0).collect()
    assert {r["user_id"]: r["decile"] for r in scores} == {f"u{i:02}": i + 1 for i in range(10)}
    assert {r["reasons"] for r in scores} == {None}


def test_a_single_person_and_a_missing_value_are_scored(features, churn):
    (only,) = score_churn(features(("u", None, 3, None)), model=churn, top_reasons=2).collect()
    assert 0 <= only["p_churn"] <= 1
    assert only["decile"] == 1
    assert {r["feature"]: r["value"] for r in only["reasons"]} == {"silent_days": None, "received_90d_count": 3.0}


def test_nobody_gives_no_row(features, churn):
    assert score_churn(features(("u", 1.0, 1, None)).limit(0), model=churn).collect() == []


def test_features_that_do_not_match_the_card_are_refused(features, churn, influence):
    with pytest.raises(
        ModelMismatchError, match="churn-test was made of 2 features, of which the rows lack silent_days"
    ):
        score_churn(features(("u", 1.0, 1, None)).drop("silent_days"), model=churn)
    with pytest.raises(ModelMismatchError, match="influence-test is a model of influence"):
        score_churn(features(("u", 1.0, 1, None)), model=influence)
