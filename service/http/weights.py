"""Weights of a score's parts, as a query parameter and an option write them."""

from __future__ import annotations

from vlclip.engine.errors import SpaceError
from vlclip.engine.filters import brief
from vlclip.service.http.errors import BadRequest, TooLarge
from vlclip.service.http.json_text import read_json

MAX_WEIGHTS = 32


def read_weights(text: str | None) -> dict[str, float]:
    """Weights from `image=1,text=0.5` or a JSON object."""
    if not text:
        return {}
    try:
        if text.lstrip().startswith("{"):
            form = read_json(text, 2 * MAX_WEIGHTS, "weights")
        else:
            form = dict(pair.split("=", 1) for pair in text.split(",", MAX_WEIGHTS))
        weights = {str(name).strip(): float(value) for name, value in form.items()}
    except (ValueError, TypeError, AttributeError, BadRequest, TooLarge):
        raise SpaceError(f"cannot read the weights {brief(text)}; write image=1,text=0.5") from None
    if len(weights) > MAX_WEIGHTS:
        raise SpaceError(f"there are over {MAX_WEIGHTS} weights")
    return weights
