"""Two or more arms asked the same questions."""
