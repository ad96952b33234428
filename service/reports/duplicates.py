"""Near-duplicate photos, printed: their counts, and a line for each cluster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from vlclip.ingestion.pipeline.duplicates import PhotoDuplicates
from vlclip.service.reports.terminal import out, plain

LARGEST = 5
"""Clusters shown at the end of an ingest."""
IDS = 10
"""Ids shown of one cluster; a photo that stands for "no photo yet" can have thousands."""


def duplicate_counts(duplicates: PhotoDuplicates) -> dict[str, Any]:
    """How many there are, under the names that scripts rely on."""
    return {
        "distance": duplicates.distance,
        "photos": duplicates.photos,
        "items": duplicates.items,
        "clusters": len(duplicates.clusters),
    }


def duplicates_json(duplicates: PhotoDuplicates | None) -> dict[str, Any] | None:
    """The end of an ingest: the counts and the largest few; None where no search was made."""
    if duplicates is None:
        return None
    largest = [{"size": len(ids), "ids": ids[:IDS]} for ids in duplicates.clusters[:LARGEST]]
    return duplicate_counts(duplicates) | {"largest": largest}


def duplicates_sentence(duplicates: PhotoDuplicates) -> str:
    """The counts as a sentence."""
    return (
        f"{duplicates.items:,} of {duplicates.photos:,} photos are near-duplicates of another, "
        f"in {len(duplicates.clusters):,} clusters"
    )


def print_clusters(clusters: Sequence[Sequence[str]], titles: Mapping[str, str]) -> None:
    """A line for each cluster: its size, the id all others are near to, the others."""
    if not clusters:
        return
    table = Table(box=None, header_style="bold")
    table.add_column("photos", justify="right")
    for heading in ("item", "title", "the same photo as") if titles else ("item", "the same photo as"):
        table.add_column(heading, overflow="fold")
    for first, *others in clusters:
        copies = ", ".join(map(plain, others[: IDS - 1])) + (" …" if len(others) >= IDS else "")
        title = [plain(titles.get(first, ""))] if titles else []
        table.add_row(str(1 + len(others)), plain(first), *title, copies)
    out.print(table)
