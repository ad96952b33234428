"""Tables of ratings, histories and events: which column means what, and what its cells hold."""
