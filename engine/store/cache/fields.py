"""The payload of a stored item as JSON bytes, read where a field is asked for.

Most payloads of a list are only written out again, and their bytes are that already.

Laws (tests/engine/store/test_cache.py):
- it is equal to the payload it was made from, and what is shown of it to that without what lies aside.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

ASIDE = ("provenance",)
"""Fields that no list shows."""


class JsonFields(Mapping[str, Any]):
    """An object of JSON values: `json` are the bytes of those that lists show, `aside` of the others."""

    __slots__ = ("_fields", "aside", "json")

    def __init__(self, json: bytes, aside: bytes = b"") -> None:
        self.json, self.aside = json, aside
        self._fields: dict[str, Any] | None = None

    @property
    def display(self) -> JsonFields:
        """What lists show of it."""
        return JsonFields(self.json) if self.aside else self

    def __getitem__(self, name: str) -> Any:
        return self._read()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._read())

    def __len__(self) -> int:
        return len(self._read())

    def __repr__(self) -> str:
        return repr(self._read())

    def _read(self) -> dict[str, Any]:
        fields = self._fields
        if fields is None:
            fields = orjson.loads(self.json)
            if self.aside:
                fields |= orjson.loads(self.aside)
            self._fields = fields
        return fields


def json_parts(payload: dict[str, Any]) -> tuple[bytes, bytes]:
    """A payload as the bytes of `JsonFields`; what lies aside is taken out of it."""
    aside = {name: payload.pop(name) for name in ASIDE if name in payload}
    return orjson.dumps(payload), orjson.dumps(aside) if aside else b""
