"""The schedules for Apache Airflow, 2.10 or 3: put this file into the DAGs folder. It needs Airflow alone, not the package.

Each task is `./spark-submit.sh jobs/JOB.py key=value ...` in the checkout at SOCIAL_SIGNALS_HOME; SOCIAL_SIGNALS_OVERRIDES holds the
settings that all of them get (`platform=yarn catalog.root=s3a://bucket/lakehouse`), SOCIAL_SIGNALS_SOURCE those of ingest and
SOCIAL_SIGNALS_TRAINING those of the training jobs (`platform.device=cuda xgboost.num_workers=2`). The graph is the one of
`databricks.yml`; a test compares the two. docs/schedules.md says what each DAG is for.
"""

from __future__ import annotations

import os
import shlex
from datetime import datetime, timedelta, timezone

try:
    from airflow.providers.standard.operators.bash import BashOperator
    from airflow.sdk import DAG
except ImportError:  # Airflow 2
    from airflow import DAG
    from airflow.operators.bash import BashOperator

HOME = os.environ.get("SOCIAL_SIGNALS_HOME", "/opt/social-signals")
OVERRIDES = shlex.split(os.environ.get("SOCIAL_SIGNALS_OVERRIDES", "platform=standalone"))
SOURCE = shlex.split(os.environ.get("SOCIAL_SIGNALS_SOURCE", "source=sample"))
TRAINING = shlex.split(os.environ.get("SOCIAL_SIGNALS_TRAINING", ""))

# Job -> the jobs whose tables it reads or that must have gone before.
DAILY = {
    "ingest": [],
    "annotate": ["ingest"],
    "find_topics": ["annotate"],
    "build_features": ["annotate"],
    "build_network": ["find_topics"],
    "assess_creators": ["find_topics"],
    "score_churn": ["build_features"],
    "score_influence": ["build_features"],
    "score_follower_churn": ["build_features"],
    "score_time_to_churn": ["build_features"],
    "build_report": [
        "score_churn", "score_influence", "score_follower_churn", "score_time_to_churn", "build_network", "assess_creators",
    ],
}  # fmt: skip
MODELS = ("churn", "influence", "follower_churn", "time_to_churn")
WEEKLY = {
    **DAILY,
    **{f"train_{model}": ["build_features"] for model in MODELS},
    **{f"score_{model}": [f"train_{model}"] for model in MODELS},
    "maintain": ["build_report"],
}
# The jobs that look at people as they are at a cut-off: the midnight, UTC, that the run's interval ends with or after.
AT_A_CUTOFF = [job for job in WEEKLY if job not in ("ingest", "annotate", "maintain")]
AS_OF = "{{ data_interval_end.in_timezone('UTC') | ds }}"

TRAINING_TIMEOUT = timedelta(hours=4)
COMMON = {
    "start_date": datetime(2024, 1, 1, tzinfo=timezone.utc),
    # Runs that were missed are a matter of the backfill, which knows what is done.
    "catchup": False,
    "max_active_runs": 1,
    "tags": ["social-signals"],
    "default_args": {
        "retries": 1,
        "retry_delay": timedelta(minutes=5),
        "execution_timeout": timedelta(hours=2),
    },
}


def command(job: str, settings: list[str]) -> str:
    """The command line of a job. Templates of Airflow stay as they are; all else is quoted."""
    words = [word if "{{" in word else shlex.quote(word) for word in (*OVERRIDES, *settings)]
    return " ".join([f"cd {shlex.quote(HOME)} && ./spark-submit.sh jobs/{job}.py", *words])


def settings_of(job: str) -> list[str]:
    """What a job is told beside OVERRIDES."""
    settings = [f"as_of={AS_OF}"] if job in AT_A_CUTOFF else []
    if job == "ingest":
        settings += SOURCE
    if job.startswith("train_"):
        # A champion that stays is no failure of the night.
        settings += ["tracking.gate=report", *TRAINING]
    return [*settings, "log_format=json"]


def scheduled(dag_id: str, graph: dict[str, list[str]], *, schedule: str, timeout: timedelta) -> DAG:
    """A DAG with a task a job, one after the other as the graph says."""
    dag = DAG(dag_id, schedule=schedule, dagrun_timeout=timeout, **COMMON)
    tasks = {}
    for job in graph:
        more = {"execution_timeout": TRAINING_TIMEOUT} if job.startswith("train_") else {}
        # Tables are looked after whatever became of the night.
        more |= {"trigger_rule": "all_done"} if job == "maintain" else {}
        tasks[job] = BashOperator(task_id=job, bash_command=command(job, settings_of(job)), dag=dag, **more)
    for job, before in graph.items():
        for earlier in before:
            tasks[earlier] >> tasks[job]
    return dag


daily = scheduled("social_signals_daily", DAILY, schedule="30 4 * * 1-6", timeout=timedelta(hours=6))
weekly = scheduled("social_signals_weekly", WEEKLY, schedule="30 4 * * 0", timeout=timedelta(hours=12))

# Started by hand, with these in its form.
backfill = DAG(
    "social_signals_backfill",
    schedule=None,
    dagrun_timeout=timedelta(hours=24),
    # What a person types is one word to the shell, whatever it says.
    user_defined_filters={"shellquote": shlex.quote},
    params={"job": "score_churn", "first": "2020-01-01", "last": "2020-06-01", "step_days": 30},
    **COMMON,
)
BashOperator(
    task_id="backfill",
    bash_command=command(
        "backfill",
        [
            f"backfill.{name}={{{{ params.{name} | string | shellquote }}}}"
            for name in ("job", "first", "last", "step_days")
        ]
        + ["log_format=json"],
    ),
    execution_timeout=timedelta(hours=24),
    dag=backfill,
)
