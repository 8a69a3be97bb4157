"""A training that was killed goes on from its checkpoint and gives the bytes of one that was not; workers without Spark."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from social_signals.models.artefact import Artefact, ModelStore
from social_signals.models.checkpoints import CheckpointFolder, Progress, progress_from
from social_signals.models.lifeline import Address, Lifeline, beats
from social_signals.models.params import LimitParams
from social_signals.models.worker import Growth, worker

GROWTH = Growth(
    settings={
        "objective": "binary:logistic", "eval_metric": "logloss", "max_depth": 3, "learning_rate": 0.05, "subsample": 0.7,
        "colsample_bytree": 0.5, "max_bin": 64, "seed": 7, "nthread": 1, "verbosity": 0, "tree_method": "hist",
    },
    rounds=150, early_stopping_rounds=40, features=["a", "b", "c", "d"], feature_types=["q"] * 4, max_bin=64, workers=1,
    device="cpu", threads=1, cut=True, checkpoint_rounds=30, limits=LimitParams(),
)  # fmt: skip
# Grows in a process of its own, which the test kills when the first checkpoint is there.
ELSEWHERE = """
import sys
from tests.unit.models.test_resume import GROWTH, Address, grown
from dataclasses import replace
grown(replace(GROWTH, keeps=True, lifeline=Address(sys.argv[1], int(sys.argv[2]), sys.argv[3])), slowly=True)
"""


def rows(*, seed: int = 0) -> pa.RecordBatch:
    chance = np.random.default_rng(seed)
    features = chance.normal(size=(3000, 4)).astype(np.float32)
    label = (chance.random(3000) < 1 / (1 + np.exp(-features[:, 0] * features[:, 1]))).astype(np.float32)
    return pa.RecordBatch.from_pydict(
        {
            "features": pa.array(list(features), pa.list_(pa.float32())), "label": label,
            "is_valid": chance.random(3000) < 0.3, "order": np.arange(3000),
        }
    )  # fmt: skip


def grown(growth: Growth, *, batch: pa.RecordBatch | None = None, slowly: bool = False) -> dict[str, object]:
    if slowly:
        import xgboost as xgb

        train = xgb.train

        def slow(*given: object, **named: object) -> object:
            done = train(*given, **named)
            time.sleep(1.0)  # time for whoever kills this process, which waits for a checkpoint and not for this
            return done

        xgb.train = slow
    (answer,) = worker(growth)([batch or rows()])
    return dict(answer.to_pylist()[0])


def kept(lifeline: Lifeline, growth: Growth = GROWTH) -> Growth:
    return replace(growth, keeps=True, lifeline=lifeline.address)


def test_a_killed_training_goes_on_from_its_checkpoint_and_gives_the_same_bytes(tmp_path: Path) -> None:
    whole = grown(GROWTH)
    assert len(json.loads(str(whole["history"]))["valid_logloss"]) > 3 * GROWTH.checkpoint_rounds, (
        "there is much to lose"
    )
    with Lifeline(bind="127.0.0.1", host="127.0.0.1", checkpoints=CheckpointFolder(tmp_path)) as lifeline:
        where = [lifeline.address.host, str(lifeline.address.port), lifeline.address.secret]
        child = subprocess.Popen([sys.executable, "-c", ELSEWHERE, *where], cwd=Path(__file__).parents[3])
        until = time.monotonic() + 60
        while not (found := list(tmp_path.glob("*.checkpoint"))):
            assert child.poll() is None, "it ended before it kept anything"
            assert time.monotonic() < until
            time.sleep(0.01)
        child.kill()
        child.wait()
        left = progress_from(found[0].read_bytes())
        assert left is not None
        assert 0 < left.rounds < 150
        assert not left.is_finished
        assert grown(kept(lifeline)) == whole
        # and what is finished is not grown again
        began = time.monotonic()
        assert grown(kept(lifeline)) == whole
        assert lifeline.heard()[0].round == 0, f"it grew again, for {time.monotonic() - began:.1f} s"


def test_what_another_training_left_is_not_picked_up(tmp_path: Path) -> None:
    with Lifeline(bind="127.0.0.1", host="127.0.0.1", checkpoints=CheckpointFolder(tmp_path)) as lifeline:
        growth = kept(lifeline)
        grown(growth)
        grown(growth, batch=rows(seed=1))
        grown(replace(growth, settings=growth.settings | {"max_depth": 2}))
        grown(replace(growth, limits=LimitParams(retries=0)))
    assert len(list(tmp_path.iterdir())) == 3


def test_half_a_checkpoint_is_none() -> None:
    content = Progress(3, b"trees", {"valid": {"logloss": [0.5]}}, False, "cpu").as_bytes()
    assert progress_from(content) == Progress(3, b"trees", {"valid": {"logloss": [0.5]}}, False, "cpu")
    assert progress_from(content[:-1]) is None
    assert progress_from(b"") is None


def test_checkpoints_are_kept_where_asked_for_and_go_when_the_model_is_saved(tmp_path: Path) -> None:
    assert ModelStore(tmp_path).checkpoints("churn", "churn-1") is None
    store = ModelStore(tmp_path, resume=True)
    folder = store.checkpoints("churn", "churn-1")
    assert folder is not None
    CheckpointFolder(folder).keep("0" * 64, b"x")
    store.put(Artefact("churn", "churn-1", ["a"], b"booster", {}, {}))
    assert not folder.exists()
    assert store.find("churn", "churn-1") is not None


def test_the_driver_hears_of_rounds_and_of_a_worker_that_is_gone_and_of_no_stranger(tmp_path: Path) -> None:
    with Lifeline(bind="127.0.0.1", host="127.0.0.1") as lifeline:
        stranger = Address(lifeline.address.host, lifeline.address.port, "another secret")
        with beats(stranger, rank=0, host="stranger"), beats(lifeline.address, rank=1, host="here") as told:
            told.round = 3
            heard = waited_for(lambda: [h for h in lifeline.heard() if h.round == 3])
            assert [(h.rank, h.host, h.is_open) for h in heard] == [(1, "here", True)]
        assert waited_for(lambda: [h for h in lifeline.heard() if not h.is_open])
        with beats(lifeline.address, rank=1, host="there"):
            (heard_again,) = waited_for(lambda: [h for h in lifeline.heard() if h.is_open])
            assert (heard_again.attempt, heard_again.host) == (1, "there")


def test_a_name_that_is_no_hash_reaches_no_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="SHA-256"):
        CheckpointFolder(tmp_path).keep("../champion", b"x")


def test_a_worker_trains_on_when_the_driver_cannot_be_told() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        nobody = Address("127.0.0.1", closed.getsockname()[1], "s")
        with beats(nobody, rank=0, host="here") as told:
            assert not told.is_heard


def waited_for(look, *, seconds: float = 20.0):  # type: ignore[no-untyped-def]
    until, pause = time.monotonic() + seconds, threading.Event()
    while not (found := look()):
        assert time.monotonic() < until, "it never came"
        pause.wait(0.01)
    return found
