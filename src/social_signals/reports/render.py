"""The page: a report as one HTML string that asks nobody for anything."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from importlib import resources
from typing import Any

import numpy as np
import pandas as pd
from jinja2 import DictLoader, Environment, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from social_signals.core import words
from social_signals.reports import charts, charts_creators
from social_signals.reports.creators import facts_in_words
from social_signals.reports.findings import (
    calibration_sentence,
    findings,
    findings_of_creators,
    ranking_sentence,
)
from social_signals.reports.report import Measure, RunReport
from social_signals.scoring.reasons import reason
from social_signals.tables.gold_texts import SENTIMENTS

TEMPLATES = (
    "report.html.j2", "creators.html.j2", "parts.html.j2", "creators_parts.html.j2", "footer.html.j2", "report.css", "report.js",
)  # fmt: skip
WHY_EMPTY = {
    "churn": "Nobody has been scored yet. Run train_churn, then score_churn.",
    "influence": "Nobody has been scored yet. Run train_influence, then score_influence.",
    "sentiment": "No post has been read for sentiment yet. Run annotate.",
    "entities": "No post names anything yet, or annotate has not run.",
    "quality": "No batch has been merged yet. Run ingest.",
}


def render_report(report: RunReport) -> str:
    """The report as HTML. The same report gives the same bytes; two reports that differ only in `run` differ only in
    the one line of the footer.

    plotly.js is inlined once. The Content-Security-Policy lets only the scripts of this file run, named by their
    hashes, and forbids every request.
    """
    return _page(
        "report.html.j2",
        report,
        figures(report),
        findings=findings(report),
        churn_sentence=ranking_sentence(report.churn_evidence),
        calibration=calibration_sentence(report.churn_evidence),
        sentiments=SENTIMENTS,
    )


def render_creators(report: RunReport) -> str:
    """The page about creators alone, to be sent on: shortlists, who rises, who leads, whom to doubt, and how sure that is.

    Bytes and safety as for `render_report`.
    """
    return _page(
        "creators.html.j2",
        report,
        figures_of_creators(report),
        findings=findings_of_creators(report),
        hits=report.influence_evidence.hits,
        facts=lambda person: facts_in_words(person, report.topic_labels),
    )


def _page(template: str, report: RunReport, charts_by_id: dict[str, charts.Figure], **shown: Any) -> str:
    sources = {name: _template(name) for name in TEMPLATES}
    environment = Environment(
        loader=DictLoader(sources), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= _filters()
    plotly_js, page_js = _safe_script(get_plotlyjs()), _safe_script(sources["report.js"])
    # All that changes between two runs over the same tables stands in one line, so that two reports can be compared.
    footer = " ".join(environment.get_template("footer.html.j2").render(run=report.run).split())
    page = environment.get_template(template).render(
        report=report,
        empty={**WHY_EMPTY, **report.why},
        footer=Markup(footer),
        influence_sentence=ranking_sentence(report.influence_evidence),
        charts_json=Markup(_safe_json(charts_by_id)),
        figures=charts_by_id.keys(),
        plotly_js=Markup(plotly_js),
        page_js=Markup(page_js),
        css=Markup(sources["report.css"]),
        script_hashes=[_hash(plotly_js), _hash(page_js)],
        reason=reason,
        **shown,
    )
    return page.rstrip("\n") + "\n"


def figures(report: RunReport) -> dict[str, charts.Figure]:
    """Every chart that has something to show, by the id of its place on the page."""
    made: dict[str, Callable[[], charts.Figure]] = {}
    measures = [
        (m, is_ours)
        for evidence in (report.churn_evidence, report.influence_evidence)
        for m, is_ours in [(evidence.measure, True), *((b, False) for b in evidence.baselines)]
        if m is not None
    ]
    if measures:
        made["chart-auc"] = lambda: charts.auc_chart(_named_apart(measures))
    if report.churn_evidence.roc:
        made["chart-roc"] = lambda: charts.roc_chart(report.churn_evidence)
    if report.churn_evidence.calibration:
        made["chart-calibration"] = lambda: charts.calibration_chart(report.churn_evidence)
    if report.churn_evidence.importance:
        made["chart-importance"] = lambda: charts.importance_chart(report.churn_evidence.importance)
    if report.churn.people:
        made["chart-churn"] = lambda: charts.churn_histogram(report.churn.histogram)
    if not report.sentiment.over_time.empty:
        made["chart-sentiment"] = lambda: charts.sentiment_chart(report.sentiment.over_time)
    emerging = report.influence.emerging
    if not emerging.empty and emerging["momentum"].notna().any():
        made["chart-emerging"] = lambda: charts.emerging_chart(emerging)
    return {name: make() for name, make in made.items()}


def figures_of_creators(report: RunReport) -> dict[str, charts.Figure]:
    """The charts of the page about creators, by the id of their place."""
    made = {
        f"chart-reach-{place}": charts_creators.reach_chart(brief)
        for place, brief in enumerate(report.briefs, start=1)
        if len(brief.selected)
    }
    emerging, most = report.influence.emerging, report.influence.most
    if not emerging.empty and emerging["momentum"].notna().any():
        made["chart-emerging"] = charts.emerging_chart(emerging)
    if "audience_90d_count" in most and (most["audience_90d_count"].fillna(0) > 0).any():
        made["chart-audience"] = charts_creators.audience_chart(most)
    return made


def _named_apart(measures: list[tuple[Measure, bool]]) -> list[tuple[Measure, bool]]:
    """Both models may be compared with a rule of the same name; on one axis each needs its own."""
    names: set[str] = set()
    apart = []
    for measure, is_ours in measures:
        name = measure.name
        while name in names:
            name += "\N{ZERO WIDTH SPACE}"
        names.add(name)
        apart.append((Measure(name, measure.value, measure.low, measure.high), is_ours))
    return apart


def _template(name: str) -> str:
    return resources.files("social_signals.reports").joinpath("templates").joinpath(name).read_text(encoding="utf-8")


def _filters() -> dict[str, Callable[..., Any]]:
    return {
        "count": words.count,
        "percent": words.percent,
        "decimal": words.decimal,
        "signed": words.signed,
        "day": words.day,
        "date": lambda instant: words.day(instant.replace(hour=0, minute=0, second=0, microsecond=0)),
        "seconds": words.seconds,
        "records": lambda frame: [] if frame is None or frame.empty else _records(frame),
    }


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as dicts; what is missing is None, not NaN, and what is many is a list, so that a template can ask."""
    rows: list[dict[str, Any]] = frame.astype(object).to_dict("records")
    return [{str(name): _plain(value) for name, value in row.items()} for row in rows]


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.tolist()
    return None if isinstance(value, float) and value != value else value


def _safe_json(value: Any) -> str:
    """JSON that cannot end the script element it stands in."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _safe_script(code: str) -> str:
    """Code as it stands between script tags; refuses what would end the element early."""
    if "</script" in code.lower() or "<!--" in code:
        # In JavaScript strings and regular expressions, the only places for either, a backslash changes nothing.
        code = code.replace("</script", "<\\/script").replace("</SCRIPT", "<\\/SCRIPT").replace("<!--", "\\x3c!--")
    return code.strip()


def _hash(code: str) -> str:
    """The code's name in a Content-Security-Policy."""
    return "sha256-" + base64.b64encode(hashlib.sha256(code.encode("utf-8")).digest()).decode("ascii")
