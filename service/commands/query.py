"""`vlclip similar`, `vlclip search` and `vlclip recommend`."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Annotated

import typer
from PIL import Image

from vlclip.engine.filters import read_filter
from vlclip.engine.opening.encoders import Encoders
from vlclip.engine.opening.stores import open_store
from vlclip.ingestion.errors import PhotoError
from vlclip.ingestion.photos.decoding import decode
from vlclip.ingestion.settings import Fetch
from vlclip.ranking.history.events import unit_of
from vlclip.ranking.history.opening import open_history
from vlclip.ranking.lists.answer import Page, Strategy
from vlclip.ranking.lists.arm import read_arm
from vlclip.ranking.lists.recommender import PLAIN, Recommender
from vlclip.service.http.requests import read_weights
from vlclip.service.reports.terminal import (
    ArmFile,
    Clip,
    Collapse,
    Device,
    Diversity,
    Exclude,
    Filters,
    Json,
    Limit,
    Offset,
    StoreOption,
    TextEncoder,
    User,
    Weights,
    out,
    print_results,
    says_what_went_wrong,
)
from vlclip.service.settings import Settings

TOLD: dict[Strategy, str] = {
    "history": "from what this user did",
    "popular": "nothing is known of this user: what others do most with",
    "content": "nothing is known of this user or of others: what is typical",
}


@says_what_went_wrong
def similar(
    item: Annotated[str, typer.Argument(help="Id of the item to start from.")],
    *,
    store: StoreOption = None,
    weights: Weights = None,
    filter: Filters = None,
    exclude: Exclude = None,
    limit: Limit = None,
    offset: Offset = 0,
    collapse: Collapse = None,
    diversity: Diversity = None,
    user: User = "",
    arm: ArmFile = None,
    json: Json = False,
) -> None:
    """Items like this one, each with the parts of its score."""
    settings = Settings.load(store=store)
    page = _page(limit, offset, filter, exclude, collapse=collapse, diversity=diversity)
    ranked_by = PLAIN if arm is None else read_arm(arm)
    with _recommender(settings) as recommender:
        began = time.perf_counter()
        results = recommender.similar(
            item, weights=read_weights(weights), page=page, shopper=unit_of(user), arm=ranked_by
        )
        took_ms = (time.perf_counter() - began) * 1000
    print_results(results, json=json, extra={"item": item, "took_ms": took_ms})


@says_what_went_wrong
def search(
    text: Annotated[str, typer.Argument(help="What to look for.")] = "",
    *,
    photo: Annotated[Path | None, typer.Option(help="A photo to look for, alone or with words.")] = None,
    store: StoreOption = None,
    weights: Weights = None,
    filter: Filters = None,
    exclude: Exclude = None,
    limit: Limit = None,
    offset: Offset = 0,
    collapse: Collapse = None,
    diversity: Diversity = None,
    user: User = "",
    arm: ArmFile = None,
    clip: Clip = None,
    text_encoder: TextEncoder = None,
    device: Device = None,
    json: Json = False,
) -> None:
    """Items that fit words, a photo, or both."""
    settings = Settings.load(store=store, clip=clip, text_encoder=text_encoder, device=device)
    page = _page(limit, offset, filter, exclude, collapse=collapse, diversity=diversity)
    ranked_by = PLAIN if arm is None else read_arm(arm)
    with _recommender(settings) as recommender:
        decoded = None if photo is None else _read(photo, settings.fetch)
        began = time.perf_counter()
        results = recommender.search(
            text,
            photo=decoded,
            weights=read_weights(weights),
            page=page,
            shopper=unit_of(user),
            arm=ranked_by,
        )
        took_ms = (time.perf_counter() - began) * 1000
    shown = {"text": text, "photo": str(photo) if photo else None, "took_ms": took_ms}
    print_results(results, json=json, extra=shown)


@says_what_went_wrong
def recommend(
    user: Annotated[str, typer.Argument(help="Whom to recommend to.")],
    *,
    store: StoreOption = None,
    weights: Weights = None,
    filter: Filters = None,
    exclude: Exclude = None,
    limit: Limit = None,
    offset: Offset = 0,
    collapse: Collapse = None,
    diversity: Diversity = None,
    arm: ArmFile = None,
    json: Json = False,
) -> None:
    """Items for a user, by what they did; for somebody new, what others do most with."""
    settings = Settings.load(store=store)
    page = _page(limit, offset, filter, exclude, collapse=collapse, diversity=diversity)
    ranked_by = PLAIN if arm is None else read_arm(arm)
    with _recommender(settings) as recommender:
        began = time.perf_counter()
        answer = recommender.recommend(unit_of(user), weights=read_weights(weights), page=page, arm=ranked_by)
        took_ms = (time.perf_counter() - began) * 1000
    print_results(answer, json=json, extra={"user": user, "strategy": answer.strategy, "took_ms": took_ms})
    if not json:
        out.print(TOLD[answer.strategy])


def _page(
    limit: int | None,
    offset: int,
    filter: list[str] | None,
    exclude: list[str] | None,
    *,
    collapse: bool | None,
    diversity: float | None,
) -> Page:
    return Page(
        limit=limit,
        offset=offset,
        filter=read_filter(filter),
        exclude=tuple(exclude or ()),
        collapse=collapse,
        diversity=diversity,
    )


@contextmanager
def _recommender(settings: Settings) -> Iterator[Recommender]:
    with closing(open_store(settings.store, settings)) as store, closing(open_history(settings)) as history:
        yield Recommender(store, Encoders(settings, store.info).load, settings.search, history)


def _read(photo: Path, limits: Fetch) -> Image.Image:
    try:
        return decode(photo.read_bytes(), max_pixels=limits.max_pixels)
    except OSError as error:
        raise PhotoError(f"the photo {photo} cannot be read: {error.strerror}") from None
