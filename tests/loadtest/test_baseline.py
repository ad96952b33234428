"""A run beside an earlier one."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import pytest

from vlclip.loadtest.baseline import compare
from vlclip.loadtest.errors import BadReport
from vlclip.loadtest.figures import Figures
from vlclip.loadtest.report import read_figures, read_knee

BEFORE = Figures(1000, 10, 0, 0.01, 50.0, p50_ms=20.0, p95_ms=80.0, p99_ms=120.0, recall_at_10=0.98)


def verdicts(now, tolerance=0.1):
    changes = compare({"similar": BEFORE}, {"similar": now, "all": now}, tolerance)
    assert {change.endpoint for change in changes} == {"similar"}
    return {change.figure: change.verdict for change in changes if change.verdict != "same"}


def test_a_run_beside_itself_has_changed_in_nothing():
    assert verdicts(BEFORE, tolerance=0) == {}
    assert len(compare({"all": BEFORE}, {"all": BEFORE})) == 6


@pytest.mark.parametrize(
    ("figure", "less", "more", "more_is"),
    [
        ("p50_ms", 17.0, 23.0, "worse"),
        ("p95_ms", 70.0, 90.0, "worse"),
        ("error_share", 0.005, 0.02, "worse"),
        ("recall_at_10", 0.97, 0.99, "better"),
        ("rate_per_s", 44.0, 56.0, "better"),
    ],
)
def test_changes_beyond_the_tolerance_are_better_or_worse(figure, less, more, more_is):
    other = "better" if more_is == "worse" else "worse"
    assert verdicts(replace(BEFORE, **{figure: more})) == {figure: more_is}
    assert verdicts(replace(BEFORE, **{figure: less})) == {figure: other}


def test_what_lies_within_the_tolerance_is_the_same():
    assert verdicts(replace(BEFORE, p95_ms=87.9, rate_per_s=45.1, error_share=0.0109)) == {}
    assert verdicts(replace(BEFORE, p95_ms=87.9), tolerance=0.05) == {"p95_ms": "worse"}


def test_a_report_gives_its_figures_and_its_knee(tmp_path):
    path = tmp_path / "report.json"
    path.write_text(json.dumps({"figures": {"all": asdict(BEFORE)}, "knee": 42.5}))
    assert read_figures(path) == {"all": BEFORE}
    assert read_knee(path) == 42.5


def test_what_is_no_report_says_what_to_give(tmp_path):
    path = tmp_path / "report.json"
    for content in ("{", "[]", "{}"):
        path.write_text(content)
        with pytest.raises(BadReport, match=r"give the report\.json of an earlier run"):
            read_figures(path)
    path.write_text(json.dumps({"figures": {}, "knee": None}))
    with pytest.raises(BadReport, match="whose shape is steps"):
        read_knee(path)
    with pytest.raises(BadReport, match="cannot be read"):
        read_figures(tmp_path / "none.json")
