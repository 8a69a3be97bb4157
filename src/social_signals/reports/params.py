"""What an operator may choose about the report."""

from __future__ import annotations

from dataclasses import dataclass

from social_signals.core.errors import ConfigError

MOST_ROWS = 500


@dataclass
class ReportParams:
    """path: where the HTML goes; None is `report.html` under the catalog's root. top: rows of each list of people or
    names. show_handles: print public account names instead of ids. min_authors: a named entity is listed only when at
    least so many different people wrote of it, so that nobody's private acquaintance makes the page."""

    path: str | None = None
    title: str = "Social signals"
    top: int = 20
    show_handles: bool = False
    min_authors: int = 3

    def __post_init__(self) -> None:
        if not 1 <= self.top <= MOST_ROWS:
            raise ConfigError(f"report.top is {self.top}", hint=f"give a number of rows from 1 to {MOST_ROWS}")
        if self.min_authors < 1:
            raise ConfigError(f"report.min_authors is {self.min_authors}", hint="give 1 or more people")
        if self.path is not None and not self.path.endswith(".html"):
            raise ConfigError(f"report.path is {self.path!r}", hint="name an .html file, or leave it out")
