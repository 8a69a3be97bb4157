"""The tour runs from top to bottom on a real lakehouse, writes nothing, and is kept without outputs."""

from __future__ import annotations

import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.pipeline.conftest import BRIEF_JAVA

TOUR = Path(__file__).parents[2] / "notebooks" / "tour.ipynb"


def test_the_tour_is_kept_without_outputs() -> None:
    cells = [cell for cell in nbformat.read(TOUR, as_version=4).cells if cell.cell_type == "code"]
    assert cells
    assert [cell for cell in cells if cell.outputs or cell.execution_count is not None] == []


@pytest.mark.slow
def test_the_tour_runs_and_writes_nothing(sample_lakehouse: Path, tmp_path: Path) -> None:
    before = _contents(sample_lakehouse)
    tour = nbformat.read(TOUR, as_version=4)
    # Metastore and warehouse folders, should Spark want to make any, land in the temporary folder.
    client = NotebookClient(tour, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}})
    client.execute(env={**os.environ, "SOCIAL_SIGNALS_ROOT": str(sample_lakehouse), "JDK_JAVA_OPTIONS": BRIEF_JAVA})

    outputs = [output for cell in tour.cells if cell.cell_type == "code" for output in cell.outputs]
    assert [o for o in outputs if o.output_type == "error"] == []
    shown = [o.data for o in outputs if o.output_type in ("display_data", "execute_result")]
    tables = [data["text/html"] for data in shown if "<table" in str(data.get("text/html", ""))]
    figures = [data for data in shown if "application/vnd.plotly.v1+json" in data]
    assert len(tables) >= 7
    assert len(figures) == 2
    assert "silver.posts" in tables[0]
    assert _contents(sample_lakehouse) == before


def _contents(folder: Path) -> set[tuple[str, int]]:
    return {(str(path.relative_to(folder)), path.stat().st_size) for path in folder.rglob("*") if path.is_file()}
