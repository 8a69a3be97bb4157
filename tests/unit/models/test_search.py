"""A search of settings: the same one every time, resumable, and never by the test. The losses here are made up."""

import math
from datetime import datetime, timedelta, timezone

import pytest

from social_signals.core.errors import ConfigError
from social_signals.evaluation.splits import rolling_folds, split_by_time
from social_signals.models.params import XGBoostParams
from social_signals.models.search import best_of, search, storage_of
from social_signals.models.search_params import SearchParams

SPACE = {"max_depth": {"low": 2, "high": 8}, "learning_rate": {"low": 0.01, "high": 0.3, "log": True}}
START = datetime(2020, 1, 1, tzinfo=timezone.utc)


class Bowl:
    """A loss that is least at a depth of 6 and a rate of 0.1, harder in the later folds; counts how often it was asked."""

    def __init__(self, fails_after=None):
        self.asked = []
        self.fails_after = fails_after

    def __call__(self, settings, fold):
        if self.fails_after is not None and len(self.asked) >= self.fails_after:
            raise KeyboardInterrupt
        self.asked.append((settings.max_depth, settings.learning_rate, fold))
        return (
            0.3 + 0.02 * (settings.max_depth - 6) ** 2 + 0.1 * abs(math.log(settings.learning_rate / 0.1)) + 0.01 * fold
        )


@pytest.fixture
def searched(tmp_path):
    """`searched(params, score)`: the trials of a study that is kept in a folder of the test."""

    def run(params, score=None, *, folder="studies", reverse=False, seed=3):
        def together(calls):
            return [call() for call in calls[::-1]][::-1] if reverse else [call() for call in calls]

        storage = storage_of(params, folder=tmp_path / folder, study="s")
        return search(
            score or Bowl(), params=params, base=XGBoostParams(), folds=3, seed=seed, study="s", storage=storage, together=together,
        )  # fmt: skip

    return run


def test_tpe_finds_the_bottom_and_begins_with_the_configured_settings(searched):
    score = Bowl()
    trials = searched(SearchParams(method="tpe", n_trials=32, space=SPACE), score)
    assert trials[0].settings == {"max_depth": 3, "learning_rate": 0.03}
    assert best_of(trials).loss < 0.36 < trials[0].loss
    assert {trial.state for trial in trials} == {"complete", "pruned"}
    assert len(score.asked) == sum(len(trial.losses) for trial in trials) < 3 * 32


def test_the_same_search_gives_the_same_trials_whoever_is_faster(searched):
    params = SearchParams(method="tpe", n_trials=16, space=SPACE)
    first = searched(params, folder="a")
    assert searched(params, folder="b", reverse=True) == first
    assert searched(params, folder="c", seed=4) != first


def test_an_interrupted_search_goes_on_and_ends_as_an_undisturbed_one(searched):
    params = SearchParams(method="tpe", n_trials=16, space=SPACE)
    undisturbed = searched(params, folder="a")
    with pytest.raises(KeyboardInterrupt):
        searched(params, Bowl(fails_after=20), folder="b")
    rest = Bowl()
    assert searched(params, rest, folder="b") == undisturbed
    assert 0 < len(rest.asked) < sum(len(trial.losses) for trial in undisturbed)
    nothing = Bowl()
    assert searched(params, nothing, folder="b") == undisturbed
    assert nothing.asked == []


def test_a_longer_search_adds_to_what_is_there(searched):
    short = searched(SearchParams(method="random", n_trials=6, space=SPACE))
    assert len(short) == 8, "whole batches of four"
    more = Bowl()
    long = searched(SearchParams(method="random", n_trials=12, space=SPACE), more)
    assert (long[:8], len(long)) == (short, 12)
    assert len({depth_and_rate[:2] for depth_and_rate in more.asked}) == 4


def test_a_grid_is_tried_whole_and_once(searched):
    grid = SearchParams(method="grid", space={"max_depth": [2, 6], "subsample": [0.5, 0.8, 1.0]}, prune=False)
    trials = searched(grid)
    assert [tuple(t.settings.values()) for t in trials] == [(d, s) for d in (2, 6) for s in (0.5, 0.8, 1.0)]
    assert best_of(trials).settings == {"max_depth": 6, "subsample": 0.5}


def test_a_database_may_keep_the_study_and_a_wrong_one_is_a_sentence(searched, tmp_path):
    url = f"sqlite:///{tmp_path / 'studies.db'}"
    params = SearchParams(method="random", n_trials=4, space=SPACE, storage=url)
    assert searched(params) == searched(params, Bowl(fails_after=0))
    with pytest.raises(ConfigError, match=r"search\.storage=nothing://x cannot be opened"):
        searched(SearchParams(method="random", storage="nothing://x"))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"method": "bayes"}, r"search\.method is 'bayes'"),
        ({"n_trials": 0}, r"search\.n_trials is 0"),
        ({"space": {"n_estimators": [1]}}, r"search\.space\.n_estimators is nothing to search"),
        ({"space": {"max_depth": {"low": 2.5, "high": 8}}}, r"search\.space\.max_depth is"),
        ({"space": {"subsample": [0.5, 1.5]}}, r"xgboost\.subsample is 1\.5"),
        ({"space": {"subsample": {"low": 1, "high": 0.5}}}, r"search\.space\.subsample is"),
        ({"method": "grid", "space": {"subsample": {"low": 0.5, "high": 1}}}, "a range without a step"),
        ({"method": "grid", "n_trials": 5}, "27 combinations and search.n_trials is 5"),
    ],
)
def test_settings_that_cannot_be_searched_are_refused(wrong, words):
    with pytest.raises(ConfigError, match=words):
        SearchParams(**wrong)


def cutoffs(count):
    return [START + timedelta(days=30 * place) for place in range(count)]


def test_folds_roll_back_from_the_test_and_keep_the_embargo():
    splits = split_by_time(cutoffs(24), horizon_days=90)
    folds = rolling_folds(splits, horizon_days=90, most=3)
    assert (folds[0].train, folds[0].valid) == (splits.train, splits.valid)
    assert [len(fold.valid) for fold in folds] == [len(splits.valid)] * len(folds)
    assert len(folds) > 1
    for fold in folds:
        assert max(fold.train) + timedelta(days=90) <= min(fold.valid)
        assert max(fold.valid) + timedelta(days=90) <= min(splits.test)
    assert folds[1].valid[-1] < folds[0].valid[0]


def test_where_time_is_short_the_folds_are_people():
    folds = rolling_folds(split_by_time(cutoffs(2), horizon_days=90), horizon_days=90, most=3)
    assert [(fold.is_by_person, fold.part, fold.parts) for fold in folds] == [(True, n, 3) for n in range(3)]
