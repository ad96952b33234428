"""Messages to a role about an item: the prompt, the item's data, and the photo for models that see.

The data are type, title, description, brand and attributes, each cut to a length. The id, price,
popularity, availability and the photo's address are never sent.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from typing import Any

from vlclip.engine.errors import PhotoError, PhotosBusy
from vlclip.engine.item import Item
from vlclip.engine.photos.decoding import decode
from vlclip.engine.photos.room import Limits
from vlclip.engine.refinement.prompt import Prompt
from vlclip.engine.refinement.untrusted import data_block, plain, without_instructions

Message = dict[str, Any]

TITLE_CHARS, DESCRIPTION_CHARS, VALUE_CHARS = 300, 1500, 100
MOST_ATTRIBUTES = 20
PHOTO_SIDE = 512


def product_data(item: Item) -> dict[str, object]:
    """The item's fields as they are sent: without invisible characters and without instructions."""
    fields = {
        "product_type": _cut(item.product_type, VALUE_CHARS),
        "brand": _cut(item.brand, VALUE_CHARS),
        "title": _cut(item.title, TITLE_CHARS),
        "description": _cut(item.description, DESCRIPTION_CHARS),
    }
    data: dict[str, object] = {name: text for name, text in fields.items() if text}
    attributes = {
        _cut(name, VALUE_CHARS): _cut(", ".join(map(str, value)), VALUE_CHARS)
        if isinstance(value, tuple)
        else _cut(str(value), VALUE_CHARS)
        for name, value in list(item.attributes.items())[:MOST_ATTRIBUTES]
    }
    return data | ({"attributes": attributes} if attributes else {})


def messages(
    prompt: Prompt, blocks: Mapping[str, Mapping[str, object] | str], photo: str | None
) -> list[Message]:
    """The chat of one request: the role's prompt, then the blocks in order, then the photo."""
    text = "\n\n".join(data_block(name, data) for name, data in blocks.items())
    content: str | list[Message] = text
    if photo is not None:
        content = [{"type": "text", "text": text}, {"type": "image_url", "image_url": {"url": photo}}]
    return [{"role": "system", "content": prompt.text}, {"role": "user", "content": content}]


def photo_url(photo: bytes | None, limits: Limits) -> str | None:
    """The photo as a `data:` URL: a JPEG of at most 512 pixels a side, without its metadata.

    None where there is no photo or it cannot be read; the model then gets none.
    Errors: `PhotosBusy` where there was no room for it; it may be fine.
    """
    if photo is None:
        return None
    try:
        upright = decode(photo, limits)
    except PhotosBusy:
        raise
    except PhotoError:
        return None
    upright.thumbnail((PHOTO_SIDE, PHOTO_SIDE))
    small = io.BytesIO()
    upright.save(small, "JPEG", quality=85)
    return "data:image/jpeg;base64," + base64.b64encode(small.getvalue()).decode()


def _cut(text: str, chars: int) -> str:
    return without_instructions(plain(text[: 4 * chars]))[:chars]
