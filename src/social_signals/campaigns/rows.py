"""A shortlist as rows of `gold.shortlists`, and what is promised of those who are booked."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from social_signals.campaigns.booking import Booking
from social_signals.campaigns.params import BriefParams, ShortlistParams
from social_signals.campaigns.selection import EQUAL_PRICES, UNEQUAL_PRICES, Limits, keeps_apart
from social_signals.campaigns.words import Usual, reasons_of
from social_signals.core.words import percent, plural
from social_signals.network.graph import Floats
from social_signals.nlp.topics import Topic
from social_signals.tables.gold import AS_OF, RANK, REASONS
from social_signals.tables.gold_campaigns import (
    BRIEF,
    BRIEF_ID,
    EXPECTED_REACH,
    IS_SELECTED,
    MARGINAL_REACH,
    OVERLAP_WITH_SELECTED,
    RELEVANCE_BY,
    SELECTED_ORDER,
    SHORTLISTS,
)
from social_signals.tables.silver import CURRENCY, PRICE

# Sums in another order differ in the last digits.
_DIGITS = 6


class Shortlisted(NamedTuple):
    """people: the rows of `judged` that fit best, in order. booking: whom of them to book. near: Jaccard index of each two
    audiences. limits: what the choice kept to. nodes: people of the graph."""

    people: list[dict[str, Any]]
    booking: Booking
    near: Floats
    limits: Limits
    nodes: int


def shortlist_rows(
    found: Shortlisted, *, brief: BriefParams, topics: Sequence[Topic], usual: Usual, as_of: datetime
) -> list[tuple[Any, ...]]:
    """The rows of gold.shortlists, best first. topics: those that the brief means."""
    order = found.booking.order
    by = [name for name, is_asked in (("topics", brief.topics), ("text", brief.texts)) if is_asked]
    rows = []
    for place, person in enumerate(found.people):
        number = order.index(place) if place in order else None
        others = [float(found.near[place, other]) for other in order if other != place]
        row = {
            **{name: round(value, _DIGITS) if isinstance(value, float) else value for name, value in person.items()},
            AS_OF: as_of,
            BRIEF_ID: brief.brief_id,
            BRIEF: brief.name,
            RANK: place + 1,
            RELEVANCE_BY: " and ".join(by),
            CURRENCY: brief.currency,
            EXPECTED_REACH: round(float(found.booking.alone[place]), _DIGITS),
            IS_SELECTED: number is not None,
            SELECTED_ORDER: None if number is None else number + 1,
            MARGINAL_REACH: None if number is None else round(float(found.booking.added[number]), _DIGITS),
            OVERLAP_WITH_SELECTED: round(max(others), _DIGITS) if others else None,
        }
        row[REASONS] = reasons_of(row, brief=brief, topics=topics, usual=usual)
        rows.append(tuple(row[name] for name in SHORTLISTS.columns))
    return rows


def promised(found: Shortlisted, *, brief: BriefParams, params: ShortlistParams) -> dict[str, Any]:
    """What is said of the set to book: size, cost, expected unique reach with its standard error, and how near to the best it is."""
    booking = found.booking
    # without a budget somebody may be booked whose price nobody knows
    prices = [found.people[place][PRICE] for place in booking.order]
    return {
        "selected": len(booking.order),
        "cost": None if None in prices else round(sum(prices), 2),
        "budget": brief.budget,
        "currency": brief.currency,
        "expected_reach": round(booking.reach, 3),
        "reach_standard_error": round(booking.error, 3),
        "people_in_network": found.nodes,
        "sets": booking.sets,
        "overlap_error": round(1 / math.sqrt(params.signature), 4),
        "guarantee": {
            "sure": round(booking.guaranteed, 4),
            "found": round(booking.at_least, 4),
            "says": _in_words(found, brief),
        },
    }


def _in_words(found: Shortlisted, brief: BriefParams) -> str:
    """What is known of how near the choice is to the best, and what that rests on."""
    booking, apart = found.booking, found.limits.apart
    shown = f"on the samples at least {percent(booking.at_least)} of what any choice within budget and number reaches"
    sure = f"sure beforehand: {percent(booking.guaranteed)} less the error of the samples"
    if booking.guaranteed == EQUAL_PRICES:
        why = "1 - 1/e by greedy (Nemhauser, Wolsey and Fisher, 1978)"
    elif booking.guaranteed == UNEQUAL_PRICES:
        why = "(1 - 1/e)/2 by the better of greedy by reach per price and by reach (Khuller, Moss and Naor, 1999)"
    else:
        why = f"one part in the {round(1 / booking.guaranteed)} that can be booked at most, by the best single one"
        if apart is not None and keeps_apart(found.limits):
            pairs = plural(int(apart.sum()) // 2, "pair of creators is", "pairs of creators are")
            why += f": more is not sure where {pairs} kept apart by max_overlap={brief.max_overlap:g}"
        elif booking.guaranteed < UNEQUAL_PRICES:
            why += f": more is not sure where max_creators={brief.max_creators} binds beside unequal prices"
    return f"{shown}; {sure}, {why}"
