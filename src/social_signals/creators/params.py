"""The knobs of the creators room."""

from __future__ import annotations

from dataclasses import dataclass

from social_signals.core.errors import ConfigError

_COUNTS = (
    "substantive_words", "entity_authors", "entities", "topic_rank", "topic_engagements", "least_engagements", "least_replies",
    "least_people", "ring_acts", "ring_ties", "duplicate_words", "mismatch_followers", "mismatch_posts",
)  # fmt: skip
_SHARES = ("topic_share", "burst_hour_from", "burst_day_from", "ring_from", "duplicates_from")
_MOST = ("burst_most", "ring_most", "duplicates_most", "mismatch_most")


@dataclass
class CreatorParams:
    """What counts as substance, as owning a topic and as a sign of inauthentic engagement.

    substantive_words: different words that make a reply substantive. entity_authors: people who must name something in replies before
    it is told; entities: how many names are kept. topic_share, topic_rank, topic_engagements: who owns a topic has at least this share
    of all engagement with posts on it, this place at worst, and so many engagements there.

    Signs: nobody with fewer than least_engagements (of replies: least_replies) is accused. A sign counts beyond its `_from`, a share, or
    beyond what is usual in the tier (third quartile and three times the interquartile range, Tukey's outer fence, of at least
    least_people in the tier, else at the cut-off) where that is more; rings only where it is known what is usual. From there its part of the discount grows from 0 to its `_most`. burst_per_post: with n posts in the
    window a peak counts from burst_per_post / n, since a post draws most of what it draws at once. ring_acts: acts each way of a mutual
    tie; who has more than ring_ties of them is in no small ring. duplicate_words: texts with fewer words say the same by chance.
    mismatch_z: robust z, 3.5 by Iglewicz and Hoaglin (1993), that counts for people with at least mismatch_followers and mismatch_posts.
    """

    substantive_words: int = 4
    entity_authors: int = 3
    entities: int = 5
    topic_share: float = 0.2
    topic_rank: int = 3
    topic_engagements: int = 5
    least_engagements: int = 30
    least_replies: int = 20
    least_people: int = 20
    burst_hour_from: float = 0.3
    burst_day_from: float = 0.6
    burst_per_post: float = 3.0
    burst_most: float = 0.6
    ring_acts: int = 2
    ring_ties: int = 50
    ring_from: float = 0.5
    ring_most: float = 0.5
    duplicate_words: int = 4
    duplicates_from: float = 0.3
    duplicates_most: float = 0.5
    mismatch_z: float = 3.5
    mismatch_followers: int = 1_000
    mismatch_posts: int = 5
    mismatch_most: float = 0.5

    def __post_init__(self) -> None:
        for name in _COUNTS:
            if getattr(self, name) < 1:
                raise ConfigError(f"creators.{name} is {getattr(self, name)}", hint="give a whole number, 1 or more")
        for name in _SHARES:
            if not 0 < getattr(self, name) < 1:
                raise ConfigError(f"creators.{name} is {getattr(self, name)}", hint="give a share between 0 and 1")
        for name in _MOST:
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"creators.{name} is {getattr(self, name)}", hint="give 0 (the sign is off) to 1")
        for name in ("burst_per_post", "mismatch_z"):
            if getattr(self, name) <= 0:
                raise ConfigError(f"creators.{name} is {getattr(self, name)}", hint="give a number above 0")
