"""A proxy that makes a good service worse, to test whether a gate notices.

    python -m vlclip.loadtest faults --to http://127.0.0.1:8000 --port 8001 --fault delay=50ms --fault
    errors=0.01

It passes requests on over one connection for each of the caller's. It knows only the HTTP/1.1 that this
needs: bodies must have a Content-Length, as those of the load test and of the service have.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from urllib.parse import urlsplit

from vlclip.loadtest.errors import BadFault

BROKEN = b"HTTP/1.1 500 Internal Server Error\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nfault"
HEAD_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Faults:
    """What goes wrong: each request is delayed by `delay_s`, and a share `errors` is answered with 500."""

    delay_s: float = 0.0
    errors: float = 0.0


def read_faults(options: Sequence[str]) -> Faults:
    """Faults from `delay=50ms` and `errors=0.01`; `BadFault` if one cannot be read."""
    delay_s = errors = 0.0
    for fault in options:
        if match := re.fullmatch(r"delay=(\d+(?:\.\d+)?)(ms|s)", fault):
            delay_s = float(match[1]) / (1000 if match[2] == "ms" else 1)
        elif (match := re.fullmatch(r"errors=(\d+(?:\.\d+)?)", fault)) and float(match[1]) <= 1:
            errors = float(match[1])
        else:
            raise BadFault(f"cannot read the fault {fault!r}; write delay=50ms or errors=0.01")
    return Faults(delay_s, errors)


def read_address(to: str) -> tuple[str, int]:
    """Host and port of a service; `BadFault` if the proxy cannot pass requests on to it."""
    try:
        where = urlsplit(to)
        if where.scheme == "http" and where.hostname:
            return where.hostname, where.port or 80
    except ValueError:  # a port that is none
        pass
    raise BadFault(f"cannot pass on to {to!r}; write it as http://127.0.0.1:8000 (https is not passed on)")


async def serve_faults(to: str, faults: Faults, port: int, seed: int = 0) -> asyncio.Server:
    """The proxy, listening on this machine; port 0 takes a free one. `BadFault` if it cannot listen."""
    where, random = read_address(to), Random(seed)  # noqa: S311 - no secrets here

    async def connect() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(*where, limit=HEAD_BYTES)

    async def pass_on(caller: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        ends = [back]
        try:
            service, there = await connect()
            ends.append(there)
            while True:
                request = await _message(caller)
                await asyncio.sleep(faults.delay_s)
                if random.random() < faults.errors:
                    back.write(BROKEN)
                else:
                    if service.at_eof():  # it closed the connection, as servers do with idle ones
                        service, there = await connect()
                        ends.append(there)
                    there.write(request)
                    back.write(await _message(service))
                await back.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass  # either side may leave at any time
        finally:
            for end in ends:
                end.close()

    try:
        return await asyncio.start_server(pass_on, "127.0.0.1", port, limit=HEAD_BYTES)
    except OSError as error:
        why = os.strerror(error.errno or 0)
        raise BadFault(f"cannot listen on port {port} ({why}); take another --port") from None


@contextlib.contextmanager
def faulty(to: str, faults: Faults) -> Iterator[str]:
    """The address of a proxy before `to`; `to` itself if nothing is to go wrong."""
    if faults == Faults():
        yield to
        return
    read_address(to)  # before a thread is started for it
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    server = asyncio.run_coroutine_threadsafe(serve_faults(to, faults, 0), loop).result()
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        asyncio.run_coroutine_threadsafe(_close(server), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _message(stream: asyncio.StreamReader) -> bytes:
    """One request or answer, head and body."""
    head = await stream.readuntil(b"\r\n\r\n")
    length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
    return head + (await stream.readexactly(int(length[1])) if length else b"")


async def _close(server: asyncio.Server) -> None:
    """Release the port and close the open connections."""
    server.close()
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
