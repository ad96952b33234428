"""An item's price as people read it.

Laws (tests/service/test_price.py):
- an item without a price shows none;
- a range whose ends are written alike is one price.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vlclip.ranking.lists.variants import PriceRange


def format_price(item: Mapping[str, Any], spec: str) -> str:
    """An item's price with its currency, or the range of its prices, each written by `spec`."""
    if not isinstance(item.get("price"), int | float):
        return ""
    bounds = [item[name] for name in ("price", "price_to") if isinstance(item.get(name), int | float)]
    return _range(bounds, str(item.get("currency", "")), spec)


def format_prices(ranges: Sequence[PriceRange], spec: str) -> str:
    """The price ranges of variants, one for each currency."""
    return " or ".join(_range([prices.low, prices.high], prices.currency, spec) for prices in ranges)


def _range(bounds: Sequence[float], currency: str, spec: str) -> str:
    written = dict.fromkeys(format(bound, spec) for bound in bounds)
    return f"{' – '.join(written)} {currency}".strip()  # noqa: RUF001 - the dash of ranges
