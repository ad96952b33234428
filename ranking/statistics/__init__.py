"""Intervals and tests that every evaluation shares."""
