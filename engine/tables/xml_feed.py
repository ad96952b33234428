"""XML feeds: RSS 2.0 and Atom as Google reads them, and others of the kind.

Laws (tests/engine/tables/test_xml_feed.py):
- each record's elements are columns under their names without prefix; repeated ones are lists, those with
  elements in them objects, attributes columns of their own;
- memory follows the longest record; a document type, in which entities could be defined, is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.parsers import expat

from vlclip.engine.errors import TableError
from vlclip.engine.tables.block import Portion, portions_of
from vlclip.engine.tables.format import Row

RECORDS = frozenset(("item", "entry", "product", "offer", "shopitem", "article", "record", "row"))
"""Names of the elements that are records, in lower case."""
MAX_DEPTH = 20
_CHUNK = 65_536
_SIGN = "}"


@dataclass(frozen=True, slots=True)
class Xml:
    """A feed whose records are elements such as `item` and `entry`."""

    path: Path
    typed: bool = True

    def columns(self) -> list[str]:
        """None: only the records show them."""
        return []

    def rows(self) -> Iterator[Row]:
        """Every record."""
        collector = _Collector()
        number = 0
        try:
            with self.path.open("rb") as file:
                while True:
                    chunk = file.read(_CHUNK)
                    collector.parser.Parse(chunk, not chunk)
                    for record in collector.take():
                        number += 1
                        yield Row(number, record)
                    if not chunk:
                        return
        except OSError as error:
            raise TableError(f"{self.path} cannot be read: {error.strerror}") from None
        except (expat.ExpatError, _RefusedError) as error:
            raise TableError(f"{self.path} is not an XML feed that can be read: {error}") from None

    def portions(self, _paths: Sequence[str], size: int) -> Iterator[Portion]:
        """The rows, so many at a time."""
        return portions_of(self.rows(), size)

    def total(self) -> int | None:
        """None: counting costs a full read."""
        return None


class _RefusedError(Exception):
    """The document has a part that no feed needs."""


class _Collector:
    """Builds records out of what the parser meets."""

    def __init__(self) -> None:
        self.parser = expat.ParserCreate(namespace_separator=_SIGN)
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.parser.StartDoctypeDeclHandler = self._refuse
        self._open: list[_Element] = []
        self._records: list[dict[str, Any]] = []

    def take(self) -> list[dict[str, Any]]:
        """The records that are complete; each comes once."""
        records, self._records = self._records, []
        return records

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        name = tag.rpartition(_SIGN)[2]
        if not self._open and name.lower() not in RECORDS:
            return
        if len(self._open) >= MAX_DEPTH:
            raise _RefusedError(f"its elements lie more than {MAX_DEPTH} deep in one another")
        self._open.append(
            _Element(name, {key.rpartition(_SIGN)[2]: part for key, part in attributes.items()})
        )

    def _text(self, text: str) -> None:
        if self._open:
            self._open[-1].text.append(text)

    def _end(self, _tag: str) -> None:
        if not self._open:
            return
        element = self._open.pop()
        if self._open:
            self._open[-1].add(element)
        else:
            self._records.append({**element.attributes, **element.children})

    def _refuse(self, *_: object) -> None:
        raise _RefusedError("it has a document type (DOCTYPE); remove it")


class _Element:
    """One element that is open: what is in it so far."""

    def __init__(self, name: str, attributes: dict[str, str]) -> None:
        self.name = name
        self.attributes = attributes
        self.text: list[str] = []
        self.children: dict[str, Any] = {}

    def add(self, child: _Element) -> None:
        """Keep a child that has ended under its name."""
        text = "".join(child.text).strip()
        language = child.attributes.pop("lang", "")
        if child.children:
            self._put(child.name, {**child.attributes, **child.children, **({"text": text} if text else {})})
            return
        if not text and set(child.attributes) & {"href", "url"}:  # links of Atom
            text = child.attributes.pop("href", "") or child.attributes.pop("url", "")
        self._put(child.name, {"@language": language, "@value": text} if language and text else text)
        for key, value in child.attributes.items():
            self._put(f"{child.name}_{key}", value)

    def _put(self, name: str, value: Any) -> None:
        earlier = self.children.get(name)
        if earlier is None or earlier in ("", value):
            self.children[name] = value
        elif value != "":
            self.children[name] = [*(earlier if isinstance(earlier, list) else [earlier]), value]
