"""`vlclip fit-behaviour`: learn from what people did, as a further segment of every vector."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from typing import Annotated

import typer

from vlclip.engine.encoding.embedder import embedder_info
from vlclip.engine.encoding.lookup import save_lookup
from vlclip.engine.opening.encoders import Encoders, current_lookups, lookup_folder
from vlclip.engine.opening.stores import open_store, promote
from vlclip.engine.segments import BEHAVIOUR
from vlclip.ingestion.pipeline.resegment import resegment
from vlclip.ranking.history.opening import open_history
from vlclip.ranking.learning import behaviour
from vlclip.service.commands.options import Json, StoreOption
from vlclip.service.reports.ingestion import progress_bar
from vlclip.service.reports.terminal import out, print_json, says_what_went_wrong
from vlclip.service.settings import Settings


@says_what_went_wrong
def fit_behaviour(
    *,
    store: StoreOption = None,
    size: Annotated[
        int, typer.Option(help="How many numbers a behaviour vector has.", min=2, max=512)
    ] = behaviour.SIZE,
    window: Annotated[
        int, typer.Option(help="Most steps between two items of one history that count as a pair.", min=1)
    ] = behaviour.WINDOW,
    shift: Annotated[
        float, typer.Option(help="Over 1, only stronger bonds between items count.", min=1)
    ] = behaviour.SHIFT,
    promote_it: Annotated[
        bool,
        typer.Option(
            "--promote/--beside", help="Make the new vectors current, or leave them beside the current ones."
        ),
    ] = True,
    json: Json = False,
) -> None:
    """Learn from events which items go together, as a further segment of the vectors.

    Photos and texts are not encoded again. The old vectors stay beside the new ones; `vlclip promote` goes
    back to them.
    """
    settings = Settings.load(store=store)
    with closing(open_history(settings)) as history:
        lookup = behaviour.fit_behaviour(
            (events for _, events in history.sequences()), size, window=window, shift=shift
        )
    save_lookup(lookup, lookup_folder(settings) / lookup.fingerprint)
    with closing(open_store(settings.store, settings)) as current:
        lookups = {**current_lookups(settings), BEHAVIOUR.name: lookup}
        info = embedder_info(Encoders(settings, current.info).settings, lookups)
        before = current.info.fingerprint
        with (
            closing(open_store(settings.store, settings, info, beside=True)) as beside,
            progress_bar() as bar,
        ):
            task = bar.add_task("", total=current.count())
            items = resegment(
                current, beside, lookups, progress=lambda count: bar.update(task, completed=count)
            )
            covered = len(beside.retrieve(lookup.ids, fields=("id",)))
    if promote_it:
        promote(settings.store, settings, info.fingerprint)
    notes = lookup.notes
    body = {
        "items": items, "with_behaviour": covered, "units": notes["units"], "events": notes["events"],
        "since": notes["since"], "until": notes["until"], "before": before,
        "fingerprint": info.fingerprint, "promoted": promote_it,
    }  # fmt: skip
    if json:
        print_json(body)
        return
    out.print(
        f"{notes['events']:,} events of {notes['units']:,} histories, {_day(notes['since'])} to "
        f"{_day(notes['until'])}; {covered:,} of {items:,} items have a vector of {size} numbers"
    )
    served = "now served from" if promote_it else "beside; to serve from it: vlclip promote"
    out.print(f"{served} {info.fingerprint}; back again: vlclip promote {before}")


def _day(time: float) -> str:
    return datetime.fromtimestamp(time, UTC).date().isoformat()
