"""The words and numbers of a written price, and what each of them says.

Laws (tests/ingestion/reading/test_price_text.py):
- a text is read only if every part of it is a number, a currency or a word of `price_words.toml`;
- a number after a word for a former price, and one that counts goods ("0.5 kg"), is not the price;
- two numbers are read only with a word between them that makes them a range.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from vlclip.ingestion.reading.amount import NUMBER, with_cents
from vlclip.ingestion.reading.currencies import Mark, folded, further_codes, marks

WORDS = Path(__file__).with_name("price_words.toml")

_EURO_CENTS = re.compile(r"(?<![\d.,])(\d+)([€£$])(\d\d)(?!\d)")
_TOKEN = re.compile(
    rf"(?P<number>{NUMBER})(?:[.,]-+|[.,](?=\s|$))?|(?P<word>[^\W\d_]+(?:\.[^\W\d_]+)*)\.?|\.{{2,3}}|\S"
)


@dataclass(frozen=True, slots=True)
class PriceText:
    """What a text says; `numbers` are the digits of one price, or of the two bounds of a range."""

    numbers: tuple[str, ...] = ()
    currency: str = ""
    unit: str = ""
    is_negative: bool = False
    is_minor: bool = False
    is_lowest: bool = False
    is_free: bool = False


@dataclass(frozen=True, slots=True)
class _Part:
    """A number, or a phrase with all that it may mean."""

    text: str
    is_number: bool = False
    roles: frozenset[str] = frozenset()
    mark: Mark | None = None


@dataclass(slots=True)
class _Phrases:
    """Phrases by the tokens they are made of."""

    roles: dict[tuple[str, ...], frozenset[str]] = field(default_factory=dict)
    marks: dict[tuple[str, ...], Mark] = field(default_factory=dict)
    longest: int = 1


def read_words(text: str) -> PriceText | None:
    """What a text says, whose blanks, signs and digits are plain; None where a part of it is not known."""
    parts = list(_parts(_EURO_CENTS.sub(r"\1.\3\2", with_cents(text))))
    is_free = any("free" in part.roles for part in parts)
    if is_free and all("free" in part.roles or part.mark or part.text == "!" for part in parts):
        return PriceText(is_free=True)
    parts, unit = _without_unit(parts)
    former_marks, parts = _without_former(_without_quantities(parts))
    places = [place for place, part in enumerate(parts) if part.is_number]
    if not 1 <= len(places) <= 2 or not _is_readable(parts, places):
        return None
    present = [part.mark for part in parts if part.mark]
    codes = {mark.code for mark in present or former_marks}
    if len(codes) > 1:  # "$12 CAD": a code wins over a mark that several currencies share
        shared = {part.mark.code for part in parts if part.mark and part.mark.is_shared}
        written = {part.mark.code for part in parts if part.mark and part.text.upper() == part.mark.code}
        codes = codes - (shared - written) if written else codes
    if len(codes) > 1:
        return None
    between = parts[places[0] : places[-1]]
    return PriceText(
        numbers=tuple(parts[place].text for place in places),
        currency=next(iter(codes), ""),
        unit=unit,
        is_negative=any(part.text == "-" for part in parts[: places[0]]),
        is_minor=bool(present) and all(mark.is_minor for mark in present),
        is_lowest=not between and any(_says_from(part) for part in parts),
    )


def _says_from(part: _Part) -> bool:
    return "from" in part.roles and "ignored" not in part.roles


def _is_readable(parts: Sequence[_Part], places: Sequence[int]) -> bool:
    """Whether nothing else is said than the numbers' price or range."""
    if len(places) == 2 and not any("to" in part.roles for part in parts[places[0] : places[1]]):
        return False
    for place, part in enumerate(parts):
        is_inside = places[0] < place < places[-1]
        is_dash = part.text == "-" or set(part.text) == {"."}
        if part.is_number or part.mark or part.roles & {"ignored", "from"} or is_dash:
            continue
        if "to" in part.roles and is_inside:
            continue
        if "per" in part.roles and part.text.isalpha() and "ignored" in part.roles:
            continue
        return False
    return True


