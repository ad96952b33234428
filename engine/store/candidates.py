"""Candidates of a vector and a text: two searches united, and scored exactly by both.

The first call makes both searches and reads nothing else, since reading payloads costs most of a search. The
second fetches, by id, scores that one search did not bring, if with them an item could be among the best.
Both are made again, twice as deep, while an item that neither search brought could be among the best.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from vlclip.engine.errors import SpaceError
from vlclip.engine.store.backend import PointKey, VectorSearch
from vlclip.engine.store.contenders import Blend, contenders, settled
from vlclip.engine.store.lexical import Sparse
from vlclip.engine.store.searches import Searches
from vlclip.engine.store.store import Query

DEEPER = 32
"""Searches go at most this many times as deep as their start, and cut off what thousands of items tie for."""


class Scores(NamedTuple):
    """The keys of candidates with their scores by each search; none where a search does not match them.

    `is_settled` says that the best of all items are among them.
    """

    keys: list[PointKey]
    dense: dict[PointKey, float]
    lexical: dict[PointKey, float]
    is_settled: bool


def find_candidates(searches: Searches, query: Query, text: str, pool: int, blend: Blend | None) -> Scores:
    """Candidates of `query.vector` and `text`; with a `blend` only those that may be among the best."""
    if query.vector is None:
        raise SpaceError("candidates are searched by a vector and a text; the vector is missing")
    where, words = searches.where(query.filter, query.exclude), searches.words.encode_query(text)
    deepest = pool if blend is None else DEEPER * pool
    while True:
        scores = _search_both(searches, query, where, words, pool, blend)
        if scores.is_settled or pool >= deepest:
            return scores
        pool *= 2


def _search_both(
    searches: Searches, query: Query, where: Any | None, words: Sparse, pool: int, blend: Blend | None
) -> Scores:
    """Candidates of two searches of this depth."""
    assert query.vector is not None  # noqa: S101  # its caller has looked
    best = searches.nearest(query, where, pool)
    requests = [best, VectorSearch(near=words, limit=pool, where=where)] if words else [best]
    dense, *by_words = searches.backend.scores(requests)
    lexical = by_words[0] if by_words else {}
    floor = min(lexical.values()) if len(lexical) == pool else 0.0
    dense_floor = min(dense.values()) if len(dense) == pool else None  # else all are there
    if blend is None:
        keys = list({**dense, **lexical})
    else:
        keys = contenders(dense, lexical, blend, reach=searches.reach(query.vector), floor=floor)
    missing = [
        VectorSearch(near=near, limit=len(lacking), exact=True, where=searches.among(lacking))
        for near, lacking in (
            (best.near, [key for key in keys if key not in dense]),
            (words, [key for key in keys if key not in lexical] if floor else []),
        )
        if lacking
    ]
    answers = searches.backend.scores(missing) if missing else ()
    for search, scores in zip(missing, answers, strict=True):
        (lexical if search.near is words else dense).update(scores)
    if blend is None:
        return Scores(keys, dense, lexical, is_settled=True)
    # now both scores of each are at hand, 0 where it does not match
    dense_of = {key: dense.get(key, 0.0) for key in keys}
    keys = contenders(dense_of, {key: lexical.get(key, 0.0) for key in keys}, blend, reach=0.0, floor=0.0)
    scale = blend.scale(lexical)
    blended = [dense.get(key, 0.0) + scale * lexical.get(key, 0.0) for key in keys]
    is_settled = dense_floor is None or settled(
        blended, blend, scale=scale, dense_floor=dense_floor, floor=floor
    )
    return Scores(keys, dense, lexical, is_settled)
