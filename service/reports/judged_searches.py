"""Results of `vlclip evaluate search`, as tables and as JSON."""

from __future__ import annotations

from typing import Any

from vlclip.ranking.evaluation.retrieval.judged import Ratings
from vlclip.ranking.evaluation.retrieval.searches import SearchReport
from vlclip.service.reports.evaluation import print_standings, say, standings_body


def searches_body(report: SearchReport, source: Ratings) -> dict[str, Any]:
    """The report as JSON values."""
    plan = report.plan
    return {
        "columns": source.columns,
        "rows_left_out": dict(source.left_out),
        "queries": report.queries,
        "ratings": report.ratings,
        "without_relevant": report.without_relevant,
        "not_in_store": report.not_in_store,
        "k": plan.k,
        "depth": plan.depth,
        "against": plan.against,
        "runs": [
            {"name": name, "unanswered": report.unanswered[name], "measures": standings_body(measures)}
            for name, measures in report.standings.items()
        ],
    }


def print_searches(report: SearchReport, source: Ratings) -> None:
    """The runs side by side, and what to know of the ratings."""
    ndcg = f"nDCG@{report.plan.k}"
    print_standings(report.standings, report.plan.against, [ndcg, f"{ndcg} condensed"])
    say(f"{report.queries:,} queries, {report.ratings:,} ratings")
    if report.without_relevant:
        say(f"{report.without_relevant:,} of the queries have no relevant item and score 0 in every run")
    if report.not_in_store:
        say(f"{report.not_in_store:,} of {report.items:,} rated items are not in the store")
    for name, missing in report.unanswered.items():
        if missing:
            say(f"{name} has nothing for {missing:,} of the queries")
    say(f"read: {source.columns}")
    for reason, count in source.left_out.items():
        say(f"left out: {count:,} {reason}")
