"""What makes one list: an arm, candidates, their arrangement."""
