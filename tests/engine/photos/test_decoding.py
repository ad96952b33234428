import struct
import zlib
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.ingestion.fakes import photo_bytes
from vlclip.engine.errors import PhotoError
from vlclip.engine.photos.decoding import decode
from vlclip.engine.photos.room import Limits

LIMITS = Limits()


def saved(image, format, **options):
    out = BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def bomb(side):
    """A square PNG of black pixels, one bit each: small on disk."""

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    packer = zlib.compressobj(1)
    row = bytes(1 + (side + 7) // 8) * 100
    body = b"".join(packer.compress(row) for _ in range(side // 100)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
def test_the_usual_formats_come_out_as_rgb(format):
    photo = decode(photo_bytes("white", format=format), LIMITS)
    assert (photo.mode, photo.size) == ("RGB", (40, 30))
    assert photo.getpixel((5, 5)) == (255, 255, 255)


@pytest.mark.parametrize("limit", [LIMITS.max_pixels, 10**12])
def test_a_png_of_30000_by_30000_is_refused_from_its_header(limit):
    data = bomb(30_000)
    assert len(data) < 1_000_000
    with pytest.raises(PhotoError, match="pixels"):
        decode(data, Limits(limit))


def test_the_limit_is_the_setting():
    data = photo_bytes(size=(100, 100))
    assert decode(data, Limits(10_000)).size == (100, 100)
    with pytest.raises(PhotoError, match="100 by 100 pixels; at most 9,999"):
        decode(data, Limits(9_999))


def test_a_photo_thin_as_a_thread_is_refused():
    with pytest.raises(PhotoError, match="too thin"):
        decode(photo_bytes(size=(3000, 10), format="PNG"), LIMITS)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (photo_bytes()[:300], "damaged"),
        (photo_bytes(size=(400, 400), quality=95)[:-900], "damaged"),
        (b"just some text, saved as shoe.jpg", "not an image .it starts with 'just som'"),
        (b"<!DOCTYPE html><html>Not found</html>", "web page"),
        (b"", "empty"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not an image"),
    ],
)
def test_what_is_no_photo_says_what_it_is(data, reason):
    with pytest.raises(PhotoError, match=reason):
        decode(data, LIMITS)


@given(st.binary(max_size=200), st.sampled_from(["JPEG", "PNG", "WEBP", "GIF", "TIFF"]), st.integers(0, 400))
@settings(max_examples=150)
def test_whatever_the_bytes_are_the_answer_is_a_photo_or_a_photo_error(noise, format, at):
    good = photo_bytes(format=format)
    data = good[:at] + noise + good[at + len(noise) :]
    try:
        assert decode(data, LIMITS).mode == "RGB"
    except PhotoError:
        return


@pytest.mark.parametrize("format", ["GIF", "WEBP"])
def test_of_an_animation_the_first_frame_counts(format):
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("white", "black", "black")]
    data = saved(frames[0], format, save_all=True, append_images=frames[1:], duration=100)
    assert decode(data, LIMITS).getpixel((10, 10)) == (255, 255, 255)


def test_a_photo_is_turned_as_its_exif_tag_says():
    exif = Image.Exif()
    exif[0x0112] = 6
    data = photo_bytes(size=(40, 20), exif=exif.tobytes())
    assert decode(data, LIMITS).size == (20, 40)


def test_transparent_parts_are_white():
    clear = Image.new("RGBA", (10, 10), (255, 0, 0, 0))
    palette = Image.new("P", (10, 10), 0)
    palette.putpalette([255, 0, 0] * 256)
    for data in (
        saved(clear, "PNG"),
        saved(clear, "WEBP", lossless=True),
        saved(Image.new("LA", (10, 10), (0, 0)), "PNG"),
        saved(palette, "PNG", transparency=0),
        saved(palette, "PNG", transparency=bytes(256)),
        saved(palette, "GIF", transparency=0),
        saved(Image.new("RGB", (10, 10), "red"), "PNG", transparency=(255, 0, 0)),
    ):
        assert decode(data, LIMITS).getpixel((5, 5)) == (255, 255, 255)


def test_cmyk_and_palettes_become_rgb():
    assert decode(saved(Image.new("CMYK", (10, 10)), "JPEG"), LIMITS).mode == "RGB"
    palette = Image.new("RGB", (10, 10), "white").quantize(4)
    assert decode(saved(palette, "PNG"), LIMITS).getpixel((5, 5)) == (255, 255, 255)


def test_sixteen_bits_are_scaled_not_clipped():
    ramp = np.linspace(0, 65535, 256).astype(np.uint16).reshape(16, 16)
    shades = np.asarray(decode(saved(Image.fromarray(ramp), "PNG"), LIMITS))[..., 0].ravel()
    assert np.abs(shades.astype(int) - np.arange(256)).max() <= 1


def test_a_large_jpeg_is_decoded_at_a_smaller_scale_that_looks_the_same():
    gradient = np.linspace(0, 255, 4000).astype(np.uint8)
    large = Image.fromarray(np.stack([np.tile(gradient, (2400, 1))] * 3, axis=-1))
    photo = decode(saved(large, "JPEG"), LIMITS)
    assert photo.size == (2000, 1200)
    small, reference = (np.asarray(p.resize((50, 30)), dtype=float) for p in (photo, large))
    assert np.abs(small - reference).max() < 3
