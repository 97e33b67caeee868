"""Great Expectations Data Docs: the newest result of every table as a static site.

Saving a result costs milliseconds and belongs to a run; building the pages costs about a second
and belongs where a person asks for them, or at the end of a run.

Great Expectations' own index is drawn by scripts from the internet, so `tables.html` lists the
pages for a browser that has none.
"""

from __future__ import annotations

import datetime as dt
import html
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from forecast_platform.quality.check import QualityReport
from forecast_platform.quality.suite import great_expectations, new_context
from forecast_platform.storage import Place, StorePath, children, write_whole

_RESULTS, _JSON = "results", ".json"
_OVERVIEW_PAGE = "tables.html"
_SITE = "data_docs"
# A fixed run instead of the clock: a table's newest result replaces the one before.
_RUN = "newest"
_RUN_TIME = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)

_OVERVIEW = """\
<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Data quality</title>
<style>body {{ font-family: sans-serif }} td, th {{ padding: .2em 1em; text-align: left }}</style>
</head><body><h1>Data quality</h1>
<p>The newest check of every table against its contract.
<a href="index.html">Great Expectations' index</a> needs the internet.</p>
<table><tr><th>table</th><th>result</th><th>expectations that do not hold</th></tr>
{rows}
</table></body></html>
"""


def save_result(report: QualityReport, folder: Place) -> Place:
    """Keep the table's newest result for the next build; needs no Great Expectations."""
    path = folder / _RESULTS / f"{report.table}.json"
    write_whole(path, json.dumps(report.result).encode())
    return path


def build_data_docs(folder: Place) -> Place:
    """Build the pages of all saved results under `folder`.

    Returns:
        `tables.html`, which leads to every table's page.
    """
    results = [path for path in children(folder / _RESULTS) if path.name.endswith(_JSON)]
    if not isinstance(folder, StorePath):
        return _built(folder, results)
    with tempfile.TemporaryDirectory() as made:
        site = Path(made)
        _built(site, results)
        for path in sorted(site.rglob("*")):
            if path.is_file():
                (folder / path.relative_to(site).as_posix()).write_bytes(path.read_bytes())
    return folder / _OVERVIEW_PAGE


def _built(folder: Path, results: Sequence[Place]) -> Path:
    gx = great_expectations()
    from great_expectations.core.expectation_validation_result import (
        expectationSuiteValidationResultSchema,
    )
    from great_expectations.core.run_identifier import RunIdentifier
    from great_expectations.data_context.types.resource_identifiers import (
        ExpectationSuiteIdentifier,
        ValidationResultIdentifier,
    )

    context = new_context()
    context.add_data_docs_site(_SITE, _site(folder))
    overview = []
    for path in results:
        saved = _harmless(json.loads(path.read_text("utf-8")))
        table = path.name.removesuffix(_JSON)
        overview.append(_overview_row(table, saved))
        result = expectationSuiteValidationResultSchema.load(saved)
        configurations = [r.expectation_config for r in result.results]
        context.suites.add(gx.ExpectationSuite(name=table, expectations=configurations))
        key = ValidationResultIdentifier(
            expectation_suite_identifier=ExpectationSuiteIdentifier(table),
            run_id=RunIdentifier(run_name=_RUN, run_time=_RUN_TIME),
            batch_identifier=table,
        )
        context.validation_results_store.set(key, result)
    context.build_data_docs(site_names=[_SITE])
    page = folder / _OVERVIEW_PAGE
    page.write_text(_OVERVIEW.format(rows="\n".join(overview)), encoding="utf-8")
    return page


def table_page(table: str, folder: Place) -> Place:
    """Where the page of the table's newest result lies once it is built."""
    return folder / _page_of(table)


def _page_of(table: str) -> str:
    return f"validations/{table}/{_RUN}/{_RUN_TIME:%Y%m%dT%H%M%S.%fZ}/{table}.html"


def write_data_docs(reports: Sequence[QualityReport], folder: Place) -> Place:
    """Save the results of `reports` and build the pages; other tables keep their last result.

    Returns:
        `tables.html`, which leads to every table's page.
    """
    for report in reports:
        save_result(report, folder)
    return build_data_docs(folder)


def _site(folder: Path) -> dict[str, object]:
    return {
        "class_name": "SiteBuilder",
        "show_how_to_buttons": False,
        "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
        "store_backend": {
            "class_name": "TupleFilesystemStoreBackend",
            "base_directory": str(folder.absolute()),
        },
    }


def _harmless(saved: dict[str, Any]) -> dict[str, Any]:
    """The saved result with what it found in rows as text: Great Expectations escapes nothing."""
    for one in saved["results"]:
        one |= {name: _escaped(one.get(name)) for name in ("result", "exception_info")}
    return saved


def _escaped(value: Any) -> Any:
    if isinstance(value, str):
        return html.escape(value)
    if isinstance(value, dict):
        return {html.escape(name): _escaped(inside) for name, inside in value.items()}
    return [*map(_escaped, value)] if isinstance(value, list) else value


def _overview_row(table: str, result: dict[str, Any]) -> str:
    broken = [r["expectation_config"] for r in result["results"] if not r["success"]]
    named = [f"{c['type']}({c['kwargs'].get('column', '')}) {c['severity']}" for c in broken]
    cells = (
        f'<a href="{_page_of(table)}">{html.escape(table)}</a>',
        "holds" if result["success"] else f"{len(broken)} of {len(result['results'])} broken",
        html.escape("; ".join(named)),
    )
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"
