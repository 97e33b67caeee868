"""What `docker/` says is what the platform has: names, ports, settings, images, schemas."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from forecast_platform import cli, servers
from forecast_platform.cli import app
from forecast_platform.defs.instance import prepare
from forecast_platform.errors import ConfigurationError
from forecast_platform.servers import Addresses, Server
from forecast_platform.settings import Settings
from forecast_platform.settings import settings as settings_of_process

ROOT = Path(__file__).resolve().parents[1]
DOCKER = ROOT / "docker"
KUBERNETES = DOCKER / "kubernetes"
DOCKERFILE = (DOCKER / "Dockerfile").read_text()
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
SECRETS = "FORECAST_PLATFORM_SECRETS_DIR"
KUBERNETES_VERSION = "1.31"
CONTAINERS = ROOT / "docs" / "containers.md"
CLUSTER = (ROOT / "docs" / "kubernetes.md").read_text()

Yaml = dict[str, Any]


def read(path: Path) -> Yaml:
    return yaml.safe_load(path.read_text())


def manifests() -> Iterator[Yaml]:
    """The objects that are applied beside the chart's."""
    for name in read(KUBERNETES / "kustomization.yaml")["resources"]:
        yield from yaml.safe_load_all((KUBERNETES / name).read_text())


COMPOSE = read(DOCKER / "compose.yaml")
SERVICES: Yaml = COMPOSE["services"]
OWN = {
    name: service for name, service in SERVICES.items() if "forecast-platform" in service["image"]
}
VALUES = read(KUBERNETES / "values.yaml")
(CODE,) = VALUES["dagster-user-deployments"]["deployments"]
LAUNCHER = VALUES["runLauncher"]["config"]["k8sRunLauncher"]


@pytest.fixture
def secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FORECAST_PLATFORM_HOME", str(tmp_path / "home"))
    monkeypatch.setenv(SECRETS, str(tmp_path))
    (tmp_path / "forecast_platform_database_url").write_text("postgresql://shop:sesame@host/db\n")
    return tmp_path


def test_a_setting_is_read_from_a_file_of_its_name(secrets: Path) -> None:
    address = Settings().database_url
    assert address
    assert address.get_secret_value() == "postgresql://shop:sesame@host/db"


def test_the_environment_comes_before_the_file_and_the_home_after_it(
    secrets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (secrets / "home").mkdir()
    (secrets / "home" / "settings.toml").write_text('currency = "GBP"\nseed = 3\n')
    (secrets / "forecast_platform_currency").write_text("EUR\n")
    assert (Settings().currency, Settings().seed) == ("EUR", 3)
    monkeypatch.setenv("FORECAST_PLATFORM_CURRENCY", "CHF")
    assert Settings().currency == "CHF"


def test_secrets_that_are_not_mounted_are_missed(
    secrets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SECRETS, str(secrets / "elsewhere"))
    with pytest.raises(ConfigurationError, match="elsewhere, which is no folder"):
        Settings()


@pytest.mark.parametrize("name", OWN)
def test_a_container_runs_a_command_of_the_program(name: str) -> None:
    program, *words = OWN[name]["command"]
    assert program == "forecast-platform"
    only = words[words.index("--only") + 1]
    assert only in {*Server}
    assert only in name
    options = CliRunner().invoke(app, [words[0], "--help"]).output
    assert [word for word in words if word.startswith("--") and word not in options] == []


@pytest.mark.parametrize("name", OWN)
def test_a_container_has_the_home_its_secret_and_no_rights(name: str) -> None:
    service = OWN[name]
    home = re.search(r"FORECAST_PLATFORM_HOME=(\S+)", DOCKERFILE)
    assert home
    state, secrets = service["volumes"]
    assert state == f"home:{home[1]}"
    assert (secrets["type"], secrets["source"]) == ("bind", "./secrets/platform")
    assert secrets["read_only"]
    assert secrets["bind"] == {"create_host_path": False}
    assert service["environment"] == {SECRETS: secrets["target"]}
    assert service["env_file"] == [{"path": "./secrets/platform.env", "required": False}]
    assert "secrets" not in service
    assert service["cap_drop"] == ["ALL"]
    assert VERSION in service["image"]


@pytest.mark.parametrize("name", SERVICES)
def test_a_container_is_restarted_and_asked_for_its_health(name: str) -> None:
    service = SERVICES[name]
    assert service["restart"] == "unless-stopped"
    assert service["healthcheck"]["test"][0] == "CMD"
    for needed, how in service.get("depends_on", {}).items():
        assert how["condition"] == "service_healthy"
        assert how.get("required", True) is ("profiles" not in SERVICES[needed])


def test_no_password_is_written_down() -> None:
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            assert "PASSWORD" not in name or value.startswith("/run/secrets/")
        assert {*service.get("secrets", ())} <= {*COMPOSE["secrets"]}
    assert all(secret["file"].startswith("./secrets/") for secret in COMPOSE["secrets"].values())
    kept = ["postgres_password", "platform.env", "platform/forecast_platform_smtp_url"]
    asked = ["git", "check-ignore", *(f"docker/secrets/{name}" for name in kept)]
    ignored = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=False)
    assert len(ignored.stdout.split()) == len(kept)
    assert [object["kind"] for object in manifests() if object["kind"] == "Secret"] == []


