import pytest

from social_signals.core.errors import ConfigError, ResourceError
from social_signals.tracking import ModelRun, TrackingParams, log_model_run


@pytest.fixture
def run(tmp_path):
    folder = tmp_path / "models" / "churn-1"
    folder.mkdir(parents=True)
    (folder / "card.json").write_text("{}")
    return ModelRun(
        "churn", "churn-1", folder, params={"xgboost": {"max_depth": 4}, "seed": 1},
        metrics={"churn": {"test": {"roc_auc": 0.8, "pr_auc": float("nan")}, "newest": {"as_of": "2020-03-01"}}},
        tags={"run_id": "r1"},
    )  # fmt: skip


def test_a_model_is_logged_once_and_the_alias_follows_the_champion(run, tmp_path, capfd):
    from dataclasses import replace

    params = TrackingParams()
    first = log_model_run(params, run, root=tmp_path, is_champion=True)
    again = log_model_run(params, run, root=tmp_path, is_champion=True)
    assert first == again
    second = replace(run, model_id="churn-2")
    log_model_run(params, second, root=tmp_path, is_champion=False)

    from mlflow.tracking import MlflowClient

    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    client = MlflowClient(tracking_uri=uri, registry_uri=uri)
    champion = client.get_model_version_by_alias("social-signals-churn", "champion")
    logged = client.get_run(champion.run_id).data
    assert champion.tags["model_id"] == "churn-1"
    assert logged.metrics == {"churn.test.roc_auc": 0.8}
    assert logged.params == {"xgboost.max_depth": "4", "seed": "1"}
    assert [f.path for f in client.list_artifacts(champion.run_id, "model")] == ["model/card.json"]
    assert len(client.search_model_versions("name = 'social-signals-churn'")) == 2

    log_model_run(params, second, root=tmp_path, is_champion=True)
    assert client.get_model_version_by_alias("social-signals-churn", "champion").tags["model_id"] == "churn-2"
    out, err = capfd.readouterr()
    assert (out, err) == ("", "")


def test_what_a_search_tried_is_nested_in_the_run_of_its_model(run, tmp_path):
    from dataclasses import replace

    from mlflow.tracking import MlflowClient

    from social_signals.tracking import TrialRun

    trials = [TrialRun({"max_depth": 3}, [0.5, 0.7], "complete"), TrialRun({"max_depth": 9}, [0.9], "pruned")]
    metrics = {"groups": {"São/C++": {f"m{n}": 0.5 for n in range(1200)}}}
    searched = replace(run, trials=trials, metrics=metrics, params={f"p{n}": n for n in range(120)})
    parent = log_model_run(TrackingParams(), searched, root=tmp_path, is_champion=False)
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    client = MlflowClient(tracking_uri=uri, registry_uri=uri)
    experiment = client.get_experiment_by_name("social-signals").experiment_id
    nested = client.search_runs([experiment], f"tags.`mlflow.parentRunId` = '{parent}'")
    found = {one.data.tags["trial"]: one for one in nested}
    assert found["0"].data.params == {"max_depth": "3"}
    assert found["0"].data.metrics == {"valid.log_loss": 0.7, "valid.mean_log_loss": 0.6}
    assert [m.value for m in client.get_metric_history(found["0"].info.run_id, "valid.log_loss")] == [0.5, 0.7]
    assert (found["1"].info.status, found["1"].data.tags["state"]) == ("KILLED", "pruned")
    logged = client.get_run(parent).data
    assert (len(logged.params), len(logged.metrics), "groups.São/C__.m0" in logged.metrics) == (120, 1200, True)
    log_model_run(TrackingParams(), searched, root=tmp_path, is_champion=True)
    assert len(client.search_runs([experiment])) == 3, "a rerun logs nothing twice"


def test_tracking_that_is_off_leaves_nothing(run, tmp_path):
    assert log_model_run(TrackingParams(enabled=False), run, root=tmp_path / "root", is_champion=True) is None
    assert not (tmp_path / "root").exists()


def test_a_server_that_fails_is_a_sentence(run, tmp_path):
    (tmp_path / "mlflow.db").write_text("no database")
    with pytest.raises(ResourceError, match="churn-1 is trained and saved, but MLflow at"):
        log_model_run(TrackingParams(), run, root=tmp_path, is_champion=True)


def test_a_gate_that_is_none_is_refused():
    with pytest.raises(ConfigError, match=r"tracking\.gate is 'maybe'"):
        TrackingParams(gate="maybe")
