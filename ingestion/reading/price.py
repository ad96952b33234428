"""A price as shops write it: 19.99, "$1,299.00", "1.299,00 €", "ab 12,-", "10 - 20 €", "2.99 / kg".

The words are data: `price_words.toml`; currencies and their marks are in `currencies.toml`.

Laws (tests/ingestion/reading/test_price.py):
- a number written in any country's way, with any currency's mark or code before or behind it, is that number;
- of a range, the lower bound is the price and the upper one `upper`;
- a cell that is given either has an amount or a note that shows it; it is never an error;
- a text with another word in it, a second number or a number below zero has no amount.
"""

from __future__ import annotations

import html
import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import orjson

from vlclip.ingestion.reading import values
from vlclip.ingestion.reading.amount import read_amount
from vlclip.ingestion.reading.currencies import Mark, currencies, folded, marks
from vlclip.ingestion.reading.price_text import PriceText, read_words

LONGEST = 200
"""Characters of a text that may still be a price."""
LONGEST_PATTERN = 40
"""Characters of an unreadable price that a note shows."""

AMOUNT_KEYS = (
    "amount", "value", "@value", "price", "saleprice", "currentprice", "current", "lowprice", "minprice",
    "minamount", "min", "low", "from", "pricespecification", "raw", "formatted", "display", "text",
    "amountmin", "sale", "special", "discounted", "regular", "gross", "incltax", "withtax", "net", "excltax",
)  # fmt: skip
"""The keys of an object that hold its price, likeliest first, in lower case without punctuation but "@"."""
MINOR_KEYS = (
    "unitamount", "unitamountdecimal", "centamount", "amountincents", "priceincents", "pricecents", "cents",
    "minoramount", "amountminor", "minorunits",
)  # fmt: skip
"""The keys of an object that hold its price in the smallest unit of its currency, as `unit_amount` does."""
DIGIT_KEYS = ("currencyminorunit", "fractiondigits")
"""The keys that say how many digits of an object's prices lie behind the decimal sign."""
MOST_DIGITS = 8
UPPER_KEYS = ("highprice", "maxprice", "maxamount", "amountmax", "max", "high", "to")
CURRENCY_KEYS = ("currencycode", "currency", "pricecurrency", "currencyiso")
CODE_KEYS = ("code", "iso", "isoCode", "iso_code", "currencyCode", "id", "name", "symbol")
"""The keys of an object that is a currency."""
FORMER_TYPES = ("ListPrice", "SRP", "MSRP", "StrikethroughPrice", "RegularPrice")
"""Values of schema.org's `priceType` that are not what is paid."""

