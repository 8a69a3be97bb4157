"""What ends a training, and what it says then; without Spark and without waiting."""

from __future__ import annotations

import threading

import pytest

from social_signals.core.errors import ConfigError, ResourceError
from social_signals.models import watchdog
from social_signals.models.lifeline import SILENT_S, Heard
from social_signals.models.params import LimitParams, XGBoostParams
from social_signals.models.watchdog import GRACE_S, Executor, State, ailment, verdict, watched

LIMITS = LimitParams(connect_timeout_s=600, round_timeout_s=100, lost_worker_timeout_s=60, retries=1)
HERE, THERE = Executor("0", "10.0.0.1", 1, True), Executor("1", "10.0.0.2", 1, True)
GONE = Executor("1", "10.0.0.2", 1, False, "Worker lost: heartbeat\nat line 2")
NEW = Executor("2", "10.0.0.3", 1, True)


def heard(rank: int, *, at: float = 1000.0, done: int = 5, attempt: int = 0, round_at: float | None = None) -> Heard:
    return Heard(rank, f"10.0.0.{rank + 1}", attempt, done, at, at if round_at is None else round_at)


def state(*executors: Executor, workers: tuple[Heard, ...] = (heard(0), heard(1))) -> State:
    return State({one.id: one for one in executors}, workers, 2, 1)


def test_a_training_that_goes_on_is_left_alone() -> None:
    assert ailment(state(HERE, THERE), now=1001) is None
    assert verdict(state(HERE, THERE), now=1001, ailing_since=None, limits=LIMITS) is None


def test_a_lost_executor_is_named_with_its_host_and_reason_and_ends_the_job_when_nobody_takes_its_place() -> None:
    seen = state(HERE, GONE, workers=(heard(0),))
    assert verdict(seen, now=1059, ailing_since=1000, limits=LIMITS) is None
    why = verdict(seen, now=1060, ailing_since=1000, limits=LIMITS)
    assert why is not None
    assert "executor 1 on 10.0.0.2 was lost (Worker lost: heartbeat); 1 of 2 slots" in why
    assert "within 60 s" in why


def test_a_replaced_executor_is_no_ailment_and_training_begins_again_only_so_often() -> None:
    again = (heard(0, attempt=1), heard(1, attempt=1))
    assert ailment(state(HERE, GONE, NEW, workers=again), now=1001) is None
    assert verdict(state(HERE, GONE, NEW, workers=again), now=1001, ailing_since=None, limits=LIMITS) is None
    third = (heard(0, attempt=2), heard(1, attempt=2))
    why = verdict(state(HERE, GONE, NEW, workers=third), now=1001, ailing_since=None, limits=LIMITS)
    assert why is not None
    assert "had begun 3 times" in why


def test_a_worker_that_says_nothing_is_named_while_spark_still_believes_in_its_executor() -> None:
    seen = state(HERE, THERE, workers=(heard(0, at=1000 + SILENT_S), heard(1, at=1000)))
    told = ailment(seen, now=1000 + SILENT_S)
    assert told == f"worker 1 on 10.0.0.2 has given no sign of life for {SILENT_S:.0f} s (round 5)"


def test_rounds_that_do_not_end_end_the_job_and_the_first_one_may_take_as_long_as_reading_does() -> None:
    def stuck(done: int, since: float) -> str | None:
        workers = tuple(heard(rank, at=5000, done=done, round_at=5000 - since) for rank in (0, 1))
        return verdict(state(HERE, THERE, workers=workers), now=5000, ailing_since=None, limits=LIMITS)

    assert stuck(7, 100 + GRACE_S - 1) is None
    assert "after round 7, with worker 0 on 10.0.0.1, worker 1 on 10.0.0.2 running" in str(stuck(7, 100 + GRACE_S))
    assert stuck(0, 100 + GRACE_S) is None
    assert "after round 0" in str(stuck(0, 600 + GRACE_S))


