"""`vlclip duplicates`."""

from __future__ import annotations

from contextlib import closing
from typing import Annotated

import typer

from vlclip.engine.duplicates import MAX_DISTANCE
from vlclip.engine.opening.stores import open_store
from vlclip.ingestion.pipeline.duplicates import find_duplicates
from vlclip.service.commands.options import Json, StoreOption
from vlclip.service.reports.duplicates import duplicate_counts, duplicates_sentence, print_clusters
from vlclip.service.reports.terminal import out, print_json, says_what_went_wrong
from vlclip.service.settings import Settings

SHOWN_CLUSTERS = 20


@says_what_went_wrong
def duplicates(
    *,
    store: StoreOption = None,
    distance: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=MAX_DISTANCE,
            help="Largest distance of the hashes of near-duplicates; 0: equal hashes.",
            show_default="8",
        ),
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=1, help="How many clusters to show.")
    ] = SHOWN_CLUSTERS,
    json: Json = False,
) -> None:
    """List clusters of items with near-duplicate photos, the largest first; --json lists all."""
    settings = Settings.load(store=store)
    with closing(open_store(settings.store, settings)) as opened:
        photo_duplicates = find_duplicates(
            opened, settings.search.collapse_distance if distance is None else distance
        )
        clusters = photo_duplicates.clusters[:limit]
        heads = opened.retrieve([ids[0] for ids in clusters], fields=("title",))
        items = opened.count()
    if json:
        print_json(
            {**duplicate_counts(photo_duplicates), "stored": items, "groups": photo_duplicates.clusters}
        )
        return
    out.print(duplicates_sentence(photo_duplicates))
    if photo_duplicates.photos == 0 and items:
        out.print(f"none of the {items:,} items has a photo that can be compared")
    print_clusters(clusters, {item_id: str(head.payload.get("title", "")) for item_id, head in heads.items()})
