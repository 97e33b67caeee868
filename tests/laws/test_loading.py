"""Law: loading the definitions imports no heavy library and touches no network and few files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import forecast_platform

HEAVY = ("torch", "mlflow", "great_expectations", "statsmodels", "pandas", "sklearn", "ray")
LATER = ("polars", "numpy", "deltalake", "duckdb", "pyarrow")
"""Quicker to import, and not needed before a run."""
_PROGRAM = """
import json, sys
sockets, opened = [], []

def watch(event, arguments):
    if event.startswith("socket."):
        sockets.append((event, repr(arguments)))
    elif event == "open" and isinstance(arguments[0], str):
        opened.append(arguments[0])

import forecast_platform.settings
sys.addaudithook(watch)
import forecast_platform.definitions
print(json.dumps({"sockets": sockets, "opened": opened, "modules": sorted(sys.modules),
                  "assets": len(forecast_platform.definitions.defs.resolve_all_asset_specs())}))
"""


def test_definitions_load_without_heavy_libraries_network_or_files(tmp_path: Path) -> None:
    environment = os.environ | {"FORECAST_PLATFORM_HOME": str(tmp_path), "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM],
        env=environment, cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    seen = json.loads(done.stdout.splitlines()[-1])
    assert seen["assets"] > 40
    assert not {*HEAVY, *LATER} & {name.split(".")[0] for name in seen["modules"]}
    # Dagster's libraries look at what addresses exist; none is bound or called.
    calls = {event for event, _ in seen["sockets"]}
    assert not calls & {"socket.connect", "socket.bind", "socket.getaddrinfo", "socket.sendto"}
    code = Path(forecast_platform.__file__).parent
    models = code.parent / "dbt_like_sql"
    ours = [path for path in map(Path, seen["opened"])
            if path.is_relative_to(tmp_path) or path.is_relative_to(code)]  # fmt: skip
    assert {path for path in ours if path.suffix not in {".py", ".pyc"}} <= {
        tmp_path / "settings.toml"
    }
    assert any(Path(name).is_relative_to(models) for name in seen["opened"])
    assert not list(tmp_path.iterdir())
