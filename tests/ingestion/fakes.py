"""A fast encoder whose vectors depend on every pixel and letter, and small things to ingest."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vlclip.engine.encoding.embedder import Embedder
from vlclip.engine.item import Item
from vlclip.engine.opening.stores import open_store
from vlclip.engine.space import Floats, FusedSpace, Segment
from vlclip.engine.store.store import Store, StoreInfo
from vlclip.ingestion.ledger.ledger import FILE, Ledger
from vlclip.ingestion.pipeline.destination import Destination
from vlclip.ingestion.pipeline.ingest import IngestPlan, ingest
from vlclip.ingestion.pipeline.items import ingest_items
from vlclip.ingestion.pipeline.report import IngestReport, ItemResult, Progress
from vlclip.ingestion.stages.preparation import Preparation
from vlclip.service.settings import Settings

INFO = StoreInfo(
    fingerprint="fake-0001",
    space=FusedSpace((Segment("image", 4), Segment("text", 4))),
    encoders={"image": "fake", "text": "fake"},
)


@dataclass
class FakeEmbedder:
    """Hashes for vectors; counts what it was asked to embed."""

    info: StoreInfo = INFO
    embedded: int = 0
    before: Callable[[], None] = lambda: None

    def prepare(self, photo: Image.Image) -> Floats:
        assert photo.mode == "RGB"
        return np.asarray(photo.resize((8, 8)), dtype=np.float32).transpose(2, 0, 1)

    def embed_items(
        self, photos: Sequence[Floats | None], texts: Sequence[str], ids: Sequence[str] = ()
    ) -> Floats:
        self.before()
        self.embedded += len(texts)
        images = np.stack([direction(b"" if photo is None else photo.tobytes()) for photo in photos])
        words = np.stack([direction(text.encode()) for text in texts])
        return self.info.space.item_vectors({"image": images, "text": words}, len(texts))

    def embed_refined(
        self,
        photos: Sequence[Floats | None],
        raw: Sequence[str],
        refined: Sequence[str],
        ids: Sequence[str] = (),
    ) -> tuple[Floats, NDArray[np.bool_]]:
        """A text the photo does not agree with says so itself."""
        pairs = list(zip(raw, refined, strict=True))
        fits = np.array([own == better or "disagrees" not in better for own, better in pairs])
        texts = [new if is_fit else old for old, new, is_fit in zip(raw, refined, fits, strict=True)]
        return self.embed_items(photos, texts), fits

    def embed_query(self, *, text: str = "", photo: Image.Image | None = None) -> dict[str, Floats]:
        raise NotImplementedError


def direction(content: bytes) -> Floats:
    if not content:
        return np.zeros(4, dtype=np.float32)
    return np.frombuffer(hashlib.sha256(content).digest()[:4], dtype=np.uint8).astype(np.float32) + 1


OPEN: list[Shop] = []
"""Shops to close after a test."""


@dataclass
class Shop:
    """A store folder with its ledger and a fake encoder, opened at first use and until `close`."""

    folder: Path
    settings: Settings = field(default_factory=lambda: Settings.load(ingest={"batch": 4}))
    embedder: FakeEmbedder = field(default_factory=FakeEmbedder)
    loads: int = 0
    _parts: tuple[Store, Ledger] | None = None

    def load(self) -> Embedder:
        self.loads += 1
        return self.embedder

    @contextmanager
    def open(self) -> Iterator[tuple[Store, Ledger]]:
        if self._parts is None:
            store = open_store(str(self.folder), self.settings, INFO)
            self._parts = store, Ledger(self.folder / FILE)
            OPEN.append(self)
        yield self._parts

    def close(self) -> None:
        if self._parts is not None:
            for part in self._parts:
                part.close()
            self._parts = None

    def ingest(
        self,
        source: Path,
        *,
        preparation: Preparation | None = None,
        progress: Progress = lambda _: None,
        **options: object,
    ) -> IngestReport:
        with self.open() as (store, ledger):
            plan = IngestPlan(source, near=self.settings.search.collapse_distance, **options)
            return ingest(
                plan,
                self.destination(store, ledger),
                self.settings,
                preparation=preparation,
                progress=progress,
            )

    def put(self, items: Sequence[Item], **options: object) -> list[ItemResult]:
        with self.open() as (store, ledger):
            return ingest_items(items, self.destination(store, ledger), self.settings, **options)

    def destination(self, store: Store, ledger: Ledger) -> Destination:
        return Destination(store, ledger, INFO, self.load)

    def points(self) -> dict[str, tuple[object, list[float]]]:
        """Everything stored but for the time of embedding."""
        points = {}
        with self.open() as (store, _):
            for page in store.scan(with_vector=True):
                for record in page:
                    payload = {**record.payload, "provenance": dict(record.payload["provenance"])}
                    del payload["provenance"]["embedded_at"]
                    points[record.id] = (payload, record.vector.tolist())
        return points

    def failures(self) -> dict[str, str]:
        """Item id, or row number where there is none, to reason."""
        with self.open() as (_, ledger):
            return {
                letter.item_id or str(letter.row): letter.reason for letter in ledger.dead_letters.latest()
            }


def photo_bytes(
    colour: str | tuple[int, int, int] = "red",
    size: tuple[int, int] = (40, 30),
    format: str = "JPEG",
    **options,
) -> bytes:
    out = BytesIO()
    Image.new("RGB", size, colour).save(out, format, **options)
    return out.getvalue()


class PhotoServer:
    """A real HTTP server on loopback; `answers` maps a path to a function of the request handler."""

    def __init__(self) -> None:
        self.answers: dict[str, Callable[[BaseHTTPRequestHandler], None]] = {}
        self.requested: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.requested.append(self.path)
                answer = outer.answers.get(self.path)
                if answer is None:
                    self.send_error(404)
                else:
                    answer(self)

            def log_message(self, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.handle_error = lambda *args: None  # clients hang up on purpose here
        self._server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def url(self, path: str) -> str:
        return self.address + path

    def serve(self, path: str, body: bytes, status: int = 200, **headers: str) -> str:
        def answer(request: BaseHTTPRequestHandler) -> None:
            request.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                request.send_header(name.replace("_", "-"), value)
            request.end_headers()
            request.wfile.write(body)

        self.answers[path] = answer
        return self.url(path)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
