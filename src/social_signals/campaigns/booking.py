"""Which of a shortlist to book together, and how many different people they are expected to reach."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from social_signals.campaigns.selection import Chosen, Limits, choose, guarantee
from social_signals.network.graph import Floats, Ints
from social_signals.network.reach import Sets

Draw = Callable[[int, int], Sets]
# Numbers of sets that judge a choice begin here: none of them is ever among those that it was made by.
_JUDGES = 1 << 40


class Booking(NamedTuple):
    """order: places of who is booked, first chosen first. alone: expected reach of each candidate by themself. added: of each
    booked one, in order, whom they add. reach: of all booked, the sum of `added`, with its standard error. guaranteed: share of the best choice
    that is sure beforehand, less the error of the samples. at_least: share of the best choice that
    this one has on the samples, as far as a bound of the best tells. sets: drawn for the choice, and as many to judge it."""

    order: tuple[int, ...]
    alone: Floats
    added: Floats
    reach: float
    error: float
    guaranteed: float
    at_least: float
    sets: int


def book(draw: Draw, prices: Floats, limits: Limits, *, nodes: int, sets: int, most_sets: int, error: float) -> Booking:
    """Choose by some reverse-reachable sets and measure by others, so that the reach of what was chosen is not flattered.

    draw: the sets of a first number and a count. nodes: people of the graph. `sets` are doubled until the standard error
    of the reach is at most the share `error` of it, or there are `most_sets`.
    """
    people = len(prices)
    chosen_by, judged_by = draw(0, sets), draw(_JUDGES, sets)
    while True:
        chosen = choose(chosen_by.covers(people), prices, limits, sets=chosen_by.drawn)
        booking = _measured(chosen, judged_by, prices, limits, nodes=nodes)
        drawn = judged_by.drawn
        if not booking.order or booking.error <= error * booking.reach or 2 * drawn > most_sets:
            return booking
        chosen_by, judged_by = chosen_by.and_more(draw(drawn, drawn)), judged_by.and_more(draw(_JUDGES + drawn, drawn))


def _measured(chosen: Chosen, judges: Sets, prices: Floats, limits: Limits, *, nodes: int) -> Booking:
    covers = judges.covers(len(prices))
    is_covered = np.zeros(judges.drawn, dtype=bool)
    scale, added = nodes / judges.drawn, list[float]()
    for place in chosen.order:
        added.append(_fresh(is_covered, covers[place]) * scale)
    share = float(is_covered.mean())
    return Booking(
        order=chosen.order,
        alone=np.array([len(one) for one in covers]) * scale,
        added=np.array(added),
        reach=share * nodes,
        error=nodes * float(np.sqrt(share * (1.0 - share) / judges.drawn)),
        guaranteed=guarantee(prices, limits),
        at_least=chosen.covered / chosen.at_most if chosen.at_most else 1.0,
        sets=judges.drawn,
    )


def _fresh(is_covered: np.ndarray[tuple[int], np.dtype[np.bool_]], sets: Ints) -> int:
    """How many of `sets` were not covered before; they are now."""
    fresh = int(np.count_nonzero(~is_covered[sets]))
    is_covered[sets] = True
    return fresh
