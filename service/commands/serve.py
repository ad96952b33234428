"""`vlclip serve`."""

from __future__ import annotations

import asyncio
import math
import os
import signal
import sys
from functools import partial
from typing import Annotated, cast

import typer
import uvicorn
from fastapi import FastAPI

from vlclip.engine.machine import limit_arenas
from vlclip.service.access.connections import ConnectionLimits, Connections
from vlclip.service.access.guarded_protocol import GuardedProtocol
from vlclip.service.access.keys import check_closed
from vlclip.service.access.proxies import Proxies
from vlclip.service.api.app import create_app
from vlclip.service.commands.options import Device, StoreOption
from vlclip.service.http.addresses import is_loopback
from vlclip.service.http.errors import CannotListen
from vlclip.service.observing.logs import set_up
from vlclip.service.reports.terminal import err, says_what_went_wrong
from vlclip.service.settings import Settings
from vlclip.service.shop.shop import Shop

SWITCH_S = 0.0005
"""How long a thread that makes a list may keep Python's lock while the event loop waits for it. The loop
gives the lock away at each read and write of a socket, and by Python's default would wait 5 ms for it."""
KEEP_ALIVE_S = 75
"""How long an idle connection stays open: longer than load balancers and browsers keep theirs (60 s), since a
request that is sent just as its connection closes is lost."""
ARENAS = 2
"""Pools from which C libraries allocate; threads wait for each other a little, and memory stays flat."""
BACKLOG = 128
"""Connections that the system keeps for us; all of them are accepted before the first is counted."""
OTHER_FILES = 400
"""Open files beside connections: those of the store and the histories, photos being fetched, `BACKLOG`."""


@says_what_went_wrong
def serve(
    *,
    store: StoreOption = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.", min=0, max=65535)] = 8000,
    device: Device = None,
    anybody: Annotated[
        bool, typer.Option("--open", help="Serve without API keys whoever reaches the service.")
    ] = False,
) -> None:
    """Serve lists over HTTP until stopped; /docs and /openapi.json describe the API."""
    limit_arenas(ARENAS)
    settings = Settings.load(store=store, device=device)
    keys = check_closed(settings, host, is_open=anybody)
    asyncio.run(check_free(host, port))
    shop = Shop(settings)
    err.print(f"vlclip {shop.version} on http://{host}:{port}  (API: /docs, stop: Ctrl-C)")
    err.print(_who_may_ask(keys, host), soft_wrap=True)
    set_up(settings.log)
    # uvicorn answers what it accepted, then raises the signal again: that end is a good one
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    run_server(create_app(shop, host), host, port, settings)


def run_server(app: FastAPI, host: str, port: int, settings: Settings) -> None:
    """Serve until a signal to stop, then finish the requests that have begun."""
    sys.setswitchinterval(SWITCH_S)
    api = settings.api
    total = connections_allowed(api.max_connections)
    limits = ConnectionLimits(total, api.max_connections_per_address, KEEP_ALIVE_S, Proxies(api.proxies))
    connections = Connections(limits)
    # uvicorn calls it with what each connection needs, whether it is a class or a function
    protocol = cast("type[asyncio.Protocol]", partial(GuardedProtocol, connections))
    uvicorn.run(
        app,
        http=protocol,
        ws="none",
        backlog=BACKLOG,
        host=host,
        port=port,
        log_level="warning",
        log_config=None,
        timeout_keep_alive=KEEP_ALIVE_S,
        proxy_headers=False,  # ours are `api.proxies`; uvicorn believes whoever asks from this machine
        access_log=False,  # ours is `log.access`; uvicorn's lines would be made and then dropped
        # no request takes longer than that
        timeout_graceful_shutdown=math.ceil(max(settings.api.timeout_s, settings.api.write_timeout_s)),
    )


def connections_allowed(target: int) -> int:
    """`target` connections, or as many as the limit on open files leaves beside all else.

    The limit is raised as far as the system lets this process raise it.
    """
    try:
        import resource  # noqa: PLC0415 - there is none on Windows, which has no such limit
    except ImportError:
        return target
    needed = target + OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if resource.RLIM_INFINITY not in (soft, hard) and soft < needed:
        soft = min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    allowed = target if soft == resource.RLIM_INFINITY or soft >= needed else max(1, soft - OTHER_FILES)
    if allowed < target:
        err.print(
            f"at most {allowed} connections instead of {target} (api.max_connections): this system allows "
            f"{soft:,} open files (ulimit -n)",
            soft_wrap=True,
        )
    return allowed


async def check_free(host: str, port: int) -> None:
    """Raise `CannotListen` before the models are loaded if the server cannot listen there."""
    try:
        server = await asyncio.get_running_loop().create_server(
            asyncio.Protocol, host, port, start_serving=False
        )
    except OSError as error:
        number = error.errno or 0  # below 0 if the host name is unknown
        why = os.strerror(number) if number > 0 else error.strerror or str(error)
        raise CannotListen(
            f"cannot listen on port {port} of {host} ({why}); take another --port or --host"
        ) from None
    server.close()


def _who_may_ask(keys: int, host: str) -> str:
    if keys:
        return f"{keys} API key{'s' if keys > 1 else ''}: requests need one"
    if is_loopback(host):
        return "no API keys: open to this machine (vlclip keys add)"
    return (
        f"[bold yellow]warning:[/] --open: there are no API keys, and other machines may reach {host}: each "
        "of them may read and change the catalogue; make a key: vlclip keys add --scope read --scope write"
    )
