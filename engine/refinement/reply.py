"""The options of a request to a model, and the reply read from its answer."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from vlclip.engine.refinement.messages import Message
from vlclip.engine.settings import Refinement

PHOTO_TOKENS = 800
"""Assumed for a photo until the endpoint says what it cost."""
OPTIONS = ("response_format", "temperature", "max_tokens")
"""Options that some endpoints refuse, the likeliest first."""


class EndpointFailure(Exception):
    """No answer for this item; the message says why, without anything of the endpoint's own text."""


class PassingFailure(EndpointFailure):
    """A failure that may pass; `wait_s` is how long the endpoint asks to wait."""

    def __init__(self, reason: str, wait_s: float = 0.0) -> None:
        super().__init__(reason)
        self.wait_s = wait_s


@dataclass(frozen=True, slots=True)
class Reply:
    """What a model answered; `cut` says that the answer reached the limit on its length."""

    text: str
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cut: bool = False


def read_reply(body: bytes, estimate: int) -> Reply:
    """The reply in a chat completion; tokens the endpoint does not count are estimated.

    Errors: `PassingFailure` for anything that is not a chat completion.
    """
    try:
        completion = json.loads(body)
        choice = completion["choices"][0]
        text = (choice["message"].get("content") or "").encode(errors="replace").decode()
        usage = completion.get("usage") or {}
        return Reply(
            text.strip(),
            int(usage.get("prompt_tokens") or estimate),
            int(usage.get("completion_tokens") or len(text) // 3 + 1),
            cut=choice.get("finish_reason") == "length",
        )
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError):
        raise PassingFailure("its answer is not a chat completion") from None


def options(settings: Refinement, schema: dict[str, Any] | None, refused: set[str]) -> dict[str, Any]:
    """The options of a request without the refused ones; `max_tokens` has a newer name to fall back on."""
    sent: dict[str, Any] = {"max_tokens": settings.max_tokens}
    if settings.temperature is not None:
        sent["temperature"] = settings.temperature
    if schema is not None:
        sent["response_format"] = schema
    if "max_tokens" in refused:
        sent["max_completion_tokens"] = settings.max_tokens
    return {name: value for name, value in sent.items() if name not in refused}


def refused_option(complaint: str, sent: dict[str, Any]) -> str | None:
    """The option that a complaint names, or else the likeliest; None where no option can be the reason."""
    named = [name for name in OPTIONS if name in sent and name in complaint]
    return next(iter([*named, *(name for name in OPTIONS[:1] if name in sent)]), None)


def estimate(chat: list[Message]) -> int:
    """A guess at the tokens of a chat: a third of its characters, and a fixed number for the photo."""
    total = 0
    for message in chat:
        content = message["content"]
        parts = content if isinstance(content, list) else [{"type": "text", "text": content}]
        total += sum(PHOTO_TOKENS if part["type"] != "text" else len(part["text"]) // 3 for part in parts)
    return total
