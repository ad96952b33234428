"""A product as the shop knows it, checked once, at the border.

Laws (tested in tests/engine/test_item.py):
- equal content gives an equal `content_hash`; any change that matters to a vector or to the payload gives
  another one;
- `point_id` depends on `id` alone;
- texts are plain: `plain_text` changes none of them. Descriptions and attributes are cut at `MAX_TEXT_CHARS`;
- an item can be read back from its payload, except for the bytes of a photo.
"""

from __future__ import annotations

import hashlib
import json
import math
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import lru_cache
from typing import Any, Self

from vlclip.engine.errors import ItemError
from vlclip.engine.filters import coerce
from vlclip.engine.markup import plain_text

Scalar = str | float | int | bool
Attribute = Scalar | tuple[Scalar, ...]

POINT_NAMESPACE = uuid.UUID("6f1d5a0e-52a1-5a3c-9d3e-7a1c0f6b2e11")
_FREE_BITS = ~(0xF << 76 | 0xC << 60)
_VERSION_BITS = 5 << 76 | 0x8 << 60
"""Of a uuid's number: those that say nothing of its kind, and those that say it is one of version 5."""
MAX_ID_CHARS = 256
MAX_TEXT_CHARS = 20_000
MAX_ATTRIBUTES = 1000
MAX_PHOTOS = 100
LATER_KINDS: Mapping[str, tuple[type, ...]] = {
    "group": (str,),
    "price_to": (int, float),
    "photos": (list, tuple),
    "group_title": (str,),
}
LATER_FIELDS = tuple(LATER_KINDS)
"""Fields that are in the content hash only where they are filled."""
TEXTS = ("title", "description", "product_type", "brand")
"""The fields that people read."""
PLAIN = (*TEXTS, "group_title")
"""The fields that are kept without HTML."""
NUMBERS = ("price", "price_to", "popularity")


class ReferredPhoto(bytes):
    """A photo's bytes with the path or URL by which its catalogue refers to it, which the payload keeps."""

    reference: str

    def __new__(cls, data: bytes, reference: str) -> Self:
        """The bytes `data`, named."""
        photo = super().__new__(cls, data)
        photo.reference = reference
        return photo


