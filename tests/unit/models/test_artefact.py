import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from social_signals.core.errors import GateError, ModelMismatchError
from social_signals.models.artefact import CHURN, INFLUENCE, Artefact, ModelStore, load, model_id_of, require_kind
from social_signals.models.gate import duel_on, judge, require_promoted, settle


def model(model_id="churn-1", *, auc=0.8, newest="2020-03-01"):
    card = {
        "metrics": {CHURN: {"test": {"roc_auc": auc}}}, "splits": {"test": [newest]}, "examples": {"test": {"rows": 9}},
        "missing": float("nan"),
    }  # fmt: skip
    return Artefact(
        CHURN, model_id, ["a", "b"], b"\x00weights", {"method": "platt", "slope": 1.0, "intercept": 0.0}, card
    )


@pytest.fixture
def store(tmp_path):
    return ModelStore(tmp_path / "models")


def test_a_model_comes_back_as_it_was_saved(store):
    folder = store.put(model())
    found = load(folder)
    assert (found.kind, found.model_id, found.features, found.booster) == (CHURN, "churn-1", ["a", "b"], b"\x00weights")
    assert found.calibration == model().calibration
    assert found.metrics == {CHURN: {"test": {"roc_auc": 0.8}}}
    assert found.card["missing"] is None
    assert sorted(p.name for p in folder.parent.iterdir()) == ["churn-1"]


def test_a_model_that_reads_texts_keeps_its_reader_and_others_have_none(store):
    assert load(store.put(replace(model(), text=b"what it reads by"))).text == b"what it reads by"
    assert load(store.put(model("churn-2"))).text is None


def test_the_same_model_has_the_same_bytes(store, tmp_path):
    first, again = store.put(model()), ModelStore(tmp_path / "other").put(model())
    assert all((again / file.name).read_bytes() == file.read_bytes() for file in first.iterdir())


@pytest.mark.parametrize("name", ["model.ubj", "calibration.json", "card.json", "text.json"])
def test_a_file_that_was_changed_is_refused(store, name):
    folder = store.put(replace(model(), text=b"{}"))
    content = bytearray((folder / name).read_bytes())
    content[0] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(ModelMismatchError, match=f"{name} is not the file that was saved"):
        load(folder)


@pytest.mark.parametrize(("name", "words"), [("model.ubj", "is missing"), ("manifest.json", "there is no model")])
def test_a_file_that_is_gone_is_refused(store, name, words):
    folder = store.put(model())
    (folder / name).unlink()
    with pytest.raises(ModelMismatchError, match=words):
        load(folder)


def test_a_manifest_that_promises_nothing_is_refused(store):
    folder = store.put(model())
    (folder / "manifest.json").write_text(json.dumps({"../../etc/passwd": "0"}))
    with pytest.raises(ModelMismatchError, match="does not promise"):
        load(folder)


def test_a_model_of_another_kind_is_refused():
    with pytest.raises(ModelMismatchError, match="wanted is one of influence"):
        require_kind(model(), INFLUENCE)


def test_the_champion_is_the_one_promoted_last(store):
    assert store.champion(CHURN) is None
    for name in ("churn-1", "churn-2"):
        store.put(model(name))
        store.promote(model(name))
    champion = store.champion(CHURN)
    assert champion is not None
    assert champion.model_id == "churn-2"


def test_a_champion_whose_folder_is_gone_is_a_sentence(store):
    store.promote(model("churn-9"))
    with pytest.raises(ModelMismatchError, match="the champion of churn is churn-9"):
        store.champion(CHURN)


def test_an_id_follows_what_the_model_was_made_of():
    assert model_id_of(CHURN, {"seed": 1, "rows": 2}) == model_id_of(CHURN, {"rows": 2, "seed": 1})
    assert model_id_of(CHURN, {"seed": 1}) != model_id_of(CHURN, {"seed": 2})


def test_a_better_model_takes_charge_a_worse_one_does_not():
    champion = model("churn-1", auc=0.80)
    assert judge(model("churn-2", auc=0.81), champion).promoted
    assert not judge(model("churn-2", auc=0.80), champion).promoted
    assert judge(model("churn-2", auc=0.70, newest="2020-04-01"), champion).promoted
    assert judge(model("churn-2", auc=0.10), None).promoted


def test_the_gate_reports_refuses_or_lets_pass(store):
    store.put(model("churn-1", auc=0.8))
    assert settle(model("churn-1", auc=0.8), store, gate="strict").promoted
    worse = model("churn-2", auc=0.7)
    store.put(worse)
    verdict = settle(worse, store, gate="strict")
    assert not verdict.promoted
    require_promoted(verdict, worse, gate="report")
    with pytest.raises(GateError, match=r"0\.7000 does not beat 0\.8000"):
        require_promoted(verdict, worse, gate="strict")
    assert store.champion(CHURN).model_id == "churn-1"
    assert settle(worse, store, gate="off").promoted
    assert store.champion(CHURN).model_id == "churn-2"


def booster_on(values, labels):
    import xgboost

    rows = xgboost.DMatrix(np.asarray(values, dtype=np.float32), label=labels)
    return bytes(xgboost.train({"objective": "binary:logistic", "nthread": 1}, rows, 10).save_raw("ubj"))


def test_in_a_duel_a_candidate_must_win_by_more_than_chance():
    rng = np.random.default_rng(1)
    truth, noise = rng.normal(size=600), rng.normal(size=600)
    labels = (truth + 0.3 * rng.normal(size=600) > 0).astype(int)
    rows = pd.DataFrame({"a": truth, "b": noise, "churned": labels, "person": np.arange(600)})
    seeing = replace(model("churn-1"), features=["a", "b"], booster=booster_on(rows[["a", "b"]], labels))
    guessing = replace(model("churn-2"), features=["b"], booster=booster_on(rows[["b"]], rng.permutation(labels)))
    duel = duel_on(rows, label="churned", person="person", seed=7)

    won = judge(seeing, guessing, duel=duel)
    assert won.promoted
    assert won.gained.low > 0.2
    assert won.as_json()["gained_low"] == pytest.approx(won.gained.low)
    lost = judge(guessing, seeing, duel=duel)
    assert not lost.promoted
    assert lost.gained.value == pytest.approx(-won.gained.value)
    # no better and no worse is not better
    assert not judge(replace(seeing, model_id="churn-3"), seeing, duel=duel).promoted
    gone = replace(seeing, features=["a", "old_feature"])
    assert judge(guessing, gone, duel=duel).reason == "churn-1 needs features that are no longer there"


def test_in_a_duel_each_model_has_its_own_features_of_one_name():
    rng = np.random.default_rng(1)
    truth = rng.normal(size=600)
    labels = (truth + 0.3 * rng.normal(size=600) > 0).astype(int)
    rows = pd.DataFrame({"text_vector_1": truth, "churned": labels, "person": np.arange(600)})
    turned = rows.assign(text_vector_1=-truth)
    candidate = replace(
        model("churn-2"), features=["text_vector_1"], booster=booster_on(rows[["text_vector_1"]], labels)
    )
    champion = replace(
        model("churn-1"), features=["text_vector_1"], booster=booster_on(turned[["text_vector_1"]], labels)
    )

    def gained(rows_of):
        duel = duel_on(rows, label="churned", person="person", seed=7, rows_of=rows_of)
        return judge(candidate, champion, duel=duel).gained.value

    assert gained(lambda _: turned) == pytest.approx(0.0, abs=0.01)
    assert gained(None) > 0.5
