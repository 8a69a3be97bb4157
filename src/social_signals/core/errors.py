"""Errors are advice: what was found, what was expected, what to do. Each kind has the exit code of the job contract."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from difflib import get_close_matches
from typing import ClassVar


class SocialSignalsError(Exception):
    """Base of every error raised on purpose. `hint` says what to do next."""

    exit_code: ClassVar[int] = 1

    def __init__(self, problem: str, *, hint: str) -> None:
        self.problem = problem
        self.hint = hint
        super().__init__(f"{problem}\n  To fix: {hint}")

    def __reduce__(self) -> tuple[object, ...]:
        # An error raised in a Python worker crosses to the driver; the keyword-only hint must survive the trip.
        return (_rebuild, (type(self), self.problem, self.hint))


def _rebuild(kind: type[SocialSignalsError], problem: str, hint: str) -> SocialSignalsError:
    return kind(problem, hint=hint)


class ConfigError(SocialSignalsError):
    """A setting is unknown, has the wrong type, or contradicts another one."""

    exit_code = 2


class ContractError(SocialSignalsError):
    """Data does not have the shape that its contract promises."""

    exit_code = 3


class DataQualityError(ContractError):
    """The shape is right but the content cannot be used: no rows, one class, no label."""


class ModelMismatchError(ContractError):
    """A model does not fit the data it is asked to score, or its files are not the ones that were saved."""


class WriteConflictError(SocialSignalsError):
    """Another writer won the same slice and retries did not help."""

    exit_code = 4


class ResourceError(SocialSignalsError):
    """A jar, a device, a task slot, memory, disk or permission is missing."""

    exit_code = 5


class GateError(SocialSignalsError):
    """The candidate model is not better than the champion."""

    exit_code = 6


def known_error(error: BaseException) -> SocialSignalsError | None:
    """Our own error, also where something wrapped it."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, SocialSignalsError):
            return seen
        seen = seen.__cause__
    return None


def out_of_room(error: BaseException) -> ResourceError | None:
    """A disk that is full, wherever it was found: in a file of ours, or by Spark in a shuffle. None for other errors."""
    seen: BaseException | None = error
    while seen is not None:
        if (isinstance(seen, OSError) and seen.errno in (errno.ENOSPC, errno.EDQUOT)) or _NO_SPACE in str(seen):
            return ResourceError(
                f"a disk is full: {first_line_with(_NO_SPACE, str(seen))}",
                hint="free some space under catalog.root and spark.local.dir; a rerun finishes what is missing",
            )
        seen = seen.__cause__
    return None


_NO_SPACE = "No space left on device"


def first_line_with(words: str, text: str) -> str:
    return next((line.strip()[:300] for line in text.splitlines() if words in line), text.strip()[:300])


def all_together(problem: str, failures: Sequence[BaseException], *, hint: str) -> SocialSignalsError:
    """One error for several, of the kind of the first and so with its exit code, to be raised when everything else is done."""
    first = known_error(failures[0])
    if first is None:
        return SocialSignalsError(f"{problem}; the first by {type(failures[0]).__name__}, see the log", hint=hint)
    return type(first)(f"{problem}; the first because {first.problem}", hint=f"{first.hint}; {hint}")


def did_you_mean(name: str, valid: list[str]) -> str:
    """A sentence that lists the valid names, nearest first.

    >>> did_you_mean("horizn_days", ["horizon_days", "lookback_days"])
    'did you mean horizon_days? Valid names: horizon_days, lookback_days'
    """
    close = get_close_matches(name, valid, n=1)
    start = f"did you mean {close[0]}? " if close else ""
    return f"{start}Valid names: {', '.join(sorted(valid))}"
