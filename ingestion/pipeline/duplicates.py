"""Which items of a store show the same photo.

Laws (tests/ingestion/pipeline/test_duplicates.py):
- the clusters depend on the items in the store, not on the runs that filled it or their order;
- an item is in one cluster at most; one without a photo, or with a photo of one colour, in none;
- variants of one product share photos by intent: a cluster has items of at least two products.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    hashes: dict[str, str] = {}
    products: dict[str, str] = {}
    for page in store.scan(fields=("provenance", "group"), batch=CHUNK):
        for record in page:
            if photo := stored_hash(record.payload):
                hashes[record.id] = photo
                if product := record.payload.get("group"):
                    products[record.id] = product
    all_clusters = clusters(hashes, distance)
    return PhotoDuplicates(
        distance, len(hashes), tuple(tuple(ids) for ids in all_clusters if not _is_one_product(ids, products))
    )


def _is_one_product(ids: Sequence[str], products: Mapping[str, str]) -> bool:
    """Whether all these items are variants of the same product."""
    return len({products.get(item_id) or (item_id,) for item_id in ids}) == 1
