"""Measures of search and of next items, against judgements and sessions."""
