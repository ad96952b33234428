"""Lookups: segments whose vectors were learned per item and are looked up by its id, not encoded.

A lookup is a folder with ids, vectors, and the notes of whatever learned them.

Laws (tests/engine/encoding/test_lookup.py):
- a saved lookup is loaded equal; its rows have length 1 or are zeros;
- an unknown id gets zeros: such an item still competes with its other segments;
- the fingerprint follows from the vectors and their ids, not from the folder's place or its notes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from vlclip.engine.disk import whole_folder
from vlclip.engine.errors import EncoderError
from vlclip.engine.segments import is_encoded
from vlclip.engine.space import Floats, FusedSpace, Segment, unit
from vlclip.engine.store.store import StoreInfo

VECTORS = "vectors.npz"
NOTES = "lookup.json"


@dataclass(frozen=True)
class Lookup:
    """`vectors` `(n, size)` float32, unit rows or zeros, of the items `ids`; `notes` are free."""

    ids: tuple[str, ...]
    vectors: Floats
    fingerprint: str
    notes: Mapping[str, Any]

    @property
    def size(self) -> int:
        """Length of a vector."""
        return int(self.vectors.shape[1])

    def rows(self, ids: Sequence[str]) -> Floats:
        """The vectors of these items `(len(ids), size)`; zeros where an id is not known."""
        rows = np.zeros((len(ids), self.size), dtype=np.float32)
        places = np.array([self._places.get(item_id, -1) for item_id in ids], dtype=np.int64)
        rows[places >= 0] = self.vectors[places[places >= 0]]
        return rows

    @cached_property
    def _places(self) -> dict[str, int]:
        return {item_id: row for row, item_id in enumerate(self.ids)}


def make_lookup(ids: Sequence[str], vectors: Floats, notes: Mapping[str, Any]) -> Lookup:
    """A lookup of distinct `ids` and `vectors` `(n, size)`, which are scaled to unit length."""
    return _lookup(ids, vectors, unit(vectors), notes)


def _lookup(ids: Sequence[str], vectors: Floats, rows: Floats, notes: Mapping[str, Any]) -> Lookup:
    if len(rows) != len(ids) or len(set(ids)) != len(ids) or not np.isfinite(vectors).all():
        raise EncoderError(f"{len(ids)} distinct ids need as many finite vectors; got {vectors.shape}")
    digest = hashlib.sha256("\n".join(ids).encode())
    digest.update(rows.tobytes())
    return Lookup(tuple(ids), rows, digest.hexdigest()[:16], dict(notes))


def save_lookup(lookup: Lookup, folder: Path) -> None:
    """Write the folder, in place of an earlier one."""
    notes = {"fingerprint": lookup.fingerprint, "size": lookup.size, "items": len(lookup.ids), **lookup.notes}
    with whole_folder(folder) as written:
        ids = np.array(lookup.ids, dtype=np.str_)
        np.savez_compressed(written / VECTORS, ids=ids, vectors=lookup.vectors)
        text = json.dumps(notes, indent=1, ensure_ascii=False) + "\n"
        (written / NOTES).write_text(text, encoding="utf-8")


def load_lookup(folder: Path) -> Lookup:
    """The lookup in a folder; `EncoderError` where there is none, or its files do not belong together."""
    try:
        notes = json.loads((folder / NOTES).read_text(encoding="utf-8"))
        with np.load(folder / VECTORS, allow_pickle=False) as file:
            lookup = _lookup(file["ids"].tolist(), file["vectors"], file["vectors"], notes)
    except (OSError, ValueError, KeyError) as error:
        raise EncoderError(
            f"{folder} holds no vectors by item id: {error}; fit them again: vlclip fit-behaviour"
        ) from None
    if lookup.fingerprint != notes.get("fingerprint"):
        raise EncoderError(f"the vectors in {folder} are not those it was saved with; fit them again")
    return lookup


def load_lookups(info: StoreInfo, folder: Path) -> dict[str, Lookup]:
    """What fills the looked-up segments of `info`; each lookup has its own folder in `folder`."""
    return {
        segment: load_lookup(folder / encoder)
        for segment, encoder in info.encoders.items()
        if not is_encoded(segment)
    }


def with_lookup(info: StoreInfo, segment: str, lookup: Lookup) -> StoreInfo:
    """The description of a store with this lookup as a further segment."""
    space = FusedSpace((*info.space.segments, Segment(segment, lookup.size)))
    body = json.dumps([info.fingerprint, segment, lookup.fingerprint, lookup.size])
    return replace(
        info,
        fingerprint=hashlib.sha256(body.encode()).hexdigest()[:16],
        space=space,
        encoders={**info.encoders, segment: lookup.fingerprint},
    )
