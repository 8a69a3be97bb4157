"""The behavioural features as one DuckDB query over the Parquet files of the silver tables: the competitor of `features.py`.

Everything that `build_features` measures from interactions and posts: rhythm, engagement, ties, and of words what needs no
text model. Left out: sentiment and entities (of tables that the benchmark does not make), counts of the account, consent.
Written as a person at home in DuckDB would: filters on aggregates, distinct things as groups, no count(distinct).
"""

from __future__ import annotations

from datetime import datetime

from social_signals.features.cutoffs import DAY_US, HOUR_US, micros
from social_signals.features.engagement import (
    KINDS_GIVEN,
    KINDS_RECEIVED,
    KINDS_RECEIVED_EVER,
    ROLES,
    WINDOWS,
    window_name,
)
from social_signals.features.facts import NEGATIVE_KINDS, POSITIVE_KINDS
from social_signals.features.rhythm import NTH_LAST
from social_signals.features.rhythm import WINDOWS as ACTIVITY_WINDOWS

_LAST = {"given": "given", "received": "received", "post": "posts", "reply_received": "replies_received"}


def query(*, posts: str, interactions: str, as_of: datetime, population_days: int) -> str:
    """SQL whose rows are those of one slice. posts, interactions: globs of the Parquet files."""
    return f"""
WITH posts AS (
  SELECT post_id, author_id, epoch_us(event_ts) AS ev, parent_post_id, item_id, length(text) AS chars,
         greatest(epoch_us(event_ts), epoch_us(ingested_ts)) AS kn
  FROM read_parquet('{posts}') WHERE event_ts < to_timestamp({micros(as_of)} / 1e6) AND ingested_ts < to_timestamp({micros(as_of)} / 1e6)
), seen AS (
  SELECT actor_id, target_user_id, target_post_id, item_id, kind, value, {micros(as_of)} - epoch_us(event_ts) AS age,
         CASE WHEN target_user_id IS NULL THEN target_post_id END AS unresolved
  FROM read_parquet('{interactions}') WHERE event_ts < to_timestamp({micros(as_of)} / 1e6) AND ingested_ts < to_timestamp({micros(as_of)} / 1e6)
), acts AS MATERIALIZED (
  SELECT actor_id, coalesce(target_user_id, author_id) AS target, target_post_id, seen.item_id, kind, value, age
  FROM seen LEFT JOIN posts ON unresolved = post_id
), wrote AS (
  SELECT post_id, author_id, parent_post_id, item_id, chars, {micros(as_of)} - ev AS age FROM posts WHERE author_id IS NOT NULL
), answers AS MATERIALIZED (
  SELECT a.author_id, p.author_id AS parent_author, {micros(as_of)} - a.ev AS age, p.ev AS parent_ev, greatest(a.ev - p.ev, 0) AS delay
  FROM posts a JOIN posts p ON a.parent_post_id = p.post_id
  WHERE p.author_id IS NOT NULL AND a.author_id IS DISTINCT FROM p.author_id
), facts AS (
  SELECT actor_id AS user_id, 'given' AS role, kind, age, value, NULL AS is_reply, NULL AS chars, NULL AS parent_ev, NULL AS delay
  FROM acts WHERE actor_id IS NOT NULL
  UNION ALL SELECT target, 'received', kind, age, NULL, NULL, NULL, NULL, NULL
  FROM acts WHERE target IS NOT NULL AND actor_id IS DISTINCT FROM target
  UNION ALL SELECT author_id, 'posts', NULL, age, NULL, parent_post_id IS NOT NULL, chars, NULL, NULL FROM wrote
  UNION ALL SELECT parent_author, 'replies_received', NULL, age, NULL, NULL, NULL, parent_ev, delay FROM answers
), engaged AS (
  SELECT user_id, {_joined(_engagement(as_of))}
  FROM facts GROUP BY user_id HAVING bool_or(age <= {population_days * DAY_US})
), instants AS (
  SELECT user_id, age FROM (
    SELECT actor_id AS user_id, age FROM acts WHERE actor_id IS NOT NULL UNION ALL SELECT author_id, age FROM wrote
  ) GROUP BY user_id, age
), days AS (
  SELECT user_id, (age - 1) // {DAY_US} AS day, {_joined(_days(as_of))} FROM instants GROUP BY user_id, day
), spaced AS (
  SELECT *, lead(day) OVER newest_first - day AS gap, row_number() OVER newest_first AS nth
  FROM days WINDOW newest_first AS (PARTITION BY user_id ORDER BY day)
), rhythm AS (
  SELECT user_id, {_joined(_rhythm())} FROM spaced GROUP BY user_id
), ties AS (
  SELECT actor_id AS user_id, target AS partner, true AS is_out, age FROM acts WHERE actor_id <> target
  UNION ALL SELECT target, actor_id, false, age FROM acts WHERE actor_id <> target
  UNION ALL SELECT author_id, parent_author, true, age FROM answers WHERE author_id IS NOT NULL
  UNION ALL SELECT parent_author, author_id, false, age FROM answers WHERE author_id IS NOT NULL
), pairs AS (
  SELECT user_id, count(*) FILTER (WHERE age <= {90 * DAY_US}) AS acts_90d, min(age) FILTER (WHERE is_out) AS out_age,
         min(age) FILTER (WHERE NOT is_out) AS in_age, max(age) AS first_age
  FROM ties GROUP BY user_id, partner
), circle AS (
  SELECT user_id, {_joined(_circle())} FROM pairs GROUP BY user_id
), things AS (
  SELECT user_id, thing, min(age) AS age FROM (
    SELECT actor_id AS user_id, 'i' || item_id AS thing, age FROM acts WHERE item_id IS NOT NULL
    UNION ALL SELECT actor_id, 'p' || target_post_id, age FROM acts WHERE target_post_id IS NOT NULL
    UNION ALL SELECT author_id, 'i' || item_id, age FROM wrote WHERE item_id IS NOT NULL
    UNION ALL SELECT author_id, 'p' || parent_post_id, age FROM wrote WHERE parent_post_id IS NOT NULL
  ) WHERE age <= {90 * DAY_US} AND user_id IS NOT NULL GROUP BY user_id, thing
), breadth AS (
  SELECT user_id, count(*) FILTER (WHERE thing LIKE 'i%') AS items_90d_count,
         count(*) FILTER (WHERE thing LIKE 'p%') AS posts_touched_90d_count,
         count(*) FILTER (WHERE thing LIKE 'p%' AND age <= {30 * DAY_US}) AS posts_touched_30d_count
  FROM things GROUP BY user_id
)
SELECT engaged.user_id, {_joined(_finished())}
FROM engaged LEFT JOIN rhythm USING (user_id) LEFT JOIN circle USING (user_id) LEFT JOIN breadth USING (user_id)
"""


