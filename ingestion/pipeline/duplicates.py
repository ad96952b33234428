"""Which items of a store show the same photo.

Laws (tests/ingestion/pipeline/test_duplicates.py):
- the clusters depend on the items in the store, not on the runs that filled it or their order;
- an item is in one cluster at most; one without a photo, or with a photo of one colour, in none.
"""

from __future__ import annotations

from dataclasses import dataclass

from vlclip.engine.duplicates import clusters, stored_hash
from vlclip.engine.store.store import Store

CHUNK = 5000


@dataclass(frozen=True, slots=True)
class PhotoDuplicates:
    """Clusters of ids with near-duplicate photos, the largest first; `photos` were compared.

    The photos of a cluster are at most `distance` from that of its first id.
    """

    distance: int
    photos: int
    clusters: tuple[tuple[str, ...], ...]

    @property
    def items(self) -> int:
        """How many items are in a cluster."""
        return sum(map(len, self.clusters))


def find_duplicates(store: Store, distance: int) -> PhotoDuplicates:
    """The near-duplicate photos of a whole store; reads every item's provenance once."""
    hashes = {
        record.id: photo
        for page in store.scan(fields=("provenance",), batch=CHUNK)
        for record in page
        if (photo := stored_hash(record.payload))
    }
    groups = clusters(hashes, distance)
    return PhotoDuplicates(distance, len(hashes), tuple(map(tuple, groups)))
