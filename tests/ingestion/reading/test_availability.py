import re
import tomllib
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlclip.ingestion.reading.availability import (
    DELIVERY,
    SWITCHES,
    WORDS,
    read_availability,
    read_sold_out,
    says_sold_out,
    unknown_word,
)

EXAMPLES = [
    (word, name == "available")
    for lists in tomllib.loads(WORDS.read_text(encoding="utf-8")).values()
    for name, words in lists.items()
    if name in ("available", "unavailable")
    for word in words
]
EVERY_BESIDE = {
    word
    for lists in tomllib.loads(WORDS.read_text(encoding="utf-8")).values()
    for word in lists.get("beside", ())
}
BESIDE = [
    (word, beside, name == "available")
    for lists in tomllib.loads(WORDS.read_text(encoding="utf-8")).values()
    for name in ("available", "unavailable")
    for word in lists.get(name, ())
    for beside in lists["beside"]
    if EVERY_BESIDE.isdisjoint(re.split(r"\W+", word))
]
LANGUAGES = ("english", "german", "french", "spanish", "italian", "dutch", "polish")


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("in stock", True),
        ("Out of stock", False),
        ("OutOfStock", False),
        ("https://schema.org/OutOfStock", False),
        ("http://schema.org/InStock", True),
        ("http://www.schema.org/SoldOut", False),
        ("schema:PreOrder", True),
        ("onbackorder", True),
        ("In Stock (12)", True),
        ("In Stock (0)", False),
        ("0 in stock", False),
        ("Nur noch 3 auf Lager", True),
        ("Artikel leider restlos ausverkauft", False),
        ("z.Zt. nicht lieferbar", False),
        ("Nicht wieder lieferbar", False),
        ("Out of stock online", False),
        ("épuisé", False),
        ("EPUISE", False),
        ("Wyprzedany", False),
        ("Niet op voorraad", False),
        ("agotado", False),
        ("nicht verfuegbar", False),
        ("vorraetig", True),
        ("esaurito", False),
        ("Disponible en 24h", True),
        ("Disponible en 3 días", True),
        ("Lieferbar in 3-5 Tagen", True),
        ("LIEFERZEIT: ca. 3 - 5 Werktage", True),
        ("ships in 2 weeks", True),
        ("Usually ships within 1 to 2 days", True),
        ("Expédié sous 48 h", True),
        ("verzonden binnen 2 dagen", True),
        ("Wysyłka w 24h", True),
        ("Consegna in 2/3 giorni", True),
        ("Versand in 0 Tagen", True),
        ("2-3 days", True),
        ("ships in days", True),
        ("hours", None),
        (0, False),
        (True, True),
        ("12", True),
        ("0.0", False),
        ("-3", False),
        ("1.200", True),
        ("5+", True),
        (Decimal(0), False),
        ("perhaps", None),
        ("1-3", None),
        ({"a": 1}, None),
        (float("nan"), None),
    ],
)
def test_availability(cell, expected):
    assert read_availability(cell) is expected


CASES = st.sampled_from([str, str.upper, str.title, str.capitalize])
NUMBERS = st.sampled_from(["{0}", "{0}-{1}", "{0} - {1}", "{0}\u2013{1}", "+{0}", "{0} bis {1}"])
DELIVERIES = [
    phrase.format(unit)
    for lists in tomllib.loads(DELIVERY.read_text(encoding="utf-8")).values()
    for phrase in lists["phrases"]
    for unit in lists["units"]
]


@given(st.sampled_from(DELIVERIES), NUMBERS, CASES)
def test_what_says_when_an_item_comes_says_that_it_can_be_bought(phrase, numbers, case):
    assert read_availability(case(f"{phrase} {numbers.format(3, 5)}")) is True
    assert read_availability(case(f"{numbers.format(0, 5)} {phrase}")) is True


def test_every_language_has_words_for_both():
    lists = tomllib.loads(WORDS.read_text(encoding="utf-8"))
    assert set(lists.pop(SWITCHES)) == {"yes", "no"}
    assert set(lists) == {"general", *LANGUAGES[1:]}
    assert all(set(words) == {"available", "unavailable", "beside"} for words in lists.values())


@given(st.sampled_from(BESIDE), CASES, st.booleans())
def test_words_that_say_when_or_what_change_nothing(example, case, is_before):
    word, beside, meaning = example
    text = f"{beside}, {word}" if is_before else f"{word} ({beside})"
    assert read_availability(case(text)) is meaning


@given(st.sampled_from(EXAMPLES), CASES)
def test_a_column_for_what_is_sold_out_turns_yes_and_no_around_and_nothing_else(example, case):
    word, meaning = example
    switches = tomllib.loads(WORDS.read_text(encoding="utf-8"))[SWITCHES]
    is_switch = word in (*switches["yes"], *switches["no"])
    assert read_sold_out(case(word)) is (meaning is not is_switch)
    assert not says_sold_out(case(word)) or (meaning is False and not is_switch)


@given(
    st.sampled_from(EXAMPLES),
    CASES,
    st.sampled_from([" ", "-", "_", "", "  ", "\u00a0"]),
    st.sampled_from(["", "https://schema.org/", "http://schema.org/", "  "]),
)
def test_case_separators_and_the_prefix_of_schema_org_change_nothing(example, case, separator, prefix):
    word, meaning = example
    assert read_availability(f"{prefix}{separator.join(case(word).split())} ") is meaning


@given(st.decimals(allow_nan=False, allow_infinity=False, places=2, min_value=-(10**6), max_value=10**6))
def test_a_count_is_available_when_it_is_more_than_none_however_it_is_written(count):
    assert (
        read_availability(count)
        is read_availability(float(count))
        is read_availability(f" {count} ")
        is read_availability(str(count).replace(".", ","))
        is (count > 0)
    )


@given(st.text())
def test_any_text_is_yes_no_or_unknown(text):
    assert read_availability(text) in (True, False, None)
    assert len(unknown_word(text)) <= 61


def test_the_note_shows_the_word_without_its_numbers():
    assert unknown_word(" back  in 12 weeks ") == unknown_word("back in 3 weeks") == "back in … weeks"
