"""Communities of any size, even or with three things far heavier than the rest, and the jobs that a benchmark runs on them.

Even: everybody writes, acts and is acted towards equally often, at any time of 80 days. Skewed: one creator receives a tenth of all
interactions, one author writes a twentieth of all posts, and half of everything happens on one day. Rows, people and posts are as
many in both, and every cut-off that a job looks at has that day before it.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import psutil
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from social_signals.features.cutoffs import DAY_US, micros
from social_signals.jobs.runner import run_job

CUTOFF = datetime(2024, 1, 1, tzinfo=timezone.utc)
SEED = 20140121
HISTORY_DAYS = 80
EVENTS_A_PERSON = 12
# Fewer people would leave a cut-off without anybody who stays, or who goes.
LEAST_EVENTS = 2_000
POSTS_SHARE = 0.15
CREATOR_SHARE, AUTHOR_SHARE, DAY_SHARE = 0.10, 0.05, 0.50
# Where the heavy day begins, as a share of the history: between the first cut-off that trains and the window before it.
DAY_AT = 0.4
KINDS = ("like", "like", "like", "comment", "share", "mention", "follow", "save")
WORDS = ("ale", "stout", "hops", "malt", "brew", "yeast", "keg", "glass", "foam", "taste", "bitter", "sweet")


def chance(salt: str) -> Column:
    """0 to 1, the same for the same row in every run and on any number of cores."""
    return F.shiftrightunsigned(F.xxhash64("id", F.lit(salt), F.lit(SEED)), 11) / F.lit(float(1 << 53))


def someone(salt: str, people: int) -> Column:
    return F.format_string("u%08d", F.floor(F.lit(people) * chance(salt)).cast("long"))


def when(count: int, *, skewed: bool) -> Column:
    """Instants in the order of the rows' numbers: evenly over the history, or half of them on one day."""
    at = (F.col("id") + chance("when")) / F.lit(float(count))
    if skewed:
        day, rest = 1.0 / HISTORY_DAYS, 1.0 - DAY_SHARE
        before = at * F.lit(1.0 / rest)
        within = F.lit(DAY_AT) + (at - F.lit(DAY_AT * rest)) * F.lit(day / DAY_SHARE)
        after = (at - F.lit(DAY_SHARE)) * F.lit((1.0 - DAY_AT - day) / (rest - DAY_AT * rest)) + F.lit(
            DAY_AT + day - (DAY_AT * rest) * (1.0 - DAY_AT - day) / (rest - DAY_AT * rest)
        )
        at = F.when(at < DAY_AT * rest, before).when(at < DAY_AT * rest + DAY_SHARE, within).otherwise(after)
    start, span = micros(CUTOFF) - HISTORY_DAYS * DAY_US, HISTORY_DAYS * DAY_US - 1
    return F.timestamp_micros(F.lit(start) + (at * F.lit(float(span))).cast("long"))


def posts(spark: SparkSession, count: int, *, people: int, skewed: bool) -> DataFrame:
    """Six in ten answer one of the thousand posts before."""
    author = someone("author", people)
    if skewed:
        author = F.when(chance("heavy") < AUTHOR_SHARE, F.format_string("u%08d", F.lit(1))).otherwise(author)
    word = F.array(*[F.lit(word) for word in WORDS])
    words = [F.element_at(word, F.floor(chance(f"word{n}") * len(WORDS)).cast("int") + 1) for n in range(8)]
    before = F.col("id") - 1 - F.floor(chance("parent") * F.least(F.col("id"), F.lit(1000)))
    is_answer = (F.col("id") > 0) & (chance("answers") < 0.6)
    return _rows(spark, count).select(
        F.format_string("p%09d", "id").alias("post_id"),
        author.alias("author_id"),
        F.concat_ws(" ", *words, F.col("id").cast("string")).alias("text"),
        F.when(is_answer, F.format_string("p%09d", before)).alias("parent_post_id"),
        when(count, skewed=skewed).alias("event_ts"),
    )


