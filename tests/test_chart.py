"""The values for Dagster's Helm chart: what Dagster makes of them, and the chart itself if given.

FORECAST_PLATFORM_TEST_CHART names the chart's folder (`helm pull dagster/dagster --untar`).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml

from forecast_platform.defs.instance import configuration
from forecast_platform.settings import Settings

DOCKER = Path(__file__).resolve().parents[1] / "docker"
FILES = {
    "shared volume": [DOCKER / "kubernetes" / "values.yaml"],
    "object storage": [DOCKER / f"kubernetes{kind}" / "values.yaml" for kind in ("", "-storage")],
}
KUBERNETES_VERSION = "v1.31.0"
CHART = os.environ.get("FORECAST_PLATFORM_TEST_CHART", "")
needs_chart = pytest.mark.skipif(not CHART, reason="needs FORECAST_PLATFORM_TEST_CHART")

Yaml = dict[str, Any]


def merged(below: Yaml, above: Yaml) -> Yaml:
    """As Helm puts values together: maps key by key, all else replaced."""
    both = {
        key: merged(below[key], value)
        if isinstance(value, dict) and isinstance(below.get(key), dict)
        else value
        for key, value in above.items()
    }
    return {**below, **both}


def values(kind: str = "shared volume") -> Yaml:
    together: Yaml = {}
    for file in FILES[kind]:
        together = merged(together, yaml.safe_load(file.read_text()))
    return together


def volumes(kind: str) -> tuple[Yaml, list[list[Yaml]]]:
    """The values without the volumes of the code location and of run pods, and those."""
    ours = values(kind)
    (code,) = ours["dagster-user-deployments"]["deployments"]
    launcher = ours["runLauncher"]["config"]["k8sRunLauncher"]
    return ours, [part.pop("volumes") for part in (code, launcher)]


def test_without_a_shared_volume_nothing_but_volumes_differs() -> None:
    (shared, _), (stored, (code, run)) = map(volumes, FILES)
    assert stored == shared
    assert code == run
    assert [volume["name"] for volume in code if "persistentVolumeClaim" in volume] == []


def test_runs_wait_in_a_queue_as_embedded(tmp_path: Path) -> None:
    ours = values()
    coordinator = ours["dagsterDaemon"]["runCoordinator"]
    assert (coordinator["enabled"], coordinator["type"]) == (True, "CustomRunCoordinator")
    for name, config in {
        "chart": ours["additionalInstanceConfig"]
        | {"run_coordinator": coordinator["config"]["customRunCoordinator"]},
        "embedded": {"concurrency": configuration(Settings(home=tmp_path))["concurrency"]},
    }.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "dagster.yaml").write_text(yaml.safe_dump(config))
    with (
        dg.DagsterInstance.from_config(str(tmp_path / "chart")) as chart,
        dg.DagsterInstance.from_config(str(tmp_path / "embedded")) as embedded,
    ):
        assert isinstance(chart.run_coordinator, dg.QueuedRunCoordinator)
        assert type(chart.run_coordinator) is type(embedded.run_coordinator)
        assert chart.get_concurrency_config() == embedded.get_concurrency_config()


def test_what_failed_is_tried_again_as_embedded(tmp_path: Path) -> None:
    embedded = configuration(Settings(home=tmp_path))["run_retries"]
    chart = values()["dagsterDaemon"]["runRetries"]
    assert chart == {"enabled": embedded["enabled"], "maxRetries": embedded["max_retries"]}


@needs_chart
@pytest.mark.parametrize("kind", FILES)
def test_values_fit_the_schema_of_the_chart(kind: str) -> None:
    kubernetes_validate = pytest.importorskip("kubernetes_validate", reason="needs the dev extra")
    import jsonschema
    from referencing import Registry, Resource
    from referencing.jsonschema import DRAFT202012

    schemas = Path(kubernetes_validate.__file__).parent / "kubernetes-json-schema"
    known = json.loads((schemas / f"{KUBERNETES_VERSION}-local/_definitions.json").read_text())
    definitions = {"definitions": known["$defs"], "$defs": known["$defs"]}
    # The chart's schema names those of Kubernetes by their address on the web.
    registry = Registry(retrieve=lambda _: Resource(definitions, DRAFT202012))  # type: ignore[call-arg]
    schema = json.loads((Path(CHART) / "values.schema.json").read_text())
    checked = merged(yaml.safe_load((Path(CHART) / "values.yaml").read_text()), values(kind))
    validator = jsonschema.validators.validator_for(schema, jsonschema.Draft202012Validator)
    problems = validator(schema, registry=registry).iter_errors(checked)
    assert [f"{one.json_path}: {one.message}" for one in problems] == []


@needs_chart
@pytest.mark.parametrize("kind", FILES)
def test_the_chart_makes_objects_of_the_values(kind: str) -> None:
    if shutil.which("helm") is None:
        pytest.skip("needs helm")
    checker = pytest.importorskip("kubernetes_validate", reason="needs the dev extra")
    done = subprocess.run(
        ["helm", "template", "dagster", CHART, "--namespace", "forecast-platform",
         *(word for file in FILES[kind] for word in ("--values", file))],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    objects = {
        (one["kind"], one["metadata"]["name"]): one
        for one in yaml.safe_load_all(done.stdout)
        if one
    }
    for one in objects.values():
        checker.validate(one, KUBERNETES_VERSION.strip("v"), strict=True)
    instance = yaml.safe_load(objects["ConfigMap", "dagster-instance"]["data"]["dagster.yaml"])
    assert instance["run_coordinator"]["class"] == "QueuedRunCoordinator"
    assert instance["concurrency"] == values()["additionalInstanceConfig"]["concurrency"]
    assert instance["run_launcher"]["class"] == "K8sRunLauncher"
    (code,) = values(kind)["dagster-user-deployments"]["deployments"]
    ((_, server),) = [
        each
        for each in objects.items()
        if each[0][0] == "Deployment" and code["name"] in each[0][1]
    ]
    assert server["spec"]["template"]["spec"]["volumes"] == code["volumes"]
    for part in ("dagsterWebserver", "dagsterDaemon"):
        (mount,) = values(kind)[part]["volumeMounts"]
        role = part.removeprefix("dagster").lower()
        ((_, server),) = [
            each for each in objects.items() if each[0][0] == "Deployment" and role in each[0][1]
        ]
        assert mount in server["spec"]["template"]["spec"]["containers"][0]["volumeMounts"]
