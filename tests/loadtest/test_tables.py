"""Reports for people and machines."""

from __future__ import annotations

import json
import re
from io import StringIO

import orjson
import pytest
from rich.console import Console

from tests.loadtest.conftest import record
from vlclip.loadtest.baseline import compare
from vlclip.loadtest.figures import by_endpoint, over_time
from vlclip.loadtest.report import Report
from vlclip.loadtest.steps import judge_records
from vlclip.loadtest.tables import page, show
from vlclip.loadtest.termination import Termination

RECORDS = [record(at=n / 10, ms=10.0 + n % 7) for n in range(300)] + [record("search", at=5.0, status=500)]


@pytest.fixture
def report(read):
    return Report(
        plan="small", plan_hash="0123456789ab", host="http://shop", began=1.8e9, seconds=30.0,
        figures=by_endpoint(RECORDS, 30), misses=["similar p95 is 143 ms, the limit is 80 ms"],
        reasons={"search: <b>status 500</b>": 1}, series=over_time(RECORDS, 0, 30),
        levels=[(0.0, 1), (1.0, 5)], limits={"similar": {"p95_ms": 80.0}}, knee=20.0,
        steps=[judge_records(RECORDS, read(), 10, 0, 30)], memory=[(0.0, 900.0), (1.0, 901.0), (2.0, 902.0)],
        rss_growth_mb=2.0, rss_slope_mb_per_h=3600.0,
        termination=Termination(10.0, 0, 4, 0, 9, 120, 0), machine="here",
    )  # fmt: skip


def test_the_terminal_shows_every_table_and_names_what_was_missed(report):
    console = Console(file=StringIO(), width=120)
    show(report, compare(report.figures, report.figures), console)
    text = console.file.getvalue()
    for words in (
        "small: what was measured",
        "the knee: 20.0/s",
        "Memory of the server",
        "Stopped under load",
        "<b>status 500</b>",
        "Beside the baseline",
        "missed: similar p95 is 143 ms",
    ):
        assert words in text
    assert "passed" not in text


def test_the_page_asks_nothing_of_any_site_and_holds_no_foreign_markup(report):
    html = page(report, [])
    assert html.count("<svg") == 4
    assert "<b>" not in html
    assert "&lt;b&gt;status 500" in html
    assert not re.search(r"(src|href)=\"(?!#)", html)
    assert "@import" not in html
    assert not re.search(r"url\((?!#)", html)
    assert "similar p95 is 143 ms, the limit is 80 ms" in html


def test_equal_reports_give_equal_pages(report):
    assert page(report, []) == page(report, [])


def test_the_form_is_json(report):
    form = json.loads(orjson.dumps(report.form()))
    assert form["passed"] is False
    assert form["figures"]["similar"]["requests"] == 300
    assert form["steps"][0]["figures"]["all"]["errors"] == 1
