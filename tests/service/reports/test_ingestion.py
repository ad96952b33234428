"""The report of an ingest, printed and as JSON."""

from __future__ import annotations

from vlclip.ingestion.pipeline.report import IngestReport
from vlclip.service.reports.ingestion import print_ingest, report_json


def test_rows_are_the_sum_of_what_became_of_them(capsys):
    report = IngestReport(read=1031, embedded=1, updated=1000, unchanged=20, duplicates=4, failed=6)
    form = report_json(report)
    outcomes = ("embedded", "updated", "unchanged", "duplicates", "failed")
    assert sum(form[name] for name in outcomes) == form["read"]
    print_ingest(report, "./store")
    assert "1 embedded, 1,000 updated without encoding, 20 unchanged, 6 failed" in capsys.readouterr().out
