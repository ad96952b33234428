import base64
import json
import tempfile
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlclip.engine.errors import ItemError
from vlclip.ingestion.reading.catalogue import open_catalogue
from vlclip.ingestion.reading.guesses import map_columns
from vlclip.ingestion.reading.photo_cell import MAIN, PHOTO_KEYS, VIEWS, is_no_photo, read_photo, read_photos

EMPTY = st.sampled_from(
    [None, "", " ", [], {}, "null", "N/A", {"url": None}, [None], b"", "no_selection", False]
)
PATHS = st.from_regex(r"[a-z]{1,8}/[a-z0-9]{1,8}\.jpg", fullmatch=True)


@pytest.mark.parametrize(
    ("cell", "photo"),
    [
        ("a.jpg", "a.jpg"),
        (" a.jpg ", "a.jpg"),
        (b"xx", b"xx"),
        (b"", None),
        (["a.jpg", "b.jpg"], "a.jpg"),
        ([None, "", "null", "b.jpg"], "b.jpg"),
        ({"bytes": b"xx", "path": "a.jpg"}, b"xx"),
        ({"bytes": None, "path": "a.jpg"}, "a.jpg"),
        ({"large": "l.jpg", "thumb": "t.jpg", "hi_res": None}, "l.jpg"),
        ([{"hi_res": "h.jpg"}], "h.jpg"),
        ({"@type": "ImageObject", "contentUrl": "c.jpg"}, "c.jpg"),
        ([{"link": "l.jpg"}], "l.jpg"),
        ({"href": "h.jpg"}, "h.jpg"),
        ({"large": {"url": "l.jpg"}}, "l.jpg"),
        ({"hi_res": [None, "2.jpg"], "large": ["1.jpg", "3.jpg"]}, "1.jpg"),
        ([{"foo": 1}, "a.jpg"], "a.jpg"),
        ('["a.jpg", "b.jpg"]', "a.jpg"),
        ('{"url": "a.jpg"}', "a.jpg"),
        ("[a].jpg", "[a].jpg"),
        ('"http://a.example/a.jpg"', "http://a.example/a.jpg"),
        ("//a.example/a.jpg", "https://a.example/a.jpg"),
        ("http://a.example/a.jpg?a=1&amp;b=2&copy=3", "http://a.example/a.jpg?a=1&b=2&copy=3"),
        ("data:image/png;base64,eHg=", b"xx"),
        ("data:image/png;charset=utf-8;base64,eH\ng=", b"xx"),
        (None, None),
        ([], None),
        ({"url": None, "alt": "a shoe"}, None),
        ({"url": "no_selection"}, None),
        (float("nan"), None),
    ],
)
def test_photos(cell, photo):
    assert read_photo(cell) == photo


@pytest.mark.parametrize(
    "word", ["no_selection", "null", "NULL", "None", "N/A", "n/a", "-", "--", "NaN", "no image"]
)
def test_words_that_mean_no_photo(word):
    assert is_no_photo(word)
    assert read_photo(word) is None
    assert read_photo(f"{word}.jpg") is not None


@pytest.mark.parametrize(
    "cell", [{"foo": "x"}, [{"foo": "x"}], {"url": {"foo": 1}}, True, float("inf"), [True, None]]
)
def test_a_photo_that_is_given_but_cannot_be_read_is_refused(cell):
    with pytest.raises(ItemError, match="the photo is"):
        read_photo(cell)


def test_the_keys_of_an_object_that_is_no_photo_are_named():
    with pytest.raises(ItemError, match=r"its keys: caption, colour"):
        read_photo({"colour": "red", "caption": "x"})


@pytest.mark.parametrize("address", ["data:image/png;base64,e_!", "data:image/svg+xml;utf8,<svg/>"])
def test_a_data_address_that_is_not_base64_is_refused(address):
    with pytest.raises(ItemError, match="base64"):
        read_photo(address)


@given(
    st.lists(EMPTY, max_size=4),
    PATHS,
    st.lists(EMPTY | PATHS, max_size=3),
    st.sampled_from([None, *PHOTO_KEYS]),
)
def test_the_first_photo_of_a_list_is_read_whatever_is_empty_before_it(before, path, after, key):
    photo = path if key is None else {key: path, "caption": "x"}
    assert read_photo([*before, photo, *after]) == path
    assert read_photo({"url": [*before, path, *after]}) == path


