"""The served engine: what it asks the server for, and what it makes of the server's refusals.

The laws it shares with the embedded engine are in tests/contract/test_store.py.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from pydantic import SecretStr
from qdrant_client import QdrantClient, models
from qdrant_client.conversions.conversion import RestToGrpc

from tests.contract.shop import INFO, OTHER, SHOP, SPACE, direction
from tests.local_server import serving
from vlclip.engine.errors import StoreDamaged, StoreError, StoreFull, StoreNotFound, StoreUnavailable
from vlclip.engine.filters import parse_json
from vlclip.engine.opening.stores import open_on, open_store, promote, promote_on
from vlclip.engine.settings import Hnsw, Server
from vlclip.engine.store.lexical import BY_FIELD
from vlclip.engine.store.server.backend import ServerBackend
from vlclip.engine.store.server.shelf import ServerShelf
from vlclip.engine.store.store import Query
from vlclip.service.settings import Settings

NAME = "vlclip-01234567"


@pytest.fixture
def client() -> Iterator[QdrantClient]:
    stand_in = QdrantClient(":memory:")
    yield stand_in
    stand_in.close()


@pytest.fixture
def shelf(client: QdrantClient) -> ServerShelf:
    return ServerShelf(client, Server(), Hnsw())


# collections


def test_a_new_collection_has_the_layout_and_says_who_made_it(client: QdrantClient, shelf: ServerShelf):
    open_on(shelf, "here", INFO)
    config = client.get_collection(NAME).config
    dense, words = config.params.vectors["fused"], config.params.sparse_vectors["words"]
    assert (dense.size, dense.distance) == (SPACE.size, models.Distance.DOT)
    assert words.modifier == models.Modifier.IDF
    assert config.metadata["vlclip"] == {
        "fingerprint": INFO.fingerprint,
        "segments": [["image", 5], ["text", 3]],
        "encoders": {"image": "tiny", "text": "tiny"},
        "language": "english",
        "words": BY_FIELD.form(),
    }


def test_the_server_is_asked_for_graph_quantization_shards_and_replicas():
    options_sent: dict[str, Any] = {}
    recorder = SimpleNamespace(
        init_options={},
        collection_exists=lambda _: False,
        create_collection=lambda name, **options: options_sent.update(options, name=name),
    )
    hnsw = Hnsw(m=32, ef_construct=99)
    ServerShelf(recorder, Server(collection="shop", shards=3, replicas=2), hnsw).make(INFO)
    assert options_sent["name"] == "shop-01234567"
    assert (options_sent["hnsw_config"].m, options_sent["hnsw_config"].ef_construct) == (32, 99)
    assert (options_sent["shard_number"], options_sent["replication_factor"]) == (3, 2)
    assert options_sent["quantization_config"].scalar.type == models.ScalarType.INT8
    ServerShelf(recorder, Server(), Hnsw(quantization="none")).make(INFO)
    assert options_sent["quantization_config"] is None


def test_the_public_name_is_an_alias(client: QdrantClient, shelf: ServerShelf):
    open_on(shelf, "here", INFO).upsert(SHOP[:3])
    assert client.count("vlclip").count == 3
    open_on(shelf, "here", OTHER, beside=True)
    assert client.count("vlclip").count == 3
    promote_on(shelf, "here", OTHER.fingerprint)
    assert client.count("vlclip").count == 0


def test_a_collection_where_the_alias_should_be_is_left_alone(client: QdrantClient, shelf: ServerShelf):
    client.create_collection("vlclip", vectors_config={})
    with pytest.raises(StoreDamaged, match=r"server\.collection"):
        open_on(shelf, "here", INFO)


def test_a_collection_of_someone_else_is_refused(client: QdrantClient, shelf: ServerShelf):
    client.create_collection(NAME, vectors_config={})
    with pytest.raises(StoreDamaged, match="was not made by vlclip"):
        open_on(shelf, "here", INFO)


def test_making_it_a_second_time_keeps_it(shelf: ServerShelf):
    store = open_on(shelf, "here", INFO)
    store.upsert(SHOP[:3])
    assert shelf.make(INFO) == NAME
    assert store.count() == 3


def test_a_collection_that_was_dropped_is_not_found(client: QdrantClient, shelf: ServerShelf):
    store = open_on(shelf, "here", INFO)
    client.delete_collection(NAME)
    with pytest.raises(StoreNotFound, match="vlclip ingest"):
        store.count()


def test_fields_that_another_process_adds_are_noticed(shelf: ServerShelf):
    reader, writer = open_on(shelf, "here", INFO), open_on(shelf, "here")
    assert reader.fields() == {}
    writer.upsert(SHOP)
    assert reader.count(parse_json({"brand": "Nike"})) == writer.count(parse_json({"brand": "Nike"})) > 0
    assert reader.fields() == writer.fields()


def test_two_writers_do_not_undo_each_others_fields(shelf: ServerShelf):
    first, second = open_on(shelf, "here", INFO)._backend, open_on(shelf, "here")._backend
    first.add_fields({"a": "keyword"})
    second.add_fields({"b": "number"})
    assert first.kinds(fresh=True) == second.kinds(fresh=True) == {"a": "keyword", "b": "number"}


def test_optimize_wakes_the_server_and_waits_until_it_is_done():
    states = iter(["green", "grey", "yellow", "green", "yellow", "green", "green"])  # the first: opening
    woken = []
    info = {"vlclip": {"fingerprint": "f", "segments": [["image", 2]], "encoders": {}}}
    server = SimpleNamespace(
        init_options={},
        get_collection=lambda _: SimpleNamespace(
            status=next(states, "red"), optimizer_status="broken", config=SimpleNamespace(metadata=info)
        ),
        update_collection=lambda name, **_: woken.append(name),
    )
    backend = ServerBackend(server, "name", Hnsw(), poll_s=0)
    backend.optimize()
    assert woken == ["name"]
    with pytest.raises(StoreError, match="cannot index name: broken"):
        backend.optimize()


def test_every_request_can_be_sent_over_grpc_too(shelf: ServerShelf):
    store = open_on(shelf, "here", INFO)
    store.upsert(SHOP)
    conditions = parse_json(
        {
            "brand": {"not": ["Nike"], "missing": False},
            "price": [1, 2],
            "available": True,
            "tags": ["new", "eco"],
        }
    )
    query = Query(vector=direction(1), filter=conditions, exclude=("sku 1",), fields=("brand",))
    backend = store._backend
    requests = (store._searches.search(query), store._searches.search(Query(text="red")))
    backend._local = False  # with search parameters, as for a real server
    for request in requests:
        RestToGrpc.convert_query_request(backend._query(request), "collection")


# a server that refuses


class Refusing(BaseHTTPRequestHandler):
    """Answers everything with `answer`, and remembers the keys it was shown."""

    answer: ClassVar[tuple[int, str]] = (200, "")
    keys: ClassVar[list[str | None]] = []

    def do_GET(self) -> None:
        status, body = self.answer
        self.keys.append(self.headers.get("api-key"))
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    do_POST = do_PUT = do_GET  # noqa: N815  # http.server's names

    def log_message(self, format: str, *arguments: object) -> None:
        """Keep quiet."""


@pytest.fixture
def refusing() -> Iterator[str]:
    with serving(Refusing) as port:
        yield f"http://127.0.0.1:{port}"


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        ((401, "no"), StoreUnavailable, "VLCLIP_SERVER__API_KEY"),
        ((403, "no"), StoreUnavailable, "VLCLIP_SERVER__API_KEY"),
        ((404, "<html>"), StoreNotFound, "vlclip ingest"),
        ((500, json.dumps({"status": {"error": "No space left on device"}})), StoreFull, "make room"),
        ((503, "starting"), StoreUnavailable, "HTTP 503: starting"),
        ((400, "bad"), StoreError, "HTTP 400"),
        ((200, "<html>hello</html>"), StoreUnavailable, "does not answer as it should"),
    ],
)
def test_what_the_server_refuses_says_what_to_do(
    refusing: str, answer: tuple[int, str], error: type[StoreError], message: str
):
    Refusing.answer = answer
    with pytest.raises(error, match=message):
        open_store(refusing, Settings())
    with pytest.raises(error, match=message):
        promote(refusing, Settings(), "f")


def test_the_key_of_the_settings_is_shown(refusing: str):
    Refusing.answer = (401, "no")
    with (
        pytest.warns(UserWarning, match="insecure connection"),
        pytest.raises(StoreUnavailable) as raised,
    ):
        open_store(refusing, Settings(server=Server(api_key=SecretStr("geheim"))))
    assert Refusing.keys[-1] == "geheim"
    assert "geheim" not in str(raised.value)


@pytest.mark.parametrize("grpc", [False, True])
def test_a_server_that_is_not_there(grpc: bool):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    settings = Settings(server={"grpc": grpc, "grpc_port": port, "timeout_s": 2})
    with pytest.raises(StoreUnavailable, match="check that it runs"):
        open_store(f"http://127.0.0.1:{port}", settings)
