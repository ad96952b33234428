"""One model behind an OpenAI-compatible URL, with a pace, a deadline, retries and a breaker.

A failure that may pass (overload, server errors, broken or slow connections, an answer that is no chat
completion) is tried again with growing, jittered waits; a `Retry-After` is honoured. A failure that no item
can escape (a refused key, an unknown model, an empty account) stops the run with a `RefinementError`.
Everything else fails this item alone, with an `EndpointFailure`.
"""

from __future__ import annotations

import asyncio
import random
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.utils import mktime_tz, parsedate_tz
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

from vlclip.engine.errors import RefinementError
from vlclip.engine.refinement.limits import Breaker, Pace
from vlclip.engine.refinement.messages import Message
from vlclip.engine.refinement.reply import (
    EndpointFailure,
    PassingFailure,
    Reply,
    estimate,
    options,
    read_reply,
    refused_option,
)
from vlclip.engine.settings import Refinement

if TYPE_CHECKING:
    import openai

MAX_BYTES = 1_000_000
MAX_WAIT_S = 60.0
"""An endpoint that asks for a longer wait counts as failed."""


class Endpoint:
    """Answers chats within `async with endpoint.connected()`; the limits hold over all connections."""

    def __init__(self, settings: Refinement) -> None:
        self._settings = settings
        self._requests = Pace(settings.requests_per_minute)
        self._tokens = Pace(settings.tokens_per_minute)
        self._breaker = Breaker()
        self._refused: set[str] = set()
        self._openai, self._stamina = _libraries()
        self._client: openai.AsyncOpenAI | None = None

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[Endpoint]:
        """Connections for one batch, in one event loop."""
        key = self._settings.api_key
        async with self._openai.AsyncOpenAI(
            base_url=self._settings.base_url,
            api_key=key.get_secret_value() if key else "none",
            timeout=self._settings.timeout_s,
            max_retries=0,
            http_client=self._openai.DefaultAsyncHttpxClient(verify=_certificates()),
        ) as self._client:
            yield self

    async def ask(self, chat: list[Message], schema: dict[str, Any] | None = None) -> Reply:
        """The model's reply to a chat; `schema` is a `response_format` for endpoints that take one."""
        if not self._breaker.lets_through():
            raise EndpointFailure("it failed several times in a row, so it is not asked again for a while")
        try:
            reply = await self._with_retries(chat, schema)
        except PassingFailure:
            self._breaker.record(answered=False)
            raise
        except EndpointFailure:
            self._breaker.record(answered=True)
            raise
        self._breaker.record(answered=True)
        return reply

    async def _with_retries(self, chat: list[Message], schema: dict[str, Any] | None) -> Reply:
        async for attempt in self._stamina.retry_context(
            on=self._again, attempts=self._settings.attempts, timeout=None, wait_initial=0.5, wait_max=20.0
        ):
            with attempt:
                return await self._paced(chat, schema)
        raise AssertionError  # stamina raises the last error itself

    def _again(self, error: Exception) -> bool | float:
        """Whether to try again, or after how many seconds."""
        if not isinstance(error, PassingFailure) or self._breaker.open or error.wait_s > MAX_WAIT_S:
            return False
        return error.wait_s + random.random() if error.wait_s else True  # noqa: S311 - jitter

    async def _paced(self, chat: list[Message], schema: dict[str, Any] | None) -> Reply:
        announced = estimate(chat) + self._settings.max_tokens
        await asyncio.sleep(self._requests.wait_s())
        await asyncio.sleep(self._tokens.wait_s(announced))
        reply = await self._with_options(chat, schema)
        self._tokens.settle(reply.prompt_tokens + reply.completion_tokens - announced)
        return reply

    async def _with_options(self, chat: list[Message], schema: dict[str, Any] | None) -> Reply:
        """The reply; an option that the endpoint refuses is left out from then on."""
        refused = set(self._refused)
        while True:
            sent = options(self._settings, schema, refused)
            try:
                reply = await self._once(chat, sent)
            except self._openai.APIStatusError as error:
                doubted = refused_option(str(error), sent) if error.status_code in (400, 422) else None
                if doubted is None:
                    raise self._translated(error) from None
                refused.add(doubted)
                continue
            self._refused |= refused
            return reply

    async def _once(self, chat: list[Message], sent: dict[str, Any]) -> Reply:
        """One request, its whole answer within the deadline and the size."""
        if self._client is None:
            raise AssertionError("ask within `connected`")
        body = bytearray()
        try:
            async with (
                asyncio.timeout(self._settings.timeout_s),
                self._client.chat.completions.with_streaming_response.create(
                    model=self._settings.model, messages=cast("Any", chat), **sent
                ) as response,
            ):
                async for chunk in response.iter_bytes():
                    body += chunk
                    if len(body) > MAX_BYTES:
                        raise PassingFailure("its answer is too long")
        except (TimeoutError, self._openai.APITimeoutError):
            raise PassingFailure(f"no answer within {self._settings.timeout_s:g} s") from None
        except self._openai.APIStatusError:
            raise
        except (self._openai.OpenAIError, OSError, *_network_errors()) as error:
            raise PassingFailure(f"the connection failed ({type(error).__name__})") from None
        return read_reply(bytes(body), estimate(chat))

    def _translated(self, error: openai.APIStatusError) -> Exception:
        status = error.status_code
        if status == 401:
            return RefinementError("the endpoint refuses the key; set refinement.api_key")
        if status == 404:
            return RefinementError(
                f"the endpoint {self._settings.base_url} knows no model {self._settings.model!r}; "
                "correct refinement.model or refinement.base_url (most end in /v1)"
            )
        if status == 429 and error.code == "insufficient_quota":
            return RefinementError("the account at the endpoint is used up; fill it and run again to go on")
        if status in (408, 409, 425, 429) or status >= 500:
            wait_s = seconds(error.response.headers.get("retry-after", ""))
            return PassingFailure(f"it answered {status}", wait_s)
        return EndpointFailure(f"it answered {status}")


def seconds(retry_after: str) -> float:
    """What a Retry-After header asks for, given as seconds or as a date."""
    try:
        return max(0.0, min(float(retry_after), 1e6))
    except ValueError:
        parsed = parsedate_tz(retry_after)
        return max(0.0, mktime_tz(parsed) - time.time()) if parsed else 0.0


def _libraries() -> tuple[Any, Any]:
    try:
        import openai  # noqa: PLC0415 - an extra
        import stamina  # noqa: PLC0415
    except ImportError as error:
        raise RefinementError(
            f"refinement by a language model needs {error.name}: pip install 'vlclip[llm]'"
        ) from None
    return openai, stamina


@lru_cache(maxsize=1)  # reading them takes longer than many an answer
def _certificates() -> ssl.SSLContext:
    import httpx2  # noqa: PLC0415 - loaded with openai, not before

    return httpx2.create_ssl_context()


def _network_errors() -> tuple[type[Exception], ...]:
    import httpx2  # noqa: PLC0415 - loaded with openai, not before

    return (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError)