def interactions(spark: SparkSession, count: int, *, people: int, posts_count: int, skewed: bool) -> DataFrame:
    """Half of them are done to a person, half to one of the thousand posts before."""
    to_person, heavy = chance("way") < 0.5, F.lit(False)
    person = someone("target", people)
    if skewed:
        heavy = chance("heavy") < CREATOR_SHARE
        person = F.when(heavy, F.format_string("u%08d", F.lit(0))).otherwise(person)
    newest = F.floor(F.col("id") * F.lit(posts_count / count))
    post = F.greatest(newest - F.floor(chance("post") * 1000), F.lit(0))
    kind = F.element_at(F.array(*[F.lit(kind) for kind in KINDS]), F.floor(chance("kind") * len(KINDS)).cast("int") + 1)
    return _rows(spark, count).select(
        F.format_string("i%010d", "id").alias("interaction_id"),
        kind.alias("kind"),
        someone("actor", people).alias("actor_id"),
        F.when(to_person | heavy, person).alias("target_user_id"),
        F.when(~(to_person | heavy), F.format_string("p%09d", post.cast("long"))).alias("target_post_id"),
        when(count, skewed=skewed).alias("event_ts"),
    )


def _rows(spark: SparkSession, count: int) -> DataFrame:
    return spark.range(0, count, 1, 4)


@dataclass(frozen=True)
class World:
    """JSON lines of a community, and the lakehouse that jobs make of them. events: posts and interactions together."""

    folder: Path
    events: int
    skewed: bool = False

    @property
    def posts(self) -> int:
        return int(self.events * POSTS_SHARE)

    @property
    def people(self) -> int:
        return max(self.events // EVENTS_A_PERSON, 1)

    def write(self, spark: SparkSession) -> World:
        acts = self.events - self.posts
        made = {
            "posts": posts(spark, self.posts, people=self.people, skewed=self.skewed),
            "interactions": interactions(spark, acts, people=self.people, posts_count=self.posts, skewed=self.skewed),
        }
        for name, rows in made.items():
            rows.write.json(str(self.folder / name))
        return self


def settings(world: World) -> dict[str, list[str]]:
    """Job -> its settings: each job that reads people, posts or acts by the million, with models that read no text."""
    as_of = f"as_of={CUTOFF:%Y-%m-%d}"
    source = [
        "source=files", "source.format=jsonl", f"source.posts={world.folder}/posts/*.json",
        f"source.interactions={world.folder}/interactions/*.json",
    ]  # fmt: skip
    churn = ["churn.lookback_days=14", "churn.horizon_days=7", "churn.step_days=7", "churn.max_cutoffs=4"]
    return {
        "ingest": source,
        # Texts are told apart by language and looked up; the models, which cost the same whoever wrote, read none of them.
        "annotate": ["text.languages=[la]", "text.gazetteer=false", "text.aspects=false"],
        "build_features": [as_of],
        "build_network": [as_of, "network.topics=false"],
        "train_churn": [as_of, *churn, "model=quick", "xgboost.n_estimators=20", "tracking.gate=report"],
        "score_churn": [as_of],
    }


@dataclass(frozen=True)
class Took:
    """seconds: wall time. cpu_seconds: of this process, its JVM and their Python workers, which a busy machine changes little."""

    seconds: float
    cpu_seconds: float


def cpu_seconds() -> float:
    total = 0.0
    for process in (here := psutil.Process(), *here.children(recursive=True)):
        try:
            times = process.cpu_times()
            total += times.user + times.system
        except psutil.Error:
            # It ended between being listed and being asked.
            continue
    return total


def ran(world: World, platform: list[str]) -> dict[str, Took]:
    """What each job took on a world that has been written, one after the other in this process's session."""
    took: dict[str, Took] = {}
    for name, own in settings(world).items():
        started, cpu = time.monotonic(), cpu_seconds()
        code, summary = run_job(name, [*own, f"catalog.root={world.folder}/lakehouse", *platform])
        if code != 0:
            raise SystemExit(f"{name} ended with exit code {code}: {json.dumps(summary.error)}")
        took[name] = Took(time.monotonic() - started, cpu_seconds() - cpu)
        what = f"{world.events} {'skewed' if world.skewed else 'even'} events"
        print(
            f"{what}, {name}: {took[name].seconds:.1f} s, {took[name].cpu_seconds:.1f} core-seconds",
            file=sys.stderr,
            flush=True,
        )
    return took
