"""Visual recommendations for shops: fused CLIP vectors in Qdrant, every score explained, judged offline.

    from vlclip import Page, Settings, open_recommender

    with open_recommender(Settings.load(store="./store")) as recommender:
        for result in recommender.similar("sku-42", page=Page(limit=5)):
            print(result.id, result.score, result.parts)

Each name is loaded when it is first used, so `import vlclip` loads no library.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vlclip.engine.errors import VlclipError as VlclipError
    from vlclip.engine.filters import parse_clauses as parse_clauses
    from vlclip.engine.item import Item as Item
    from vlclip.engine.opening.stores import open_store as open_store
    from vlclip.ingestion.pipeline.ingest import ingest_catalogue as ingest_catalogue
    from vlclip.ranking.experiments.table import read_exposures as read_exposures
    from vlclip.ranking.lists.answer import Answer as Answer
    from vlclip.ranking.lists.answer import Page as Page
    from vlclip.ranking.lists.answer import Result as Result
    from vlclip.ranking.lists.arm import Arm as Arm
    from vlclip.ranking.lists.arm import read_arm as read_arm
    from vlclip.ranking.lists.opening import open_recommender as open_recommender
    from vlclip.ranking.lists.recommender import Recommender as Recommender
    from vlclip.service.client import ApiError as ApiError
    from vlclip.service.client import AsyncClient as AsyncClient
    from vlclip.service.client import Client as Client
    from vlclip.service.settings import Settings as Settings

_HOMES = {
    "Answer": "ranking.lists.answer",
    "ApiError": "service.client",
    "Arm": "ranking.lists.arm",
    "AsyncClient": "service.client",
    "Client": "service.client",
    "Item": "engine.item",
    "Page": "ranking.lists.answer",
    "Recommender": "ranking.lists.recommender",
    "Result": "ranking.lists.answer",
    "Settings": "service.settings",
    "VlclipError": "engine.errors",
    "ingest_catalogue": "ingestion.pipeline.ingest",
    "open_recommender": "ranking.lists.opening",
    "open_store": "engine.opening.stores",
    "parse_clauses": "engine.filters",
    "read_arm": "ranking.lists.arm",
    "read_exposures": "ranking.experiments.table",
}
"""Public names and the module below `vlclip` that holds each."""

__all__ = sorted(_HOMES)  # noqa: PLE0605 - tests/test_public_face.py holds it against what can be imported


def __getattr__(name: str) -> Any:
    """Load a public name when it is first asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module 'vlclip' has no attribute {name!r}")
    value = getattr(import_module(f"vlclip.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*globals(), *__all__]
