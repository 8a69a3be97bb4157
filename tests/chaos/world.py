"""A small world in files: people who act for some months, and some who stop. The same from every call."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

BEGIN = datetime(2020, 1, 1, tzinfo=timezone.utc)
DAYS, PEOPLE, CREATORS = 300, 90, 5
AS_OF = "2020-10-20"
NOW = "2020-11-01T00:00:00+00:00"
TEXTS = (
    "I love the new phone from Nokia, it works great", "Terrible service in Berlin today, never again",
    "Meeting Angela Merkel at the conference was fine", "The update is out, nothing special", "What a wonderful evening in Paris",
)  # fmt: skip
# As little of every stage as is right: five cut-offs, small trees, two folds of people.
SETTINGS = (
    f"now={NOW}", f"as_of={AS_OF}", "churn.lookback_days=30", "churn.horizon_days=28", "churn.step_days=28", "churn.max_cutoffs=6",
    "churn.calibration_folds=2", "xgboost.n_estimators=40", "xgboost.early_stopping_rounds=10", "xgboost.learning_rate=0.3",
    "xgboost.max_depth=2", "xgboost.min_child_weight=2", "xgboost.checkpoint_rounds=10", "tracking.gate=report",
)  # fmt: skip


def records() -> dict[str, list[dict[str, Any]]]:
    """Table -> records in order of time."""
    chance = random.Random(20200101)
    leaves = {f"u{i}": chance.choice([400, 400, 400, *range(40, 290, 10)]) for i in range(PEOPLE)}
    busy = {user: chance.uniform(0.05, 0.4) for user in leaves}
    posts, acts = [], []
    for day in range(DAYS):
        at = BEGIN + timedelta(days=day)
        for number in range(CREATORS):
            if chance.random() < 0.25:
                posts.append(
                    {
                        "post_id": f"p{len(posts)}", "author_id": f"c{number}", "text": chance.choice(TEXTS),
                        "event_ts": (at + timedelta(hours=chance.randrange(24))).isoformat(),
                    }
                )  # fmt: skip
        for user, until in leaves.items():
            if posts and day < until and chance.random() < busy[user]:
                post = chance.choice(posts[-20:])
                acts.append(
                    {
                        "interaction_id": f"i{len(acts)}", "kind": chance.choice(["like", "comment", "share"]),
                        "actor_id": user, "target_user_id": post["author_id"], "target_post_id": post["post_id"],
                        "event_ts": (at + timedelta(hours=23, minutes=chance.randrange(60))).isoformat(),
                    }
                )  # fmt: skip
    return {"posts": posts, "interactions": acts}


def write(folder: Path) -> list[str]:
    """Two files a table under `folder`, each with half of the records; returns the overrides that name them as a source."""
    for table, found in records().items():
        half = len(found) // 2
        for name, part in (("a", found[:half]), ("b", found[half:])):
            lines(folder / table / f"{name}.jsonl", part)
    return source(folder)


def lines(path: Path, found: Iterable[Mapping[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(one) + "\n" for one in found))


def source(folder: Path) -> list[str]:
    return ["source=files", f"source.posts={folder}/posts", f"source.interactions={folder}/interactions"]
