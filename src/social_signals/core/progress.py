"""Progress where a person is looking: a live line on a terminal, silence when piped."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.status import Status

log = logging.getLogger(__name__)


class Progress:
    """Names the stage that runs. On a terminal a spinner with the stage and its seconds; elsewhere only the log speaks."""

    def __init__(self, *, enabled: bool | None = None) -> None:
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
        """What the running stage is doing now."""
        if self._status is not None:
            self._status.update(text)
        log.debug("%s", text)
