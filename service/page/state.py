"""What the page keeps beside the shop: photos of items and of searches, and counted facets."""

from __future__ import annotations

from vlclip.service.page.facets import Facets
from vlclip.service.page.photos import ItemPhotos, SearchPhotos
from vlclip.service.shop.shop import Shop


class PageState:
    """The page of one shop."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.item_photos = ItemPhotos(shop.settings, shop.ledger.folders)
        self.search_photos = SearchPhotos(shop.settings.fetch.limits)
        self.facets = Facets(shop.store)
