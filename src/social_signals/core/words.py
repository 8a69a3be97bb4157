"""Numbers, dates and reasons as people say them. Every function here returns plain text; the template escapes it."""

from __future__ import annotations

import math
from datetime import datetime

MINUS = "\N{MINUS SIGN}"
NOTHING = "\N{EN DASH}"


def count(number: float | None) -> str:
    """
    >>> count(1234567)
    '1,234,567'
    """
    return NOTHING if number is None or not math.isfinite(number) else f"{int(number):,}"


def percent(share: float | None, digits: int = 0) -> str:
    """A share of 0 to 1 as a percentage; what is not quite nothing or not quite all is not rounded to it.

    >>> percent(0.873), percent(0.004), percent(0.999), percent(0.0)
    ('87%', '<1%', '>99%', '0%')
    """
    if share is None or not math.isfinite(share):
        return NOTHING
    least = 10**-digits
    value = share * 100
    if 0 < value < least / 2 or (0 < value < least and digits == 0):
        return f"<{least:g}%"
    if 100 - least / 2 < value < 100 or (100 - least < value < 100 and digits == 0):
        return f">{100 - least:g}%"
    return f"{value:.{digits}f}%"


def decimal(number: float | None, digits: int = 3) -> str:
    """
    >>> decimal(0.87345), decimal(-0.02, 2).replace(MINUS, "-")
    ('0.873', '-0.02')
    """
    if number is None or not math.isfinite(number):
        return NOTHING
    return f"{number:.{digits}f}".replace("-", MINUS)


def signed(number: float | None, digits: int = 3) -> str:
    """
    >>> signed(0.1), signed(-0.1).replace(MINUS, "-"), signed(0.0), signed(None) == NOTHING
    ('+0.100', '-0.100', '0.000', True)
    """
    if number is None or not math.isfinite(number):
        return NOTHING
    return ("+" if round(number, digits) > 0 else "") + decimal(round(number, digits) + 0.0, digits)


def day(instant: datetime | None) -> str:
    """A date, with the time where it is not midnight. UTC.

    >>> day(datetime.fromisoformat("2020-03-01T00:00:00+00:00"))
    '1 March 2020'
    """
    if instant is None:
        return NOTHING
    text = f"{instant.day} {instant:%B} {instant.year}"
    return text if (instant.hour, instant.minute, instant.second) == (0, 0, 0) else f"{text}, {instant:%H:%M} UTC"


def quantity(value: float | None) -> str:
    """A feature's value without needless digits.

    >>> quantity(41.0), quantity(0.12345), quantity(12345.6), quantity(None)
    ('41', '0.12', '12,346', 'not known')
    """
    if value is None or not math.isfinite(value):
        return "not known"
    if abs(value) >= 100 or value == round(value):
        return f"{value:,.0f}".replace("-", MINUS)
    return f"{value:.2g}".replace("-", MINUS) if abs(value) < 1 else f"{value:.1f}".replace("-", MINUS)


def out_of_100(share: float) -> str:
    """
    >>> out_of_100(0.873)
    '87 times out of 100'
    """
    return f"{round(share * 100)} times out of 100"


def plural(number: int, one: str, many: str) -> str:
    """
    >>> plural(1, "person", "people"), plural(1200, "person", "people")
    ('1 person', '1,200 people')
    """
    return f"{count(number)} {one if number == 1 else many}"


def seconds(value: float | None) -> str:
    """
    >>> seconds(4.25), seconds(125.0)
    ('4.2 s', '2 min 5 s')
    """
    if value is None or not math.isfinite(value):
        return NOTHING
    return f"{value:.1f} s" if value < 60 else f"{int(value // 60)} min {round(value % 60)} s"
