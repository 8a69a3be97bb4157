"""Any table with a column that says who left, as rows to learn from: numbers as numbers, everything else as categories."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import BooleanType, NumericType

from social_signals.core.errors import ConfigError, DataQualityError, did_you_mean
from social_signals.core.times import EPOCH
from social_signals.models.labels import CHURNED
from social_signals.models.params import ContractParams
from social_signals.models.predict import require_features
from social_signals.tables.gold import AS_OF
from social_signals.tables.silver import USER_ID

# More values than this name single contracts rather than kinds of them.
MOST_CATEGORIES = 64
# A table without a time is one slice; its people are split, not its time.
NO_TIME = EPOCH


@dataclass(frozen=True)
class Encoding:
    """How columns become features. numbers: read as they are. categories: column -> its values, whose place is the code."""

    numbers: list[str] = field(default_factory=list)
    categories: dict[str, list[str]] = field(default_factory=dict)

    @property
    def features(self) -> list[str]:
        return [*self.numbers, *self.categories]


def contract_rows(table: DataFrame, params: ContractParams) -> DataFrame:
    """One row per contract: as_of (`NO_TIME`), user_id (its key), churned (0 or 1, null where the label is), and the columns.

    Raises ConfigError where label or key are not among the columns.
    """
    for setting, name in (("label", params.label), ("key", params.key), *(("exclude", n) for n in params.exclude)):
        if name not in table.columns:
            raise ConfigError(
                f"churn.contract.{setting} is {name!r}, which is no column of {params.table}",
                hint=did_you_mean(name, table.columns),
            )
    seen = [name for name in table.columns if name not in (params.label, params.key, *params.exclude)]
    label = F.trim(F.col(f"`{params.label}`").cast("string"))
    return table.select(
        F.lit(NO_TIME).alias(AS_OF),
        F.col(f"`{params.key}`").cast("string").alias(USER_ID),
        F.when(label != "", (label == params.positive).cast("int")).alias(CHURNED),
        *(_clean(table, name) for name in seen),
    )


def contracts_to_score(table: DataFrame, encoding: Encoding, *, key: str, as_of: datetime, model_id: str) -> DataFrame:
    """One row per contract: as_of, user_id (its key), and a double a feature, as the model's training read them.

    The label may be there or not. Raises ConfigError where the key is no column, ModelMismatchError where a feature is none,
    DataQualityError where a key is missing or occurs twice; that takes one Spark job.
    """
    if key not in table.columns:
        raise ConfigError(
            f"churn.contract.key is {key!r}, which is no column of the contracts",
            hint=did_you_mean(key, table.columns),
        )
    require_features(table, encoding.features, model_id=model_id)
    named = F.col(f"`{key}`").cast("string").alias(USER_ID)
    found = table.select(named).agg(F.count(F.lit(1)), F.count(USER_ID), F.count_distinct(USER_ID)).first()
    total, known, distinct = found or (0, 0, 0)
    if not total == known == distinct:
        raise DataQualityError(
            f"of {total} contracts {total - known} have no {key}, and {known - distinct} have one that is there already",
            hint="give one row a contract, or another column in churn.contract.key",
        )
    rows = table.select(named, F.lit(as_of).alias(AS_OF), *(_clean(table, name) for name in encoding.features))
    return encoded(rows, encoding, keep=[AS_OF, USER_ID])


def encoding_of(features: Sequence[str], categories: Mapping[str, Sequence[str]]) -> Encoding:
    """The encoding that a model's card tells: its features, and the values of those that are categories."""
    return Encoding([name for name in features if name not in categories], {k: list(v) for k, v in categories.items()})


def learn_encoding(train: DataFrame, *, columns: Sequence[str]) -> Encoding:
    """The encoding of the columns as the training rows have them; one Spark job.

    A column is a number where every value is one. One with more than 64 other values is left out, as it names rows.
    Raises DataQualityError where no column is left.
    """
    kinds = {f.name: f.dataType for f in train.schema}
    is_number = {c: isinstance(kinds[c], NumericType) for c in columns}
    found = train.agg(
        *(F.count(F.when(F.col(f"`{c}`").isNotNull() & _number(c).isNull(), 1)).alias(f"words_{i}") for i, c in enumerate(columns)),
        *(F.slice(F.sort_array(F.collect_set(F.col(f"`{c}`").cast("string"))), 1, MOST_CATEGORIES + 1).alias(f"values_{i}")
          if not is_number[c] else F.array().cast("array<string>").alias(f"values_{i}") for i, c in enumerate(columns)),
    ).first()  # fmt: skip
    told = found.asDict() if found else {}
    numbers = [c for i, c in enumerate(columns) if is_number[c] or (told[f"words_{i}"] == 0 and told[f"values_{i}"])]
    categories = {
        c: list(told[f"values_{i}"])
        for i, c in enumerate(columns)
        if c not in numbers and 1 < len(told[f"values_{i}"]) <= MOST_CATEGORIES
    }
    if not numbers and not categories:
        raise DataQualityError(
            "no column of the contracts can be learnt from", hint="give columns of numbers or of a few values"
        )
    return Encoding(numbers, categories)


def encoded(rows: DataFrame, encoding: Encoding, *, keep: Sequence[str]) -> DataFrame:
    """The rows with `keep` and a double a feature; a category that training has not seen is missing."""
    return rows.select(
        *keep,
        *(_number(name).alias(name) for name in encoding.numbers),
        *(_code(name, values).alias(name) for name, values in encoding.categories.items()),
    )


def _clean(table: DataFrame, name: str) -> Column:
    """Text without blanks around it, absent where nothing is left; truth as 0 or 1; other types as they are."""
    column, kind = F.col(f"`{name}`"), table.schema[name].dataType
    if isinstance(kind, BooleanType):
        return column.cast("int").alias(name)
    if isinstance(kind, NumericType):
        return column.alias(name)
    text = F.trim(column.cast("string"))
    return F.when(text != "", text).alias(name)


def _number(name: str) -> Column:
    return F.col(f"`{name}`").cast("double")


def _code(name: str, values: Sequence[str]) -> Column:
    table = F.create_map(*[F.lit(part) for code, value in enumerate(values) for part in (value, float(code))])
    return table[F.col(f"`{name}`").cast("string")]
