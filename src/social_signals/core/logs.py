"""Log lines on stderr that tell the run's story; configured once, at the entry point. No personal data, ever."""

from __future__ import annotations

import io
import json
import logging
import os
import sys
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, TextIO

from social_signals.core.errors import ConfigError
from social_signals.core.steps import stage_of_thread

FORMATS = ("text", "json")
# Fields of a line beside its message, where whoever logs gives them as `extra`.
TABLE, VERSION, ADVICE = "table", "version", "advice"
ROWS, SECONDS, TABLES_READ, TABLES_WRITTEN = "rows", "seconds", "tables_read", "tables_written"
FIELDS = (TABLE, VERSION, ROWS, SECONDS, TABLES_READ, TABLES_WRITTEN, ADVICE)
# In `extra` of what only machines want to know line by line.
FOR_MACHINES = "for_machines"


if TYPE_CHECKING:
    _TextHandler = logging.StreamHandler[TextIO]
else:
    # Python 3.10 cannot subscript it at run time.
    _TextHandler = logging.StreamHandler


class _JvmStderr(io.TextIOBase):
    """The stderr of the JVM that started this process. `spark-submit` joins a Python driver's stderr to its stdout, where
    only results belong."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        self._stream.print(text)
        return len(text)

    def flush(self) -> None:
        self._stream.flush()

    def isatty(self) -> bool:
        try:
            return os.readlink(f"/proc/{os.getppid()}/fd/2").startswith(("/dev/pts", "/dev/tty"))
        except OSError:
            return False


def part_stderr_from_stdout() -> None:
    """Under `spark-submit`, send what is written to `sys.stderr` to the stderr of spark-submit itself.

    Not where whoever started this Python has parted the two already (SOCIAL_SIGNALS_STDERR_APART, `submit/driver.sh`).
    """
    is_apart = "SOCIAL_SIGNALS_STDERR_APART" in os.environ or isinstance(sys.stderr, _JvmStderr)
    if "PYSPARK_GATEWAY_PORT" not in os.environ or is_apart:
        return
    from pyspark import SparkContext

    try:
        SparkContext._ensure_initialized()
        sys.stderr = _JvmStderr(SparkContext._jvm.java.lang.System.err)  # type: ignore[union-attr]
    except Exception:
        # A line in the wrong stream is better than no line; a session that cannot start says so itself.
        return


class _RunFields(logging.Filter):
    """Adds the run's identity to each record, so that one grep finds one run."""

    def __init__(self, run_id: str, as_of: str | None, job: str | None) -> None:
        super().__init__()
        self.run_id = run_id
        self.as_of = as_of or "-"
        self.job = job

    def filter(self, record: logging.LogRecord) -> bool:
        record.run_id = self.run_id
        record.as_of = self.as_of
        record.stage = stage_of_thread() or self.job
        return True


def _for_people(record: logging.LogRecord) -> bool:
    return not getattr(record, FOR_MACHINES, False)


class _Stderr(_TextHandler):
    """Looks `sys.stderr` up at each line: a live progress line stands in for it while it is shown."""

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "ts": datetime.fromtimestamp(record.created, tz=timezone.utc).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "run_id": getattr(record, "run_id", None),
            "stage": getattr(record, "stage", None),
            "as_of": getattr(record, "as_of", None),
            "message": record.getMessage(),
        }
        line |= {name: getattr(record, name) for name in FIELDS if hasattr(record, name)}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def configure(
    *, log_format: str, run_id: str, as_of: str | None, job: str | None = None, level: int = logging.INFO
) -> None:
    """Send the package's log lines to stderr, as text for people or as JSON lines for machines.

    job: what a line is about where no stage of `core.steps` runs.
    """
    if log_format not in FORMATS:
        raise ConfigError(f"log_format is {log_format!r}", hint=f"choose one of {', '.join(FORMATS)}")
    handler = _Stderr()
    if log_format == "json":
        handler.setFormatter(_JsonLines())
    else:
        text = "%(asctime)s %(levelname)-7s run=%(run_id)s as_of=%(as_of)s %(message)s"
        handler.setFormatter(logging.Formatter(text, datefmt="%H:%M:%S"))
        handler.addFilter(_for_people)
    handler.addFilter(_RunFields(run_id, as_of, job))
    package = logging.getLogger("social_signals")
    for old in list(package.handlers):
        package.removeHandler(old)
    package.addHandler(handler)
    package.setLevel(level)
    package.propagate = False
