"""Events of other systems, read from their files into the history."""
