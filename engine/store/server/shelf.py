"""Collections on a server: one per encoder, and an alias that names the current one."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from qdrant_client import QdrantClient, models

from vlclip.engine.errors import StoreDamaged, StoreError
from vlclip.engine.settings import Hnsw, Server
from vlclip.engine.store.backend import DENSE, QUANTILE, WORDS
from vlclip.engine.store.server.backend import INFO_KEY, ServerBackend, stored_info
from vlclip.engine.store.server.errors import translated
from vlclip.engine.store.shelf import Usage
from vlclip.engine.store.store import StoreInfo, info_form


class ServerShelf:
    """Collections on a server; the alias `server.collection` names the current one."""

    def __init__(self, client: QdrantClient, server: Server, hnsw: Hnsw) -> None:
        self._client, self._server, self._hnsw = client, server, hnsw

    def name(self, fingerprint: str) -> str:
        """The collection's name."""
        return f"{self._server.collection}-{fingerprint[:8]}"

    def current(self) -> str | None:
        """The collection behind the alias."""
        alias = self._server.collection
        with translated():
            aliases = self._client.get_aliases().aliases
            current = {entry.alias_name: entry.collection_name for entry in aliases}.get(alias)
            if current is None and self._client.collection_exists(alias):
                raise StoreDamaged(
                    f"the server has a collection named {alias!r} where an alias of that name is "
                    "needed; choose another with the setting server.collection"
                )
        return current

    def names(self) -> list[str]:
        """The collections named after the alias that carry our metadata."""
        with translated():
            names = [entry.name for entry in self._client.get_collections().collections]
        ours = []
        for name in names:
            if name.startswith(f"{self._server.collection}-"):
                with suppress(StoreDamaged):  # made by another program
                    if self.name(stored_info(self._client, name).fingerprint) == name:
                        ours.append(name)
        return sorted(ours)

    def usage(self, name: str) -> Usage:
        """Its items; a server does not say what they take on its disk."""
        with translated():
            return Usage(self._client.count(name, exact=True).count, None)

    def info(self, name: str) -> StoreInfo | None:
        """What the collection's metadata says."""
        with translated():
            exists = self._client.collection_exists(name)
        return stored_info(self._client, name) if exists else None

    def make(self, info: StoreInfo, like: str | None = None) -> str:  # noqa: ARG002 - the server's disk
        """Create the collection with its metadata in one call."""
        name = self.name(info.fingerprint)
        create_collection(self._client, name, info, self._hnsw, self._server)
        return name

    def make_current(self, name: str) -> None:
        """Drop and create the alias in one request, which the server applies as one."""
        alias = self._server.collection
        new = models.CreateAlias(collection_name=name, alias_name=alias)
        change: list[Any] = [models.CreateAliasOperation(create_alias=new)]
        if self.current() is not None:
            old = models.DeleteAlias(alias_name=alias)
            change.insert(0, models.DeleteAliasOperation(delete_alias=old))
        with translated():
            self._client.update_collection_aliases(change)

    def drop(self, name: str) -> None:
        """Delete the collection."""
        with translated():
            if not self._client.delete_collection(name):
                raise StoreError(f"the server did not delete the collection {name}")

    def open(self, name: str) -> ServerBackend:
        """Read the collection's metadata."""
        return ServerBackend(self._client, name, self._hnsw)

    def close(self) -> None:
        """Close the connection; an opened collection uses the same one."""
        self._client.close()


def create_collection(client: QdrantClient, name: str, info: StoreInfo, hnsw: Hnsw, server: Server) -> None:
    """Make the collection; nothing happens if it is there already."""
    scalar = models.ScalarQuantizationConfig(type=models.ScalarType.INT8, quantile=QUANTILE, always_ram=True)
    quantization = {
        "int8": models.ScalarQuantization(scalar=scalar),
        "binary": models.BinaryQuantization(binary=models.BinaryQuantizationConfig(always_ram=True)),
        "none": None,
    }
    dense = models.VectorParams(size=info.space.size, distance=models.Distance.DOT)
    with translated():
        if client.collection_exists(name):
            return
    try:
        with translated():
            client.create_collection(
                name,
                vectors_config={DENSE: dense},
                sparse_vectors_config={WORDS: models.SparseVectorParams(modifier=models.Modifier.IDF)},
                hnsw_config=models.HnswConfigDiff(m=hnsw.m, ef_construct=hnsw.ef_construct),
                quantization_config=quantization[hnsw.quantization],
                shard_number=server.shards,
                replication_factor=server.replicas,
                metadata={INFO_KEY: info_form(info)},
            )
    except StoreError:
        if not client.collection_exists(name):  # else another process was faster
            raise


def connect(url: str, server: Server) -> QdrantClient:
    """A client for `url` as the settings say; `:memory:` is a server of its own, in this process."""
    if url == ":memory:":
        return QdrantClient(":memory:")
    key = server.api_key.get_secret_value() if server.api_key else None
    with translated():
        return QdrantClient(
            url=url,
            api_key=key,
            prefer_grpc=server.grpc,
            grpc_port=server.grpc_port,
            timeout=max(1, round(server.timeout_s)),
            check_compatibility=False,  # it asks in a thread of its own and warns instead of failing
        )
