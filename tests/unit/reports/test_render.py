"""The page: hostile text stays text, nothing is fetched, empty sections speak, the same report gives the same bytes."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import re
from datetime import datetime, timedelta, timezone
from html.parser import HTMLParser

import pandas as pd
import plotly.graph_objects as go
import pytest

from social_signals.features.declared import FEATURES
from social_signals.reports.render import figures, render_report
from social_signals.reports.report import (
    ChurnPart,
    EntityPart,
    Evidence,
    Headline,
    InfluencePart,
    Measure,
    QualityPart,
    RunPart,
    RunReport,
    Segment,
    SentimentPart,
)
from social_signals.scoring.reasons import in_words

JUNE = datetime(2020, 6, 1, tzinfo=timezone.utc)
HOSTILE = "</script><script>alert('x')</script><img src=http://evil.example/x onerror=alert(1)>"
VOID = {"meta", "link", "br", "img", "col", "input", "hr"}


def _person(person: str, **more: object) -> dict[str, object]:
    reasons = [{"feature": "days_since_last_post", "value": 41.0, "contribution": 0.8}]
    base = {"person": person, "p_churn": 0.876, "decile": 1, "influence": 0.654, "rank": 7, "reasons": reasons}
    return {**base, "momentum": 0.123, "tier": "nano", "is_emerging": True, **more}


@pytest.fixture(scope="module")
def full() -> RunReport:
    people = pd.DataFrame([_person("u1"), _person(HOSTILE, momentum=None, rank=None)])
    histogram = pd.DataFrame({"low": [n / 20 for n in range(20)], "people": [1000, *[0] * 18, 234]})
    tiers = pd.DataFrame({"tier": ["nano", "mega"], "people": [1230, 4], "emerging": [17, 0]})
    over_time = pd.DataFrame(
        {
            "period": ["2020-03-01", "2020-04-01", "2020-05-01"],
            "negative": [40, 0, 1],
            "neutral": [50, 0, 1],
            "positive": [10, 0, 1],
        }
    )
    named = pd.DataFrame(
        [
            {
                "name": HOSTILE,
                "entity_type": "creative_work",
                "posts": 12,
                "authors": 5,
                "negative": 3,
                "neutral": 0,
                "positive": 9,
            }
        ]
    )
    quality = QualityPart(
        tables=pd.DataFrame(
            [{"table": "silver.posts", "in_rows": 9, "accepted_rows": 5, "duplicate_rows": 1, "quarantined_rows": 3}]
        ),
        reasons=pd.DataFrame([{"table": "silver.posts", "reason": HOSTILE, "rows": 3}]),
    )
    evidence = Evidence(
        model_id="churn-1", measure=Measure("Churn model", 0.8714, 0.85, 0.9), baselines=[Measure("Recency alone", 0.7241)],
        roc=[(0, 0), (0.1, 0.6), (1, 1)], calibration=[(0.1, 0.2, 50), (0.8, 0.8, 150)], facts=[("Model", "churn-1")],
        importance=[("days_since_last_post", 0.9), ("tone", 0.3)],
        tenths=[Segment("risk tenth", str(n), 40, 1 - n / 10, 1 - n / 11, [{"feature": "days_since_last_post", "value": 41.0, "contribution": 0.8}]) for n in (1, 2, 10)],
        groups=[Segment("country", HOSTILE, 300, 0.4, 0.5, [], Measure("roc_auc", 0.8123, 0.75, 0.9), None)],
        groups_note="Left out as too small: 1 group by country (12 rows).",
    )  # fmt: skip
    stages = pd.DataFrame([{"job": "ingest", "status": "done", "seconds": 3.5, "rows_written": 99.0, "error": None}])
    return RunReport(
        title="Beer <b>& friends</b>", as_of=JUNE, run=RunPart("run-1", JUNE, stages, [("silver.posts", 3)]),
        headline=Headline(4321, 1111, 2222, JUNE - timedelta(days=90), JUNE - timedelta(hours=1)),
        churn=ChurnPart(JUNE, "churn-1", 1234, 567.8, histogram, people, people.head(1)),
        influence=InfluencePart(JUNE, "influence-1", 1234, tiers, people, people),
        sentiment=SentimentPart("month", over_time, "s"), entities=EntityPart(named, 3), quality=quality,
        churn_evidence=evidence, influence_evidence=dataclasses.replace(evidence, measure=Measure("Influence model", 0.8)),
        text_evidence=[Measure("Sentiment, macro recall", 0.7)], versions=[("Spark", "3.5.9")],
    )  # fmt: skip


@pytest.fixture(scope="module")
def page(full: RunReport) -> str:
    return render_report(full)


@pytest.fixture(scope="module")
def empty_page() -> str:
    return render_report(RunReport("Empty", None, RunPart("r", JUNE)))


class _Page(HTMLParser):
    """Checks nesting; keeps start tags, visible text, and what each script holds."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.scripts: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> at {self.getpos()} closes another element"

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            self.scripts[-1] += data
        elif self.open and self.open[-1] != "style":
            self.text.append(data)

    @property
    def words(self) -> str:
        return " ".join(" ".join(self.text).split())


