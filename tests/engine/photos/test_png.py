import zlib
from io import BytesIO

from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from tests.engine.photos.kinds import TURNED, saved
from vlclip.engine.photos.decoding import decode
from vlclip.engine.photos.png import TEXTS, without_bulky_texts
from vlclip.engine.photos.room import Limits


def with_texts(count, size=10, **options):
    texts = PngImagePlugin.PngInfo()
    for number in range(count):
        add = texts.add_itxt if number % 2 else texts.add_text
        add(f"text{number}", "x" * size, zip=True)
    return saved(Image.linear_gradient("L").resize((30, 20)), "PNG", pnginfo=texts, **options)


@given(st.integers(0, 3 * TEXTS))
def test_no_more_than_a_few_texts_are_read_and_the_photo_is_the_same(count):
    data = with_texts(count)
    with Image.open(BytesIO(without_bulky_texts(data))) as photo:
        photo.load()
        assert len(photo.text) == min(count, TEXTS)
    assert decode(data, Limits()).tobytes() == decode(with_texts(0), Limits()).tobytes()
    assert count > TEXTS or without_bulky_texts(data) is data


def test_texts_that_unpack_to_more_than_pillow_takes_do_not_hide_the_photo():
    data = with_texts(80, 1_000_000, exif=TURNED)
    assert len(data) < 200_000
    assert decode(data, Limits()).size == (20, 30)


@given(st.binary(max_size=300), st.integers(0, 300))
def test_whatever_the_bytes_are_it_ends(noise, at):
    data = with_texts(TEXTS + 2)
    without_bulky_texts(data[:at] + noise)
    without_bulky_texts(data[:at] + noise + data[at:])
    without_bulky_texts(b"\x89PNG\r\n\x1a\n" + zlib.compress(noise))
