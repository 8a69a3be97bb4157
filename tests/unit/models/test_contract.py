from datetime import datetime, timezone

import pytest

from social_signals.core.errors import ConfigError, DataQualityError, ModelMismatchError
from social_signals.models.contract import (
    Encoding,
    contract_rows,
    contracts_to_score,
    encoded,
    encoding_of,
    learn_encoding,
)
from social_signals.models.params import ContractParams

TELCO = ContractParams(table="t.csv", label="Churn", key="id", exclude=["secret"])


@pytest.fixture
def table(spark_session):
    return spark_session.createDataFrame(
        [
            ("a", "1.5", "yes ", 3, True, "x", "Yes"),
            ("b", " ", "no", None, False, "y", "No"),
            ("c", "7", None, 5, None, "z", " "),
        ],
        "id string, charge string, paperless string, tenure int, is_senior boolean, secret string, Churn string",
    )


def test_columns_become_numbers_and_codes(table):
    rows = contract_rows(table, TELCO)
    columns = ["charge", "paperless", "tenure", "is_senior"]
    encoding = learn_encoding(rows, columns=columns)
    assert encoding == Encoding(["charge", "tenure", "is_senior"], {"paperless": ["no", "yes"]})
    found = encoded(rows, encoding, keep=["user_id", "churned"]).orderBy("user_id").collect()
    assert [tuple(row) for row in found] == [
        ("a", 1, 1.5, 3.0, 1.0, 1.0), ("b", 0, None, None, 0.0, 0.0), ("c", None, 7.0, 5.0, None, None),
    ]  # fmt: skip


def test_a_value_that_training_has_not_seen_is_missing(table):
    rows = contract_rows(table, TELCO)
    known = Encoding([], {"paperless": ["no"]})
    assert [row["paperless"] for row in encoded(rows, known, keep=[]).collect()].count(None) == 2


def test_a_column_that_names_rows_is_left_out_and_nothing_left_is_a_sentence(spark_session):
    many = spark_session.range(80).selectExpr("concat('n', id) AS name", "'same' AS constant")
    with pytest.raises(DataQualityError, match="no column of the contracts can be learnt from"):
        learn_encoding(many, columns=["name", "constant"])


@pytest.mark.parametrize(("setting", "value"), [("label", "Chrun"), ("key", "di"), ("exclude", ["secrte"])])
def test_a_column_that_is_not_there_is_refused_with_the_one_that_may_be_meant(table, setting, value):
    with pytest.raises(ConfigError) as refused:
        contract_rows(table, ContractParams(**(vars(TELCO) | {setting: value})))
    assert f"churn.contract.{setting}" in refused.value.problem
    assert {"label": "Churn", "key": "id", "exclude": "secret"}[setting] in refused.value.hint


def test_contracts_to_score_are_read_as_training_read_them_label_or_not(table):
    encoding = encoding_of(["charge", "is_senior", "paperless"], {"paperless": ["no", "yes"]})
    chosen = {"key": "id", "as_of": datetime(2020, 5, 1, tzinfo=timezone.utc), "model_id": "churn_contract-1"}
    found = contracts_to_score(table.drop("Churn"), encoding, **chosen).orderBy("user_id").collect()
    assert [tuple(row)[1:] for row in found] == [("a", 1.5, 1.0, 1.0), ("b", None, 0.0, 0.0), ("c", 7.0, None, None)]
    with pytest.raises(
        ModelMismatchError, match="churn_contract-1 was made of 3 features, of which the rows lack charge"
    ):
        contracts_to_score(table.drop("charge"), encoding, **chosen)
    with pytest.raises(DataQualityError, match="of 6 contracts 0 have no id, and 3 have one that is there already"):
        contracts_to_score(table.union(table), encoding, **chosen)
