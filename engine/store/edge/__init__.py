"""The embedded engine: Qdrant Edge, one folder on disk."""
