"""Instants are aware and UTC: a naive datetime shifts with the driver's time zone (measured, pyspark 3.5.9)."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from social_signals.core.errors import ConfigError

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def parse_instant(text: str, *, name: str = "as_of") -> datetime:
    """An ISO 8601 date or date-time as an aware UTC instant; no zone means UTC.

    >>> parse_instant("2020-03-01").isoformat()
    '2020-03-01T00:00:00+00:00'
    """
    try:
        instant = datetime.fromisoformat(str(text).strip().replace("Z", "+00:00"))
    except ValueError:
        raise ConfigError(
            f"{name} is {text!r}, which is not an ISO date",
            hint=f"write {name}=2020-03-01 or {name}=2020-03-01T06:00:00",
        ) from None
    return instant.replace(tzinfo=timezone.utc) if instant.tzinfo is None else instant.astimezone(timezone.utc)


def stepped(first: datetime, last: datetime, *, days: int) -> list[datetime]:
    """Every `days`-th instant from the first to the last, both included; none where the last lies before the first.

    >>> [c.day for c in stepped(parse_instant("2020-01-01"), parse_instant("2020-01-21"), days=10)]
    [1, 11, 21]
    """
    count = (last - first) // timedelta(days=days) + 1
    return [first + timedelta(days=days) * place for place in range(max(0, count))]


def next_midnight(instant: datetime) -> datetime:
    """The first midnight UTC strictly after `instant`: the earliest as_of that sees the event.

    >>> next_midnight(parse_instant("2020-05-31T23:10:00")).isoformat()
    '2020-06-01T00:00:00+00:00'
    """
    return midnight(instant) + timedelta(days=1)


def midnight(instant: datetime) -> datetime:
    """The midnight UTC at or before `instant`.

    >>> midnight(parse_instant("2020-05-31T23:10:00")).isoformat()
    '2020-05-31T00:00:00+00:00'
    """
    return instant.astimezone(timezone.utc).replace(hour=0, minute=0, second=0, microsecond=0)


def iso(instant: datetime) -> str:
    """`2020-03-01` for a midnight, the full instant otherwise; what logs, file names and JSON show."""
    utc = instant.astimezone(timezone.utc)
    midnight = utc.time().isoformat() == "00:00:00"
    return utc.date().isoformat() if midnight else utc.isoformat().replace("+00:00", "Z")


def from_spark(collected: datetime) -> datetime:
    """A collected timestamp as an aware UTC instant: pyspark hands it over naive, in the driver's own zone."""
    return collected.astimezone(timezone.utc)
