"""A comparison of arms on a terminal, and all of it as JSON.

Laws (tests/service/test_compare.py):
- JSON has every list of the contexts that differ most, and no NaN: what is not known is null;
- nothing from the catalogue reaches the terminal as markup.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from math import isfinite
from typing import Any

from rich.table import Table

from ranking.evaluation.bootstrap import Figure
from ranking.evaluation.overlap import Difference
from service.comparison import PART, Comparison
from service.terminal import out, plain

ALIKE = {
    "overlap": "items in both of the first {k}",
    "jaccard": "Jaccard of the first {k}",
    "rbo": "rank-biased overlap",
    "first_changes": "another item on top",
    "moved": "places moved by items in both",
}
SHARES = ("overlap", "first_changes")
FEW = 5
"""Items and contexts that the terminal shows; JSON has more."""
FIRST = 3
"""Items of a list that are shown."""


def comparison_json(found: Comparison) -> dict[str, Any]:
    """The comparison as one JSON object; what is not known is NaN, which JSON writes as null."""
    return {
        "contexts": len(found.contexts),
        "kinds": Counter(one.kind for one in found.contexts),
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
                        "context": found.contexts[row].label,
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
    """Every table that has something to say."""
    kinds = Counter(one.kind for one in found.contexts)
    asked = ", ".join(f"{count:,} {kind}" for kind, count in kinds.items())
    for one in found.differences:
        _say(_sentence(one, found.limit))
    _say(
        f"{len(found.contexts):,} contexts ({asked}), {found.limit} results each; "
        f"compared with {found.arms[0].arm}"
    )
    out.print()
    out.print(_alike(found))
    out.print()
    out.print(_measures(found))
    for place, one in enumerate(found.differences, 1):
        out.print()
        _say(f"{one.arm}: items that come and go, by the lists in which they do")
        out.print(_traffic(found, one))
        out.print()
        _say(f"{one.arm}: contexts with the most different lists")
        out.print(_apart(found, one, place))
    if found.proxies:
        out.print()
        _say("what click models fitted on the log expect, beside what was shown")
        out.print(_proxies(found))
        told = ", ".join(f"{name} {value:.4f}" for name, value in found.perplexity.items())
        _say(f"perplexity of held-out clicks, 1 is perfect: {told}")
    out.print()
    if found.unfitted:
        _say(f"no click model was fitted: {found.unfitted}")
    for why, count in found.left_out.items():
        _say(f"{count:,} left out: {why}")
    for note in notes:
        _say(note)


def _sentence(one: Difference, k: int) -> str:
    if one.overlap.value == 1 and one.rbo.value == 1:
        return f"{one.arm} gives the same lists as the first arm"
    return (
        f"{one.arm} shows {100 * (1 - one.overlap.value):.0f} % other items among the first {k}, "
        f"and another one on top in {100 * one.first_changes.value:.0f} % of the contexts"
    )


def _alike(found: Comparison) -> Table:
    table = _table("")
    for one in found.differences:
        table.add_column(plain(one.arm), justify="right", no_wrap=True)
        table.add_column("95 %", justify="right", no_wrap=True)
    for name, title in ALIKE.items():
        cells = [_figure(getattr(one, name), percent=name in SHARES) for one in found.differences]
        table.add_row(title.format(k=found.limit), *(cell for pair in cells for cell in pair))
    return table


def _measures(found: Comparison) -> Table:
    table = _table("mean of a list")
    table.add_column(plain(found.arms[0].arm), justify="right", no_wrap=True)
    for one in found.differences:
        table.add_column(plain(one.arm), justify="right", no_wrap=True)
        table.add_column("difference, 95 %", justify="right", no_wrap=True)
    for name, figure in found.arms[0].measures.items():
        cells = [_number(figure.value)]
        for one in found.differences:
            both = one.measures[name]
            cells += [_number(both.second.value), " ".join(_figure(both.difference, sign=True))]
        table.add_row(plain(name.removeprefix(PART)) + (" part" if name.startswith(PART) else ""), *cells)
    shown = [f"{one.distinct:,} ({one.coverage:.1%})" for one in found.arms]
    table.add_row("items in any list", shown[0], *(cell for one in shown[1:] for cell in (one, "")))
    return table


def _traffic(found: Comparison, one: Difference) -> Table:
    table = _table("", "id", "title")
    table.add_column("lists", justify="right")
    for sign, items in (("+", one.comes), ("-", one.goes)):
        for item, lists in items[:FEW]:
            table.add_row(sign, plain(item), plain(found.titles[item]), f"{lists:,}")
    return table


def _apart(found: Comparison, one: Difference, place: int) -> Table:
    table = _table("context", "first arm", plain(one.arm))
    for row in one.apart[:FEW]:
        heads = (", ".join(found.lists[arm][row][:FIRST]) or "nothing" for arm in (0, place))
        table.add_row(plain(found.contexts[row].label), *(plain(head) for head in heads))
    return table


def _proxies(found: Comparison) -> Table:
    table = _table("model", "of", "arm")
    for heading in ("arm's", "shown", "difference, 95 %"):
        table.add_column(heading, justify="right", no_wrap=True)
    for arm, each in found.proxies.items():
        for one in each:
            change = " ".join(_figure(one.difference, sign=True))
            table.add_row(
                plain(one.model), plain(one.name), plain(arm), _number(one.arm.value),
                _number(one.logged.value), change,
            )  # fmt: skip
    return table


def _table(*headings: str) -> Table:
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0), pad_edge=False)
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table


def _figure(figure: Figure, *, percent: bool = False, sign: bool = False) -> tuple[str, str]:
    """A value and its interval."""
    plus, ending, factor = "+" if sign else "", " %" if percent else "", 100 if percent else 1
    digits = 1 if percent else 3
    if not isfinite(figure.value):
        return "not known", ""
    value = f"{factor * figure.value:{plus}.{digits}f}{ending}"
    if not isfinite(figure.low):
        return value, "not known"
    low, high = (f"{factor * end:{plus}.{digits}f}" for end in (figure.low, figure.high))
    return value, f"{low} to {high}"


def _number(value: float) -> str:
    return f"{value:,.3f}" if isfinite(value) else "not known"


def _item(found: Comparison, item: str, lists: int) -> dict[str, Any]:
    return {"item": item, "title": found.titles[item], "lists": lists}


def _say(line: str) -> None:
    out.print(line, markup=False, highlight=False, soft_wrap=True)
