"""Vectors to lists: recommendations, and how good they are."""
