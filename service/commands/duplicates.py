"""`vlclip duplicates`, and what `vlclip ingest` says of duplicates at its end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Annotated, Any

import typer
from rich.table import Table

from vlclip.engine.duplicates import MAX_DISTANCE
from vlclip.engine.opening.stores import open_store
from vlclip.ingestion.pipeline.duplicates import PhotoDuplicates, find_duplicates
from vlclip.service.reports.terminal import Json, StoreOption, out, plain, print_json, says_what_went_wrong
from vlclip.service.settings import Settings

SHOWN = 20
LARGEST = 5
"""Clusters told of at the end of an ingest."""
IDS = 10
"""Ids shown of one cluster; a photo that stands for "no photo yet" can have thousands."""


@says_what_went_wrong
def duplicates(
    *,
    store: StoreOption = None,
    distance: Annotated[
        int | None,
        typer.Option(
            min=0, max=MAX_DISTANCE, help="Up to it photos are near-duplicates; 0: equal.", show_default="8"
        ),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="How many clusters to show.")] = SHOWN,
    json: Json = False,
) -> None:
    """Items whose photos are near-duplicates, in clusters, the largest first; --json has all of them."""
    settings = Settings.load(store=store)
    with closing(open_store(settings.store, settings)) as opened:
        found = find_duplicates(opened, settings.search.collapse_distance if distance is None else distance)
        shown = found.clusters[:limit]
        heads = opened.retrieve([ids[0] for ids in shown], fields=("title",))
        items = opened.count()
    if json:
        print_json({**counts(found), "stored": items, "groups": found.clusters})
        return
    out.print(told(found))
    if found.photos == 0 and items:
        out.print(f"none of the {items:,} items has a photo that can be compared")
    print_clusters(shown, {item_id: str(head.payload.get("title", "")) for item_id, head in heads.items()})


def counts(found: PhotoDuplicates) -> dict[str, Any]:
    """How many there are, under the names that scripts rely on."""
    return {
        "distance": found.distance,
        "photos": found.photos,
        "items": found.items,
        "clusters": len(found.clusters),
    }


def duplicates_json(found: PhotoDuplicates | None) -> dict[str, Any] | None:
    """The end of an ingest: the counts and the largest few; None where nothing was looked for."""
    if found is None:
        return None
    largest = [{"size": len(ids), "ids": ids[:IDS]} for ids in found.clusters[:LARGEST]]
    return counts(found) | {"largest": largest}


def told(found: PhotoDuplicates) -> str:
    """The counts as a sentence."""
    return (
        f"{found.items:,} of {found.photos:,} photos are near-duplicates of another, "
        f"in {len(found.clusters):,} clusters"
    )


def print_clusters(shown: Sequence[Sequence[str]], titles: Mapping[str, str]) -> None:
    """A line for each cluster: its size, the id all others are near to, the others."""
    if not shown:
        return
    table = Table(box=None, header_style="bold")
    table.add_column("photos", justify="right")
    for heading in ("item", "title", "the same photo as") if titles else ("item", "the same photo as"):
        table.add_column(heading, overflow="fold")
    for first, *others in shown:
        named = ", ".join(map(plain, others[: IDS - 1])) + (" …" if len(others) >= IDS else "")
        title = [plain(titles.get(first, ""))] if titles else []
        table.add_row(str(1 + len(others)), plain(first), *title, named)
    out.print(table)
