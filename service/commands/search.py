"""`vlclip search`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from PIL import Image

from vlclip.engine.errors import PhotoError
from vlclip.engine.photos.decoding import decode
from vlclip.ingestion.settings import Fetch
from vlclip.ranking.lists.opening import open_recommender
from vlclip.service.commands.list_plan import read_list_plan
from vlclip.service.commands.options import (
    ArmFile,
    Clip,
    Collapse,
    Device,
    Diversity,
    Exclude,
    Filters,
    GroupByOption,
    Json,
    Limit,
    Offset,
    StoreOption,
    TextEncoder,
    User,
    Weights,
)
from vlclip.service.reports.results import print_results
from vlclip.service.reports.terminal import says_what_went_wrong
from vlclip.service.settings import Settings


@says_what_went_wrong
def search(
    text: Annotated[str, typer.Argument(help="Words to search for.")] = "",
    *,
    photo: Annotated[Path | None, typer.Option(help="Photo to search with, alone or beside words.")] = None,
    store: StoreOption = None,
    weights: Weights = None,
    filter: Filters = None,
    exclude: Exclude = None,
    limit: Limit = None,
    offset: Offset = 0,
    collapse: Collapse = None,
    diversity: Diversity = None,
    group_by: GroupByOption = None,
    user: User = "",
    arm: ArmFile = None,
    clip: Clip = None,
    text_encoder: TextEncoder = None,
    device: Device = None,
    json: Json = False,
) -> None:
    """List items that fit words, a photo, or both."""
    settings = Settings.load(store=store, clip=clip, text_encoder=text_encoder, device=device)
    plan = read_list_plan(
        weights=weights, filter=filter, exclude=exclude, limit=limit, offset=offset,
        collapse=collapse, diversity=diversity, group_by=group_by, arm=arm,
    )  # fmt: skip
    with open_recommender(settings) as recommender:
        image = None if photo is None else _read_photo(photo, settings.fetch)
        answer, took_ms = plan.answer(recommender, "search", user=user, text=text, photo=image)
    query = {"text": text, "photo": str(photo) if photo else None, "took_ms": took_ms}
    print_results(answer, json=json, extra=query)


def _read_photo(photo: Path, limits: Fetch) -> Image.Image:
    try:
        return decode(photo.read_bytes(), limits.limits)
    except OSError as error:
        raise PhotoError(f"the photo {photo} cannot be read: {error.strerror}") from None