def _joined(columns: dict[str, str]) -> str:
    return ",\n         ".join(f"{formula} AS {name}" for name, formula in columns.items())


def _within(days: int | None, age: str = "age") -> str:
    return "" if days is None else f" AND {age} <= {days * DAY_US}"


def _count(condition: str) -> str:
    return f"count(*) FILTER (WHERE {condition})"


def _of(role: str, *kinds: str) -> str:
    return f"role = '{role}'" + (f" AND kind IN ({', '.join(map(repr, kinds))})" if kinds else "")


def _days_since(condition: str) -> str:
    return f"min(age) FILTER (WHERE {condition}) / {DAY_US}.0::DOUBLE"


def _ratio(part: str, whole: str) -> str:
    return f"({part})::DOUBLE / nullif(({whole})::DOUBLE, 0)"


def _log_ratio(recent: str, earlier: str) -> str:
    return f"ln((({recent}) + 1)::DOUBLE / (({earlier}) + 1)::DOUBLE)"


def _engagement(as_of: datetime) -> dict[str, str]:
    columns = {f"{role}{window_name(d)}_count": _count(_of(role) + _within(d)) for role in ROLES for d in WINDOWS}
    columns |= {f"{role}_60d": _count(_of(role) + _within(60)) for role in ROLES}
    columns |= {f"received_{k}_90d_count": _count(_of("received", k) + _within(90)) for k in KINDS_RECEIVED}
    columns |= {f"received_{k}_count": _count(_of("received", k)) for k in KINDS_RECEIVED_EVER}
    columns |= {f"given_{k}_90d_count": _count(_of("given", k) + _within(90)) for k in KINDS_GIVEN}
    columns["given_leave_90d_count"] = _count(_of("given", "unfollow", "unsubscribe") + _within(90))
    for sign, kinds in (("positive", POSITIVE_KINDS), ("negative", NEGATIVE_KINDS)):
        for d in (30, 90, None):
            columns[f"received_{sign}{window_name(d)}_count"] = _count(_of("received", *kinds) + _within(d))
    columns |= {f"days_since_last_{name}": _days_since(_of(role)) for name, role in _LAST.items()}
    columns["days_since_last_received_positive"] = _days_since(_of("received", *POSITIVE_KINDS))
    signed = "CASE kind WHEN 'purchase' THEN value WHEN 'refund' THEN -value END::DECIMAL(20,4)"
    trade = _of("given", "purchase", "refund")
    bought = _of("given", "purchase")
    columns |= {
        "purchases_90d_count": _count(bought + _within(90)),
        "purchases_count": _count(bought),
        "purchases_90d_value": f"sum({signed}) FILTER (WHERE {trade}{_within(90)})::DOUBLE",
        "purchases_value": f"sum({signed}) FILTER (WHERE {trade})::DOUBLE",
        "days_since_last_purchase": _days_since(bought),
    }
    return columns | _words(as_of)


