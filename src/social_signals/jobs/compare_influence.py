"""`compare_influence`: reads a slice of `gold.user_features`; says of each two of a few people who gathers more, how surely. Writes nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import pandas as pd
from pyspark.sql import functions as F

from social_signals.core.errors import ConfigError, DataQualityError
from social_signals.core.times import iso
from social_signals.jobs import scoring_plan
from social_signals.jobs.job import Context, Outcome
from social_signals.jobs.score_influence import ScoreInfluenceJob, people_as_seen, people_model
from social_signals.models.ladder import Ladder
from social_signals.models.predict import MARGIN, with_margins
from social_signals.tables.gold import AS_OF
from social_signals.tables.silver import USER_ID

MOST_COMPARED = 50


@dataclass
class CompareParams:
    """people: the user_ids to compare, 2 to 50 of them."""

    people: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        # Ids that look like numbers arrive as numbers.
        self.people = [str(one) for one in self.people]
        if len(set(self.people)) != len(self.people) or len(self.people) == 1 or len(self.people) > MOST_COMPARED:
            raise ConfigError(
                f"compare.people names {len(self.people)} people, {len(set(self.people))} of them different",
                hint=f"name 2 to {MOST_COMPARED} different user_ids: 'compare.people=[u1,u2]'",
            )


@dataclass
class CompareInfluenceJob(ScoreInfluenceJob):
    """as_of null means the first midnight after the newest act."""

    compare: CompareParams = field(default_factory=CompareParams)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.scoring.backfill:
            raise ConfigError("people are compared at one cut-off", hint="leave out scoring.backfill_from, give as_of")


SCHEMA = CompareInfluenceJob


def run(job: CompareInfluenceJob, context: Context) -> Outcome:
    """P(A gathers more than B) over the horizon of the champion, or the model that was named, for every two, strongest first."""
    wanted = job.compare.people
    if not wanted:
        raise ConfigError("compare.people names nobody", hint="name the user_ids: 'compare.people=[u1,u2]'")
    model = people_model(job, context)
    (as_of,) = scoring_plan.cutoffs_to_score(context, job.scoring, as_of=job.as_of_instant, features=job.features)
    if job.dry_run:
        sentence = f"compare_influence: {len(wanted)} people at {iso(as_of)} with {model.model_id}; write nothing"
        return Outcome(status="dry_run", as_of=as_of, plan=[sentence])
    people = people_as_seen(job, context, model=model, as_of=[as_of])
    few = people.where((F.col(AS_OF) == F.lit(as_of)) & F.col(USER_ID).isin(wanted))
    ladder = Ladder.from_json(model.calibration)
    scored = with_margins(
        few, booster=model.booster, features=model.features, keep=[USER_ID], trend=ladder.trend,
        device=job.platform.device,
    )  # fmt: skip
    rows = pd.DataFrame(scored.select(USER_ID, MARGIN).toPandas()).sort_values(
        [MARGIN, USER_ID], ascending=[False, True], ignore_index=True
    )
    if len(rows) < len(wanted):
        raise DataQualityError(
            f"of {len(wanted)} people to compare, {len(wanted) - len(rows)} are not known at {iso(as_of)}",
            hint="name people who were active lately and agreed to profiling, or choose another as_of",
        )
    told = {"as_of": iso(as_of), "model_id": model.model_id, "pairs": pairs_of(rows, ladder)}
    return Outcome(metrics={"compare": told}, as_of=as_of, device=job.platform.device)


def pairs_of(rows: pd.DataFrame, ladder: Ladder) -> list[dict[str, Any]]:
    """One dict for every two rows (user_id, margin), in their order: a, b, the probability that a gathers more, and its 95 % interval
    (null for models without one)."""
    found = []
    for (a, margin_a), (b, margin_b) in combinations(rows[[USER_ID, MARGIN]].itertuples(index=False), 2):
        p = float(ladder.beats([margin_a], [margin_b])[0])
        low, high = (float(end[0]) for end in ladder.beats_between([margin_a], [margin_b]))
        ends = {"low": round(low, 6), "high": round(high, 6)} if low == low else {"low": None, "high": None}
        found.append({"a": str(a), "b": str(b), "p": round(p, 6), **ends})
    return found
