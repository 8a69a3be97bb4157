"""What the scoring jobs share: which cut-offs are scored, and a word where a model knew what came after them."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from pyspark.sql import SparkSession

from social_signals.core.errors import ConfigError
from social_signals.core.times import iso, parse_instant
from social_signals.features import FeatureParams
from social_signals.jobs import build_features
from social_signals.jobs.job import Context
from social_signals.models.artefact import Artefact
from social_signals.scoring.params import ScoringParams

log = logging.getLogger(__name__)


def require_one_time(scoring: ScoringParams, *, as_of: str | None) -> None:
    """Raise ConfigError where a single cut-off and a range of them are both named."""
    if as_of is not None and scoring.backfill:
        raise ConfigError(
            f"as_of={as_of} names one cut-off, scoring.backfill_from={scoring.backfill_from} a range of them",
            hint="leave one of the two out",
        )


def cutoffs_to_score(
    context: Context, scoring: ScoringParams, *, as_of: datetime | None, features: FeatureParams
) -> list[datetime]:
    """The cut-offs of the backfill, else the one that was asked for, else the first midnight after the newest act."""
    if scoring.backfill:
        return scoring.backfill
    return [as_of or build_features.default_as_of(context, features=features)]


@contextmanager
def in_bulk(spark: SparkSession) -> Iterator[None]:
    """Frames that are persisted within go through Python in batches of 50,000 rows, and are kept without compression.

    Rows of scores are narrow, so a batch is still a few megabytes, and each batch costs the same however large. Ids and
    probabilities are all different: looking for a way to compress them took more than a microsecond a person. Spark takes both
    settings when a frame is persisted.
    """
    settings = {
        "spark.sql.execution.arrow.maxRecordsPerBatch": "50000",
        "spark.sql.inMemoryColumnarStorage.compressed": "false",
    }
    before = {name: str(spark.conf.get(name)) for name in settings}
    for name, value in settings.items():
        spark.conf.set(name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            spark.conf.set(name, value)


def spoken(cutoffs: Sequence[datetime]) -> str:
    """`as_of=2020-01-01`, or how many there are from when to when."""
    if len(cutoffs) == 1:
        return f"as_of={iso(cutoffs[0])}"
    return f"{len(cutoffs)} cut-offs from as_of={iso(cutoffs[0])} to {iso(cutoffs[-1])}"


def say_what_the_model_knew(model: Artefact, cutoffs: Sequence[datetime]) -> None:
    """A warning where the model learnt from outcomes that a cut-off could not know: such scores fit, they do not foretell."""
    known = model.card.get("as_of")
    before = [c for c in cutoffs if known and c < parse_instant(str(known))]
    if before:
        log.warning(
            "%s knew outcomes up to %s: its scores at %d earlier cut-offs say how it fits the past, not how it foretells",
            model.model_id, known, len(before),
        )  # fmt: skip
