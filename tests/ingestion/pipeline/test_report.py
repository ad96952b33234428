from vlclip.ingestion.pipeline.report import MAX_WARNINGS, Tally
from vlclip.ingestion.reading.entry import Entry


def test_a_report_lists_a_bounded_number_of_notes_and_counts_them_all():
    tally = Tally(None, ())
    tally.count(Entry(source="shop", row=row, warnings=(f"note {row}", "frequent")) for row in range(500))
    warnings = tally.report().warnings
    assert len(warnings) <= MAX_WARNINGS + 1
    assert sum(warnings.values()) == 1000
    assert warnings["frequent"] == 500
