"""A catalogue of any size, made of a real one's vectors, that lies in space as the real one does.

A made item starts from a random real one and moves from it towards and away from its nearest neighbours by
random amounts, photo and text by the same ones, so it stays where real items lie; some keep the text or the
photo as it is, as articles share titles. How far they move and how many keep is settled per segment so that
as many made items as real ones have an equal, and the others' nearest is as far away in the middle.
`check` tells how well that came out.

Row r of the catalogue is the same whatever its size: a larger one begins with the smaller one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import orjson

from vlclip.engine.item import Item
from vlclip.engine.space import Floats, FusedSpace, unit
from vlclip.engine.store.store import Point, Store, StoreInfo, info_form, info_from

BLOCK = 5_000
"""Rows made together, of a random stream of their own."""
NEAR = 12
"""Neighbours an item is moved by."""
QUERIES = 2_000
"""Rows whose neighbours are looked up to compare catalogues."""
EQUAL = 1 - 1e-5
QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)


class Spread(NamedTuple):
    """Of one segment: how far rows move from their seed, and the share of them that keep it."""

    reach: float
    share: float


@dataclass(frozen=True, slots=True)
class Grown:
    """Real items `(n, size)`, their neighbours `(n, NEAR)`, and how made ones spread from them."""

    info: StoreInfo
    vectors: Floats
    near: np.ndarray
    payloads: list[dict[str, Any]]
    spread: Mapping[str, Spread]

    def rows(self, start: int, stop: int) -> tuple[np.ndarray, Floats]:
        """The seeds `(n,)` and vectors `(n, size)` of rows `start` to `stop`, both on a block's border."""
        seeds, fused = [], []
        for block in range(start // BLOCK, stop // BLOCK):
            seed, moves, chance = self._drawn(block)
            parts = {
                name: _spread(self.vectors[seed, span], moves[:, span], chance[name], self.spread[name])
                for name, span in self.info.space.slices().items()
            }
            seeds.append(seed)
            fused.append(self.info.space.item_vectors(parts, BLOCK))
        return np.concatenate(seeds), np.concatenate(fused)

    def points(self, start: int, stop: int) -> Iterator[list[Point]]:
        """The same as points to store, a block at a time: the seed's fields, an id and a price of its own."""
        for first in range(start, stop, BLOCK):
            seeds, fused = self.rows(first, first + BLOCK)
            prices = np.random.default_rng(first).lognormal(3.5, 0.8, BLOCK).round(2)
            yield [
                self._point(first + n, self.payloads[seed], float(prices[n]), fused[n])
                for n, seed in enumerate(seeds)
            ]

    def check(self) -> dict[str, dict[str, list[float]]]:
        """By segment and for both: quantiles of the cosine to the nearest and the tenth, real and made."""
        count = len(self.vectors) // BLOCK * BLOCK
        _, grown_rows = self.rows(0, count)
        spans = {**self.info.space.slices(), "fused": slice(None)}
        out = {}
        for name, span in spans.items():
            real, like = _cosines(self.vectors[:count, span]), _cosines(grown_rows[:, span])
            out[name] = {
                f"{of}, {rank}": [round(float(q), 4) for q in np.quantile(rows[:, place], QUANTILES)]
                for rank, place in (("nearest", 0), ("tenth", 9))
                for of, rows in (("real", real), ("made", like))
            }
            out[name]["equals"] = [round(float((rows[:, 0] > EQUAL).mean()), 4) for rows in (real, like)]
        return out

    def save(self, folder: Path) -> None:
        """Keep it, so that later runs make the same catalogue."""
        folder.mkdir(parents=True, exist_ok=True)
        np.savez(folder / "seeds.npz", vectors=self.vectors, near=self.near)
        spread = {name: list(values) for name, values in self.spread.items()}
        form = {"info": info_form(self.info), "payloads": self.payloads, "spread": spread}
        (folder / "seeds.json").write_bytes(orjson.dumps(form))

    @classmethod
    def load(cls, folder: Path) -> Grown:
        """What `save` kept."""
        form = orjson.loads((folder / "seeds.json").read_bytes())
        arrays = np.load(folder / "seeds.npz")
        spread = {name: Spread(*values) for name, values in form["spread"].items()}
        return cls(info_from(form["info"]), arrays["vectors"], arrays["near"], form["payloads"], spread)

    @classmethod
    def fit(cls, store: Store) -> Grown:
        """Read the items that have all segments, find their neighbours, settle how made ones spread."""
        payloads, blocks = [], []
        for batch in store.scan(with_vector=True):
            payloads += [dict(record.payload) for record in batch]
            blocks.append(np.stack([record.vector for record in batch if record.vector is not None]))
        vectors, space = np.concatenate(blocks), store.info.space
        whole = np.all([vectors[:, span].any(axis=1) for span in space.slices().values()], axis=0)
        vectors, payloads = vectors[whole], [payloads[row] for row in np.flatnonzero(whole)]
        still = dict.fromkeys(space.names, Spread(0, 0))
        grown = cls(store.info, vectors, _neighbours(vectors), payloads, still)
        return cls(store.info, vectors, grown.near, payloads, grown._settled(space))

    def _settled(self, space: FusedSpace) -> dict[str, Spread]:
        """By halving: first the share kept, which alone makes equals, then the reach."""
        count = len(self.vectors) // BLOCK * BLOCK
        drawn = [self._drawn(block) for block in range(count // BLOCK)]
        seeds, moves = (np.concatenate([draw[part] for draw in drawn]) for part in (0, 1))
        out = {}
        for name, span in space.slices().items():
            chance = np.concatenate([draw[2][name] for draw in drawn])
            real = _cosines(self.vectors[:count, span])[:, 0]
            at, move = self.vectors[seeds, span], moves[:, span]
            equal, middle = (real > EQUAL).mean(), np.median(real[real <= EQUAL])

            def nearest(
                reach: float, share_kept: float, at: Floats = at, move: Floats = move, chance: Floats = chance
            ) -> Floats:
                return _cosines(unit(_spread(at, move, chance, Spread(reach, share_kept))))[:, 0]

            share_kept = _halved(lambda share: (nearest(0.5, share) > EQUAL).mean() - equal)  # noqa: B023
            reach = _halved(
                lambda reach: middle - np.median((c := nearest(2 * reach, share_kept))[c <= EQUAL])  # noqa: B023
            )
            out[name] = Spread(2 * reach, share_kept)
        return out

    def _drawn(self, block: int) -> tuple[np.ndarray, Floats, dict[str, Floats]]:
        """Of a block: seeds, moves of unit reach `(BLOCK, size)`, and what decides on keeping."""
        rng = np.random.default_rng((7, block))
        seeds = rng.integers(0, len(self.vectors), BLOCK)
        steps = rng.standard_normal((BLOCK, NEAR), dtype=np.float32) / np.float32(np.sqrt(NEAR))
        moves = -steps.sum(axis=1, keepdims=True) * self.vectors[seeds]
        for place in range(NEAR):
            moves += steps[:, place, None] * self.vectors[self.near[seeds, place]]
        return seeds, moves, {name: rng.random(BLOCK, np.float32) for name in self.info.space.names}

    @staticmethod
    def _point(row: int, seed: Mapping[str, Any], price: float, vector: Floats) -> Point:
        payload = {**seed, "id": f"item-{row}", "price": price}
        payload["provenance"] = {**seed.get("provenance", {}), "content_hash": f"{row:032x}"}
        words = Item.from_payload(payload | {"provenance": None}).lexical_texts
        return Point(payload["id"], vector, words, payload)


def _spread(at: Floats, move: Floats, chance: Floats, spread: Spread) -> Floats:
    moving = (chance >= spread.share).astype(np.float32)[:, None]
    return at + np.float32(spread.reach) * moving * move


def _halved(over: Any, rounds: int = 10) -> float:
    """Where `over`, which rises in [0, 1], crosses zero."""
    low, high = 0.0, 1.0
    for _ in range(rounds):
        middle = (low + high) / 2
        low, high = (low, middle) if over(middle) > 0 else (middle, high)
    return (low + high) / 2


def _cosines(rows: Floats) -> Floats:
    """`(ASKED, 10)`: of evenly spaced rows, the cosines to their ten nearest others, nearest first."""
    rows = unit(rows)
    chosen = np.linspace(0, len(rows) - 1, min(QUERIES, len(rows))).astype(int)
    scores = rows[chosen] @ rows.T
    scores[np.arange(len(chosen)), chosen] = -2
    best = np.partition(scores, -10, axis=1)[:, -10:]
    return -np.sort(-best, axis=1)


def _neighbours(vectors: Floats) -> np.ndarray:
    """`(n, NEAR)` int32: the nearest others by dot product."""
    out = np.empty((len(vectors), NEAR), dtype=np.int32)
    for start in range(0, len(vectors), 1000):
        scores = vectors[start : start + 1000] @ vectors.T
        scores[np.arange(len(scores)), np.arange(start, start + len(scores))] = -np.inf
        out[start : start + 1000] = np.argpartition(scores, -NEAR, axis=1)[:, -NEAR:]
    return out
