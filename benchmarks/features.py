"""`build_features` against DuckDB on the same Parquet files, and after 1 % new events against our own full build.

    python benchmarks/features.py [--events 20000000] [--part full|incremental] [--driver-memory 8g] [--cores 2]

Generates interactions and posts (seeded; a dozen events a person, heavy-tailed) into Delta tables, then

- full: times a build of one slice, Delta to Delta, against one DuckDB query over the same files that writes Parquet
  (`features_in_sql.py`: every feature made from interactions and posts alone; ours measures and writes all the others
  too), and checks that the two agree: counts exactly, fractions to 1e-9 of their size;
- incremental: adds 1 % new events that came late, brings the slice up to date, and times it against a full build, which
  has to give the same rows to the last bit; three times, with other events each.

Medians of `--runs` in shuffled order after a warm-up of the same size. The last line is JSON: `ratio` is our time over
DuckDB's, or over our own full build's; smaller is better.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import features_in_sql
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from worlds import CUTOFF, SEED, chance

from social_signals.core.progress import Progress
from social_signals.core.session import PlatformParams, make_session
from social_signals.features import USER_FEATURES, FeatureParams
from social_signals.features.cutoffs import DAY_US, micros
from social_signals.governance import ConsentParams
from social_signals.jobs import build_features
from social_signals.jobs.job import Context
from social_signals.tables.catalog import Catalog
from social_signals.tables.gold import AS_OF
from social_signals.tables.silver import INTERACTIONS, POSTS, USER_ID
from social_signals.tables.store import CatalogParams
from social_signals.tables.table import Table

HISTORY_DAYS = 730
LATE_DAYS = 30
EVENTS_A_PERSON = 12
POSTS_PCT = 15
ITEMS = 20_000
KINDS = {"view": 40, "like": 25, "comment": 8, "share": 5, "follow": 5, "click": 5, "save": 4, "mention": 2,
         "purchase": 2, "dislike": 2, "unfollow": 1, "answer_accepted": 1}  # fmt: skip
TOLERANCE = 1e-9


# The world ---------------------------------------------------------------------------------------------------------------


def someone(salt: str, people: int, *, power: float) -> Column:
    """A person; with a power above 1 the first ones come up far more often: at 2, one in a hundred has a tenth of all."""
    return F.format_string("u%08d", F.floor(F.lit(people) * F.pow(chance(salt), F.lit(power))).cast("long"))


def earlier_post(salt: str, posts_before: Column) -> Column:
    """A post of those before, mostly a new one."""
    return F.format_string("p%09d", F.floor(posts_before * F.pow(chance(salt), F.lit(0.05))).cast("long"))


def kind() -> Column:
    drawn, chosen, above = chance("kind") * sum(KINDS.values()), F.lit(next(iter(KINDS))), 0
    for name, weight in KINDS.items():
        chosen = F.when(drawn >= above, name).otherwise(chosen)
        above += weight
    return chosen


def clocks(event_us: Column) -> dict[str, Column]:
    """One row in twenty was seen up to three days after it happened."""
    delay = F.when(chance("is_late") < 0.05, (chance("delay") * F.lit(3.0 * DAY_US)).cast("long")).otherwise(0)
    return {"event_ts": F.timestamp_micros(event_us), "ingested_ts": F.timestamp_micros(event_us + delay)}


def posts(ids: DataFrame, *, people: int, event_us: Column) -> DataFrame:
    return ids.select(
        F.format_string("p%09d", "id").alias("post_id"),
        someone("author", people, power=2).alias("author_id"),
        F.rpad(F.lit("word"), 400, " word").substr(F.lit(1), (chance("length") * 200).cast("int") + 1).alias("text"),
        F.when(chance("is_reply") < 0.6, earlier_post("parent", F.col("id"))).alias("parent_post_id"),
        F.when(chance("is_about") < 0.1, F.format_string("t%05d", F.floor(chance("item") * ITEMS))).alias("item_id"),
        *[column.alias(name) for name, column in clocks(event_us).items()],
        F.lit("generated").alias("source"),
    )


def acts(ids: DataFrame, *, people: int, event_us: Column, posts_before: Column) -> DataFrame:
    """Half of them name whom they are done to, three in ten only a post, the rest only an item; a few are anonymous."""
    way, what = chance("way"), kind()
    return ids.select(
        F.format_string("i%010d", "id").alias("interaction_id"),
        what.alias("kind"),
        F.when(chance("anonymous") >= 0.03, someone("actor", people, power=2)).alias("actor_id"),
        F.when(way < 0.5, someone("target", people, power=3)).alias("target_user_id"),
        F.when((way >= 0.5) & (way < 0.8), earlier_post("post", posts_before)).alias("target_post_id"),
        F.when(way >= 0.8, F.format_string("t%05d", F.floor(chance("item") * ITEMS))).alias("item_id"),
        F.when(what == "purchase", F.round(chance("value") * 100, 2)).alias("value"),
        *[column.alias(name) for name, column in clocks(event_us).items()],
        F.lit("generated").alias("source"),
    )


def typed(frame: DataFrame, table: Table) -> DataFrame:
    """The frame with the columns of a contract, null where it has none."""
    absent = {f.name: F.lit(None) for f in table.schema if f.name not in frame.columns}
    filled = frame.withColumns(absent)
    return filled.select(*[F.col(f.name).cast(f.dataType).alias(f.name) for f in table.schema])


def generate(context: Context, events: int) -> None:
    """silver.posts and silver.interactions over two years up to the cut-off, in the order in which they happened."""
    people, parts = max(events // EVENTS_A_PERSON, 1), max(events // 2_000_000, 4)
    posts_count = events * POSTS_PCT // 100
    acts_count = events - posts_count
    start, span = micros(CUTOFF) - HISTORY_DAYS * DAY_US, HISTORY_DAYS * DAY_US - 1

    def when(count: int) -> Column:
        return F.lit(start) + ((F.col("id") + chance("when")) / F.lit(float(count)) * F.lit(float(span))).cast("long")

    ids = context.spark.range(0, posts_count, 1, parts)
    context.catalog.append(POSTS, typed(posts(ids, people=people, event_us=when(posts_count)), POSTS))
    ids = context.spark.range(0, acts_count, 1, parts)
    written = acts(
        ids, people=people, event_us=when(acts_count), posts_before=F.col("id") * F.lit(posts_count / acts_count)
    )
    context.catalog.append(INTERACTIONS, typed(written, INTERACTIONS))


def arrive_late(context: Context, *, batch: int, events: int) -> None:
    """1 % more interactions, of any person and of the last days before the cut-off."""
    people, count = max(events // EVENTS_A_PERSON, 1), max(events // 100, 1)
    ids = context.spark.range(events + batch * count, events + (batch + 1) * count, 1, 2)
    event_us = F.lit(micros(CUTOFF) - LATE_DAYS * DAY_US) + (
        chance("when") * F.lit(float((LATE_DAYS - 3) * DAY_US))
    ).cast("long")
    posts_before = F.lit(float(events * POSTS_PCT // 100))
    late = acts(ids, people=people, event_us=event_us, posts_before=posts_before)
    context.catalog.append(INTERACTIONS, typed(late, INTERACTIONS))


# What is timed -----------------------------------------------------------------------------------------------------------


def build(context: Context, rebuild: str) -> None:
    features = FeatureParams(rebuild=rebuild)
    build_features.build(context, as_of=[CUTOFF], features=features, consent=ConsentParams())


def query(context: Context, out: Path, *, cores: int) -> None:
    places = {table: f"{context.catalog.address(table)}/*.parquet" for table in (POSTS, INTERACTIONS)}
    sql = features_in_sql.query(
        posts=places[POSTS],
        interactions=places[INTERACTIONS],
        as_of=CUTOFF,
        population_days=FeatureParams().population_days,
    )
    with duckdb.connect() as connection:
        connection.execute(f"SET threads={cores}")
        connection.execute("SET TimeZone='UTC'")
        connection.execute(f"COPY ({sql}) TO '{out}' (FORMAT parquet)")


def timed(work: Callable[[], None]) -> float:
    started = time.monotonic()
    work()
    return time.monotonic() - started


def compared(context: Context, theirs: Path) -> dict[str, int]:
    """Rows and features in which DuckDB agrees with the slice. Raises SystemExit where it does not."""
    answers = context.spark.read.parquet(str(theirs)).alias("theirs")
    slices = context.catalog.read(USER_FEATURES).where(F.col(AS_OF) == CUTOFF).alias("ours")
    names = [name for name in answers.columns if name != USER_ID]

    def differs(name: str) -> Column:
        a, b = F.col(f"ours.{name}").cast("double"), F.col(f"theirs.{name}").cast("double")
        near = F.abs(a - b) <= F.lit(TOLERANCE) * F.greatest(F.abs(a), F.abs(b), F.lit(1.0))
        return F.count(F.when(~(F.coalesce(near, F.lit(False)) | (a.isNull() & b.isNull())), 1)).alias(name)

    both = slices.join(answers, on=USER_ID, how="full")
    counts = both.agg(F.count(F.lit(1)).alias("people"), *map(differs, names)).collect()[0].asDict()
    people = counts.pop("people")
    if wrong := {name: count for name, count in counts.items() if count}:
        raise SystemExit(f"of {people} people, DuckDB and build_features disagree on {wrong}")
    return {"people": people, "features_compared": len(names)}


def digest(context: Context) -> str:
    """Of all rows and columns of the slice, whatever their order."""
    rows = context.catalog.read(USER_FEATURES)
    # xxhash64 passes over nulls, so where they are is hashed too.
    values = [part for name in rows.columns for part in (F.col(name), F.col(name).isNull())]
    return str(rows.agg(F.count(F.lit(1)), F.sum(F.xxhash64(*values).cast("decimal(38,0)"))).collect()[0])


def full(context: Context, *, events: int, runs: int, cores: int, folder: Path) -> dict[str, object]:
    theirs = folder / "theirs.parquet"
    contenders = {"ours": lambda: build(context, "full"), "theirs": lambda: query(context, theirs, cores=cores)}
    for contender in contenders.values():
        contender()
    agreement = compared(context, theirs)
    order = list(contenders) * runs
    random.Random(SEED).shuffle(order)
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for name in order:
        seconds[name].append(timed(contenders[name]))
    ours, competitor = statistics.median(seconds["ours"]), statistics.median(seconds["theirs"])
    return line("features", ours, competitor, f"DuckDB {duckdb.__version__}", events=events, cores=cores) | {
        **agreement,
        "features_written": len(USER_FEATURES.columns) - 2,
        "all_s": {name: [round(s, 1) for s in times] for name, times in seconds.items()},
    }


def incremental(context: Context, *, events: int, runs: int, cores: int) -> dict[str, object]:
    build(context, "full")
    seconds: dict[str, list[float]] = {"auto": [], "full": []}
    for batch in range(runs + 1):
        arrive_late(context, batch=batch, events=events)
        renewed = timed(lambda: build(context, "auto"))
        after = digest(context)
        rebuilt = timed(lambda: build(context, "full"))
        if digest(context) != after:
            raise SystemExit("the slice brought up to date is not the one that a full build gives")
        if batch:
            # The first batch is the warm-up.
            seconds["auto"].append(renewed)
            seconds["full"].append(rebuilt)
    ours, competitor = statistics.median(seconds["auto"]), statistics.median(seconds["full"])
    return line("features_incremental", ours, competitor, "ours in full", events=events, cores=cores) | {
        "new_events_pct": 1,
        "all_s": {name: [round(s, 1) for s in times] for name, times in seconds.items()},
    }


def line(name: str, ours: float, theirs: float, competitor: str, *, events: int, cores: int) -> dict[str, object]:
    return {
        "benchmark": name,
        "ratio": round(ours / theirs, 3),
        "ours_s": round(ours, 1),
        "theirs_s": round(theirs, 1),
        "competitor": competitor,
        "rows": events,
        "cores": cores,
    }


def session(*, cores: int, memory: str) -> SparkSession:
    platform = PlatformParams(master=f"local[{cores}]", driver_memory=memory, conf={"spark.ui.enabled": "false"})
    return make_session(platform, app_name="benchmark features")


def main() -> None:
    """Generate, measure and print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=20_000_000)
    parser.add_argument("--part", choices=("full", "incremental"), default="full")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--driver-memory", default="8g")
    parser.add_argument("--cores", type=int, default=2)
    chosen = parser.parse_args()
    spark = session(cores=chosen.cores, memory=chosen.driver_memory)
    with tempfile.TemporaryDirectory() as folder:
        catalog = Catalog(spark, CatalogParams(root=f"{folder}/lakehouse"), run_id="benchmark")
        progress = Progress(enabled=False)
        context = Context(spark=spark, catalog=catalog, run_id="benchmark", now=CUTOFF, progress=progress)
        generate(context, chosen.events)
        sizes = {"events": chosen.events, "runs": chosen.runs, "cores": chosen.cores}
        result = full(context, **sizes, folder=Path(folder)) if chosen.part == "full" else incremental(context, **sizes)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
