"""What Delta and the disk say when a write fails, in the suite's own errors."""

from __future__ import annotations

from pyspark.errors import AnalysisException

from social_signals.core.errors import ContractError, ResourceError, SocialSignalsError, first_line_with
from social_signals.tables.commits import first_line

_NO_ROOM = ("No space left", "Permission denied", "Mkdirs failed", "Read-only")


def in_our_words(error: Exception, *, table: str, address: str) -> SocialSignalsError | None:
    """The error to raise in its place, with what to do; None where it is none that we know."""
    text = str(error)
    if "DELTA_NOT_NULL_CONSTRAINT_VIOLATED" in text or "NOT NULL constraint violated" in text:
        return ContractError(
            f"a row for {table} has no value in a column that must have one: {first_line(text)}",
            hint="correct the source or the mapping; the table was left as it was",
        )
    if "DELTA_REPLACE_WHERE_MISMATCH" in text:
        return ContractError(
            f"rows for {table} lie outside the slice they were meant to replace: {first_line(text)}",
            hint="this is a defect of the job; the table was left as it was",
        )
    if isinstance(error, AnalysisException) and "DELTA_CREATE_TABLE_SCHEME_MISMATCH" in text:
        return ContractError(
            f"{table} at {address} belongs to another schema: {first_line(text)}",
            hint="point the catalog at another root",
        )
    if reason := next((word for word in _NO_ROOM if word in text), None):
        # What Java says first is only that a call failed.
        return ResourceError(
            f"{table} could not be written at {address}: {first_line_with(reason, text)}",
            hint="check free space and permissions; a rerun finishes what is missing",
        )
    return None
