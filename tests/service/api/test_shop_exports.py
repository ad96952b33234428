"""Exports of shop systems with variants, from the file to one result for each product."""

from __future__ import annotations

import csv
import json
from contextlib import closing
from io import StringIO

import pytest
from fastapi.testclient import TestClient

from vlclip.ingestion.pipeline.ingest import ingest_catalogue
from vlclip.service.api.app import create_app
from vlclip.service.settings import Settings
from vlclip.service.shop.shop import Shop

SIZES = ("S", "M", "L")
PRODUCTS = 6


def stock(size):
    return 0 if size == "L" else 4


def price(size):
    return f"{19.5 + SIZES.index(size):.2f}"


def shopify():
    columns = [
        "Handle", "Title", "Body (HTML)", "Vendor", "Type", "Option1 Name", "Option1 Value", "Variant SKU",
        "Variant Inventory Qty", "Variant Price", "Status",
    ]  # fmt: skip
    for n in range(PRODUCTS):
        for size in SIZES:
            first = size == SIZES[0]
            texts = [f"Shirt {n}", "<p>Soft.</p>", "Acme", "shirt", "Size"] if first else [""] * 5
            yield dict(
                zip(columns, [f"shirt-{n}", *texts, size, f"S{n}-{size}", stock(size), price(size),
                              "active" if first else ""], strict=True)
            )  # fmt: skip


def magento():
    for n in range(PRODUCTS):
        common = {
            "store_view_code": "",
            "attribute_set_code": "Default",
            "categories": "Default Category/Shirts",
        }
        for size in SIZES:
            yield {
                "sku": f"S{n}-{size}", **common, "product_type": "simple", "name": f"Shirt {n} {size}",
                "price": price(size), "base_image": "", "qty": stock(size),
                "is_in_stock": int(stock(size) > 0), "additional_attributes": f"size={size}",
                "configurable_variations": "",
                "visibility": "Not Visible Individually",
            }  # fmt: skip
        yield {
            "sku": f"S{n}", **common, "product_type": "configurable", "name": f"Shirt {n}", "price": "",
            "base_image": "", "qty": 0, "is_in_stock": 1, "additional_attributes": "",
            "configurable_variations": "|".join(f"sku=S{n}-{size},size={size}" for size in SIZES),
            "visibility": "Catalog, Search",
        }  # fmt: skip


def google():
    for n in range(PRODUCTS):
        for size in SIZES:
            yield {
                "id": f"S{n}-{size}", "title": f"Acme {n}, {size}",
                "item_group_title": f"Shirt {n}", "description": "Soft.", "image_link": "",
                "link": f"https://shop.example/{n}?s={size}", "price": f"{price(size)} EUR", "brand": "Acme",
                "availability": "in_stock" if stock(size) else "out_of_stock", "gtin": f"40000000{n}{size}",
                "item_group_id": f"G{n}", "size": size,
            }  # fmt: skip


def plain():
    for n in range(PRODUCTS):
        for size in SIZES:
            yield {"sku": f"S{n}-{size}", "parent_sku": f"S{n}", "name": f"Shirt {n} ({size})",
                   "price": price(size), "size": size,
                   "stock_status": "in stock" if stock(size) else "sold out"}  # fmt: skip


def woocommerce():
    columns = ["ID", "Type", "SKU", "Name", "Regular price", "In stock?", "Images", "Parent",
               "Attribute 1 name", "Attribute 1 value(s)"]  # fmt: skip
    for n in range(PRODUCTS):
        yield dict(
            zip(columns, [100 * n + 1, "variable", f"S{n}", f"Shirt {n}", "", 1, "", "", "Size", "S, M, L"],
                strict=True)
        )  # fmt: skip
        for size in SIZES:
            yield dict(
                zip(columns, [100 * n + 2 + SIZES.index(size), "variation", f"S{n}-{size}",
                              f"Acme {n} - {size}", price(size), int(stock(size) > 0), "", f"S{n}",
                              "Size", size], strict=True)
            )  # fmt: skip


