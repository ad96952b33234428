"""From photos and words to unit vectors: CLIP, its towers, the embedder, lookups."""
