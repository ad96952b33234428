"""What a card says of its variants: laws over drawn variants, and one request for a page."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ranking.planted import INFO, SPACE, PlantedEmbedder
from vlclip.engine.opening.stores import open_store
from vlclip.engine.store.store import Point, Record, Store
from vlclip.ranking.lists import variants as module
from vlclip.ranking.lists.answer import Page
from vlclip.ranking.lists.choices import MOST_FIELDS
from vlclip.ranking.lists.recommender import Recommender
from vlclip.ranking.lists.variants import (
    MOST_IDS,
    MOST_VALUES,
    PriceRange,
    read_variants,
    summary,
)
from vlclip.ranking.settings import Search
from vlclip.service.settings import Settings

attributes = st.dictionaries(
    st.sampled_from(["colour", "Size", "fit", "material", "sku", "link", "note", "width", "waist", "style"]),
    st.one_of(
        st.sampled_from(["red", "blue", "S", "XL", "10", "9,5", ""]),
        st.integers(-5, 5),
        st.booleans(),
        st.lists(st.sampled_from(["red", "blue", "green"]), max_size=3),
    ),
)
prices = st.one_of(st.none(), st.floats(0, 1000, allow_nan=False))
payloads = st.lists(
    st.tuples(
        attributes, prices, prices, st.sampled_from(["EUR", "USD", ""]), st.sampled_from([True, False, None])
    ),
    min_size=1,
    max_size=20,
)


def record(number, fields, *values):
    named = zip(("price", "price_to", "currency", "available"), values, strict=True)
    present = {name: value for name, value in named if value not in (None, "")}
    return Record(f"v{number:02}", {"id": f"v{number:02}", "group": "G", **fields, **present})


def parts(value):
    return [part for part in (value if isinstance(value, list) else [value]) if part != ""]


@given(payloads)
def test_what_is_listed_is_of_a_variant_and_what_is_not_is_counted(drawn):
    records = [record(n, *fields) for n, fields in enumerate(drawn)]
    card = summary("G", records, len(records))
    assert (card.group, card.count, card.is_part) == ("G", len(records), False)
    assert card.ids == tuple(r.id for r in records)
    assert card.available == sum(fields[4] is not False for fields in drawn)
    assert len(card.values) <= MOST_FIELDS
    assert not {"sku", "link"} & card.values.keys()
    for name, values in card.values.items():
        every = {part for r in records for part in parts(r.payload.get(name, ""))}
        assert set(values) <= every
        assert len(set(values)) == len(values) <= MOST_VALUES
        assert len(values) + card.more.get(name, 0) == len(every) > 1
    for name in {"colour", "Size"} - card.values.keys():  # those that are not listed are the same for all
        assert len({tuple(parts(r.payload[name])) for r in records if name in r.payload}) <= 1 or (
            len({part for r in records for part in parts(r.payload.get(name, ""))}) <= 1
        )


@given(payloads)
def test_the_price_range_holds_every_price_of_its_currency(drawn):
    records = [record(n, *fields) for n, fields in enumerate(drawn)]
    card = summary("G", records, len(records))
    ends = {}
    for _, price, price_to, currency, _ in drawn:
        ends.setdefault(currency, []).extend(end for end in (price, price_to) if end is not None)
    assert {r.currency: (r.low, r.high) for r in card.prices} == {
        currency: (min(numbers), max(numbers)) for currency, numbers in ends.items() if numbers
    }


def test_sizes_come_in_their_order_and_colours_come_first():
    sizes = ["XL", "M", "XS", "S", "L", "42", "41.5", "5", "one more"]
    records = [
        Record(f"v{n}", {"size": size, "Colour": f"c{n % 2}", "gtin": f"400000000{n}", "a": n % 3})
        for n, size in enumerate(sizes)
    ]
    card = summary("G", records, len(records))
    assert list(card.values) == ["Colour", "size", "a"]
    assert card.values["size"] == ("XS", "S", "M", "L", "XL", "5", "41.5", "42", "one more")
    assert card.values["a"] == (0, 1, 2)


@pytest.mark.parametrize(
    "head",
    [
        {"id": "G"},
        {"id": "1", "SKU": "G"},
        {"id": "G", "size": ["S", "M", "L"]},
        {"id": "G", "brand": "Acme"},
    ],
)
def test_an_item_that_stands_for_the_whole_product_is_no_variant(head):
    variants = [Record(f"v{n}", {"id": f"v{n}", "size": size, "price": 5.0}) for n, size in enumerate("SML")]
    whole = Record(head["id"], {"price": 1.0, **head})
    card = summary("G", [whole, *variants], 4)
    assert (card.count, card.ids) == (3, ("v0", "v1", "v2"))
    assert card.prices == (PriceRange(5.0, 5.0),)
    assert summary("G", [Record(head["id"], {"Type": "variable", **head}), variants[0]], 2).count == 1
    sellable = Record("G", {"id": "G", "size": "XL"})
    assert summary("G", [sellable, *variants], 4).count == 4
    assert summary("G", [whole], 1).count == 1


def test_codes_that_name_each_variant_are_no_choice():
    records = [
        Record(
            f"v{n}",
            {
                "page": f"https://shop.example/{n}",
                "part": f"0040000{n:04}",
                "size": str(40 + n),
                "variant_id": n,
                "small_image": f"/w/b/{n % 2}.jpg",
                "swatch": [f"{n % 2}.PNG?v=1", f"https://shop.example/{n}.webp"],
                "Type": "variation" if n else "simple",
            },
        )
        for n in range(4)
    ]
    assert list(summary("G", records, 4).values) == ["size"]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    opened = open_store(str(tmp_path_factory.mktemp("store")), Settings.load(), INFO)
    vector = SPACE.item_vectors({"image": np.ones((1, 16)), "text": np.ones((1, 8))}, 1)[0]
    sizes = {"a": 1, "b": 3, "c": 130, "": 4}
    opened.upsert(
        [
            Point(f"{group}{n:03}", vector, "thing", {"size": n} | ({"group": group} if group else {}))
            for group, size in sizes.items()
            for n in range(size)
        ]
    )
    yield opened
    opened.close()


class Counting:
    """A store that counts scans."""

    def __init__(self, store):
        self._store, self.scans = store, 0

    def __getattr__(self, name):
        return getattr(self._store, name)

    def scan(self, **options):
        self.scans += 1
        return self._store.scan(**options)


def test_one_request_reads_the_variants_of_a_page(store):
    counting = Counting(store)
    read = read_variants(counting, ["a", "b", "c", "gone", "b"])
    assert counting.scans == 1
    assert {group: card.count for group, card in read.items()} == {"a": 1, "b": 3, "c": 130}
    assert read["c"].ids == tuple(f"c{n:03}" for n in range(MOST_IDS))
    assert read["c"].more == {"size": 130 - MOST_VALUES}
    assert read_variants(counting, []) == {}
    assert counting.scans == 1


def test_every_card_of_a_page_has_its_variants_unless_nobody_asks(store):
    counting = Counting(store)
    shop = Recommender(counting, PlantedEmbedder, Search())
    answer = shop.search("thing", page=Page(limit=10))
    assert {result.item.get("group", ""): result.variants and result.variants.count for result in answer} == {
        "a": 1, "b": 3, "c": 130, "": None,
    }  # fmt: skip
    assert counting.scans == 1
    for page in (Page(limit=10, with_variants=False), Page(limit=10, group_by="none")):
        assert all(result.variants is None for result in shop.search("thing", page=page))
    only = shop.search(
        "thing", page=Page(limit=10, exclude=[f"{g}{n:03}" for g in "abc" for n in range(130)])
    )
    assert [result.id for result in only] == ["000", "001", "002", "003"]
    assert counting.scans == 1  # no result has a group, so nothing is read


def test_of_huge_groups_a_part_is_summed_up_and_all_are_counted(store, monkeypatch):
    monkeypatch.setattr(module, "MOST_READ", 50)
    read = read_variants(store, ["c", "b"])
    assert read["c"].count == 130
    assert read["c"].is_part
    assert len(read["c"].ids) < 130
    assert read["b"].count == 3
