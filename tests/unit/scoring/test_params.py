import pytest

from social_signals.core.errors import ConfigError
from social_signals.core.times import iso
from social_signals.scoring.params import ScoringParams


def test_a_backfill_goes_in_steps_from_the_first_to_the_last_cutoff():
    found = ScoringParams(backfill_from="2020-01-01", backfill_to="2020-03-01", step_days=30).backfill
    assert [iso(cutoff) for cutoff in found] == ["2020-01-01", "2020-01-31", "2020-03-01"]
    assert ScoringParams().backfill == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"top_reasons": 21},
        {"step_days": 0},
        {"backfill_from": "2020-01-01"},
        {"backfill_from": "2020-02-01", "backfill_to": "2020-01-01"},
        {"backfill_from": "January", "backfill_to": "2020-01-01"},
    ],
)
def test_settings_that_cannot_be_are_refused_at_the_door(wrong):
    with pytest.raises(ConfigError):
        ScoringParams(**wrong)
