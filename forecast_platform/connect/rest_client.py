"""dlt's HTTP client as `sources.yaml` asks for it: authentication, retries, pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from forecast_platform.connect.config import Auth, Pages, RestFeed, RestSource
from forecast_platform.errors import ConfigurationError

if TYPE_CHECKING:
    from dlt.sources.helpers.rest_client.client import RESTClient
    from dlt.sources.helpers.rest_client.paginators import BasePaginator
    from requests import Response
    from requests.auth import AuthBase


def client(source: RestSource, auth: AuthBase | None) -> RESTClient:
    """A client that tries again on 429 (after the time it names), 5xx, broken and wrong answers."""
    from dlt.sources.helpers.requests import Client
    from dlt.sources.helpers.rest_client.client import RESTClient

    session = Client(
        request_timeout=source.timeout_seconds,
        raise_for_status=False,
        retry_condition=_is_no_json,
        request_max_attempts=source.attempts,
        request_backoff_factor=source.backoff_seconds,
        request_max_retry_delay=300,
    ).session
    return RESTClient(source.address, auth=auth, session=session)


def authentication(auth: Auth | None) -> AuthBase | None:
    """What signs each request.

    Raises:
        ConfigurationError: If the secret is not set.
    """
    if auth is None:
        return None
    from dlt.sources.helpers.rest_client.auth import APIKeyAuth, BearerTokenAuth, HttpBasicAuth

    secret: Any = auth.secret.read()
    if auth.kind == "bearer":
        return BearerTokenAuth(token=secret)
    if auth.kind == "basic":
        return HttpBasicAuth(username=auth.user, password=secret)
    return APIKeyAuth(name=auth.header, api_key=secret, location="header")


def paginator(pages: Pages) -> BasePaginator:
    """What asks for the next page."""
    from dlt.sources.helpers.rest_client import paginators as known

    if pages.kind == "number":
        return known.PageNumberPaginator(
            base_page=pages.first, page_param=pages.parameter or "page", total_path=None
        )
    if pages.kind == "offset":
        return known.OffsetPaginator(
            limit=pages.size, offset_param=pages.parameter or "offset",
            limit_param=pages.size_parameter or "limit", total_path=None,
        )  # fmt: skip
    if pages.kind == "cursor":
        return known.JSONResponseCursorPaginator(
            cursor_path=pages.next, cursor_param=pages.parameter or "cursor"
        )
    if pages.kind == "link":
        return known.JSONLinkPaginator(next_url_path=pages.next)
    return known.SinglePagePaginator()


def check_paths(where: str, feed: RestFeed) -> None:
    """Refuse what is no JSON path before anything is asked.

    Raises:
        ConfigurationError: Names the key of sources.yaml and how to write a path.
    """
    from dlt.common import jsonpath

    paths = {"rows": feed.rows, "pages.next": feed.pages.next, "pages.total": feed.pages.total}
    for key, path in paths.items():
        try:
            jsonpath.compile_path("$" if path is None else path)
        except Exception as error:  # Of its own class, or none in particular.
            raise ConfigurationError(
                f"sources.yaml: {where}.{key} is {path!r}, which is no JSON path "
                f"({str(error).rstrip('!.')}). Write it like `data.rows`; `$` is the whole answer."
            ) from error


def _is_no_json(response: Response | None, error: BaseException | None) -> bool:
    """A good answer that cannot be read: cut off on its way, or a page for people."""
    if response is None or response.status_code != 200:
        return False
    try:
        response.json()
    except ValueError:
        return True
    return False
