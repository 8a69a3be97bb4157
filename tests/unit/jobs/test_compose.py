"""The door: every shipped combination composes, and whatever is off becomes a sentence."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from social_signals.core.errors import ConfigError
from social_signals.jobs import JOBS
from social_signals.jobs.compose import conf_folder, groups, groups_of
from social_signals.jobs.help import help_of
from social_signals.jobs.job import Job
from social_signals.jobs.ledger import config_hash_of
from social_signals.jobs.runner import composed

# What a group needs beside its name, as an operator would have to give it.
NEEDED = {
    "source": {
        "stackexchange": ["source.path=dump"],
        "files": ["source.posts=posts.jsonl"],
        "tables": ["source.posts=lake/posts"],
        "rumoureval": ["source.posts=tweets.jsonl"],
        "airline_tweets": ["source.posts=tweets.csv"],
        "timed_edges": ["source.interactions=edges.txt"],
        "timed_ratings": ["source.interactions=ratings.csv"],
        "retweet_edges": ["source.interactions=edges.txt"],
    },
}


# What a job needs whatever is chosen.
ALWAYS = {
    "backfill": ["backfill.job=score_churn", "backfill.first=2020-01-01", "backfill.last=2020-02-01"],
    "evaluate": ["evaluate.path=labelled.tsv"],
    "train_sentiment": ["labelled.train=[labelled.tsv]"],
    "train_entities": ["labelled.train=[labelled.conll]"],
    "shortlist_creators": ["brief.topics=[coffee]"],
}


def combinations() -> list[tuple[str, list[str]]]:
    """For the pipeline, which has nearly every group, every pair of its two largest beside each option of the others; for the other
    jobs rows in which every option stands.

    A group's options settle the same part of whatever job they are in, so what goes together there goes together elsewhere.
    """
    found = []
    for name in JOBS:
        used = groups_of(name)
        longest = max(len(options) for options in used.values())
        if name == "pipeline":
            large = sorted(used, key=lambda group: len(used[group]))[-2:]
            cycles = {group: itertools.cycle(options) for group, options in used.items() if group not in large}
            pairs = (dict(zip(large, pair, strict=True)) for pair in itertools.product(*(used[g] for g in large)))
            every = [tuple(pair[g] if g in pair else next(cycles[g]) for g in used) for pair in pairs]
        else:
            rows = (itertools.islice(itertools.cycle(options), longest) for options in used.values())
            every = list(zip(*rows, strict=True))
        for chosen in every:
            overrides = [f"{g}={o}" for g, o in zip(used, chosen, strict=True)]
            needed = [n for g, o in zip(used, chosen, strict=True) for n in NEEDED.get(g, {}).get(o, [])]
            found.append((name, [*overrides, *needed, *ALWAYS.get(name, [])]))
    return found


def test_the_pipeline_has_every_group_but_briefs() -> None:
    assert {*groups_of("pipeline"), "brief"} == set(groups())


def test_every_job_composes_with_every_shipped_option() -> None:
    every = combinations()
    assert len(every) > len(JOBS)
    for name, overrides in every:
        job, _ = composed(name, overrides)
        assert isinstance(job, Job), (name, overrides)


def test_every_job_has_a_doorbell_a_config_and_a_line_of_help() -> None:
    repository = conf_folder().parent
    assert {p.stem for p in (repository / "jobs").glob("*.py")} == set(JOBS)
    assert {p.stem for p in conf_folder().glob("*.yaml")} == set(JOBS)


@pytest.mark.parametrize("name", JOBS)
def test_the_help_of_every_job_shows_its_settings(name: str) -> None:
    text = help_of(name)
    assert JOBS[name] in text
    assert "as_of: null" in text
    assert "platform=databricks|kubernetes|local|standalone|yarn" in text


@pytest.mark.parametrize(
    ("overrides", "problem", "hint"),
    [
        (["churn.horizn_days=30"], "horizn_days", "horizon_days"),
        (["chrun.horizon_days=30"], "chrun", "churn"),
        (["platform=locl"], "platform=locl", "local"),
        (["source=stackexchang"], "source=stackexchang", "stackexchange"),
        (["catalog.rot=x"], "rot", "root"),
        (["source=stackexchange", "source.pth=x"], "pth", "path"),
        (["churn.horizon_days=soon"], "soon", ""),
        (["churn.horizon_days=0"], "horizon_days is 0", "1 or more"),
        (["as_of=yesterday"], "yesterday", "2020-03-01"),
        (["as_of=2020-01-01,2020-02-01"], "sweep", "quote"),
        (["dry_run"], "no setting", "key=value"),
        (["platform.device=gpu"], "gpu", "cuda"),
        (["source=stackexchange"], "path", "DIR"),
        (["catalog.root='open"], "cannot be read", "quote"),
    ],
)
def test_what_is_off_is_a_config_error_that_says_what_is_valid(overrides: list[str], problem: str, hint: str) -> None:
    with pytest.raises(ConfigError) as refused:
        composed("pipeline", overrides)
    assert problem in refused.value.problem
    assert hint in refused.value.hint
    assert refused.value.exit_code == 2


def test_brackets_and_equals_signs_mean_what_they_say() -> None:
    job, _ = composed(
        "ingest",
        [
            "platform.master=local[2]", "catalog.root=/lake/dt=2024-01-01", "source=files", "source.posts=a[0-9].csv",
            "source.columns.posts.media_type==status",
        ],
    )  # fmt: skip
    assert (job.platform.master, job.catalog.root) == ("local[2]", "/lake/dt=2024-01-01")
    assert job.source.posts == "a[0-9].csv"  # type: ignore[attr-defined]
    assert job.source.columns == {"posts": {"media_type": "=status"}}  # type: ignore[attr-defined]


def test_where_a_run_stands_does_not_change_what_it_computes() -> None:
    def hash_of(*overrides: str) -> str:
        return config_hash_of(composed("pipeline", overrides)[0])

    assert hash_of() == hash_of("platform=standalone", "log_format=json", "dry_run=true", "catalog.root=elsewhere")
    assert hash_of() != hash_of("churn.horizon_days=31")


def test_composing_leaves_no_folder_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    composed("pipeline", [])
    assert list(tmp_path.iterdir()) == []
