"""A choice as rows and as what is promised of it."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import numpy as np
import pytest
from tests.unit.campaigns.test_words import ROW

from social_signals.campaigns import BriefParams, ShortlistParams
from social_signals.campaigns.booking import Booking
from social_signals.campaigns.rows import Shortlisted, promised, shortlist_rows
from social_signals.campaigns.selection import EQUAL_PRICES, UNEQUAL_PRICES, Limits
from social_signals.campaigns.words import Usual
from social_signals.tables.gold_campaigns import SHORTLISTS

AS_OF = datetime(2024, 3, 1, tzinfo=timezone.utc)
NEAR = np.array([[0.0, 0.4, 0.1], [0.4, 0.0, 0.2], [0.1, 0.2, 0.0]])
BRIEF = BriefParams(name="ale", text="ale", budget=900.0, max_creators=2, max_overlap=0.3)


def shortlisted(*, sure: float, apart: bool = False, **person: Any) -> Shortlisted:
    """Three people of whom the first and the last are booked."""
    known = (
        ROW
        | {"fit": 0.5, "relevance": 0.473, "topic_relevance": None, "post_quality": 0.7, "campaign_results": 1.3}
        | person
    )
    people = [known | {"user_id": name} for name in ("ann", "bob", "cat")]
    booking = Booking((2, 0), np.array([7.0, 6.0, 9.5]), np.array([9.5, 4.25]), 13.75, 0.5, sure, 0.87, 4_000)
    limits = Limits(BRIEF.budget, BRIEF.max_creators, (NEAR > 0.3) if apart else None)
    return Shortlisted(people, booking, NEAR, limits, nodes=40)


def test_rows_say_who_is_booked_in_which_order_and_how_near_they_are() -> None:
    rows = shortlist_rows(shortlisted(sure=UNEQUAL_PRICES), brief=BRIEF, topics=[], usual=Usual(), as_of=AS_OF)
    named = [dict(zip(SHORTLISTS.columns, row, strict=True)) for row in rows]
    told = (
        "user_id",
        "rank",
        "is_selected",
        "selected_order",
        "expected_reach",
        "marginal_reach",
        "overlap_with_selected",
    )
    assert [tuple(row[name] for name in told) for row in named] == [
        ("ann", 1, True, 2, 7.0, 4.25, 0.1), ("bob", 2, False, None, 6.0, None, 0.4), ("cat", 3, True, 1, 9.5, 9.5, 0.1),
    ]  # fmt: skip
    assert {(row["brief_id"], row["brief"], row["relevance_by"]) for row in named} == {(BRIEF.brief_id, "ale", "text")}


@pytest.mark.parametrize(
    ("sure", "apart", "words"),
    [
        (EQUAL_PRICES, False, "sure beforehand: 63% less the error of the samples, 1 - 1/e by greedy"),
        (UNEQUAL_PRICES, False, "32% less the error of the samples, (1 - 1/e)/2 by the better of"),
        (0.1, False, "one part in the 10 that can be booked at most, by the best single one: more is not sure where max_creators=2"),
        (0.1, True, "more is not sure where 1 pair of creators is kept apart by max_overlap=0.3"),
        (0.5, False, "one part in the 2 that can be booked at most, by the best single one"),
    ],
)  # fmt: skip
def test_what_is_promised_says_what_it_rests_on(sure: float, apart: bool, words: str) -> None:
    told = promised(shortlisted(sure=sure, apart=apart), brief=BRIEF, params=ShortlistParams())
    assert words in told["guarantee"]["says"]
    assert told["guarantee"]["says"].startswith("on the samples at least 87% of what any choice")
    assert (told["selected"], told["cost"], told["expected_reach"], told["overlap_error"]) == (2, 1320.0, 13.75, 0.0625)


def test_a_price_that_nobody_knows_is_no_part_of_a_sum() -> None:
    assert promised(shortlisted(sure=0.5, price=None), brief=BRIEF, params=ShortlistParams())["cost"] is None
