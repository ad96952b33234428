"""A comparison of arms on a terminal, and all of it as JSON.

Laws (tests/service/commands/test_compare.py):
- JSON has every list of the requests that differ most, and null where a number is not known;
- nothing from the catalogue reaches the terminal as markup.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from math import isfinite
from typing import Any

from rich.console import Console
from rich.table import Table

from vlclip.ranking.evaluation.comparison.comparison import PART, Comparison
from vlclip.ranking.evaluation.comparison.overlap import Difference
from vlclip.ranking.evaluation.comparison.requests import describe
from vlclip.ranking.statistics.bootstrap import Figure
from vlclip.service.reports.formats import UNKNOWN, format_fixed
from vlclip.service.reports.terminal import out, plain

ALIKE = {
    "overlap": "items in both of the first {k}",
    "jaccard": "Jaccard of the first {k}",
    "rbo": "rank-biased overlap",
    "first_changes": "another item on top",
    "moved": "places moved by items in both",
}
SHARES = ("overlap", "first_changes")
WIDTH, DIGITS = 110, 4
FEW = 5
"""Items and contexts that the terminal shows; JSON has more."""
FIRST = 3
"""Items of a list that are shown."""


def comparison_json(comparison: Comparison) -> dict[str, Any]:
    """The comparison as one JSON object; what is not known is NaN, which JSON writes as null."""
    return {
        "contexts": len(comparison.requests),
        "kinds": Counter(request.kind for request in comparison.requests),
        "limit": comparison.limit,
        "left_out": dict(comparison.left_out),
        "arms": [asdict(entry) for entry in comparison.arms],
        "differences": [
            {
                **asdict(entry),
                "comes": [_item(comparison, *each) for each in entry.comes],
                "goes": [_item(comparison, *each) for each in entry.goes],
                "apart": [
                    {
                        "context": describe(comparison.requests[row]),
                        "first": comparison.lists[0][row],
                        "second": comparison.lists[place][row],
                    }
                    for row in entry.apart
                ],
            }
            for place, entry in enumerate(comparison.differences, 1)
        ],
        "proxies": {arm: [asdict(entry) for entry in each] for arm, each in comparison.proxies.items()},
        "perplexity": dict(comparison.perplexity),
        "unfitted": comparison.unfitted,
    }


def print_comparison(comparison: Comparison, notes: Sequence[str] = ()) -> None:
    """For each arm after the first a sentence and its tables, then what was left out."""
    console = out if out.is_terminal else Console(width=WIDTH)
    kinds = Counter(request.kind for request in comparison.requests)
    counts = ", ".join(f"{count:,} {kind}" for kind, count in kinds.items())
    _say(console, f"{len(comparison.requests):,} contexts ({counts}), {comparison.limit} results each")
    for place, difference in enumerate(comparison.differences, 1):
        console.print()
        _say(console, _sentence(comparison, difference), "bold")
        console.print()
        for table in (
            _alike(comparison, difference),
            _measures(comparison, difference, place),
            _traffic(comparison, difference),
            _apart(comparison, difference, place),
        ):
            console.print(table)
            console.print()
    if comparison.proxies:
        _say(console, "what click models fitted on the log expect of each arm, beside what was shown")
        console.print(_proxies(comparison))
        perplexities = ", ".join(f"{name} {value:.4f}" for name, value in comparison.perplexity.items())
        _say(console, f"perplexity of held-out clicks, 1 is perfect: {perplexities}")
    if comparison.unfitted:
        _say(console, f"no click model was fitted: {comparison.unfitted}")
    for why, count in comparison.left_out.items():
        _say(console, f"{count:,} left out: {why}")
    for note in notes:
        _say(console, note)


def _sentence(comparison: Comparison, difference: Difference) -> str:
    first = comparison.arms[0].arm
    if difference.overlap.value == 1 and difference.rbo.value == 1:
        return f"{difference.arm} gives the same lists as {first}"
    others, tops = 100 * (1 - difference.overlap.value), 100 * difference.first_changes.value
    return (
        f"{difference.arm} shows {others:.0f} % other items than {first} among the first "
        f"{comparison.limit}, and another one on top in {tops:.0f} % of the contexts"
    )


def _alike(comparison: Comparison, difference: Difference) -> Table:
    table = _table("how alike")
    for heading in ("", "95 %"):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, title in ALIKE.items():
        table.add_row(
            title.format(k=comparison.limit), *_cells(getattr(difference, name), percent=name in SHARES)
        )
    return table


def _measures(comparison: Comparison, difference: Difference, place: int) -> Table:
    table = _table("mean of a list")
    first, second = comparison.arms[0], comparison.arms[place]
    for heading in (_called(comparison, first.arm), _called(comparison, second.arm), "difference", "95 %"):
        table.add_column(plain(heading), justify="right", no_wrap=True)
    for name, both in difference.measures.items():
        if both.first.value == both.second.value == 0:
            continue  # a part that only another arm has
        title = plain(name.removeprefix(PART)) + (" (part)" if name.startswith(PART) else "")
        change = _cells(both.difference, sign=True)
        table.add_row(
            title, format_fixed(both.first.value, DIGITS), format_fixed(both.second.value, DIGITS), *change
        )
    cells = (f"{each.distinct:,} ({each.coverage:.1%})" for each in (first, second))
    table.add_row("items in any list", *cells, f"{second.distinct - first.distinct:+,}", "")
    return table


def _traffic(comparison: Comparison, difference: Difference) -> Table:
    table = _table("", "comes or goes", "title")
    table.add_column("lists", justify="right")
    for sign, items in (("+", difference.comes), ("-", difference.goes)):
        for item, lists in items[:FEW]:
            table.add_row(sign, plain(item), plain(comparison.titles[item]), f"{lists:,}")
    return table


def _apart(comparison: Comparison, difference: Difference, place: int) -> Table:
    """The requests whose lists differ most, with the first items of both."""
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0), pad_edge=False)
    for heading in (
        "most different",
        _called(comparison, comparison.arms[0].arm),
        _called(comparison, difference.arm),
    ):
        table.add_column(plain(heading), no_wrap=True, overflow="ellipsis", max_width=WIDTH // 3 - 2)
    for row in difference.apart[:FEW]:
        request = comparison.requests[row]
        cells = [f"{plain(describe(request))}\n{plain(comparison.titles.get(request.anchor, ''))}"]
        for arm in (0, place):
            heads = [
                plain(f"{item} {comparison.titles[item]}") for item in comparison.lists[arm][row][:FIRST]
            ]
            cells.append("\n".join(heads) or "nothing")
        table.add_row(*cells)
    return table


def _proxies(comparison: Comparison) -> Table:
    table = _table("model", "of", "arm")
    for heading in ("arm's", "shown", "difference", "95 %"):
        table.add_column(heading, justify="right", no_wrap=True)
    for arm, proxies in comparison.proxies.items():
        for proxy in proxies:
            table.add_row(
                plain(proxy.model),
                plain(proxy.name),
                plain(_called(comparison, arm)),
                format_fixed(proxy.arm.value, DIGITS),
                format_fixed(proxy.logged.value, DIGITS),
                *_cells(proxy.difference, sign=True),
            )
    return table


def _called(comparison: Comparison, arm: str) -> str:
    """An arm's id without its hash, where no other arm has that id."""
    ids = [each.arm.partition("@")[0] for each in comparison.arms]
    own = arm.partition("@")[0]
    return own if ids.count(own) == 1 else arm


def _table(*headings: str) -> Table:
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0), pad_edge=False)
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table


def _cells(figure: Figure, *, percent: bool = False, sign: bool = False) -> tuple[str, str]:
    """A value and its interval, as two cells of a table."""
    if not isfinite(figure.value):
        return UNKNOWN, ""
    digits, factor = (1, 100) if percent else (DIGITS, 1)
    value, low, high = (
        format_fixed(factor * number, digits, sign=sign, thousands=False)
        for number in (figure.value, figure.low, figure.high)
    )
    return f"{value} %" if percent else value, f"{low} to {high}" if isfinite(figure.low) else UNKNOWN


def _item(comparison: Comparison, item: str, lists: int) -> dict[str, Any]:
    return {"item": item, "title": comparison.titles[item], "lists": lists}


def _say(console: Console, line: str, style: str = "") -> None:
    console.print(line, style=style, markup=False, highlight=False, soft_wrap=True)
