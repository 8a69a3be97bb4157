"""What Delta and the disk say, in our words."""

from __future__ import annotations

from social_signals.tables.failures import in_our_words


def test_a_full_disk_is_named_though_java_says_first_that_a_call_failed() -> None:
    said = "An error occurred while calling o6396.save.\n: SparkException: Job aborted\nCaused by: IOException: No space left on device\n\tat x"
    told = in_our_words(RuntimeError(said), table="gold.user_features", address="/lake/gold/user_features")
    assert told is not None
    assert told.exit_code == 5
    assert "IOException: No space left on device" in told.problem
    assert "o6396" not in told.problem
    assert in_our_words(RuntimeError("something else"), table="gold.user_features", address="/lake") is None