def _words(as_of: datetime) -> dict[str, str]:
    wrote, heard = _of("posts"), _of("replies_received")
    delay_s = "delay // 1000000"
    return {
        "posts_started_90d_count": _count(f"{wrote} AND NOT is_reply{_within(90)}"),
        "posts_reply_90d_count": _count(f"{wrote} AND is_reply{_within(90)}"),
        "posts_started_count": _count(f"{wrote} AND NOT is_reply"),
        "posts_reply_ratio": _ratio(_count(f"{wrote} AND is_reply"), _count(wrote)),
        "text_length_90d_mean_chars": f"avg(chars) FILTER (WHERE {wrote}{_within(90)})",
        "text_length_mean_chars": f"avg(chars) FILTER (WHERE {wrote})",
        "reply_delay_90d_mean_hours": f"avg({delay_s}) FILTER (WHERE {heard}{_within(90)}) / 3600.0::DOUBLE",
        "reply_delay_min_hours": f"min(delay) FILTER (WHERE {heard}) / {HOUR_US}.0::DOUBLE",
        "first_post_ev": f"{micros(as_of)} - max(age) FILTER (WHERE {wrote})",
        "first_answered_ev": f"min(parent_ev) FILTER (WHERE {heard})",
        "first_delay": f"arg_min(delay, parent_ev::HUGEINT * 10000000000000000 + delay) FILTER (WHERE {heard})",
    }


def _days(as_of: datetime) -> dict[str, str]:
    hour = f"({micros(as_of)} - age) % {DAY_US} // {HOUR_US}"
    # Day 0 of the epoch was a Thursday, so Saturday and Sunday are 2 and 3.
    weekend = f"({micros(as_of)} - age) // {DAY_US} % 7 IN (2, 3)"
    bins = {f"bin_{i}": _count(f"{hour} // 4 = {i}") for i in range(6)}
    return {
        "acts": "count(*)", "newest": "min(age)", "oldest": "max(age)", "night": _count(f"{hour} < 6"),
        "weekend": _count(weekend), **bins,
    }  # fmt: skip


