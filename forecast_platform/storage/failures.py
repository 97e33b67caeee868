"""What object storage refused, as sentences that say what to do and hold no secret."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from forecast_platform.errors import StorageError

if TYPE_CHECKING:
    from forecast_platform.storage.paths import Storage

NO_BUCKET = "NoSuchBucket|ContainerNotFound|bucket does not exist"
_FROM_STORAGE = (
    r"Generic (S3|GCS|MicrosoftAzure)|object[- ]store error|when calling the \w+ operation|"
    "botocore|the endpoint URL"
)
_HINTS = {
    NO_BUCKET: "make the bucket, or mend storage_url",
    "InvalidAccessKeyId|SignatureDoesNotMatch|AccessDenied|AuthenticationFailed|40[13] |"
    "credential|InstanceCredentials|169.254":
        "check the keys and their rights (storage_options, AWS_* or the like)",
    "error sending request|timed out|dns|onnect":
        "check that it runs, the network and the endpoint in storage_options",
}  # fmt: skip


def refusal(url: str, options: Mapping[str, str], error: BaseException, what: str) -> StorageError:
    """What went wrong at `url` as one sentence.

    Args:
        url: The storage.
        options: How it is reached; their values are not shown.
        error: What a library raised.
        what: What could not be done, such as "cannot be used".
    """
    said = reason(str(error))
    for secret in options.values():
        if len(secret) > 5 and "://" not in secret:
            said = said.replace(secret, "***")
    hints = [hint for signs, hint in _HINTS.items() if re.search(signs, str(error))]
    then = hints[0] if hints else "once it answers again, run the same command: it resumes"
    return StorageError(f"The object storage {url} {what}: {said}. To mend: {then}.")


def storage_failure(storage: Storage | None, error: BaseException) -> StorageError | None:
    """The sentence for an error that other libraries raised because of the storage, else None."""
    seen: BaseException | None = error
    while seen is not None and storage is not None:
        if isinstance(seen, StorageError):
            return seen
        if re.search(_FROM_STORAGE, f"{type(seen).__module__} {seen}"):
            return storage.refused(seen, "failed")
        seen = seen.__cause__ or seen.__context__
    return None


def reason(text: str) -> str:
    """What the storage or the network said, without addresses (they can hold a signature)."""
    said = re.search(r"<Code>(.*?)</Code>\s*<Message>(.*?)</Message>", text, re.DOTALL)
    if said:
        return f"{said[1]}, {said[2].strip().rstrip('.')}"
    text = re.sub(r"\x1b\[[0-9;]*m|↳", "", text.partition("\nDebug source")[0])
    text = re.sub(r"(https?://[^/\s]+)\S*", r"\1", re.sub(r"\s+", " ", text))
    return text.strip().rstrip(".")[:300]
