"""Typed settings of the platform; secrets of a shop's own sources are read in `connect/`.

A value comes from `FORECAST_PLATFORM_<NAME>` in the environment, else from a file of that name in
the folder `FORECAST_PLATFORM_SECRETS_DIR`, else from `settings.toml` in the home folder, else from
the default below.
"""

from __future__ import annotations

import datetime as dt
import os
import re
import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SecretsSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from forecast_platform.errors import ConfigurationError
from forecast_platform.storage import Place, Storage

_PREFIX = "FORECAST_PLATFORM_"
_KEY_CHARACTERS = 32
_NOT_IN_ADDRESSES = "[]\\^|%?#"
_SCHEMES = {
    "webhook_url": ("https", "http"), "smtp_url": ("smtp+starttls", "smtps", "smtp"),
}  # fmt: skip


def home_folder() -> Path:
    """The folder that holds all state: `FORECAST_PLATFORM_HOME`, by default ./home.

    Raises:
        ConfigurationError: If databases and tables cannot lie in a folder of that name.
    """
    folder = Path(os.environ.get(f"{_PREFIX}HOME", "home")).expanduser().absolute()
    if strange := sorted(set(str(folder)) & set(_NOT_IN_ADDRESSES)):
        raise ConfigurationError(
            f"{folder} cannot hold tables because of {' '.join(strange)} in its name: set "
            f"{_PREFIX}HOME to another folder."
        )
    return folder


def secrets_folder() -> Path | None:
    """The folder of files that hold one setting each, as containers are given their secrets.

    Raises:
        ConfigurationError: If `FORECAST_PLATFORM_SECRETS_DIR` names no folder.
    """
    named = os.environ.get(f"{_PREFIX}SECRETS_DIR")
    if named and not Path(named).is_dir():
        raise ConfigurationError(
            f"{_PREFIX}SECRETS_DIR names {named}, which is no folder: mount the secrets there, "
            "or leave it unset."
        )
    return Path(named) if named else None


