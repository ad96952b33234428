"""Who may ask: keys, limits, request ids."""
