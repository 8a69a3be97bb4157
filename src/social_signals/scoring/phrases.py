"""Phrases for what the tables of the network and of creators measure; `reasons` has those of gold.user_features."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

from social_signals.core.words import percent, plural, quantity, signed

Phrase = Callable[[re.Match[str], float], "str | None"]

_KIND_OF_EDGE = {
    "share": ("shared them", "they shared"),
    "mention": ("mentioned them", "they mentioned"),
    "reply": ("answered them", "they answered"),
    "like": ("liked their posts", "they liked"),
    "follow": ("followed them", "they followed"),
}
_GROWN = {"follower": "followers", "engagement": "engagement", "impression": "views"}
_PLACE = {"pagerank": "PageRank", "authority": "standing as an authority", "hub": "standing as a hub"}
# ln ratios above it say nothing that a number could.
_LARGEST_LOG = 20.0


def _people(number: float) -> str:
    return plural(round(number), "person", "people")


def _of_kind(match: re.Match[str], value: float) -> str:
    received, given = _KIND_OF_EDGE[match["kind"]]
    return f"{_people(value)} {received}" if match["way"] == "in" else f"{_people(value)} whom {given}"


def _times(log: float) -> float:
    return math.exp(max(-_LARGEST_LOG, min(log, _LARGEST_LOG)))


def _grew(match: re.Match[str], value: float) -> str:
    noun, times = _GROWN[match["what"]], _times(value)
    if abs(times - 1) <= 0.05:
        return f"{noun} held steady over {match['days']} days"
    if times < 1:
        return f"{noun} fell by about {percent(1 - times)} in {match['days']} days"
    by = f"grew to about {quantity(times)} times" if times >= 2 else f"grew by about {percent(times - 1)}"
    return f"{noun} {by} in {match['days']} days"


def _faster(match: re.Match[str], value: float) -> str:
    noun = _GROWN[match["what"]]
    how = "faster" if value > 0.05 else "slower" if value < -0.05 else "as fast"
    return f"{noun} grew {how} than in the {match['days']} days before"


def _mismatch(_: re.Match[str], value: float) -> str:
    how = "more" if value > 0 else "less"
    return f"{how} engagement for their followers than is usual for their size ({signed(value, 1)} deviations)"


def _share(words: str) -> Phrase:
    return lambda _, value: f"{percent(min(max(value, 0.0), 1.0))} {words}"


def _counted(one: str, many: str) -> Phrase:
    return lambda match, value: f"{plural(round(value), one, many)}{_window(match)}"


def _window(match: re.Match[str]) -> str:
    days = match.groupdict().get("days")
    return f" in {days} days" if days else ""


# Measure -> phrase, first match wins.
MORE_PHRASES: tuple[tuple[str, Phrase], ...] = (
    (rf"(?P<kind>{'|'.join(_KIND_OF_EDGE)})_(?P<way>in|out)_degree", _of_kind),
    (r"degree", lambda _, v: f"{_people(v)} dealt with in the network"),
    (r"in_degree", lambda _, v: f"{_people(v)} acted towards them"),
    (r"out_degree", lambda _, v: f"{_people(v)} whom they acted towards"),
    (r"in_weight", lambda _, v: f"acts towards them weigh {quantity(v)}"),
    (r"out_weight", lambda _, v: f"their acts towards others weigh {quantity(v)}"),
    (r"reciprocity", _share("of what passes between them and others is returned")),
    (
        r"(?P<what>pagerank|authority|hub)_to_mean_ratio",
        lambda m, v: f"{_PLACE[m['what']]} {quantity(v)} times the mean",
    ),
    (r"core_number", lambda _, v: f"in a core where everybody deals with at least {round(v)} of the others"),
    (
        r"triangles",
        lambda _, v: f"{plural(round(v), 'pair', 'pairs')} of those they deal with who deal with each other",
    ),
    (r"clustering", _share("of the pairs among those they deal with deal with each other")),
    (r"community_size", lambda _, v: f"in a community of {_people(v)}"),
    (
        r"participation",
        lambda _, v: (
            f"dealings {'spread over several communities' if v > 0.5 else 'mostly within one community'} ({quantity(v)})"
        ),
    ),
    (r"communities_reached", lambda _, v: f"deals with {plural(round(v), 'community', 'communities')}"),
    (r"cascade_size_mean", lambda _, v: f"{quantity(v)} answers and re-shares for each post that starts a thread"),
    (r"cascade_size_max", lambda _, v: f"{plural(round(v), 'answer or re-share', 'answers and re-shares')} at best"),
    (r"cascade_depth_max", lambda _, v: f"carried {plural(round(v), 'step', 'steps')} far at best"),
    (rf"(?P<what>{'|'.join(_GROWN)})_growth_(?P<days>\d+)d", _grew),
    (rf"(?P<what>{'|'.join(_GROWN)})_acceleration_(?P<days>\d+)d", _faster),
    (r"impressions_(?P<days>\d+)d_count", _counted("view received", "views received")),
    (r"engagements_(?P<days>\d+)d_count", _counted("engagement received", "engagements received")),
    (r"audience_(?P<days>\d+)d_count", _counted("person who engaged with them", "people who engaged with them")),
    (
        r"engagement_rate_by_followers_(?P<days>\d+)d",
        lambda m, v: f"{quantity(100 * v)} engagements per post and 100 followers{_window(m)}",
    ),
    (
        r"engagement_rate_by_impressions_(?P<days>\d+)d",
        lambda m, v: f"{quantity(100 * v)} engagements per 100 views{_window(m)}",
    ),
    (r"engagement_rate_to_tier_ratio", lambda _, v: f"{quantity(v)} times the engagement rate usual for their size"),
    (
        r"consistency_90d",
        lambda _, v: f"engagement {'even' if v > 0.5 else 'uneven'} from week to week ({quantity(v)} of 1)",
    ),
    (r"reply_sentiment_90d_mean", lambda _, v: f"replies to them sounded {_tone(v)} on average ({signed(v, 2)})"),
    (r"reply_negative_90d_ratio", _share("of replies to them sounded negative")),
    (r"substantive_reply_90d_ratio", _share("of replies to them had substance")),
    (r"one_word_reply_90d_ratio", _share("of replies to them were a word or none")),
    (r"burst_(?P<step>hour|day)_90d_ratio", lambda m, v: f"{percent(v)} of engagement came within one {m['step']}"),
    (r"ring_90d_ratio", _share("of engagement came from small closed rings of accounts")),
    (
        r"ring_90d_people_count",
        lambda _, v: f"in small closed rings with {plural(round(v), 'account', 'accounts')}",
    ),
    (r"duplicate_reply_90d_ratio", _share("of replies to them were said in the same words before")),
    (r"engagement_mismatch", _mismatch),
    (r"discount", _share("of their engagement is in doubt")),
    (r"authenticity", _share("of their engagement can be trusted")),
)

# Measure -> what it means that there is nothing to measure, first match wins.
NO_MEASURE: tuple[tuple[str, str], ...] = (
    (r"(?:reply_(?:sentiment|negative)|substantive_reply|one_word_reply|duplicate_reply)_\w+", "no replies to them"),
    (r"follower_(?:growth|acceleration)\w*", "earlier audience not known"),
    (r"engagement_rate_by_impressions\w*", "views not known"),
    (r"engagement_rate_\w+|engagement_mismatch", "audience or posts not known"),
    (r"consistency_90d|burst_\w+|ring_90d_ratio", "nobody engaged with them in 90 days"),
    (r"(?:impressions?|engagements?|audience|ring)_\w+|discount|authenticity", "received nothing in 90 days"),
    (r"cascade_\w+", "no thread of theirs in the network's window"),
    (
        rf"(?:(?:{'|'.join(_KIND_OF_EDGE)})_)?(?:in_|out_)?degree|(?:in|out)_weight|reciprocity|\w+_to_mean_ratio|core_number|"
        r"triangles|clustering|community_size|participation|communities_reached",
        "dealt with nobody in the network's window",
    ),
)


def _tone(value: float) -> str:
    return "negative" if value < -1 / 3 else "positive" if value > 1 / 3 else "neutral"
