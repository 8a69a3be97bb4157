import pytest

from social_signals.core.errors import ModelMismatchError
from social_signals.models.contributions import Explanation
from social_signals.scoring.churn import as_scores, predict_churn
from social_signals.scoring.params import ScoringParams
from social_signals.scoring.tenths import tenths_of
from social_signals.tables.gold import CHURN_SCORES, P_CHURN


def score_churn(features, *, model, device="cpu", **settings):
    """As the job does: everybody predicted, placed, and explained by what the settings say."""
    tenths = tenths_of(predict_churn(features, model=model, device=device), by=P_CHURN, tie="user_id")
    explanation = ScoringParams(**settings).explanation(tenths, by=P_CHURN, device=device)
    predicted = predict_churn(features, model=model, explanation=explanation, device=device)
    return as_scores(predicted, tenths, model_id=model.model_id)


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
    assert {(r["reasons"], r["reasons_method"]) for r in scores} == {(None, "none")}


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


def test_a_large_slice_is_explained_exactly_at_its_top_and_as_said_below(features, churn):
    people = features(*everybody(20)).repartition(3)
    chosen = {"model": churn, "exact_up_to_rows": 10, "exact_deciles": 2, "top_reasons": 2}
    found = {r["user_id"]: r for r in score_churn(people, **chosen).collect()}
    likeliest = sorted(found, key=lambda user: -found[user]["p_churn"])
    last = found[likeliest[3]]["p_churn"]
    exact = {user for user, r in found.items() if r["reasons_method"] == "exact"}
    assert exact == {user for user, r in found.items() if r["p_churn"] >= last}, (
        "as likely as the last of the second tenth"
    )
    assert {r["reasons_method"] for r in found.values()} == {"exact", "approximate"}
    everybody_exactly = score_churn(people, model=churn, top_reasons=2).collect()
    for row in everybody_exactly:
        assert row["reasons_method"] == "exact"
        if row["user_id"] in exact:
            assert row == found[row["user_id"]]
    rest = {r["user_id"]: r for r in score_churn(people, **chosen, rest="none").collect()}
    assert {user for user, r in rest.items() if r["reasons"] is not None} == exact
    above = score_churn(people, **(chosen | {"exact_deciles": 0, "exact_above": 0.0})).collect()
    assert {r["reasons_method"] for r in above} == {"exact"}
    rough = score_churn(people, model=churn, reasons="approximate").collect()
    assert {r["reasons_method"] for r in rough} == {"approximate"}


def test_on_a_gpu_everybody_is_explained_exactly():
    from social_signals.scoring.tenths import Tenths

    large = Tenths(1_000_000, [(0.9 - place / 10, "u") for place in range(9)])
    settings = ScoringParams(reasons="approximate")
    assert settings.explanation(large, by=P_CHURN, device="cuda") == Explanation(3, P_CHURN)
    assert ScoringParams(reasons="none").explanation(large, by=P_CHURN, device="cuda") is None
    by_default = ScoringParams().explanation(large, by=P_CHURN, device="cpu")
    assert by_default is not None
    assert (by_default.exact_from, by_default.rest) == (pytest.approx(0.7), "approximate")
