import json
import tracemalloc

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlclip.engine.errors import TableError
from vlclip.engine.tables.delimited import Csv
from vlclip.engine.tables.json_lines import Jsonl
from vlclip.ingestion.errors import CatalogueError, MappingError
from vlclip.ingestion.reading.catalogue import batched, open_catalogue
from vlclip.ingestion.reading.entry import Entry
from vlclip.ingestion.reading.guesses import map_columns

ROWS = [
    {"id": "1", "title": "Red shoe", "price": 10.0, "colour": "red"},
    {"id": "2", "title": 'Blue, "wide" hat\nwith brim', "price": None, "colour": "blue; navy"},
    {"id": "3", "title": "Größe 7", "price": 7.5, "colour": "green"},
]  # fmt: skip


def entries(path, *options):
    catalogue = open_catalogue(path)
    return list(catalogue.entries(map_columns(catalogue, options)))


def write(path, kind, rows=ROWS):
    file = path / f"items.{kind}"
    if kind == "jsonl":
        file.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    elif kind == "json":
        file.write_text(json.dumps(rows), encoding="utf-8")
    elif kind == "parquet":
        pl.DataFrame(rows).write_parquet(file, row_group_size=2)
    else:
        pl.DataFrame(rows).write_csv(file)
    return file


def good(batch):
    return {entry.id: entry.item for entry in batch if entry.item}


def bad(batch):
    return {entry.row: entry.failure.reason for entry in batch if entry.failure}


@pytest.mark.parametrize("kind", ["jsonl", "json", "parquet", "csv"])
def test_every_format_gives_the_same_items(tmp_path, kind):
    file = write(tmp_path, kind)
    batch = entries(file)
    assert good(batch) == good(entries(write(tmp_path, "jsonl")))
    assert good(batch)["2"].title == 'Blue, "wide" hat\nwith brim'
    assert open_catalogue(file).total() == 3


@pytest.mark.parametrize("kind", ["jsonl", "parquet", "csv"])
def test_a_folder_of_shards_gives_their_entries_in_order(tmp_path, kind):
    for n, row in enumerate(ROWS):
        write(tmp_path, kind, [row]).rename(tmp_path / f"part-{n}.{kind}")
    (tmp_path / "README.md").write_text("not a shard")
    batch = entries(tmp_path)
    assert [entry.id for entry in batch] == ["1", "2", "3"]
    assert len({entry.source for entry in batch}) == 3
    assert open_catalogue(tmp_path).total() == 3


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_of_a_csv_is_found(tmp_path, delimiter):
    file = tmp_path / "a.csv"
    pl.DataFrame(ROWS).write_csv(file, separator=delimiter)
    assert good(entries(file))["3"].price == 7.5
    assert good(entries(file))["2"].attributes == {"colour": "blue; navy"}


def test_the_delimiter_is_found_though_the_first_row_is_broken(tmp_path):
    file = tmp_path / "a.csv"
    file.write_text("id,title,colour\n1,only two\n2,b,red\n3,c,blue\n")
    batch = entries(file)
    assert set(good(batch)) == {"2", "3"}
    assert bad(batch) == {2: "the row has 2 fields, the header 3"}


def test_a_csv_split_at_something_else_is_refused(tmp_path):
    file = tmp_path / "a.csv"
    file.write_text("id~title\n1~Shoe\n")
    with pytest.raises(MappingError, match=r"no column looks like an item id.*id~title"):
        entries(file)


