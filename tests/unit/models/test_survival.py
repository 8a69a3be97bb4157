"""When silence begins, by eye and as laws; gaps of 20 days, periods of 10."""

from __future__ import annotations

import random
from datetime import datetime, timedelta, timezone

import numpy as np
import pandas as pd
import pytest
import xgboost as xgb
from pyspark.sql import functions as F

from social_signals.core.errors import ConfigError
from social_signals.evaluation.splits import BY_PERSON, Splits, split_by_time
from social_signals.evaluation.survival import expected_days, survival_of
from social_signals.models.artefact import Artefact
from social_signals.models.calibration import Calibration
from social_signals.models.predict import margins_on
from social_signals.models.survival import (
    PERIOD,
    TIME_TO_CHURN,
    TimeToChurnParams,
    active_people,
    known_until,
    person_periods,
    silence_times,
)
from social_signals.scoring.survival import predict_time_to_churn
from social_signals.tables.gold import TIMES_TO_CHURN

MAY = datetime(2020, 5, 1, tzinfo=timezone.utc)
SECOND = timedelta(seconds=1)
GAPS = {"lookback_days": 20, "silence_days": 20}


def day(count):
    return timedelta(days=count)


@pytest.fixture
def acts(spark_session):
    """`acts(ann=[-3, (5, 9)])`: days from MAY at which each person acted, as a pair where it was seen later."""

    def build(**days):
        rows = [
            (user, MAY + day(happened), MAY + day(seen))
            for user, whole in days.items()
            for happened, seen in (at if isinstance(at, tuple) else (at, at) for at in whole)
        ]
        return spark_session.createDataFrame(rows, "user_id string, event_ts timestamp, ingested_ts timestamp")

    return build


def told(times):
    return {
        r["user_id"]: (r["silent_after_days"], r["is_silent"], r["has_begun"], r["follow_days"])
        for r in times.collect()
    }


def test_when_silence_begins_by_eye(acts):
    seen = acts(
        gone=[-3], goes=[-3, 5, 24, 29], once_more=[-3, 0], back_too_late=[-3, 17], back_in_time=[-3, 16.5],
        still_there=[-3, 15, 34, 50], ends_at_the_edge=[-3, 10, 25, 40], long_gone=[-20.5], edge_of_lookback=[-20],
        newcomer=[1], seen_late=[(-3, 1)], silence_seen_late=[-3, (10, 61), 60.5], returns=[-3, 2, 30],
    )  # fmt: skip
    found = told(silence_times(seen, until={MAY: MAY + day(60)}, **GAPS))
    assert found == {
        "gone": (0, True, True, 40), "goes": (29, True, False, 40), "once_more": (0, True, False, 40),
        # a gap of exactly 20 days is silence, a shorter one is not
        "back_too_late": (0, True, True, 40), "back_in_time": (16.5, True, False, 40),
        # what may yet turn out to be a gap is not one: followed for 40 days and no longer
        "still_there": (40, False, False, 40), "ends_at_the_edge": (40, True, False, 40),
        "edge_of_lookback": (0, True, True, 40), "silence_seen_late": (0, True, True, 40), "returns": (2, True, False, 40),
    }  # fmt: skip


def test_each_cutoff_is_followed_as_long_as_may_be_known(acts):
    seen = acts(ann=[-1, 5, 14, 30, 45])
    until = {MAY: MAY + day(30), MAY + day(15): MAY + day(90), MAY + day(30): MAY + day(49)}
    found = {
        (r["as_of"].replace(tzinfo=timezone.utc) - MAY).days: (r["silent_after_days"], r["is_silent"], r["follow_days"])
        for r in silence_times(seen, until=until, **GAPS).collect()
    }
    # the last one could not show a gap of 20 days in the 19 that are left
    assert found == {0: (10, False, 10), 15: (30, True, 55)}


def test_what_comes_later_or_in_another_order_changes_no_time(acts):
    draw = random.Random(4)
    people = {f"u{n}": [] for n in range(40)}
    for days in people.values():
        at = -60.0
        while at < 200:
            at += draw.expovariate(1 / 12)
            days.append((at, at + draw.choice([0, 0, 0, 30 * draw.random()])))
    until = {MAY: MAY + day(70), MAY + day(30): MAY + day(110)}
    whole = sorted(map(repr, silence_times(acts(**people), until=until, **GAPS).collect()))
    assert len(whole) > 40
    assert any("is_silent=False" in row for row in whole)
    known = {user: [at for at in days if at[1] < 110] for user, days in people.items()}
    for days in known.values():
        draw.shuffle(days)
    assert sorted(map(repr, silence_times(acts(**known), until=until, **GAPS).repartition(3).collect())) == whole


def test_whoever_is_asked_about_later_was_asked_about_in_training(acts):
    seen = acts(ann=[-3], bob=[-21], cid=[(-3, 0)], dan=[0], eve=[-20, -1])
    people = {r["user_id"] for r in active_people(seen, as_of=MAY, lookback_days=20).collect()}
    assert people == {"ann", "eve"} == set(told(silence_times(seen, until={MAY: MAY + day(60)}, **GAPS)))