def _rhythm() -> dict[str, str]:
    def acts(first: int, last: int) -> str:
        return f"coalesce(sum(acts) FILTER (WHERE day >= {first} AND day < {last}), 0)::BIGINT"

    return {
        "n": "sum(acts)::BIGINT",
        **{f"n_{d}": acts(0, d) for d in ACTIVITY_WINDOWS},
        **{f"t_{i}": acts(15 * i, 15 * (i + 1)) for i in range(6)},
        "d": "count(*)",
        **{f"d_{d}": _count(f"day < {d}") for d in (7, 14, 30, 90)},
        "w_90": "coalesce(bit_count(bit_or(1::BIGINT << least(day // 7, 13)::INT) FILTER (WHERE day < 90)), 0)",
        "newest": "min(newest)",
        "oldest": "max(oldest)",
        **{f"nth_{i}": f"min(newest) FILTER (WHERE nth = {i})" for i in NTH_LAST},
        "gaps": "count(gap)",
        "gap_sum": "sum(gap)::BIGINT",
        "gap_squares": "sum(gap * gap)::BIGINT",
        "gap_max": "max(gap)",
        "gap_last": "min(gap) FILTER (WHERE nth = 1)",
        "night": "sum(night)",
        "weekend": "sum(weekend)",
        **{f"bin_{i}": f"sum(bin_{i})" for i in range(6)},
    }


def _circle() -> dict[str, str]:
    def recent(days: int, *ages: str) -> str:
        return " OR ".join(f"{age} <= {days * DAY_US}" for age in ages)

    out_90d, in_90d = recent(90, "out_age"), recent(90, "in_age")
    return {
        "partners_count": "count(*)",
        "partners_30d_count": _count(recent(30, "out_age", "in_age")),
        "partners_90d_count": _count(recent(90, "out_age", "in_age")),
        "partners_given_90d_count": _count(out_90d),
        "partners_received_90d_count": _count(in_90d),
        "partners_new_30d_count": _count(recent(30, "first_age")),
        "reciprocity_90d_ratio": _ratio(_count(f"{out_90d} AND {in_90d}"), _count(out_90d)),
        "reciprocity_ratio": _ratio(
            _count("out_age IS NOT NULL AND in_age IS NOT NULL"), _count("out_age IS NOT NULL")
        ),
        "top_partner_90d_ratio": _ratio("max(acts_90d)", "sum(acts_90d)"),
    }


