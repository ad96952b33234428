"""A comparison of arms on a terminal, and all of it as JSON.

Laws (tests/service/commands/test_compare.py):
- JSON has every list of the contexts that differ most, and no NaN: what is not known is null;
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


def comparison_json(found: Comparison) -> dict[str, Any]:
    """The comparison as one JSON object; what is not known is NaN, which JSON writes as null."""
    return {
        "contexts": len(found.requests),
        "kinds": Counter(request.kind for request in found.requests),
        "limit": found.limit,
        "left_out": dict(found.left_out),
        "arms": [asdict(one) for one in found.arms],
        "differences": [
            {
                **asdict(one),
                "comes": [_item(found, *each) for each in one.comes],
                "goes": [_item(found, *each) for each in one.goes],
                "apart": [
                    {
                        "context": describe(found.requests[row]),
                        "first": found.lists[0][row],
                        "second": found.lists[place][row],
                    }
                    for row in one.apart
                ],
            }
            for place, one in enumerate(found.differences, 1)
        ],
        "proxies": {arm: [asdict(one) for one in each] for arm, each in found.proxies.items()},
        "perplexity": dict(found.perplexity),
        "unfitted": found.unfitted,
    }


def print_comparison(found: Comparison, notes: Sequence[str] = ()) -> None:
    """For each arm after the first a sentence and its tables, then what was left out."""
    console = out if out.is_terminal else Console(width=WIDTH)
    kinds = Counter(request.kind for request in found.requests)
    asked = ", ".join(f"{count:,} {kind}" for kind, count in kinds.items())
    _say(console, f"{len(found.requests):,} contexts ({asked}), {found.limit} results each")
    for place, one in enumerate(found.differences, 1):
        console.print()
        _say(console, _sentence(found, one), "bold")
        console.print()
        for table in (
            _alike(found, one), _measures(found, one, place), _traffic(found, one), _apart(found, one, place),
        ):  # fmt: skip
            console.print(table)
            console.print()
    if found.proxies:
        _say(console, "what click models fitted on the log expect of each arm, beside what was shown")
        console.print(_proxies(found))
        told = ", ".join(f"{name} {value:.4f}" for name, value in found.perplexity.items())
        _say(console, f"perplexity of held-out clicks, 1 is perfect: {told}")
    if found.unfitted:
        _say(console, f"no click model was fitted: {found.unfitted}")
    for why, count in found.left_out.items():
        _say(console, f"{count:,} left out: {why}")
    for note in notes:
        _say(console, note)


def _sentence(found: Comparison, one: Difference) -> str:
    first = found.arms[0].arm
    if one.overlap.value == 1 and one.rbo.value == 1:
        return f"{one.arm} gives the same lists as {first}"
    return (
        f"{one.arm} shows {100 * (1 - one.overlap.value):.0f} % other items than {first} among the first "
        f"{found.limit}, and another one on top in {100 * one.first_changes.value:.0f} % of the contexts"
    )


def _alike(found: Comparison, one: Difference) -> Table:
    table = _table("how alike")
    for heading in ("", "95 %"):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, title in ALIKE.items():
        table.add_row(title.format(k=found.limit), *_figure(getattr(one, name), percent=name in SHARES))
    return table


def _measures(found: Comparison, one: Difference, place: int) -> Table:
    table = _table("mean of a list")
    first, second = found.arms[0], found.arms[place]
    for heading in (_called(found, first.arm), _called(found, second.arm), "difference", "95 %"):
        table.add_column(plain(heading), justify="right", no_wrap=True)
    for name, both in one.measures.items():
        if both.first.value == both.second.value == 0:
            continue  # a part that only another arm has
        title = plain(name.removeprefix(PART)) + (" (part)" if name.startswith(PART) else "")
        change = _figure(both.difference, sign=True)
        table.add_row(title, _number(both.first.value), _number(both.second.value), *change)
    shown = (f"{each.distinct:,} ({each.coverage:.1%})" for each in (first, second))
    table.add_row("items in any list", *shown, f"{second.distinct - first.distinct:+,}", "")
    return table


def _traffic(found: Comparison, one: Difference) -> Table:
    table = _table("", "comes or goes", "title")
    table.add_column("lists", justify="right")
    for sign, items in (("+", one.comes), ("-", one.goes)):
        for item, lists in items[:FEW]:
            table.add_row(sign, plain(item), plain(found.titles[item]), f"{lists:,}")
    return table


def _apart(found: Comparison, one: Difference, place: int) -> Table:
    """The contexts whose lists differ most, with the first items of both."""
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0), pad_edge=False)
    for heading in ("most different", _called(found, found.arms[0].arm), _called(found, one.arm)):
        table.add_column(plain(heading), no_wrap=True, overflow="ellipsis", max_width=WIDTH // 3 - 2)
    for row in one.apart[:FEW]:
        request = found.requests[row]
        cells = [f"{plain(describe(request))}\n{plain(found.titles.get(request.anchor, ''))}"]
        for arm in (0, place):
            heads = [plain(f"{item} {found.titles[item]}") for item in found.lists[arm][row][:FIRST]]
            cells.append("\n".join(heads) or "nothing")
        table.add_row(*cells)
    return table


def _proxies(found: Comparison) -> Table:
    table = _table("model", "of", "arm")
    for heading in ("arm's", "shown", "difference", "95 %"):
        table.add_column(heading, justify="right", no_wrap=True)
    for arm, each in found.proxies.items():
        for one in each:
            table.add_row(
                plain(one.model), plain(one.name), plain(_called(found, arm)), _number(one.arm.value),
                _number(one.logged.value), *_figure(one.difference, sign=True),
            )  # fmt: skip
    return table


def _called(found: Comparison, arm: str) -> str:
    """An arm's id without its hash, where no other arm has that id."""
    ids = [one.arm.partition("@")[0] for one in found.arms]
    own = arm.partition("@")[0]
    return own if ids.count(own) == 1 else arm


def _table(*headings: str) -> Table:
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0), pad_edge=False)
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table


def _figure(figure: Figure, *, percent: bool = False, sign: bool = False) -> tuple[str, str]:
    """A value and its interval."""
    plus, ending, factor = "+" if sign else "", " %" if percent else "", 100 if percent else 1
    digits = 1 if percent else DIGITS
    if not isfinite(figure.value):
        return "not known", ""
    value = f"{factor * figure.value:{plus}.{digits}f}{ending}"
    if not isfinite(figure.low):
        return value, "not known"
    low, high = (f"{factor * end:{plus}.{digits}f}" for end in (figure.low, figure.high))
    return value, f"{low} to {high}"


def _number(value: float) -> str:
    return f"{value:,.{DIGITS}f}" if isfinite(value) else "not known"


def _item(found: Comparison, item: str, lists: int) -> dict[str, Any]:
    return {"item": item, "title": found.titles[item], "lists": lists}


def _say(console: Console, line: str, style: str = "") -> None:
    console.print(line, style=style, markup=False, highlight=False, soft_wrap=True)