def test_limits_decide_nothing_that_is_learnt() -> None:
    assert XGBoostParams(limits=LIMITS).deciding == XGBoostParams().deciding
    assert XGBoostParams(checkpoint_rounds=7).deciding != XGBoostParams().deciding
    with pytest.raises(ConfigError, match="retries"):
        LimitParams(retries=-1)
    with pytest.raises(ConfigError, match="round_timeout_s"):
        LimitParams(round_timeout_s=0)


class Context:
    """As far as a training under watch asks Spark's context."""

    def __init__(self) -> None:
        self.properties: dict[str, str | None] = {}
        self.cancelled = threading.Event()

    def getLocalProperty(self, name: str) -> str | None:
        return self.properties.get(name)

    def setLocalProperty(self, name: str, value: str | None) -> None:
        self.properties[name] = value

    def cancelJobGroup(self, group: str) -> None:
        assert group == self.properties["spark.jobGroup.id"]
        self.cancelled.set()


class Session:
    """A session whose executors the test takes away. lost: ids, from the oldest on."""

    def __init__(self, *, spare: int) -> None:
        self.sparkContext = Context()
        self.conf = {"spark.task.cpus": "1"}
        self.lost, self.spare = 0, spare

    def lose(self) -> None:
        self.lost += 1

    def executors(self) -> dict[str, Executor]:
        """Two run, as long as there are spare ones; those that were lost are told of."""
        there = [
            Executor(str(i), f"10.0.0.{i}", 1, i >= self.lost, "killed") for i in range(2 + min(self.lost, self.spare))
        ]
        return {one.id: one for one in there}


def under_watch(session: Session, action, monkeypatch: pytest.MonkeyPatch, **limits: int):  # type: ignore[no-untyped-def]
    monkeypatch.setattr(watchdog, "executors_of", lambda _: session.executors())
    monkeypatch.setattr(watchdog, "LOOK_S", 0.01)
    monkeypatch.setattr(watchdog, "_NOTICED_S", 0.1)
    told = LimitParams(lost_worker_timeout_s=1, **limits)
    return watched(session, action, workers=2, limits=told, heard=list)  # type: ignore[arg-type]


def failing(session: Session, *, times: int):  # type: ignore[no-untyped-def]
    """An action that loses an executor so many times and then has an answer; and how often it was begun."""
    begun = []

    def action() -> str:
        begun.append(1)
        if len(begun) <= times:
            session.lose()
            raise RuntimeError("Could not recover from a failed barrier ResultStage: ExecutorLostFailure")
        return "trees"

    return action, begun


def test_training_begins_again_on_the_executor_that_came_in_place_of_the_lost_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    session = Session(spare=9)
    action, begun = failing(session, times=2)
    assert under_watch(session, action, monkeypatch, retries=2) == "trees"
    assert len(begun) == 3
    assert session.sparkContext.properties["spark.jobGroup.id"] is None


def test_it_does_so_only_so_often_and_then_says_which_executor_was_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    session = Session(spare=9)
    action, begun = failing(session, times=9)
    with pytest.raises(
        ResourceError, match=r"executor 2 on 10\.0\.0\.2 was lost \(killed\); training had begun 3 times"
    ):
        under_watch(session, action, monkeypatch, retries=2)
    assert len(begun) == 3


def test_without_a_replacement_it_ends_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    session = Session(spare=0)
    action, begun = failing(session, times=9)
    with pytest.raises(ResourceError, match="1 of 2 slots that training needs are left after 1 s"):
        under_watch(session, action, monkeypatch)
    assert len(begun) == 1


def test_what_is_wrong_with_the_rows_is_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong() -> None:
        raise RuntimeError("XGBoostError: label must be in [0, 1]")

    with pytest.raises(RuntimeError, match="label must be"):
        under_watch(Session(spare=9), wrong, monkeypatch)


def test_a_training_that_only_waits_is_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    session = Session(spare=0)

    def waits() -> None:
        session.lose()
        assert session.sparkContext.cancelled.wait(30), "nobody ended it"
        raise RuntimeError("Job cancelled")

    with pytest.raises(ResourceError, match=r"training was ended: executor 0 on 10\.0\.0\.0 was lost .* within 1 s"):
        under_watch(session, waits, monkeypatch)
