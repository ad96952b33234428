"""`vlclip promote`."""

from __future__ import annotations

from typing import Annotated

import typer

from vlclip.engine.opening import stores
from vlclip.service.commands.options import Json, StoreOption
from vlclip.service.reports.terminal import out, print_json, says_what_went_wrong
from vlclip.service.settings import Settings


@says_what_went_wrong
def promote(
    fingerprint: Annotated[str, typer.Argument(help="Fingerprint of the collection.")],
    *,
    store: StoreOption = None,
    json: Json = False,
) -> None:
    """Make another collection of a store the current one, such as the one before a reindex."""
    settings = Settings.load(store=store)
    before = stores.promote(settings.store, settings, fingerprint)
    if json:
        print_json({"before": before, "fingerprint": fingerprint})
    else:
        out.print(f"now served from {fingerprint}; before it was {before}")
