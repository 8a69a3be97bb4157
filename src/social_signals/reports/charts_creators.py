"""Charts of the page about creators; how they are drawn is as in `charts`."""

from __future__ import annotations

import pandas as pd

from social_signals.core.words import count, decimal, percent
from social_signals.reports.charts import (
    ACCENT,
    CARD,
    FALLING,
    INK,
    LINE,
    MUTED,
    RISING,
    Figure,
    axis_title,
    layout_of,
    rounded,
    shortened,
)
from social_signals.reports.report import BriefPart

# Names beside more dots than this cover each other.
MOST_NAMED = 8


def reach_chart(brief: BriefPart) -> Figure:
    """What each further creator of the set costs (right) and adds to the people reached (up); hollow: others alone, at their price."""
    chosen, others = brief.selected, brief.others
    costs = [0.0, *chosen["price"].cumsum().tolist()]
    reach = [0.0, *chosen["marginal_reach"].cumsum().tolist()]
    names = ["", *[shortened(str(person)) for person in chosen["person"]]]
    said = [
        f"{name}: {brief.currency} {count(price)} for {count(added)} more people"
        for name, price, added in zip(names[1:], chosen["price"], chosen["marginal_reach"], strict=True)
    ]
    path: Figure = {
        "type": "scatter", "mode": "lines", "x": [rounded(v) for v in costs], "y": [rounded(v) for v in reach],
        "line": {"color": RISING, "width": 3}, "hoverinfo": "skip",
    }  # fmt: skip
    dots: Figure = {
        "type": "scatter", "mode": "markers+text" if len(names) <= MOST_NAMED else "markers", "x": path["x"][1:],
        "y": path["y"][1:], "text": names[1:], "textposition": "top left", "textfont": {"color": INK, "size": 12},
        "customdata": said, "hovertemplate": "%{customdata}<extra></extra>", "cliponaxis": False,
        "marker": {"color": RISING, "size": 11},
    }  # fmt: skip
    alone: Figure = {
        "type": "scatter", "mode": "markers", "x": [rounded(v) for v in others["price"]],
        "y": [rounded(v) for v in others["expected_reach"]],
        "customdata": [shortened(str(person)) for person in others["person"]],
        "hovertemplate": "%{customdata} alone: %{y:,.0f} people<extra></extra>",
        "marker": {"color": CARD, "size": 9, "line": {"color": MUTED, "width": 1.5}},
    }  # fmt: skip
    layout = layout_of(height=340)
    layout["xaxis"] |= {
        "title": axis_title(f"Cost, {brief.currency}"),
        "rangemode": "tozero",
        "tickformat": ",d",
        "nticks": 6,
    }
    layout["yaxis"] |= {"title": axis_title("People reached"), "rangemode": "tozero", "tickformat": ",d"}
    return {"data": [alone, path, dots], "layout": layout}


def audience_chart(people: pd.DataFrame) -> Figure:
    """The most influential by how many people engaged with them (right, logarithmic) and their influence (up); doubted ones stand out."""
    known = people[people["audience_90d_count"].fillna(0) > 0]
    doubted = known["discount"].fillna(0) > 0
    labels = [
        f"{shortened(str(person))}: influence {decimal(influence)}, {count(audience)} people engaged"
        + (f", {percent(discount)} of it in doubt" if discount > 0 else "")
        for person, influence, audience, discount in zip(
            known["person"], known["influence"], known["audience_90d_count"], known["discount"].fillna(0), strict=True
        )
    ]
    data = [
        {
            "type": "scatter", "mode": "markers", "x": [rounded(v) for v in known["audience_90d_count"]],
            "y": [rounded(v) for v in known["influence"]], "customdata": labels,
            "hovertemplate": "%{customdata}<extra></extra>",
            "marker": {
                "color": [FALLING if is_doubted else ACCENT for is_doubted in doubted], "size": 11,
                "symbol": ["diamond" if is_doubted else "circle" for is_doubted in doubted],
                "line": {"color": LINE, "width": 1},
            },
        }
    ]  # fmt: skip
    layout = layout_of(height=320)
    layout["xaxis"] |= {
        "title": axis_title("People who engaged in 90 days"),
        "type": "log",
        "tickformat": ",d",
        "nticks": 5,
    }
    layout["yaxis"] |= {"title": axis_title("Influence, 0 to 1"), "nticks": 5}
    return {"data": data, "layout": layout}
