"""Past cut-offs and how they are split by time, so that nothing a model is judged on was seen while it was made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from social_signals.core.errors import DataQualityError
from social_signals.core.times import iso

TRAIN = "train"
VALID = "valid"
TEST = "test"
# Known by the first test cut-off, yet overlapping train or valid in time: learnt from only where those are not held apart.
BETWEEN = "between"

BY_TIME = "time"
BY_TIME_AND_PERSON = "time, validation by person"
BY_PERSON = "person"


@dataclass(frozen=True)
class Splits:
    """Which cut-offs train, validate and test, oldest first; nobody learns from `embargoed` ones.

    method says what keeps the parts apart:
    `time`: the outcome windows of train end at or before the first cut-off of valid, those of valid at or before the
    first of test. `time, validation by person`: too few cut-offs for three parts, so train and valid share cut-offs and
    are different people (`valid_share` of them validate); test is still later. `person`: no two cut-offs are a horizon
    apart, so all three parts share them and are different people; the metrics then say how the model does on other
    people, not at another time.

    before_test: every cut-off whose outcome window ends at or before the first of test (all of them where the split is by
    person): what a model may learn from that is judged on test alone.
    """

    train: list[datetime]
    valid: list[datetime]
    test: list[datetime]
    embargoed: list[datetime]
    method: str = BY_TIME
    valid_share: float = 0.0
    test_share: float = 0.0
    before_test: list[datetime] = field(default_factory=list)

    @property
    def between(self) -> list[datetime]:
        """The cut-offs of `before_test` that are neither train nor valid."""
        return [cutoff for cutoff in self.before_test if cutoff not in self.train and cutoff not in self.valid]

    @property
    def used(self) -> list[datetime]:
        """Every cut-off that a model learns from or is judged on, oldest first, each once."""
        return sorted({*self.train, *self.valid, *self.test, *self.before_test})

    def role(self, cutoff: datetime, share: float) -> str | None:
        """train, valid, test, between, or None where embargoed. share: the person's place in [0, 1), the same at every cut-off."""
        by_person = [(TEST, self.test, self.test_share), (VALID, self.valid, self.valid_share)]
        taken = 0.0
        for name, cutoffs, part in by_person:
            if cutoff not in cutoffs:
                continue
            if part == 0.0 or taken <= share < taken + part:
                return name
            taken += part
        if cutoff in self.train:
            return TRAIN
        return BETWEEN if cutoff in self.before_test else None


@dataclass(frozen=True)
class Fold:
    """What one trial of a search learns from and is chosen by, none of it test.

    By time: the cut-offs `train`, whose outcome windows end at or before the first of `valid`. By person, where there are no
    cut-offs to spare: of everything before the test, the people whose hash falls into place `part` of `parts` validate.
    """

    train: list[datetime] = field(default_factory=list)
    valid: list[datetime] = field(default_factory=list)
    part: int = 0
    parts: int = 0

    @property
    def is_by_person(self) -> bool:
        return self.parts > 0


def rolling_folds(splits: Splits, *, horizon_days: int, most: int) -> list[Fold]:
    """Up to `most` folds from what was known before the test, the newest first: each validates as many cut-offs as `splits` does.

    The first is the split itself; each further one stands as many cut-offs earlier, for as long as there are as many to train
    on. Where train and valid share cut-offs, the folds are by person: `most` of them, two at least.
    """
    if splits.method != BY_TIME:
        parts = max(2, most)
        return [Fold(part=part, parts=parts) for part in range(parts)]
    horizon, count = timedelta(days=horizon_days), len(splits.valid)
    folds = []
    for number in range(most):
        known = sorted(splits.before_test)[: len(splits.before_test) - number * count]
        valid = known[-count:]
        train = [cutoff for cutoff in known if valid and cutoff + horizon <= valid[0]]
        if len(train) < count:
            break
        folds.append(Fold(train, valid))
    return folds or [Fold(splits.train, splits.valid)]


