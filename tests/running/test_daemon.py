"""What the real daemon does when files land: sensors, exact days, records, conditions."""

from __future__ import annotations

import json
import urllib.request
from datetime import date, timedelta

from tests.running.conftest import Running, answers, until

LATE = date(2024, 3, 20)
NEWEST = date(2024, 4, 9)

RUNS = """{ runsOrError(limit: 50) { ... on Runs { results {
    status assetSelection { path } tags { key value } } } } }"""


def runs_of_the_sensor(running: Running) -> dict[str, tuple[str, str]]:
    """First and last partition made, by asset, of runs that the sensor launched."""
    request = urllib.request.Request(
        f"{running.dagster}/graphql",
        json.dumps({"query": RUNS}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as response:
        results = json.load(response)["data"]["runsOrError"]["results"]
    made = {}
    for run in results:
        tags = {tag["key"]: tag["value"] for tag in run["tags"]}
        if tags.get("forecast_platform/launched_by") == "follow_sensor":
            assert run["status"] in {"SUCCESS", "STARTED", "QUEUED", "STARTING", "NOT_STARTED"}
            for asset in run["assetSelection"] or []:
                made[asset["path"][-1]] = (
                    tags["dagster/asset_partition_range_start"],
                    tags["dagster/asset_partition_range_end"],
                )
    return made


def test_the_health_page_sees_the_daemon_at_work(running: Running) -> None:
    def metrics() -> str:
        with urllib.request.urlopen(f"{running.watch}/metrics") as answer:
            return str(answer.read().decode())

    ticked = 'forecast_platform_tick_failed{sensor="alert_sensor"} 0.0'
    until(lambda: answers(f"{running.watch}/health/live"), "the health page")
    until(lambda: ticked in metrics(), "a tick of the alert sensor")
    assert 'forecast_platform_heartbeat_age_seconds{daemon="SENSOR"}' in metrics()
    assert answers(f"{running.watch}/health")


def test_a_late_file_is_followed_to_the_newest_plan_and_no_further(running: Running) -> None:
    item = running.ask("home.read('validated_sales')['item_id'].unique().sort()[0]")
    before = running.ask("home.state().days('forecasts')")
    assert before == [str(NEWEST - timedelta(days=back)) for back in (2, 1, 0)]
    issued = "home.lake.ledger.history().filter(pl.col('table') == 'replenishment_plan').height"
    published = running.ask(issued)
    (running.home / "landing" / "sales" / "late-again.csv").write_text(
        f"date,item_id,location_id,units,unit_price,order_id\n{LATE},{item},S01,41,3.5,LATE-1\n"
    )
    # Another day of the plan published, and nothing stale: the daemon has followed to the end.
    until(lambda: running.ask(f"[{issued}, home.stale()]") == [published + 1, {}], "a new plan")

    assert running.ask("home.state().days('forecasts')") == before
    made = runs_of_the_sensor(running)
    assert made["validated_sales"] == (str(LATE), str(LATE))
    assert made["clean_demand"] == made["features"] == (str(LATE), str(NEWEST))
    assert made["forecasts"] == made["replenishment_plan"] == (str(NEWEST), str(NEWEST))
    assert "model_seasonal_naive" not in made

    # The condition of record_marks fires once forecasts were issued.
    marks = "home.read('record_marks')['origin'].unique().sort().to_list()"
    until(lambda: running.ask(marks), "marks of closed origins")
    assert running.ask(marks) == before[:-1]
