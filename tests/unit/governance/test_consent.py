from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from social_signals.core.errors import ConfigError
from social_signals.governance import ConsentParams, only_consented
from social_signals.tables.silver import CONSENTS, USERS

MAY_1 = datetime(2024, 5, 1, tzinfo=timezone.utc)
DAY = timedelta(days=1)


@pytest.fixture
def people(rows):
    return rows(USERS, *({"user_id": u} for u in ("yes", "no", "later", "unseen", "both", "other", "silent"))).select(
        "user_id"
    )


@pytest.fixture
def consents(rows):
    def said(user, granted, at, purpose="profiling", **more):
        return {"user_id": user, "purpose": purpose, "event_ts": at, "granted": granted, **more}

    return rows(
        CONSENTS,
        said("yes", False, MAY_1 - 3 * DAY), said("yes", True, MAY_1 - 2 * DAY),
        said("no", True, MAY_1 - 3 * DAY), said("no", False, MAY_1 - 2 * DAY),
        # Withdrawn at the cut-off itself, which does not see it.
        said("later", True, MAY_1 - DAY), said("later", False, MAY_1),
        # Withdrawn before, but we only heard of it afterwards.
        said("unseen", True, MAY_1 - 2 * DAY), said("unseen", False, MAY_1 - DAY, ingested_ts=MAY_1 + DAY),
        said("both", True, MAY_1 - DAY), said("both", False, MAY_1 - DAY),
        said("other", False, MAY_1 - DAY, purpose="messaging"),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("default", "kept"),
    [("allow", {"yes", "later", "unseen", "other", "silent"}), ("deny", {"yes", "later", "unseen"})],
)
def test_the_newest_statement_known_at_the_cut_off_counts(people, consents, default, kept):
    seen = only_consented(people, consents, purpose="profiling", as_of=MAY_1, default=default).collect()
    assert {r.user_id for r in seen} == kept
    assert len(seen) == len(kept)


def test_other_columns_may_name_the_person(people, consents):
    acts = people.withColumnRenamed("user_id", "actor_id")
    seen = only_consented(acts, consents, purpose="messaging", as_of=MAY_1, user_column="actor_id")
    assert seen.columns == ["actor_id"]
    assert "other" not in {r.actor_id for r in seen.collect()}


def test_unknown_words_are_refused(people, consents):
    with pytest.raises(ConfigError, match="did you mean profiling"):
        only_consented(people, consents, purpose="profilng", as_of=MAY_1)
    with pytest.raises(ConfigError, match="choose allow or deny"):
        ConsentParams("ask")
