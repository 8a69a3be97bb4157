"""What Spark did for a run, stage by stage, and what of it is worth changing.

`status` asks the driver's status store (ADR 0029), `work` turns its answer into the columns of `ops.runs`, `advice` into sentences;
the last two are pure. A new piece of advice is one function of the work that gives sentences, and a line in `ADVICE`.

Does not belong here: how log lines look and Spark's jobs are named (`core.logs`, `core.steps`), or what a job does about the advice.
"""

from social_signals.observability.advice import KeyShare, Limits, advice, is_skewed
from social_signals.observability.shares import key_shares
from social_signals.observability.status import spark_work
from social_signals.observability.work import SparkStage, SparkWork

__all__ = ["KeyShare", "Limits", "SparkStage", "SparkWork", "advice", "is_skewed", "key_shares", "spark_work"]
