"""Measures everything in one run: `python -m benchmarks.run [--cases m5,demo] [--data FOLDER]`.

Prints the table and, unless told otherwise, writes it to docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from benchmarks import report
from benchmarks.cases import CASES, Bench, Line, SkippedError
from benchmarks.runs import ROOT

_PAGE = ROOT / "docs" / "benchmarks.md"
_DATA = Path(os.environ.get("FORECAST_PLATFORM_REAL_DATA", ROOT.parent / "shared" / "data"))


def main(words: list[str] | None = None) -> None:
    """Measure the chosen cases."""
    chosen = _arguments().parse_args(words)
    wanted = chosen.cases.split(",") if chosen.cases else list(CASES)
    if unknown := sorted(set(wanted) - set(CASES)):
        sys.exit(f"Unknown cases {unknown}: expected some of {', '.join(CASES)}.")
    page = chosen.out or (_PAGE if not chosen.cases else None)
    with tempfile.TemporaryDirectory(prefix="benchmarks-", dir=chosen.work) as work:
        text = measured(_bench(chosen, Path(work)), wanted)
    print(text)
    if page:
        page.write_text(text)
        print(f"Written to {page}")


def measured(bench: Bench, wanted: list[str]) -> str:
    """The page of the wanted cases; what cannot be measured here is skipped with its reason."""
    lines: list[Line] = []
    skipped: dict[str, str] = {}
    for name in wanted:
        print(f"measuring {name}", file=sys.stderr, flush=True)
        try:
            found = list(CASES[name](bench))
        except SkippedError as reason:
            skipped[name] = str(reason)
            continue
        print(report.table(found), file=sys.stderr, flush=True)
        lines += found
    return report.page(lines, skipped, bench.profiles)


def _bench(chosen: argparse.Namespace, work: Path) -> Bench:
    return Bench(
        work=work,
        data=chosen.data if chosen.data.is_dir() else None,
        shop=chosen.shop,
        models=tuple(chosen.models.split(",")) if chosen.models else None,
        items=chosen.items,
        locations=chosen.locations,
        days=chosen.days,
        issued=chosen.issued,
        backfill_days=chosen.backfill_days,
        repeats=chosen.repeats,
    )


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add = parser.add_argument
    add("--cases", default="", help=f"some of {', '.join(CASES)}, joined by commas; default all")
    add("--data", type=Path, default=_DATA, help="folder of the public data sets")
    add("--shop", choices=["demo", "m5"], default="demo", help="where single days arrive")
    add("--models", default="", help="families to train, joined by commas; default the settings'")
    add("--out", type=Path, help="page to write; default docs/benchmarks.md when all cases run")
    add("--work", type=Path, help="folder for scratch files; default the system's")
    for name, value in (("items", 200), ("locations", 3), ("days", 730), ("issued", 28),
                        ("backfill-days", 365), ("repeats", 3)):  # fmt: skip
        add(f"--{name}", type=int, default=value)
    return parser


if __name__ == "__main__":
    main()
