from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from social_signals.core.errors import DataQualityError
from social_signals.evaluation.splits import BY_PERSON, BY_TIME, BY_TIME_AND_PERSON, choose_cutoffs, split_by_time

START = datetime(2020, 1, 1, tzinfo=timezone.utc)
histories = st.fixed_dictionaries(
    {
        "history": st.integers(10, 2000), "lookback_days": st.integers(1, 120), "horizon_days": st.integers(1, 120),
        "step_days": st.integers(1, 60), "max_cutoffs": st.integers(1, 60),
    }
)  # fmt: skip


def days(count):
    return timedelta(days=count)


def test_cutoffs_step_back_from_the_newest_whose_outcome_has_passed():
    found = choose_cutoffs(START, START + days(200), lookback_days=60, horizon_days=50, step_days=40, max_cutoffs=9)
    assert found == [START + days(70), START + days(110), START + days(150)]


def test_a_history_too_short_for_one_cutoff_says_how_long_it_is_and_how_long_it_must_be():
    with pytest.raises(DataQualityError, match=r"is 120 days long .* needs 180"):
        choose_cutoffs(START, START + days(120), lookback_days=90, horizon_days=90, step_days=30, max_cutoffs=9)


def test_an_as_of_before_all_data_is_a_sentence():
    with pytest.raises(DataQualityError, match="is 0 days long"):
        choose_cutoffs(START, START - days(5), lookback_days=90, horizon_days=90, step_days=30, max_cutoffs=9)


@settings(deadline=None)
@given(histories)
def test_every_cutoff_has_its_lookback_and_its_outcome(case):
    as_of = START + days(case.pop("history"))
    try:
        found = choose_cutoffs(START, as_of, **case)
    except DataQualityError:
        assert as_of - days(case["horizon_days"]) < START + days(case["lookback_days"])
        return
    assert found == sorted(set(found))
    assert len(found) <= case["max_cutoffs"]
    for cutoff in found:
        assert START + days(case["lookback_days"]) <= cutoff <= as_of - days(case["horizon_days"])


@settings(deadline=None)
@given(count=st.integers(1, 60), step=st.integers(1, 60), horizon=st.integers(1, 400))
def test_outcome_windows_of_parts_never_overlap_and_nobody_is_in_two_parts(count, step, horizon):
    cutoffs = [START + days(step * i) for i in range(count)]
    splits = split_by_time(cutoffs, horizon_days=horizon)
    assert splits.train
    assert splits.valid
    assert splits.test
    assert sorted({*splits.used, *splits.embargoed}) == cutoffs
    if splits.method != BY_PERSON:
        assert max(splits.train + splits.valid) + days(horizon) <= splits.test[0]
    if splits.method == BY_TIME:
        assert splits.train[-1] + days(horizon) <= splits.valid[0]
        assert max(splits.before_test) + days(horizon) <= splits.test[0]
    assert set(splits.train) | set(splits.valid) <= set(splits.before_test)
    shares = [i / 100 for i in range(100)]
    for cutoff in cutoffs:
        roles = [splits.role(cutoff, share) for share in shares]
        assert (cutoff in splits.embargoed) == (set(roles) == {None})
    # By person, a share has one role wherever train, valid and test share cut-offs.
    if splits.method == BY_TIME_AND_PERSON:
        assert {splits.role(splits.train[0], share) for share in shares} == {"train", "valid"}
    if splits.method == BY_PERSON:
        assert {splits.role(cutoffs[0], share) for share in shares} == {"train", "valid", "test"}


def test_many_cutoffs_are_split_by_time_with_the_fractions_asked_for():
    splits = split_by_time([START + days(30 * i) for i in range(40)], horizon_days=90)
    assert (splits.method, len(splits.test), len(splits.valid), len(splits.embargoed)) == (BY_TIME, 12, 6, 2)
    assert (len(splits.train), len(splits.between), len(splits.before_test)) == (18, 2, 26)


def test_three_cutoffs_a_horizon_apart_are_enough_for_three_parts():
    cutoffs = [START, START + days(90), START + days(180)]
    splits = split_by_time(cutoffs, horizon_days=90)
    assert (splits.train, splits.valid, splits.test) == ([cutoffs[0]], [cutoffs[1]], [cutoffs[2]])


def test_a_date_to_test_from_decides_what_tests():
    months = [START + timedelta(days=30 * i) for i in range(12)]
    splits = split_by_time(months, horizon_days=30, test_from=months[4] + timedelta(days=1))
    assert splits.test == months[5:]
    assert splits.train[-1] < splits.valid[0] < splits.test[0]
    two = split_by_time(months[:2], horizon_days=30, test_from=months[1])
    assert (two.test, two.train, two.method) == (months[1:2], months[:1], BY_TIME_AND_PERSON)
    for date, words in ((months[0], "nothing to learn from"), (months[-1] + timedelta(days=1), "nothing to test on")):
        with pytest.raises(DataQualityError, match=words):
            split_by_time(months, horizon_days=30, test_from=date)


def test_no_cutoff_at_all_is_a_sentence():
    with pytest.raises(DataQualityError, match="no past cut-off"):
        split_by_time([], horizon_days=90)
