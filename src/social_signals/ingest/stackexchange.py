"""A Stack Exchange dump as posts, people and acts.

| record                        | becomes                                                                                     |
| ----------------------------- | ------------------------------------------------------------------------------------------- |
| question, answer (Posts 1, 2) | a post `p<Id>`; an answer's parent is its question                                          |
| answer                        | also a `comment` from the answerer to the asker, on the question: a reply is engagement      |
| comment                       | a post `c<Id>` of media type comment below its post, and a `comment` to that post's owner    |
| vote 2, 3                     | an anonymous `like`, `dislike` of the post and its owner                                     |
| vote 1                        | `answer_accepted` from the asker to the answerer                                             |
| vote 5                        | `save` by the person the dump names                                                          |
| user                          | a person                                                                                     |

Votes carry a day and no time. An act cannot precede what it is done to, so it is dated at midnight of its day or at its
post's own time, whichever is later; a cut-off at a midnight therefore never sees a vote of the day that begins there.
A question whose accepted answer has no vote to date it goes to quarantine: dated by the answer it would tell the future.
Reputation, views and totals of votes are sums up to the day of the dump, the future of every earlier cut-off: not read.
User -1 is a program and no person; what it owns, and what deleted users left, has no author. Wiki posts are not read.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from social_signals.core.errors import ConfigError
from social_signals.ingest.html import text_of_escaped_html
from social_signals.ingest.places import PACKED, File, find_files
from social_signals.ingest.read import FileDataset
from social_signals.ingest.source import CARRIED, LANDED_TS, PROBLEM, UNREADABLE_TAIL, Flow, Opened, carried
from social_signals.tables.silver import (
    ACTOR_ID,
    AUTHOR_ID,
    BIO,
    COUNTRY,
    CREATED_TS,
    DISPLAY_NAME,
    EVENT_TS,
    INTERACTION_ID,
    INTERACTIONS,
    KIND,
    MEDIA_TYPE,
    PARENT_POST_ID,
    POST_ID,
    POSTS,
    RECORD,
    TARGET_POST_ID,
    TARGET_USER_ID,
    TEXT,
    TITLE,
    USER_ID,
    USERS,
)

log = logging.getLogger(__name__)

DATASETS = ("posts", "users", "comments", "votes")
COMMUNITY = "-1"
QUESTION, ANSWER = "1", "2"
ACCEPTED, FAVOURITE = "1", "5"
KIND_OF_VOTE = {ACCEPTED: "answer_accepted", "2": "like", "3": "dislike", FAVOURITE: "save"}
NOT_A_ROW = "the record is not a whole <row .../> element"
UNDATED_ACCEPTANCE = "the answer was accepted at a time that the dump does not tell"


@dataclass
class XmlDataset(FileDataset):
    """The row elements of one file of the dump; declarations and the root element are no records."""

    def _lines(self, files: list[File], *, tolerant: bool) -> DataFrame:
        lines = super()._lines(files, tolerant=tolerant)
        is_frame = F.col(RECORD).rlike(r"^\s*\ufeff?\s*<(\?xml|/?[a-z]+\s*>)")
        return lines.where(~is_frame)


def open_dump(spark: SparkSession, name: str, path: str) -> Opened:
    """The dump in a folder. Raises ConfigError where there is no Posts.xml; other files may be missing."""
    files = find_files(spark, path, setting="source.path")
    by_dataset = {
        d: [f for f in files if f.base_name.lower().split(".")[0] == d and f.format == "xml"] for d in DATASETS
    }
    if not by_dataset["posts"]:
        shown = ", ".join(f.base_name for f in files[:8])
        packed = any(f.base_name.lower().endswith(PACKED) for f in files)
        raise ConfigError(
            f"source.path={path} has no Posts.xml or Posts.xml.gz; it has {shown}",
            hint="unpack the archive first" if packed else "name the folder of one site's dump",
        )
    for dataset in (d for d, found in by_dataset.items() if not found):
        log.warning("the dump in %s has no %s.xml; what it would tell is left out", path, dataset.capitalize())
    present = [d for d in DATASETS if by_dataset[d]]
    flows = [f for f in FLOWS if f.dataset in present]
    return Opened(name, [XmlDataset(spark, d, by_dataset[d], "xml") for d in present], flows)


def attribute(name: str) -> Column:
    """The value of an attribute of the row element, still escaped; null where it is absent or empty."""
    value = F.regexp_extract(RECORD, rf'\s{name}="([^"]*)"', 1)
    return F.when(value != "", value)


def unescaped(value: Column) -> Column:
    """The value with XML's own escapes resolved; what a dump's writer produces, no more."""
    plain = {
        "&lt;": "<",
        "&gt;": ">",
        "&quot;": '"',
        "&apos;": "'",
        "&#xA;": "\n",
        "&#xD;": "\r",
        "&#x9;": "\t",
        "&amp;": "&",
    }
    for escaped, character in plain.items():
        value = F.replace(value, F.lit(escaped), F.lit(character))
    return value


def _problem() -> Column:
    text = F.trim(F.col(RECORD))
    is_whole = text.startswith("<row ") & text.endswith("/>")
    return F.when(F.col(RECORD).isNull(), UNREADABLE_TAIL).when(~is_whole, NOT_A_ROW)


def _rows(bronze: DataFrame, dataset: str, *, keep: Column | None = None) -> DataFrame:
    """Records of a dataset with `problem`; those with one are always kept, the others where `keep` holds."""
    rows = carried(bronze, dataset).withColumn(PROBLEM, _problem())
    return rows if keep is None else rows.where(F.col(PROBLEM).isNotNull() | keep)


def _whole_rows(bronze: DataFrame, dataset: str, *, keep: Column) -> DataFrame:
    """For a second flow from the same records: what is broken is reported by the first one only."""
    return carried(bronze, dataset).withColumn(PROBLEM, _problem()).where(F.col(PROBLEM).isNull() & keep)


def _person(value: Column) -> Column:
    return F.when(value != COMMUNITY, value)


def _named(prefix: str, value: Column) -> Column:
    return F.concat(F.lit(prefix), value)


def _filled(rows: DataFrame, **columns: Column) -> DataFrame:
    return rows.select(*CARRIED, PROBLEM, *(value.alias(name) for name, value in columns.items()))


def _posts(bronze: DataFrame, _: Mapping[str, DataFrame]) -> DataFrame:
    kind = attribute("PostTypeId")
    rows = _rows(bronze, "posts", keep=kind.isin(QUESTION, ANSWER))
    return _filled(
        rows,
        **{
            POST_ID: _named("p", attribute("Id")),
            AUTHOR_ID: _person(attribute("OwnerUserId")),
            EVENT_TS: attribute("CreationDate"),
            TEXT: text_of_escaped_html(attribute("Body")),
            TITLE: unescaped(attribute("Title")),
            PARENT_POST_ID: _named("p", attribute("ParentId")),
            MEDIA_TYPE: F.when(kind == QUESTION, "question").otherwise("answer"),
        },
    )


def _comments_as_posts(bronze: DataFrame, _: Mapping[str, DataFrame]) -> DataFrame:
    return _filled(
        _rows(bronze, "comments"),
        **{
            POST_ID: _named("c", attribute("Id")),
            AUTHOR_ID: _person(attribute("UserId")),
            EVENT_TS: attribute("CreationDate"),
            TEXT: unescaped(attribute("Text")),
            PARENT_POST_ID: _named("p", attribute("PostId")),
            MEDIA_TYPE: F.lit("comment"),
        },
    )


def _users(bronze: DataFrame, _: Mapping[str, DataFrame]) -> DataFrame:
    is_person = attribute("Id").isNull() | (attribute("Id") != COMMUNITY)
    return _filled(
        _rows(bronze, "users", keep=is_person),
        **{
            USER_ID: attribute("Id"),
            DISPLAY_NAME: unescaped(attribute("DisplayName")),
            BIO: text_of_escaped_html(attribute("AboutMe")),
            COUNTRY: unescaped(attribute("Location")),
            CREATED_TS: attribute("CreationDate"),
        },
    )


def _comments_as_acts(bronze: DataFrame, lookups: Mapping[str, DataFrame]) -> DataFrame:
    rows = _whole_rows(bronze, "comments", keep=F.lit(True)).withColumn("post", attribute("PostId"))
    return _filled(
        rows.join(_owners(lookups), on="post", how="left"),
        **{
            INTERACTION_ID: _named("comment-", attribute("Id")),
            KIND: F.lit("comment"),
            ACTOR_ID: _person(attribute("UserId")),
            TARGET_USER_ID: F.col("owner"),
            TARGET_POST_ID: _named("p", F.col("post")),
            EVENT_TS: attribute("CreationDate"),
        },
    )


def _answers_as_acts(bronze: DataFrame, lookups: Mapping[str, DataFrame]) -> DataFrame:
    answers = _whole_rows(bronze, "posts", keep=attribute("PostTypeId") == ANSWER).withColumn(
        "post", attribute("ParentId")
    )
    return _filled(
        answers.join(_owners(lookups), on="post", how="left"),
        **{
            INTERACTION_ID: _named("answer-", attribute("Id")),
            KIND: F.lit("comment"),
            ACTOR_ID: _person(attribute("OwnerUserId")),
            TARGET_USER_ID: F.col("owner"),
            TARGET_POST_ID: _named("p", F.col("post")),
            EVENT_TS: attribute("CreationDate"),
        },
    )


def _votes(bronze: DataFrame, lookups: Mapping[str, DataFrame]) -> DataFrame:
    kind = attribute("VoteTypeId")
    is_accepted = kind == ACCEPTED
    rows = _rows(bronze, "votes", keep=kind.isin(*KIND_OF_VOTE)).withColumn("post", attribute("PostId"))
    posts = _owners(lookups)
    askers = posts.select(F.col("post").alias("parent"), F.col("owner").alias("asker"))
    rows = rows.join(posts, on="post", how="left").join(askers, on="parent", how="left")
    # Both are ISO times without a zone, so their order as text is their order in time; a null is passed over.
    not_before_the_post = F.greatest(attribute("CreationDate"), F.col("created"))
    return _filled(
        rows,
        **{
            INTERACTION_ID: _named("vote-", attribute("Id")),
            KIND: F.create_map(*(F.lit(x) for pair in KIND_OF_VOTE.items() for x in pair))[kind],
            ACTOR_ID: F.when(is_accepted, F.col("asker")).when(kind == FAVOURITE, _person(attribute("UserId"))),
            TARGET_USER_ID: F.col("owner"),
            TARGET_POST_ID: _named("p", F.col("post")),
            EVENT_TS: not_before_the_post,
        },
    )


def _undated_acceptances(bronze: DataFrame, lookups: Mapping[str, DataFrame]) -> DataFrame:
    accepted = attribute("AcceptedAnswerId")
    questions = _whole_rows(bronze, "posts", keep=accepted.isNotNull()).withColumn("answer", accepted)
    votes = lookups.get("votes")
    if votes is not None:
        dated = votes.where(attribute("VoteTypeId") == ACCEPTED).select(attribute("PostId").alias("answer"))
        questions = questions.join(dated, on="answer", how="left_anti")
    return _filled(
        questions.withColumn(PROBLEM, F.lit(UNDATED_ACCEPTANCE)),
        **{INTERACTION_ID: _named("accepted-", attribute("Id"))},
    )


def _owners(lookups: Mapping[str, DataFrame]) -> DataFrame:
    """One row per post of every batch, as it landed last: post, owner, created, parent."""
    said = F.struct(
        F.col(LANDED_TS),
        _person(attribute("OwnerUserId")).alias("owner"),
        attribute("CreationDate").alias("created"),
        attribute("ParentId").alias("parent"),
    )
    posts = carried(lookups["posts"], "posts").select(attribute("Id").alias("post"), said.alias("said"))
    newest = posts.where(F.col("post").isNotNull()).groupBy("post").agg(F.max("said").alias("said"))
    return newest.select("post", "said.owner", "said.created", "said.parent")


FLOWS = (
    Flow("posts", POSTS, _posts),
    Flow("comments", POSTS, _comments_as_posts),
    Flow("users", USERS, _users),
    Flow("comments", INTERACTIONS, _comments_as_acts, ("posts",)),
    Flow("posts", INTERACTIONS, _answers_as_acts, ("posts",)),
    Flow("votes", INTERACTIONS, _votes, ("posts",)),
    Flow("posts", INTERACTIONS, _undated_acceptances, ("votes",)),
)