def commands_of(page: str) -> str:
    """What docs/containers.md types before compose starts, then what it lands."""
    (block,) = re.findall(r"```sh\n(mkdir.*?)```", page, re.DOTALL)
    return str(block)


def test_the_secrets_that_the_docs_make_are_those_that_are_mounted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl")
    (tmp_path / "docker" / "secrets").mkdir(parents=True)
    before = commands_of(CONTAINERS.read_text()).partition("docker compose")[0]
    subprocess.run(["bash", "-euc", before], cwd=tmp_path, check=True)
    for secret in COMPOSE["secrets"].values():
        assert (tmp_path / "docker" / secret["file"]).stat().st_mode & 0o777 == 0o644
    mounted = tmp_path / "docker" / OWN["code"]["volumes"][1]["source"]
    assert mounted.stat().st_mode & 0o777 == 0o755
    (mounted / "forecast_platform_webhook_url").write_text("https://hooks.example/t0ken\n")
    monkeypatch.setenv("FORECAST_PLATFORM_HOME", str(tmp_path / "home"))
    monkeypatch.setenv(SECRETS, str(mounted))
    chosen = Settings()
    assert chosen.database_url
    assert chosen.webhook_url
    password = (tmp_path / "docker" / "secrets" / "platform_password").read_text().strip()
    address = chosen.database_url.get_secret_value()
    assert address == f"postgresql://platform:{password}@postgres/platform"


def test_the_folder_that_the_docs_land_into_is_made_by_the_first_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DAGSTER_HOME", "DAGSTER_EVENT_BATCH_SIZE"):
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("FORECAST_PLATFORM_HOME", str(tmp_path))
    settings_of_process.cache_clear()
    prepare(Settings(home=tmp_path))
    folder = re.search(r"code:/home/platform/home/(\S+)/\n", commands_of(CONTAINERS.read_text()))
    assert folder
    assert (tmp_path / folder[1]).is_dir()
    cli._empty_home()  # A home with folders and no files may still get a demo.
    prepare(Settings(home=tmp_path))
    (tmp_path / folder[1] / "sales.csv").write_text("date\n")
    with pytest.raises(ConfigurationError, match="already holds files"):
        cli._empty_home()
    settings_of_process.cache_clear()


def test_a_certificate_among_the_secrets_is_no_setting(secrets: Path) -> None:
    before = Settings()
    (secrets / "ca.crt").write_text("-----BEGIN CERTIFICATE-----\n")
    assert Settings() == before


def test_the_image_reads_databases_web_services_and_object_storage() -> None:
    (extras,) = re.findall(r'^ARG EXTRAS="(.*)"$', DOCKERFILE, re.MULTILINE)
    assert extras.split() == ["connect", "storage"]
    known = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert {*extras.split()} < {*known}


def test_the_pages_find_the_code_location_where_compose_has_it() -> None:
    (location,) = read(DOCKER / "workspace.yaml")["load_from"]
    (embedded,) = read(ROOT / "workspace.yaml")["load_from"]
    address = location["grpc_server"]
    assert address["port"] == Addresses().code_port == CODE["port"]
    assert address["location_name"] == embedded["python_module"]["location_name"]
    assert CODE["name"] == address["location_name"].replace(
        "_", "-"
    )  # As the cluster writes names.
    for name in ("code", "code-gpu"):
        assert address["host"] in SERVICES[name]["networks"]["default"]["aliases"]


