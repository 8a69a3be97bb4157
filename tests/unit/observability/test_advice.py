"""Advice in words: said when it matters, silent when it does not. No session."""

from __future__ import annotations

from social_signals.observability import KeyShare, Limits, SparkStage, SparkWork, advice

GB = 2**30
LOCAL = Limits(slots=2, shuffle_partitions=8, is_local=True)
CLUSTER = Limits(slots=16, shuffle_partitions=64, is_local=False)


def said(*stages: SparkStage, limits: Limits = LOCAL, **about: int | None) -> list[str]:
    return advice(SparkWork(stages, **about), limits)


def test_a_run_without_trouble_gets_no_advice():
    calm = SparkStage(
        1, "ingest: merge silver.posts", seconds=60.0, tasks=8, task_seconds=110.0, gc_seconds=5.0, time_skew=1.4,
        longest_task_seconds=20.0, shuffle_read_bytes=GB,
    )  # fmt: skip
    assert said(calm) == []
    assert said() == []


def test_a_spill_is_answered_by_memory_or_by_partitions():
    spilled = SparkStage(
        1, "build_features: write gold.user_features", tasks=8, spilled_disk_bytes=int(3.2 * GB),
        spilled_memory_bytes=8 * GB, shuffle_read_bytes=4 * GB, peak_task_bytes=GB,
    )  # fmt: skip
    assert said(spilled) == [
        'stage "build_features: write gold.user_features" spilled 3.2 GB to disk: give platform.driver_memory more, or raise '
        "platform.shuffle_partitions from 8 to 20"
    ]
    assert "platform.executor_memory" in said(spilled, limits=CLUSTER)[0]
    # Where a stage reads files, not a shuffle, the number of shuffle partitions changes nothing.
    reading = SparkStage(1, "read", tasks=8, spilled_disk_bytes=GB)
    assert "spark.sql.files.maxPartitionBytes" in said(reading)[0]


def test_a_task_that_a_stage_waits_for_is_skew_and_the_heaviest_key_is_named_by_its_kind():
    skewed = SparkStage(
        1,
        "build_network: write gold.network_features",
        tasks=8,
        time_skew=9.0,
        rows_skew=8.6,
        longest_task_seconds=90.0,
    )
    shares = [KeyShare("silver.posts", "author_id", 0.11), KeyShare("silver.posts", "event_ts", 0.004)]
    waited, key = advice(SparkWork((skewed,)), LOCAL, shares=shares)
    assert waited == (
        'stage "build_network: write gold.network_features" waited for one task: 90 s, 9 times the median of its 8, with 9 times the '
        "rows: see skew in docs/observability.md#skew"
    )
    assert key == "one author holds 11 % of the rows of silver.posts: see skew in docs/observability.md#skew"


def test_uneven_tasks_that_end_soon_are_not_worth_a_word():
    short = SparkStage(1, "x", tasks=8, time_skew=9.0, longest_task_seconds=3.0)
    assert advice(SparkWork((short,)), LOCAL, shares=[KeyShare("silver.posts", "author_id", 0.5)]) == []


def test_thousands_of_short_tasks_and_few_long_ones():
    (many,) = said(SparkStage(1, "x", tasks=4_000, task_seconds=40.0))
    assert many.startswith('stage "x" had 4000 tasks of 10 ms: lower platform.shuffle_partitions (now 8)')
    (few,) = said(SparkStage(1, "x", tasks=2, task_seconds=1_200.0))
    assert (
        few == 'stage "x" had 2 tasks of 10 minutes on 2 slots: raise platform.shuffle_partitions (now 8) to 8 or more'
    )


def test_garbage_collection_counts_over_a_tenth_of_a_minute_or_more():
    assert said(SparkStage(1, "x", tasks=20, task_seconds=200.0, gc_seconds=30.0)) == [
        "the JVMs spent 15 % of 200 s of tasks collecting garbage: give platform.driver_memory more, or fewer cores to share it"
    ]
    assert said(SparkStage(1, "x", tasks=20, task_seconds=20.0, gc_seconds=10.0)) == []


def test_lost_executors_come_first():
    stages = (SparkStage(1, "x", tasks=20, task_seconds=200.0, gc_seconds=30.0, failed_tasks=3),)
    first, _ = advice(SparkWork(stages, lost_executors=1), CLUSTER)
    assert first.startswith("1 executor was lost and 3 tasks failed or ran again")
    assert "platform.executor_memory" in first


def test_what_the_driver_has_forgotten_is_said():
    assert said(unknown_stages=7)[0].startswith("7 earlier Spark stages of this run are missing")
    assert said(SparkStage(8, "x"), unknown_stages=1) == []
    assert said(unknown_stages=None)[0].startswith("an unknown number of earlier Spark stages")


def test_the_same_step_again_and_again_is_named_once():
    folds = [
        SparkStage(n, "train_churn: grow", tasks=8, spilled_disk_bytes=n * GB, shuffle_read_bytes=GB) for n in (1, 2, 3)
    ]
    (sentence,) = said(*folds)
    assert "spilled 3.0 GB" in sentence
