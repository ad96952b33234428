"""XML feeds as rows."""

from xml.sax.saxutils import escape, quoteattr

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlclip.engine.errors import TableError
from vlclip.engine.tables.xml_feed import MAX_DEPTH, Xml

GOOGLE = 'xmlns:g="http://base.google.com/ns/1.0"'
LETTERS = st.characters(codec="utf-8", categories=("L", "N", "P", "Zs"))
TEXT = st.text(LETTERS, min_size=1).map(str.strip).filter(bool)
NAMES = st.sampled_from(["id", "title", "price", "image_link", "color"])
RECORD = st.dictionaries(NAMES, st.lists(TEXT, min_size=1, max_size=3, unique=True), min_size=1)


def rows(path, body, head="", name="feed.xml", encoding="utf-8"):
    file = path / name
    file.write_bytes(f'<?xml version="1.0" encoding="{encoding}"?>{head}{body}'.encode(encoding))
    return [dict(row.values) for row in Xml(file).rows()]


def rss(items):
    return f'<rss {GOOGLE} version="2.0"><channel><title>Shop</title>{items}</channel></rss>'


def atom(entries):
    return f'<feed xmlns="http://www.w3.org/2005/Atom" {GOOGLE}><title>Shop</title>{entries}</feed>'


@given(st.lists(RECORD, max_size=4), st.booleans(), st.sampled_from(["utf-8", "utf-16"]))
def test_each_record_is_a_row_and_repeated_elements_are_lists(tmp_path_factory, records, is_atom, encoding):
    tag = "entry" if is_atom else "item"

    def element(record):
        parts = [f"<g:{name}>{escape(text)}</g:{name}>" for name, texts in record.items() for text in texts]
        return f"<{tag}>{''.join(parts)}</{tag}>"

    body = "".join(map(element, records))
    read = rows(tmp_path_factory.mktemp("xml"), (atom if is_atom else rss)(body), encoding=encoding)
    assert read == [{n: t[0] if len(t) == 1 else t for n, t in record.items()} for record in records]


@given(TEXT, TEXT)
def test_objects_attributes_links_and_languages_are_kept(tmp_path_factory, value, address):
    entry = (
        f"<entry><link href={quoteattr(address)}/><g:price unit={quoteattr(value)}>7</g:price>"
        f'<title xml:lang="de">{escape(value)}</title>'
        f"<g:product_detail><g:attribute_name>Fit</g:attribute_name><g:attribute_value>{escape(value)}"
        "</g:attribute_value></g:product_detail></entry>"
    )
    assert rows(tmp_path_factory.mktemp("xml"), atom(entry)) == [
        {
            "link": address,
            "price": "7",
            "price_unit": value,
            "title": {"@language": "de", "@value": value},
            "product_detail": {"attribute_name": "Fit", "attribute_value": value},
        }
    ]


def test_a_title_given_twice_in_the_same_words_is_one(tmp_path):
    assert rows(tmp_path, rss("<item><title>Hat</title><g:title>Hat</g:title></item>")) == [{"title": "Hat"}]


@pytest.mark.parametrize(
    ("head", "body", "message"),
    [
        ('<!DOCTYPE r [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>', "<r><item>&b;</item></r>", "document type"),
        (
            '<!DOCTYPE r [<!ENTITY a SYSTEM "file:///etc/passwd">]>',
            "<r><item>&a;</item></r>",
            "document type",
        ),
        ("", "<r><item><id>1</id></r>", "mismatched tag"),
        ("", "<item>" + "<a>" * (MAX_DEPTH + 1), "more than 20 deep"),
        ("", "", "no element found"),
    ],
)
def test_what_is_no_feed_is_refused_in_one_sentence(tmp_path, head, body, message):
    with pytest.raises(TableError, match=f"not an XML feed that can be read: .*{message}"):
        rows(tmp_path, body, head)


def test_records_before_a_fault_are_read(tmp_path):
    file = tmp_path / "feed.xml"
    file.write_text("<r>" + "<item><id>1</id></item>" * 9000 + "<item>")
    read = []
    with pytest.raises(TableError, match="no element found"):
        read.extend(row.number for row in Xml(file).rows())
    assert read == list(range(1, 9001))
