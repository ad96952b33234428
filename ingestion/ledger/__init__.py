"""What ingestion remembers beside the store: runs, claimed ids, dead letters."""
