"""The connection to Redis or Valkey, and its errors as sentences.

Law (tests/ranking/history/test_redis.py): a server that is down, full or refuses raises a `HistoryError`
without the password in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from redis import Redis, exceptions
from redis.backoff import ExponentialBackoff
from redis.retry import Retry

from vlclip.ranking.errors import HistoryError


def address_of(url: str) -> str:
    """The address without name and password."""
    return re.sub(r"//[^/]*@", "//", url).split("?")[0]


def connect(url: str, timeout_s: float) -> Any:  # its types do not tell it from the asynchronous client
    """A client; nothing is sent yet. A request that takes longer than `timeout_s` is tried once more."""
    try:
        return Redis.from_url(
            url,
            socket_timeout=timeout_s,
            socket_connect_timeout=timeout_s,
            retry=Retry(ExponentialBackoff(cap=0.5, base=0.05), 1),
            decode_responses=False,
        )
    except ValueError:
        raise HistoryError(
            f"history.url is {address_of(url)!r}; name redis://host:6379/0, rediss://, unix:// or a file"
        ) from None


@contextmanager
def redis_errors(address: str) -> Iterator[None]:
    """What goes wrong inside as a `HistoryError` that says what to do."""
    try:
        yield
    except exceptions.AuthenticationError as error:
        raise HistoryError(f"{address} refuses the name or password ({error}); mend history.url") from None
    except (exceptions.ConnectionError, exceptions.TimeoutError) as error:
        raise HistoryError(
            f"the history {address} does not answer ({error}); start it, or mend history.url"
        ) from error
    except exceptions.OutOfMemoryError as error:
        raise HistoryError(
            f"the history {address} has no memory left ({error}); raise its maxmemory, or keep less with "
            "history.retention_days"
        ) from error
    except exceptions.RedisError as error:
        if str(error).startswith("CLOCKS"):
            raise HistoryError(
                f"the history {address} would remove these events at once, as its clock is over a day ahead "
                f"of this machine's ({error}); put the wrong one right"
            ) from None
        raise HistoryError(
            f"the history {address} refuses ({error}); it takes Redis 6.2 or later, or Valkey, a primary, "
            "and keys under history.prefix that are its own"
        ) from error
    except UnicodeEncodeError as error:
        raise HistoryError(f"{error.object!r} is not text; send ids in UTF-8") from None
