"""OpenLineage: which job read and wrote which table, column by column, told to a catalog of data (Marquez, DataHub, OpenMetadata)."""

from __future__ import annotations

from dataclasses import dataclass

from social_signals.core.errors import ConfigError, did_you_mean

OFF, HTTP, FILE, CONSOLE = "off", "http", "file", "console"
TRANSPORTS = (OFF, HTTP, FILE, CONSOLE)
LISTENER = "io.openlineage.spark.agent.OpenLineageSparkListener"
LISTENERS = "spark.extraListeners"
# For Spark 3.5 and Scala 2.12; everything that it needs is in the one jar, 33 MB.
PACKAGE = "io.openlineage:openlineage-spark_2.12:1.25.0"
# A plan quotes literals, and with them what was asked of whom; rows that a driver made are in it whole.
_FACETS_WITH_DATA = ("spark.logicalPlan", "spark_unknown")


@dataclass
class LineageParams:
    """Whether and where Spark's own OpenLineage listener sends its events.

    transport: off, http (to `url`, for example http://marquez:5000), file (a line of JSON each, appended to `location` on the
    driver) or console (the driver's log). What else a transport takes (keys, headers, Kafka) is set as
    spark.openlineage.* in platform.conf. namespace: under which jobs are listed there.
    """

    transport: str = OFF
    url: str | None = None
    location: str | None = None
    namespace: str = "social-signals"

    def __post_init__(self) -> None:
        if self.transport not in TRANSPORTS:
            raise ConfigError(
                f"platform.lineage.transport is {self.transport!r}", hint=did_you_mean(self.transport, list(TRANSPORTS))
            )
        for transport, name in ((HTTP, "url"), (FILE, "location")):
            if self.transport == transport and not getattr(self, name):
                raise ConfigError(
                    f"platform.lineage.transport is {transport}, and platform.lineage.{name} is not set",
                    hint=f"say where the events go: platform.lineage.{name}=...",
                )

    @property
    def packages(self) -> list[str]:
        return [] if self.transport == OFF else [PACKAGE]


def lineage_settings(lineage: LineageParams, *, listeners: str = "") -> dict[str, str]:
    """Spark's settings; none where lineage is off. listeners: those that the platform names itself, which stay.

    >>> lineage_settings(LineageParams("http", url="http://marquez:5000"), listeners="org.example.Ours")[LISTENERS]
    'org.example.Ours,io.openlineage.spark.agent.OpenLineageSparkListener'
    """
    if lineage.transport == OFF:
        return {}
    named = [name for name in listeners.split(",") if name and name != LISTENER]
    optional = {"url": lineage.url, "location": lineage.location}
    return {
        LISTENERS: ",".join([*named, LISTENER]),
        "spark.openlineage.transport.type": lineage.transport,
        "spark.openlineage.namespace": lineage.namespace,
        **{f"spark.openlineage.transport.{name}": value for name, value in optional.items() if value},
        **{f"spark.openlineage.facets.{name}.disabled": "true" for name in _FACETS_WITH_DATA},
    }
