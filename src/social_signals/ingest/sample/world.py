"""The generated world's clock, names, places in the graph and schedules: all functions of a person's number."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, gcd

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from social_signals.core.times import parse_instant
from social_signals.ingest.sample.draws import choose_one, index, normal, numbers, uniform
from social_signals.ingest.sample.params import PER_USER, SampleParams
from social_signals.ingest.sample.words import COUNTRIES, ENGLISH_NATIONS, FIRST_NAMES, HANDLES, LANGUAGES, LAST_NAMES

HOUR_S = 3600
DAY_S = 24 * HOUR_S
WEEK_S = 7 * DAY_S

# The most followed of a community: professionals, there from the start, never silent.
ANCHORS = 3


def computed(frame: DataFrame, columns: dict[str, Column]) -> DataFrame:
    """The frame with these columns, worked out once a row before anything that follows looks at them.

    Spark copies the expression of a column into each filter and each column that uses it; after a few such steps the plan
    doubled each time, until its code no longer compiled. It does not look through a generator.
    """
    kept = [F.col(name) for name in frame.columns if name not in columns]
    return frame.select(*kept, F.inline(F.array(F.struct(*[value.alias(name) for name, value in columns.items()]))))


@dataclass(frozen=True)
class World:
    """`person` is a number in [0, users): community = person % communities, member = person // communities.

    Times are seconds since the start of the world, as longs.
    """

    params: SampleParams

    # Size and clock

    @property
    def seed(self) -> int:
        return self.params.seed

    @property
    def start_s(self) -> int:
        return int(parse_instant(self.params.start, name="source.start").timestamp())

    @property
    def end_s(self) -> int:
        return self.params.days * DAY_S

    @property
    def weeks(self) -> int:
        return ceil(self.params.days / 7)

    @property
    def interactions(self) -> int:
        return self.params.interactions or PER_USER * self.params.users

    @property
    def intensity(self) -> float:
        """How much more people do than at the default number of interactions a user."""
        return self.interactions / (PER_USER * self.params.users)

    @property
    def community_count(self) -> int:
        return self.params.communities

    def instant(self, seconds: Column) -> Column:
        """The UTC timestamp of a number of seconds since the start."""
        return F.timestamp_seconds(seconds + F.lit(self.start_s))

    def time_of_week(self, person: Column, week: Column, *keys: Column) -> Column:
        """A second of a week: any day, around the person's own hour."""
        day = index(7, self.seed, "day", person, week, *keys)
        peak = 7.0 + 15.0 * uniform(self.seed, "peak hour", person)
        hour = peak + 2.5 * normal(self.seed, "hour", person, week, *keys)
        second = F.pmod(F.floor(hour * HOUR_S), F.lit(DAY_S))
        return (week * WEEK_S + day * DAY_S + second).cast("long")

    # Names

    def user_number(self, person: Column) -> Column:
        """A number that says nothing of community or popularity."""
        users = self.params.users
        return F.pmod(person * stride(users) + F.lit(7919 * abs(self.seed)), F.lit(users))

    def user_id(self, person: Column) -> Column:
        digits = max(6, len(str(self.params.users)))
        return F.concat(F.lit("u"), F.lpad(self.user_number(person).cast("string"), digits, "0"))

    def handle(self, person: Column) -> Column:
        first = F.lower(self.first_name(person))
        noun = choose_one(HANDLES, index(1 << 30, self.seed, "handle", person))
        return F.concat(first, noun, self.user_number(person).cast("string"))

    def first_name(self, person: Column) -> Column:
        return choose_one(FIRST_NAMES, index(1 << 30, self.seed, "first name", person))

    def display_name(self, person: Column) -> Column:
        last = choose_one(LAST_NAMES, index(1 << 30, self.seed, "last name", person))
        return F.concat(self.first_name(person), F.lit(" "), last)

    def nation(self, person: Column) -> Column:
        """0-based position in LANGUAGES and COUNTRIES; nine in ten speak English."""
        speaks_other = uniform(self.seed, "speaks other", person) < 0.1
        english = index(ENGLISH_NATIONS, self.seed, "english country", person)
        other = ENGLISH_NATIONS + index(len(LANGUAGES) - ENGLISH_NATIONS, self.seed, "other country", person)
        return F.when(speaks_other, other).otherwise(english)

    def language(self, person: Column) -> Column:
        return choose_one(LANGUAGES, self.nation(person))

    def country(self, person: Column) -> Column:
        return choose_one(COUNTRIES, self.nation(person))

    # Place in the graph

    def community(self, person: Column) -> Column:
        """Also the community of a campaign, by the campaign's number."""
        return F.pmod(person, F.lit(self.community_count)).cast("long")

    def member(self, person: Column) -> Column:
        return F.floor(person / F.lit(self.community_count)).cast("long")

    def person(self, community: Column, member: Column) -> Column:
        return (member * self.community_count + community).cast("long")

    def size(self, community: Column) -> Column:
        """Members of a community: the first few have one more where users do not divide evenly."""
        small, larger = divmod(self.params.users, self.community_count)
        return F.when(community < larger, small + 1).otherwise(small).cast("long")

    def stride(self, community: Column) -> Column:
        """Coprime to the community's size, so that start + k * stride meets each member once."""
        small, larger = divmod(self.params.users, self.community_count)
        return F.when(community < larger, stride(small + 1)).otherwise(stride(small)).cast("long")

    def at_rank(self, community: Column, rank: Column) -> Column:
        """The person of that popularity: rank = member * stride modulo size, the other way round."""
        small, larger = divmod(self.params.users, self.community_count)
        back = F.when(community < larger, _inverse(small + 1)).otherwise(_inverse(small)).cast("long")
        return self.person(community, F.pmod(rank * back, self.size(community)))

    def first_rising_rank(self, community: Column) -> Column:
        """Rising creators come from the less followed half."""
        return F.greatest(F.floor(self.size(community) * 0.6), F.lit(ANCHORS)).cast("long")

    # Campaigns: a community has one every five weeks, four weeks long, from a quarter of the time on.

    @property
    def campaign_slots(self) -> int:
        """Campaigns that fit after one another in a community."""
        return max(1, int((self.weeks * 0.7) // 5))

    @property
    def campaigns(self) -> int:
        return min(6 + self.params.users // 2000, self.community_count * self.campaign_slots)

    @property
    def campaign_origin_s(self) -> int:
        return self.weeks // 4 * WEEK_S

    def campaign_at(self, community: Column, at_s: Column) -> Column:
        """The campaign that runs in a community at a time, else null: its number is slot * communities + community."""
        since = at_s - self.campaign_origin_s
        slot = F.floor(since / (5 * WEEK_S)).cast("long")
        number = slot * self.community_count + community
        runs = (since >= 0) & (since - slot * (5 * WEEK_S) < 4 * WEEK_S) & (slot < self.campaign_slots)
        return F.when(runs & (number < self.campaigns), number)

    def campaign_slot(self, campaign: Column) -> Column:
        return F.floor(campaign / F.lit(self.community_count)).cast("long")

    def campaign_start_s(self, campaign: Column) -> Column:
        return (self.campaign_origin_s + self.campaign_slot(campaign) * (5 * WEEK_S)).cast("long")

    def campaign_end_s(self, campaign: Column) -> Column:
        return F.least(self.campaign_start_s(campaign) + 4 * WEEK_S, F.lit(self.end_s)).cast("long")

    def campaign_rank(self, campaign: Column) -> Column:
        """The anchor who runs it."""
        return F.pmod(self.campaign_slot(campaign), F.lit(ANCHORS))

    def campaign_creator(self, campaign: Column) -> Column:
        return self.at_rank(self.community(campaign), self.campaign_rank(campaign))

    def campaign_lift(self, campaign: Column) -> Column:
        """Relative lift on purchases of the exposed: 0, 0.5, 1 or 2.5 times `campaign_lift`, mean 1."""
        step = F.pmod(self.campaign_slot(campaign) + self.community(campaign), F.lit(4))
        return numbers([self.params.campaign_lift * share for share in (0.0, 0.5, 1.0, 2.5)], step)

    def exposure_s(self, person: Column, campaign: Column) -> Column:
        """When a follower would see the campaign: in its first week."""
        wait = index(6 * DAY_S, self.seed, "campaign exposure time", person, campaign)
        return (self.campaign_start_s(campaign) + 12 * HOUR_S + wait).cast("long")

    def is_exposed(self, campaign: Column) -> Column:
        """Chance alone decides which half of the creator's followers sees the campaign. Reads columns of `people`."""
        person = F.col("person")
        follows = F.col("followed_rank") == self.campaign_rank(campaign)
        in_time = F.col("follow_anchor_s") < self.exposure_s(person, campaign)
        lucky = uniform(self.seed, "campaign exposed", person, campaign) < 0.5
        return F.coalesce(follows & in_time & lucky, F.lit(False))

    # The experiment: a person meets it in its first two weeks, and it works for eight weeks from then.

    experiment_effect_s = 8 * WEEK_S

    def experiment_exposure_s(self, person: Column) -> Column:
        start_s = int(self.weeks * 0.55) * WEEK_S
        return (start_s + index(2 * WEEK_S, self.seed, "experiment exposure", person)).cast("long")

    def is_treated(self, person: Column) -> Column:
        return uniform(self.seed, "variant", person) < 0.5


def stride(size: int) -> int:
    """Near the golden section of `size` and coprime to it: neighbours land far apart."""
    return next((k for k in range(max(1, round(size * 0.618)), size) if gcd(k, size) == 1), 1)


def _inverse(size: int) -> int:
    return pow(stride(size), -1, size) if size > 1 else 0
