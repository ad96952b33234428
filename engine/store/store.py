"""The protocol of a vector store, with its types. Two engines stand behind it: `edge` and `server`.

Laws (tests/contract/test_store.py runs them over every engine):
- upserting twice equals upserting once; a later upsert of an id replaces vector and payload;
- `search` with `exact=True` ranks by the dot product with the stored vectors;
- filters hold for every hit, and no item that fits is lost because of them;
- `candidates` gives for each id the same two scores as scoring it alone would;
- an item without a photo, or without a text, is found by the other;
- nothing is written when a batch holds an invalid vector;
- a revision changes the fields it names and the words, keeps all else, the vector included, and is not lost
  to another one at the same time.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from vlclip.engine.errors import FingerprintMismatch, SpaceError
from vlclip.engine.filters import Filter
from vlclip.engine.language import DEFAULT
from vlclip.engine.space import Floats, FusedSpace, Segment
from vlclip.engine.store.contenders import Blend
from vlclip.engine.store.fields import FieldKind
from vlclip.engine.store.lexical import BY_FIELD, FieldTexts, Weighting, weighting_from


@dataclass(frozen=True, slots=True)
class StoreInfo:
    """What made the vectors of a collection; written once, when it is created.

    `encoders` maps each segment to the name its encoder can be loaded by again; `language` is that of the
    texts. `words` says how words are weighted; it is the collection's own and not part of the fingerprint.
    """

    fingerprint: str
    space: FusedSpace
    encoders: Mapping[str, str]
    language: str = DEFAULT
    words: Weighting = BY_FIELD


@dataclass(frozen=True, slots=True)
class Point:
    """One item to store: `vector` is `(size,)` float32 in the fused space.

    `lexical` are its words by field; a plain text counts as a title.
    """

    id: str
    vector: Floats
    lexical: FieldTexts | str
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Revision:
    """What changes in the payload of one stored item; its vector stays.

    `lexical` are the item's new words, None for those it has.
    """

    fields: Mapping[str, Any]
    removed: Sequence[str] = ()
    lexical: FieldTexts | str | None = None


@dataclass(frozen=True, slots=True)
class Tidied:
    """Fields that can no longer be filtered on, for no item has them, and those that can be from now on."""

    dropped: tuple[str, ...]
    added: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Record:
    """One stored item; `vector` is None unless the call asks for it.

    `lacks` names the segments without a vector, where the whole payload was read.
    """

    id: str
    payload: Mapping[str, Any]
    vector: Floats | None = None
    lacks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Hit:
    """One search result, best first; `score` is the dot product (or BM25 for a text query).

    The vector is read out of the engine's answer when it is needed. Most never are, and with an embedded
    engine that takes longer than everything else about a hit.
    """

    id: str
    score: float
    payload: Mapping[str, Any]
    read: Callable[[], Floats] | None = field(default=None, compare=False)

    @property
    def vector(self) -> Floats | None:
        """`(size,)` float32; None unless the query asks for it."""
        return self.read() if self.read else None


@dataclass(frozen=True, slots=True)
class Candidate:
    """An item found by either search, with both of its scores, each exact.

    `read` gives the vector, as a `Hit`'s does.
    """

    id: str
    dense: float
    lexical: float
    payload: Mapping[str, Any]
    read: Callable[[], Floats] | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One search: by `vector` (fused, dot product) or by `text` (BM25), never both.

    `ef` is the HNSW search width (None: the engine's choice), `exact` scans everything.
    `fields` names the payload fields to bring along; None brings all of them.
    """

    vector: Floats | None = None
    text: str | None = None
    limit: int = 10
    offset: int = 0
    filter: Filter = field(default_factory=Filter)
    exclude: tuple[str, ...] = ()
    ef: int | None = None
    exact: bool = False
    fields: tuple[str, ...] | None = None
    with_vector: bool = False

    def __post_init__(self) -> None:
        if (self.vector is None) == (self.text is None):
            raise SpaceError("a search takes a vector or a text, exactly one of them")
        if self.limit < 1 or self.offset < 0 or (self.ef is not None and self.ef < 1):
            raise SpaceError("limit and ef start at 1, offset at 0")


@dataclass(frozen=True, slots=True)
class Written:
    """A write, for those who follow a store: the ids of items that were written or removed.

    `payloads` are those that were written, or what is new in them. `fields` names what changed in stored
    items, None where vectors or whole items did; `words` says whether their words changed.
    """

    ids: Collection[str]
    payloads: Collection[Mapping[str, Any]] = ()
    fields: frozenset[str] | None = None
    words: bool = True


Listener = Callable[[Written], None]


