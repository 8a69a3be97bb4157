"""Phrases for what was known of a post when it was published (`features.posts`)."""

from __future__ import annotations

from social_signals.core.words import percent, plural, quantity, signed
from social_signals.scoring.phrases import Phrase


def _counted(one: str, many: str) -> Phrase:
    return lambda _, value: f"no {many}" if round(value) == 0 else plural(round(value), one, many)


def _hours(words: str) -> Phrase:
    def phrase(_: object, value: float) -> str:
        if value < 1:
            return f"less than an hour {words}"
        return f"{plural(round(value), 'hour', 'hours')} {words}" if value < 48 else f"{round(value / 24)} days {words}"

    return phrase


# Feature -> phrase, first match wins.
POST_PHRASES: tuple[tuple[str, Phrase], ...] = (
    (r"is_reply", lambda _, v: "answers another post" if v else "starts a conversation"),
    (r"parent_is_reply", lambda _, v: "answers an answer" if v else "answers what started the conversation"),
    (r"parent_answers_count", _counted("answer came before it", "answers came before it")),
    (r"parent_follower_count", lambda _, v: f"answers somebody with {plural(round(v), 'follower', 'followers')}"),
    (r"parent_age_hours", _hours("after what it answers")),
    (r"hours_since_earlier_post", _hours("after the author's last post")),
    (r"earlier_posts_count", _counted("earlier post by the author", "earlier posts by the author")),
    (r"earlier_received_count", _counted("engagement with the author before", "engagements with the author before")),
    (r"earlier_received_30d_count", _counted("engagement in the 30 days before", "engagements in the 30 days before")),
    (r"earlier_received_positive_count", _counted("like, share or follow before", "likes, shares and follows before")),
    (r"received_per_earlier_post", lambda _, v: f"{quantity(v)} engagements per earlier post"),
    (r"text_length_chars", _counted("character long", "characters long")),
    (r"words_count", _counted("word", "words")),
    (r"urls_count", _counted("link", "links")),
    (r"mentions_count", _counted("person mentioned", "people mentioned")),
    (r"hashtags_count", _counted("hashtag", "hashtags")),
    (r"questions_count", _counted("question mark", "question marks")),
    (r"exclamations_count", _counted("exclamation mark", "exclamation marks")),
    (r"entities_count", _counted("name in it", "names in it")),
    (r"capitals_ratio", lambda _, v: f"{percent(v)} of its letters are capitals"),
    (r"digits_ratio", lambda _, v: f"{percent(v)} of it is digits"),
    (r"hour_of_day", lambda _, v: f"published between {round(v)} and {round(v) + 1} h UTC"),
    (r"is_weekend", lambda _, v: "published on a weekend" if v else "published on a working day"),
    (r"sentiment", lambda _, v: f"sounds {'negative' if v < -1 / 3 else 'positive' if v > 1 / 3 else 'neutral'} ({signed(v, 2)})"),
)  # fmt: skip

# Feature -> what it means that there is nothing to measure.
NO_POST: tuple[tuple[str, str], ...] = (
    (r"parent_follower_count", "answers nobody whose audience is known"),
    (r"parent_\w+", "starts a conversation, or one not seen here"),
    (r"hours_since_earlier_post|received_per_earlier_post", "the author's first post seen here"),
    (r"sentiment", "not read for mood"),
    (r"capitals_ratio|digits_ratio", "no letters in it"),
    (r"hour_of_day", "hour not known"),
)
