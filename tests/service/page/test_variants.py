"""Products with variants, as shops export them, from the file to the page and the API."""

from __future__ import annotations

import csv
import re
from html import unescape
from itertools import product
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st

from tests.service.page.test_page import CHROMIUM, FLAGS
from tests.service.records import exposures
from vlclip.engine.store.store import Record
from vlclip.ingestion.drawn import write_catalogue
from vlclip.ingestion.pipeline.ingest import ingest_catalogue
from vlclip.ranking.experiments.outcome import joined
from vlclip.ranking.lists.variants import summary
from vlclip.service.api.app import create_app
from vlclip.service.page.variants import describe, variant_links
from vlclip.service.settings import Settings
from vlclip.service.shop.shop import Shop

COLOURS, LETTERS = ("blue", "red"), ("S", "M", "L")
PRODUCTS = 12


def write_shop(folder: Path) -> Path:
    """Shirts in colours and sizes, and every fourth product without variants; photos are drawn."""
    write_catalogue(folder, PRODUCTS, 3)
    photos = sorted((folder / "photos").iterdir())
    path = folder / "shop.csv"
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(
            ["sku", "parent_sku", "name", "price", "currency", "color", "size", "is_in_stock", "base_image"]
        )
        for n in range(PRODUCTS):
            photo = f"photos/{photos[n].name}"
            if n % 4 == 3:
                rows.writerow([f"P{n}", "", f"Single {n}", 5 + n, "EUR", "green", "", n % 2, photo])
                continue
            for colour, (place, size) in product(COLOURS, enumerate(LETTERS)):
                sku, price, stock = f"P{n}-{colour}-{size}", 19.99 + 5 * place, int(size != "L" and n != 1)
                title = f"Shirt {n}, {colour} – {size}"  # noqa: RUF001
                rows.writerow([sku, f"P{n}", title, price, "EUR", colour, size, stock, photo])
    return path


@pytest.fixture(scope="module")
def shop(tmp_path_factory, tiny_clip):
    folder = tmp_path_factory.mktemp("variants")
    settings = Settings.load(
        store=str(folder / "store"), clip=str(tiny_clip), device="cpu", page={"photos": str(folder)}
    )
    report = ingest_catalogue(write_shop(folder), settings)
    assert report.embedded == report.read
    assert any(line.startswith("group") and "parent_sku" in line for line in report.mapping)
    running = Shop(settings)
    yield running
    running.close()


@pytest.fixture(scope="module")
def web(shop):
    with TestClient(create_app(shop)) as client:
        while not shop.is_ready:
            client.get("/readyz")
        yield client


def test_lists_over_http_have_one_result_for_each_product(web, shop):
    everything = web.get("/v1/items/P0-red-M/similar", params={"limit": 100}).json()["results"]
    products = [result["id"].split("-")[0] for result in everything]
    assert sorted(products) == sorted(f"P{n}" for n in range(1, PRODUCTS))
    for result in everything:
        variants = result.get("variants")
        if "-" not in result["id"]:
            assert variants is None
            continue
        assert (variants["count"], len(variants["ids"])) == (6, 6)
        assert variants["values"] == {"color": ["blue", "red"], "size": ["S", "M", "L"]}
        assert variants["prices"] == [{"low": 19.99, "high": 29.99, "currency": "EUR"}]
        assert variants["available"] == (0 if variants["group"] == "P1" else 4)
        assert result["id"] in variants["ids"]
    one_each = web.get("/v1/items/P0-red-M/similar", params={"limit": 100, "group_by": "none"}).json()[
        "results"
    ]
    assert len(one_each) == shop.store.count() - 1
    assert not any("variants" in result for result in one_each)
    assert web.get("/v1/items/P0-red-M/similar", params={"group_by": "brand"}).status_code == 400


def test_search_and_recommendations_take_it_too(web, shop):
    body = {"text": "shirt", "limit": 100, "filter": {"size": "M"}}
    found_ids = [result["id"] for result in web.post("/v1/search", json=body).json()["results"]]
    assert len(found_ids) == 9
    assert all(item_id.endswith("-M") for item_id in found_ids)
    every = web.post("/v1/search", json={**body, "group_by": "none"}).json()["results"]
    assert len(every) == 18
    form = {"text": "shirt", "limit": "100", "group_by": "none", "filter": "size=M"}
    assert len(web.post("/v1/search", data=form, files={"photo": _photo(shop)}).json()["results"]) == 18
    for more, count in (({}, PRODUCTS), ({"group_by": "none"}, shop.store.count())):
        results = web.get("/v1/users/nobody/recommendations", params={"limit": 100, **more}).json()["results"]
        assert len(results) == count


def test_what_is_shown_is_logged_by_the_cards_id(web, shop):
    answer = web.get("/v1/items/P0-red-M/similar", params={"limit": 5, "group_by": "group"}).json()
    logged = next(e for e in exposures(shop) if e.request_id == answer["request_id"])
    assert [item.item for item in logged.items] == [result["id"] for result in answer["results"]]
    assert logged.context["has_groups"]
    assert logged.context["asked"]["group_by"] == "group"


