"""Errors that say what to do, whoever found them first."""

from __future__ import annotations

import errno

import pytest

from social_signals.core.errors import out_of_room


@pytest.mark.parametrize(
    "found",
    [
        OSError(errno.ENOSPC, "No space left on device", "model.ubj"),
        OSError(errno.EDQUOT, "Disk quota exceeded"),
        RuntimeError("Job aborted\njava.io.IOException: No space left on device\n\tat Somewhere"),
    ],
)
def test_a_full_disk_is_a_resource_that_is_missing_also_where_something_wrapped_it(found: Exception) -> None:
    wrapped = ValueError("while writing")
    wrapped.__cause__ = found
    for error in (found, wrapped):
        told = out_of_room(error)
        assert told is not None
        assert told.exit_code == 5
    assert out_of_room(ValueError("something else")) is None