def test_hostile_text_stays_text(page: str) -> None:
    seen = _Page(page)
    assert sum(HOSTILE in text for text in seen.text) == 6
    assert len(seen.scripts) == 3
    assert not [tag for tag, _ in seen.tags if tag == "img"]
    assert not [name for _, attrs in seen.tags for name in attrs if name.startswith("on")]
    assert "Beer <b>& friends</b>" in seen.words
    assert json.loads(seen.scripts[0])["chart-emerging"]


def test_nothing_is_fetched_and_only_our_scripts_may_run(page: str) -> None:
    seen = _Page(page)
    addresses = [
        v or "" for _, attrs in seen.tags for k, v in attrs.items() if k in ("src", "href", "srcset", "action", "data")
    ]
    assert {a for a in addresses if not a.startswith("#")} == {"data:,"}
    style = page.split("<style>")[1].split("</style>")[0]
    assert "url(" not in style
    assert "@import" not in style
    policy = next(a["content"] or "" for tag, a in seen.tags if tag == "meta" and "http-equiv" in a)
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe-eval" not in policy
    for code in seen.scripts[1:]:
        assert base64.b64encode(hashlib.sha256(code.encode()).digest()).decode() in policy
    assert page.count("plotly.js v") == 1
    assert len(page.encode()) < 6_000_000


def test_the_numbers_shown_are_those_of_the_frames(page: str) -> None:
    words = _Page(page).words
    for number in ("4,321", "1,111", "2,222", "1,234", "568", "234", "87%", "88%", "0.654", "+0.123", "0.871", "0.724"):
        assert number in words, number
    # what drives the risk by tenth, and one group with its interval
    assert "Most at risk 91% 90%" in words
    assert "0.812 0.750 to 0.900" in words
    assert "Left out as too small: 1 group by country (12 rows)." in words
    assert "from events of 3 March 2020 to 31 May 2020" in words
    assert "41 days since their last post" in words
    assert "picks the right one 87 times out of 100; recency alone does so 72 times out of 100." in words
    # The last full month is empty, so nothing is said about a change.
    assert "sound negative" not in words


def test_every_empty_section_says_why(empty_page: str) -> None:
    seen = _Page(empty_page)
    for sentence in (
        "Run train_churn, then score_churn",
        "score_influence",
        "Run annotate",
        "Run ingest",
        "nothing has been scored",
    ):
        assert sentence in seen.words
    assert json.loads(seen.scripts[0]) == {}
    told = render_report(RunReport("Empty", None, RunPart("r", JUNE), why={"churn": "all 12 labels are of one class"}))
    assert "all 12 labels are of one class" in told


def test_the_same_report_gives_the_same_bytes_and_another_run_changes_one_line(full: RunReport, page: str) -> None:
    assert render_report(full) == page
    stages = full.run.stages.assign(seconds=99.0)
    later = dataclasses.replace(full, run=RunPart("run-2", JUNE + timedelta(days=1), stages, [("silver.posts", 4)]))
    changed = [(a, b) for a, b in zip(page.split("\n"), render_report(later).split("\n"), strict=True) if a != b]
    assert len(changed) == 1
    assert changed[0][0].startswith("<footer>")
    assert "run-2" in changed[0][1]


def test_every_chart_has_a_place_and_is_valid_plotly(full: RunReport, page: str) -> None:
    drawn = figures(full)
    assert set(drawn) == set(re.findall(r'id="(chart-[a-z]+)"', page))
    variables = set(re.findall(r"^\s*--([a-z-]+):|(?<=; )--([a-z-]+):", page, flags=re.M))
    known = {name for pair in variables for name in pair if name}
    for figure in drawn.values():
        text = json.dumps(figure)
        assert set(re.findall(r"var\(--([a-z-]+)\)", text)) <= known
        go.Figure(json.loads(re.sub(r"var\(--[a-z-]+\)", "#123456", text)))


def test_every_declared_feature_has_words_for_a_value_and_for_none() -> None:
    for feature in FEATURES:
        nothing = [None, float("nan")] if feature.default is None else []
        for value in [0.0, 1.0, -0.7, 41.0, 1e9, *nothing]:
            said = in_words(feature.name, value)
            assert said
            assert "as_of" not in said, said
            assert "ln(" not in said, said
