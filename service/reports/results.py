"""A list of results as a table with the parts of each score, or as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vlclip.ranking.lists.answer import Result
from vlclip.service.http.list_json import result_shape
from vlclip.service.http.price import format_price, format_prices
from vlclip.service.reports.terminal import plain, print_json


def print_results(results: Sequence[Result], *, json: bool, extra: Mapping[str, Any]) -> None:
    """A list as a table with one column per score part, or as JSON."""
    if json:
        print_json({"results": [result_shape(result) for result in results], **extra})
        return
    from rich.table import Table  # noqa: PLC0415 - JSON needs none

    from vlclip.service.reports.terminal import out  # noqa: PLC0415 - as above

    if not results:
        out.print("nothing fits")
        return
    names = list(dict.fromkeys(name for result in results for name in result.parts))
    folded = any(result.duplicates for result in results)
    table = Table(box=None, header_style="bold")
    for heading in ("", "id", "title", "price"):
        table.add_column(heading, overflow="fold")
    for heading in ("score", *names):
        table.add_column(heading, justify="right")
    if folded:
        table.add_column("copies", justify="right")
    grouped = any(result.variants for result in results)
    if grouped:
        table.add_column("variants")
    for rank, result in enumerate(results, 1):
        item = result.item
        title = result.title or str(item.get("product_type") or "")
        numbers = [f"{result.score:.3f}", *(_number(result.parts.get(name)) for name in names)]
        copies = [str(len(result.duplicates) or "")] if folded else []
        variants = [plain(_variants(result))] if grouped else []
        price = format_prices(result.variants.prices, "g") if result.variants else format_price(item, "g")
        table.add_row(str(rank), result.id, plain(title), plain(price), *numbers, *copies, *variants)
    out.print(table)


def _variants(result: Result) -> str:
    """How many variants a result stands for, and in what they differ: `5: colour, size`."""
    variants = result.variants
    if variants is None or variants.count == 1:
        return ""
    return f"{variants.count}: {', '.join(variants.values)}" if variants.values else str(variants.count)


def _number(part: float | None) -> str:
    return "" if part is None else f"{part:.3f}"
