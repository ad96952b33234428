"""`vlclip demo`: draw a catalogue, ingest it, ask it a few things, write a page of the answers."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Annotated

import typer
from PIL import Image

from engine.embedder import embedder_info, load_embedder
from engine.settings import Settings
from engine.store.opening import open_store, promote
from ingestion.drawn import DrawnProduct, draw_catalogue, write_products
from ingestion.ledger import Ledger
from ingestion.pipeline import ingest
from ranking.recommender import Page, Recommender, Result
from service.demo import DemoQuery, DemoResult, DemoSection, demo_queries, render_demo
from service.terminal import Json, out, print_json, print_results, says_what_went_wrong
from service.wiring import ledger_path

SEED = 7
SHOWN = 12
PRINTED = 3


@says_what_went_wrong
def demo(
    *,
    folder: Annotated[Path, typer.Option(help="Where the catalogue, the store and the page go.")] = Path(
        "demo-out"
    ),
    count: Annotated[int, typer.Option(help="How many products to draw.", min=50)] = 1000,
    json: Json = False,
) -> None:
    """A catalogue of drawn products, ingested and answering; no network, ends by itself."""
    began = time.monotonic()
    settings = Settings.load(store=str(folder / "store"))
    products = list(draw_catalogue(count, seed=SEED))
    catalogue = write_products(folder / "catalogue", products)
    info = embedder_info(settings)
    embedder = load_embedder(settings)
    with (
        closing(open_store(settings.store, settings, info, beside=True)) as store,
        closing(Ledger(ledger_path(settings))) as ledger,
    ):
        report = ingest(catalogue, store, info, lambda: embedder, ledger, settings, prune=True)
        if not json:
            out.print(
                f"{report.read:,} drawn products: {report.embedded:,} embedded, {report.unchanged:,} "
                f"unchanged, {report.failed:,} failed, {report.items_per_second:,.0f} items/s\n"
            )
        recommender = Recommender(store, lambda: embedder, settings.search)
        photos = {product.item.id: product for product in products}
        sections = [
            _ask(query, recommender, photos, quiet=json) for query in demo_queries(products, seed=SEED)
        ]
    promote(settings.store, settings, info.fingerprint)
    page = folder / "demo.html"
    facts = {
        "products": f"{count:,}",
        "model": settings.clip,
        "fingerprint": info.fingerprint,
        "embedded": f"{report.embedded:,} at {report.items_per_second:,.0f} items/s",
    }
    created = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    page.write_text(
        render_demo(sections, title="vlclip demo", facts=facts, created=created), encoding="utf-8"
    )
    if json:
        print_json({
            "read": report.read, "embedded": report.embedded, "failed": report.failed, "page": str(page),
            "store": settings.store, "seconds": round(time.monotonic() - began, 2),
        })  # fmt: skip
        return
    out.print(f"the page with pictures: {page}")
    out.print("next: make serve, then open http://127.0.0.1:8000/docs")


def _ask(
    query: DemoQuery, recommender: Recommender, products: Mapping[str, DrawnProduct], *, quiet: bool
) -> DemoSection:
    page = Page(limit=SHOWN, filter=query.filter)
    weights = query.weights or None
    shown = query.photo
    if query.anchor:
        results = recommender.similar(query.anchor, weights=weights, page=page)
        image = products[query.anchor].item.image
        shown = image if isinstance(image, bytes) else None
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
        shown,
        [_result(one, products) for one in results],
    )


def _chip(query: DemoQuery) -> str:
    if query.filter:
        return ", ".join(
            f"{one.field} {one.operator} {'|'.join(map(str, one.values))}" for one in query.filter.conditions
        )
    return ", ".join(f"{name} {weight:g}" for name, weight in query.weights.items())


def _result(result: Result, products: Mapping[str, DrawnProduct]) -> DemoResult:
    item = products[result.id].item
    photo = item.image if isinstance(item.image, bytes) else b""
    price = "" if item.price is None else f"{item.price:.2f} {item.currency}"
    return DemoResult(result.id, item.title, price.strip(), photo, result.score, result.parts)
