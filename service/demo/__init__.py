"""The demo: its page and its last question."""
