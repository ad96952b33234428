"""Training of small Grounding DINO models."""
