"""Snapshots of a server's collections: made by Qdrant, fetched and brought back over HTTP.

A snapshot is one moment of one collection on one node, so a cluster of several is refused: each of its nodes
has a part of its own (docs/deploy.md, Backups).

Laws (tests/service/backup/test_server.py):
- what is fetched is what the server said it made, or an error says that it is not; none stays on the server;
- a collection that is brought back is there, or an error says that it is not.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from urllib.parse import quote

import httpx2

from vlclip.engine.errors import StoreError
from vlclip.engine.settings import Hnsw, Server
from vlclip.engine.store.server.errors import refusal, translated, unavailable
from vlclip.engine.store.server.shelf import ServerShelf, connect

WAIT_S = 3600.0
"""How long the server may take to make a snapshot, or to take one in."""
CONNECT_S = 10.0
BLOCK = 2**20


class Snapshots:
    """The snapshots of the collections at `url`; to be closed, or used as a context."""

    def __init__(self, url: str, server: Server, hnsw: Hnsw) -> None:
        patient = server.model_copy(update={"timeout_s": WAIT_S, "grpc": False})
        self._client = connect(url, patient)
        self.shelf = ServerShelf(self._client, patient, hnsw)
        key = server.api_key.get_secret_value() if server.api_key else ""
        self._http = httpx2.Client(
            base_url=url.rstrip("/"),
            headers={"api-key": key} if key else {},
            timeout=httpx2.Timeout(WAIT_S, connect=CONNECT_S),
        )

    def __enter__(self) -> Snapshots:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()
        self._client.close()

    def version(self) -> str:
        """The server's."""
        with translated():
            return str(self._client.info().version)

    def nodes(self) -> int:
        """How many there are; 1 where the server is alone."""
        with translated():
            status = self._client.cluster_status()
        return max(1, len(getattr(status, "peers", None) or ()))

    def take(self, name: str, target: Path) -> None:
        """Let the server make a snapshot of a collection, and fetch it to a file."""
        with translated():
            snapshot = self._client.create_snapshot(name, wait=True)
        if snapshot is None:
            raise StoreError(f"the Qdrant server made no snapshot of {name}; look into its log")
        try:
            digest, size = self._fetch(f"{_snapshots(name)}/{quote(snapshot.name, safe='')}", target)
        finally:
            with suppress(StoreError), translated():
                self._client.delete_snapshot(name, snapshot.name, wait=True)
        if size != snapshot.size or (snapshot.checksum and digest != snapshot.checksum):
            raise StoreError(f"the snapshot of {name} came damaged from the Qdrant server; try again")

    def recover(self, name: str, file: Path) -> int:
        """Let the server replace a collection, or make it, by a snapshot; how many items it has then."""
        with file.open("rb") as handle, _http_errors():
            answer = self._http.post(
                f"{_snapshots(name)}/upload",
                params={"wait": "true", "priority": "snapshot"},
                files={"snapshot": (file.name, handle)},
            )
        if answer.status_code != 200:
            raise refusal(answer.status_code, answer.text[:300])
        if self.shelf.info(name) is None:
            raise StoreError(
                f"the Qdrant server took the snapshot of {name}, and the collection is not there; look into "
                "its log, and run the same again"
            )
        return self.shelf.usage(name).items

    def _fetch(self, path: str, target: Path) -> tuple[str, int]:
        digest, size = hashlib.sha256(), 0
        with target.open("wb") as out, _http_errors(), self._http.stream("GET", path) as answer:
            if answer.status_code != 200:
                raise refusal(answer.status_code, answer.read().decode("utf-8", "replace")[:300])
            for block in answer.iter_bytes(BLOCK):
                digest.update(block)
                out.write(block)
                size += len(block)
        return digest.hexdigest(), size


def _snapshots(name: str) -> str:
    return f"/collections/{quote(name, safe='')}/snapshots"


@contextmanager
def _http_errors() -> Iterator[None]:
    try:
        yield
    except httpx2.HTTPError as error:
        raise unavailable(str(error) or type(error).__name__) from error
