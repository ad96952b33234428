"""A running service as a feed sees it, over the client."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, cast

from vlclip.ingestion.pipeline.report import ItemResult
from vlclip.service.client import ApiError, Client
from vlclip.service.http.errors import ServiceFailed

TIMEOUT_S = 330.0
"""Longer than a service's own limit for writes, so that it is the service that says that it took too long."""
ONE_TOO_LARGE = 413


class RemoteService:
    """The service at `url`; a call that got 429 or 503 is sent again, as the client does."""

    def __init__(self, url: str, key: str) -> None:
        self.url = url
        self._client = Client(url, key or None, timeout=TIMEOUT_S)

    def unchanged(self, hashes: Mapping[str, str]) -> Collection[str]:
        """Those ids that the service holds with just that content."""
        try:
            return self._client.unchanged(hashes)
        except ApiError as error:
            raise self._failed(error) from None

    def put(self, forms: Sequence[Mapping[str, Any]]) -> Sequence[ItemResult]:
        """Write items and replace what is there; one that is too large for the service fails alone."""
        try:
            outcomes = self._client.put_many(forms, batch=len(forms), replace=True)
        except ApiError as error:
            if error.status != ONE_TOO_LARGE:
                raise self._failed(error) from None
            if len(forms) > 1:
                return [result for form in forms for result in self.put([form])]
            return [ItemResult(str(forms[0]["id"]), "failed", error.detail)]
        return [ItemResult(outcome.id, cast("Any", outcome.status), outcome.reason) for outcome in outcomes]

    def ids(self) -> Iterator[list[str]]:
        """The ids of all items, in pages."""
        after: str | None = None
        while True:
            try:
                page, after = self._client.ids(after)
            except ApiError as error:
                raise self._failed(error) from None
            yield page
            if after is None:
                return

    def delete(self, ids: Sequence[str]) -> int:
        """Remove items; how many were there."""
        try:
            return self._client.delete_many(ids)
        except ApiError as error:
            raise self._failed(error) from None

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()

    def _failed(self, error: ApiError) -> ServiceFailed:
        return ServiceFailed(
            f"the service at {self.url} answered: {error.detail} ({error.code}); what it took is kept, run "
            "the same command again to go on"
        )