class Settings(BaseSettings):
    """Everything a shop can set. Days are calendar days, money is in `currency`."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX, extra="forbid", frozen=True)

    home: Path = Field(default_factory=home_folder, description="Folder of all state.")
    currency: str = Field("USD", description="Currency of every amount.")
    timezone: str = Field("UTC", description="Time zone of business days and schedules.")
    country: str = Field("US", description="Country of holidays where a location names none.")
    start_date: dt.date = Field(dt.date(2024, 1, 1), description="First business day.")
    end_date: dt.date | None = Field(None, description="Last business day of a closed history.")

    horizon_days: int = Field(28, ge=1, le=365, description="Days forecast ahead.")
    models: tuple[str, ...] = Field(
        ("seasonal_naive", "theta", "arima", "lightgbm", "lstm", "ensemble"),
        min_length=1,
        description="Families that are trained; `ensemble` weighs the others.",
    )
    model_options: dict[str, dict[str, Any]] = Field(
        {}, description="Options by family, such as those that a search found."
    )
    backtest_origins: int = Field(4, ge=1, description="Rolling origins at each training cutoff.")
    training_effort: float = Field(
        1.0, gt=0, le=4, description="Share of the usual epochs and rows to train on."
    )
    training_days: int = Field(730, ge=56, description="Days of history a model is trained on.")
    retrain_changed_share: float | None = Field(
        None, gt=0, le=1, description="Share of the units trained on that retrains once changed."
    )
    retrain_accuracy_band: float = Field(
        0.2, gt=0, description="Share by which errors may rise before models are made again."
    )
    training_tags: dict[str, Any] = Field(
        {}, description="Tags of training runs, such as those by which a cluster gives them a GPU."
    )
    sample_paths: int = Field(200, ge=20, description="Sample paths per series.")
    seed: int = Field(7, description="Seed of everything random.")

    service_level: float = Field(0.95, gt=0.5, lt=1, description="Cycle service level aimed at.")
    holding_rate: float = Field(0.25, gt=0, description="Holding cost per year, share of cost.")
    order_cost: float = Field(5.0, gt=0, description="Fixed cost of an order line.")
    cost_share: float = Field(
        0.7, gt=0, lt=1, description="Unit cost as share of price if unknown."
    )
    lead_time_days: float = Field(7, ge=0, description="Lead time where no supplier is known.")
    lead_time_std_days: float = Field(1, ge=0, description="Its standard deviation.")
    review_days: int = Field(7, ge=1, description="Review period where no supplier is known.")
    min_order_quantity: float = Field(1, ge=0, description="MOQ where no supplier is known.")
    pack_size: float = Field(1, gt=0, description="Pack where no supplier is known.")
    order_budget: float | None = Field(
        None, ge=0, description="Most that the orders of a day may cost."
    )
    order_volume: float | None = Field(
        None, ge=0, description="Most volume that the orders of a day may have."
    )
    location_order_volume: float | None = Field(
        None, ge=0, description="Most volume of a day's orders for one location."
    )
    transfer_cost: float | None = Field(
        None, ge=0, description="Cost of moving a unit between locations; never moved if empty."
    )

    learned_policies: bool = Field(
        False, description="Whether policies are learned with the models, which takes minutes."
    )
    learned_reward: dict[Literal["cost", "service", "turnover"], float] = Field(
        {}, description="Weights of the parts of the reward they are learned by; cost if empty."
    )

    settle_seconds: float = Field(2.0, ge=0, description="A younger file may still be written.")
    landing_batch_files: int = Field(500, ge=1, description="Files landed by one run at most.")
    retention_days: int = Field(90, ge=1, description="Days that finished runs are kept.")
    webhook_url: SecretStr | None = Field(None, description="Address that alerts are posted to.")
    alert_email: str | None = Field(
        None, description="Whom alerts are mailed to; with commas between."
    )
    smtp_url: SecretStr | None = Field(
        None, description="Mail server: smtp+starttls://user:password@host, or smtps, or smtp."
    )
    log_format: Literal["text", "json"] = Field("text", description="What a line of log is.")
    database_url: SecretStr | None = Field(
        None, description="Postgres for Dagster and MLflow: postgresql://user:password@host/name."
    )
    pseudonym_key: SecretStr | None = Field(
        None, description="Secret from which ids of people are made pseudonyms as they land."
    )
    storage_url: str | None = Field(
        None, description="Object storage of landing, lake and models: s3://bucket/prefix."
    )
    storage_options: dict[str, SecretStr] = Field(
        {}, description="How to reach it: keys, endpoint; else taken from AWS_* and the like."
    )
    sources_file: Path | None = Field(
        None, description="File that names databases and web services; else <home>/sources.yaml."
    )
    workers: int = Field(default_factory=lambda: os.cpu_count() or 1, ge=1,
                         description="Processes for work per series.")  # fmt: skip
    ray_address: str | None = Field(
        None, description="Ray cluster for work per series: auto, host:port or ray://host:port."
    )

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, OSError, ValueError) as error:
            raise ValueError("is no time zone; write a name like Europe/Berlin") from error
        return value

    @field_validator("database_url")
    @classmethod
    def _is_postgres(cls, value: SecretStr | None) -> SecretStr | None:
        if value and not value.get_secret_value().startswith(("postgresql://", "postgres://")):
            raise ValueError("should start with postgresql://")
        return value

    @field_validator("pseudonym_key")
    @classmethod
    def _is_long(cls, value: SecretStr | None) -> SecretStr | None:
        if value and len(value.get_secret_value()) < _KEY_CHARACTERS:
            raise ValueError(f"should have at least {_KEY_CHARACTERS} characters")
        return value

    @field_validator("webhook_url", "smtp_url")
    @classmethod
    def _is_address(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        known = _SCHEMES[info.field_name or ""]
        address = value.get_secret_value() if value else ""
        if value and not re.match(f"({'|'.join(map(re.escape, known))})://[^/]", address):
            raise ValueError(f"should start with {'://, '.join(known)}://")
        return value

    @field_validator("storage_url")
    @classmethod
    def _is_storage(cls, value: str | None) -> str | None:
        # Other signs are written differently by each of the libraries that read there.
        if value and not re.fullmatch(r"(s3|gs|az)://[\w.-]+(/[\w.=-]+)*/?", value, re.ASCII):
            raise ValueError(
                "should be s3://bucket/prefix, gs://bucket/prefix or az://container/prefix, of "
                "letters, digits and . _ - ="
            )
        return value and value.rstrip("/")

    @field_validator("models")
    @classmethod
    def _each_once(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(value)) < len(value) or not all(map(str.isidentifier, value)):
            raise ValueError("should name each model family once")
        if value == ("ensemble",):
            raise ValueError("should name families for the ensemble to weigh")
        return value

    @field_validator("end_date")
    @classmethod
    def _not_before_start(cls, value: dt.date | None, info: ValidationInfo) -> dt.date | None:
        start = info.data.get("start_date")
        if value and start and value < start:
            raise ValueError(f"lies before start_date {start}")
        return value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment first, then the files of secrets, then the home folder's file."""
        secrets = SecretsSettingsSource(settings_cls, secrets_folder())
        toml = TomlConfigSettingsSource(settings_cls, home_folder() / "settings.toml")
        return init_settings, env_settings, secrets, toml

    @property
    def zone(self) -> ZoneInfo:
        """The time zone of business days."""
        return ZoneInfo(self.timezone)

    @property
    def retention(self) -> dt.timedelta:
        """How long finished runs are kept."""
        return dt.timedelta(days=self.retention_days)

    @property
    def storage(self) -> Storage | None:
        """The object storage, None where all lies in the home folder."""
        if self.storage_url is None:
            return None
        options = {k: v.get_secret_value() for k, v in self.storage_options.items()}
        return Storage(self.storage_url, options)

    def stored(self, name: str) -> Place:
        """A folder or file that all machines share: in object storage, else in the home folder."""
        return self.storage / name if self.storage else self.home / name

    @property
    def landing(self) -> Place:
        """Folder into which files are landed, one sub-folder per table."""
        return self.stored("landing")

    @property
    def sources_path(self) -> Path:
        """File that names the databases and web services that feed the landing folder."""
        return self.sources_file or self.home / "sources.yaml"

    @property
    def lake(self) -> Place:
        """Folder of the Delta tables."""
        return self.stored("lake")

    @property
    def dagster_home(self) -> Path:
        """Folder of Dagster's instance."""
        return self.home / "dagster"

    @property
    def mlflow_home(self) -> Path:
        """Folder of MLflow's database and artifacts."""
        return self.home / "mlflow"

    @property
    def data_docs(self) -> Place:
        """Folder of the Great Expectations Data Docs."""
        return self.stored("data_docs")