def test_a_byte_order_mark_is_no_part_of_the_first_column(tmp_path):
    file = tmp_path / "a.csv"
    file.write_bytes(b"\xef\xbb\xbfid,title\r\n1,Shoe\r\n")
    assert good(entries(file))["1"].title == "Shoe"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"", "is empty"),
        ("a.csv", b"id,title\n", "holds no rows"),
        ("a.jsonl", b"\n\n", "holds no rows"),
        ("a.json", b"[]", "holds no rows"),
        ("a.xlsx", b"PK", r"unknown ending '\.xlsx'.*\.parquet"),
        ("a.parquet", b"not parquet at all", "not a Parquet file"),
        ("a.json", b"{", "is not JSON"),
        ("a.json", b'"text"', "not a JSON array of objects"),
        ("a.jsonl", b"plain text\n", "cannot be read as .jsonl: row 1: the line is not JSON"),
        ("a.jsonl", '{"id": 1}\n'.encode("utf-16"), "UTF-16"),
        ("a.csv", b"id,Gr\xf6sse\n1,7\n", r"not UTF-8 text \(in 1 of its lines\).*--encoding cp1252"),
    ],
)
def test_what_holds_no_catalogue_is_refused_and_says_why(tmp_path, name, content, message):
    file = tmp_path / name
    file.write_bytes(content)
    with pytest.raises(CatalogueError, match=message):
        entries(file)


def test_a_path_to_nothing_a_folder_of_nothing_and_a_mixed_folder_are_refused(tmp_path):
    with pytest.raises(CatalogueError, match="nothing at"):
        open_catalogue(tmp_path / "missing.csv")
    with pytest.raises(CatalogueError, match="holds no catalogue"):
        open_catalogue(tmp_path)
    write(tmp_path, "csv")
    write(tmp_path, "parquet")
    with pytest.raises(CatalogueError, match=r"\.csv and \.parquet files; name the one"):
        open_catalogue(tmp_path)


SHARDS = st.lists(
    st.lists(st.sampled_from(["title", "name", "colour", "price", "image", "size"]), unique=True),
    min_size=1,
    max_size=4,
)


@given(SHARDS, st.sampled_from(["csv", "tsv", "parquet"]))
def test_each_shard_is_read_by_its_own_header_and_every_value_is_stored(tmp_path_factory, headers, kind):
    folder = tmp_path_factory.mktemp("shards")
    for n, names in enumerate(headers):
        cells = {name: f"{n + 1}7.{place + 1}5" for place, name in enumerate(names)}
        table = pl.DataFrame([{"id": f"i{n}", **cells}])
        file = folder / f"{n}.{kind}"
        if kind == "parquet":
            table.write_parquet(file)
        else:
            table.write_csv(file, separator="\t" if kind == "tsv" else ",")
    catalogue = open_catalogue(folder)
    mapping = map_columns(catalogue)
    columns = dict.fromkeys(name for names in headers for name in names)
    assert list(catalogue.columns)[1:] == [*columns]
    for n, (entry, names) in enumerate(zip(catalogue.entries(mapping), headers, strict=True)):
        stored = str(entry.item.payload().values())
        assert all(f"{n + 1}7.{place + 1}5" in stored for place in range(len(names)))
        lacking = ", ".join(name for name in columns if name not in names)
        notes = [note for note in mapping.notes if f"{n}.{kind}" in note and "lack" in note]
        assert [note.partition("have: ")[2] for note in notes] == ([lacking] if lacking else [])


def test_of_shards_with_other_columns_the_first_decides_and_a_note_names_what_the_others_lack(tmp_path):
    (tmp_path / "a.csv").write_text("id,name\n1,Hat\n")
    (tmp_path / "b.csv").write_text("id,title,brand\n2,Cap,Acme\n")
    hat, cap = good(entries(tmp_path)).values()
    assert hat.title == "Hat"
    assert (cap.title, cap.attributes, cap.brand) == ("", {"title_": "Cap"}, "Acme")
    mapping = map_columns(open_catalogue(tmp_path))
    assert "a.csv lacks columns that others have: title, brand" in mapping.notes
    assert "b.csv lacks columns that others have: name" in mapping.notes


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "cp1250", "iso-8859-15"])
@pytest.mark.parametrize("ending", ["csv", "tsv"])
def test_a_file_in_another_encoding_is_refused_by_a_sentence_and_read_once_that_is_named(
    tmp_path, encoding, ending
):
    sign = "\t" if ending == "tsv" else ","
    file = tmp_path / f"a.{ending}"
    titles = ["Größe", "Schürze für Äpfel", "plain", "Wand 'süß'"]
    lines = [sign.join(("id", "title")), *(sign.join((str(n), title)) for n, title in enumerate(titles))]
    file.write_bytes("\n".join(lines).encode(encoding))
    with pytest.raises(CatalogueError, match=r"not UTF-8 text \(in 3 of its lines\).*--encoding cp1252"):
        open_catalogue(file)
    catalogue = open_catalogue(file, encoding=encoding)
    batch = good(catalogue.entries(map_columns(catalogue)))
    assert [item.title for item in batch.values()] == titles


