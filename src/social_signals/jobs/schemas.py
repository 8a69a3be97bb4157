"""The kinds that a config group may hold: Hydra learns them at the door, `conf/<group>/<kind>.yaml` starts from them."""

from __future__ import annotations

from social_signals.ingest.params import FilesSource, SampleSource, StackExchangeSource, TablesSource

SOURCES: dict[str, type] = {
    "sample": SampleSource,
    "stackexchange": StackExchangeSource,
    "files": FilesSource,
    "tables": TablesSource,
}

GROUP_SCHEMAS: dict[str, dict[str, type]] = {"source": SOURCES}
