"""Weights learned from what was shown and clicked."""