def choose_cutoffs(
    first_event: datetime,
    as_of: datetime,
    *,
    lookback_days: int,
    horizon_days: int,
    step_days: int,
    max_cutoffs: int,
) -> list[datetime]:
    """Past cut-offs with a full lookback before and a finished outcome window after them, oldest first.

    The newest is `as_of - horizon_days`, whose window [cut-off, cut-off + horizon) has just passed; the others step back
    from it. `as_of` itself, the cut-off to score, is never among them. At most `max_cutoffs`, the newest ones.
    Raises DataQualityError where the history is too short for one.
    """
    lookback, horizon, step = (timedelta(days=days) for days in (lookback_days, horizon_days, step_days))
    newest = as_of - horizon
    cutoffs: list[datetime] = []
    while len(cutoffs) < max_cutoffs and newest - len(cutoffs) * step >= first_event + lookback:
        cutoffs.append(newest - len(cutoffs) * step)
    if not cutoffs:
        have = max((as_of - first_event) // timedelta(days=1), 0)
        raise DataQualityError(
            f"the history before as_of={iso(as_of)} is {have} days long (first event {iso(first_event)}); one past cut-off "
            f"needs {lookback_days + horizon_days}: {lookback_days} to look back and {horizon_days} of outcome",
            hint="shorten lookback_days and horizon_days, choose a later as_of, or bring more history",
        )
    return cutoffs[::-1]


def split_by_time(
    cutoffs: Sequence[datetime],
    *,
    horizon_days: int,
    test_fraction: float = 0.3,
    valid_fraction: float = 0.15,
    test_from: datetime | None = None,
) -> Splits:
    """The newest `test_fraction` of cut-offs test, the `valid_fraction` before them validate, older ones train.

    Cut-offs whose outcome window reaches into a later part are embargoed; those of them that end before the
    first test are still in `before_test`. Where that leaves nothing to train on, test
    and then valid shrink to one cut-off each; where that is not enough, parts are kept apart by person (see `Splits`).
    test_from: the cut-offs from it on test instead, all of them.
    Raises DataQualityError where there is no cut-off at all, or none on one side of test_from.
    """
    ordered = sorted(set(cutoffs))
    if not ordered:
        raise DataQualityError(
            "there is no past cut-off to learn from", hint="bring more history or shorten horizon_days"
        )
    most_test = max(1, round(test_fraction * len(ordered)))
    most_valid = max(1, round(valid_fraction * len(ordered)))
    horizon = timedelta(days=horizon_days)
    test_counts = range(most_test, 0, -1)
    if test_from is not None:
        later = sum(cutoff >= test_from for cutoff in ordered)
        if not later or not any(cutoff + horizon <= test_from for cutoff in ordered):
            raise DataQualityError(
                f"test_from={iso(test_from)} leaves nothing to {'learn from' if later else 'test on'}: the cut-offs whose outcome is "
                f"known go from {iso(ordered[0])} to {iso(ordered[-1])}, {horizon_days} days of outcome after each",
                hint="choose a date between them, or leave test_from out",
            )
        test_counts = range(later, later - 1, -1)
    for test_count in test_counts:
        test = ordered[-test_count:]
        before_test = [c for c in ordered if c + horizon <= test[0]]
        for valid_count in range(min(most_valid, len(before_test)), 0, -1):
            valid = before_test[-valid_count:]
            train = [c for c in before_test if c + horizon <= valid[0]]
            # Fewer cut-offs to learn from than to tune on would be the tail wagging the dog.
            if len(train) >= valid_count:
                return Splits(train, valid, test, _rest(ordered, before_test, test), before_test=before_test)
    valid_share = valid_fraction / (1 - test_fraction)
    for test_count in test_counts:
        test = ordered[-test_count:]
        train = [c for c in ordered if c + horizon <= test[0]]
        if train:
            embargoed = _rest(ordered, train, test)
            return Splits(
                train, train, test, embargoed, method=BY_TIME_AND_PERSON, valid_share=valid_share, before_test=train
            )
    return Splits(
        ordered, ordered, ordered, [], method=BY_PERSON, valid_share=valid_fraction, test_share=test_fraction,
        before_test=ordered,
    )  # fmt: skip


def _rest(ordered: list[datetime], *parts: list[datetime]) -> list[datetime]:
    taken = {cutoff for part in parts for cutoff in part}
    return [cutoff for cutoff in ordered if cutoff not in taken]
