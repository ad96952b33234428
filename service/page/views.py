"""The views of the page. A view is one function here and one template.

To add a view:
- write a function that gives the `Content` of a visit; it runs in a thread of its own and may block;
- write its template, templates/NAME.html.j2; its block `results` is the part that htmx replaces;
- name both in `VIEWS`.

A view needs an API key with the scope `read`, where there are keys, and `users` once there is a name;
access/auth.py names those that need another.

Laws (tests/service/page/test_page.py):
- a list on the page is the one the API gives to that shopper;
- an error that the shopper caused is part of the view, and its form stays.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from vlclip.engine.errors import VlclipError
from vlclip.ranking.errors import EvaluationError, UnknownItem
from vlclip.ranking.experiments.outcome import joined
from vlclip.ranking.experiments.report import report
from vlclip.ranking.history.event_kinds import EVENT_KINDS
from vlclip.ranking.history.events import unit_of
from vlclip.ranking.lists.answer import HISTORY, LEXICAL, Page
from vlclip.ranking.lists.request import ListKind, ListRequest
from vlclip.ranking.settings import DAY_S
from vlclip.service.access.auth import check_knows
from vlclip.service.demo.page import Embedded, data_uri
from vlclip.service.http.errors import STATUS, NotReady
from vlclip.service.page.form import PER_PAGE, Form, read_form
from vlclip.service.page.lists import Shelf, card, history, serve, sliders, strip, tastes
from vlclip.service.page.state import PageState
from vlclip.service.page.variants import variant_links
from vlclip.service.page.visit import Visit

DAYS = (1, 7, 30, 365)
"""Days that the experiment's report may cover; a week if the form does not say."""


@dataclass(frozen=True, slots=True)
class Content:
    """What the template of a view shows, with `shelf` the list in it, if any."""

    values: Mapping[str, Any]
    shelf: Shelf | None = None
    status: int = 200


@dataclass(frozen=True, slots=True)
class View:
    """A view at `path`; `label` is its name in the navigation, "" to leave it out."""

    path: str
    template: str
    content: Callable[[PageState, Visit], Content]
    label: str = ""


def search(state: PageState, visit: Visit) -> Content:
    """Items for the words and the photo; without either, items for the shopper."""
    form, unit, shop = read_form(visit.params), unit_of(visit.user), state.shop
    is_search = bool(form.text or form.photo)

    def ask(page: Page) -> ListRequest:
        if not is_search:
            return ListRequest(kind="recommendations", unit=unit, weights=form.weights, page=page)
        if not shop.is_ready:
            raise NotReady(shop.why_not_ready)
        photo = state.search_photos.decoded(form.photo) if form.photo else None
        return ListRequest(
            kind="search", text=form.text, photo=photo, unit=unit, weights=form.weights, page=page
        )

    kind: ListKind = "search" if is_search else "recommendations"
    # also where nothing is searched for yet: the sliders stay while the words change
    parts = [LEXICAL, HISTORY] if visit.user else [LEXICAL]
    content = _list_content(state, visit, form, kind, ask, parts)
    has_photo = form.photo and content.shelf is not None
    values = {**content.values, "photo": data_uri(state.search_photos.get(form.photo)) if has_photo else ""}
    if not visit.is_fragment:
        values |= {"facets": state.facets.get(), "has_price": state.facets.has_price}
    return replace(content, values=values)


