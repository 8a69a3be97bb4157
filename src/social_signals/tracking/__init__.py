"""What was tried and which model is in charge, in MLflow: the only room that imports it, and only when it is used.

Does not belong here: what a metric means (`evaluation`), what a model is (`models`), or any decision that has to hold
without a tracking server: the folder of a model and the champion file beside it are what scoring reads.
"""

from social_signals.tracking.params import TrackingParams
from social_signals.tracking.runs import ModelRun, TrialRun, log_model_run

__all__ = ["ModelRun", "TrackingParams", "TrialRun", "log_model_run"]
