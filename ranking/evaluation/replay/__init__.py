"""Logged lists asked again of another arm, as it would have been then."""
