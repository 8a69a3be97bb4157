"""What a slice was made from is believed only where nothing can have changed it since."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from pyspark.sql import Row

from social_signals.features import FeatureParams
from social_signals.features.provenance import Provenance, provenance_of, recipe_of
from social_signals.governance import ConsentParams
from social_signals.tables.commits import Origin, mark_of, marked

JUNE_1 = datetime(2020, 6, 1, tzinfo=timezone.utc)
MAY_1 = datetime(2020, 5, 1, tzinfo=timezone.utc)
MADE = Provenance({"silver.posts": Origin("a-table", 7), "silver.users": None}, "a-recipe")


def commit(operation: str, metadata: str | None = None) -> Row:
    return Row(version=0, operation=operation, userMetadata=metadata)


def wrote(made: Provenance, *as_of: datetime) -> Row:
    return commit("WRITE", marked("social-signals run r1", made.note(as_of)))


def test_the_newest_commit_that_wrote_the_slice_says_what_it_was_made_from() -> None:
    newer = Provenance({"silver.posts": Origin("a-table", 9), "silver.users": Origin("b", 0)}, "a-recipe")
    commits = [commit("OPTIMIZE"), wrote(newer, MAY_1), wrote(MADE, MAY_1, JUNE_1), commit("CREATE TABLE")]
    assert provenance_of(MAY_1, commits) == newer
    assert provenance_of(JUNE_1, commits) == MADE
    assert provenance_of(JUNE_1 + timedelta(microseconds=1), commits) is None
    assert mark_of(commits[1]["userMetadata"]) == "social-signals run r1"


@pytest.mark.parametrize(
    "stranger", [commit("DELETE", "social-signals run r2"), commit("RESTORE"), commit("WRITE", "[]")]
)
def test_after_a_change_by_somebody_who_left_no_note_nothing_is_believed(stranger: Row) -> None:
    assert provenance_of(JUNE_1, [stranger, wrote(MADE, JUNE_1)]) is None
    # Older than the slice, it cannot have changed it.
    assert provenance_of(JUNE_1, [wrote(MADE, JUNE_1), stranger]) == MADE


def test_the_recipe_holds_what_decides_a_slice_and_not_how_it_is_brought_up_to_date() -> None:
    plain = recipe_of(FeatureParams(), ConsentParams())
    assert recipe_of(FeatureParams(rebuild="full"), ConsentParams()) == plain
    others = [
        recipe_of(FeatureParams(population_days=30), ConsentParams()),
        recipe_of(FeatureParams(activity_kinds=["like"]), ConsentParams()),
        recipe_of(FeatureParams(), ConsentParams(default="deny")),
    ]
    assert len({plain, *others}) == 4


def test_a_log_that_forgets_its_oldest_commits_makes_slices_unknown_and_never_up_to_date() -> None:
    newer = Provenance({"silver.posts": Origin("a-table", 9), "silver.users": None}, "a-recipe")
    commits = [
        commit("VACUUM END", "social-signals run r3"), commit("OPTIMIZE"), wrote(newer, JUNE_1), commit("DELETE"),
        wrote(MADE, MAY_1, JUNE_1), commit("CREATE TABLE"),
    ]  # fmt: skip
    for as_of in (MAY_1, JUNE_1):
        for kept in range(len(commits) + 1):
            assert provenance_of(as_of, commits[:kept]) in (None, provenance_of(as_of, commits))


def test_files_that_are_laid_out_anew_are_no_other_origin() -> None:
    assert Origin("a-table", 7, newest=9) == Origin("a-table", 7)
    assert Origin("a-table", 7) != Origin("a-table", 8)