def akeneo():
    columns = ["code", "sku", "family", "parent", "name-en_US", "price-EUR", "enabled", "size"]
    for n in range(PRODUCTS):
        yield dict(zip(columns, [f"S{n}", "", "shirts", "", f"Shirt {n}", "", 1, ""], strict=True))
        for size in SIZES:
            yield dict(
                zip(columns, ["", f"S{n}-{size}", "shirts", f"S{n}", f"Acme {size}, no. {n}", price(size),
                              int(stock(size) > 0), size], strict=True)
            )  # fmt: skip


def jsonld():
    for n in range(PRODUCTS):
        yield {
            "@context": "https://schema.org", "@type": "ProductGroup", "productGroupID": f"S{n}",
            "name": f"Shirt {n}", "description": "Soft.",
            "hasVariant": [
                {
                    "@type": "Product", "sku": f"S{n}-{size}", "name": f"{size}: Acme {n}", "size": size,
                    "offers": {
                        "@type": "Offer", "price": price(size), "priceCurrency": "EUR",
                        "availability": "https://schema.org/" + ("InStock" if stock(size) else "OutOfStock"),
                    },
                }
                for size in SIZES
            ],
        }  # fmt: skip


EXPORTS = {
    "shopify": (shopify, ","),
    "magento": (magento, ","),
    "google": (google, "\t"),
    "plain": (plain, ","),
    "woocommerce": (woocommerce, ","),
    "akeneo": (akeneo, ","),
    "jsonld": (jsonld, ""),
}


def written(rows, delimiter):
    rows, text = list(rows), StringIO()
    if not delimiter:
        return json.dumps(rows)
    table = csv.DictWriter(text, list(rows[0]), delimiter=delimiter)
    table.writeheader()
    table.writerows(rows)
    return text.getvalue()


@pytest.mark.parametrize("name", EXPORTS)
def test_an_export_goes_in_as_it_is_and_each_product_is_one_result(name, tmp_path, tiny_clip):
    rows, delimiter = EXPORTS[name]
    path = tmp_path / f"export.{ {',': 'csv', '': 'json'}.get(delimiter, 'tsv') }"
    path.write_text(written(rows(), delimiter))
    settings = Settings.load(store=str(tmp_path / "store"), clip=str(tiny_clip), device="cpu")
    report = ingest_catalogue(path, settings)
    assert (report.failed, report.embedded) == (0, report.read)
    assert any(line.startswith("group ") for line in report.mapping)
    with closing(Shop(settings)) as shop, TestClient(create_app(shop)) as client:

        def lists(path, **params):
            return client.get(f"/v1/{path}", params={"limit": 50, **params}).json()["results"]

        results = lists("users/nobody/recommendations")
        assert len(results) == PRODUCTS
        for result in results:
            variants = result["variants"]
            assert (variants["count"], variants["available"], len(variants["ids"])) == (3, 2, 3)
            [(size, values)] = [pair for pair in variants["values"].items() if pair[0].lower() == "size"]
            assert values == list(SIZES)
            assert [(prices["low"], prices["high"]) for prices in variants["prices"]] == [(19.5, 21.5)]
        titles = sorted(result["variants"]["title"] for result in results)
        assert titles == [f"Shirt {n}" for n in range(PRODUCTS)]
        walked = []
        for offset in range(0, PRODUCTS, 2):
            walked += lists("users/nobody/recommendations", limit=2, offset=offset)
        assert [result["id"] for result in walked] == [result["id"] for result in results]
        anchor = results[0]["variants"]["ids"][1]
        fitting = [result["item"] for result in lists(f"items/{anchor}/similar", filter=f"{size}=M")]
        assert len({item["group"] for item in fitting}) == PRODUCTS - 1
        assert all(item["title"] for item in fitting)  # the variant's own stays
        assert {str(item[size]) for item in fitting} <= {"M", str(list(SIZES))}
        assert results[0]["variants"]["group"] not in {item["group"] for item in fitting}
