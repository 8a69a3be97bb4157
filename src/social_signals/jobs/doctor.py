"""`doctor`: what is here, whether it fits together, and for each mismatch what to do."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table as RichTable

from social_signals.core import machine
from social_signals.core.errors import ResourceError, SocialSignalsError
from social_signals.core.machine import BAD, OK, Finding
from social_signals.jobs.job import Context, Job, Outcome
from social_signals.tables.ops import RUNS


@dataclass
class DoctorJob(Job):
    """The common settings; `platform` and `catalog` say what to examine."""


SCHEMA = DoctorJob


def run(job: DoctorJob, context: Context) -> Outcome:
    """Prints versions, jars, devices, slots, disk and catalog reachability; exit code 5 where something does not fit."""
    spark = context.spark
    pythons: list[machine.TaskPython] = []

    def of_workers() -> list[Finding]:
        pythons.extend(machine.task_pythons(spark))
        return machine.worker_findings(pythons)

    findings = machine.examined(
        machine.python_findings,
        machine.java_findings,
        lambda: machine.spark_findings(spark),
        of_workers,
        lambda: machine.jar_findings(spark),
        lambda: machine.device_findings(wanted=job.platform.device),
        lambda: machine.disk_findings([Path.cwd(), context.catalog.file()]),
        lambda: _catalog_findings(context),
    )
    _show(findings)
    bad = [f for f in findings if f.state == BAD]
    if bad:
        raise ResourceError(
            f"{len(bad)} of {len(findings)} findings do not fit: {', '.join(f.subject for f in bad)}",
            hint="; ".join(f"{f.subject}: {f.advice}" for f in bad),
        )
    counts = {state: sum(f.state == state for f in findings) for state in (OK, machine.WARN, BAD)}
    where = [{"host": one.host, "prefix": one.prefix, "version": one.version} for one in pythons]
    return Outcome(metrics={"doctor": counts | {"task_pythons": where}}, device=job.platform.device)


def _catalog_findings(context: Context) -> list[Finding]:
    catalog = context.catalog
    where = catalog.params.root if catalog.params.kind == "path" else f"metastore {catalog.params.name or 'default'}"
    try:
        catalog.require_writable()
        runs = f"ledger at version {catalog.version(RUNS)}" if catalog.exists(RUNS) else "no run yet"
    except SocialSignalsError as error:
        return [Finding(f"Catalog {where}", error.problem, BAD, error.hint)]
    return [Finding(f"Catalog {where}", f"reachable and writable, {runs}")]


def _show(findings: list[Finding]) -> None:
    colours = {OK: "green", machine.WARN: "yellow", BAD: "bold red"}
    table = RichTable(title="social-signals doctor", title_justify="left")
    for name in ("", "found", "what to do"):
        table.add_column(name, overflow="fold")
    for f in findings:
        table.add_row(f.subject, f"[{colours[f.state]}]{f.found}[/]", f.advice)
    # A pipe has no width of its own; 160 columns keep a finding on a line.
    Console(file=sys.stdout, width=None if sys.stdout.isatty() else 160).print(table)
