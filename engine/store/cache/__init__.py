"""What an embedded store answers again without asking its engine: items, and rankings asked before."""
