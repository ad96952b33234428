"""`vlclip repair`: what is damaged in a store is made again, and nothing else."""

from __future__ import annotations

from contextlib import closing
from typing import Annotated

import typer

from vlclip.engine.errors import StoreDamaged, StoreError, StoreLocked
from vlclip.engine.opening.encoders import Encoders
from vlclip.engine.opening.stores import is_url, open_store, shelf
from vlclip.ingestion.ledger.ledger import Ledger, ledger_path
from vlclip.ingestion.pipeline.destination import Destination
from vlclip.ingestion.pipeline.ingest import IngestPlan, ingest
from vlclip.ingestion.pipeline.rebuild import rebuild
from vlclip.ingestion.reading.catalogue import open_catalogue
from vlclip.service.commands.options import ColumnMap, Device, Encoding, Format, Json, StoreOption
from vlclip.service.diagnosis.examination import Damage, examine
from vlclip.service.reports.ingestion import progress_bar, show_on
from vlclip.service.reports.terminal import err, out, print_json, says_what_went_wrong
from vlclip.service.settings import Settings

NOTED = "repair"
"""The source of dead letters that a repair noted."""


@says_what_went_wrong
def repair(
    source: Annotated[str, typer.Argument(help="The catalogue that holds the damaged items.")],
    *,
    store: StoreOption = None,
    map: ColumnMap = None,
    format: Format = "auto",
    encoding: Encoding = "",
    device: Device = None,
    json: Json = False,
) -> None:
    """Make damaged and missing items again from a catalogue; whole ones keep their vectors.

    The collection is built anew of its whole items, files and indexes included. Then the damaged items alone
    are embedded. The former collection stays in the store's folder as .before-repair until the next repair.
    """
    settings = Settings.load(store=store, device=device)
    open_catalogue(source, format, encoding)  # before anything is done: it says what is wrong with it
    damage = _examined(settings)
    with closing(Ledger(ledger_path(settings))) as ledger:
        # before a new collection is there without them, so that a repair that is killed can go on
        ledger.dead_letters.note({*damage.damaged, *damage.missing}, NOTED, "damaged in the store")
        ids = sorted({*damage.damaged, *damage.missing, *ledger.dead_letters.noted(NOTED)})
    embedded, left = 0, []
    if damage.is_damaged:
        with progress_bar() as bar:
            task = bar.add_task("", total=damage.items)
            whole = rebuild(settings, progress=lambda count: bar.update(task, completed=count))
        err.print(f"{whole:,} whole items copied into a new collection")
    if ids:
        plan = IngestPlan(source, map or [], format, retry_failed=True, encoding=encoding)
        with (
            closing(open_store(settings.store, settings)) as opened,
            closing(Ledger(ledger_path(settings))) as ledger,
            progress_bar() as bar,
        ):
            destination = Destination(opened, ledger, opened.info, Encoders(settings, opened.info).load)
            ingest(plan, destination, settings, progress=show_on(bar))
            present = {item_id for item_id in ids if opened.retrieve([item_id], fields=("id",))}
        embedded, left = len(present), [item_id for item_id in ids if item_id not in present]
    if json:
        print_json({
            "items": damage.items, "files": damage.files, "damaged": damage.damaged, "missing":
            damage.missing, "embedded": embedded, "left": left,
        })  # fmt: skip
    elif not damage.is_damaged and not ids:
        out.print(f"nothing is damaged: {damage.items:,} items are what was written")
    else:
        out.print(f"{len(ids):,} items were damaged or missing, {embedded:,} of them are embedded again")
    if left:
        err.print(f"not in {source}, or refused (vlclip doctor says why): {', '.join(left)}", markup=False)
        raise typer.Exit(1)


def _examined(settings: Settings) -> Damage:
    if is_url(settings.store):
        raise StoreError(f"{settings.store} is a server, whose replicas Qdrant repairs; see docs/deploy.md")
    with closing(shelf(settings.store, settings)) as place:
        name = place.current()
        info = None if name is None else place.info(name)
    if name is None:
        raise StoreError(f"there is no store at {settings.store}; name its folder with --store")
    if info is not None:
        Encoders(settings, info).check()
    (damage,) = examine(settings, collections=[name])
    if damage.locked:
        raise StoreLocked(f"the store {settings.store} is open in another process; stop that one first")
    if damage.unreadable:
        raise StoreDamaged(
            f"{damage.unreadable}; restore a backup (vlclip restore FILE --replace), or ingest into a new "
            "store"
        )
    return damage
