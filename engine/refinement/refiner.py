"""Refiners as settings name them, and the one that asks a language model.

Laws (tests/engine/refinement/test_refiner.py):
- every item gets a text, or `refine` raises: an endpoint that fails costs quality, never an item;
- a run that stopped at its budget and goes on gives the texts of one that never stopped;
- a question whose answer is in the cache is not sent to the endpoint.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import threading
from collections.abc import Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from vlclip.engine.errors import BudgetSpent, PhotosBusy, RefinementError, SettingsError
from vlclip.engine.item import Item
from vlclip.engine.language import DEFAULT
from vlclip.engine.photos.room import Limits
from vlclip.engine.refinement.agent import Agent, Cost, TextRefused
from vlclip.engine.refinement.cache import RefinementCache, RefinementOutcome
from vlclip.engine.refinement.endpoint import Endpoint
from vlclip.engine.refinement.fields import FieldRefiner
from vlclip.engine.refinement.messages import photo_url, product_data
from vlclip.engine.refinement.prompt import prompts
from vlclip.engine.refinement.refined import Refined, Refiner
from vlclip.engine.refinement.reply import EndpointFailure
from vlclip.engine.refinement.words import load_vocabulary
from vlclip.engine.settings import Refinement

CHECKS = 1
"""Raise it by hand with any change of checks, messages or agent that changes texts."""

PHOTOS = Limits()
"""For those who name no limits on photos."""

T = TypeVar("T")


def load_refiner(settings: Refinement, language: str, photos: Limits = PHOTOS) -> Refiner | None:
    """The refiner these settings name, for texts in a language; None where refinement is off.

    `photos` are the limits on photos that are shown to a language model.

    Errors: `SettingsError` where there is no such language, or mode is llm and no endpoint or model is
    named; `RefinementError` where the packages for it are missing or the cache cannot be used.
    """
    if settings.mode == "off":
        return None
    return FieldRefiner(language) if settings.mode == "fields" else AgentRefiner(settings, language, photos)


class AgentRefiner:
    """The agent over one endpoint, with the field refiner for items it fails on.

    An item whose text failed the checks gets its fields' text under this refiner's version: that is settled.
    An item for which the endpoint failed, or whose photo found no room, gets its fields' text under the field
    refiner's version; the next run finds a version that is not its own and asks again.
    """

    def __init__(self, settings: Refinement, language: str = DEFAULT, photos: Limits = PHOTOS) -> None:
        for name in ("base_url", "model"):
            if not getattr(settings, name):
                raise SettingsError(f"refinement.mode is llm but refinement.{name} is empty; name it")
        self._settings = settings
        self._photos = photos
        self._endpoint = Endpoint(settings)
        self._agent = Agent(self._endpoint.ask, prompts(), settings.rounds, load_vocabulary(language))
        self._fields = FieldRefiner(language)
        self._cache = RefinementCache(Path(settings.cache)) if settings.cache else None
        self._sampling = self._sampling_key(language)
        self._batch_lock = threading.Lock()
        self._closed = threading.Event()
        self._batch: tuple[asyncio.AbstractEventLoop, asyncio.Task[list[Refined]]] | None = None
        self.tokens_spent = 0

    @property
    def version(self) -> str:
        """Changes with prompts, model, sampling, checks, and the field refiner behind them."""
        return f"llm-{hashlib.sha256(f'{self._sampling}{self._fields.version}'.encode()).hexdigest()[:10]}"

    def refine(self, items: Sequence[Item], photos: Sequence[bytes | None]) -> list[Refined]:
        """One text per item, in order; `concurrency` items are refined at a time.

        Errors: `BudgetSpent` once `max_tokens_total` is used up and an item is left that is not in the
        cache. Items begun by then are finished and cached; their cost may pass the budget.
        `RefinementError` where the endpoint refuses the key or the model, or after `close`.
        """
        with self._batch_lock:
            return _run(self._batch_of(items, photos))

    def close(self) -> None:
        """Close the cache; a `refine` under way in another thread ends with a `RefinementError`."""
        self._closed.set()
        if (batch := self._batch) is not None:
            loop, task = batch
            with suppress(RuntimeError):  # it has just ended by itself
                loop.call_soon_threadsafe(task.cancel)
        with self._batch_lock:
            if self._cache is not None:
                self._cache.close()

    async def _batch_of(self, items: Sequence[Item], photos: Sequence[bytes | None]) -> list[Refined]:
        task = asyncio.ensure_future(self._refine_all(items, photos))
        self._batch = asyncio.get_running_loop(), task
        if self._closed.is_set():
            task.cancel()
        try:
            return await task
        except asyncio.CancelledError:
            if self._closed.is_set():
                raise RefinementError("refining was stopped; run again to continue") from None
            raise
        finally:
            self._batch = None

    async def _refine_all(self, items: Sequence[Item], photos: Sequence[bytes | None]) -> list[Refined]:
        slots = asyncio.Semaphore(self._settings.concurrency)
        stops: list[RefinementError] = []

        async def refine_item(item: Item, photo: bytes | None) -> Refined | None:
            async with slots:
                if stops:
                    return None
                try:
                    return await self._refined(item, photo if self._settings.sees else None)
                except RefinementError as error:  # items under way finish first: what they cost is not lost
                    stops.append(error)
                    return None

        async with self._endpoint.connected():
            texts = await asyncio.gather(*(refine_item(*pair) for pair in zip(items, photos, strict=True)))
        if stops:
            raise stops[0]
        return [text for text in texts if text is not None]

    async def _refined(self, item: Item, photo: bytes | None) -> Refined:
        key = self._key(item, photo)
        cached = self._cache.get(key) if self._cache is not None else None
        if cached is not None:
            return self._text(item, cached, cached=True)
        self._check_budget()
        cost = Cost()
        try:
            # on a thread: it may wait for room, and answers of the endpoint should not
            url = None if photo is None else await asyncio.to_thread(photo_url, photo, self._photos)
            text, refusal = await self._agent.write(item, url, cost), ""
        except TextRefused as refused:
            text, refusal = "", str(refused)
        except EndpointFailure as failure:
            return self._by_fields(item, self._fields.version, cost, f"endpoint: {failure}")
        except PhotosBusy as busy:  # without its photo the text would be another, and would stay
            return self._by_fields(item, self._fields.version, cost, f"photo: {busy}")
        finally:
            self.tokens_spent += cost.tokens
        outcome = RefinementOutcome(text, refusal, cost.rounds, cost.prompt_tokens, cost.completion_tokens)
        if self._cache is not None:
            self._cache.put(key, outcome)
        return self._text(item, outcome)

    def _check_budget(self) -> None:
        most = self._settings.max_tokens_total
        if most and self.tokens_spent >= most:
            raise BudgetSpent(
                f"the budget of {most:,} tokens for one run is spent; run again to continue from there, "
                "or raise refinement.max_tokens_total"
            )

    def _text(self, item: Item, outcome: RefinementOutcome, *, cached: bool = False) -> Refined:
        cost = Cost(outcome.rounds, outcome.prompt_tokens, outcome.completion_tokens)
        if outcome.refusal:
            return self._by_fields(item, self.version, cost, f"checks: {outcome.refusal}", cached=cached)
        return Refined(outcome.text, "llm", self.version, *cost.spent, cached=cached)

    def _by_fields(
        self, item: Item, version: str, cost: Cost, reason: str, *, cached: bool = False
    ) -> Refined:
        plain = self._fields.text_of(item)
        return Refined(plain.text, plain.by, version, *cost.spent, fallback=reason, cached=cached)

    def _key(self, item: Item, photo: bytes | None) -> str:
        """A digest of everything that an outcome depends on."""
        digest = hashlib.sha256(photo).hexdigest() if photo is not None else ""
        sent = json.dumps([self._sampling, product_data(item), digest], sort_keys=True)
        return hashlib.sha256(sent.encode(errors="replace")).hexdigest()

    def _sampling_key(self, language: str) -> str:
        settings = self._settings
        sampling = [settings.model, settings.sees, settings.rounds, settings.temperature, settings.max_tokens]
        language_key = (
            [] if language == DEFAULT else [language]
        )  # keys of the default are older than the choice
        return json.dumps(
            [CHECKS, *sampling, *(prompt.digest for prompt in prompts().values()), *language_key]
        )


def _run(work: Coroutine[None, None, T]) -> T:
    """The result of a coroutine, also for a caller whose thread runs an event loop, as notebooks do."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()
