"""HTML goes, words stay."""

from __future__ import annotations

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlclip.engine.item import MAX_TEXT_CHARS, Item
from vlclip.engine.markup import plain_text

WORDS = st.sampled_from(
    ["Shirt", "red", "a < b", "<3", "5<10>3", "R&B", "AT&T", "Größe", "9 > 8", "x;y", "-"]
)
INLINE = st.sampled_from(
    ["b", "i", "strong", "EM", "span style='a>b'", 'a href="/x?a=1&b=2"', "font color=red"]
)
BLOCK = st.sampled_from(["p", "div", "li", "TD nowrap", "h2", "o:p", 'section class="a"', "rte-block"])
NOTHING = st.sampled_from(
    [
        "<br>", "<br/>", "<BR >", "<hr noshade>", "<!-- sale <b> -->", "<!---->", "&nbsp;", "&shy; ",
        "<img src='a.jpg' alt='>'>", "<script>var a = '<p>' && 1<2;</script>", "<!DOCTYPE html>",
        "<style type='text/css'>p > b {color: red}</style>", "<?xml version='1'?>",
        "<svg viewBox='0'><path d='M0'/></svg>",
    ]
)  # fmt: skip
"""What shows no word."""


def in_tag(words: str, tag: str) -> str:
    return f"<{tag}>{words}</{tag.split(maxsplit=1)[0]}>"


MARKED = st.lists(st.tuples(WORDS, st.one_of(st.none(), INLINE, BLOCK), NOTHING), min_size=1, max_size=6)


@given(MARKED)
def test_of_marked_up_words_the_words_stay_in_their_order(parts):
    text = " ".join((in_tag(html.escape(words), tag) if tag else html.escape(words)) + nothing
                    for words, tag, nothing in parts)  # fmt: skip
    assert plain_text(text).split() == " ".join(words for words, _, _ in parts).split()


@given(MARKED, st.integers(0, 3))
def test_markup_that_was_escaped_again_is_the_same_markup(parts, times):
    text = " ".join(in_tag(html.escape(words), tag or "p") for words, tag, _ in parts)
    escaped = text
    for _ in range(times):
        escaped = html.escape(escaped)
    assert plain_text(escaped) == plain_text(text)


PIECES = st.sampled_from(["<b>", "</p", "<a x='", "&amp;lt;", "&#60;", "<![CDATA[", "]]>", "<!--"])


@given(st.lists(st.one_of(st.text(max_size=8), WORDS, NOTHING, PIECES), max_size=12).map("".join))
def test_cleaning_twice_equals_once_and_leaves_no_tag(text):
    once = plain_text(text)
    assert plain_text(once) == once
    assert not re.search(r"</?(?:b|p|br|script|style|img)\s*/?>|&(?:amp|lt|nbsp|shy);", once, re.IGNORECASE)


@pytest.mark.parametrize(
    "text",
    [
        "a < b", "<3", "I <3 you & me", "5<10>3", "R&B", "a<b and c>d", "sizes S<M<L", "&copy 5", "<M>",
        "mail <info@shop.example>", "see <https://shop.example/a>", "two\n\nlines & more", "1 &foo; 2",
        "x <y", "<<>>", "?a=1&region=2&lt=3",
    ],
)  # fmt: skip
def test_what_is_no_markup_stays_as_it_is(text):
    assert plain_text(text) == text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("<span>Red</span><span>Blue</span>", "Red Blue"),
        ("Wa<b>sh</b>able, H<sub>2</sub>O", "Washable, H2O"),
        ("one<br>two<p>three<li>four", "one two three four"),
        (
            "wash at 30&deg;, 5&nbsp;m&sup2;, &#8364;9 &#x27;x&#X27; &NBSP;&Auml;",
            "wash at 30°, 5 m², €9 'x' Ä",
        ),
        ("Sonnen&shy;brille", "Sonnenbrille"),
        ('<p class="x>broken</p>', "broken"),
        ('cut off here <a href="https://shop.exam', "cut off here"),
        ("a comment that <!-- never ends", "a comment that never ends"),
        ("<script>var x = 1;", ""),
        ("<![CDATA[<b>Shoe</b>]]>", "Shoe"),
        ("<rte>own tag</rte>", "own tag"),
        ("Salt &amp;amp; Pepper, &amp;quot;fine&amp;quot;, &amp;lt;b&amp;gt;", 'Salt & Pepper, "fine",'),
    ],
)
def test_what_is_markup_goes(text, words):
    assert plain_text(text) == words


@pytest.mark.parametrize(
    "part",
    [
        "<", "<!--", "<!-- -->", "<script>", "</b", "<a b=c", '<a ="', "<a '", "&", "&amp;", "<?xml ",
        "<!doctype ", "-->",
    ],
)  # fmt: skip
def test_the_longest_nonsense_is_cleaned_as_well(part):
    once = plain_text(part * (100_000 // len(part)))
    assert plain_text(once) == once
    assert "<" not in plain_text("<" * 20_000 + "b>" * 20_000)


@given(st.sampled_from(["title", "description", "product_type", "brand"]), MARKED)
def test_every_text_of_an_item_is_plain(field, parts):
    text = "".join(in_tag(words, tag or "p") for words, tag, _ in parts)
    attributes = {"care": text, "tags": (text, 3, "<br>"), "empty": "<p></p>", "size": 42}
    item = Item("a", **{field: text}, attributes=attributes)
    assert getattr(item, field) == plain_text(text)
    assert item.attributes == {"care": plain_text(text), "tags": (plain_text(text), 3), "size": 42}
    assert Item.from_payload(item.payload()) == item


def test_long_descriptions_and_attributes_are_cut_after_a_whole_word():
    item = Item(
        "a", description="word " * 10_000, attributes={"care": ("é" * 30_000, "<p>" * 9_000 + "short")}
    )
    assert item.description == ("word " * (MAX_TEXT_CHARS // 5)).strip()
    assert item.attributes == {"care": ("é" * MAX_TEXT_CHARS, "short")}