def test_every_server_has_a_command() -> None:
    for server in Server:
        words = servers.command(server, Addresses(host="0.0.0.0"))
        assert Path(words[0]).is_file()


def test_the_image_is_pinned_and_has_no_root() -> None:
    (base,) = re.findall(r"^ARG BASE_IMAGE=(\S+)$", DOCKERFILE, re.MULTILINE)
    assert re.fullmatch(r"python:3\.11\.\d+-slim-\w+", base)
    images = [service["image"] for service in SERVICES.values() if service not in OWN.values()]
    assert all(re.search(r":\d+\.\d+", image) for image in images)
    last_stage = DOCKERFILE.rpartition("\nFROM ")[2]
    assert "\nUSER 1000:1000\n" in last_stage
    assert "\nHEALTHCHECK " in last_stage
    assert f"ARG VERSION={VERSION}\n" in last_stage


def test_what_the_image_copies_is_let_through_to_the_build() -> None:
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
    let_through = {
        line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line[0] == "!"
    }
    assert {path for line in copied for path in line.split()} == let_through
    assert [path for path in let_through if not (ROOT / path).exists()] == []


@pytest.mark.parametrize(
    ("name", "number"), [("mlflow", Addresses().mlflow_port), ("watch", Addresses().watch_port)]
)
def test_objects_of_the_cluster_fit_each_other(name: str, number: int) -> None:
    objects = {(each["kind"], each["metadata"]["name"]): each for each in manifests()}
    template = objects["Deployment", name]["spec"]["template"]
    pod = template["spec"]
    (container,) = pod["containers"]
    assert container["command"] == OWN[name]["command"]
    (settings,) = [each["configMapRef"]["name"] for each in container["envFrom"]]
    assert CODE["envConfigMaps"] == LAUNCHER["envConfigMaps"] == [{"name": settings}]
    assert ("ConfigMap", settings) in objects
    assert pod["volumes"] == CODE["volumes"] == LAUNCHER["volumes"]
    assert container["volumeMounts"] == CODE["volumeMounts"] == LAUNCHER["volumeMounts"]
    claims = [v["persistentVolumeClaim"]["claimName"] for v in pod["volumes"] if "secret" not in v]
    assert [("PersistentVolumeClaim", claim) in objects for claim in claims] == [True]
    service = objects["Service", name]["spec"]
    assert service["selector"] == template["metadata"]["labels"]
    (port,) = container["ports"]
    assert port["containerPort"] == service["ports"][0]["port"] == number
    assert service["ports"][0]["targetPort"] == port["name"]


def test_who_vouches_for_postgres_is_mounted_wherever_it_is_asked() -> None:
    params = VALUES["postgresql"]["postgresqlParams"]
    assert params["sslmode"] == "verify-full"
    folder, _, key = params["sslrootcert"].rpartition("/")
    (written,) = re.findall(r"`postgresql://\S+\?(\S+)`", CLUSTER)
    assert written == f"sslmode=verify-full&sslrootcert={folder}/{key}"
    assert f"--from-file={key}={key}" in CLUSTER
    (secret,) = [each["secret"] for each in CODE["volumes"] if "secret" in each]
    assert folder in [mount["mountPath"] for mount in CODE["volumeMounts"]]
    for part in (VALUES["dagsterWebserver"], VALUES["dagsterDaemon"]):
        (volume,) = part["volumes"]
        (mount,) = part["volumeMounts"]
        assert (mount["name"], mount["mountPath"]) == (volume["name"], folder)
        items = [{"key": key, "path": key}]
        assert volume["secret"] == {"secretName": secret["secretName"], "items": items}


def test_the_docs_name_every_file_with_an_address_to_replace() -> None:
    files = [path for path in DOCKER.rglob("*.yaml") if "example.internal" in path.read_text()]
    assert [path for path in files if str(path.relative_to(DOCKER)) not in CLUSTER] == []


def test_the_configuration_of_the_cluster_names_settings() -> None:
    (data,) = [each["data"] for each in manifests() if each["kind"] == "ConfigMap"]
    own = {name: value for name, value in data.items() if name.startswith("FORECAST_PLATFORM_")}
    mounts = {mount["name"]: mount["mountPath"] for mount in CODE["volumeMounts"]}
    assert own.pop(SECRETS) == mounts["secrets"]
    assert own["FORECAST_PLATFORM_HOME"] == mounts["home"]
    values = {name.removeprefix("FORECAST_PLATFORM_").lower(): own[name] for name in own}
    assert Settings(**values).workers == int(values["workers"])


