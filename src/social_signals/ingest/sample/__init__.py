"""Generated world."""

from social_signals.ingest.sample.params import SampleParams
from social_signals.ingest.sample.tables import sample_tables, sample_truth

__all__ = ["SampleParams", "sample_tables", "sample_truth"]
