"""From photos and words to unit vectors: CLIP, its towers, the embedder, looked-up segments."""
