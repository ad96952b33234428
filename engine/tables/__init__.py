"""Files of rows, read in one way by every room: CSV, TSV, JSON lines, JSON, Parquet; a format each module.

A new format is a module with a class that meets `Format` (`format.py`), and a line in `registry.py`.

Laws (tests/engine/tables/, tests/ingestion/reading/test_catalogue.py):
- `rows()` can be called again and gives the same rows;
- a row that cannot be read is a `Row` with a problem, and the rows after it are still read;
- memory follows the longest row (at most `MAX_ROW`), a Parquet row group or the JSON array, never
  the number of rows.
"""
