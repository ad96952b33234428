"""`vlclip optimize`: build a store's search graph, and make room for fields to filter on."""

from __future__ import annotations

from contextlib import closing

from vlclip.engine.opening.stores import open_store
from vlclip.service.commands.options import Json, StoreOption
from vlclip.service.reports.terminal import out, print_json, says_what_went_wrong
from vlclip.service.settings import Settings

LISTED = 10
"""Names that are listed."""


@says_what_went_wrong
def optimize(*, store: StoreOption = None, json: Json = False) -> None:
    """Build the search graph over new items, and forget filter fields that no item has any more.

    Fields that found no place among those that filters can name (setting max_fields) take the places that
    get free.
    """
    settings = Settings.load(store=store)
    with closing(open_store(settings.store, settings)) as opened:
        tidied = opened.tidy()
        before = opened.unindexed()
        opened.optimize()
        after = opened.unindexed()
    if json:
        print_json({
            "dropped": tidied.dropped, "added": tidied.added, "outside_graph_before": before,
            "outside_graph": after,
        })  # fmt: skip
        return
    for names, what in ((tidied.dropped, "no item has"), (tidied.added, "can be filtered on from now on")):
        if names:
            more = f" and {len(names) - LISTED:,} more" if len(names) > LISTED else ""
            line = f"fields that {what}: {len(names):,}: {', '.join(names[:LISTED])}{more}"
            out.print(line, markup=False, highlight=False, soft_wrap=True)
    out.print(f"items outside the search graph: {after:,} (before: {before:,})")