def test_bytes_that_the_named_encoding_does_not_have_cost_their_row(tmp_path):
    file = tmp_path / "a.csv"
    file.write_bytes(b"id,title\n1,gr\xfcn\n2,bad\x81\n3,ros\xe9\n")
    catalogue = open_catalogue(file, encoding="cp1252")
    batch = list(catalogue.entries(map_columns(catalogue)))
    assert {name: item.title for name, item in good(batch).items()} == {"1": "grün", "3": "rosé"}
    assert bad(batch) == {3: "the row is not CP1252 text; save the file as UTF-8"}


def test_an_encoding_that_is_none_or_is_of_no_use_is_refused(tmp_path):
    with pytest.raises(CatalogueError, match="no encoding 'klingon'"):
        open_catalogue(write(tmp_path, "csv"), encoding="klingon")
    with pytest.raises(CatalogueError, match="is no CSV or TSV file"):
        open_catalogue(write(tmp_path, "jsonl"), encoding="cp1252")


def test_rows_that_cannot_be_read_are_failures_with_their_line_and_the_rest_is_read(tmp_path):
    file = tmp_path / "a.jsonl"
    lines = [
        b'{"id": "1"}',
        b"{broken",
        b"",
        b"[1]",
        b'{"title": "no id"}',
        b'{"id": "6", "title": "\xff"}',
        b'{"id": "7"}',
    ]
    file.write_bytes(b"\n".join(lines))
    batch = entries(file)
    assert set(good(batch)) == {"1", "7"}
    reasons = bad(batch)
    assert set(reasons) == {2, 4, 5, 6}
    assert "not JSON" in reasons[2]
    assert "not a JSON object" in reasons[4]
    assert "no id" in reasons[5]


def test_a_csv_row_that_is_no_csv_or_no_utf8_is_a_failure(tmp_path):
    file = tmp_path / "a.csv"
    file.write_bytes(
        b'id,title\n1,ok\xc3\xa4\n2,gr\xfcn\n3,"a"b\n4,ok\n5,one,more\n6,"never closed\n7,rescued\n'
    )
    batch = entries(file)
    assert set(good(batch)) == {"1", "4", "7"}
    reasons = bad(batch)
    assert reasons[3] == "the row is not UTF-8 text; save the file as UTF-8"
    assert "not CSV" in reasons[4]
    assert "3 fields" in reasons[6]
    assert "not CSV" in reasons[7]


@pytest.mark.parametrize("kind", ["jsonl", "csv"])
def test_ten_megabytes_of_title_are_one_failure(tmp_path, kind):
    rows = [{"id": "1", "title": "x" * 10_000_000}, {"id": "2", "title": "Shoe"}]
    batch = entries(write(tmp_path, kind, rows))
    assert set(good(batch)) == {"2"}
    assert "title has 10,000,000 characters" in next(iter(bad(batch).values()))
    assert batch[0].id == "1"


def test_a_line_longer_than_memory_is_one_failure(tmp_path, monkeypatch):
    for module in ("lines", "json_lines"):
        monkeypatch.setattr(f"vlclip.engine.tables.{module}.MAX_ROW", 1000)
    file = tmp_path / "a.jsonl"
    file.write_text(json.dumps({"id": "1", "title": "x" * 5000}) + '\n{"id": "2"}\n')
    batch = list(Jsonl(file).rows())
    assert [(row.number, row.values, "longer than 1,000" in row.problem) for row in batch] == [
        (1, {}, True),
        (2, {"id": "2"}, False),
    ]


