"""From an address and settings to an open store and the encoders that fit it."""
