"""The stages of a request: waiting for a thread, encoding, searching, ranking, writing the answer.

The `Stages` of a request are in a context variable, which is copied into the thread that does the work. A
mark costs about a microsecond, and less where nobody watches. The store and the encoder are marked here,
from outside, so the rooms below know nothing of it.

Laws (tests/service/shop/test_stages.py):
- the seconds of a stage inside another are not counted twice;
- a watched store or encoder answers what it would answer unwatched;
- outside a watched request a mark does nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from time import perf_counter
from typing import Any, Literal, NamedTuple, ParamSpec, TypeVar

from PIL import Image

from vlclip.engine.encoding.embedder import QueryEmbedder
from vlclip.engine.space import Floats
from vlclip.engine.store.contenders import Blend
from vlclip.engine.store.store import Candidate, Hit, Query, Record, Store, StoreInfo

P = ParamSpec("P")
R = TypeVar("R")
Stage = Literal["queue", "encode", "search", "rank", "serialise"]


class Lap(NamedTuple):
    """One stretch of a stage, in seconds of `time.perf_counter`; `inside` names the stage around it."""

    stage: Stage
    began: float
    ended: float
    inside: Stage | None


class Stages:
    """The laps of one request; `open` is the stage that is under way."""

    __slots__ = ("laps", "open")

    def __init__(self) -> None:
        self.laps: list[Lap] = []
        self.open: Stage | None = None

    def seconds(self) -> dict[Stage, float]:
        """Each stage's own time."""
        own: dict[Stage, float] = {}
        for stage, began, ended, inside in self.laps:
            own[stage] = own.get(stage, 0.0) + ended - began
            if inside is not None:
                own[inside] = own.get(inside, 0.0) - (ended - began)
        return own


current: ContextVar[Stages | None] = ContextVar("stages", default=None)
"""The stages of the request that is under way; None where nobody watches."""


class stage:  # noqa: N801 - read as a word: `with stage("search"):`
    """Marks what is done inside as a stage of the current request."""

    __slots__ = ("_began", "_inside", "_name", "_stages")

    def __init__(self, name: Stage) -> None:
        self._name: Stage = name

    def __enter__(self) -> None:
        self._stages = current.get()
        if self._stages is not None:
            self._inside, self._stages.open = self._stages.open, self._name
            self._began = perf_counter()

    def __exit__(self, *_: object) -> None:
        if self._stages is not None:
            self._stages.laps.append(Lap(self._name, self._began, perf_counter(), self._inside))
            self._stages.open = self._inside


def queued(work: Callable[P, R]) -> Callable[P, R]:
    """`work`, to be given to a thread now; its wait for the thread is the stage `queue`."""
    stages, began = current.get(), perf_counter()
    if stages is None:
        return work

    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        stages.laps.append(Lap("queue", began, perf_counter(), None))
        return work(*args, **kwargs)

    return run


class WatchedStore:
    """A store whose reads are the stage `search`; everything else is passed to the store.

    `recent` is the last search by vector.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self.info: StoreInfo = store.info
        self.recent: Query | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def search(self, queries: Sequence[Query]) -> list[list[Hit]]:
        """As the store does."""
        if queries and queries[0].vector is not None:
            self.recent = queries[0]
        with stage("search"):
            return self._store.search(queries)

    def candidates(self, query: Query, text: str, pool: int, blend: Blend | None = None) -> list[Candidate]:
        """As the store does."""
        self.recent = query
        with stage("search"):
            return self._store.candidates(query, text, pool, blend)

    def retrieve(
        self, ids: Sequence[str], *, fields: tuple[str, ...] | None = None, with_vector: bool = False
    ) -> Mapping[str, Record]:
        """As the store does."""
        with stage("search"):
            return self._store.retrieve(ids, fields=fields, with_vector=with_vector)

    def scan(self, **options: Any) -> Iterator[list[Record]]:
        """As the store does."""
        pages = self._store.scan(**options)
        while True:
            with stage("search"):
                page = next(pages, None)
            if page is None:
                return
            yield page


class WatchedEncoder:
    """An encoder whose calls are the stage `encode`."""

    def __init__(self, encoder: QueryEmbedder) -> None:
        self._encoder = encoder

    def embed_query(self, *, text: str = "", photo: Image.Image | None = None) -> dict[str, Floats]:
        """As the encoder does."""
        with stage("encode"):
            return self._encoder.embed_query(text=text, photo=photo)
