"""Results of `vlclip evaluate sessions`, as tables and as JSON."""

from __future__ import annotations

from typing import Any

from vlclip.ranking.evaluation.retrieval.histories import HistoriesFile
from vlclip.ranking.evaluation.retrieval.next_items import NextItemReport
from vlclip.service.reports.evaluation import (
    print_plain,
    print_slices,
    print_standings,
    say,
    slices_body,
    standings_body,
)


def sessions_body(report: NextItemReport, source: HistoriesFile) -> dict[str, Any]:
    """The report as JSON values."""
    plan, held_out = report.plan, report.held_out
    return {
        "columns": source.columns,
        "rows_left_out": dict(source.left_out),
        "users": len(held_out.next_item),
        "items": len(held_out.ids),
        "left_out": held_out.left_out,
        "repeated": held_out.repeated,
        "catalogue_popularity": float(held_out.counts.mean()),
        "k": plan.k,
        "depth": plan.depth,
        "against": plan.against,
        "runs": [
            {
                "name": name,
                "measures": standings_body(report.standings[name]),
                "coverage": judgement.coverage,
                "gini": judgement.gini,
                "by_item": slices_body(judgement.by_item),
                "by_user": slices_body(judgement.by_user),
            }
            for name, judgement in report.judgements.items()
        ],
    }


def print_sessions(report: NextItemReport, source: HistoriesFile) -> None:
    """The runs side by side, by slices of items and users too, and who is left out."""
    k, held_out, judgements = report.plan.k, report.held_out, report.judgements
    print_standings(report.standings, report.plan.against, [f"nDCG@{k}"])
    print_plain(
        "all lists together",
        {
            name: {f"coverage@{k}": judgement.coverage, f"Gini@{k}": judgement.gini}
            for name, judgement in judgements.items()
        },
    )
    by_item = {name: judgement.by_item for name, judgement in judgements.items()}
    by_user = {name: judgement.by_user for name, judgement in judgements.items()}
    print_slices(f"HITS@{k}, wanted item taken before", by_item)
    print_slices(f"HITS@{k}, items of the user", by_user)
    users, items = len(held_out.next_item), len(held_out.ids)
    say(f"{users:,} users, {items:,} items, taken {held_out.counts.mean():.2f} times each")
    if held_out.left_out:
        say(f"{held_out.left_out:,} users are left out: their last item is not in the store")
    if held_out.repeated:
        say(f"{held_out.repeated:,} users took an item again, which lists without their history cannot hold")
    say(f"read: {source.columns}")
    for reason, count in source.left_out.items():
        say(f"left out: {count:,} rows with {reason}")
