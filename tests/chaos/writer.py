"""One of two processes that write a table in the same moment, round after round.

    python -m tests.chaos.writer FOLDER NAME OTHER ROUNDS SLICE...

In each round the rows are worked out only when the transactions of both are open, which each says by a file. Prints a line of JSON
for each round: whether it was written, or by whom it was not.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.unit.tables.test_conflicts import SCORES


def main() -> int:
    folder, name, other, rounds, *slices = sys.argv[1:]
    from social_signals.core.errors import WriteConflictError
    from social_signals.core.session import PlatformParams, make_session
    from social_signals.core.times import parse_instant
    from social_signals.tables.catalog import Catalog
    from social_signals.tables.store import CatalogParams

    conf = {"spark.ui.enabled": "false"}
    spark = make_session(
        PlatformParams(master="local[1]", driver_memory="1g", shuffle_partitions=1, conf=conf), app_name=name
    )
    told = Path(folder)
    for number in range(int(rounds)):
        catalog = Catalog(spark, CatalogParams(root=str(told / "lakehouse")), run_id=f"{name}-{number}")
        as_of = parse_instant(slices[number % len(slices)])

        def meet(frames: Iterator[Any], number: int = number) -> Iterator[Any]:
            import time

            (told / f"{name}-{number}").touch()
            until = time.monotonic() + 120
            while not (told / f"{other}-{number}").exists():
                if time.monotonic() > until:
                    raise TimeoutError("the other one never came")
                time.sleep(0.005)
            yield from frames

        rows = spark.createDataFrame([(as_of, f"{name}-{i}", number) for i in range(5)], SCORES.schema)
        try:
            catalog.replace_slice(SCORES, rows.coalesce(1).mapInPandas(meet, SCORES.schema), as_of=as_of)
            answer = {"round": number, "written": True}
        except WriteConflictError as error:
            answer = {"round": number, "written": False, "code": error.exit_code, "problem": error.problem}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
