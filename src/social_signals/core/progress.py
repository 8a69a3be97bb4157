"""Progress where a person is looking: a live line on a terminal, silence when piped."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.status import Status

from social_signals.core import steps

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

log = logging.getLogger(__name__)


class Progress:
    """Names the stage that runs. On a terminal a spinner with the stage and its seconds; elsewhere only the log speaks.

    spark: the session whose jobs are called by what the running stage is doing.
    """

    def __init__(self, spark: SparkSession | None = None, *, enabled: bool | None = None) -> None:
        self._spark = spark
        is_terminal = sys.stderr.isatty() if enabled is None else enabled
        self._status: Status | None = None
        self._console = Console(stderr=True) if is_terminal else None
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a stage and show it while it runs."""
        start = time.monotonic()
        if self._console is None:
            yield
        else:
            with self._console.status(f"[bold]{name}[/bold] ...") as status:
                self._status = status
                yield
            self._status = None
            self._console.print(f"  [green]done[/green] {name} ({time.monotonic() - start:.0f} s)")
        self.seconds[name] = round(time.monotonic() - start, 3)

    def step(self, text: str) -> None:
        """What the running stage is doing now, until the next step."""
        if self._spark is not None:
            steps.say(self._spark, text)
        if self._status is not None:
            self._status.update(text)
        log.debug("%s", text)
