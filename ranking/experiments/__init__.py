"""Which ranking is shown to whom, and what was shown."""
