"""Charts as Plotly figures in plain dicts: `{"data": [...], "layout": {...}}`.

Colours are written as CSS variables, `var(--positive)`; the page's script puts in what the variable holds in light, dark
or print, so that a palette exists once, in the style sheet. Axes are fixed: a finger that scrolls past a chart on a
phone must not zoom it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd

from social_signals.core.words import decimal, percent, signed
from social_signals.reports.report import Evidence, Measure
from social_signals.tables.gold_texts import SENTIMENTS

Figure = dict[str, Any]

INK, MUTED, LINE, ACCENT, CARD = "var(--ink)", "var(--muted)", "var(--line)", "var(--accent)", "var(--card)"
COLOURS = {"negative": "var(--negative)", "neutral": "var(--neutral)", "positive": "var(--positive)"}
RISING, FALLING = "var(--rising)", "var(--negative)"
LONGEST_LABEL = 18
FEW_BARS = 26


def auc_chart(measures: Sequence[tuple[Measure, bool]]) -> Figure:
    """How often each model, and each rule of thumb, picks the right one of two people; a dot and its 95 % interval.

    measures: (measure, is it a model of ours), drawn from top to bottom.
    """
    names = [m.name for m, _ in measures]
    ours = [is_ours for _, is_ours in measures]
    lowest = min(m.low if m.low is not None else m.value for m, _ in measures)
    intervals = [
        {
            "type": "scatter", "mode": "lines", "x": [rounded(m.low), rounded(m.high)], "y": [m.name, m.name], "hoverinfo": "skip",
            "line": {"color": ACCENT if is_ours else MUTED, "width": 3},
        }
        for m, is_ours in measures
        if m.low is not None and m.high is not None
    ]  # fmt: skip
    dots = {
        "type": "scatter",
        "mode": "markers+text",
        "x": [rounded(m.value) for m, _ in measures],
        "y": names,
        "text": [decimal(m.value) for m, _ in measures],
        "textposition": "top center",
        "textfont": {"color": INK, "size": 13},
        "marker": {
            "color": [ACCENT if is_ours else CARD for is_ours in ours],
            "size": 13,
            "symbol": ["circle" if is_ours else "diamond" for is_ours in ours],
            "line": {"color": [ACCENT if is_ours else MUTED for is_ours in ours], "width": 2.5},
        },
        "hovertemplate": "%{y}: %{x:.3f}<extra></extra>",
        "cliponaxis": False,
    }
    layout = layout_of(height=66 + 54 * len(measures))
    start = max(0.0, min(0.5, math.floor((lowest - 0.02) * 10) / 10))
    layout["xaxis"] |= {
        "range": [start, 1.0],
        "tickformat": ".1f",
        "dtick": 0.1,
        "title": axis_title("ROC AUC: 0.5 is a coin, 1 is never wrong"),
    }
    layout["yaxis"] |= {
        "autorange": False,
        "range": [len(names) - 0.5, -0.75],
        "showgrid": False,
        "categoryorder": "array",
        "categoryarray": names,
        "type": "category",
    }
    return {"data": [*intervals, dots], "layout": layout}


def roc_chart(evidence: Evidence) -> Figure:
    """Of those who left, the share found (up), against the share of those who stayed called by mistake (right)."""
    xs, ys = [rounded(x) for x, _ in evidence.roc], [rounded(y) for _, y in evidence.roc]
    data = [
        _line([0, 1], [0, 1], "A coin", dash="dot", colour=MUTED),
        _line(xs, ys, "Model", fill=True)
        | {"hovertemplate": "finds %{y:.0%} of leavers<br>calls %{x:.0%} of stayers by mistake<extra></extra>"},
    ]
    layout = layout_of(height=340)
    layout["xaxis"] |= _share_axis("Stayers called by mistake")
    layout["yaxis"] |= _share_axis("Leavers found")
    return {"data": data, "layout": layout}


def calibration_chart(evidence: Evidence) -> Figure:
    """What was predicted (right) against what happened (up), with 95 % Wilson intervals; on the diagonal is right."""
    points = sorted(evidence.calibration)
    ends = [wilson(observed, n) for _, observed, n in points]
    data = [
        _line([0, 1], [0, 1], "Exactly right", dash="dot", colour=MUTED),
        {
            "type": "scatter",
            "mode": "lines+markers",
            "name": "Model",
            "x": [rounded(predicted) for predicted, _, _ in points],
            "y": [rounded(observed) for _, observed, _ in points],
            "customdata": [[n] for _, _, n in points],
            "line": {"color": ACCENT, "width": 1.5},
            "marker": {"color": ACCENT, "size": 9, "line": {"color": CARD, "width": 1.5}},
            "error_y": {
                "type": "data",
                "symmetric": False,
                "array": [rounded(max(0.0, high - o)) for (_, o, _), (_, high) in zip(points, ends, strict=True)],
                "arrayminus": [rounded(max(0.0, o - low)) for (_, o, _), (low, _) in zip(points, ends, strict=True)],
                "color": ACCENT,
                "thickness": 1.2,
                "width": 3,
            },
            "hovertemplate": "said %{x:.0%}, happened to %{y:.0%} of %{customdata[0]:,} people<extra></extra>",
        },
    ]
    layout = layout_of(height=340)
    layout["xaxis"] |= _share_axis("Said to leave")
    layout["yaxis"] |= _share_axis("Did leave")
    return {"data": data, "layout": layout}


def importance_chart(importance: Sequence[tuple[str, float]]) -> Figure:
    """How much each feature moves the score on average, as a share of what the strongest one does; the strongest on top."""
    names = [name.replace("_", " ") for name, _ in importance]
    strongest = max(value for _, value in importance)
    shares = [rounded(value / strongest) for _, value in importance]
    data = [
        {
            "type": "bar", "orientation": "h", "x": shares, "y": names, "marker": {"color": ACCENT}, "width": 0.62,
            "hovertemplate": "%{y}: %{x:.0%} of the strongest<extra></extra>",
        }
    ]  # fmt: skip
    layout = layout_of(height=70 + 27 * len(names))
    layout["xaxis"] |= _share_axis("Effect on the score, against the strongest")
    layout["yaxis"] |= {"autorange": "reversed", "type": "category", "showgrid": False, "ticksuffix": "  "}
    return {"data": data, "layout": layout}


def churn_histogram(histogram: pd.DataFrame) -> Figure:
    """People by probability of leaving; those more likely than not in the warning colour."""
    width = 1 / len(histogram)
    lows = [float(low) for low in histogram["low"]]
    data = [
        {
            "type": "bar",
            "x": [rounded(low + width / 2) for low in lows],
            "y": [int(n) for n in histogram["people"]],
            "width": width * 0.9,
            "marker": {"color": [FALLING if low >= 0.5 else ACCENT for low in lows]},
            "customdata": [f"{percent(low)} to {percent(low + width)}" for low in lows],
            "hovertemplate": "%{customdata}: %{y:,} people<extra></extra>",
        }
    ]
    layout = layout_of(height=260)
    layout["xaxis"] |= _share_axis("Probability of leaving") | {"showgrid": False}
    layout["yaxis"] |= {"title": axis_title("People"), "rangemode": "tozero", "tickformat": ",d"}
    return {"data": data, "layout": layout | {"bargap": 0.05}}


def sentiment_chart(over_time: pd.DataFrame) -> Figure:
    """Above, the share of posts by how they sound; below, how many posts that is."""
    totals = over_time[list(SENTIMENTS)].sum(axis=1)
    periods = over_time["period"].tolist()
    data: list[Figure] = []
    # Plotly would give every month 28 days; the stripes between the others look like missing data.
    bars: Figure = {"type": "bar", "x": periods, "width": _widths(over_time["period"]), "offset": 0}
    for label in SENTIMENTS:
        shares = [
            rounded(n / t) if t else None for n, t in zip(over_time[label].tolist(), totals.tolist(), strict=True)
        ]
        data.append(
            bars
            | {
                "name": label.capitalize(), "y": shares, "yaxis": "y",
                "marker": {"color": COLOURS[label]}, "customdata": over_time[label].tolist(),
                "hovertemplate": f"%{{x|%d %b %Y}}: %{{y:.0%}} {label} (%{{customdata:,}} posts)<extra></extra>",
            }
        )  # fmt: skip
    data.append(
        bars
        | {
            "name": "Posts", "y": totals.tolist(), "yaxis": "y2",
            "marker": {"color": MUTED}, "hovertemplate": "%{x|%d %b %Y}: %{y:,} posts<extra></extra>",
        }
    )  # fmt: skip
    layout = layout_of(height=400) | {"barmode": "stack"}
    layout["xaxis"] |= {"type": "date", "anchor": "y2", "showgrid": False, "nticks": 8}
    layout["yaxis"] |= _share_axis("Share of posts") | {"domain": [0.36, 1.0]}
    layout["yaxis2"] = _axis() | {
        "domain": [0.0, 0.24],
        "title": axis_title("Posts"),
        "rangemode": "tozero",
        "nticks": 3,
        "tickformat": "~s",
    }
    return {"data": data, "layout": layout}


def emerging_chart(emerging: pd.DataFrame, *, most: int = 12) -> Figure:
    """Where each emerging person stood at the cut-off before (hollow) and stands now (filled), fastest first."""
    moving = emerging[emerging["momentum"].notna()].head(most)
    labels = _distinct([shortened(str(p)) for p in moving["person"]])
    now = [float(v) for v in moving["influence"]]
    before = [max(0.0, min(1.0, n - float(m))) for n, m in zip(now, moving["momentum"], strict=True)]
    lines: Figure = {
        "type": "scatter", "mode": "lines", "line": {"color": RISING, "width": 3}, "hoverinfo": "skip",
        "x": [rounded(v) for b, n in zip(before, now, strict=True) for v in (b, n, None)],
        "y": [v for label in labels for v in (label, label, None)],
    }  # fmt: skip
    dots = [
        {
            "type": "scatter", "mode": "markers", "name": name, "x": [rounded(v) for v in values], "y": labels,
            "marker": {"color": fill, "size": 11, "line": {"color": RISING, "width": 2}},
            "customdata": [signed(float(m)) for m in moving["momentum"]],
            "hovertemplate": f"%{{y}}: {name.lower()} %{{x:.3f}} (%{{customdata}})<extra></extra>", "cliponaxis": False,
        }
        for name, values, fill in (("Cut-off before", before, CARD), ("Now", now, RISING))
    ]  # fmt: skip
    layout = layout_of(height=76 + 28 * len(labels))
    layout["xaxis"] |= {"title": axis_title("Influence, 0 to 1"), "nticks": 6}
    layout["yaxis"] |= {"autorange": "reversed", "type": "category", "showgrid": True}
    return {"data": [lines, *dots], "layout": layout}


def wilson(share: float, n: int, *, z: float = 1.96) -> tuple[float, float]:
    """The 95 % Wilson score interval of a share seen in n trials (Wilson 1927); nothing seen gives 0 to 1.

    >>> low, high = wilson(0.5, 100)
    >>> round(low, 3), round(high, 3), wilson(0.5, 0)
    (0.404, 0.596, (0.0, 1.0))
    """
    if n <= 0:
        return 0.0, 1.0
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return max(0.0, centre - half), min(1.0, centre + half)


def _line(
    xs: Sequence[float | None],
    ys: Sequence[float | None],
    name: str,
    *,
    dash: str = "solid",
    colour: str = ACCENT,
    fill: bool = False,
) -> Figure:
    line = {
        "type": "scatter", "mode": "lines", "name": name, "x": list(xs), "y": list(ys),
        "line": {"color": colour, "width": 2.5 if dash == "solid" else 1.5, "dash": dash},
    }  # fmt: skip
    if fill:
        return line | {"fill": "tozeroy", "fillcolor": "var(--accent-soft)"}
    return line | {"hoverinfo": "skip"}


def layout_of(*, height: int) -> Figure:
    return {
        "height": height,
        "margin": {"l": 8, "r": 24, "t": 14, "b": 8},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": "var(--sans)", "size": 13, "color": MUTED},
        "hoverlabel": {"bgcolor": CARD, "bordercolor": LINE, "font": {"color": INK, "size": 13}},
        "hovermode": "closest",
        "dragmode": False,
        "showlegend": False,
        "xaxis": _axis(),
        "yaxis": _axis(),
    }


def _axis() -> Figure:
    return {
        "automargin": True,
        "fixedrange": True,
        "gridcolor": LINE,
        "linecolor": LINE,
        "zeroline": False,
        "ticks": "",
        "tickfont": {"size": 12, "color": MUTED},
    }


def _widths(periods: pd.Series) -> list[int]:
    """Milliseconds from each first day to the next; the last period is as long as the one before, a lone one a month."""
    days = pd.to_datetime(periods).diff().dt.days.dropna().astype(int).tolist()
    lengths = [*days, days[-1]] if days else [30]
    gap = 0.9 if len(lengths) <= FEW_BARS else 1.0
    return [round(length * gap * 86_400_000) for length in lengths]


def _share_axis(title: str) -> Figure:
    return {"range": [0, 1], "tickformat": ".0%", "dtick": 0.25, "title": axis_title(title)}


def axis_title(text: str) -> Figure:
    return {"text": text, "font": {"size": 12, "color": MUTED}, "standoff": 8}


def shortened(text: str) -> str:
    return text if len(text) <= LONGEST_LABEL else text[: LONGEST_LABEL - 1] + "…"


def _distinct(labels: Sequence[str]) -> list[str]:
    """Labels as categories: a repeated one, after shortening, would put two people on one line."""
    seen: dict[str, int] = {}
    distinct = []
    for label in labels:
        seen[label] = seen.get(label, 0) + 1
        distinct.append(label if seen[label] == 1 else f"{label} ({seen[label]})")
    return distinct


def rounded(value: float | None) -> float | None:
    """Six digits: more cannot be seen, and the last bits of a double differ between machines."""
    return None if value is None or not math.isfinite(value) else round(float(value), 6)
