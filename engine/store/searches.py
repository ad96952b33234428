"""Queries as searches of an engine: checked vectors, filters in its dialect, payload paths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from vlclip.engine.errors import FilterError, InvalidVector
from vlclip.engine.filters import Filter
from vlclip.engine.item import point_id
from vlclip.engine.space import Floats, FusedSpace
from vlclip.engine.store.backend import Backend, Paths, PointKey, VectorSearch
from vlclip.engine.store.conditions import build
from vlclip.engine.store.fields import LACKS, MAX_FIELDS, FieldKind, has_path, path
from vlclip.engine.store.lexical import WordEncoder
from vlclip.engine.store.store import Query


@dataclass(frozen=True, slots=True)
class Searches:
    """Makes the searches of queries against one collection."""

    backend: Backend
    space: FusedSpace
    words: WordEncoder
    max_fields: int = MAX_FIELDS

    def search(self, query: Query) -> VectorSearch | None:
        """The search of a query; None where its text has no words, so nothing can match."""
        where = self.where(query.filter, query.exclude)
        if query.vector is not None:
            return self.nearest(
                query, where, query.limit, query.offset, selection(query.fields), vector=query.with_vector
            )
        if words := self.words.encode_query(query.text or ""):
            return VectorSearch(
                near=words, limit=query.limit, offset=query.offset, where=where,
                payload=selection(query.fields), vector=query.with_vector,
            )  # fmt: skip
        return None

    def nearest(
        self,
        query: Query,
        where: Any | None,
        limit: int,
        offset: int = 0,
        payload: Paths = (),
        *,
        vector: bool = False,
    ) -> VectorSearch:
        """The `limit` best of a query's vector after `offset`, items that lack a segment included."""
        assert query.vector is not None  # noqa: S101  # its callers have looked
        near = self.checked(query.vector).tolist()
        best = VectorSearch(
            near=near, limit=limit, offset=offset, where=where, ef=query.ef, exact=query.exact,
            payload=payload, vector=vector,
        )  # fmt: skip
        if query.exact or LACKS not in self.backend.kinds():
            return best
        dialect = self.backend.dialect
        marked = dialect.field(key=path(LACKS), match=dialect.match_any(any=list(self.space.names)))
        lacking = dialect.filter(must=[marked] if where is None else [marked, where])
        deep = VectorSearch(near=near, limit=limit + offset, where=where, ef=query.ef)
        return replace(best, where=None, ef=None, exact=True, prefetch=(deep, replace(deep, where=lacking)))

    def where(self, filter: Filter | None, exclude: Sequence[str] = ()) -> Any | None:
        """A filter, and ids to leave out, in the engine's dialect; None where there is neither."""
        conditions = filter or Filter()
        names = {condition.field for condition in conditions.conditions}
        kinds = public(self.backend.kinds() if names else {})
        if any(name not in kinds for name in names):
            kinds = public(self.backend.kinds(fresh=True))
        strange = sorted(name for name in names if name not in kinds)
        if strange and len(kinds) >= self.max_fields:
            raise FilterError(
                f"no filter can name {strange[0]!r}: either no item has it, or it came after the "
                f"{self.max_fields:,} fields that this store filters on (setting max_fields); "
                "vlclip optimize frees the places of fields that no item has any more"
            )
        where = build(self.backend.dialect, conditions, kinds, point_ids(exclude))
        if names:
            self.backend.index_fields(names)
        return where

    def among(self, keys: Sequence[PointKey]) -> Any:
        """The condition that holds for these points only."""
        dialect = self.backend.dialect
        return dialect.filter(must=[dialect.has_id([self.backend.uuid(key) for key in keys])])

    def reach(self, vector: Floats) -> float:
        """The largest dot product of a query with items, whose segments have length 1 or 0."""
        spans = self.space.slices().values()
        return sum(float(np.linalg.norm(vector[span])) for span in spans)

    def checked(self, vector: Floats, item_id: str | None = None) -> Floats:
        """The vector as float32; `InvalidVector` names the fault and the item, or the query."""
        owner = "the query" if item_id is None else f"item {item_id!r}"
        array = np.asarray(vector, dtype=np.float32)
        if array.shape != (self.space.size,):
            raise InvalidVector(
                f"the vector of {owner} has shape {array.shape}, this store holds "
                f"({self.space.size},); was it made by another encoder?"
            )
        if not np.isfinite(array).all():
            raise InvalidVector(
                f"the vector of {owner} holds NaN or infinity; look at the photo and text it came from"
            )
        return array


def public(kinds: Mapping[str, FieldKind]) -> dict[str, FieldKind]:
    """The fields that can be filtered on, without the store's own."""
    return {name: kind for name, kind in kinds.items() if name != LACKS}


def point_ids(ids: Sequence[str]) -> list[str]:
    """The uuids of distinct items."""
    return [point_id(item_id) for item_id in dict.fromkeys(ids)]


def selection(fields: tuple[str, ...] | None) -> Paths:
    """The payload paths to read: the id always, everything where a name cannot be a path."""
    if fields is None or not all(has_path(name) for name in fields):
        return None
    return [path(name) for name in dict.fromkeys(("id", *fields))]
