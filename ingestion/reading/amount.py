"""A number as people write it: 1,299.00, 1.299,00, 1'299.00, 1 299,00, 12,34,567.8.

Laws (tests/ingestion/reading/test_amount.py):
- of two kinds of separators the last is the decimal one, and stands once;
- separators of thousands are all the same, with two or three digits between them and three behind;
- a lone separator before any other number of digits than three, or after a zero, is decimal;
- a dash behind a separator stands for cents: `1.299,-` is 1299;
- a lone one before three digits may be either. The other values of its column decide, then the currency;
  else a dot is decimal and a comma separates thousands.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from vlclip.ingestion.reading.currencies import currencies

NUMBER = r"\d{1,3}(?: \d{3})+(?!\d)(?:[.,]\d+)?(?!\d)|\d(?:[\d.,']*\d)?|(?<!/)[.,]\d+"
"""Digits and what may stand between them, in a text whose blanks and apostrophes are plain ones."""

_GROUPED = re.compile(r"\d{1,3}(?P<mark>[ '])\d{3}(?:(?P=mark)\d{3})*(?P<cents>[.,]\d+)?")
_WHOLE = re.compile(r"\d*|\d{1,3}(?P<mark>[.,])(?:\d{2,3}(?P=mark))*\d{3}")
_AMBIGUOUS = re.compile(r"[1-9]\d{0,2}[.,]\d{3}")
_NUMBERS = re.compile(rf"(?<![\d.,])(?:{NUMBER})")
_DASHES = re.compile(r"(\d)([.,])-+(?![\d-])")
CLEAR = 3
"""A column has a decimal sign if this many times as many of its values prove it as prove the other."""
FEW = 3
"""Values before which a separator always stands three digits ahead of the end, to be one of thousands."""


def read_amount(digits: str, decimal_mark: str = "", currency: str = "") -> float | None:
    """The number that `digits` write, None where its separators are in the wrong places.

    `decimal_mark` is the decimal sign of the column, "" where it is not known.
    """
    plain = _ungrouped(digits)
    if plain is None:
        return None
    last = max(plain.rfind("."), plain.rfind(","))
    if last < 0:
        return float(plain)
    proven = proven_mark(digits)
    if (proven or _likely_mark(plain[last], decimal_mark, currency)) == plain[last]:
        whole, cents = plain[:last], plain[last + 1 :]
    else:
        whole, cents = plain, "0"
    if _WHOLE.fullmatch(whole) is None or (proven and proven in whole):
        return None
    return float(f"{re.sub(r'[.,]', '', whole) or '0'}.{cents}")


def proven_mark(digits: str) -> str:
    """The decimal sign that a number proves by itself, "" where it proves none."""
    plain = _ungrouped(digits) or ""
    dots, commas = plain.count("."), plain.count(",")
    if dots and commas:
        return "." if plain.rfind(".") > plain.rfind(",") else ","
    if dots + commas == 0:
        return ""
    mark = "." if dots else ","
    if dots + commas > 1:
        return "," if dots else "."
    return "" if plain == digits and _AMBIGUOUS.fullmatch(plain) else mark


def column_mark(texts: Iterable[str]) -> str:
    """The decimal sign of a column by its values, "" where they do not say.

    Without a proof, a separator that always stands before three digits separates thousands, if there are
    some such values and the numbers without it are below 1,000.
    """
    proofs: Counter[str] = Counter()
    ambiguous: Counter[str] = Counter()
    small = large = 0
    for text in texts:
        for digits in _NUMBERS.findall(with_cents(text)):
            if mark := proven_mark(digits):
                proofs[mark] += 1
            elif "." in digits or "," in digits:
                ambiguous["." if "." in digits else ","] += 1
            elif digits.isdigit():
                small, large = small + (len(digits) <= 3), large + (len(digits) > 3)
    for mark, other in ((".", ","), (",", ".")):
        if proofs[mark] > CLEAR * proofs[other]:
            return mark
    if not proofs and len(ambiguous) == 1 and ambiguous.total() >= FEW and small and not large:
        return "," if ambiguous["."] else "."
    return ""


def with_cents(text: str) -> str:
    """The text with zeros where a dash stands for cents, as in `1.299,-`."""
    return _DASHES.sub(r"\1\g<2>00", text) if "-" in text else text


def _ungrouped(digits: str) -> str | None:
    """The digits without blanks and apostrophes, None where those do not separate thousands."""
    if " " not in digits and "'" not in digits:
        return digits
    return re.sub("[ ']", "", digits) if _GROUPED.fullmatch(digits) else None


def _likely_mark(mark: str, decimal_mark: str, currency: str) -> str:
    """The decimal sign of a number whose only separator, `mark`, stands before three digits."""
    if decimal_mark:
        return decimal_mark
    other = "," if mark == "." else "."
    entry = currencies().get(currency)
    if entry is None:
        return "."
    home = "," if entry.comma else "."
    if entry.decimals == 0 or mark != home:
        return other
    return mark if entry.decimals == 3 or mark == "." else other
