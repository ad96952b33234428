"""`vlclip demo`: draw a catalogue, ingest it, make a few lists, write a page of them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Annotated, Any

import typer
from PIL import Image

from vlclip.engine.disk import write_whole
from vlclip.engine.encoding.embedder import embedder_info, load_embedder
from vlclip.engine.grounding.folders import shipped_grounders
from vlclip.engine.opening.stores import open_store, promote
from vlclip.engine.settings import Grounding, Refinement
from vlclip.ingestion.drawn import DrawnProduct, draw_catalogue, write_products
from vlclip.ingestion.ledger.ledger import Ledger, ledger_path
from vlclip.ingestion.pipeline.destination import Destination
from vlclip.ingestion.pipeline.ingest import IngestPlan, ingest
from vlclip.ranking.lists.answer import Page, Result
from vlclip.ranking.lists.recommender import Recommender
from vlclip.service.commands.options import Json
from vlclip.service.demo.page import (
    DemoItem,
    DemoQuery,
    DemoResult,
    DemoSection,
    Embedded,
    demo_queries,
    render_demo,
    telling,
)
from vlclip.service.demo.which_arm import WhichArm, which_arm
from vlclip.service.reports.replay.page import write_replay_page
from vlclip.service.reports.replay.table import print_replay
from vlclip.service.reports.results import print_results
from vlclip.service.reports.terminal import out, print_json, says_what_went_wrong
from vlclip.service.settings import Settings

GROUNDER = "vlclip-grounder"
SEED = 7
SHOWN_PRODUCTS = 12
PRINTED = 3


@says_what_went_wrong
def demo(
    *,
    folder: Annotated[Path, typer.Option(help="Folder for the catalogue, the store and the page.")] = Path(
        "demo-out"
    ),
    count: Annotated[int, typer.Option(help="How many products to draw.", min=50)] = 1000,
    json: Json = False,
) -> None:
    """Draw a small catalogue, ingest it and make a few lists; needs no network and ends by itself."""
    began = time.monotonic()
    settings = _prepared(Settings.load(store=str(folder / "store")))
    products = list(draw_catalogue(count, seed=SEED))
    catalogue = write_products(folder / "catalogue", products)
    info = embedder_info(settings)
    embedder = load_embedder(settings)
    with (
        closing(open_store(settings.store, settings, info, beside=True)) as store,
        closing(Ledger(ledger_path(settings))) as ledger,
    ):
        report = ingest(
            IngestPlan(catalogue, prune=True, near=settings.search.collapse_distance),
            Destination(store, ledger, info, lambda: embedder),
            settings,
        )
        if not json:
            out.print(
                f"{report.read:,} drawn products: {report.embedded:,} embedded, {report.unchanged:,} "
                f"unchanged, {report.failed:,} failed, {report.items_per_second:,.0f} items/s\n"
            )
        recommender = Recommender(store, lambda: embedder, settings.search)
        drawn = {product.item.id: product for product in products}
        preparations = {
            record.id: Embedded.of(record.payload["provenance"], drawn[record.id].item.title)
            for page in store.scan(fields=("provenance",))
            for record in page
        }
        sections = [
            _ask(query, recommender, drawn, preparations, quiet=json)
            for query in demo_queries(products, seed=SEED)
        ]
        comparison = which_arm(store, lambda: embedder, settings.search)
    promote(settings.store, settings, info.fingerprint)
    replayed = folder / "replay.html"
    write_replay_page(comparison.report, replayed)
    if not json:
        _print_comparison(comparison)
    page = folder / "demo.html"
    facts = {
        "products": f"{count:,}",
        "model": settings.clip,
        "fingerprint": info.fingerprint,
        "grounder": settings.grounding.model,
        "refiner": settings.refinement.mode,
        "embedded": f"{report.embedded:,} at {report.items_per_second:,.0f} items/s",
    }
    created = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    write_whole(
        page,
        render_demo(
            sections,
            title="vlclip demo",
            facts=facts,
            created=created,
            items=[
                DemoItem(sample.item.title, _photo(sample), preparations[sample.item.id])
                for sample in telling(products)
                if sample.item.id in preparations
            ],
        ),
    )
    if json:
        print_json({
            "read": report.read, "embedded": report.embedded, "failed": report.failed, "page": str(page),
            "replay": str(replayed), "winner": comparison.report.winner,
            "store": settings.store, "seconds": round(time.monotonic() - began, 2),
        })  # fmt: skip
        return
    out.print(f"the page with pictures: {page}")
    out.print(f"the full report on which arm wins: {replayed}")
    out.print("next: make serve, then open http://127.0.0.1:8000")


def _print_comparison(comparison: WhichArm) -> None:
    """Print what the log says, and what is true."""
    out.print("[bold]A log of simulated shoppers: which arm wins?[/]")
    print_replay(comparison.report)
    worth = ", ".join(f"{arm} {value.value:.3f}" for arm, value in comparison.truth.items())
    out.print(
        f"what the arms are really worth, known because the shoppers are simulated: {worth} clicks per list\n"
    )


def _prepared(settings: Settings) -> Settings:
    """The settings with the shipped grounder and the field refiner, unless they name others."""
    changes: dict[str, Any] = {}
    if "grounding" not in settings.model_fields_set and GROUNDER in shipped_grounders():
        changes["grounding"] = Grounding(model=GROUNDER)
    if "refinement" not in settings.model_fields_set:
        changes["refinement"] = Refinement(mode="fields")
    return settings.model_copy(update=changes)


def _ask(
    query: DemoQuery,
    recommender: Recommender,
    products: Mapping[str, DrawnProduct],
    preparations: Mapping[str, Embedded],
    *,
    quiet: bool,
) -> DemoSection:
    page = Page(limit=SHOWN_PRODUCTS, filter=query.filter)
    weights = query.weights or None
    example = query.photo
    if query.anchor:
        results = recommender.similar(query.anchor, weights=weights, page=page)
        example = _photo(products[query.anchor])
    else:
        photo = None if query.photo is None else Image.open(BytesIO(query.photo)).convert("RGB")
        results = recommender.search(query.text, photo=photo, weights=weights, page=page)
    if not quiet:
        out.print(f"[bold]{query.heading}[/]")
        print_results(results[:PRINTED], json=False, extra={})
        out.print()
    return DemoSection(
        query.heading,
        query.explanation,
        _chip(query),
        example,
        [_result(result, products[result.id], preparations[result.id]) for result in results],
    )


def _chip(query: DemoQuery) -> str:
    if query.filter:
        return ", ".join(
            f"{condition.field} {condition.operator} {'|'.join(map(str, condition.values))}"
            for condition in query.filter.conditions
        )
    return ", ".join(f"{name} {weight:g}" for name, weight in query.weights.items())


def _result(result: Result, product: DrawnProduct, preparation: Embedded) -> DemoResult:
    item = product.item
    price = "" if item.price is None else f"{item.price:.2f} {item.currency}"
    photo = _photo(product)
    return DemoResult(result.id, item.title, price.strip(), photo, result.score, result.parts, preparation)


def _photo(product: DrawnProduct) -> bytes:
    return product.item.image if isinstance(product.item.image, bytes) else b""
