"""MLflow's artifacts in object storage: their address, and what MLflow's own clients want to know.

MLflow reads and writes there by boto3 (or Google's and Azure's libraries), which take keys and
endpoint from the environment.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from forecast_platform.errors import ConfigurationError

if TYPE_CHECKING:
    from forecast_platform.storage import Storage

_NEEDED = {
    "s3": ("boto3", "boto3"),
    "gs": ("google.cloud.storage", "google-cloud-storage"),
    "az": ("azure.storage.blob", "azure-storage-blob azure-identity"),
}
_VARIABLES = {
    "aws_access_key_id": "AWS_ACCESS_KEY_ID",
    "aws_secret_access_key": "AWS_SECRET_ACCESS_KEY",
    "aws_session_token": "AWS_SESSION_TOKEN",
    "aws_region": "AWS_DEFAULT_REGION",
    "aws_endpoint_url": "MLFLOW_S3_ENDPOINT_URL",
    "google_service_account": "GOOGLE_APPLICATION_CREDENTIALS",
    "azure_storage_account_key": "AZURE_STORAGE_ACCESS_KEY",
}


def artifacts_address(storage: Storage) -> str:
    """Where MLflow keeps artifacts.

    Raises:
        ConfigurationError: If a library or the name of the Azure account is missing.
    """
    scheme, _, place = storage.url.partition("://")
    module, packages = _NEEDED[scheme]
    try:
        is_missing = find_spec(module) is None
    except ModuleNotFoundError:
        is_missing = True
    if is_missing:
        raise ConfigurationError(f"MLflow needs {packages} for {storage.url}: install it.")
    if scheme != "az":
        return f"{storage.url}/mlflow"
    account = storage.options.get("azure_storage_account_name")
    if not account:
        raise ConfigurationError("storage_options lack azure_storage_account_name: add it.")
    container, _, prefix = place.partition("/")
    return f"wasbs://{container}@{account}.blob.core.windows.net/{prefix}/mlflow"


def artifacts_environment(storage: Storage | None) -> dict[str, str]:
    """Environment by which MLflow's clients reach the storage; secrets, so never logged."""
    options = storage.options if storage else {}
    return {_VARIABLES[name]: value for name, value in options.items() if name in _VARIABLES}
