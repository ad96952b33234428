"""Decoding in little memory gives the pixels of decoding at full size."""

from io import BytesIO

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from tests.engine.photos.kinds import kinds, saved
from vlclip.engine.photos import decoding
from vlclip.engine.photos.decoding import DRAFT_SIDE, decode
from vlclip.engine.photos.room import Limits


def at_once(data: bytes, draft: int = DRAFT_SIDE) -> Image.Image:
    """The photo by whole copies: decoded, turned, as RGBA, on white, as RGB."""
    with Image.open(BytesIO(data)) as image:
        image.draft("RGB", (draft, draft))
        image.load()
        upright = ImageOps.exif_transpose(image)
    if upright.mode == "F" or upright.mode.startswith("I"):
        grey = np.nan_to_num(np.asarray(upright, dtype=np.float32))
        peak = float(grey.max(initial=0))
        scale = 255.0 if peak <= 1 else 1.0 if peak <= 255 else 255 / max(peak, 65535.0)
        return Image.fromarray((grey * scale).clip(0, 255).astype(np.uint8)).convert("RGB")
    if upright.has_transparency_data:
        layer = upright.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")
    return upright.convert("RGB")


def assert_equal(photo: Image.Image, reference: Image.Image, kind: str) -> None:
    assert (photo.mode, photo.size) == ("RGB", reference.size), kind
    assert photo.tobytes() == reference.tobytes(), kind


@given(st.integers(20, 90), st.integers(20, 90), st.integers(0, 9), st.sampled_from([40, 256, 1 << 18]))
@settings(max_examples=3, deadline=None)
def test_every_kind_has_the_pixels_of_whole_copies_however_high_a_strip_is(width, height, seed, strip):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decoding, "STRIP_PIXELS", strip)
        for kind, data in kinds(width, height, seed):
            assert_equal(decode(data, Limits()), at_once(data), kind)


@given(st.integers(60, 200), st.integers(60, 200), st.integers(0, 9))
@settings(max_examples=3, deadline=None)
def test_a_large_photo_is_the_whole_one_shrunk(width, height, seed):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decoding, "WHOLE_PIXELS", 3000)
        patch.setattr(decoding, "DRAFT_SIDE", 24)
        patch.setattr(decoding, "STRIP_PIXELS", 500)
        for kind, data in kinds(width, height, seed):
            photo, whole = decode(data, Limits()), at_once(data, 24)
            factor = decoding._factor(*whole.size)
            assert min(photo.size) >= 24, kind
            if factor == 1 or "turned" not in kind:  # those are turned when they are small already
                assert_equal(photo, whole.reduce(factor), kind)


def test_up_to_its_limit_a_photo_keeps_every_pixel():
    for side, shrunk in ((2048, 2048), (2100, 1050)):
        data = saved(Image.linear_gradient("L").resize((side, side)), "PNG", transparency=9)
        photo = decode(data, Limits())
        assert photo.size == (shrunk, shrunk)
        if side == shrunk:
            assert_equal(photo, at_once(data), "png")
