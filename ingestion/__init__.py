"""Catalogue to vectors: readers, photos, stages, the ledger, the pipeline."""
