from dataclasses import replace
from datetime import datetime, timezone

import pytest

from social_signals.core.errors import ModelMismatchError
from social_signals.models.contributions import Explanation
from social_signals.scoring.followers import predict_follower_churn, with_places
from social_signals.tables.gold import FOLLOWER_CHURN_SCORES, P_CHURN

AS_OF = datetime(2020, 5, 1, tzinfo=timezone.utc)


@pytest.fixture
def ties(spark_session):
    """Ten followers of a, two of b; the later the name the longer silent, b's are the longest."""
    of_a = [(AS_OF, f"u{i}", "a", float(9 * i), 0) for i in range(10)]
    of_b = [(AS_OF, f"u{i}", "b", 95.0 + i, 0) for i in range(2)]
    return spark_session.createDataFrame(
        [*of_a, *of_b],
        "as_of timestamp, user_id string, creator_id string, silent_days double, received_90d_count long",
    )


def test_tenths_are_of_all_ties_and_ranks_of_a_creators_own(ties, churn):
    model = replace(churn, kind="follower_churn")
    scores = predict_follower_churn(ties.repartition(3), model=model, explanation=Explanation(1, P_CHURN)).transform(
        with_places
    )
    assert scores.columns == FOLLOWER_CHURN_SCORES.columns
    found = {(r["user_id"], r["creator_id"]): r for r in scores.collect()}
    assert len(found) == 12
    # equally likely ties go by user_id, then creator_id
    assert [found["u0", "b"]["rank"], found["u1", "b"]["rank"]] == [1, 2]
    assert sorted(r["rank"] for (_, creator), r in found.items() if creator == "a") == list(range(1, 11))
    by_p = sorted(found.values(), key=lambda r: (-r["p_churn"], r["user_id"], r["creator_id"]))
    assert [r["decile"] for r in by_p] == [1, 1, 2, 3, 4, 5, 6, 6, 7, 8, 9, 10]
    assert {r["reasons"][0]["feature"] for r in by_p} == {"silent_days"}


def test_a_model_of_people_is_refused(ties, churn):
    with pytest.raises(ModelMismatchError, match="churn-test is a model of churn, wanted is one of follower_churn"):
        predict_follower_churn(ties, model=churn)