class Store(Protocol):
    """A collection of fused vectors with payloads; safe to use from several threads."""

    @property
    def info(self) -> StoreInfo:
        """What made the vectors."""
        ...

    def upsert(self, points: Sequence[Point]) -> None:
        """Add or replace points; new payload fields get an index. All or none of a bad batch."""
        ...

    def revise(self, ids: Sequence[str], revision: Callable[[Record], Revision | None]) -> int:
        """Change payloads of stored items and leave their vectors; how many were changed.

        `revision` says what to change in an item, None for nothing; it is not called for unknown ids. No
        other write of this process comes between its reading and its change.
        """
        ...

    def delete(self, ids: Sequence[str]) -> int:
        """Remove items by id; how many of them were there."""
        ...

    def follow(self, listener: Listener) -> bool:
        """Call this method after every write, before it returns, as long as its object is in use elsewhere.

        False where other processes may write too, of which nobody tells.
        """
        ...

    def retrieve(
        self,
        ids: Sequence[str],
        *,
        fields: tuple[str, ...] | None = None,
        with_vector: bool = False,
    ) -> dict[str, Record]:
        """The stored items among `ids`; unknown ids are absent from the answer."""
        ...

    def scan(
        self,
        *,
        filter: Filter | None = None,
        fields: tuple[str, ...] | None = None,
        with_vector: bool = False,
        batch: int = 1000,
    ) -> Iterator[list[Record]]:
        """Every item once, in batches, in no particular order."""
        ...

    def ids(self, after: str | None, limit: int) -> tuple[list[str], str | None]:
        """A page of all ids, and where the next one begins, None at the end; `after` is None at the start."""
        ...

    def search(self, queries: Sequence[Query]) -> list[list[Hit]]:
        """One list of hits per query, best first, in one batched call."""
        ...

    def candidates(self, query: Query, text: str, pool: int, blend: Blend | None = None) -> list[Candidate]:
        """The `pool` best of `query.vector` and the `pool` best BM25 matches of `text`, united.

        With a `blend` only the best by both scores, what ties with the last, and the best match: the best
        of all items, for which both searches go deeper as long as an item that neither brought could be
        among them, up to 32 times `pool`. Both scores are exact for every candidate (0 where no word
        matches); in no particular order; `query.limit` and `query.offset` are not used.
        """
        ...

    def count(self, filter: Filter | None = None) -> int:
        """How many items fit the filter; exact."""
        ...

    def facet(self, name: str, *, limit: int = 20, filter: Filter | None = None) -> dict[str, int]:
        """The commonest values of a keyword field with their counts, commonest first."""
        ...

    def fields(self) -> Mapping[str, FieldKind]:
        """Payload fields that can be filtered on, with the kind of their values."""
        ...

    def set_weighting(self, weighting: Weighting) -> None:
        """Weight the words of later writes so; what is stored keeps its weights until it is written again."""
        ...

    def has_field(self, name: str) -> bool:
        """Whether items can be filtered on a field; one that another process brought counts a moment later.

        It costs nothing: fields on record are kept in memory.
        """
        ...

    def left_out(self, payload: Mapping[str, Any]) -> list[str]:
        """Fields of a payload that are stored and that no filter can name, for there are too many others."""
        ...

    def tidy(self) -> Tidied:
        """Forget fields that no item has, and take fields in that found no place before."""
        ...

    def optimize(self) -> None:
        """Build or refresh the search index after a bulk load; returns when it is done."""
        ...

    def flush(self) -> None:
        """Make everything written so far survive a power cut."""
        ...

    def close(self) -> None:
        """Flush and close files and connections; safe to call twice."""
        ...


def info_form(info: StoreInfo) -> dict[str, Any]:
    """A `StoreInfo` as JSON values."""
    return {
        "fingerprint": info.fingerprint,
        "segments": [[segment.name, segment.size] for segment in info.space.segments],
        "encoders": dict(info.encoders),
        "language": info.language,
        "words": info.words.form(),
    }


def info_from(form: Mapping[str, Any]) -> StoreInfo:
    """The `StoreInfo` that `info_form` wrote; raises KeyError, TypeError or ValueError."""
    segments = tuple(Segment(str(name), int(size)) for name, size in form["segments"])
    return StoreInfo(
        fingerprint=str(form["fingerprint"]),
        space=FusedSpace(segments),
        encoders=dict(form["encoders"]),
        language=str(form.get("language", DEFAULT)),  # stores made before it was written down
        words=weighting_from(form.get("words")),
    )


def check_fingerprint(stored: StoreInfo, loaded: StoreInfo, address: str) -> None:
    """Refuse with `FingerprintMismatch` to use the vectors at `address` with another encoder or language."""
    if stored.fingerprint == loaded.fingerprint:
        return
    if stored.language != loaded.language:
        raise FingerprintMismatch(
            f"the texts in {address} were weighted as {stored.language} (fingerprint {stored.fingerprint}), "
            f"not as {loaded.language} (fingerprint {loaded.fingerprint}); set `language` to "
            f"{stored.language!r}, or embed the catalogue anew beside it and swap: "
            f"VLCLIP_LANGUAGE={loaded.language} vlclip reindex SOURCE"
        )
    if stored.encoders == loaded.encoders:
        remedy = (
            "the encoder has the same name, so its files have changed; bring the former "
            "back, or embed the catalogue anew beside it and swap: vlclip reindex SOURCE"
        )
    else:
        remedy = (
            "load the first one again (setting `clip`), or embed the catalogue anew beside it and swap: "
            "vlclip reindex SOURCE --clip NEW"
        )
    raise FingerprintMismatch(
        f"the vectors in {address} were made by {_encoders(stored)}, now loaded is {_encoders(loaded)}; "
        f"{remedy}"
    )


def _encoders(info: StoreInfo) -> str:
    names = ", ".join(f"{segment}: {name}" for segment, name in info.encoders.items())
    return f"{names or 'an unnamed encoder'} (fingerprint {info.fingerprint})"
