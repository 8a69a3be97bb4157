"""Gold: made for a use. A key, an as_of or run, and a model_id where a model spoke. What was read in texts: `gold_texts`."""

from __future__ import annotations

from pyspark.sql.types import (
    ArrayType,
    BooleanType,
    DataType,
    DoubleType,
    IntegerType,
    LongType,
    StringType,
    StructField,
    StructType,
    TimestampType,
)

from social_signals.tables.silver import CREATOR_ID, POST_ID, USER_ID
from social_signals.tables.table import Table, column
from social_signals.tables.tiers import TIERS

AS_OF = "as_of"
MODEL_ID = "model_id"
P_CHURN = "p_churn"
P_CHURN_TEXT = "p_churn_text"
IS_OUT_OF_FOLD = "is_out_of_fold"
DECILE = "decile"
EXPECTED_DAYS = "expected_days"
MEDIAN_DAYS = "median_days"
SURVIVAL = "survival"
REASONS = "reasons"
REASONS_TEXT = "reasons_text"
REASONS_METHOD = "reasons_method"
INFLUENCE = "influence"
RANK = "rank"
MOMENTUM = "momentum"
IS_EMERGING = "is_emerging"
TIER = "tier"
ROW = "row"
PREDICTED = "predicted"
PREDICTED_LOW, PREDICTED_HIGH = "predicted_low", "predicted_high"

# Delta refuses NOT NULL inside arrays, so the parts of a reason are nullable by type; `value` alone is ever null.
REASON_TYPE = ArrayType(
    StructType(
        [
            StructField("feature", StringType()),
            StructField("value", DoubleType()),
            StructField("contribution", DoubleType()),
        ]
    )
)
SURVIVAL_TYPE = ArrayType(StructType([StructField("days", IntegerType()), StructField("p_active", DoubleType())]))


def as_of_column() -> StructField:
    """The cut-off of a row."""
    return column(AS_OF, TimestampType(), "cut-off, UTC: only what was known strictly before it", nullable=False)


def person_column() -> StructField:
    """The person that a row is about."""
    return column(USER_ID, StringType(), "the person", nullable=False, subject=True)


def model_column() -> StructField:
    """The model that said what is in a row."""
    return column(MODEL_ID, StringType(), "which model said so", nullable=False)


def _reasons_told() -> list[StructField]:
    """Null in rows that were written before they were said."""
    return [
        column(REASONS_TEXT, ArrayType(StringType()), "the reasons in words, in the same order"),
        column(
            REASONS_METHOD, StringType(), "how contributions were found: exact (TreeSHAP), approximate (Saabas) or none"
        ),
    ]


# Scores are replaced by cut-off and model: with a folder for each that is a matter of the log, and no file is read for it.
# Scores lie in no order within, so their least and largest would let no file be skipped.
_OF_A_MODEL = (AS_OF, MODEL_ID)

CHURN_SCORES = Table(
    "gold.churn_scores",
    StructType(
        [
            as_of_column(),
            person_column(),
            model_column(),
            column(P_CHURN, DoubleType(), "calibrated probability of silence over the horizon", nullable=False),
            column(
                DECILE, IntegerType(), "1 = the tenth of people most likely to leave, 10 = the least", nullable=False
            ),
            column(REASONS, REASON_TYPE, "largest contributions of features, in log-odds, largest first"),
            *_reasons_told(),
        ]
    ),
    key=(AS_OF, USER_ID, MODEL_ID),
    added=(REASONS_TEXT, REASONS_METHOD),
    comment="One row per person at a cut-off: how likely they are to go silent, and why.",
    partition=_OF_A_MODEL,
    statistics=False,
    purpose="profiling",
)

CHURN_TEXT = Table(
    "gold.churn_text",
    StructType(
        [
            as_of_column(),
            person_column(),
            model_column(),
            column(P_CHURN_TEXT, DoubleType(), "probability of churn by what the person wrote", nullable=False),
            column(
                IS_OUT_OF_FOLD, BooleanType(), "whether it is by a model that has not seen the person", nullable=False
            ),
        ]
    ),
    key=(AS_OF, USER_ID, MODEL_ID),
    comment="One row per person who wrote before a cut-off: how likely they are to leave by their words alone.",
    partition=(AS_OF,),
    purpose="profiling",
)

