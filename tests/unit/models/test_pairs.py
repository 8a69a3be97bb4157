import numpy as np
import pandas as pd
import pytest

from social_signals.core.errors import DataQualityError, ModelMismatchError
from social_signals.models.artefact import ModelStore
from social_signals.models.pairs import cross_validate, predict_pairs, read_pairs, train_influence_pairs
from social_signals.models.params import InfluenceParams
from social_signals.models.search_params import SearchParams


def table(count=300, people=60, seed=1):
    """Pairs of people whose true standing is their followers, seen through noise; `posts` says nothing."""
    rng = np.random.default_rng(seed)
    followers, posts = np.exp(rng.normal(6, 2, people)).astype(int), rng.integers(0, 9, people)
    a, b = rng.integers(0, people, (2, count))
    won = np.log1p(followers[a]) - np.log1p(followers[b]) + rng.normal(0, 0.5, count) > 0
    return pd.DataFrame(
        {
            "Choice": won.astype(int), "A_follower_count": followers[a], "A_posts": posts[a],
            "B_follower_count": followers[b], "B_posts": posts[b],
        }
    )  # fmt: skip


def swapped(pairs):
    turned = {c: ("B_" if c[0] == "A" else "A_") + c[2:] for c in pairs.columns if c[:2] in ("A_", "B_")}
    return pairs.rename(columns=turned)


@pytest.fixture(scope="module")
def trained(_spark_session, tmp_path_factory):
    store = ModelStore(tmp_path_factory.mktemp("models"))
    settings = {"params": InfluenceParams(folds=2), "num_workers": 1, "seed": 3, "device": "cpu", "store": store}
    model, is_new = train_influence_pairs(_spark_session, read_pairs(table()), **settings)
    found, is_new_again = train_influence_pairs(_spark_session, read_pairs(table()), **settings)
    assert (is_new, is_new_again) == (True, False)
    assert found.booster == model.booster
    return model


def test_the_model_is_judged_by_row_and_on_people_never_seen(trained):
    influence = trained.metrics["influence"]
    assert influence["cv_row"]["roc_auc"] > 0.9
    assert influence["cv_unseen"]["roc_auc"] > 0.85
    assert influence["baselines"]["followers"]["cv_unseen"]["roc_auc"] > 0.9


def test_swapping_a_and_b_turns_p_into_one_minus_p(trained):
    fresh = table(count=100, seed=2)
    pairs, told = predict_pairs(trained, fresh)
    _, turned = predict_pairs(trained, swapped(fresh))
    assert told.probability + turned.probability == pytest.approx(np.ones(100), abs=1e-12)
    assert told.low + turned.high == pytest.approx(np.ones(100), abs=1e-12)
    assert ((told.probability > 0.5) == (pairs.a_won == 1)).mean() > 0.8


def test_the_interval_holds_the_probability_and_is_narrower_than_everything(trained):
    _, told = predict_pairs(trained, table(count=100, seed=2))
    assert (told.low <= told.probability).all()
    assert (told.probability <= told.high).all()
    assert (told.high - told.low).mean() < 0.5
    assert (told.high > told.low).all()


def test_labels_are_not_needed_to_predict_and_not_looked_at(trained):
    fresh = table(count=20, seed=2)
    _, told = predict_pairs(trained, fresh)
    for unlabelled in (fresh.drop(columns="Choice"), fresh.assign(Choice=1 - fresh["Choice"])):
        assert (predict_pairs(trained, unlabelled)[1].probability == told.probability).all()


def test_the_same_values_are_the_same_person_on_either_side():
    some = read_pairs(table(count=50, people=5))
    assert len(set(some.persons_a) | set(some.persons_b)) <= 5
    same = (some.a[:, None] == some.b[None]).all(axis=2)
    assert ((some.persons_a[:, None] == some.persons_b[None]) == same).all()


def test_the_same_seed_gives_the_same_validation():
    some = read_pairs(table(count=60, people=12))
    first, again = (cross_validate(some, folds=2, seed=1) for _ in range(2))
    assert first == again


def test_a_search_judges_settings_on_unseen_people_and_grows_the_best(spark_session, tmp_path):
    settings = {
        "params": InfluenceParams(folds=2), "num_workers": 1, "seed": 3, "device": "cpu", "store": ModelStore(tmp_path),
        "tuning": SearchParams(method="grid", n_trials=2, folds=1, at_once=2, space={"max_depth": [1, 5]}),
    }  # fmt: skip
    model, is_new = train_influence_pairs(spark_session, read_pairs(table(count=120)), **settings)
    trials = model.card["search"]["trials"]
    best = min(trials, key=lambda trial: trial["loss"])
    assert is_new
    assert [trial["settings"] for trial in trials] == [{"max_depth": 1}, {"max_depth": 5}]
    assert len({trial["loss"] for trial in trials}) == 2
    assert model.card["xgboost"]["max_depth"] == best["settings"]["max_depth"]
    assert model.metrics["influence"]["search"]["best_loss"] == best["loss"]


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda t: t.drop(columns="Choice"), "needs Choice"),
        (lambda t: t[["Choice", "A_posts"]], "needs Choice and"),
        (lambda t: t.iloc[:0], "has 0 pairs"),
        (lambda t: t.assign(Choice=2), "other than 0 and 1"),
        (lambda t: t.assign(Choice=None), "other than 0 and 1"),
    ],
)
def test_a_table_of_another_shape_is_a_sentence(spoil, words):
    with pytest.raises(DataQualityError, match=words):
        read_pairs(spoil(table(count=10)))


def test_one_class_is_refused(spark_session, tmp_path):
    pairs = read_pairs(table(count=10).assign(Choice=1))
    with pytest.raises(DataQualityError, match="one class only"):
        train_influence_pairs(
            spark_session,
            pairs,
            params=InfluenceParams(),
            num_workers=None,
            seed=1,
            device="cpu",
            store=ModelStore(tmp_path),
        )


def test_a_model_of_another_kind_cannot_judge_pairs(churn_model):
    with pytest.raises((ModelMismatchError, KeyError), match="wanted is one of influence_pairs"):
        predict_pairs(churn_model, table(count=5))
