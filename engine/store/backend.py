"""The protocol of an engine behind a store: the few calls in which Qdrant Edge and Qdrant differ.

Everything else (checks, field kinds, filters, the requests of a search) is written once, in `qdrant.py` and
beside it, so the two engines cannot drift apart.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from vlclip.engine.settings import Hnsw
from vlclip.engine.space import Floats
from vlclip.engine.store.conditions import Dialect
from vlclip.engine.store.fields import FieldKind
from vlclip.engine.store.lexical import Sparse
from vlclip.engine.store.store import StoreInfo

NO_FIELDS: Mapping[str, FieldKind] = MappingProxyType({})
Paths = Sequence[str] | None
"""Payload fields to read, as paths; None reads all of them, () none."""
PointKey = Hashable
"""How an engine identifies a point among many scores: a value that is quick to make and to look up."""
DENSE = "fused"
"""Name of the dense vector of a point."""
WORDS = "words"
"""Name of the sparse vector of a point."""
WRITE_ROWS = 256
"""Points in one write to the engine."""
QUANTILE = 0.9999
"""Share of the vectors' values that int8 covers; the few beyond it are clipped (and rescored)."""


class PointRow(NamedTuple):
    """A point as it is written: uuid, fused vector, words and payload."""

    id: str
    vector: list[float]
    words: Sparse
    payload: dict[str, Any]


class RevisedRow(NamedTuple):
    """A payload that changes: uuid, the whole new payload, and what is new in it; `words` None keeps them."""

    id: str
    payload: dict[str, Any]
    fields: dict[str, Any]
    removed: list[str]
    words: Sparse | None


class StoredPoint(NamedTuple):
    """A point as it is read: the engine's own id of it, its payload, and a way to its vector `(size,)`.

    `id` may be None where there is a payload, which holds the item's id. `score` is 0 where nothing was
    scored; `vector` is None unless the search asks for it.
    """

    id: Any
    score: float
    payload: dict[str, Any]
    vector: Callable[[], Floats] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorSearch:
    """One ranked search: `near` a dense or a sparse vector, among `prefetch` if there are any.

    `where` is the engine's own filter. `ef` None takes the settings' value; `exact` scans the full vectors.
    """

    near: list[float] | Sparse
    limit: int
    offset: int = 0
    where: Any | None = None
    ef: int | None = None
    exact: bool = False
    prefetch: tuple[VectorSearch, ...] = ()
    payload: Paths = ()
    vector: bool = False


def width(request: VectorSearch, hnsw: Hnsw) -> tuple[int, float]:
    """Candidates to walk (`ef`) and, times the limit, to rescore from the full vectors.

    Every candidate the walk visited is rescored: it costs microseconds, and the quantized scores
    alone, at the usual factor of 2, lose up to 1 % of the true top 10 of a query for one segment.
    """
    ef = request.ef or hnsw.ef
    return ef, max(hnsw.oversampling, ef / request.limit)


def outside_graph(points: int, indexed: int) -> int:
    """How many of the points the search graph lacks, from the engine's count of indexed vectors.

    The engine counts both kinds of vectors together; vectors of words are always indexed.
    """
    return max(0, 2 * points - indexed)


class Backend(Protocol):
    """One collection in one engine; raises `StoreError`s only."""

    dialect: Dialect
    is_shared: bool
    """Whether other processes may write to the collection at the same time."""

    @property
    def differences(self) -> Sequence[str]:
        """What is wrong with files of the collection, a sentence each, as a look at its opening told."""
        ...

    def written_ids(self) -> Mapping[str, str] | None:
        """The ids of all items that were written, by uuid; None where no list of them is kept."""
        ...

    def info(self) -> StoreInfo:
        """What made the vectors, as written when the collection was created."""
        ...

    def set_info(self, info: StoreInfo) -> None:
        """Write down what made the vectors, and how words are weighted, anew."""
        ...

    def kinds(self, *, fresh: bool = False) -> Mapping[str, FieldKind]:
        """Field kinds on record; `fresh` looks again, as other processes may have added some."""
        ...

    def add_fields(self, kinds: Mapping[str, FieldKind]) -> None:
        """Record new fields, and index those of `INDEXED`."""
        ...

    def index_fields(self, names: Collection[str]) -> set[str]:
        """Index recorded fields that have no index yet; those that stay without one, for lack of room."""
        ...

    def drop_fields(self, names: Collection[str]) -> None:
        """Forget fields that no point has, with their indexes."""
        ...

    def write(self, rows: Sequence[PointRow], fields: Mapping[str, FieldKind] = NO_FIELDS) -> None:
        """Add or replace points; they survive a killed process once this returns.

        `fields` are new ones that they bring, recorded before, unless all of it is refused.
        """
        ...

    def revise(self, rows: Sequence[RevisedRow], fields: Mapping[str, FieldKind] = NO_FIELDS) -> None:
        """Change payloads and words of points that exist, never dense vectors; otherwise as `write`."""
        ...

    def remove(self, ids: Sequence[str]) -> None:
        """Remove points by uuid."""
        ...

    def fetch(self, ids: Sequence[str], payload: Paths, *, vector: bool) -> list[StoredPoint]:
        """The points among `ids` that exist."""
        ...

    def page(
        self,
        after: Any | None,
        limit: int,
        where: Any | None,
        payload: Paths,
        *,
        vector: bool,
    ) -> tuple[list[StoredPoint], Any | None]:
        """The next points and where to go on, None at the end."""
        ...

    def query(self, requests: Sequence[VectorSearch]) -> list[list[StoredPoint]]:
        """All requests in one call."""
        ...

    def scores(self, requests: Sequence[VectorSearch]) -> list[dict[PointKey, float]]:
        """The same, but only which points and their scores."""
        ...

    def uuid(self, key: PointKey) -> str:
        """The uuid of a point from its key in `scores`."""
        ...

    def key(self, uuid: str) -> PointKey:
        """The key of a point in `scores` from its uuid."""
        ...

    def count(self, where: Any | None) -> int:
        """How many points fit, exactly."""
        ...

    def facet(self, path: str, limit: int, where: Any | None) -> dict[str, int]:
        """The commonest values of an indexed keyword field."""
        ...

    def unindexed(self) -> int:
        """Points outside the search graph, which every search compares one by one; at most a few too many."""
        ...

    def optimize(self) -> None:
        """Build the search graph over what has been written."""
        ...

    def flush(self) -> None:
        """Everything written so far survives a power cut."""
        ...

    def close(self) -> None:
        """Close files and connections; safe to call twice."""
        ...
