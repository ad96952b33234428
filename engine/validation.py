"""What pydantic found wrong with an input, in a sentence for the person who wrote it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, get_args

if TYPE_CHECKING:
    from pydantic import BaseModel

MOST = 3
"""Errors that one sentence names."""


def explain(
    errors: Sequence[Mapping[str, Any]],
    model: type[BaseModel] | None = None,
    *,
    whole: str = "",
    skip: int = 0,
) -> str:
    """The first errors of `ValidationError.errors()`: field and message of each.

    `model` is what the input was read as; with it, a field that does not exist gets the nearest name that
    does. `whole` names the input in an error that is of no single field. `skip` leaves out the first parts of
    every place, which are not the writer's: FastAPI puts `body` or `query` there.
    """
    names = set(_field_names(model)) if model is not None else set()
    sentences = [_sentence(error, names, whole, skip) for error in _without_alternatives(errors)]
    extra = len(sentences) - MOST
    return "; ".join(sentences[:MOST]) + (f"; and {extra} more" if extra > 0 else "")


def _sentence(error: Mapping[str, Any], names: Iterable[str], whole: str, skip: int) -> str:
    place = error["loc"][skip:]
    field = ".".join(map(str, place)) or whole
    message = str(error["msg"]).removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        near = get_close_matches(str(place[-1]), names, n=1)
        message = "no such field" + (f"; did you mean {near[0]}?" if near else "")
    return f"{field}: {message}" if field else message


def _without_alternatives(errors: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """The errors, with one for a value that fits none of several types instead of one for each type."""
    before: Mapping[str, Any] | None = None
    for error in errors:
        alternative = (
            before is not None
            and error["type"] not in ("missing", "extra_forbidden")
            and error["loc"][:-1] == before["loc"][:-1] != ()
            and error.get("input") is before.get("input")
        )
        if not alternative:
            yield error
        before = error


def _field_names(model: type[BaseModel]) -> Iterator[str]:
    """The names of a model's fields and of the models within it."""
    for name, field in model.model_fields.items():
        yield name
        for kind in (field.annotation, *get_args(field.annotation)):
            if isinstance(kind, type) and hasattr(kind, "model_fields"):
                yield from _field_names(kind)
