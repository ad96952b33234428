"""Training and fine-tuning of CLIP models."""
