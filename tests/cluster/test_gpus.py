"""A stage that trains takes whole cards where the others share one: as Spark's own scheduler gives them out. No card is needed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cluster.hosts import REPOSITORY, Cluster

pytestmark = pytest.mark.cluster

SCRIPT = """
import json, sys, time
from pyspark import TaskContext
from social_signals.core.gpu import training_profile
from social_signals.core.session import PlatformParams, make_session
from social_signals.core.slots import await_slots, task_slots

platform = PlatformParams(
    master=sys.argv[1], device="cuda", gpus_per_task=0.25, gpus_per_training_task=1, executor_cores=4, executor_memory="1g",
    driver_memory="1g", shuffle_partitions=4, conf={"spark.cores.max": "4"},
)
spark = make_session(platform, app_name="gpus")

def given(batches):
    import pyarrow as pa
    started = time.time()
    for _ in batches:
        pass
    time.sleep(1)
    cards = TaskContext.get().resources()["gpu"].addresses
    yield pa.RecordBatch.from_pydict({"cards": [",".join(cards)], "from_s": [started], "to_s": [time.time()]})

profile = training_profile(spark, "cuda")
tasks = spark.range(4).repartition(4, "id").mapInArrow(given, "cards string, from_s double, to_s double")

def most_at_once(rows):
    return max(sum(a.from_s <= b.from_s < a.to_s for a in rows) for b in rows)

plain, training = tasks.collect(), tasks.rdd.withResources(profile).collect()
print(json.dumps({
    "slots": [task_slots(spark), task_slots(spark, profile)],
    "at_once": [most_at_once(plain), most_at_once(training)],
    "cards": sorted({row.cards for row in plain + training}),
}))
spark.stop()
"""


def test_four_tasks_share_a_card_and_one_that_trains_has_it_alone(tmp_path: Path) -> None:
    found = tmp_path / "find_gpus.sh"
    found.write_text('#!/bin/sh\necho \'{"name": "gpu", "addresses": ["0"]}\'\n')
    found.chmod(0o755)
    (tmp_path / "gpus.py").write_text(SCRIPT)
    options = f"-Dspark.worker.resource.gpu.amount=1 -Dspark.worker.resource.gpu.discoveryScript={found}"
    with Cluster.on_this_machine(tmp_path / "cluster", cores=(4,), worker_options=options) as cluster:
        done = subprocess.run(
            [sys.executable, str(tmp_path / "gpus.py"), cluster.master_url], capture_output=True, text=True, check=False,
            env=os.environ | {"PYTHONPATH": str(REPOSITORY / "src"), "SPARK_LOCAL_IP": "127.0.0.1"}, timeout=240,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["slots"] == [4, 1]
    assert said["at_once"][1] == 1
    assert said["at_once"][0] > 1
    assert said["cards"] == ["0"]
