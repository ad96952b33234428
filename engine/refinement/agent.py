"""Summarizer, Evaluator, Refiner: the agent of VL-CLIP (arXiv 2507.17080) over one item.

The Summarizer writes a line. In each round the Evaluator says "stop" or what is wrong, and the Refiner
writes the line anew. Here every line first passes `check_text`. A fault that it finds is the round's
critique, at no cost; no line with such a fault is accepted, whatever the Evaluator says.
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
Blocks = Mapping[str, Mapping[str, object] | str]
"""The data sent to a role, by the name of their block."""


class AskModel(Protocol):
    """Sends one chat to a model. Raises `EndpointFailure` when no answer comes."""

    async def __call__(self, chat: list[Message], schema: dict[str, Any] | None = None, /) -> Reply:
        """The model's reply; `schema` is the `response_format` of the request."""
        ...


class TextRefused(Exception):
    """The model answered, but none of its texts may be used; the message says why."""


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

    ask: AskModel
    prompts: Mapping[str, Prompt]
    rounds: int
    vocabulary: Vocabulary

    async def write(self, item: Item, photo: str | None, cost: Cost) -> str:
        """A line for the item that passed every check; `photo` is a `data:` URL. The cost is added to `cost`.

        When the rounds are over, the last line is taken, as in the paper. Errors: `TextRefused` where
        that line fails a check or the Evaluator gives no verdict, `EndpointFailure`.
        """
        blocks: dict[str, Mapping[str, object] | str] = {"product": product_data(item)}
        text, fault = await self._line("summarizer", blocks, item, photo, cost)
        while cost.rounds < self.rounds:
            cost.rounds += 1
            critique = fault or await self._judge({**blocks, "text": text}, photo, cost)
            if not critique:
                return text
            text, fault = await self._line(
                "refiner", {**blocks, "text": text, "critique": critique}, item, photo, cost
            )
        if fault:
            raise TextRefused(fault)
        return text

    async def _line(
        self, role: str, blocks: Blocks, item: Item, photo: str | None, cost: Cost
    ) -> tuple[str, str]:
        """A role's line and what `check_text` finds wrong with it."""
        reply = await self._say(role, blocks, photo, cost)
        text = tidy(reply.text)[:MOST_ANSWER_CHARS]
        if reply.cut:
            return text, "it was cut off; write at most 40 words"
        return text, check_text(text, item, self.vocabulary, with_photo=photo is not None)

    async def _judge(self, blocks: Blocks, photo: str | None, cost: Cost) -> str:
        """The Evaluator's critique, "" for stop. It is asked a second time if it gives no verdict."""
        for _ in range(2):
            reply = await self._say("evaluator", blocks, photo, cost, SCHEMA)
            verdict = parse_verdict(reply.text)
            if verdict is not None:
                return verdict
        raise TextRefused("the evaluator gave no verdict")

    async def _say(
        self,
        role: str,
        blocks: Blocks,
        photo: str | None,
        cost: Cost,
        schema: dict[str, Any] | None = None,
    ) -> Reply:
        reply = await self.ask(messages(self.prompts[role], blocks, photo), schema)
        cost.prompt_tokens += reply.prompt_tokens
        cost.completion_tokens += reply.completion_tokens
        return reply