def test_a_click_on_another_variant_is_one_on_the_card_that_was_shown(web, shop):
    answer = web.get("/v1/items/P0-red-M/similar", params={"limit": 5}).json()
    card = next(result for result in answer["results"] if "variants" in result)
    other = next(name for name in card["variants"]["ids"] if name != card["id"])
    assert "members" not in card["variants"]
    for item, kind in ((other, "click"), ("P0-red-M", "click"), (other, "cart")):
        event = {"kind": kind, "item": item, "user": "eve", "request_id": answer["request_id"]}
        assert web.post("/v1/events", json={"events": [event]}).status_code == 202
    logged = next(e for e in exposures(shop) if e.request_id == answer["request_id"])
    [[(_, outcomes)]] = joined([[logged]], shop.shoppers.history)
    by_item = {item.item: outcome for item, outcome in zip(logged.items, outcomes, strict=True)}
    assert {item for item, outcome in by_item.items() if outcome.clicks} == {card["id"]}
    assert by_item[card["id"]].carts == 1
    [shown_card] = [item for item in logged.items if item.item == card["id"]]
    assert {*shown_card.variants, card["id"]} == set(card["variants"]["ids"])


def test_the_page_shows_a_card_for_each_product(web):
    page = unescape(web.get("/").text)
    assert page.count('<ol class="results"') == 1
    assert page.count("/page/click?") == PRODUCTS
    assert "19.99 – 29.99 EUR" in page  # noqa: RUF001 - the dash of ranges
    assert "color: blue, red" in page
    assert "size: S, M, L" in page
    assert "6 variants, 4 available" in page
    assert "6 variants, all sold out" in page
    names = re.findall(r'<span class="name">([^<]*)</span>', page)
    assert sorted(names) == sorted(f"{'Single' if n % 4 == 3 else 'Shirt'} {n}" for n in range(PRODUCTS))
    assert page.count('class="stock"') == 9


def test_the_page_of_an_item_links_to_its_variants(web, shop):
    page = unescape(web.get("/page/item", params={"id": "P0-red-M"}).text)
    assert "6 variants" in page
    assert "Shirt 0, red – M</h1>" in page  # noqa: RUF001
    for colour in COLOURS:
        for size in LETTERS:
            assert f'href="/page/item?id=P0-{colour}-{size}"' in page
    assert page.count('aria-current="true"') == 1
    assert "Variants" not in web.get("/page/item", params={"id": "P3"}).text
    links = variant_links(shop.store, "P0-red-M", shop.store.retrieve(["P0-red-M"])["P0-red-M"].payload).links
    assert [link.name for link in links] == [f"{colour}, {size}" for colour in COLOURS for size in LETTERS]
    assert [link.id for link in links if link.is_here] == ["P0-red-M"]
    assert {link.name[-1] for link in links if not link.is_available} == {"L"}


@pytest.mark.parametrize("width", [1440, 390])
def test_cards_and_variants_fit_the_window(shop, web, width):
    if not CHROMIUM.exists():
        pytest.skip(f"there is no Chromium at {CHROMIUM}: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        tab = browser.new_page(viewport={"width": width, "height": 900})
        for address in ("/", "/page/item?id=P0-red-M"):
            tab.set_content(web.get(address).text.replace("<head>", f"<head><style>{_style(web)}</style>"))
            assert tab.evaluate("document.documentElement.scrollWidth") <= width
            for name in (".results > li", ".variant-links li", ".results .variants li"):
                for box in (element.bounding_box() for element in tab.query_selector_all(name)):
                    assert box is None or (box["x"] >= 0 and box["x"] + box["width"] <= width)
        assert tab.inner_text(".variant-links [aria-current]").startswith("red, M")
        browser.close()


variants_of_one = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "colour": st.sampled_from(["red", "blue", "green"]),
            "size": st.sampled_from(["S", "M", "L", "XL", 40.0]),
            "washable": st.booleans(),
            "price": st.floats(1, 99),
            "available": st.booleans(),
        },
    ),
    min_size=2,
    max_size=9,
)


@given(variants_of_one)
def test_what_a_card_says_is_true_of_its_variants(payloads):
    records = [
        Record(f"v{n}", {"id": f"v{n}", "group": "G", **payload}) for n, payload in enumerate(payloads)
    ]
    words = describe(records[0].payload, summary("G", records, len(records)))
    prices = [payload["price"] for payload in payloads if "price" in payload]
    for end in (min(prices), max(prices)) if prices else ():
        assert f"{end:.2f}" in words.price
    assert bool(words.price) == bool(prices)
    assert words.stock.startswith(f"{len(payloads)} variants")
    in_stock = sum(payload.get("available", True) for payload in payloads)
    assert ("all sold out" in words.stock, "all available" in words.stock) == (
        in_stock == 0,
        in_stock == len(payloads),
    )
    for choice in words.choices:
        assert len({str(payload.get(choice.name)) for payload in payloads}) > 1


def test_an_item_without_variants_says_whether_it_is_sold_out():
    assert describe({"price": 5.0, "available": False}, None).stock == "sold out"
    assert describe({"price": 5.0}, None).stock == ""


def _photo(shop) -> bytes:
    folder = Path(shop.settings.page.photos) / "photos"
    return min(folder.iterdir()).read_bytes()


def _style(web) -> str:
    return web.get("/page/style.css").text
