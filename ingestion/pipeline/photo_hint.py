"""What to do where not one item of a catalogue has a photo.

Law (tests/ingestion/pipeline/test_photo_hint.py): there is a hint only where no item has a photo, and the
catalogue names some or has a column that looks as if it held them.
"""

from __future__ import annotations

from vlclip.ingestion.pipeline.report import Tally
from vlclip.ingestion.reading.catalogue import Catalogue
from vlclip.ingestion.reading.mapping import ColumnMapping
from vlclip.ingestion.reading.photo_columns import likely_photo_columns


def photo_hint(tally: Tally, catalogue: Catalogue, mapping: ColumnMapping) -> str:
    """A sentence for the end of the report, "" where items have photos or nothing looks like one."""
    report = tally.report()
    items = report.read - report.duplicates
    if report.with_photo or not items:
        return ""
    lead = f"0 of {items:,} items have a photo"
    if tally.photo_problem:
        return f"{lead}: {tally.photo_problem}"
    rows = [row.values for row in catalogue.sample if not row.problem]
    unused = [*mapping.attributes.names, *mapping.left_out]
    columns = likely_photo_columns(unused, rows, catalogue.root)
    if not columns:
        return ""
    return f"{lead}: did you mean {' or '.join(columns[:3])}? Run it again with --map image={columns[0]}"
