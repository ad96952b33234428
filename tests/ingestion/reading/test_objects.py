import tomllib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vlclip.engine.language import languages
from vlclip.ingestion.reading.objects import ALONE, CODES, UNREADABLE, first_value, is_tagged, read_text

WORDS = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=12)
TAGS = st.sampled_from(["en", "en_US", "en-GB", "de_DE", "de", "fr", "zh-Hant-TW", "pl_PL"])


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ({"@type": "Brand", "name": "Acme"}, "Acme"),
        ({"value": "PANTS"}, "PANTS"),
        ([{"value": "PANTS"}], "PANTS"),
        ({"@value": "Shoe", "@language": "en"}, "Shoe"),
        ({"name": {"@value": "Shoe"}}, "Shoe"),
        ({"name": None, "label": "Shoe"}, "Shoe"),
        (["a", {"name": "b"}], "a b"),
        ({"value": 3}, "3"),
        ({"id": 7, "name": "Acme"}, "Acme"),
        ([{"language_tag": "de_DE", "value": "Schuh"}, {"language_tag": "en_US", "value": "Shoe"}], "Shoe"),
        ([{"lang": "de", "text": "Schuh"}, {"lang": "en", "text": "Shoe"}], "Shoe"),
        ([{"language_tag": "en_GB", "value": "a"}, {"language_tag": "en_GB", "value": "b"}], "a b"),
        ([{"@language": "en-US", "@value": "US"}, {"@language": "en", "@value": "plain"}], "plain"),
        ([{"@language": "de", "@value": "Schuh"}, "Shoe"], "Shoe"),
        ({"de": "Schuh", "en": "Shoe"}, "Shoe"),
        ({"de-DE": "Schuh", "en-GB": ["Shoe", "Boot"]}, "Shoe Boot"),
        ({"de": None, "en": "Shoe"}, "Shoe"),
        ({"de": "Schuh", "@none": "Shoe"}, "Shoe"),
        ([{"key": "de", "value": "Schuh"}, {"key": "en", "value": "Shoe"}], "Shoe"),
        ([{"code": "de", "value": "Schuh"}, {"code": "en", "value": "Shoe"}], "Shoe"),
        ([{"locale": "de_DE", "scope": None, "data": "Schuh"}, {"locale": "en_US", "data": "Shoe"}], "Shoe"),
        ({"German": "Schuh", "English": "Shoe"}, "Shoe"),
        ({"translations": {"de_AT": "Schuh", "en-GB": "Shoe"}}, "Shoe"),
        ({"rendered": "Shoe"}, "Shoe"),
        ({"#text": "Shoe", "@lang": None}, "Shoe"),
        ({"edges": [{"node": {"name": "Shoe"}}], "pageInfo": {"hasNextPage": False}}, "Shoe"),
        ({"data": {"id": 1, "attributes": {"name": "Shoe"}}}, "Shoe"),
        ({"id": 3, "brand": {"name": "Acme"}}, "Acme"),
        ({}, ""),
        (None, ""),
    ],
)
def test_the_text_of_an_object_is_read_in_the_chosen_language(cell, text):
    reading = read_text(cell, "english")
    assert (reading.text, reading.note) == (text, "")


@pytest.mark.parametrize(
    "cell",
    [
        {"foo": "x", "bar": "y"},
        [{"foo": "x", "bar": "y"}],
        {"foo": 3},
        {"id": "17"},
        b"bytes",
        {"hi_res": "a.jpg", "large": "b.jpg"},
        {"name": {"foo": 1}},
        {"slug": "shoe"},
        float("inf"),
    ],
)
def test_what_cannot_be_read_says_so(cell):
    reading = read_text(cell, "english")
    assert (reading.text, reading.note) == ("", UNREADABLE)


@given(st.text("abcxyz", min_size=2, max_size=8), WORDS)
def test_a_text_that_stands_alone_under_any_name_is_read_and_noted(key, word):
    reading = read_text({"id": 7, f"{key}_text_of": word, "other": None}, "english")
    assert (reading.text, reading.note) == (word, ALONE)


@given(
    WORDS, st.lists(st.sampled_from(["data", "attributes", "node", "edges", "nodes", "of shop"]), max_size=4)
)
def test_a_text_is_read_however_it_is_wrapped(word, wrappers):
    cell = {"name": word}
    for wrapper in wrappers:
        cell = {wrapper: [cell] if wrapper in ("edges", "nodes") else cell, "id": 1}
    assert read_text(cell, "english").text == word


@given(
    st.lists(st.tuples(TAGS, WORDS), min_size=1, max_size=6),
    st.sampled_from(["english", "german", "italian"]),
)
def test_the_chosen_language_is_read_or_else_the_first_and_a_note_says_which(texts, language):
    code = {"english": "en", "german": "de", "italian": "it"}[language]
    reading = read_text([{"language_tag": tag, "value": word} for tag, word in texts], language)
    matching = [tag for tag, _ in texts if tag[:2] == code]
    tag = code if code in matching else (matching or [texts[0][0]])[0]
    assert reading.text == " ".join(word for name, word in texts if name == tag)
    assert reading.note == ("" if matching else f"is not given in {language}; read in {tag}")
    as_map = read_text(dict(texts), language)
    assert as_map.text
    assert as_map.note == reading.note


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["name", "value", "en", "de", "lang", "foo", "key"]), inner, max_size=3
        )
    ),
    max_leaves=8,
)


@example([{"key": [], "value": "x"}])
@given(JSON)
def test_any_cell_gives_a_text_or_is_absent_or_is_noted(cell):
    reading = read_text(cell, "english")
    assert reading.text or reading.note or not _leaves(cell)


def _leaves(cell):
    """What a cell holds beside empty values and language tags."""
    if isinstance(cell, dict):
        return [leaf for key, part in cell.items() if key != "lang" for leaf in _leaves(part)]
    if isinstance(cell, list):
        return [leaf for part in cell for leaf in _leaves(part)]
    return [] if cell is None or not str(cell).strip() else [cell]


def test_a_map_of_sizes_or_ids_is_no_map_of_languages():
    assert not is_tagged({"hi_res": "a", "large": "b"})
    assert not is_tagged({"id": "3", "no": "7"})
    assert not is_tagged({"en": 3})
    assert not is_tagged("en")


def test_the_first_value_of_an_offer_counts():
    assert first_value({"price": 3}, ("price",)) == 3
    assert first_value([{"price": None}, {"lowPrice": 2}, {"price": 3}], ("price", "lowPrice")) == 2
    assert first_value("free", ("price",)) is None


def test_every_language_there_is_data_for_has_a_code():
    codes = tomllib.loads(CODES.read_text(encoding="utf-8"))
    assert set(languages()) <= set(codes)
    assert len(set(codes.values())) == len(codes)
