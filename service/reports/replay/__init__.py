"""A replay in words, as a table, as pictures, as a page."""
