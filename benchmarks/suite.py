"""Every claim about speed and growth, measured one after another; `docs/benchmarks.md`, its chart and its JSON made anew from that.

    python benchmarks/suite.py [--only NAME ...] [--quick] [--render] [--list]

Runs the scripts of `CLAIMS`, each in a process of its own, and keeps the last line of each (JSON) in docs/benchmarks.json as soon as it is
there, so that a run that is broken off loses only what it was at; `--only` measures some of them anew. Each result says when and on how many
cores it was measured. `--quick` tries all of them at sizes that say nothing about speed and writes no page. `--render` draws the page from what
the JSON holds. The last line is JSON: how many ran, failed and were left out for want of data or a library, and `ratio`, the largest ratio of ours
over a limit that a claim names, so that above 1 a claim does not hold.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
DOCS = HERE.parent / "docs"
RESULTS, PAGE, CHART = DOCS / "benchmarks.json", DOCS / "benchmarks.md", DOCS / "images" / "benchmarks.svg"
BEGIN, END = "<!-- made by benchmarks/suite.py: begin -->", "<!-- end -->"


@dataclass(frozen=True)
class Claim:
    """What a script shows. value: where its line has the number that the page shows; limit: the most that is claimed of it.
    kind: speed, growth or quality. read_from: an earlier claim whose run has this number too.
    """

    name: str
    script: str
    what: str
    against: str
    arguments: Sequence[str] = ()
    quick: Sequence[str] = ()
    value: Sequence[str] = ("ratio",)
    limit: float | None = None
    kind: str = "speed"
    read_from: str = ""


CLAIMS = (
    Claim(
        "annotate", "nlp_throughput.py", "`annotate`, sentiment and entities of tweets",
        "a plain onnxruntime loop, the same weights, sorted by length, its best batch size", quick=("--posts", "200", "--rounds", "1"),
    ),
    Claim(
        "score", "score.py", "`score_churn`, Delta to Delta, calibrated and in tenths",
        "pyarrow and XGBoost's `inplace_predict` on the same files", quick=("--rows", "20000", "--rounds", "1"),
    ),
    Claim(
        "train", "train.py", "distributed training, Delta to model, 100 trees", "XGBoost's `QuantileDMatrix` from Arrow, the same files",
        quick=("--rows", "20000", "--rounds", "1"),
    ),
    Claim(
        "features", "features.py", "one slice of everybody, Delta to Delta, 156 features",
        "one DuckDB query on the same files for the 139 that come of posts and interactions alone", ("--runs", "1"),
        ("--events", "50000", "--runs", "1"),
    ),
    Claim(
        "renewal", "features.py", "the slice brought up to date after 1 % late events", "our own full build, the same bytes",
        ("--part", "incremental", "--events", "4000000", "--runs", "1"), ("--part", "incremental", "--events", "50000", "--runs", "1"),
    ),
    Claim(
        "pagerank", "pagerank.py", "PageRank, Delta to Delta, to 1e-9", "pyarrow, pandas and igraph (PRPACK) on the same files",
        ("--rounds", "1"), ("--edges", "20000", "100000", "--rounds", "1"),
    ),
    Claim(
        "pagerank_growth", "pagerank.py", "PageRank, 16 times the edges", "linear growth", ("--rounds", "1"), ("--edges", "20000", "100000", "--rounds", "1"), ("growth",), 1.2,
        "growth", "pagerank",
    ),
    Claim(
        "influence_pairs", "influence_pairs.py", "1 - ROC AUC of labelled pairs", "a LightGBM tuned on the folds that it is judged on",
        ("--trials", "12"), ("--trials", "2"), kind="quality",
    ),
    Claim(
        "telco", "telco.py", "1 - ROC AUC of a table of contracts", "a tuned plain XGBoost on the same rows", (), ("--trials", "2"),
        kind="quality",
    ),
    Claim(
        "workers", "workers.py", "two workers of one core, annotate and features", "half the time of one",
        quick=("--posts", "100", "--events", "50000", "--rounds", "1"), limit=1 / 0.85, kind="growth",
    ),
    Claim(
        "skew", "skew.py", "jobs where a creator has 10 %, an author 5 % and a day half of it all", "the same jobs on as many even rows",
        quick=("--events", "10000"), limit=1.5, kind="growth",
    ),
    Claim(
        "scale", "scale.py", "the job that grows most, 16 times the rows", "linear growth", quick=("--events", "2000"),
        value=("worst", "ratio"), limit=1.2, kind="growth",
    ),
    Claim(
        "memory", "scale.py", "memory at 16 times the rows", "what the platform gives", quick=("--events", "2000"),
        value=("memory_ratio",), limit=1.0, kind="growth", read_from="scale",
    ),
)  # fmt: skip


def measure(claim: Claim, *, quick: bool) -> dict[str, Any]:
    """The last line of a script, with how long it took; `{"left_out": why}` or `{"failed": exit code}` where there is none."""
    line = [sys.executable, str(HERE / claim.script), *(claim.quick if quick else claim.arguments)]
    print(f"{claim.name}: {' '.join(line[1:])}", file=sys.stderr, flush=True)
    started = time.monotonic()
    done = subprocess.run(line, stdout=subprocess.PIPE, text=True, check=False)
    said = done.stdout.strip().splitlines()
    if done.returncode != 0:
        return {"failed": done.returncode}
    try:
        result = dict(json.loads(said[-1]))
    except (IndexError, ValueError):
        return {"left_out": said[-1] if said else "it said nothing"}
    return {
        **result,
        "measured": datetime.now(timezone.utc).isoformat(timespec="minutes"),
        "took_s": round(time.monotonic() - started),
        "arguments": list(claim.arguments),
    }


def value_of(claim: Claim, result: Mapping[str, Any]) -> float | None:
    found: Any = result
    for key in claim.value:
        found = found.get(key) if isinstance(found, Mapping) else None
    return None if found is None else float(found)


def table(results: Mapping[str, Mapping[str, Any]]) -> str:
    """The results as a table of Markdown, claim by claim."""
    lines = ["| what | against | ratio | ours | theirs | rows | measured |", "|---|---|---|---|---|---|---|"]
    for claim in CLAIMS:
        result = results.get(claim.name, {})
        value = value_of(claim, result)
        if value is None:
            continue
        limit = f" (at most {claim.limit:.2f})" if claim.limit else ""
        times = [f"{result[key]:,} s" if key in result and claim.kind == "speed" else "" for key in ("ours_s", "theirs_s")]  # fmt: skip
        rows = f"{result['rows']:,}" if isinstance(result.get("rows"), int) else ""
        what = f"`{claim.script}`: {claim.what}"
        cells = [what, claim.against, f"**{value:.2f}**{limit}", *times, rows, str(result.get("measured", ""))[:10]]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def chart(results: Mapping[str, Mapping[str, Any]], path: Path) -> None:
    """The ratios as bars on a logarithmic axis, one line at 1: left of it ours is faster, grows slower or errs less."""
    import matplotlib as mpl

    mpl.use("svg")
    import matplotlib.pyplot as plt

    # The same results draw the same file.
    mpl.rcParams["svg.hashsalt"] = "social-signals"
    shown = [(claim, value_of(claim, results.get(claim.name, {}))) for claim in CLAIMS]
    bars = [(claim, value) for claim, value in shown if value is not None][::-1]
    colours = {"speed": "#31688e", "growth": "#35b779", "quality": "#b5651d"}
    figure, axes = plt.subplots(figsize=(10, 0.5 * len(bars) + 1.2))
    for place, (claim, value) in enumerate(bars):
        axes.barh(place, value - 1, left=1, height=0.55, color=colours[claim.kind])
        side = "left" if value >= 1 else "right"
        # beside the mark where the bar ends before it: the figure would lie across it
        end = max(value, claim.limit or value) if value >= 1 else value
        axes.annotate(f"{value:.2f}", (end, place), (4 if value >= 1 else -4, 0), textcoords="offset points", va="center", ha=side)  # fmt: skip
        if claim.limit:
            axes.plot([claim.limit] * 2, [place - 0.35, place + 0.35], color="#c0392b", linewidth=2)
    axes.axvline(1, color="#333333", linewidth=1)
    axes.set_xscale("log")
    least = min([0.4, *(value for _, value in bars)])
    ticks = {0.1: "a tenth", 0.25: "a quarter", 0.5: "half", 1: "1", 2: "twice", 4: "4 times"}
    axes.set_xlim(0.5 * least, 4.5)
    axes.set_xticks(*zip(*((place, name) for place, name in ticks.items() if place >= 0.5 * least), strict=True))
    axes.minorticks_off()
    axes.set_yticks(range(len(bars)), [claim.what.replace("`", "") for claim, _ in bars])
    figure.suptitle("Ours over theirs; a red mark is the most that is claimed", fontsize=11)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def render(results: Mapping[str, Mapping[str, Any]]) -> None:
    """The page's part between the two marks, and its chart."""
    head, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
    _, _, tail = rest.partition(END)
    made = f"{BEGIN}\n{table(results)}\n\n![Ratios](images/benchmarks.svg)\n{END}"
    PAGE.write_text(head + made + tail, "utf-8")
    chart(results, CHART)


