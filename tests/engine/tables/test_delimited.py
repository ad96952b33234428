"""Quote marks in files of rows: what encloses a cell, what is text, what is stray."""

import csv

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vlclip.engine.tables.delimited import Csv
from vlclip.engine.tables.records import MAX_LINES

PLAIN = [
    "Wool hat",
    '"Vintage look trousers',
    'Wall mirror 13"',
    '"Nutty" spread',
    'A 5" and a 7" plate',
    "Cap",
]


def write(path, lines, name="items.tsv"):
    file = path / name
    file.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="")
    return file


def titles(file):
    return [row.values["title"] for row in Csv(file).rows() if not row.problem]


def problems(file):
    return {row.number: row.problem for row in Csv(file).rows() if row.problem}


def test_a_quote_in_a_file_split_at_tabs_is_text(tmp_path):
    file = write(tmp_path, ["id\ttitle\tkind", *(f"{n}\t{title}\tx" for n, title in enumerate(PLAIN))])
    assert titles(file) == PLAIN


@pytest.mark.parametrize("quoting", [csv.QUOTE_ALL, csv.QUOTE_MINIMAL, csv.QUOTE_NONNUMERIC])
def test_cells_between_tabs_that_are_quoted_are_read_with_their_line_breaks(tmp_path, quoting):
    texts = ["Wool hat", 'A 5" plate', "two\nlines", "a\ttab", 'both\n"of\tthem"', "Cap"]
    file = tmp_path / "items.tsv"
    with file.open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out, delimiter="\t", quoting=quoting)
        writer.writerows([("id", "title", "kind"), *((str(n), text, "x") for n, text in enumerate(texts))])
    assert titles(file) == texts


def test_one_stray_quote_does_not_make_a_quoted_file_plain(tmp_path):
    rows = [f'"{n}"\t"Hat ""{n}"""\t"x"' for n in range(6)]
    file = write(tmp_path, ['"id"\t"title"\t"kind"', *rows[:3], '"bad"\t"open\t"x', *rows[3:]])
    assert titles(file) == [f'Hat "{n}"' for n in range(6)]
    assert list(problems(file)) == [5]


@pytest.mark.parametrize("delimiter", [",", ";", "|"])
def test_a_stray_quote_in_a_csv_costs_its_own_row_alone(tmp_path, delimiter):
    lines = ["id,title,kind,size", *(f"{n},Thing {n},x,M" for n in range(9))]
    lines[4] = '3,"Vintage look,x,M'
    lines[7] = '6,Wall mirror 13",x,M'
    file = write(tmp_path, [line.replace(",", delimiter) for line in lines], "items.csv")
    assert [row.values["id"] for row in Csv(file).rows() if not row.problem] == [*"012", *"45678"]
    assert list(problems(file)) == [5]
    assert "stray; remove it, or put the cell in quotes and double" in problems(file)[5]


def test_a_quote_that_is_never_closed_costs_its_own_row_alone(tmp_path):
    count = 3 * MAX_LINES
    lines = ["id,title,kind", *(f"{n},Thing,x" for n in range(count))]
    for place in (10, 20, count - 5):
        lines[place] = f'{place - 1},"open,x'
    file = write(tmp_path, lines, "items.csv")
    assert len(titles(file)) == count - 3
    assert list(problems(file)) == [11, 21, count - 4]


def test_prose_with_line_breaks_and_commas_in_a_csv_is_one_cell(tmp_path):
    text = "Soft, warm, light\nWash at 30, dry flat, enjoy\n\nMade in Wales, UK, by hand"
    file = write(tmp_path, ["id,title,kind", f'1,"Hat, blue, {text}",x', "2,Cap,y"], "items.csv")
    rows = list(Csv(file).rows())
    assert [row.values["title"] for row in rows] == [f"Hat, blue, {text}", "Cap"]
    assert not any(row.doubt for row in rows)


def test_a_row_with_a_line_like_a_row_is_read_and_doubtful(tmp_path):
    file = write(tmp_path, ["id,title,kind", '1,"a table\n2,3,4\nof sizes",x', "2,Cap,y"], "items.csv")
    rows = list(Csv(file).rows())
    assert [row.values["title"] for row in rows] == ["a table\n2,3,4\nof sizes", "Cap"]
    assert [bool(row.doubt) for row in rows] == [True, False]


WORDS = st.text(st.sampled_from('ab "5'), min_size=1, max_size=8).filter(str.strip)


