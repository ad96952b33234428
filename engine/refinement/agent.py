"""Summarizer, Evaluator, Refiner: the agent of VL-CLIP (arXiv 2507.17080) over one item.

The Summarizer writes a line; in each round the Evaluator says stop or what is wrong, and the Refiner
writes it anew. Here every line first passes `check_text`: a fault found there is the round's critique,
at no cost, and no line with such a fault is ever accepted, whatever the Evaluator says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from vlclip.engine.item import Item
from vlclip.engine.refinement.checks import check_text, tidy
from vlclip.engine.refinement.messages import Message, messages, product_data
from vlclip.engine.refinement.prompt import Prompt
from vlclip.engine.refinement.reply import Reply
from vlclip.engine.refinement.verdict import SCHEMA, parse_verdict
from vlclip.engine.refinement.words import Vocabulary

MOST_ANSWER_CHARS = 2000
"""Of an answer, read and shown to the next role; a good one has a few hundred."""
Said = Mapping[str, Mapping[str, object] | str]
"""What a role is told: data by the name of its block."""


class Ask(Protocol):
    """Sends one chat to a model. Raises `EndpointFailure` when no answer is to be had."""

    async def __call__(self, chat: list[Message], schema: dict[str, Any] | None = None, /) -> Reply:
        """The model's reply; `schema` is the `response_format` asked for."""
        ...


class TextRefused(Exception):
    """The model answered, but no text of it may be used; the message says why."""


@dataclass(slots=True)
class Cost:
    """What an item has cost so far."""

    rounds: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0

    @property
    def tokens(self) -> int:
        """Both kinds together."""
        return self.prompt_tokens + self.completion_tokens

    @property
    def spent(self) -> tuple[int, int, int]:
        """Rounds, prompt tokens, completion tokens."""
        return self.rounds, self.prompt_tokens, self.completion_tokens


@dataclass(frozen=True, slots=True)
class Agent:
    """The three roles; `rounds` is the most verdicts an item may get."""

    ask: Ask
    prompts: Mapping[str, Prompt]
    rounds: int
    vocabulary: Vocabulary

    async def write(self, item: Item, photo: str | None, cost: Cost) -> str:
        """A line for the item that passed every check; `photo` is a `data:` URL, `cost` is added to.

        The last line is taken when the rounds are over, as the paper does. Errors: `TextRefused` where
        that line fails a check or the Evaluator gives no verdict, `EndpointFailure`.
        """
        said: dict[str, Mapping[str, object] | str] = {"product": product_data(item)}
        text, fault = await self._line("summarizer", said, item, photo, cost)
        while cost.rounds < self.rounds:
            cost.rounds += 1
            critique = fault or await self._judge({**said, "text": text}, photo, cost)
            if not critique:
                return text
            told = {**said, "text": text, "critique": critique}
            text, fault = await self._line("refiner", told, item, photo, cost)
        if fault:
            raise TextRefused(fault)
        return text

    async def _line(
        self, role: str, said: Said, item: Item, photo: str | None, cost: Cost
    ) -> tuple[str, str]:
        """A role's line and what `check_text` finds wrong with it."""
        reply = await self._say(role, said, photo, cost)
        text = tidy(reply.text)[:MOST_ANSWER_CHARS]
        if reply.cut:
            return text, "it was cut off; write at most 40 words"
        return text, check_text(text, item, self.vocabulary, seen=photo is not None)

    async def _judge(self, said: Said, photo: str | None, cost: Cost) -> str:
        """The Evaluator's critique, "" for stop; it is asked a second time if it gives no verdict."""
        for _ in range(2):
            reply = await self._say("evaluator", said, photo, cost, SCHEMA)
            verdict = parse_verdict(reply.text)
            if verdict is not None:
                return verdict
        raise TextRefused("the evaluator gave no verdict")

    async def _say(
        self,
        role: str,
        said: Said,
        photo: str | None,
        cost: Cost,
        schema: dict[str, Any] | None = None,
    ) -> Reply:
        reply = await self.ask(messages(self.prompts[role], said, photo), schema)
        cost.prompt_tokens += reply.prompt_tokens
        cost.completion_tokens += reply.completion_tokens
        return reply
