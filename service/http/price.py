"""An item's price as people read it.

Law (tests/service/test_price.py): an item without a price shows none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def format_price(item: Mapping[str, Any], spec: str) -> str:
    """An item's price with its currency, or the range of its prices, each written by `spec`."""
    if not isinstance(item.get("price"), int | float):
        return ""
    bounds = [item[name] for name in ("price", "price_to") if isinstance(item.get(name), int | float)]
    return f"{' to '.join(format(bound, spec) for bound in bounds)} {item.get('currency', '')}".strip()