def test_nan_as_python_writes_it_is_taken_from_json(tmp_path):
    file = tmp_path / "a.jsonl"
    file.write_text('{"id": "1", "price": NaN, "size": 3}\n{"id": "2", "price": Infinity}\n')
    batch = entries(file)
    assert good(batch)["1"].price is None
    assert batch[0].warnings == ("price is NaN; kept without a price",)
    assert batch[1].warnings == ("price is infinite; kept without a price",)


def test_a_json_array_may_lie_in_an_object_and_objects_may_be_kept_by_id(tmp_path):
    file = tmp_path / "a.json"
    file.write_text(json.dumps({"version": 2, "products": ROWS}))
    assert set(good(entries(file))) == {"1", "2", "3"}
    file.write_text(json.dumps({row["id"]: {"title": row["title"]} for row in ROWS}))
    assert good(entries(file))["1"].title == "Red shoe"


def test_a_json_array_too_large_to_read_whole_says_what_to_write_instead(tmp_path, monkeypatch):
    monkeypatch.setattr("vlclip.engine.tables.json_array.MAX_JSON", 10)
    with pytest.raises(CatalogueError, match="one object a line"):
        open_catalogue(write(tmp_path, "json"))


def test_a_parquet_file_damaged_in_the_middle_ends_the_reading(tmp_path):
    file = write(tmp_path, "parquet", [{"id": str(n), "title": f"{n * 7919}" * 20} for n in range(3000)])
    content = bytearray(file.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 400] = bytes(400)
    file.write_bytes(content)
    with pytest.raises(TableError, match="that can be read"):
        entries(file)


def test_photos_in_parquet_are_bytes_and_so_are_those_of_hugging_face(tmp_path):
    for image in (b"photo", {"bytes": b"photo", "path": None}):
        file = write(tmp_path, "parquet", [{"id": "1", "image": image}])
        assert good(entries(file))["1"].image == b"photo"


@pytest.mark.parametrize("kind", ["jsonl", "csv", "parquet"])
def test_memory_does_not_grow_with_the_rows(tmp_path, kind):
    def peak(rows):
        file = write(tmp_path, kind, [{"id": str(n), "title": "x" * 200} for n in range(rows)])
        catalogue = open_catalogue(file)
        columns = map_columns(catalogue)
        tracemalloc.start()
        count = sum(1 for _ in catalogue.entries(columns))
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert count == rows
        return size

    peak(3000)
    assert peak(8000) < peak(1000) + 500_000  # freed tuples that Python keeps, up to 2,000 of each size


def test_batches_are_cut_by_number_and_by_the_weight_of_their_photos():
    from vlclip.engine.item import Item

    def entry(weight):
        return Entry(source="x", row=1, id="a", item=Item("a", image=b"x" * weight))

    assert [len(batch) for batch in batched([entry(1)] * 7, 3)] == [3, 3, 1]
    assert [len(batch) for batch in batched([entry(60)] * 5, 3, max_bytes=100)] == [1] * 5
    assert [len(batch) for batch in batched([entry(500)] * 2, 3, max_bytes=100)] == [1, 1]


@given(
    st.lists(
        st.tuples(*[st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=8)] * 3),
        max_size=8,
    )
)
def test_a_csv_reads_back_what_was_written(tmp_path_factory, rows):
    import csv

    file = tmp_path_factory.mktemp("csv") / "a.csv"
    with file.open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out)
        writer.writerows([("id", "title", "colour"), *rows])
    read = [tuple(row.values.values()) for row in Csv(file).rows() if not row.problem]
    assert read == [row for row in rows if any(row)] or read == rows


def test_the_real_catalogues_are_read_without_any_mapping(data):
    shop = good(entries(data / "eshop" / "catalog.json"))
    assert len(shop) == 101
    assert shop["1"].image == "images/1.webp"
    assert shop["1"].product_type == "Footwear"
    catalogue = open_catalogue(data / "fashion")
    assert catalogue.total() == 39_957
    first = next(catalogue.entries(map_columns(catalogue)))
    assert isinstance(first.item.image, bytes)
