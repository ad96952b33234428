"""What happens to a batch on its way into the store: plain callables, `stage(batch) -> batch`.

    Claim → Digest → Compare → Update → Prepare → Refine → Embed → Save

Laws (tests/ingestion/stages/test_stages.py):
- a stage answers with as many entries as it gets, in their order;
- it leaves entries that have failed or are finished as they are;
- an item that cannot be handled gets a `Failure`. What stops a batch is a fault of the machine
  (disk, model, store), never of an item.
"""
