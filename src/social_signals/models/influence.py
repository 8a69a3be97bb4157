"""Who moves people: a score a person, learnt from who gathered more engagement after past cut-offs."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from social_signals.core.lanes import at_once
from social_signals.core.steps import step
from social_signals.evaluation.metrics import log_loss
from social_signals.evaluation.splits import TEST, TRAIN, VALID, Splits, rolling_folds
from social_signals.models.artefact import INFLUENCE, Artefact, ModelStore, model_id_of
from social_signals.models.card import card_of, code_identity
from social_signals.models.distributed import Fitted, fit_ranker, require_barrier, require_device, workers_for
from social_signals.models.examples import MOST_EVALUATED_ROWS, ROLE, examine, rows_of_fold, sample_of_people, with_role
from social_signals.models.influence_judged import (
    PEOPLE,
    PERSON,
    Grown,
    Ranked,
    at_top,
    curves_of,
    judged_people,
    metrics_of,
    of_people_never_seen,
    ranked_people,
)
from social_signals.models.labels import ENGAGEMENT
from social_signals.models.ladder import Ladder, fit_band, fit_scale, reference_of
from social_signals.models.pairing import MOST_PAIRS, margins_and_winner, sample_pairs
from social_signals.models.params import InfluenceParams, XGBoostParams
from social_signals.models.predict import MARGIN, require_features, with_margins
from social_signals.models.search import Trial, best_of, in_full, search, searched, storage_of, study_of, told
from social_signals.models.search_params import OFF, SearchParams
from social_signals.models.trend import Trend, fit_trend
from social_signals.tables.gold import AS_OF
from social_signals.tables.silver import USER_ID

log = logging.getLogger(__name__)

# A query goes to one worker whole and its pairs are drawn inside it: large enough for variety, small enough to deal.
PEOPLE_PER_QUERY = 128
AUDIENCE = "audience"


def influence_examples(
    features: DataFrame, engagement: DataFrame, *, splits: Splits, seed: int, audience: DataFrame | None = None
) -> DataFrame:
    """One row per cut-off of the split and person with features: as_of, user_id, features, engagement (0 for none), role.

    audience: (as_of, user_id, audience), whom the person reaches: engagement is then a rate, and who has none is left out.
    """
    joined = features.join(engagement, on=[AS_OF, USER_ID], how="left")
    gathered: Column = F.coalesce(ENGAGEMENT, F.lit(0))
    if audience is not None:
        joined = joined.join(audience.where(F.col(AUDIENCE) > 0), on=[AS_OF, USER_ID], how="inner")
        gathered = gathered / F.col(AUDIENCE)
    return with_role(joined.withColumn(ENGAGEMENT, gathered), splits, seed=seed)


def train_influence(
    examples: DataFrame,
    *,
    features: Sequence[str],
    as_of: datetime,
    splits: Splits,
    params: InfluenceParams,
    xgboost: XGBoostParams,
    seed: int,
    device: str,
    inputs: Mapping[str, int],
    store: ModelStore,
    tuning: SearchParams | None = None,
    studies: Path | None = None,
    subject: Ranked = PEOPLE,
) -> tuple[Artefact, bool]:
    """The influence model of these examples, and whether it had to be trained. As `train_churn`, for pairs.

    Two people of one cut-off and query make a pair; who gathered more engagement won it; equal ones teach nothing. tuning: which
    settings of the trees are tried first, by the log loss of validation pairs. subject: what is ranked, where not people.
    """
    spark = examples.sparkSession
    slots = require_barrier(spark, workers=xgboost.num_workers, device=device)
    require_features(examples, features, model_id="the influence model")
    examined = examine(
        examples, label=ENGAGEMENT, features=features, is_binary=False, what="influence", key=subject.key
    )
    workers = workers_for(examined.rows[TRAIN] + examined.rows[VALID], slots=slots, params=xgboost)
    made_of = {
        **code_identity(), "features": list(features), "fingerprint": examined.fingerprint, "splits": asdict(splits),
        "params": asdict(params), "xgboost": xgboost.deciding, "seed": seed, "workers": workers, "device": device,
    }  # fmt: skip
    tried = tuning or SearchParams()
    model_id = model_id_of(subject.kind, made_of | searched(tried))
    finished = store.find(subject.kind, model_id)
    if finished is not None:
        return finished, False
    require_device(spark, device)
    fits = _Fits(
        examples, features, subject, xgboost, workers=workers, device=device, seed=seed, cutoffs=splits.used,
        queries=-(-examined.largest_cutoff // PEOPLE_PER_QUERY), known_rows=examined.before_test,
        checkpoints=store.checkpoints(subject.kind, model_id),
    )  # fmt: skip
    trials: list[Trial] = []
    if tried.method != OFF:
        name = study_of(subject.kind, made_of, tried)
        folder = studies or store.root.parent / "studies"
        trials = _search(fits, tried, splits=splits, horizon_days=params.horizon_days, study=name, folder=folder)
        fits = replace(fits, xgboost=replace(xgboost, **best_of(trials).settings))
    grown, fitted = fits.grow(examples.where(F.col(ROLE).isin(TRAIN, VALID)), is_valid=F.col(ROLE) == VALID)
    judged = judged_people(examples, grown, features=features, examined=examined, subject=subject, seed=seed)
    valid, test = judged[judged[ROLE] == VALID], judged[judged[ROLE] == TEST]
    newest = test[test[AS_OF] == test[AS_OF].max()]
    tuned = sample_pairs(valid, most=MOST_PAIRS, seed=seed)
    differences, a_won = margins_and_winner(tuned)
    scale = fit_scale(differences, a_won)
    band = fit_band(
        scale * differences, a_won, persons_a=tuned[f"a_{PERSON}"], persons_b=tuned[f"b_{PERSON}"], seed=seed
    )
    ladder = Ladder(scale, reference_of(newest[MARGIN]), grown.trend, band)
    pairs = sample_pairs(test, most=MOST_PAIRS, seed=seed)
    ranked = ranked_people(
        examples, judged, grown, features=features, examined=examined, splits=splits, subject=subject, seed=seed
    )
    metrics = metrics_of(pairs, ladder, subject=subject, seed=seed)
    metrics |= of_people_never_seen(test, ladder, seed=seed) | at_top(ranked, params=params, subject=subject, seed=seed)
    card = card_of(
        as_of=as_of,
        params=params,
        xgboost=fits.xgboost,
        splits=splits,
        examined=examined,
        fitted=fitted,
        seed=seed,
        inputs=inputs,
    ) | {
        "label": subject.says(params),
        "metrics": {INFLUENCE: metrics | ({"search": told(trials)} if trials else {})},
        "curves": {INFLUENCE: curves_of(pairs, ladder)},
        "search": in_full(tried, trials),
    }
    artefact = Artefact(subject.kind, model_id, list(features), fitted.booster, ladder.as_json(), card)
    store.put(artefact)
    return artefact, True


@dataclass(frozen=True)
class _Fits:
    """Examples, and everything that the fits of one model share. known_rows: how many there are before the test."""

    examples: DataFrame
    features: Sequence[str]
    subject: Ranked
    xgboost: XGBoostParams
    workers: int
    device: str
    seed: int
    cutoffs: Sequence[datetime]
    queries: int
    known_rows: int
    checkpoints: Path | None = None

    def grow(
        self, rows: DataFrame, *, is_valid: Column, settings: XGBoostParams | None = None, trend: Trend | None = None
    ) -> tuple[Grown, Fitted]:
        """The line of the rows that train, unless it is known, and the trees on it, grown until the others get no better."""
        line = trend or self.trend(rows.where(~is_valid))
        with step(rows.sparkSession, "grow the model" if settings is None else "try settings on a fold"):
            fitted = fit_ranker(
                rows,
                features=self.features, relevance=ENGAGEMENT, qid=self._query(is_valid), is_valid=is_valid,
                params=settings or self.xgboost, workers=self.workers, device=self.device, seed=self.seed,
                offset=line.column() if line.weights else None, checkpoints=self.checkpoints,
            )  # fmt: skip
        return Grown(fitted.booster, line), fitted

    def trend(self, rows: DataFrame) -> Trend:
        """The line of these rows, from pairs of two of one cut-off."""
        names = [name for name in self.subject.magnitudes if name in self.features]
        if not names:
            return Trend()
        sampled = self._sampled(rows).select(
            AS_OF,
            F.xxhash64(USER_ID).alias(PERSON),
            F.xxhash64(*self.subject.key).alias("order"),
            F.col(ENGAGEMENT).cast("double").alias(ENGAGEMENT),
            *[F.col(name).cast("double").alias(name) for name in names],
        )
        with step(rows.sparkSession, "fit the line under the trees"):
            people = pd.DataFrame(sampled.toPandas()).sort_values([AS_OF, PERSON, "order"], ignore_index=True)
        pairs = sample_pairs(people, most=MOST_PAIRS, seed=self.seed)
        a, b = (pairs[[f"{side}_{name}" for name in names]].to_numpy(np.float64) for side in "ab")
        return fit_trend(a, b, pairs["a_won"], names=names, rows=people[names].to_numpy(np.float64))

    def loss(self, settings: XGBoostParams, *, rows: DataFrame, is_valid: Column, trend: Trend) -> float:
        """The log loss of validation pairs, their differences of margins on the scale that suits them best."""
        grown, _ = self.grow(rows, is_valid=is_valid, settings=settings, trend=trend)
        held = self._sampled(rows.where(is_valid)).select(
            AS_OF,
            F.xxhash64(*self.subject.key).alias(PERSON),
            F.col(ENGAGEMENT).cast("double").alias(ENGAGEMENT),
            *self.features,
        )
        keep = [AS_OF, PERSON, ENGAGEMENT]
        scored = with_margins(held, booster=grown.booster, features=self.features, keep=keep, trend=trend)
        with step(rows.sparkSession, "score rows that the model has not seen"):
            people = pd.DataFrame(scored.toPandas()).sort_values([AS_OF, PERSON], ignore_index=True)
        differences, a_won = margins_and_winner(sample_pairs(people, most=MOST_PAIRS, seed=self.seed))
        return float(log_loss(a_won, Ladder(fit_scale(differences, a_won)).beats(differences, 0.0 * differences)))

    def _sampled(self, rows: DataFrame) -> DataFrame:
        return sample_of_people(rows, total=self.known_rows, most=MOST_EVALUATED_ROWS, seed=self.seed)

    def _query(self, is_valid: Column) -> Column:
        """An int that is the same for those who are compared: one cut-off, one part, one of `queries` draws by hash."""
        place = F.lit(0)
        for number, cutoff in enumerate(self.cutoffs):
            place = F.when(F.col(AS_OF) == F.lit(cutoff), F.lit(number)).otherwise(place)
        drawn_by = [name for name in self.subject.key if name != AS_OF]
        draw = F.pmod(F.xxhash64(F.lit(self.seed), F.lit("query"), *drawn_by), F.lit(self.queries))
        return (place * F.lit(self.queries) + draw) * F.lit(2) + is_valid.cast("int")


def _search(
    fits: _Fits, tried: SearchParams, *, splits: Splits, horizon_days: int, study: str, folder: Path
) -> list[Trial]:
    chosen = rolling_folds(splits, horizon_days=horizon_days, most=tried.folds)
    folds = [rows_of_fold(fits.examples, fold, seed=fits.seed) for fold in chosen]
    log.info("search: %s over %s on %d folds, study %s", tried.method, ", ".join(tried.ranges()), len(folds), study)
    # Whatever the trees are like, they stand on the same line.
    trends = [fits.trend(rows.where(~is_valid)) for rows, is_valid in folds]

    def score(settings: XGBoostParams, number: int) -> float:
        rows, is_valid = folds[number]
        return fits.loss(settings, rows=rows, is_valid=is_valid, trend=trends[number])

    return search(
        score,
        params=tried, base=fits.xgboost, folds=len(folds), seed=fits.seed, study=study,
        storage=storage_of(tried, folder=folder, study=study),
        # Several workers take every slot; single ones leave room for each other.
        together=partial(at_once, fits.examples.sparkSession) if fits.workers == 1 else lambda calls: [c() for c in calls],
    )  # fmt: skip