FOLLOWER_CHURN_SCORES = Table(
    "gold.follower_churn_scores",
    StructType(
        [
            as_of_column(),
            person_column(),
            column(CREATOR_ID, StringType(), "whom they may leave", nullable=False, subject=True),
            model_column(),
            column(P_CHURN, DoubleType(), "calibrated probability that the tie ends in the horizon", nullable=False),
            column(
                DECILE, IntegerType(), "1 = the tenth of all ties most likely to end, 10 = the least", nullable=False
            ),
            column(RANK, LongType(), "1 = of this creator's followers the most likely to leave", nullable=False),
            column(REASONS, REASON_TYPE, "largest SHAP contributions, in log-odds, largest first"),
        ]
    ),
    key=(AS_OF, USER_ID, CREATOR_ID, MODEL_ID),
    comment="One row per person and creator at a cut-off: how likely the person is to leave the creator, and why.",
    partition=_OF_A_MODEL,
    statistics=False,
    purpose="profiling",
)

TIMES_TO_CHURN = Table(
    "gold.time_to_churn",
    StructType(
        [
            as_of_column(),
            person_column(),
            model_column(),
            column(
                EXPECTED_DAYS,
                DoubleType(),
                "mean days until silence begins, at most the curve's length",
                nullable=False,
            ),
            column(MEDIAN_DAYS, DoubleType(), "days by which it has begun with even odds; null = beyond the curve"),
            column(
                SURVIVAL, SURVIVAL_TYPE, "chance of still being active after so many days; day 0: not silent already"
            ),
        ]
    ),
    key=(AS_OF, USER_ID, MODEL_ID),
    comment="One row per person active before a cut-off: how long until they fall silent.",
    partition=_OF_A_MODEL,
    statistics=False,
    purpose="profiling",
)

INFLUENCE_SCORES = Table(
    "gold.influence_scores",
    StructType(
        [
            as_of_column(),
            person_column(),
            model_column(),
            column(
                INFLUENCE, DoubleType(), "0 to 1: probability of out-engaging a person drawn at random", nullable=False
            ),
            column(RANK, LongType(), "1 = most influential; ties broken by user_id", nullable=False),
            column(MOMENTUM, DoubleType(), "change of influence since the cut-off before; null for newcomers"),
            column(IS_EMERGING, BooleanType(), "small audience now, predicted to reach the top decile", nullable=False),
            column(TIER, StringType(), "audience size: one of " + ", ".join(TIERS), nullable=False),
            column(REASONS, REASON_TYPE, "largest contributions of features to the margin, largest first"),
            *_reasons_told(),
        ]
    ),
    key=(AS_OF, USER_ID, MODEL_ID),
    added=(REASONS_TEXT, REASONS_METHOD),
    comment="One row per person at a cut-off: how much engagement they gather against others, and why.",
    partition=_OF_A_MODEL,
    statistics=False,
    purpose="profiling",
)


POST_INFLUENCE = Table(
    "gold.post_influence",
    StructType(
        [
            as_of_column(),
            column(POST_ID, StringType(), "the post", nullable=False),
            column(USER_ID, StringType(), "its author", nullable=False, subject=True),
            model_column(),
            column(
                INFLUENCE,
                DoubleType(),
                "0 to 1: probability of gathering more than a post drawn at random",
                nullable=False,
            ),
            column(REASONS, REASON_TYPE, "largest contributions of features to the margin, largest first"),
            *_reasons_told(),
        ]
    ),
    key=(AS_OF, POST_ID, MODEL_ID),
    comment="One row per post of the days before a cut-off: how much engagement it gathers against others, and why.",
    partition=_OF_A_MODEL,
    statistics=False,
    purpose="profiling",
)


def evaluation_of(task: str) -> Table:
    """What a model predicted for each row of a labelled file: a tag list for entities, a probability for pairs, else a label."""
    kinds: dict[str, DataType] = {"entities": ArrayType(StringType()), "influence_pairs": DoubleType()}
    ends = {PREDICTED_LOW: "lower", PREDICTED_HIGH: "upper"} if task == "influence_pairs" else {}
    between = [
        column(
            name,
            DoubleType(),
            f"{which} end (95 %) of the share that A won of pairs as far apart; null where not known",
        )
        for name, which in ends.items()
    ]
    return Table(
        f"gold.evaluation_{task}",
        StructType(
            [
                column(ROW, LongType(), "0-based: line, sentence or pair of the file", nullable=False),
                column(
                    PREDICTED,
                    kinds.get(task, StringType()),
                    "label, BIO tags, or probability that A wins",
                    nullable=False,
                ),
                *between,
                model_column(),
            ]
        ),
        key=(ROW,),
        added=tuple(column.name for column in between),
        comment=f"One row per row of the file that {task} was last measured on.",
    )
