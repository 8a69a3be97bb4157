"""Reasons in words: a feature, its value and which way it moved the score, as a marketer would say it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyspark.sql import Column
from pyspark.sql import functions as F

from social_signals.core.words import percent, plural, quantity, signed
from social_signals.features.declared import FEATURES
from social_signals.models.contributions import NONE
from social_signals.scoring.phrases import MORE_PHRASES, NO_MEASURE, Phrase
from social_signals.scoring.phrases_posts import NO_POST, POST_PHRASES
from social_signals.tables.gold import REASON_TYPE, REASONS, REASONS_METHOD, REASONS_TEXT

DECLARED = {feature.name: feature for feature in FEATURES}
CHANGE = r"(?P<what>\w+)_(?P<days>\d+)d_log_change"
# A change of a twentieth and less is called steady.
STEADY = 0.05
# No count of acts has a larger logarithm; math.exp fails far beyond it.
LARGEST_LOG = 40.0

NOUNS = {
    "activity": "activity",
    "given": "acts towards others",
    "received": "engagement received",
    "posts": "posts",
    "replies_received": "replies received",
    "follower": "followers",
}
LAST = {
    "activity": "since they last did anything",
    "received": "since anyone engaged with them",
    "received_positive": "since they last got a like, share or follow",
    "reply_received": "since the last reply to them",
    "post": "since their last post",
    "given": "since they last engaged with others",
    "purchase": "since their last purchase",
}
REACTIONS = {
    "view": ("view", "views"),
    "click": ("click", "clicks"),
    "like": ("like", "likes"),
    "dislike": ("dislike", "dislikes"),
    "comment": ("comment", "comments"),
    "share": ("share", "shares"),
    "mention": ("mention", "mentions"),
    "follow": ("new follower", "new followers"),
    "unfollow": ("follower lost", "followers lost"),
    "save": ("save", "saves"),
    "answer_accepted": ("accepted answer", "accepted answers"),
    "subscribe": ("subscription", "subscriptions"),
    "unsubscribe": ("unsubscription", "unsubscriptions"),
}
PER_POST = {
    "likes": "likes received",
    "dislikes": "dislikes received",
    "replies": "replies received",
    "accepted": "accepted answers",
    "entities": "names",
}
COUNTED = {
    "activity": ("act", "acts"),
    "given": ("act towards others", "acts towards others"),
    "received": ("interaction received", "interactions received"),
    "received_positive": ("like, share or follow received", "likes, shares and follows received"),
    "received_negative": ("dislike or unfollow received", "dislikes and unfollows received"),
    "posts": ("post", "posts"),
    "posts_started": ("post that starts a thread", "posts that start a thread"),
    "posts_reply": ("reply written", "replies written"),
    "replies_received": ("reply received", "replies received"),
    "partners": ("person dealt with", "people dealt with"),
    "partners_given": ("person they acted towards", "people they acted towards"),
    "partners_received": ("person who acted towards them", "people who acted towards them"),
    "partners_new": ("new person dealt with", "new people dealt with"),
    "purchases": ("purchase", "purchases"),
    "follower": ("follower", "followers"),
    "following": ("account followed", "accounts followed"),
}


def without_reasons() -> dict[str, Column]:
    """The columns of reasons for rows that get none."""
    return {
        REASONS: F.lit(None).cast(REASON_TYPE),
        REASONS_TEXT: F.lit(None).cast("array<string>"),
        REASONS_METHOD: F.lit(NONE),
    }


def reason(found: Mapping[str, Any]) -> dict[str, str]:
    """One reason as the template shows it; `way` is up where it raised the score.

    `text`, where scoring has written one, knows more than feature and value tell.

    >>> reason({"feature": "days_since_last_post", "value": 41.0, "contribution": 0.8})
    {'text': '41 days since their last post', 'way': 'up'}
    """
    return {
        "text": found.get("text") or in_words(str(found["feature"]), found.get("value")),
        "way": "up" if found["contribution"] >= 0 else "down",
    }


class Phrases:
    """The reasons of scored rows in words; a phrase that was made is kept, since many people share it.

    features: those of the model, in its order. categories: the values that the codes of a feature stand for.

    >>> phrases = Phrases(["posts_30d_count", "posts_30d_log_change", "plan"], {"plan": ["monthly", "yearly"]})
    >>> phrases(np.array([2.0, math.log(3 / 13), 1.0]), 1), phrases(np.array([2.0, 0.0, 1.0]), 2)
    ('posts fell from 12 to 2 in 30 days', 'plan: yearly')
    """

    MOST_KEPT = 100_000

    def __init__(self, features: Sequence[str], categories: Mapping[str, Sequence[str]]) -> None:
        self.features = list(features)
        self.categories = {name: list(values) for name, values in categories.items()}
        places = {name: place for place, name in enumerate(features)}
        self.counts = [places.get(_count_behind(name) or "") for name in features]
        self.kept: dict[tuple[int, float | None, float | None], str] = {}

    def __call__(self, row: NDArray[np.float64], place: int) -> str:
        """The feature at `place` of a row of features, with its value."""
        count = self.counts[place]
        key = (place, _known(row[place]), None if count is None else _known(row[count]))
        found = self.kept.get(key)
        if found is None:
            if len(self.kept) >= self.MOST_KEPT:
                self.kept.clear()
            found = self.kept[key] = self._phrase(*key)
        return found

    def _phrase(self, place: int, value: float | None, count: float | None) -> str:
        name = self.features[place]
        if name not in self.categories:
            return in_words(name, value, count=count)
        known = self.categories[name]
        said = known[int(value)] if value is not None and 0 <= value < len(known) else "not known"
        return f"{name.replace('_', ' ')}: {said}"


def _known(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def _count_behind(feature: str) -> str | None:
    """The count whose change a feature is.

    >>> _count_behind("posts_30d_log_change"), _count_behind("follower_30d_log_change"), _count_behind("posts_count")
    ('posts_30d_count', 'follower_count', None)
    """
    match = re.fullmatch(CHANGE, feature)
    if match is None:
        return None
    return "follower_count" if match["what"] == "follower" else f"{match['what']}_{match['days']}d_count"


def in_words(feature: str, value: float | None, *, count: float | None = None) -> str:
    """A feature and its value as a phrase. What has no phrase of its own is its declared meaning, window and value.

    count: for a change, the count that it led to.

    >>> in_words("posts_30d_log_change", math.log(3 / 13), count=2.0)
    'posts fell from 12 to 2 in 30 days'
    >>> in_words("posts_30d_log_change", -0.99)
    'posts fell by about 63% against the 30 days before'
    >>> in_words("posts_30d_count", 0.0), in_words("active_days_30d_count", 4.0)
    ('no posts in 30 days', 'active on 4 of the last 30 days')
    >>> in_words("reciprocity_90d_ratio", 0.25)
    '25% of the people they acted towards responded in 90 days'
    >>> in_words("karma_points", 12.0), in_words("days_since_last_purchase", None)
    ('karma points: 12', 'no purchase yet')
    >>> in_words("share_in_degree", 12.0), in_words("ring_90d_ratio", 0.62)
    ('12 people shared them', '62% of engagement came from small closed rings of accounts')
    >>> in_words("p_churn_text", 0.42), in_words("text_topic_3", 0.5), in_words("text_vector_1", None)
    ('their posts read like those of people of whom 42% leave', '50% of what they write is about topic 3', 'no posts to judge by')
    """
    if value is None or not math.isfinite(value):
        nothing = (said for pattern, said in (*NO_MEASURE, *NO_POST, *NOTHING_SEEN) if re.fullmatch(pattern, feature))
        return next(nothing, _declared(feature, None))
    if count is not None and (said := _moved(feature, value, count)):
        return said
    for pattern, phrase in (*POST_PHRASES, *PHRASES, *MORE_PHRASES):
        match = re.fullmatch(pattern, feature)
        if match and (said := phrase(match, value)):
            return said
    return _declared(feature, value)


def _declared(feature: str, value: float | None) -> str:
    known = DECLARED.get(feature)
    if known is None:
        return f"{feature.replace('_', ' ')}: {quantity(value)}"
    days = f", {_window(str(known.window_days)).strip()}" if known.window_days and "days" not in known.meaning else ""
    is_share = known.meaning.startswith(("share", "positive over"))
    return f"{known.meaning}{days}: {percent(value) if is_share and value is not None else quantity(value)}"


def _changed(match: re.Match[str], value: float) -> str | None:
    noun, days = NOUNS.get(match["what"]), int(match["days"])
    if noun is None:
        return None
    before = f"the {4 if days == 3 else days} days before"
    # ln((new + 1) / (old + 1)); the ones keep it finite where there was nothing, hence "about".
    times = _exp(value)
    if abs(times - 1) <= STEADY:
        return f"{noun} held steady over {days} days"
    if times < 1:
        return f"{noun} fell by about {percent(1 - times)} against {before}"
    grown = f"grew to about {quantity(times)} times" if times >= 2 else f"rose by about {percent(times - 1)} against"
    return f"{noun} {grown} {before}"


def _moved(feature: str, value: float, count: float) -> str | None:
    """From how much to how much, where both windows are of one length and the change is one."""
    match = re.fullmatch(CHANGE, feature)
    # The three days are held against the four before.
    if match is None or match["what"] not in NOUNS or match["days"] == "3" or not math.isfinite(count):
        return None
    now, before = round(count), max(0, round((count + 1) / _exp(value) - 1))
    if now == before:
        return None
    noun = "acts" if match["what"] == "activity" else NOUNS[match["what"]]
    return f"{noun} {'fell' if now < before else 'rose'} from {before:,} to {now:,} in {match['days']} days"


def _since(match: re.Match[str], value: float) -> str | None:
    ending = LAST.get(match["what"])
    return None if ending is None else f"{_days(value)} {ending}"


def _counted(match: re.Match[str], value: float) -> str | None:
    words = COUNTED.get(match["what"])
    if words is None:
        return None
    window = _window(match["days"])
    number = round(value)
    return f"no {words[1]}{window}" if number == 0 else f"{plural(number, *words)}{window}"


def _kind_counted(match: re.Match[str], value: float) -> str | None:
    words = REACTIONS.get(match["kind"])
    if words is None:
        return None
    one, many = ("follow", "follows") if match["kind"] == "follow" and match["way"] == "given" else words
    window = _window(match["days"])
    number, way = (
        round(value),
        "" if match["kind"] in ("follow", "unfollow") and match["way"] == "received" else f" {match['way']}",
    )
    return f"no {many}{way}{window}" if number == 0 else f"{plural(number, one, many)}{way}{window}"


def _tone(match: re.Match[str], value: float) -> str:
    what = "what they wrote" if match["whose"] == "written" else "replies to them"
    window = _window(match["days"])
    sound = "negative" if value < -1 / 3 else "positive" if value > 1 / 3 else "neutral"
    return f"{what}{window} sounded {sound} on average ({signed(value, 2)})"


def _per_post(match: re.Match[str], value: float) -> str:
    window = _window(match["days"])
    return f"{quantity(value)} {PER_POST[match['what']]} per post{window}"


def _ordinal(number: int) -> str:
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th") if number % 100 not in (11, 12, 13) else "th"
    return f"{number}{ending}"


def _share(words: str) -> Phrase:
    """A phrase that starts with the share; the pattern's `days`, where it has one, ends it."""

    def phrase(match: re.Match[str], value: float) -> str:
        return f"{percent(min(max(value, 0.0), 1.0))} {words}{_window(match.groupdict().get('days'))}"

    return phrase