@given(st.binary(min_size=1))
def test_bytes_come_back_from_a_data_address(data):
    assert read_photo("data:image/jpeg;base64," + base64.b64encode(data).decode()) == data


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4) | st.just("url"), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(JSON)
def test_any_cell_is_a_photo_or_none_or_refused(cell):
    try:
        photo = read_photo(cell)
    except ItemError:
        return
    assert photo is None or (isinstance(photo, bytes | str) and photo)


@given(st.lists(st.lists(st.none() | st.just("") | PATHS, max_size=3), min_size=1, max_size=5))
def test_lists_in_parquet_give_their_first_photo(cells):
    frame = pl.DataFrame(
        {"id": [str(row) for row in range(len(cells))], "images": cells},
        schema={"id": pl.String, "images": pl.List(pl.String)},
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "shop.parquet"
        frame.write_parquet(path)
        catalogue = open_catalogue(path)
        images = [entry.item.image for entry in catalogue.entries(map_columns(catalogue))]
    assert images == [next((path for path in row if path), None) for row in cells]


@given(st.lists(EMPTY | PATHS, max_size=5))
def test_every_photo_of_a_list_is_read_once_and_in_order(cells):
    paths = [cell for cell in cells if isinstance(cell, str) and cell.endswith(".jpg")]
    assert read_photos(cells).photos == tuple(dict.fromkeys(paths))
    assert read_photos(str(paths)).photos == tuple(dict.fromkeys(paths))
    assert read_photos(", ".join(paths)).photos == tuple(dict.fromkeys(paths))


@pytest.mark.parametrize(
    ("cell", "photos"),
    [
        ("['a.jpg', 'b.jpg']", ("a.jpg", "b.jpg")),
        ("{a.jpg,b.jpg}", ("a.jpg", "b.jpg")),
        ('[{"src": "a.jpg", "alt": "x"}, {"src": "b.jpg"}]', ("a.jpg", "b.jpg")),
        ({"hi_res": [None, "2h.jpg"], "large": ["1.jpg", "2.jpg", "3.jpg"]}, ("1.jpg", "2h.jpg", "3.jpg")),
        ({"large": "l.jpg", "thumb": "t.jpg"}, ("l.jpg",)),
        ([b"xx", "a.jpg"], (b"xx", "a.jpg")),
        ("http:\\\\a.example\\a.jpg", ("http://a.example/a.jpg",)),
    ],
)
def test_several_photos(cell, photos):
    assert read_photos(cell).photos == photos


def test_what_cannot_be_read_beside_a_photo_is_named():
    reading = read_photos([{"foo": 1}, "a.jpg"])
    assert reading.photos == ("a.jpg",)
    assert "an object without a path" in reading.refusal


@given(st.binary(min_size=60, max_size=90), st.booleans())
def test_base64_alone_is_a_photo_if_it_begins_as_one(data, is_wrapped):
    jpeg = b"\xff\xd8\xff" + data
    encoded = (base64.encodebytes(jpeg) if is_wrapped else base64.b64encode(jpeg)).decode()
    assert read_photo(encoded) == jpeg
    assert read_photo("/9j-no photo/" + "a" * 80) != jpeg


@pytest.mark.parametrize(
    "cell",
    [
        {"secure_url": "a.jpg", "public_id": "7"},
        {"urls": ["a.jpg"]},
        {"sizes": {"large": {"url": "a.jpg"}}},
        {"edges": [{"node": {"url": "a.jpg", "altText": None}}]},
        {"data": {"id": 1, "attributes": {"url": "a.jpg"}}},
        {"uri": "a.jpg"},
    ],
)
def test_photos_are_read_where_shops_keep_them_deeper(cell):
    assert read_photo(cell) == "a.jpg"
    assert read_photo([None, cell]) == "a.jpg"


@given(
    views=st.lists(st.sampled_from(sorted(VIEWS - set(MAIN))), min_size=1, max_size=4, unique=True),
    main=st.sampled_from(MAIN),
    place=st.integers(0, 4),
    is_object=st.booleans(),
)
def test_every_view_of_an_object_is_a_photo_the_main_one_first(views, main, place, is_object):
    names = [*views[:place], main, *views[place:]]
    cell = {name: {"url": f"{name}/1.jpg"} if is_object else f"{name}/1.jpg" for name in names}
    right = tuple(f"{name}/1.jpg" for name in (main, *views))
    assert read_photos(cell).photos == right
    assert read_photos([cell, "z/1.jpg"]).photos == (*right, "z/1.jpg")


@given(
    places=st.lists(st.integers(0, 5), min_size=1, max_size=6),
    key=st.sampled_from(["position", "sort", "order", "sort_order", "sortOrder"]),
    is_text=st.booleans(),
    first=st.none() | st.sampled_from(["is_thumbnail", "types"]),
    chosen=st.integers(0, 5),
)
def test_photos_that_say_their_place_are_in_its_order(places, key, is_text, first, chosen):
    photos = [
        {"url": f"p/{number}.jpg", key: str(place) if is_text else place}
        for number, place in enumerate(places)
    ]
    right = [photo["url"] for _, photo in sorted(zip(places, photos, strict=True), key=lambda pair: pair[0])]
    if first and chosen < len(photos):
        for number, photo in enumerate(photos):
            photo[first] = (
                ["image", "thumbnail"] * (number == chosen) if first == "types" else number == chosen
            )
        right.sort(key=lambda url: url != f"p/{chosen}.jpg")
    assert read_photos(photos).photos == tuple(right)
    assert read_photos(json.dumps(photos)).photos == tuple(right)


def _wrapped(inner):
    return st.dictionaries(st.text("abcdefghij", min_size=3, max_size=9), inner, min_size=1, max_size=1)


@given(
    st.recursive(PATHS.filter(lambda path: "_" not in path), _wrapped, max_leaves=4).filter(
        lambda cell: isinstance(cell, dict)
    ),
    st.booleans(),
)
def test_a_name_that_ends_as_photos_do_is_read_under_any_key(cell, is_listed):
    path = cell
    while isinstance(path, dict):
        path = next(iter(path.values()))
    beside = {"zz caption": "red", "zz number": 7}
    assert read_photo([None, {**cell, **beside}] if is_listed else {**cell, **beside}) == path


@given(st.lists(PATHS, min_size=1, max_size=4, unique=True))
def test_numbered_photos_are_all_read(paths):
    assert read_photos({str(n): {"url": path} for n, path in enumerate(paths)}).photos == tuple(paths)


@given(
    st.lists(st.tuples(PATHS, st.integers(1, 4000)), min_size=1, max_size=5, unique_by=lambda size: size[1]),
    st.sampled_from(["w", "x"]),
    st.sampled_from([", ", ",", ",\n  "]),
)
def test_of_the_sizes_of_a_srcset_the_largest_is_the_photo(sizes, unit, between):
    srcset = between.join(f"https://x/w_3,h_4/{path} {size}{unit}" for path, size in sizes)
    path = max(sizes, key=lambda part: part[1])[0]
    assert read_photos(srcset).photos == (f"https://x/w_3,h_4/{path}",)


@given(st.lists(PATHS, min_size=1, max_size=3, unique=True), st.sampled_from("\"'"))
def test_photos_in_html_are_read(paths, quote):
    tags = "".join(f"<p><img alt='x' src={quote}https://x/{path}?a=1&amp;b=2{quote} /></p>" for path in paths)
    assert read_photos(tags).photos == tuple(f"https://x/{path}?a=1&b=2" for path in paths)


@given(
    st.dictionaries(
        st.sampled_from([*MAIN, *sorted(VIEWS - set(MAIN)), "zurück", "foo", "Ansicht 2", "vista_lateral"]),
        PATHS,
        min_size=1,
        max_size=6,
    ),
    st.dictionaries(st.sampled_from(["large", "thumb", "url", "hi_res"]), PATHS, max_size=2),
    st.booleans(),
)
def test_no_view_of_an_object_is_lost_whatever_it_is_called_and_whatever_is_beside(views, sizes, is_nested):
    cell = {name: {"src": path} if is_nested else path for name, path in views.items()} | sizes
    words = {"alt": "red shoe.jpg", "page": "https://shop.example/shoes", "width": 800}
    photos = read_photos(cell | words).photos
    assert set(views.values()) <= set(photos)
    assert "red shoe.jpg" not in photos
    assert "https://shop.example/shoes" not in photos
    assert len(set(photos) - set(views.values())) <= 1  # of the sizes of one photo the best
    if main := [views[name] for name in MAIN if name in views]:
        assert photos[0] == main[0]


@given(st.lists(PATHS, min_size=2, max_size=5, unique=True), st.data())
def test_photos_deeper_in_a_list_are_in_the_order_that_they_say(paths, data):
    places = data.draw(st.permutations(range(len(paths))))
    around = data.draw(st.sampled_from(["node", "attributes", "image"]))
    cells = [{around: {"url": path, "position": place}} for path, place in zip(paths, places, strict=True)]
    expected = tuple(path for _, path in sorted(zip(places, paths, strict=True)))
    assert read_photos(cells).photos == expected
    assert read_photos({"edges": cells}).photos == expected
