import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ingestion.fakes import photo_bytes
from vlclip.ingestion.reading.photo_columns import likely_photo_columns


@pytest.fixture
def folder(tmp_path):
    for number in range(3):
        (tmp_path / f"{number}.jpg").write_bytes(photo_bytes())
    return tmp_path


@pytest.mark.parametrize(
    "cells",
    [
        ["0.jpg", "1.jpg", "2.jpg"],
        ["0.jpg", "", "no_selection"],
        ["0.jpg|1.jpg", "2.jpg"],
        ["https://a.example/0.jpg", "https://a.example/1.png?w=2"],
        [["0.jpg"], ["1.jpg", "2.jpg"]],
    ],
)
def test_a_column_of_pictures_is_recognised_whatever_its_name(folder, cells):
    rows = [{"column": cell, "title": "A"} for cell in cells]
    assert likely_photo_columns(["title", "column"], rows, folder) == ("column",)


@pytest.mark.parametrize(
    ("name", "cells", "is_likely"),
    [
        ("base_image", ["https://a.example/show?id=1"], True),
        ("link", ["https://a.example/show?id=1"], False),
        ("image_alt", ["A red shoe", "A blue one"], False),
        ("image_width", [640, 480], False),
        ("base_image", ["/m/b/mb01.jpg"], True),
        ("file", ["manual.jpg"], False),
        ("image", [{"alt": "x"}], False),
        ("files", ["0.jpg", "a.pdf", "b.pdf"], False),
    ],
)
def test_where_values_do_not_decide_the_name_does(folder, name, cells, is_likely):
    rows = [{name: cell} for cell in cells]
    assert likely_photo_columns([name], rows, folder) == ((name,) if is_likely else ())


@given(st.lists(st.none() | st.text(max_size=20) | st.integers() | st.booleans(), max_size=5))
def test_any_values_are_looked_at(tmp_path_factory, cells):
    rows = [{"a": cell} for cell in cells]
    assert likely_photo_columns(["a"], rows, tmp_path_factory.getbasetemp()) in ((), ("a",))
