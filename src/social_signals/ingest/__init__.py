"""Raw records into bronze as received, and from there into clean silver rows, one a key; nothing that arrives is lost.

In = accepted + duplicates + quarantined, per batch and table. A batch is landed once and merged once; a run that dies is
completed by the next one.

Add here: a source, as a function that returns its datasets and flows (`source.Opened`; see `stackexchange`), named in
`sources.open_source`; a check of a contract, as one function in `checks`.
Needs care: the meaning of a silver column (contract in `tables.silver`), and `ingested_ts`, the second clock.
Does not belong here: reading and writing tables (`jobs.ingest`), features and models, who consented (`governance`).
"""

from social_signals.ingest.params import FilesSource, IngestParams, SampleSource, StackExchangeSource, TablesSource
from social_signals.ingest.source import Opened
from social_signals.ingest.sources import open_source

__all__ = [
    "FilesSource",
    "IngestParams",
    "Opened",
    "SampleSource",
    "StackExchangeSource",
    "TablesSource",
    "open_source",
]