def test_images_of_the_cluster_are_of_this_version() -> None:
    kustomized = read(KUBERNETES / "kustomization.yaml")["images"]
    gpu = read(DOCKER / "kubernetes-gpu" / "kustomization.yaml")["patches"][0]["patch"]
    image = CODE["image"]
    assert image["tag"] == f"{VERSION}-k8s"
    assert VALUES["dagsterWebserver"]["image"] == VALUES["dagsterDaemon"]["image"] == image
    assert [(each["newName"], each["newTag"]) for each in kustomized] == [
        (image["repository"], image["tag"])
    ]
    assert f'"image": "{image["repository"]}:{image["tag"]}-gpu"' in gpu


def test_the_chart_runs_what_is_installed() -> None:
    (pinned,) = re.findall(r"^dagster==(\S+)", (ROOT / "requirements.lock").read_text(), re.M)
    assert f"--version {pinned}" in (KUBERNETES / "values.yaml").read_text()


@pytest.mark.parametrize("each", [*manifests()], ids=lambda each: each["kind"])
def test_objects_of_the_cluster_fit_its_schema(each: Yaml) -> None:
    checker = pytest.importorskip("kubernetes_validate", reason="needs the dev extra")
    checker.validate(each, KUBERNETES_VERSION, strict=True)


def put_together(folder: str) -> dict[tuple[str, str], Yaml]:
    """The objects as kubectl would apply them, by kind and name."""
    if shutil.which("kubectl") is None:
        pytest.skip("needs kubectl")
    done = subprocess.run(
        ["kubectl", "kustomize", DOCKER / folder], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    objects = yaml.safe_load_all(done.stdout)
    return {(each["kind"], each["metadata"]["name"]): each for each in objects}


@pytest.mark.parametrize("folder", ["kubernetes", "kubernetes-gpu", "kubernetes-storage"])
def test_kubectl_puts_the_objects_together(folder: str) -> None:
    checker = pytest.importorskip("kubernetes_validate", reason="needs the dev extra")
    objects = put_together(folder)
    expected = {(each["kind"], each["metadata"]["name"]) for each in manifests()}
    if folder == "kubernetes-storage":
        expected.remove(("PersistentVolumeClaim", "forecast-platform-home"))
    assert {*objects} == expected
    for (kind, _), each in objects.items():
        checker.validate(each, KUBERNETES_VERSION, strict=True)
        assert kind == "Namespace" or each["metadata"]["namespace"] == "forecast-platform"
    image = CODE["image"]
    for name in ("mlflow", "watch"):
        pod = objects["Deployment", name]["spec"]["template"]["spec"]
        assert pod["containers"][0]["image"] == f"{image['repository']}:{image['tag']}"
        (home,) = [volume for volume in pod["volumes"] if volume["name"] == "home"]
        kept = "emptyDir" if folder == "kubernetes-storage" else "persistentVolumeClaim"
        assert {*home} == {"name", kept}


def test_trainings_alone_go_to_the_gpu_nodes() -> None:
    checker = pytest.importorskip("kubernetes_validate", reason="needs the dev extra")
    plain, gpu = (
        put_together(folder)["ConfigMap", "forecast-platform-settings"]["data"]
        for folder in ("kubernetes", "kubernetes-gpu")
    )
    assert plain.items() < gpu.items()
    ((name, said),) = gpu.items() - plain.items()
    tags = Settings(training_tags=json.loads(said)).training_tags
    assert name.removeprefix("FORECAST_PLATFORM_").lower() == "training_tags"
    (config,) = tags.values()
    given, wanted = config["container_config"], config["pod_spec_config"]
    pod = {
        "containers": [{"name": "run", "image": given["image"], "resources": given["resources"]}],
        "nodeSelector": wanted["node_selector"],
        "tolerations": wanted["tolerations"],
    }
    about = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "run"}}
    checker.validate({**about, "spec": pod}, KUBERNETES_VERSION, strict=True)
    assert given["resources"]["limits"]["nvidia.com/gpu"] == "1"
