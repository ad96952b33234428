"""`vlclip capacity`: what a catalogue of a given size needs in memory, disk and nodes.

What one item takes is measured on a store: the bytes of its files by part, divided by its items. For more
items than that store holds, the figures are extrapolated in proportion.

Laws (tests/service/commands/test_capacity.py):
- the parts add up to the bytes of the files;
- twice the items or the replicas need twice the memory and disk; never fewer nodes than replicas;
- what every search reads fits into what the nodes leave for it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from vlclip.engine.errors import StoreError
from vlclip.engine.opening.stores import is_url, open_store
from vlclip.engine.settings import Hnsw
from vlclip.engine.store.edge.folder import current
from vlclip.service.commands.options import Json, StoreOption
from vlclip.service.reports.terminal import out, print_json, says_what_went_wrong
from vlclip.service.settings import Settings

SIZES = (10_000, 100_000, 1_000_000, 10_000_000, 100_000_000)
HOT = ("graph", "quantized", "ids", "field indexes", "words")
"""Parts that every search reads. Of the other parts it reads only a few items."""
PATHS = {
    "/vector_storage-fused/quantized": "quantized",
    "/vector_storage-fused": "vectors",
    "/vector_index-fused": "graph",
    "/payload_storage": "fields",
    "/payload_index": "field indexes",
    "/vector_storage-words": "words",
    "/vector_index-words": "words",
    "/id_tracker": "ids",
}
"""Pieces of a file's path; the first that occurs in the path decides the part of the store."""
FREE = 0.25
"""Share of a node's memory that is left to the system and to files that are read now and then."""
PROCESS_GB = 0.5
"""Memory of a node that the process itself takes."""
ENOUGH = 10_000
"""With fewer items, the fixed size of the files is too large a share of what is measured."""
GB = 1e9


@dataclass(frozen=True, slots=True)
class Need:
    """What `items` items need. `memory_gb` and `disk_gb` count all copies.

    `indexing_gb` is the disk while the graph is being built: old and new files lie side by side.
    """

    items: int
    memory_gb: float
    disk_gb: float
    indexing_gb: float
    nodes: int


@says_what_went_wrong
def capacity(
    *,
    items: Annotated[int, typer.Option(min=1, help="Size of the catalogue to plan for.")] = 1_000_000,
    replicas: Annotated[int, typer.Option(min=1, help="Copies of every item, each on another node.")] = 2,
    node_ram: Annotated[float, typer.Option(min=1, help="Memory of one node, in GB.")] = 32.0,
    store: StoreOption = None,
    json: Json = False,
) -> None:
    """Plan memory, disk and nodes for a catalogue, from what an item takes in your store."""
    settings = Settings.load(store=store)
    if is_url(settings.store):
        raise StoreError(
            "capacity is measured on the files of an embedded store; ingest a part of the catalogue into a "
            "folder, then run: vlclip capacity --store FOLDER"
        )
    with closing(open_store(settings.store, settings)) as opened:
        count, size = opened.count(), opened.info.space.size
    if not count:
        raise StoreError(f"{settings.store} holds no items; fill it first: vlclip ingest CATALOGUE")
    measured = {part: total / count for part, total in measure(Path(settings.store)).items()}
    per_item, estimated = completed(measured, size, settings.hnsw)
    needs = [need(per_item, size, target, replicas, node_ram) for target in sorted({*SIZES, items})]
    if json:
        print_json({
            "measured_on": count, "bytes_per_item": per_item, "estimated": estimated, "replicas": replicas,
            "node_ram_gb": node_ram, "asked": asdict(next(row for row in needs if row.items == items)),
            "table": [asdict(row) | {"extrapolated": row.items > count} for row in needs],
        })  # fmt: skip
        return
    _print(per_item, estimated, needs, count, items=items, replicas=replicas, node_ram=node_ram)


def measure(store: Path) -> dict[str, int]:
    """Bytes on the disk of each part of the current collection, without the write-ahead log.

    That log does not grow with the catalogue, because it is cut once its entries are in the store.
    """
    parts: dict[str, int] = {}
    for file in (store / (current(store) or "") / "segments").glob("*/**/*"):
        if file.is_file():
            part = _part(file)
            parts[part] = parts.get(part, 0) + _bytes(file)
    return parts


def completed(per_item: Mapping[str, float], size: int, hnsw: Hnsw) -> tuple[dict[str, float], list[str]]:
    """Bytes per item by part, and the names of parts that the store lacks; those are upper estimates.

    `size` is that of the fused vector. A store that is small or not indexed has no graph.
    """
    quantized = {"int8": size, "binary": size / 8, "none": 0}[hnsw.quantization]
    most = {"vectors": 4.0 * size, "quantized": float(quantized), "graph": 8.0 * hnsw.m}
    missing = {part: value for part, value in most.items() if value and not per_item.get(part)}
    return {**per_item, **missing}, sorted(missing)


def need(per_item: Mapping[str, float], size: int, items: int, replicas: int, node_ram: float) -> Need:
    """What `items` items need, on nodes of `node_ram` GB."""
    copies = items * replicas / GB
    hot = sum(per_item.get(part, 0) for part in HOT)
    if not per_item.get("quantized"):
        hot += per_item["vectors"]
    total = sum(per_item.values())
    room = node_ram * (1 - FREE) - PROCESS_GB
    return Need(
        items=items,
        memory_gb=copies * hot,
        disk_gb=copies * total,
        indexing_gb=copies * (total + 8 * size),
        nodes=max(replicas, math.ceil(copies * hot / room)),
    )


def _part(file: Path) -> str:
    path = file.as_posix()
    return next((part for place, part in PATHS.items() if place in path), "other")


def _bytes(file: Path) -> int:
    """Bytes that the file takes on the disk; some files are created large and filled later."""
    status = file.stat()
    return getattr(status, "st_blocks", math.ceil(status.st_size / 512)) * 512


def _print(
    per_item: Mapping[str, float], estimated: list[str], needs: list[Need], count: int,
    *, items: int, replicas: int, node_ram: float,
) -> None:  # fmt: skip
    parts = Table("part", "bytes an item", "", box=None, header_style="bold")
    parts.columns[1].justify = "right"
    for part, value in sorted(per_item.items(), key=lambda requirement: -requirement[1]):
        says = "estimated, at most" if part in estimated else ""
        parts.add_row(part, f"{value:,.0f}", "read by every search" if part in HOT and not says else says)
    out.print(parts)
    table = Table(
        "items", "memory GB", "disk GB", "disk GB, indexing", "nodes", "", box=None, header_style="bold"
    )
    for column in table.columns[:5]:
        column.justify = "right"
    for requirement in needs:
        style = "bold" if requirement.items == items else None
        says = "extrapolated" if requirement.items > count else "within what was measured"
        figures = (
            f"{value:,.2f}" for value in (requirement.memory_gb, requirement.disk_gb, requirement.indexing_gb)
        )
        table.add_row(f"{requirement.items:,}", *figures, str(requirement.nodes), says, style=style)
    out.print(table)
    out.print(
        f"Measured on {count:,} items; {replicas} copies on nodes of {node_ram:g} GB, of which "
        f"{FREE:.0%} and {PROCESS_GB:g} GB are left to the system and the process."
    )
    if count < ENOUGH:
        out.print(f"With so few items the figures are rough: measure on {ENOUGH:,} or more.")
