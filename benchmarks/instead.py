"""What somebody would build instead: a FastAPI route over hnswlib and a dict of payloads, or over LanceDB.

`serving.py --instead hnswlib lancedb` serves them. They answer "more like this" of the same vectors, with the
same fields and scores, and do nothing else: no parts, no log, no filters, no keys, no limits.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import orjson
from contestants import Corpus, hnswlib_index, lance_index
from fastapi import FastAPI, HTTPException
from fastapi.responses import Response

from vlclip.engine.opening.stores import open_store
from vlclip.engine.store.qdrant import QdrantStore
from vlclip.service.settings import Settings

KINDS = ("hnswlib", "lancedb")
EF = 16
"""Candidates of a search; `index.py` finds that 10 to 16 are enough for 99 % of the true ten."""


def make_instead(kind: str, store: Path) -> FastAPI:
    """The application over what the store holds."""
    settings = Settings.load(store=str(store))
    opened = open_store(settings.store, settings)
    assert isinstance(opened, QdrantStore)
    corpus = Corpus.read(opened)
    opened.close()
    row_of = {item_id: row for row, item_id in enumerate(corpus.ids)}
    ask = asking(kind, corpus, settings)
    app = FastAPI()

    def scored(row: int) -> Iterable[tuple[int, float]]:
        rows = ask(row)
        return zip(rows, corpus.vectors[rows] @ corpus.vectors[row], strict=True)

    def similar(item_id: str) -> Response:
        row = row_of.get(item_id)
        if row is None:
            raise HTTPException(404)
        results = [
            {"id": corpus.ids[other], "score": float(score), "item": corpus.payloads[other]}
            for other, score in scored(row)
        ]
        return Response(orjson.dumps({"results": results}), media_type="application/json")

    if kind == "hnswlib":  # nothing in it waits

        @app.get("/v1/items/{item_id}/similar")
        async def at_once(item_id: str, limit: int = 10) -> Response:
            del limit
            return similar(item_id)

    else:

        @app.get("/v1/items/{item_id}/similar")
        def by_thread(item_id: str, limit: int = 10) -> Response:
            del limit
            return similar(item_id)

    return app


def asking(kind: str, corpus: Corpus, settings: Settings) -> Callable[[int], Sequence[int]]:
    """From the row of an item to the rows of those like it."""
    for payload in corpus.payloads:
        payload.pop("provenance", None)
    if kind == "hnswlib":
        index = hnswlib_index(corpus, settings)
    else:
        index = lance_index(corpus, settings, Path(tempfile.mkdtemp()))
    assert index.widen is not None
    index.widen(EF)
    return lambda row: index.ask(corpus.vectors[row], row)
