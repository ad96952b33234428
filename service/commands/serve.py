"""`vlclip serve`."""

from __future__ import annotations

from typing import Annotated

import typer
import uvicorn

from engine.settings import Settings
from service.api import create_app
from service.terminal import Device, StoreOption, err, says_what_went_wrong
from service.wiring import Shop


@says_what_went_wrong
def serve(
    *,
    store: StoreOption = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.", min=0, max=65535)] = 8000,
    device: Device = None,
) -> None:
    """Answer over HTTP until stopped; the API is described at /docs and /openapi.json."""
    shop = Shop(Settings.load(store=store, device=device))
    err.print(f"vlclip {shop.version} on http://{host}:{port}  (API: /docs, stop: Ctrl-C)")
    uvicorn.run(create_app(shop), host=host, port=port, log_level="warning")
