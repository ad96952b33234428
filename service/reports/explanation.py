"""How a catalogue would be read, for people and for scripts."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from vlclip.ingestion.pipeline.explain import ExplainedItem, Explanation
from vlclip.service.reports.terminal import out


def print_explanation(explanation: Explanation) -> None:
    """Columns, first items, and counts of notes."""
    rows = f"{explanation.rows:,} rows" if explanation.rows is not None else "rows that were not counted"
    out.print(Text(f"{explanation.source}: {rows}; nothing is stored"))
    for note in explanation.notes:
        out.print(Text(note))
    table = Table(box=None, title="columns", title_justify="left", pad_edge=False)
    for heading, ratio in (("column", 2), ("becomes", 2), ("for example", 3)):
        table.add_column(heading, overflow="fold", ratio=ratio)
    for fate in explanation.columns:
        table.add_row(Text(fate.column), Text(fate.fate), Text(fate.example))
    out.print(table)
    for item in explanation.items:
        _print_item(item)
    for kind, counts in (("note", explanation.warnings), ("failed", explanation.failures)):
        for reason, count in counts.items():
            out.print(Text.assemble((kind, "yellow"), f" {count:,} x {reason}"))
    if not explanation.warnings and not explanation.failures:
        out.print(f"no notes in the first {explanation.read:,} items")
    else:
        out.print(f"counted in the first {explanation.read:,} items")


def _print_item(item: ExplainedItem) -> None:
    out.print(Text(f"\nitem {item.id or 'without an id'} (row {item.row})", style="bold"))
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(overflow="fold", max_width=24)
    table.add_column(overflow="fold")
    if item.failure:
        table.add_row("failed", Text(item.failure))
    for name, value in item.payload.items():
        if name not in ("id", "image", "photos"):
            table.add_row(Text(name), Text(_written(value)))
    for photo, state in item.photos:
        table.add_row("photo", Text(f"{photo}: {state}"))
    if item.payload:
        table.add_row("embedded words", Text(item.words or "none"))
    for warning in item.warnings:
        table.add_row("note", Text(warning, style="yellow"))
    out.print(Padding(table, (0, 0, 0, 2)))


def _written(value: Any) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= 200 else f"{text[:199]}…"


def explanation_json(explanation: Explanation) -> dict[str, Any]:
    """The explanation under the names that scripts rely on."""
    return asdict(explanation)
