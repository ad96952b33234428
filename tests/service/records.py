"""What a shop keeps of its shoppers, read once its writers have written all that was handed to them."""

from __future__ import annotations

from vlclip.ranking.experiments.exposure import Exposure
from vlclip.ranking.history.events import Event
from vlclip.service.shop.shop import Shop


def exposures(shop: Shop, unit: str | None = None) -> list[Exposure]:
    """The logged lists, of one unit or of all."""
    assert shop.shoppers.flush()
    return [
        exposure for batch in shop.shoppers.log.scan() for exposure in batch if unit in (None, exposure.unit)
    ]


def events(shop: Shop, unit: str) -> list[Event]:
    """The events of a unit, newest first."""
    assert shop.shoppers.flush()
    return shop.shoppers.history.recent(unit, 100)


def count_events(shop: Shop) -> int:
    """How many events there are of all units."""
    assert shop.shoppers.flush()
    return shop.shoppers.history.count()
