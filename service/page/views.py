"""What the views of the page are made from; each method blocks and gives what its template shows.

Laws (tests/service/page/test_page.py):
- a list on the page is the one the API gives to that shopper;
- an error of the shopper's making is part of the view, its form stays.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from vlclip.engine.errors import VlclipError
from vlclip.ranking.errors import EvaluationError, UnknownItem
from vlclip.ranking.experiments.outcome import joined
from vlclip.ranking.experiments.report import report
from vlclip.ranking.history.event_kinds import EVENT_KINDS
from vlclip.ranking.history.events import unit_of
from vlclip.ranking.lists.answer import HISTORY, LEXICAL, Answer
from vlclip.ranking.lists.arm import Arm
from vlclip.ranking.lists.request import ListKind
from vlclip.ranking.settings import DAY_S
from vlclip.service.demo.page import Looked
from vlclip.service.http.errors import STATUS, BadRequest, NotReady
from vlclip.service.http.requests import EventBody, read_body
from vlclip.service.page.form import PER_PAGE, Facets, Form
from vlclip.service.page.lists import Shelf, card, history, serve, sliders, tastes
from vlclip.service.page.photos import AskedPhotos, ItemPhotos
from vlclip.service.shop.shop import Shop
from vlclip.service.shop.shoppers import ListRequest

FLUSH_S = 1.0
"""Seconds an action waits for its event to be written, so that the next list knows it."""
DAYS = (1, 7, 30, 365)
"""How far back the experiment's report may look; a week where nothing is said."""


class Views:
    """The views of one shop."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.photos = ItemPhotos(shop.settings)
        self.asked = AskedPhotos(shop.settings.fetch.max_pixels)
        self.facets = Facets(shop.store)

    def search(self, form: Form, user: str) -> dict[str, Any]:
        """Items for the words and the photo; without either those for the shopper."""
        recommender, unit = self.shop.recommender, unit_of(user)

        def run(arm: Arm) -> Answer:
            asked: dict[str, Any] = {"weights": form.weights, "page": form.page(self.shop.settings.search)}
            if not (form.text or form.photo):
                return recommender.recommend(unit, arm=arm, **asked)
            if not self.shop.is_ready:
                raise NotReady(self.shop.why_not_ready)
            photo = self.asked.decoded(form.photo) if form.photo else None
            return recommender.search(form.text, photo=photo, shopper=unit, arm=arm, **asked)

        searches = bool(form.text or form.photo)
        kind: ListKind = "search" if searches else "recommendations"
        context = {"text": form.text, "photo": bool(form.photo)} if searches else {}
        # also where nothing is searched for yet: the knobs stay while the words change
        parts = [LEXICAL, HISTORY] if user else [LEXICAL]
        return self._listed(form, unit, kind, context, run, parts)

    def similar(self, item_id: str, form: Form, user: str) -> dict[str, Any]:
        """Items like one."""

        def run(arm: Arm) -> Answer:
            return self.shop.recommender.similar(
                item_id, weights=form.weights, page=form.page(self.shop.settings.search),
                shopper=unit_of(user), arm=arm,
            )  # fmt: skip

        parts = [HISTORY] if user else []
        return self._listed(form, unit_of(user), "similar", {"anchor": item_id}, run, parts)

    def item(self, item_id: str) -> dict[str, Any]:
        """An item, and what was embedded of it."""
        record = self.shop.store.retrieve([item_id]).get(item_id)
        if record is None:
            raise UnknownItem(
                f"the item {item_id!r} is not in the store, or not any more; search for another"
            )
        fields = dict(record.payload)
        provenance = dict(fields.pop("provenance", {}))
        shown = card(item_id, fields, self.photos)
        for name in ("title", "price", "currency", "id", "image", "description"):
            fields.pop(name, None)
        return {
            "item": shown,
            "actions": [(kind.name, kind.action) for kind in EVENT_KINDS.values() if kind.action],
            "description": str(record.payload.get("description", "")),
            "fields": {name: _plain(value) for name, value in fields.items()},
            "looked": Looked.of(provenance, shown.title),
            "provenance": {name: _plain(value) for name, value in sorted(provenance.items())},
        }

    def you(self, form: Form, user: str) -> dict[str, Any]:
        """A shopper's list, and what it is made from."""
        unit = unit_of(user)

        def run(arm: Arm) -> Answer:
            return self.shop.recommender.recommend(
                unit, weights=form.weights, page=form.page(self.shop.settings.search), arm=arm
            )

        shown = self._listed(form, unit, "recommendations", {}, run, ())
        return {**shown, "events": history(self.shop, self.photos, unit)}

    def experiments(self, days: int) -> dict[str, Any]:
        """What the running experiment brought, and what the log holds."""
        shoppers = self.shop.shoppers
        experiment, log = shoppers.experiment, shoppers.log
        found, why = None, ""
        if experiment is None:
            why = "No experiment runs: every shopper gets the same ranking."
        elif log is None:
            why = "Lists are not logged (exposures.log is off), so nothing can be said of the arms."
        else:
            try:
                lists = log.scan(since=time.time() - days * DAY_S, experiment=experiment.id)
                found = report(experiment, joined(lists, shoppers.history))
            except EvaluationError as error:
                why = str(error)
        arms = [] if experiment is None else list(zip(experiment.arms, experiment.shares, strict=True))
        return {
            "experiment": experiment, "arms": arms, "report": found, "why": why, "days": days,
            "choices": DAYS, "lists": log.count() if log else None, "events": shoppers.history.count(),
            "counts": shoppers.counts,
        }  # fmt: skip

    def tell(self, user: str, kind: str, item_id: str, list_id: str, event_id: str = "") -> None:
        """Keep an event of somebody, and wait for it a moment."""
        if not user:
            raise BadRequest("nobody is looking, so this is not kept; choose a name first")
        said = {"kind": kind, "item": item_id, "user": user, "request_id": list_id, "id": event_id}
        event = read_body(EventBody, said).event(time.time())
        self.shop.shoppers.tell([event])
        self.shop.shoppers.flush(FLUSH_S)

    def _listed(
        self,
        form: Form,
        unit: str,
        kind: ListKind,
        context: dict[str, Any],
        run: Callable[[Arm], Answer],
        parts: Sequence[str],
    ) -> dict[str, Any]:
        """The list with its knobs; an error of the shopper's making is part of the view."""
        shelf: Shelf | None = None
        problem, status = "", 200
        try:
            request = ListRequest(
                kind=kind, unit=unit, page=form.page(self.shop.settings.search), weights=form.weights,
                context={**context, **form.context}, rank=run,
            )  # fmt: skip
            shelf = serve(self.shop, self.photos, request)
        except VlclipError as error:
            problem, status = str(error), STATUS.get(error.code, 500)
        return {
            "form": form,
            "kind": kind,
            "shelf": shelf,
            "tastes": tastes(self.shop, shelf.answer) if shelf else [],
            "sliders": sliders(self.shop, unit, form, shelf, parts),
            "problem": problem,
            "status": status,
            "next": form.offset + len(shelf.cards) if shelf and len(shelf.cards) == PER_PAGE else 0,
        }


def _plain(value: object) -> str:
    """A stored value as words."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(_plain, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