@lru_cache
def settings() -> Settings:
    """The settings of this process.

    Raises:
        ConfigurationError: If a value does not fit; names the setting and what was expected.
    """
    try:
        return Settings()
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(str(p) for p in e['loc'])}: {e['msg']} (got {_shown(e['loc'], e['input'])})"
            for e in error.errors()
        )
        raise ConfigurationError(
            f"Settings do not fit: {problems}. Mend {_PREFIX}* or {home_folder()}/settings.toml."
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise ConfigurationError(
            f"{home_folder()}/settings.toml cannot be read as TOML: {error}."
        ) from error
    except SettingsError as error:
        raise ConfigurationError(
            f'Settings do not fit: {error}; lists are written as JSON, ["a", "b"].'
        ) from error


def _shown(location: tuple[int | str, ...], value: object) -> str:
    field = Settings.model_fields.get(str(location[0])) if location else None
    is_secret = field is not None and "SecretStr" in str(field.annotation)
    return "a secret" if is_secret else repr(value)


def save_settings(home: Path, values: dict[str, Any]) -> None:
    """Merge `values` into the home folder's settings.toml."""
    path = home / "settings.toml"
    known = tomllib.loads(path.read_text()) if path.exists() else {}
    merged = {**known, **values}

    home.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{k} = {toml_value(v)}\n" for k, v in sorted(merged.items())))
    settings.cache_clear()


def toml_value(value: Any) -> str:
    """A string, number, date, list or table of such as TOML writes it on one line."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dt.date | int | float):
        return str(value)
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(toml_value, value)) + "]"
    if isinstance(value, dict):
        inside = ", ".join(f"{name} = {toml_value(one)}" for name, one in value.items())
        return "{" + inside + "}"
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'
