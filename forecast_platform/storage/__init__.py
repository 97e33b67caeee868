"""Where things are kept: folders, or places in object storage that are used like folders.

The rest of the code takes a `Place`. A folder is a plain `pathlib.Path` and costs what it always
did; a `StorePath` lies under the setting `storage_url`.
"""

from forecast_platform.storage.failures import storage_failure
from forecast_platform.storage.locks import Lease, Lock, lock
from forecast_platform.storage.models import fetched, published
from forecast_platform.storage.paths import Place, Storage, StorePath, children, write_whole

__all__ = [
    "Lease",
    "Lock",
    "Place",
    "Storage",
    "StorePath",
    "children",
    "fetched",
    "lock",
    "published",
    "storage_failure",
    "write_whole",
]
