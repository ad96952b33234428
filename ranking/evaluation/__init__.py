"""Judging lists and vectors offline."""
