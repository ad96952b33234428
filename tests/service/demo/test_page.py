"""The demo's page shows what it was given, safely and in one file; its questions have answers."""

import base64
import io
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from PIL import Image

from vlclip.ingestion.drawn import draw_catalogue
from vlclip.service.demo.page import (
    DemoItem,
    DemoResult,
    DemoSection,
    Embedded,
    data_uri,
    demo_queries,
    render_demo,
    telling,
)

HOSTILE = '<script>alert(\'x\')</script> " onerror="alert(1)" {{ 7*7 }} </title><img src=//evil.example>'


def photo(form="JPEG"):
    out = io.BytesIO()
    Image.new("RGB", (4, 5), "red").save(out, form)
    return out.getvalue()


RESULT = DemoResult(
    "a-1", "Red dress", "49.99 EUR", photo(), 0.75, {"image": 0.5, "text": 0.3, "lexical": -0.05}
)
SECTION = DemoSection("“red dress”", "A text search.", "red dress", photo("PNG"), [RESULT])


def page(*sections, **changes):
    arguments = {"title": "Demo", "facts": {"Products": "400"}, "created": "Made today"} | changes
    return render_demo(sections, **arguments)


class Tags(HTMLParser):
    def __init__(self, html):
        super().__init__()
        self.elements, self.text = [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text.append(data)

    def named(self, name):
        return [attributes for tag, attributes in self.elements if tag == name]


def test_a_hostile_text_is_shown_as_text_wherever_it_stands():
    result = replace(RESULT, id=HOSTILE, title=HOSTILE, price=HOSTILE, parts={HOSTILE: 0.5})
    section = DemoSection(HOSTILE, HOSTILE, HOSTILE, None, [result])
    tags = Tags(page(section, title=HOSTILE, facts={HOSTILE: HOSTILE}, created=HOSTILE))
    assert not tags.named("script")
    assert [image["src"][:5] for image in tags.named("img")] == ["data:"]
    assert not any(name.startswith("on") for _, attributes in tags.elements for name in attributes)
    assert "".join(tags.text).count(HOSTILE) == 12


def test_a_hostile_title_or_text_is_shown_as_text_among_the_items():
    embedded = Embedded(None, HOSTILE)
    html = page(
        replace(SECTION, results=[replace(RESULT, embedded=embedded)]),
        items=[DemoItem(HOSTILE, b"", embedded)],
    )
    tags = Tags(html)
    assert not tags.named("script")
    assert "".join(tags.text).count(HOSTILE) == 3


def test_the_crop_is_drawn_where_it_was_cut():
    prepared = {"crop": [40, 50, 120, 150], "photo_size": [160, 200], "text": "Red dress"}
    embedded = Embedded.of(prepared, "Red dress")
    assert embedded == Embedded((25.0, 25.0, 50.0, 50.0), "")
    (box,) = Tags(page(items=[DemoItem("Red dress", photo(), embedded)])).named("b")
    assert box["style"] == "left: 25.0%; top: 25.0%; width: 50.0%; height: 50.0%"


def test_a_photo_embedded_whole_has_no_box_and_a_refined_text_stands_beside_the_title():
    prepared = {"detected": [1, 2, 3, 4], "photo_size": [160, 200], "text": "Acme red dress"}
    embedded = Embedded.of(prepared, "RED DRESS !!!")
    assert embedded == Embedded(None, "Acme red dress")
    html = page(items=[DemoItem("RED DRESS !!!", photo(), embedded)])
    assert not Tags(html).named("b")
    assert "RED DRESS !!!" in html
    assert "Acme red dress" in html


def test_every_part_of_a_score_is_shown_with_its_number_and_a_bar():
    html = page(SECTION)
    bars = [attributes["style"] for attributes in Tags(html).named("i") if "style" in attributes]
    assert bars == ["width: 100.0%", "width: 60.0%", "width: 10.0%"]
    for label in (
        "image",
        "text",
        "lexical",
        "0.500",
        "0.300",
        "-0.050",
        "0.750",
        "49.99 EUR",
        "Red dress",
    ):
        assert f">{label}<" in html


def test_a_negative_part_is_drawn_unlike_a_positive_one():
    minus = [
        attributes for attributes in Tags(page(SECTION)).named("i") if attributes.get("class") == "minus"
    ]
    assert len(minus) == 1


def test_pictures_are_inside_the_file_and_nothing_is_fetched():
    html = page(SECTION)
    sources = [image["src"] for image in Tags(html).named("img")]
    assert [source[:14] for source in sources] == ["data:image/png", "data:image/jpe"]
    assert base64.b64decode(sources[1].split(",")[1]) == photo()
    assert "default-src 'none'" in html
    assert not re.search(r"https?:|url\(|@import|<link|<script", html)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "GIF", "WEBP"])
def test_a_picture_keeps_its_format(form):
    assert data_uri(photo(form)).startswith(f"data:image/{form.lower()};base64,")


@pytest.mark.parametrize("broken", [b"", b"<svg onload=alert(1)>"])
def test_bytes_that_are_no_photo_leave_a_placeholder(broken):
    html = page(DemoSection("More", "", "", broken, [replace(RESULT, photo=broken)]))
    assert not Tags(html).named("img")
    assert "no photo" in html


def test_an_empty_list_says_so():
    assert "Nothing in the catalogue fits." in page(replace(SECTION, results=[]))


def test_a_list_of_zero_scores_has_empty_bars():
    html = page(replace(SECTION, results=[replace(RESULT, score=0.0, parts={"image": 0.0})]))
    assert "width: 0.0%" in html


@pytest.fixture(scope="module")
def products():
    return list(draw_catalogue(120))


@pytest.fixture(scope="module")
def queries(products):
    return demo_queries(products)


def test_the_questions_are_the_promised_kinds(queries):
    kinds = [(bool(q.text), bool(q.photo), bool(q.anchor), bool(q.filter)) for q in queries]
    text, by_photo, like = (
        (True, False, False, False),
        (False, True, False, False),
        (False, False, True, False),
    )
    assert kinds == [text, text, (True, False, False, True), by_photo, like, like]
    assert [dict(q.weights) for q in queries[4:]] == [
        {"image": 1.0, "text": 1.0},
        {"image": 1.0, "text": 0.0},
    ]


def test_every_text_question_has_something_to_find(products, queries):
    for query in queries[:3]:
        matches = [
            product
            for product in products
            if set(query.text.split())
            <= {*map(str, product.item.attributes.values()), product.item.product_type}
            and (not query.filter or product.item.price < 50)
        ]
        assert matches, query.text


def test_anchors_are_in_the_catalogue_and_the_photo_is_not(products, queries):
    items = {product.item.id: product.item for product in products}
    assert all(items[query.anchor].available for query in queries[4:])
    assert queries[3].photo not in {item.image for item in items.values()}


def test_the_questions_do_not_depend_on_the_order_of_the_catalogue(products, queries):
    assert demo_queries(products[::-1]) == queries


@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_tiny_catalogue_still_gets_every_question(count):
    assert len(demo_queries(list(draw_catalogue(count)))) == 6


def test_no_products_no_questions():
    assert demo_queries([]) == []


def test_what_tells_most_is_shown_first(products):
    first = telling(products, 3)
    assert all(
        product.scene == "cluttered" and product.item.title != product.clean_title for product in first
    )
    assert all(product.item.available for product in telling(products, 50))