def _finished() -> dict[str, str]:
    last, first = f"(newest / {DAY_US}.0::DOUBLE)", f"(oldest / {DAY_US}.0::DOUBLE)"
    mean = _ratio("gap_sum", "gaps")
    std = "(CASE WHEN gaps >= 2 THEN sqrt((gaps * gap_squares - gap_sum * gap_sum)::DOUBLE) / gaps END)"
    shares = [f"(bin_{i}::DOUBLE / n)" for i in range(6)]
    entropy = " - ".join(["0.0", *(f"(CASE WHEN {s} > 0 THEN {s} * ln({s}) ELSE 0 END)" for s in shares)])
    tenure = f"(greatest(least({first}, 365.0), 1.0) / 30.0)"
    slope = " + ".join(f"t_{i} * {5 - 2 * i}" for i in range(6))
    rhythm = {
        "activity_count": "coalesce(n, 0)",
        **{f"activity_{d}d_count": f"coalesce(n_{d}, 0)" for d in ACTIVITY_WINDOWS},
        "active_days_count": "coalesce(d, 0)",
        **{f"active_days_{d}d_count": f"coalesce(d_{d}, 0)" for d in (7, 14, 30, 90)},
        "active_weeks_90d_count": "coalesce(w_90, 0)",
        "days_since_last_activity": last,
        **{f"days_since_active_day_{i}": f"nth_{i} / {DAY_US}.0::DOUBLE" for i in NTH_LAST},
        "days_since_first_activity": first,
        "recency_to_tenure_ratio": _ratio(last, first),
        **{f"activity_{d}d_log_change": f"coalesce({_log_ratio(f'n_{d}', f'n_{w} - n_{d}')}, 0)"
           for d, w in ((3, 7), (7, 14), (30, 60), (90, 180))},
        "activity_90d_slope": _ratio(f"({slope}) * 12", f"({' + '.join(f't_{i}' for i in range(6))}) * 70"),
        "activity_90d_share_ratio": _ratio("n_90", "n"),
        "activity_per_30d": f"n / ({first} / 30.0 + 1.0)",
        "activity_per_30d_in_90d": f"n_90 / least({tenure}, 3.0)",
        "activity_per_active_day_90d": _ratio("n_90", "d_90"),
        "active_gap_mean_days": mean,
        "active_gap_std_days": std,
        "active_gap_max_days": "gap_max::DOUBLE",
        "active_gap_last_days": "gap_last::DOUBLE",
        "active_gap_burstiness": f"({std} - {mean}) / nullif({std} + {mean}, 0)",
        "silence_to_mean_gap_ratio": f"{last} / nullif({mean}, 0)",
        "silence_to_max_gap_ratio": f"{last} / nullif(gap_max, 0)",
        "activity_night_ratio": _ratio("night", "n"),
        "activity_weekend_ratio": _ratio("weekend", "n"),
        "activity_hour_entropy": f"CASE WHEN n > 0 THEN ({entropy}) / ln(6.0) END",
    }  # fmt: skip
    return rhythm | _finished_engagement() | _finished_circle()


def _finished_engagement() -> dict[str, str]:
    kept = [name for name in _engagement(datetime.fromisoformat("2000-01-01T00:00:00+00:00"))
            if not name.endswith(("_60d", "_ev", "first_delay", "_value"))]  # fmt: skip
    answered = "coalesce((first_answered_ev = first_post_ev)::BIGINT, 0)"
    signed = {
        f"received_positive{w}_ratio": _ratio(
            f"received_positive{w}_count", f"received_positive{w}_count + received_negative{w}_count"
        )
        for w in ("_90d", "")
    }
    per_post = {"likes_per_post": "received_like_count", "dislikes_per_post": "received_dislike_count",
                "replies_per_post": "replies_received_count", "accepted_per_post": "received_answer_accepted_count"}  # fmt: skip
    return {
        **{name: name for name in kept},
        "purchases_90d_value": "coalesce(purchases_90d_value, 0)",
        "purchases_value": "coalesce(purchases_value, 0)",
        **{
            f"{role}_30d_log_change": _log_ratio(f"{role}_30d_count", f"{role}_60d - {role}_30d_count")
            for role in ROLES
        },
        **signed,
        "received_to_given_90d_log_ratio": _log_ratio("received_90d_count", "given_90d_count"),
        **{name: _ratio(part, "posts_count") for name, part in per_post.items()},
        "replies_per_post_90d": _ratio("replies_received_90d_count", "posts_90d_count"),
        "is_first_post_answered": answered,
        "first_post_reply_delay_hours": f"CASE WHEN {answered} = 1 THEN first_delay / {HOUR_US}.0::DOUBLE END",
    }


def _finished_circle() -> dict[str, str]:
    counts = {name: f"coalesce({name}, 0)" for name in _circle() if name.endswith("_count")}
    breadth = ("items_90d_count", "posts_touched_90d_count", "posts_touched_30d_count")
    ratios = {name: name for name in _circle() if name.endswith("_ratio")}
    return {**counts, **{name: f"coalesce({name}, 0)" for name in breadth}, **ratios}
