"""The pages in a real browser: lineage, an asset, its checks, a backfill launched by clicking."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.running.conftest import CHROMIUM, Running, until

playwright = pytest.importorskip("playwright.sync_api", reason="needs the dev extra")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium (Debian package chromium)"),
]
_FLAGS = [
    "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


@pytest.fixture(scope="module")
def page() -> Iterator[object]:
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=_FLAGS)
        page = browser.new_page(viewport={"width": 1900, "height": 1000})
        page.set_default_timeout(60_000)
        yield page
        browser.close()


def test_lineage_reads_left_to_right_by_groups(running: Running, page) -> None:
    page.goto(f"{running.dagster}/asset-groups")
    left = -1.0
    for group in ("raw", "validated", "clean", "features", "models", "forecasts", "replenishment"):
        box = page.locator("svg").get_by_text(group, exact=True).first.bounding_box()
        assert box["x"] > left, f"{group} lies left of the stage before it"
        left = box["x"]


def test_an_asset_says_what_it_is(running: Running, page) -> None:
    page.goto(f"{running.dagster}/assets/clean_demand?view=overview")
    for text in (
        "Demand, price, promotion and stock of every item on offer, every day.",
        "data-engineering",
        "demand_winsorised",
        "Units returned or cancelled. [units]",
        "Row count",
    ):
        page.get_by_text(text).first.wait_for()


def test_checks_give_their_reasons(running: Running, page) -> None:
    page.goto(f"{running.dagster}/assets/validated_sales?view=checks&checkDetail=nothing_lost")
    for text in ("nothing_lost", "expectations", "exact_duplicates", "Every landed row"):
        page.get_by_text(text).first.wait_for()


def test_a_backfill_of_60_days_is_launched_by_clicking(running: Running, page) -> None:
    made = "home.lake.ledger.history().filter(pl.col('table') == 'features').height"
    before = running.ask(made)
    page.goto(f"{running.dagster}/assets/features?view=partitions")
    page.get_by_role("button", name="Materialize").first.click()
    box = page.locator("[role=dialog] input[type=text], .bp5-dialog input[type=text]").first
    box.wait_for()
    # Of a long history the dialog offers the newest days only, until it is asked for all.
    if page.get_by_text("Show all partitions").count():
        page.get_by_text("Show all partitions").click()
    box.fill("[2024-02-01...2024-03-31]")
    box.press("Enter")
    page.get_by_role("button", name="Launch backfill").last.click()
    until(lambda: running.ask(made) == before + 60, "60 days of features")


def test_mlflow_shows_the_registered_champion(running: Running, page) -> None:
    page.goto(f"{running.mlflow}/#/models")
    page.get_by_text("forecast-seasonal_naive").first.wait_for()
