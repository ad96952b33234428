"""Two or more arms compared on the same requests."""
