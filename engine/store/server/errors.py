"""Errors of the client, HTTP and gRPC, turned into this project's, which say what to do next."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from json import JSONDecodeError

import grpc  # type: ignore[import-untyped]  # it ships no types
from qdrant_client.common.client_exceptions import QdrantException
from qdrant_client.http.exceptions import ApiException, UnexpectedResponse

from vlclip.engine.errors import StoreError, StoreFull, StoreNotFound, StoreUnavailable

_HTTP_STATUS = {
    grpc.StatusCode.UNAVAILABLE: 503,
    grpc.StatusCode.DEADLINE_EXCEEDED: 504,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 429,
    grpc.StatusCode.UNAUTHENTICATED: 401,
    grpc.StatusCode.PERMISSION_DENIED: 403,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.INTERNAL: 500,
}


@contextmanager
def translated() -> Iterator[None]:
    """Turn the errors of client, HTTP and gRPC into `StoreError`s."""
    try:
        yield
    except UnexpectedResponse as error:
        text = error.content.decode("utf-8", "replace")[:300]
        raise refusal(error.status_code or 0, text) from error
    except grpc.RpcError as error:
        code = error.code() if isinstance(error, grpc.Call) else None
        text = error.details() if isinstance(error, grpc.Call) else str(error)
        raise refusal(_HTTP_STATUS.get(code, 400), text or "") from error
    except (ApiException, QdrantException, JSONDecodeError) as error:  # no answer, or not of a Qdrant
        raise unavailable(str(error)) from error
    except (ValueError, RuntimeError) as error:  # the stand-in's errors, and the client's own checks
        if "not found" in str(error):
            raise refusal(404, str(error)) from error
        raise StoreError(f"the vector store refused: {error}") from error


def refusal(status: int, text: str) -> StoreError:
    """The error for an HTTP status."""
    if status in (401, 403):
        return StoreUnavailable(
            f"the Qdrant server refuses the key (HTTP {status}); set VLCLIP_SERVER__API_KEY to one that "
            "may read and write"
        )
    if status == 404:
        return StoreNotFound(
            f"the Qdrant server has no such collection ({text}); fill it first: vlclip ingest CATALOGUE"
        )
    if "No space left" in text or "out of disk" in text.lower():
        return StoreFull(f"the disk of the Qdrant server is full ({text}); make room there, then repeat")
    if status == 429 or status >= 500:
        return unavailable(f"HTTP {status}: {text}")
    return StoreError(f"the Qdrant server refused (HTTP {status}): {text}")


def unavailable(why: str) -> StoreUnavailable:
    """The error for a server that gives no answer, or none of a Qdrant."""
    return StoreUnavailable(
        f"the Qdrant server does not answer as it should ({why}); check that it runs, its address in "
        "the setting `store`, and server.timeout_s"
    )