def item(state: PageState, visit: Visit) -> Content:
    """An item, what was embedded of it, and items like it."""
    item_id, form, shop = visit.params.get("id", ""), read_form(visit.params), state.shop
    record = shop.store.retrieve([item_id]).get(item_id)
    if record is None:
        raise UnknownItem(f"the item {item_id!r} is not in the store, or not any more; search for another")

    def ask(page: Page) -> ListRequest:
        return ListRequest(
            kind="similar", anchor=item_id, unit=unit_of(visit.user), weights=form.weights, page=page
        )

    parts = [HISTORY] if visit.user else []
    content = _list_content(state, visit, form, "similar", ask, parts)
    fields = dict(record.payload)
    provenance = dict(fields.pop("provenance", {}))
    item_card = card(item_id, fields, state.item_photos)
    for name in ("title", "price", "price_to", "currency", "id", "image", "photos", "description"):
        fields.pop(name, None)
    event_kind = EVENT_KINDS.get(visit.params.get("event", ""))
    values = {
        "item": item_card,
        "variants": variant_links(shop.store, item_id, record.payload),
        "actions": [(kind.name, kind.action) for kind in EVENT_KINDS.values() if kind.action],
        "description": str(record.payload.get("description", "")),
        "photos": strip(item_id, record.payload, state.item_photos),
        "fields": {name: _plain(value) for name, value in fields.items()},
        "embedded": Embedded.of(provenance, item_card.title),
        "provenance": {name: _plain(value) for name, value in sorted(provenance.items())},
        "list": visit.params.get("list", ""),
        "event_label": event_kind.label if event_kind else "",
    }
    return replace(content, values={**content.values, **values})


def you(state: PageState, visit: Visit) -> Content:
    """A shopper's list, and the history that it is made from."""
    form, unit = read_form(visit.params), unit_of(visit.user)

    def ask(page: Page) -> ListRequest:
        return ListRequest(kind="recommendations", unit=unit, weights=form.weights, page=page)

    content = _list_content(state, visit, form, "recommendations", ask)
    events = history(state.shop, state.item_photos, unit)
    return replace(content, values={**content.values, "events": events})


def experiments(state: PageState, visit: Visit) -> Content:
    """What the running experiment brought, and what the log holds."""
    shoppers = state.shop.shoppers
    experiment, log = shoppers.experiment, shoppers.log
    days = visit.params.get("days", "")
    n_days = int(days) if days in map(str, DAYS) else DAYS[1]
    outcome, why_none = None, ""
    if experiment is None:
        why_none = "No experiment runs: every shopper gets the same ranking."
    elif log is None:
        why_none = "Lists are not logged (exposures.log is off), so nothing can be said of the arms."
    else:
        try:
            lists = log.scan(since=time.time() - n_days * DAY_S, experiment=experiment.id)
            outcome = report(experiment, joined(lists, shoppers.history))
        except EvaluationError as error:
            why_none = str(error)
    arms = [] if experiment is None else list(zip(experiment.arms, experiment.shares, strict=True))
    return Content(
        {
            "experiment": experiment, "arms": arms, "report": outcome, "why_none": why_none, "days": n_days,
            "choices": DAYS, "lists": log.count() if log else None, "events": shoppers.history.count(),
            "counts": shoppers.counts,
        }
    )  # fmt: skip


VIEWS = (
    View("/", "search", search, "Search"),
    View("/page/item", "item", item),
    View("/page/you", "you", you, "For you"),
    View("/page/experiments", "experiments", experiments, "Experiments"),
)


def _list_content(
    state: PageState,
    visit: Visit,
    form: Form,
    kind: ListKind,
    ask: Callable[[Page], ListRequest],
    parts: Sequence[str] = (),
) -> Content:
    """The list with sliders for its segments and for `parts`.

    An error that the shopper caused is part of the content.
    """
    shop, unit = state.shop, unit_of(visit.user)
    shelf: Shelf | None = None
    problem, status = "", 200
    try:
        check_knows(visit.caller, unit, explain=True)  # the list says from what it was made
        request = ask(form.page(shop.settings.search))
        shelf = serve(shop, state.item_photos, request, form.filter_form)
    except VlclipError as error:
        problem, status = str(error), STATUS.get(error.code, 500)
    is_full = shelf is not None and len(shelf.cards) == PER_PAGE
    values = {
        "form": form,
        "kind": kind,
        "shelf": shelf,
        "tastes": tastes(shop, shelf.answer) if shelf else [],
        "sliders": sliders(shop, unit, form, shelf, parts),
        "problem": problem,
        "first_page": visit.address(),
        "next_page": visit.address(form.offset + PER_PAGE) if is_full else "",
    }
    return Content(values, shelf, status)


def _plain(value: object) -> str:
    """A stored value as words."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(_plain, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
