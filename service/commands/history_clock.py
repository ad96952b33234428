"""`vlclip history-clock`."""

from __future__ import annotations

import time
from contextlib import closing
from typing import Annotated

import typer

from vlclip.ranking.errors import HistoryError
from vlclip.ranking.history.clock import moment
from vlclip.ranking.history.events import AHEAD_S
from vlclip.ranking.history.opening import open_history
from vlclip.service.commands.options import Json, StoreOption
from vlclip.service.reports.terminal import out, print_json, says_what_went_wrong
from vlclip.service.settings import Settings


@says_what_went_wrong
def history_clock(
    *,
    store: StoreOption = None,
    confirm: Annotated[
        bool, typer.Option("--confirm", help="This machine's clock is right: remove old events by it.")
    ] = False,
    remove_future: Annotated[
        bool, typer.Option("--remove-future", help="Remove the events over a day ahead of the clock.")
    ] = False,
    json: Json = False,
) -> None:
    """Say whether retention follows the clock; confirm the clock, or remove future events."""
    settings = Settings.load(store=store)
    now, removed = time.time(), 0
    with closing(open_history(settings)) as history:
        if confirm:
            history.confirm_clock()
        warning = history.clock_warning
        if remove_future:
            if warning:
                raise HistoryError(f"nothing was removed: {warning}")
            removed = history.remove_after(now + AHEAD_S)
        ahead = history.count_after(now + AHEAD_S)
    if json:
        print_json(
            {"clock": now, "followed": not warning, "warning": warning, "ahead": ahead, "removed": removed}
        )
        return
    lines = [warning or f"the clock shows {moment(now)}, and old events are removed by it"]
    if removed:
        lines.append(f"removed {removed:,} events of the future")
    if ahead:
        lines.append(
            f"{ahead:,} events are over a day ahead of the clock and count as the newest; if the clock "
            "is right, remove them with vlclip history-clock --remove-future"
        )
    for line in lines:
        out.print(line, markup=False, highlight=False)
