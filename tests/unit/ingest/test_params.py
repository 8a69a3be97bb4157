from __future__ import annotations

import pytest

from social_signals.core.errors import ConfigError
from social_signals.ingest import FilesSource, SampleSource, StackExchangeSource, TablesSource


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: FilesSource(), "the source names no table"),
        (lambda: TablesSource(), "the source names no table"),
        (lambda: StackExchangeSource(), r"source\.path is empty"),
        (lambda: FilesSource(posts="p", columns={"post": {}}), "there is no silver table 'post'"),
        (lambda: FilesSource(posts="p", columns={"posts": {"body": "x"}}), r"source\.columns\.posts maps 'body'"),
        (lambda: FilesSource(posts="p", columns={"posts": {"ingested_ts": "x"}}), "'ingested_ts', which silver.posts does not have"),
        (lambda: FilesSource(posts="p", only_with={"tweets": "x"}), "there is no silver table 'tweets'"),
        (lambda: FilesSource(posts="p", format="xlsx"), r"source\.format is 'xlsx'"),
        (lambda: FilesSource(posts="p", name="My Files"), "cannot be part of a table's name"),
        (lambda: TablesSource(kind="files", posts="p"), r"source\.kind is 'files' among settings of source=tables"),
        (lambda: SampleSource(users=1), r"source\.users is 1"),
    ],
)  # fmt: skip
def test_a_source_that_cannot_work_is_refused_in_the_first_second(make, words):
    with pytest.raises(ConfigError, match=words):
        make()


def test_places_are_those_that_were_given():
    assert FilesSource(users="u.csv", posts="p.csv").places() == {"users": "u.csv", "posts": "p.csv"}
