"""What to know first: a handful of sentences, each with the section that proves it."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from social_signals.core.words import count, out_of_100, percent, plural
from social_signals.reports.report import Evidence, RunReport, SentimentPart

# Fewer posts than this say little about a month.
ENOUGH_POSTS = 30
# Shares that moved by less are called steady.
STEADY_POINTS = 2.0


def findings(report: RunReport) -> list[dict[str, str]]:
    """At most five findings: a figure, a sentence, the section it comes from (`href`) and a tone (bad, good, calm)."""
    return [*_churn(report), *_influence(report), *_sentiment(report.sentiment), *_trust(report), *_quality(report)]


def findings_of_creators(report: RunReport) -> list[dict[str, str]]:
    """The same for the page about creators: the briefs that could be answered, who rises, whom to doubt."""
    rising = _influence(report) if report.influence.people and report.influence.emerging_people else ()
    return [*_briefs(report), *(one | {"href": "rising"} for one in rising), *_doubts(report)]


def _briefs(report: RunReport) -> Iterator[dict[str, str]]:
    for place, brief in enumerate(report.briefs, start=1):
        chosen = len(brief.selected)
        if chosen:
            yield {
                "figure": count(round(brief.reach)),
                "text": f"different people for {brief.name}, with {plural(chosen, 'creator', 'creators')} at "
                f"{brief.currency} {count(brief.cost)}",
                "href": f"brief-{place}",
                "tone": "good",
            }


def _doubts(report: RunReport) -> Iterator[dict[str, str]]:
    doubted = report.influence.doubted_people
    if doubted:
        yield {
            "figure": count(doubted),
            "text": f"of {plural(report.influence.assessed_people, 'person', 'people')} looked at "
            f"{'shows' if doubted == 1 else 'show'} signs that part of the engagement is not genuine",
            "href": "doubts",
            "tone": "bad",
        }


def _churn(report: RunReport) -> Iterator[dict[str, str]]:
    churn = report.churn
    if churn.people:
        leaving = churn.more_likely_than_not
        yield {
            "figure": count(leaving),
            "text": f"of {plural(churn.people, 'person', 'people')} scored {'is' if leaving == 1 else 'are'} more likely to leave than to stay",
            "href": "leaving",
            "tone": "bad",
        }


def _influence(report: RunReport) -> Iterator[dict[str, str]]:
    if report.influence.people:
        emerging = report.influence.emerging_people
        few = "person with a small audience is" if emerging == 1 else "people with small audiences are"
        yield {
            "figure": count(emerging),
            "text": f"{few} on the way to the most influential tenth",
            "href": "influence",
            "tone": "good",
        }


def _sentiment(sentiment: SentimentPart) -> Iterator[dict[str, str]]:
    recent = _last_two(sentiment)
    if recent is None:
        return
    before, last = recent
    moved = round((last - before) * 100, 1)
    points = f"{abs(moved):.0f} {'point' if round(abs(moved)) == 1 else 'points'}"
    steady = abs(moved) < STEADY_POINTS
    change = "much as" if steady else f"{points} {'more' if moved > 0 else 'less'} than"
    yield {
        "figure": percent(last),
        "text": f"of posts in the last full {sentiment.period} sound negative, {change} the {sentiment.period} before",
        "href": "sentiment",
        "tone": "calm" if steady else "bad" if moved > 0 else "good",
    }


def _last_two(sentiment: SentimentPart) -> tuple[float, float] | None:
    """Share of negative posts in the last two full periods; the newest period may still be running, so it is left out."""
    full: pd.DataFrame = sentiment.over_time.iloc[:-1].tail(2)
    if len(full) < 2:
        return None
    posts = full[["negative", "neutral", "positive"]].sum(axis=1)
    if (posts < ENOUGH_POSTS).any():
        return None
    shares = (full["negative"] / posts).tolist()
    return float(shares[0]), float(shares[1])


def _trust(report: RunReport) -> Iterator[dict[str, str]]:
    sentence = ranking_sentence(report.churn_evidence)
    if sentence and report.churn_evidence.measure:
        yield {
            "figure": percent(report.churn_evidence.measure.value),
            "text": "of the time the churn model picks the right one of a person who left and one who stayed"
            + _against(report.churn_evidence),
            "href": "models",
            "tone": "calm",
        }


def _against(evidence: Evidence) -> str:
    best = evidence.rule_of_thumb
    return f"; {best.name[0].lower()}{best.name[1:]} does so {percent(best.value)} of the time" if best else ""


def _quality(report: RunReport) -> Iterator[dict[str, str]]:
    quarantined = report.quality.quarantined
    if quarantined:
        yield {
            "figure": count(quarantined),
            "text": f"{'row was' if quarantined == 1 else 'rows were'} set aside, {'with its' if quarantined == 1 else 'each with its'} reason",
            "href": "quality",
            "tone": "calm",
        }


def ranking_sentence(evidence: Evidence) -> str | None:
    """The model's AUC in words: what it means for two people drawn at random.

    >>> from social_signals.reports.report import Measure
    >>> ranking_sentence(Evidence(measure=Measure("m", 0.871), baselines=[Measure("Recency alone", 0.724)]))
    'picks the right one 87 times out of 100; recency alone does so 72 times out of 100.'
    """
    if evidence.measure is None:
        return None
    best = evidence.rule_of_thumb
    beside = f"; {best.name[0].lower()}{best.name[1:]} does so {out_of_100(best.value)}" if best else ""
    return f"picks the right one {out_of_100(evidence.measure.value)}{beside}."


def calibration_sentence(evidence: Evidence) -> str | None:
    """How far predicted and observed shares lie apart, weighted by people, in points."""
    people = sum(n for _, _, n in evidence.calibration)
    if not people:
        return None
    gap = sum(n * abs(predicted - observed) for predicted, observed, n in evidence.calibration) / people * 100
    return f"Predicted and observed shares lie {gap:.1f} points apart on average."
