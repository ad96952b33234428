"""Models of what is looked at and clicked in a list, fitted on a log, and what they say of another list."""
