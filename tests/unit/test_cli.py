"""The two entry points of the wheel: one returns an exit code, the other raises it."""

from __future__ import annotations

import pytest

from social_signals import __version__
from social_signals.cli import main, task


def test_a_scheduler_that_looks_at_no_exit_code_is_told_by_an_exception(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["social-signals-task", "score_churn", "as_of=yesterday"])
    with pytest.raises(SystemExit) as raised:
        task()
    assert raised.value.code == main(["score_churn", "as_of=yesterday"]) == 2
    assert "yesterday" in capsys.readouterr().err


def test_what_is_done_returns_and_raises_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["social-signals-task", "--version"])
    # Even SystemExit(0) would count as a failure there.
    task()
    assert capsys.readouterr().out == f"{__version__}\n"