def main() -> None:
    """Measure, keep, draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [claim.name for claim in CLAIMS]
    parser.add_argument("--only", nargs="+", choices=names, default=names, metavar="NAME", help=", ".join(names))
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--render", action="store_true")
    parser.add_argument("--list", action="store_true")
    chosen = parser.parse_args()
    if chosen.list:
        print("\n".join(f"{claim.name}: {claim.what}, against {claim.against}" for claim in CLAIMS))
        return
    kept = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {}
    fresh: dict[str, dict[str, Any]] = {}
    for claim in () if chosen.render else CLAIMS:
        if claim.name not in chosen.only:
            continue
        fresh[claim.name] = fresh.get(claim.read_from) or measure(claim, quick=chosen.quick)
        if not chosen.quick and not {"failed", "left_out"} & set(fresh[claim.name]):
            kept[claim.name] = {**fresh[claim.name], "machine_cores": os.cpu_count()}
            RESULTS.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n", "utf-8")
    if not chosen.quick:
        render(kept)
    held = [v / c.limit for c in CLAIMS if c.limit and (v := value_of(c, fresh.get(c.name, {}))) is not None]
    counts = {what: [n for n, r in fresh.items() if what in r] for what in ("failed", "left_out")}
    print(json.dumps({"benchmark": "suite", "ratio": round(max(held, default=0), 3), "ran": len(fresh), **counts}))
    raise SystemExit(1 if counts["failed"] else 0)


if __name__ == "__main__":
    main()