@dataclass(frozen=True, slots=True)
class Item:
    """One product. `image` is bytes, a path or a URL; nothing else is required but `id`.

    `price`, `price_to` (the upper bound where the price is a range) and `popularity` are finite numbers;
    `updated_at` is an ISO 8601 string. Items with the same `group` are variants of one product; "" is none.
    `group_title` is what the product is called, without what tells its variants apart.
    `photos` are the paths and URLs of all photos where there are several; `image` is the embedded one.
    """

    id: str
    title: str = ""
    description: str = ""
    product_type: str = ""
    brand: str = ""
    price: float | None = None
    price_to: float | None = None
    currency: str = ""
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    image: bytes | str | None = None
    popularity: float | None = None
    available: bool = True
    updated_at: str = ""
    group: str = ""
    photos: tuple[str, ...] = ()
    group_title: str = ""

    def __post_init__(self) -> None:
        if not self.id or self.id != self.id.strip():
            raise ItemError("the item has no id; give every row a non-empty id without blanks around it")
        if len(self.id) > MAX_ID_CHARS:
            raise ItemError(f"the id has {len(self.id)} characters; at most {MAX_ID_CHARS} are allowed")
        if len(self.group) > MAX_ID_CHARS:
            raise ItemError(f"the group has {len(self.group)} characters; at most {MAX_ID_CHARS} are allowed")
        self._make_plain()
        for name in TEXTS:
            length = len(getattr(self, name))
            if length > MAX_TEXT_CHARS:
                raise ItemError(f"{name} has {length:,} characters; shorten it to at most {MAX_TEXT_CHARS:,}")
        for name in NUMBERS:
            number = getattr(self, name)
            if number is not None and not math.isfinite(number):
                raise ItemError(f"{name} is {number}; leave it out or give a finite number")
        if len(self.photos) > MAX_PHOTOS:
            raise ItemError(f"the item has {len(self.photos)} photos; at most {MAX_PHOTOS} are allowed")
        if len(self.attributes) > MAX_ATTRIBUTES:
            raise ItemError(
                f"the item has {len(self.attributes)} attributes; at most {MAX_ATTRIBUTES} are allowed"
            )
        clash = next((name for name in self.attributes if name in PAYLOAD_FIELDS), None)
        if clash is not None:
            raise ItemError(f"attribute {clash!r} has the name of a built-in field; rename it")

    def _make_plain(self) -> None:
        """Take HTML out of all texts, and cut those that may be long."""
        for name in PLAIN:
            text = getattr(self, name)
            plain = fitting(text) if name in ("description", "group_title") else plain_text(text)
            if plain is not text:
                object.__setattr__(self, name, plain)
        attributes = {name: _plain_attribute(value) for name, value in self.attributes.items()}
        if any(attributes[name] is not value for name, value in self.attributes.items()):
            present = {
                name: value
                for name, value in attributes.items()
                if value not in ("", ()) or value is self.attributes[name]
            }
            object.__setattr__(self, "attributes", present)

    @property
    def point_id(self) -> str:
        """The uuid5 under which a store keeps this item."""
        return point_id(self.id)

    @property
    def has_words(self) -> bool:
        """Whether it has words to embed: brand, type and attributes alone are none."""
        return bool(self.title or self.description)

    @property
    def text(self) -> str:
        """The item's words for the text segment: the title, else the next best words."""
        if self.title:
            return self.title
        return " ".join(part for part in (self.brand, self.product_type) if part) or self.description

    @property
    def lexical_texts(self) -> dict[str, str]:
        """The words that can be matched exactly, by field; a field without words is left out.

        574, 574.0 and "574" are the same word; the store's field decides how it is written.
        """
        words = {name: text for name in TEXTS if (text := getattr(self, name))}
        values = [
            str(coerce("", part, "keyword"))
            for value in self.attributes.values()
            for part in (value if isinstance(value, tuple) else (value,))
        ]
        if values:
            words["attributes"] = " ".join(values)
        return words

    def content_hash(self, image: bytes | None = None) -> str:
        """Hash of everything that reaches the vector or the payload.

        `image` are the photo's bytes where they are known; else the reference stands for them.
        """
        digest = hashlib.sha256()
        content = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "image"}
        for name in LATER_FIELDS:  # an item without them keeps the hash that it had before there were any
            if not content[name]:
                del content[name]
        content["attributes"] = dict(self.attributes)
        digest.update(json.dumps(content, sort_keys=True, ensure_ascii=False).encode())
        photo = image if image is not None else self.image
        digest.update(photo if isinstance(photo, bytes) else str(photo).encode())
        return digest.hexdigest()[:32]

    def payload(self) -> dict[str, Any]:
        """The fields to keep with the vector: filterable, shown with results; no photo bytes."""
        out: dict[str, Any] = {"id": self.id, "available": self.available}
        for name in (
            "title",
            "description",
            "product_type",
            "brand",
            "currency",
            "updated_at",
            "group",
            "group_title",
        ):
            if value := getattr(self, name):
                out[name] = value
        for name in NUMBERS:
            if (number := getattr(self, name)) is not None:
                out[name] = float(number)
        if isinstance(self.image, str):
            out["image"] = self.image
        if self.photos:
            out["photos"] = list(self.photos)
        for name, value in self.attributes.items():
            out[name] = list(value) if isinstance(value, tuple) else value
        return out

    @classmethod
    def from_payload(cls, payload: Mapping[str, Any]) -> Item:
        """The item whose `payload` this is; a photo that came as bytes is not in it."""
        for later, kinds in LATER_KINDS.items():  # an attribute of that name, before items had the field
            if later in payload and not isinstance(payload[later], kinds):
                payload = {f"{later}_" if name == later else name: value for name, value in payload.items()}
        own = {f.name: payload[f.name] for f in fields(cls) if f.name in payload}
        if "photos" in own:
            own["photos"] = tuple(map(str, own["photos"]))
        attributes = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in payload.items()
            if name not in PAYLOAD_FIELDS
        }
        return cls(**own, attributes=attributes)


PAYLOAD_FIELDS = frozenset(f.name for f in fields(Item)) | {"provenance"}
"""Top-level payload names that attributes cannot take."""


def fitting(text: str) -> str:
    """A long text as an item keeps it: plain, and cut after the last whole word that fits."""
    text = plain_text(text)
    if len(text) <= MAX_TEXT_CHARS:
        return text
    whole = text[: MAX_TEXT_CHARS + 1].rsplit(None, 1)[0]
    return whole if len(whole) <= MAX_TEXT_CHARS else whole[:MAX_TEXT_CHARS]


def too_long(texts: Mapping[str, object]) -> list[str]:
    """Names of texts, alone or in a list, that an `Item` cuts."""
    return [
        name
        for name, value in texts.items()
        for part in (value if isinstance(value, list | tuple) else (value,))
        if isinstance(part, str) and len(part) > MAX_TEXT_CHARS and fitting(part) != plain_text(part)
    ]


def _plain_attribute(value: Attribute) -> Attribute:
    """The value without HTML; the very same object where there is none."""
    if isinstance(value, str):
        return fitting(value)
    if isinstance(value, tuple):
        parts = tuple(fitting(part) if isinstance(part, str) else part for part in value)
        return value if parts == value else tuple(part for part in parts if part != "")
    return value


@lru_cache(maxsize=10_000)
def point_id(item_id: str) -> str:
    """The uuid5 of a shop's item id; cached, since an item of one list is often in the next."""
    # as uuid.uuid5 makes it (RFC 9562, 5.5), in a quarter of its time: a search names hundreds of items
    digest = hashlib.sha1(POINT_NAMESPACE.bytes + item_id.encode(), usedforsecurity=False).digest()
    digits = f"{int.from_bytes(digest[:16], 'big') & _FREE_BITS | _VERSION_BITS:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
