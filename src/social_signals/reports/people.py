"""People: who is about to leave, who is influential and who is about to be."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import reduce
from typing import Any

import pandas as pd
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from social_signals.core.times import EPOCH
from social_signals.reports.report import ChurnPart, InfluencePart
from social_signals.tables.gold import (
    AS_OF,
    DECILE,
    INFLUENCE,
    IS_EMERGING,
    MODEL_ID,
    MOMENTUM,
    P_CHURN,
    RANK,
    REASONS,
    REASONS_TEXT,
    TIER,
)
from social_signals.tables.gold_creators import (
    AUDIENCE_90D,
    AUTHENTICITY,
    DISCOUNT,
    DISCOUNT_REASONS,
    ENGAGEMENTS_90D,
    REPLIES_90D,
    TOPICS_OWNED,
)
from social_signals.tables.silver import FOLLOWER_COUNT, HANDLE, USER_ID
from social_signals.tables.tiers import TIERS

BINS = 20
MOST_REASONS = 3
MICRO = 1_000_000
PERSON = "person"
# Of gold.creator_quality, what a list of people shows beside a score.
FACTS = (
    FOLLOWER_COUNT, "follower_growth_30d", ENGAGEMENTS_90D, "engagement_growth_30d", AUDIENCE_90D,
    "engagement_rate_to_tier_ratio", "consistency_90d", REPLIES_90D, "reply_sentiment_90d_mean",
    "substantive_reply_90d_ratio", TOPICS_OWNED, DISCOUNT, AUTHENTICITY, DISCOUNT_REASONS,
)  # fmt: skip


def gather_churn(
    churn_scores: DataFrame,
    influence_scores: DataFrame,
    users: DataFrame,
    *,
    as_of: datetime | None,
    top: int,
    show_handles: bool = False,
    champion: str | None = None,
) -> ChurnPart:
    """The newest slice of churn scores not after `as_of`: how scores spread, and at most `top` people a list.

    With several models in one slice the `champion` speaks, else the one that scored most people. `worth_keeping` is the tenth of people with
    the highest influence at the newest cut-off of `influence_scores` not after the same time.
    """
    cutoff = newest(churn_scores, as_of=as_of)
    if cutoff is None:
        return ChurnPart()
    slice_ = churn_scores.where(F.col(AS_OF) == F.lit(cutoff))
    bin_ = F.least(F.floor(F.col(P_CHURN) * BINS), F.lit(BINS - 1)).cast("int")
    # Whole millionths add up to the same sum in any order; doubles do not.
    micro = F.round(F.col(P_CHURN) * MICRO).cast("long")
    bins_by_model: pd.DataFrame = (
        slice_.groupBy(MODEL_ID, bin_.alias("bin"))
        .agg(F.count("*").alias("people"), F.sum(micro).alias("micro"))
        .orderBy(MODEL_ID, "bin")
        .toPandas()
    )
    model_id = _speaking_model(bins_by_model, champion=champion)
    bins = bins_by_model[bins_by_model[MODEL_ID] == model_id]
    people = bins.set_index("bin")["people"].reindex(range(BINS), fill_value=0)
    histogram = pd.DataFrame({"low": [b / BINS for b in range(BINS)], "people": people.to_numpy(dtype="int64")})

    influence = _influence_slice(influence_scores, as_of=cutoff)
    scored = (
        slice_.where(F.col(MODEL_ID) == model_id)
        .join(influence.select(USER_ID, INFLUENCE, RANK, "is_top_tenth"), on=USER_ID, how="left")
        .select(USER_ID, P_CHURN, DECILE, INFLUENCE, RANK, REASONS, REASONS_TEXT, "is_top_tenth")
    )
    order = (F.col(P_CHURN).desc(), F.col(USER_ID).asc())
    columns = (P_CHURN, DECILE, INFLUENCE, RANK, REASONS, REASONS_TEXT)
    is_worth = F.coalesce(F.col("is_top_tenth"), F.lit(False))
    # Both lists in one action: at most twice `top` rows.
    lists = {"at_risk": scored, "worth_keeping": scored.where(is_worth)}
    listed = [rows.orderBy(*order).limit(top).withColumn("list", F.lit(name)) for name, rows in lists.items()]
    both = people_of(
        reduce(DataFrame.unionByName, listed), users, *columns, "list", order=order, show_handles=show_handles
    )
    by_list = {name: both[both["list"] == name].drop(columns="list").reset_index(drop=True) for name in lists}
    return ChurnPart(
        as_of=cutoff,
        model_id=model_id,
        people=int(histogram["people"].sum()),
        expected_to_leave=int(bins["micro"].sum()) / MICRO,
        histogram=histogram,
        at_risk=by_list["at_risk"],
        worth_keeping=by_list["worth_keeping"],
    )


def gather_influence(
    influence_scores: DataFrame,
    users: DataFrame,
    *,
    as_of: datetime | None,
    top: int,
    show_handles: bool = False,
    champion: str | None = None,
    quality: DataFrame | None = None,
) -> InfluencePart:
    """The newest slice of influence scores not after `as_of`: audience sizes, and at most `top` people a list.

    Emerging people come by momentum, largest first; newcomers, who have none yet, come last by rank. quality: rows of
    gold.creator_quality, whose facts stand beside the people, and by which people are doubted.
    """
    cutoff = newest(influence_scores, as_of=as_of)
    if cutoff is None:
        return InfluencePart()
    slice_ = influence_scores.where(F.col(AS_OF) == F.lit(cutoff))
    tiers_by_model: pd.DataFrame = (
        slice_.groupBy(MODEL_ID, TIER)
        .agg(F.count("*").alias("people"), F.sum(F.col(IS_EMERGING).cast("long")).alias("emerging"))
        .orderBy(MODEL_ID, TIER)
        .toPandas()
    )
    model_id = _speaking_model(tiers_by_model, champion=champion)
    tiers = tiers_by_model[tiers_by_model[MODEL_ID] == model_id].set_index(TIER)[["people", "emerging"]]
    tiers = tiers.reindex(list(TIERS), fill_value=0).astype("int64").rename_axis("tier").reset_index()

    scored = slice_.where(F.col(MODEL_ID) == model_id)
    columns: tuple[str, ...] = (INFLUENCE, RANK, MOMENTUM, TIER, IS_EMERGING, REASONS, REASONS_TEXT)
    doubts: dict[str, Any] = {}
    if quality is not None:
        scored = with_facts(scored, quality, as_of=cutoff)
        doubts = _doubts(scored, users, *columns, *FACTS, top=top, show_handles=show_handles)
        columns += FACTS
    by_rank = (F.col(RANK).asc(), F.col(USER_ID).asc())
    by_momentum = (F.col(MOMENTUM).desc_nulls_last(), *by_rank)
    most = scored.orderBy(*by_rank).limit(top)
    emerging = scored.where(F.col(IS_EMERGING)).orderBy(*by_momentum).limit(top)
    return InfluencePart(
        as_of=cutoff,
        model_id=model_id,
        people=int(tiers["people"].sum()),
        tiers=tiers,
        most=people_of(most, users, *columns, order=by_rank, show_handles=show_handles),
        emerging=people_of(emerging, users, *columns, order=by_momentum, show_handles=show_handles),
        **doubts,
    )


def with_facts(scores: DataFrame, quality: DataFrame, *, as_of: datetime) -> DataFrame:
    """The scored people of a cut-off with FACTS beside them, null for whom nobody has assessed then."""
    known = quality.where(F.col(AS_OF) == F.lit(as_of)).select(USER_ID, *FACTS)
    return scores.join(known, on=USER_ID, how="left")


def _doubts(scored: DataFrame, users: DataFrame, *columns: str, top: int, show_handles: bool) -> dict[str, Any]:
    """How many were assessed and how many are doubted, and the doubted ones who lose most influence by it."""
    is_doubted = F.col(DISCOUNT) > 0
    counted = scored.agg(F.count(DISCOUNT).alias("assessed"), F.count(F.when(is_doubted, 1)).alias("doubted")).first()
    order = ((F.col(INFLUENCE) * F.col(DISCOUNT)).desc(), F.col(USER_ID).asc())
    worst = scored.where(is_doubted).orderBy(*order).limit(top)
    return {
        "assessed_people": int(counted["assessed"]) if counted else 0,
        "doubted_people": int(counted["doubted"]) if counted else 0,
        "doubted": people_of(worst, users, *columns, order=order, show_handles=show_handles),
    }


def newest(scores: DataFrame, *, as_of: datetime | None) -> datetime | None:
    """The newest cut-off not after `as_of`, aware; None where there is no row."""
    seen = scores if as_of is None else scores.where(F.col(AS_OF) <= F.lit(as_of))
    newest = seen.agg(F.unix_micros(F.max(AS_OF)).alias("micros")).first()
    # Microseconds since 1970 instead of Python's datetime, which would arrive in the driver's own zone.
    return None if newest is None or newest["micros"] is None else EPOCH + timedelta(microseconds=newest["micros"])


def _speaking_model(by_model: pd.DataFrame, *, champion: str | None = None) -> str:
    """The champion if it scored anybody, else the model that scored most people, the last by name among equals."""
    people = by_model.groupby(MODEL_ID)["people"].sum()
    if champion in people.index:
        return str(champion)
    return str(max(people.index, key=lambda name: (people[name], name)))


def _influence_slice(influence_scores: DataFrame, *, as_of: datetime) -> DataFrame:
    """One row per person: influence and rank at the newest cut-off, whichever model scored most people."""
    cutoff = newest(influence_scores, as_of=as_of)
    slice_ = influence_scores.where(F.col(AS_OF) == F.lit(cutoff))
    by_model: pd.DataFrame = slice_.groupBy(MODEL_ID).agg(F.count("*").alias("people")).toPandas()
    if by_model.empty:
        return slice_.select(USER_ID, INFLUENCE, RANK, F.lit(False).alias("is_top_tenth"))
    model_id = _speaking_model(by_model)
    people = int(by_model.set_index(MODEL_ID).loc[model_id, "people"])
    is_top_tenth = F.col(RANK) * 10 <= people
    ours = slice_.where(F.col(MODEL_ID) == model_id)
    return ours.select(USER_ID, INFLUENCE, RANK, is_top_tenth.alias("is_top_tenth"))


def people_of(
    top_people: DataFrame, users: DataFrame, *columns: str, order: tuple[Column, ...], show_handles: bool
) -> pd.DataFrame:
    """`named_people` whose columns hold reasons of scores and their words, which become one column of dicts."""
    frame = named_people(top_people, users, *columns, order=order, show_handles=show_handles)
    told = zip(frame[REASONS], frame.pop(REASONS_TEXT), strict=True)
    frame[REASONS] = [_plain_reasons(reasons, text) for reasons, text in told]
    return frame


def named_people(
    top_people: DataFrame, users: DataFrame, *columns: str, order: tuple[Column, ...], show_handles: bool
) -> pd.DataFrame:
    """The people, few, on the driver; `person` is the id, or the handle where handles were asked for and known."""
    shown = top_people
    person = F.col(USER_ID)
    if show_handles:
        handles = users.select(USER_ID, HANDLE)
        shown = top_people.join(handles, on=USER_ID, how="left")
        has_handle = F.length(F.trim(F.coalesce(F.col(HANDLE), F.lit("")))) > 0
        person = F.when(has_handle, F.col(HANDLE)).otherwise(F.col(USER_ID))
    frame: pd.DataFrame = shown.orderBy(*order).select(person.alias(PERSON), *columns).toPandas()
    return frame


def _plain_reasons(reasons: Any, text: Any) -> list[dict[str, Any]]:
    """Rows or dicts, as Arrow or pickle delivered them, as dicts with their words where there are any; the largest few."""
    if reasons is None:
        return []
    found = [r.asDict() if hasattr(r, "asDict") else dict(r) for r in reasons]
    if text is not None:
        found = [one | {"text": said} for one, said in zip(found, text, strict=True)]
    return sorted(found, key=lambda r: (-abs(r["contribution"]), r["feature"]))[:MOST_REASONS]
