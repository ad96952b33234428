"""What another policy would have earned, from a log of this one: estimators, intervals, verdicts."""
