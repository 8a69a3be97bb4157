"""What the ledger and the last line say of Spark's work."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone

from social_signals.core.progress import Progress
from social_signals.jobs.job import Context
from social_signals.jobs.runner import Summary
from social_signals.jobs.watched import heaviest_keys, said_of
from social_signals.observability import KeyShare
from social_signals.tables.catalog import Catalog
from social_signals.tables.silver import POSTS
from social_signals.tables.store import CatalogParams

JANUARY = datetime(2024, 1, 1, tzinfo=timezone.utc)


def test_the_heaviest_key_of_each_table_that_was_read_is_told_by_its_share_alone(spark_session, rows, tmp_path):
    catalog = Catalog(spark_session, CatalogParams(root=str(tmp_path)), run_id="r")
    context = Context(spark_session, catalog, "r", JANUARY, Progress(enabled=False))
    assert heaviest_keys(context) == []
    written = [
        {"post_id": f"p{n}", "author_id": author, "event_ts": JANUARY + timedelta(days=n)}
        for n, author in enumerate(["busy", "busy", "busy", "quiet"])
    ]
    catalog.append(POSTS, rows(POSTS, *written))
    catalog.read(POSTS)
    shares = {share.column: share for share in heaviest_keys(context)}
    assert shares["author_id"] == KeyShare("silver.posts", "author_id", 0.75)
    assert shares["event_ts"].ratio == 0.25
    # Nobody is answered: there is no key that could be heavy.
    assert "parent_post_id" not in shares
    ended = said_of(catalog, 1.0)
    assert (ended["tables_read"], ended["tables_written"]) == ({"silver.posts": 1}, {"silver.posts": 1})


def test_the_last_line_has_advice_where_there_is_any():
    assert "advice" not in json.loads(Summary("ingest").line())
    assert json.loads(Summary("ingest", advice=["give more"]).line())["advice"] == ["give more"]
