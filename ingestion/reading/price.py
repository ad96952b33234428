"""A price as shops write it: 19.99, "19.99 USD", "$1,299.00", "1.299,00 €".

Laws (tests/ingestion/reading/test_price.py):
- numbers, and text that Python reads as one, keep their value; NaN means "no price";
- of two kinds of separators the last is the decimal one; a lone comma followed by exactly three
  digits separates thousands, a lone dot is always decimal;
- separators of thousands are all the same, with two or three digits between them and three behind;
- a price with any other text in it is refused.
"""

from __future__ import annotations

import math
import re
from typing import Any

from vlclip.engine.errors import ItemError

_SYMBOLS = {"$": "USD", "US$": "USD", "€": "EUR", "£": "GBP", "¥": "JPY", "₹": "INR"}
_PRICE = re.compile(r"^(?P<before>[^\d\s.,+-]*)\s*(?P<number>[+-]?[\d.,'\s]*\d)\s*(?P<after>[^\d\s.,]*)$")
_WHOLE = re.compile(r"[+-]?(\d*|\d{1,3}(?P<mark>[.,])(\d{2,3}(?P=mark))*\d{3})")
_CODE = re.compile(r"^[A-Z]{3}$")


def parse_price(value: Any) -> tuple[float, str]:
    """The number, NaN where the shop wrote NaN, and the currency code if one was written with it."""
    if isinstance(value, str):
        try:
            return _checked(float(value), value), ""
        except ValueError:
            return _written(value)
    if isinstance(value, bool) or not hasattr(value, "__float__"):
        raise ItemError(f"price {value!r} is not a number; correct it or leave it empty")
    try:
        return _checked(float(value), value), ""
    except OverflowError:
        raise ItemError("price is too large to be a number; correct it or leave it empty") from None


def _checked(number: float, value: Any) -> float:
    if math.isinf(number):
        raise ItemError(f"price {value!r} is infinite; correct it or leave it empty")
    return number


def _written(text: str) -> tuple[float, str]:
    match = _PRICE.match(text.strip()[:100])
    refused = ItemError(f"price {text[:40]!r} is not a number; correct it or leave it empty")
    mark = (match["before"] or match["after"]) if match else ""
    currency = _SYMBOLS.get(mark) or (mark if _CODE.match(mark) else "")
    if match is None or (mark and not currency) or (match["before"] and match["after"]):
        raise refused
    digits = re.sub(r"['\s]", "", match["number"])
    last = max(digits.rfind(","), digits.rfind("."))
    lone_comma = digits.count(",") == 1 and "." not in digits and len(digits) - last - 1 != 3
    both = "," in digits and "." in digits
    if both or lone_comma or (digits.count(".") == 1 and "," not in digits):
        whole, cents = digits[:last], digits[last + 1 :]
    else:
        whole, cents = digits, "0"
    if _WHOLE.fullmatch(whole) is None:
        raise refused
    return float(f"{re.sub(r'[.,]', '', whole)}.{cents}"), currency