def _of_window(match: re.Match[str], value: float) -> str:
    return f"active on {round(value)} of the last {match['days']} days"


def _received_to_given(match: re.Match[str], value: float) -> str:
    more, less = ("received", "gave") if value >= 0 else ("gave", "received")
    return f"{more} about {quantity(_exp(abs(value)))} times what they {less} in {match['days']} days"


def _exp(value: float) -> float:
    return math.exp(max(-LARGEST_LOG, min(value, LARGEST_LOG)))


def _window(days: str | None) -> str:
    if days is None:
        return ""
    return " in a day" if days == "1" else f" in {days} days"


def _days(value: float) -> str:
    if value < 1:
        return "less than a day"
    return plural(round(value), "day", "days")


# Feature name -> phrase, first match wins; None passes on to the next.
PHRASES: tuple[tuple[str, Phrase], ...] = (
    (CHANGE, _changed),
    (r"days_since_last_(?P<what>\w+)", _since),
    (r"days_since_first_activity", lambda _, v: f"first seen {_days(v)} ago"),
    (r"days_since_created", lambda _, v: f"account made {_days(v)} ago"),
    (r"active_days_(?P<days>\d+)d_count", _of_window),
    (r"active_days_count", lambda _, v: f"{plural(round(v), 'active day', 'active days')} so far"),
    (r"active_weeks_90d_count", lambda _, v: f"active in {round(v)} of the last 13 weeks"),
    (r"silence_to_mean_gap_ratio", lambda _, v: f"silent for {quantity(v)} times their usual pause"),
    (r"silence_to_max_gap_ratio", lambda _, v: f"silent for {quantity(v)} times their longest pause"),
    (r"recency_to_tenure_ratio", lambda _, v: f"silent for {percent(min(v, 1.0))} of the time since first seen"),
    (r"received_to_given_(?P<days>\d+)d_log_ratio", _received_to_given),
    (r"activity_90d_share_ratio", _share("of all they did fell in the last 90 days")),
    (r"activity_night_ratio", _share("of acts at night (0 to 6 h UTC)")),
    (r"activity_weekend_ratio", _share("of acts on weekends")),
    (r"received_positive_(?:(?P<days>\d+)d_)?ratio", _share("of reactions received were positive")),
    (r"reciprocity_(?:(?P<days>\d+)d_)?ratio", _share("of the people they acted towards responded")),
    (r"top_partner_(?P<days>\d+)d_ratio", _share("of their dealings were with one person")),
    (r"posts_reply_ratio", _share("of their posts answer another")),
    (r"posts_negative_(?P<days>\d+)d_ratio", _share("of their posts sounded negative")),
    (r"replies_negative_(?P<days>\d+)d_ratio", _share("of replies to them sounded negative")),
    (r"sentiment_(?P<whose>written|received)_(?:(?P<days>\d+)d_)?mean", _tone),
    (r"sentiment_written_change", lambda _, v: f"tone of the last 30 days against all time: {signed(v, 2)}"),
    (r"(?P<what>likes|dislikes|replies|accepted|entities)_per_post(?:_(?P<days>\d+)d)?", _per_post),
    (r"activity_per_30d", lambda _, v: f"{quantity(v)} acts in 30 days, on average since first seen"),
    (r"activity_per_30d_in_90d", lambda _, v: f"{quantity(v)} acts in 30 days, on average lately"),
    (r"activity_per_active_day_90d", lambda _, v: f"{quantity(v)} acts on an active day"),
    (
        r"activity_90d_slope",
        lambda _, v: f"activity {'rising' if v > 0 else 'falling' if v < 0 else 'level'} over 90 days",
    ),
    (
        r"activity_hour_entropy",
        lambda _, v: f"hours of activity {'spread over' if v > 0.5 else 'fixed in'} the day ({quantity(v)})",
    ),
    (r"days_since_active_day_(?P<n>\d+)", lambda m, v: f"{_ordinal(int(m['n']))} newest active day {_days(v)} ago"),
    (r"active_gap_burstiness", lambda _, v: f"active in {'bursts' if v > 0 else 'a steady rhythm'} ({signed(v, 2)})"),
    (r"active_gap_std_days", lambda _, v: f"pauses vary by {_days(v)}"),
    (r"text_length_(?:90d_)?mean_chars", lambda _, v: f"posts of {quantity(round(v))} characters on average"),
    (r"reply_delay_90d_mean_hours", lambda _, v: f"replies came after {quantity(v)} hours on average in 90 days"),
    (r"reply_delay_min_hours", lambda _, v: f"fastest reply after {quantity(v)} hours"),
    (r"entities_90d_count", lambda _, v: f"{plural(round(v), 'name', 'names')} mentioned in 90 days"),
    (r"purchases_(?:(?P<days>\d+)d_)?value", lambda m, v: f"bought for {quantity(v)}{_window(m['days'])}"),
    (
        r"given_leave_90d_count",
        lambda _, v: f"unfollowed or unsubscribed {plural(round(v), 'time', 'times')} in 90 days",
    ),
    (r"p_churn_text", lambda _, v: f"their posts read like those of people of whom {percent(v)} leave"),
    (r"text_topic_(?P<n>\d+)", lambda m, v: f"{percent(v)} of what they write is about topic {m['n']}"),
    (r"text_(?:vector|words)_(?P<n>\d+)", lambda m, v: f"what they write about, direction {m['n']} ({signed(v, 2)})"),
    (r"listed_count", lambda _, v: f"on {plural(round(v), 'list', 'lists')}"),
    (r"lifetime_post_count", lambda _, v: f"{plural(round(v), 'post', 'posts')} ever, by the account's own count"),
    (r"follower_to_following_ratio", lambda _, v: f"{quantity(v)} followers for each account followed"),
    (r"(?P<way>given|received)_(?P<kind>[a-z_]+?)(?:_(?P<days>\d+)d)?_count", _kind_counted),
    (r"active_gap_mean_days", lambda _, v: f"{_days(v)} between active days on average"),
    (r"active_gap_max_days", lambda _, v: f"longest pause: {_days(v)}"),
    (r"active_gap_last_days", lambda _, v: f"newest pause: {_days(v)}"),
    (r"(?P<what>\w+?)(?:_(?P<days>\d+)d)?_count", _counted),
)