def _without_unit(parts: Sequence[_Part]) -> tuple[list[_Part], str]:
    """The parts without the unit that the price is for, and the unit; after "/" and "per" any word is one."""
    for place, part in enumerate(parts):
        if "per" not in part.roles:
            continue
        end = place + 1
        amount = parts[end].text + " " if end < len(parts) and parts[end].is_number else ""
        end += bool(amount)
        if end == len(parts) or parts[end].is_number:
            continue
        is_open = part.text in ("/", "per") and parts[end].text.isalpha() and not parts[end].mark
        if "units" in parts[end].roles or is_open:
            return [*parts[:place], *parts[end + 1 :]], f"{amount}{parts[end].text}"
    return list(parts), ""


def _without_quantities(parts: Sequence[_Part]) -> list[_Part]:
    """The parts without amounts of goods, as long as a number remains."""
    counted = [
        place
        for place in range(len(parts) - 1)
        if parts[place].is_number and "units" in parts[place + 1].roles and parts[place + 1].mark is None
    ]
    if len(counted) == sum(part.is_number for part in parts):
        return list(parts)
    dropped = {place + step for place in counted for step in (0, 1)}
    return [part for place, part in enumerate(parts) if place not in dropped]


def _without_former(parts: Sequence[_Part]) -> tuple[list[Mark], list[_Part]]:
    """The marks of former prices, and the parts without these prices."""
    former_marks: list[Mark] = []
    rest: list[_Part] = []
    place = 0
    while place < len(parts):
        end = place
        if "former" in parts[place].roles:
            end = next((n for n in range(place + 1, len(parts)) if parts[n].is_number), place)
        between = parts[place + 1 : end]
        if end > place and all(part.mark or "ignored" in part.roles for part in between):
            after = end + 1
            if not any(part.mark for part in between) and after < len(parts) and parts[after].mark:
                end = after
            former_marks += [part.mark for part in parts[place : end + 1] if part.mark]
        else:
            rest.append(parts[place])
            end = place
        place = end + 1
    return former_marks, rest


def _parts(text: str) -> Iterator[_Part]:
    """The numbers and the longest known phrases; what is not known is a part without a role."""
    tokens = [(match["number"], match["word"] or match[0]) for match in _TOKEN.finditer(text)]
    phrases = _phrases()
    place = 0
    while place < len(tokens):
        for end in range(min(len(tokens), place + phrases.longest), place, -1):
            written = tuple(_key(word) if number is None else number for number, word in tokens[place:end])
            if written in phrases.roles or written in phrases.marks:
                yield _Part(
                    " ".join(written),
                    roles=phrases.roles.get(written, frozenset()),
                    mark=phrases.marks.get(written),
                )
                place = end
                break
        else:
            number, word = tokens[place]
            code = Mark(word) if word in further_codes() else None
            yield _Part(number or _key(word), is_number=number is not None, mark=code)
            place += 1


def _key(word: str) -> str:
    return folded(word).replace(".", "") if word.strip(".") else word


def _phrase(written: str) -> tuple[str, ...]:
    return tuple(match["number"] or _key(match["word"] or match[0]) for match in _TOKEN.finditer(written))


@lru_cache(maxsize=1)
def _phrases() -> _Phrases:
    phrases = _Phrases()
    roles: dict[tuple[str, ...], set[str]] = {}
    languages: Mapping[str, Mapping[str, list[str]]] = tomllib.loads(WORDS.read_text(encoding="utf-8"))
    for lists in languages.values():
        for role, words in lists.items():
            for word in words:
                roles.setdefault(_phrase(word), set()).add(role)
    phrases.roles = {phrase: frozenset(names) for phrase, names in roles.items()}
    phrases.marks = {_phrase(written): mark for written, mark in marks().items()}
    phrases.longest = max(map(len, (*phrases.roles, *phrases.marks)))
    return phrases
