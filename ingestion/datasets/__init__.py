"""Catalogues read whole, for training and for evaluation."""
