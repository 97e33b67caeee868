"""What is shown of the address of a database."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from forecast_platform.databases import masked_address
from forecast_platform.settings import Settings


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://shop:sesame@host:5433/records",
        "postgresql://host/records?user=shop&password=sesame",
        "postgresql://shop@host/records?sslmode=verify-full&sslpassword=sesame",
    ],
)
def test_no_password_is_shown_wherever_it_stands(tmp_path: Path, address: str) -> None:
    shown = masked_address(Settings(home=tmp_path, database_url=SecretStr(address)))
    assert "sesame" not in shown
    assert "host" in shown
    assert "records" in shown
