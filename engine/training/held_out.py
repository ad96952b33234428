"""Which items are held out of training, in every run and every measurement."""

from __future__ import annotations

import hashlib

VALIDATION_SHARE = 0.1


def is_validation(item_id: str, share: float = VALIDATION_SHARE) -> bool:
    """Whether an item is held out, by a hash of its id: the same items in every run."""
    bucket = int.from_bytes(hashlib.sha256(item_id.encode()).digest()[:4]) / 2**32
    return bucket < share