def test_a_person_has_a_row_for_each_period_they_are_seen_to_enter(spark_session):
    params = TimeToChurnParams(horizon_days=30, period_days=10, **GAPS)
    times = spark_session.createDataFrame(
        [
            (MAY, "begun", 0.0, True, True, 40.0), (MAY, "at once", 0.0, True, False, 40.0),
            (MAY, "day 10", 10.0, True, False, 40.0), (MAY, "day 35", 35.0, True, False, 40.0),
            (MAY, "censored", 25.0, False, False, 25.0), (MAY, "half seen", 21.0, True, False, 25.0),
        ],
        "as_of timestamp, user_id string, silent_after_days double, is_silent boolean, has_begun boolean, follow_days double",
    )  # fmt: skip
    splits = Splits(train=[MAY], valid=[MAY], test=[MAY], embargoed=[], method=BY_PERSON, before_test=[MAY])
    rows = person_periods(times.select("as_of", "user_id"), times, splits=splits, params=params, seed=1)
    found = {}
    for r in sorted(rows.collect(), key=lambda r: r[PERIOD]):
        found.setdefault(r["user_id"], []).append(r["churned"])
    assert found == {
        "begun": [1], "at once": [0, 1], "day 10": [0, 0, 1], "day 35": [0, 0, 0, 0],
        # the third period was followed for half: nobody's counts, silent or not
        "censored": [0, 0, 0], "half seen": [0, 0, 0],
    }  # fmt: skip


def test_nothing_that_trains_or_validates_was_known_after_its_part(spark_session):
    params = TimeToChurnParams(horizon_days=90, period_days=10, step_days=10, **GAPS)
    cutoffs = [MAY + day(10 * n) for n in range(30)]
    splits = split_by_time(cutoffs, horizon_days=30)
    as_of = cutoffs[-1] + day(30)
    until = known_until(splits, as_of=as_of)
    assert {until[c] for c in splits.before_test} == {splits.test[0]}
    assert {until[c] for c in splits.test} == {as_of}
    people = spark_session.createDataFrame(
        [(c, "u", 90.0, False, False, (until[c] - c - day(20)) / day(1)) for c in splits.used],
        "as_of timestamp, user_id string, silent_after_days double, is_silent boolean, has_begun boolean, follow_days double",
    )
    rows = person_periods(people.select("as_of", "user_id"), people, splits=splits, params=params, seed=1).collect()
    last = {}
    for r in rows:
        over = r["as_of"].replace(tzinfo=timezone.utc) + day(10 * r[PERIOD] + 20)
        last[r["role"]] = max(last.get(r["role"], MAY), over)
    assert last["train"] <= splits.valid[0]
    assert last["valid"] <= splits.test[0]
    assert splits.valid[0] < last["between"] <= splits.test[0]
    assert last["test"] <= as_of


def test_settings_that_contradict_each_other_are_refused():
    for wrong, says in (
        ({"lookback_days": 91}, "churn.lookback_days is 91"),
        ({"horizon_days": 100}, "no 1 to 60 periods of 30 days"),
        ({"period_days": 0}, "churn.period_days is 0"),
        ({"definition": "event"}, "time until silence"),
    ):
        with pytest.raises(ConfigError, match=says):
            TimeToChurnParams(**wrong)


def test_the_curve_of_a_person_is_the_product_of_their_hazards(spark_session):
    params = TimeToChurnParams(horizon_days=60)
    draw = np.random.default_rng(1)
    rows = np.column_stack([draw.random(300), draw.integers(0, 3, 300)]).astype(np.float32)
    labels = (draw.random(300) < rows[:, 0] / (1 + rows[:, 1])).astype(float)
    data = xgb.DMatrix(rows, label=labels, feature_names=["risk", PERIOD])
    booster = bytes(xgb.train({"objective": "binary:logistic", "nthread": 1, "seed": 1}, data, 10).save_raw("ubj"))
    card = {"params": vars(params)}
    model = Artefact(TIME_TO_CHURN, "time-test", ["risk", PERIOD], booster, Calibration(slope=0.9).as_json(), card)
    people = spark_session.createDataFrame(
        [(MAY, "low", 0.1), (MAY, "high", 0.9)], "as_of timestamp, user_id string, risk double"
    )
    scored = predict_time_to_churn(people.repartition(2), model=model)
    assert scored.columns == TIMES_TO_CHURN.columns
    found = {r["user_id"]: r for r in scored.collect()}
    for user, risk in (("low", 0.1), ("high", 0.9)):
        asked = np.array([[risk, period] for period in range(3)], dtype=np.float32)
        hazards = Calibration(slope=0.9).apply(margins_on(booster, pd.DataFrame(asked)))
        curve = survival_of([hazards])
        assert [point["days"] for point in found[user]["survival"]] == [0, 30, 60]
        assert [point["p_active"] for point in found[user]["survival"]] == pytest.approx(curve[0], abs=1e-8)
        assert found[user]["expected_days"] == pytest.approx(expected_days(curve, period_days=30)[0], abs=1e-3)
    assert found["low"]["expected_days"] > found["high"]["expected_days"]
    assert scored.where(F.col("model_id") != "time-test").isEmpty()