# Feature name -> what it means that there is nothing to measure, first match wins.
NOTHING_SEEN: tuple[tuple[str, str], ...] = (
    (r"days_since_(?:last|first)_activity", "never did anything of their own"),
    (r"days_since_last_received", "nobody engaged with them yet"),
    (r"days_since_last_received_positive", "no like, share or follow yet"),
    (r"days_since_last_reply_received|sentiment_received\w*|replies_negative\w*|reply_delay\w*", "no replies to them"),
    (
        r"days_since_last_post|sentiment_written\w*|posts_negative\w*|text_length\w*|\w+_per_post\w*",
        "no posts to judge by",
    ),
    (r"posts_reply_ratio|entities_per_post|text_(?:topic|vector|words)_\d+|p_churn_text", "no posts to judge by"),
    (r"days_since_last_given|reciprocity\w*|top_partner\w*", "did not act towards anybody"),
    (r"days_since_last_purchase", "no purchase yet"),
    (r"days_since_active_day_\d+|active_gap\w*|silence_to\w*|recency_to\w*", "too few active days for a rhythm"),
    (r"activity\w*", "did nothing in that time"),
    (r"received_positive\w*", "no reactions received"),
    (r"follower\w*|following\w*|listed\w*|lifetime_post_count", "audience not known"),
    (r"days_since_created", "age of the account not known"),
)