@given(st.lists(st.tuples(WORDS, WORDS), min_size=1, max_size=12))
@example([("5", '"'), ("5", '"'), ("5", '""""')])
def test_plain_text_between_tabs_gives_as_many_rows_as_lines(tmp_path_factory, cells):
    from vlclip.engine.tables.quotes import is_quoted

    lines = ["id\ttitle\tkind", *(f"{n}\t{title}\t{kind}" for n, (title, kind) in enumerate(cells))]
    file = write(tmp_path_factory.mktemp("tsv"), lines)
    rows = list(Csv(file).rows())
    assert [row.number for row in rows] == list(range(2, len(cells) + 2))
    if not is_quoted(lines, "\t"):
        assert [(row.values["title"], row.values["kind"]) for row in rows] == cells


@given(
    st.lists(st.text(st.sampled_from('ab "'), min_size=1, max_size=6), min_size=1, max_size=10),
    st.sampled_from(",;|"),
)
def test_a_csv_with_any_stray_quotes_loses_no_line_in_silence(tmp_path_factory, texts, delimiter):
    lines = [f"{n}{delimiter}{text}{delimiter}x{delimiter}y" for n, text in enumerate(texts)]
    file = write(tmp_path_factory.mktemp("csv"), [delimiter.join(("id", "title", "a", "b")), *lines], "a.csv")
    rows = list(Csv(file).rows())
    assert [row.number for row in rows] == list(range(2, len(lines) + 2)) or any(row.doubt for row in rows)


@given(
    st.lists(st.tuples(*[st.text(st.sampled_from('ab|"\n'), max_size=8)] * 3), min_size=1, max_size=8),
    st.sampled_from(
        [(",", csv.QUOTE_MINIMAL), (";", csv.QUOTE_MINIMAL), (";", csv.QUOTE_ALL), ("\t", csv.QUOTE_ALL)]
    ),
)
def test_what_a_csv_writer_wrote_is_read_back_or_is_a_problem_of_its_row(tmp_path_factory, cells, dialect):
    delimiter, quoting = dialect
    cells = [tuple(cell.replace("|", delimiter) for cell in row) for row in cells]
    file = tmp_path_factory.mktemp("csv") / "a.csv"
    with file.open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out, delimiter=delimiter, quoting=quoting)
        writer.writerow(("id", "title", "kind", "colour"))
        writer.writerows((str(n), *row) for n, row in enumerate(cells))
    read = {row.values["id"]: tuple(row.values.values())[1:] for row in Csv(file).rows() if not row.problem}
    has_problem = any(row.problem for row in Csv(file).rows())
    for n, row in enumerate(cells):
        assert read.get(str(n)) == row or has_problem


@given(st.sampled_from(",;|\t"), st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_a_first_line_that_names_the_delimiter_is_no_row(tmp_path_factory, delimiter, end, has_quotes):
    cell = '"a, b; c"' if has_quotes and delimiter != "\t" else "a"
    lines = [f"sep={delimiter}", delimiter.join(("id", "title")), delimiter.join(("1", cell))]
    file = tmp_path_factory.mktemp("sep") / "items.csv"
    file.write_bytes(end.join(lines).encode())
    assert [(row.number, dict(row.values)) for row in Csv(file).rows()] == [
        (3, {"id": "1", "title": cell.strip('"')})
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_text_with_a_byte_order_mark_is_read_in_its_encoding(tmp_path, encoding):
    file = tmp_path / "items.txt"
    mark = {"utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff"}.get(encoding, b"")
    file.write_bytes(mark + 'id\ttitle\r\n1\tGröße 7\r\n2\t13" 鏡\r\n'.encode(encoding))
    assert titles(file) == ["Größe 7", '13" 鏡']
    assert [row.number for row in Csv(file).rows()] == [2, 3]


def test_columns_of_one_name_are_one_column_of_lists(tmp_path):
    file = write(tmp_path, ["id\tdetail\tdetail\ttitle\tdetail", "1\ta\t\tHat\tb", "2\t\t\tCap\t"])
    assert Csv(file).columns() == ["id", "detail", "title"]
    assert [dict(row.values) for row in Csv(file).rows()] == [
        {"id": "1", "detail": ["a", "b"], "title": "Hat"},
        {"id": "2", "detail": [], "title": "Cap"},
    ]


def test_a_line_longer_than_memory_costs_itself_alone(tmp_path, monkeypatch):
    monkeypatch.setattr("vlclip.engine.tables.records.MAX_ROW", 100)
    monkeypatch.setattr("vlclip.engine.tables.lines._CHUNK", 50)
    file = write(tmp_path, ["id,title", "1,Hat", f"2,{'x' * 350}", '3,"Cap, red"'], "items.csv")
    assert titles(file) == ["Hat", "Cap, red"]
    assert "longer" in problems(file)[3]