_WHOLE = re.compile(r"\d{1,15}(?:\.0+)?")
_PLAIN = re.compile(r"\d{1,9}(?:\.\d{1,2})?")
_MARK = r"[^\W\d]{0,3}|[^\w\s]"
_SIMPLE = re.compile(rf"(?P<before>{_MARK})\s?(?P<digits>\d[\d.,]*\d|\d)\s?(?P<after>{_MARK})")
_SCIENTIFIC = re.compile(r"\+?\d+(?:\.\d+)?[eE][+-]?\d{1,3}")
_FORMER_HTML = re.compile(r"<(del|s|strike)\b[^>]*>.*?</\1\s*>", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<[^>]*>")
_PARENTHESES = re.compile(r"[(\[][^()\[\]]*[)\]]")
_DIGITS = re.compile(r"\d+(?:[.,'\u2019]\d+)*")
_APOSTROPHES = "\u2019\u2018\u02bc\u00b4`\u2032"
_DASHES = "\u2212\u2013\u2014\u2012\u2015"
_ARABIC = {"\u066b": ".", "\u066c": "'"}
_SIGNS = str.maketrans({**dict.fromkeys(_APOSTROPHES, "'"), **dict.fromkeys(_DASHES, "-"), **_ARABIC})


@dataclass(frozen=True, slots=True)
class Price:
    """What a cell says: `amount` is None where there is no price; `notes` say what is not as it is written.

    `upper` is the upper bound of a range. `currency` is a code of ISO 4217, or a mark that is kept as it is
    written. `unit` is what the price is for, such as "kg" or "100 g".
    """

    amount: float | None = None
    upper: float | None = None
    currency: str = ""
    unit: str = ""
    notes: tuple[str, ...] = ()


def read_price(cell: Any, *, decimal_mark: str = "", currency: str = "") -> Price:
    """The price in a cell. `decimal_mark` is that of its column, `currency` that of its row, if known."""
    if isinstance(cell, str):
        if _PLAIN.fullmatch(cell) and (decimal_mark != "," or "." not in cell):
            return Price(float(cell))
        return _written(cell.strip(), decimal_mark, currency)
    if isinstance(cell, Mapping):
        return _of_object(cell, decimal_mark, currency)
    if isinstance(cell, list | tuple):
        return _of_list(cell, decimal_mark, currency)
    if values.absent(cell) and not isinstance(cell, float):
        return Price()
    return _number(cell)


def _number(cell: Any) -> Price:
    if isinstance(cell, bool) or not hasattr(cell, "__float__"):
        return _without(f"price {_pattern(str(cell))} is not a number")
    try:
        number = float(cell)
    except OverflowError:
        number = math.inf
    if math.isnan(number):
        return _without("price is NaN")
    if math.isinf(number):
        return _without("price is infinite")
    return _without("price is below zero") if number < 0 else Price(number)


def _without(reason: str) -> Price:
    return Price(notes=(f"{reason}; kept without a price",))


def _pattern(text: str) -> str:
    """A price as a note shows it: numbers left out, so that rows of one kind are counted together."""
    words = " ".join(_DIGITS.sub("#", text).split())
    return repr(words if len(words) <= LONGEST_PATTERN else f"{words[:LONGEST_PATTERN]}…")


@lru_cache(maxsize=20_000)
def _written(text: str, decimal_mark: str, currency: str) -> Price:
    if text.lower() == "nan" or _SCIENTIFIC.fullmatch(text):
        return _number(float(text))
    if text[:1] in ("[", "{"):
        try:
            return read_price(orjson.loads(text), decimal_mark=decimal_mark, currency=currency)
        except orjson.JSONDecodeError:
            pass
    reading = _simple(text)
    if reading is None:
        words = _cleaned(text)
        reading = read_words(words) if len(words) <= LONGEST else None
    if reading is not None and reading.numbers:
        return _of_reading(reading, text, decimal_mark, currency)
    if not text or (reading is not None and reading.is_free):
        return Price(0.0 if text else None)
    return _without(f"price {_pattern(text)} is no price that vlclip can read")


def _simple(text: str) -> PriceText | None:
    """What a number with one mark says, as most prices are; None for anything else."""
    match = _SIMPLE.fullmatch(text)
    if match is None or (match["before"] and match["after"]):
        return None
    written = match["before"] or match["after"]
    mark = marks().get(folded(written)) if written else Mark("")
    return PriceText((match["digits"],), mark.code) if mark and not mark.is_minor else None


def _of_reading(reading: PriceText, text: str, decimal_mark: str, currency: str) -> Price:
    amounts = [read_amount(digits, decimal_mark, reading.currency or currency) for digits in reading.numbers]
    numbers = [amount for amount in amounts if amount is not None and math.isfinite(amount)]
    if len(numbers) < len(amounts):
        return _without(f"price {_pattern(text)} has its separators in the wrong places")
    if reading.is_negative:
        return _without("price is below zero")
    if reading.is_minor:
        numbers = [round(number / 100, 4) for number in numbers]
    notes = []
    if reading.is_lowest:
        notes.append("price is written as the lowest of several; kept as the price")
    if reading.unit:
        notes.append("price is for a unit; kept, with the unit as price_unit")
    upper = max(numbers) if max(numbers) > min(numbers) else None
    return Price(min(numbers), upper, reading.currency, reading.unit, tuple(notes))


def _cleaned(text: str) -> str:
    """The text with plain blanks, signs and digits; without tags, former prices and what is in brackets."""
    if "<" in text or "&" in text:
        text = html.unescape(_TAG.sub(" ", _FORMER_HTML.sub(" ", text)))
    signs = unicodedata.normalize("NFKC", text.translate(_SIGNS)).translate(_SIGNS)
    plain = "".join(
        str(unicodedata.digit(sign)) if not sign.isascii() and sign.isdigit() else sign for sign in signs
    )
    outside = _PARENTHESES.sub(" ", plain)
    return " ".join((outside if re.search(r"\d", outside) else plain).split())


def _of_list(cells: Sequence[Any], decimal_mark: str, currency: str) -> Price:
    """The lowest price of a list, with the highest as its upper bound; of several currencies the first."""
    prices = [
        read_price(cell, decimal_mark=decimal_mark, currency=currency)
        for cell in cells
        if not values.absent(cell)
    ]
    present = [price for price in prices if price.amount is not None]
    if not present:
        return prices[0] if prices else Price()
    codes = list(dict.fromkeys(price.currency for price in present))
    chosen = currency if currency in codes else codes[0]
    notes = tuple(dict.fromkeys(note for price in prices for note in price.notes))
    if len(codes) > 1:
        notes += (f"price is given in several currencies; kept in {chosen or 'the first'}",)
    own = [price for price in present if price.currency == chosen]
    bounds = [bound for price in own for bound in (price.amount, price.upper) if bound is not None]
    upper = max(bounds) if max(bounds) > min(bounds) else None
    return Price(min(bounds), upper, chosen, own[0].unit, notes)


def _of_object(cell: Mapping[Any, Any], decimal_mark: str, currency: str) -> Price:
    if values.absent(cell):
        return Price()
    if all(str(key) in currencies() for key in cell):
        return _of_list([{"amount": cell[key], "currency": key} for key in cell], decimal_mark, currency)
    named = {re.sub(r"[^\w@]|_", "", str(key).lower()): part for key, part in cell.items()}
    if named.get("pricetype") and str(named["pricetype"]).rpartition("/")[2] in FORMER_TYPES:
        return Price()
    code = next((text for key in CURRENCY_KEYS if (text := _code_of(named.get(key)))), "")
    code = code.upper() if code.upper() in currencies() else code
    _unfold_minor(named, code or currency)
    for key in AMOUNT_KEYS:
        if values.absent(part := named.get(key)):
            continue
        price = read_price(part, decimal_mark=decimal_mark, currency=code or currency)
        highest = next((named[name] for name in UPPER_KEYS if not values.absent(named.get(name))), None)
        upper = read_price(highest, decimal_mark=decimal_mark, currency=code or currency).amount
        if price.amount is not None and upper is not None and upper > price.amount:
            price = replace(price, upper=upper)
        return replace(price, currency=code or price.currency)
    keys = ", ".join(sorted(str(key)[:20] for key in cell)[:5])
    return _without(f"price is an object without an amount (its keys: {keys})")


def _code_of(cell: Any) -> str:
    """The code of a currency, which may be an object: `{"code": "EUR", "symbol": "€"}`."""
    if isinstance(cell, Mapping):
        return next((text for key in CODE_KEYS if (text := values.text(cell.get(key)))), "")
    return values.text(cell)


def _unfold_minor(named: dict[str, Any], code: str) -> None:
    """Write the amounts of an object that are in the smallest unit of a currency as prices."""
    minor = next((named[key] for key in MINOR_KEYS if not values.absent(named.get(key))), None)
    digits = next((named[key] for key in DIGIT_KEYS if not values.absent(named.get(key))), None)
    if minor is not None:
        own = currencies().get(code.upper())
        named["amount"] = _whole(minor, (own.decimals if own else 2) if digits is None else digits)
    elif digits is not None:  # as WooCommerce's Store API
        price_range = named.get("pricerange")
        if isinstance(price_range, Mapping) and not values.absent(price_range):
            named |= {re.sub(r"[\W_]", "", str(key).lower()): part for key, part in price_range.items()}
            named["price"] = None
        for key in (*AMOUNT_KEYS, *UPPER_KEYS):
            if _WHOLE.fullmatch(str(named.get(key))):
                named[key] = _whole(named[key], digits)


def _whole(amount: Any, digits: Any) -> Any:
    """An amount of smallest units in whole ones; as it is where that cannot be said."""
    try:
        places = int(digits)
        return float(amount) / 10**places if 0 <= places <= MOST_DIGITS else amount
    except (TypeError, ValueError, OverflowError):
        return amount
