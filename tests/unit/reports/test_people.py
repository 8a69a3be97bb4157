"""Who is shown: the newest slice, one model, the right order, ids unless handles were asked for."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone

import pandas as pd
from pyspark.sql import DataFrame

from social_signals.reports.people import gather_churn, gather_influence
from social_signals.tables.gold import CHURN_SCORES, INFLUENCE_SCORES
from social_signals.tables.silver import USERS

Rows = Callable[..., DataFrame]
MAY = datetime(2020, 5, 1, tzinfo=timezone.utc)
JUNE = datetime(2020, 6, 1, tzinfo=timezone.utc)


def _churn(
    user: str, p: float, *, as_of: datetime = JUNE, model: str = "m", reasons: list[tuple] | None = None
) -> dict:
    return {"as_of": as_of, "user_id": user, "model_id": model, "p_churn": p, "decile": 1, "reasons": reasons}


def _influence(
    user: str, rank: int, *, momentum: float | None = 0.0, emerging: bool = False, tier: str = "nano"
) -> dict:
    return {
        "as_of": JUNE, "user_id": user, "model_id": "i", "influence": 1 - rank / 100, "rank": rank, "momentum": momentum,
        "is_emerging": emerging, "tier": tier, "reasons": None,
    }  # fmt: skip


def test_the_newest_slice_speaks_and_sums_do_not_depend_on_order(rows: Rows) -> None:
    scores = rows(
        CHURN_SCORES,
        _churn("gone", 0.99, as_of=MAY),
        _churn("a", 0.9), _churn("b", 0.9), _churn("c", 1.0), _churn("d", 0.04),
        _churn("a", 0.1, model="candidate"),
    )  # fmt: skip
    part = gather_churn(scores, rows(INFLUENCE_SCORES), rows(USERS), as_of=None, top=2)

    assert (part.as_of, part.model_id, part.people) == (JUNE, "m", 4)
    assert part.expected_to_leave == 2.84
    assert part.more_likely_than_not == 3
    assert part.histogram["people"].tolist() == [1, *[0] * 17, 2, 1]
    # Ties go by id, and only as many as were asked for come to the driver.
    assert part.at_risk["person"].tolist() == ["c", "a"]
    assert part.worth_keeping.empty
    named = gather_churn(scores, rows(INFLUENCE_SCORES), rows(USERS), as_of=None, top=2, champion="candidate")
    assert (named.model_id, named.people) == ("candidate", 1), "whoever is in charge speaks, however few were scored"


def test_an_as_of_before_the_newest_slice_shows_the_slice_of_then(rows: Rows) -> None:
    scores = rows(CHURN_SCORES, _churn("then", 0.6, as_of=MAY), _churn("now", 0.6))
    part = gather_churn(scores, rows(INFLUENCE_SCORES), rows(USERS), as_of=MAY, top=5)
    assert (part.as_of, part.at_risk["person"].tolist()) == (MAY, ["then"])


def test_no_scores_give_an_empty_part(rows: Rows) -> None:
    assert gather_churn(rows(CHURN_SCORES), rows(INFLUENCE_SCORES), rows(USERS), as_of=None, top=5).people == 0
    assert gather_influence(rows(INFLUENCE_SCORES), rows(USERS), as_of=JUNE, top=5).people == 0


def test_handles_are_shown_only_when_asked_for_and_the_influential_tenth_is_worth_keeping(rows: Rows) -> None:
    scores = rows(CHURN_SCORES, *[_churn(f"u{n:02}", n / 100) for n in range(1, 11)])
    influence = rows(INFLUENCE_SCORES, *[_influence(f"u{n:02}", n) for n in range(1, 11)])
    users = rows(USERS, {"user_id": "u01", "handle": "ada"}, {"user_id": "u10", "handle": "  "})

    plain = gather_churn(scores, influence, users, as_of=None, top=2)
    assert plain.at_risk[["person", "rank"]].values.tolist() == [["u10", 10], ["u09", 9]]
    assert plain.worth_keeping["person"].tolist() == ["u01"]

    shown = gather_churn(scores, influence, users, as_of=None, top=2, show_handles=True)
    assert shown.at_risk["person"].tolist() == ["u10", "u09"]
    assert shown.worth_keeping["person"].tolist() == ["ada"]


def test_the_strongest_reasons_come_first(rows: Rows) -> None:
    reasons = [("posts_30d_count", 1.0, 0.1), ("a", None, -0.9), ("b", 2.0, 0.5), ("c", 3.0, 0.2)]
    scores = rows(CHURN_SCORES, _churn("a", 0.9, reasons=reasons))
    found = gather_churn(scores, rows(INFLUENCE_SCORES), rows(USERS), as_of=None, top=1).at_risk["reasons"][0]
    assert [(r["feature"], r["contribution"]) for r in found] == [("a", -0.9), ("b", 0.5), ("c", 0.2)]
    told = rows(CHURN_SCORES, _churn("a", 0.9, reasons=reasons) | {"reasons_text": ["one", "two", "three", "four"]})
    found = gather_churn(told, rows(INFLUENCE_SCORES), rows(USERS), as_of=None, top=1).at_risk["reasons"][0]
    assert [r["text"] for r in found] == ["two", "three", "four"]


def test_emerging_people_come_by_momentum_and_newcomers_last(rows: Rows) -> None:
    scores = rows(
        INFLUENCE_SCORES,
        _influence("star", 1, tier="mega"),
        _influence("new", 2, momentum=None, emerging=True),
        _influence("slow", 3, momentum=0.1, emerging=True),
        _influence("fast", 4, momentum=0.4, emerging=True, tier="micro"),
    )
    part = gather_influence(scores, rows(USERS), as_of=None, top=3)
    assert part.emerging["person"].tolist() == ["fast", "slow", "new"]
    assert part.most["person"].tolist() == ["star", "new", "slow"]
    expected = {
        "tier": ["nano", "micro", "mid", "macro", "mega"],
        "people": [2, 1, 0, 0, 1],
        "emerging": [2, 1, 0, 0, 0],
    }
    pd.testing.assert_frame_equal(part.tiers, pd.DataFrame(expected))
    assert part.emerging_people == 3
