"""What is sent, and what never is."""

from __future__ import annotations

import base64
import io
import json
from dataclasses import replace

import pytest
from PIL import Image

from vlclip.engine.errors import RefinementError
from vlclip.engine.photos.room import Limits
from vlclip.engine.refinement.messages import messages, photo_url, product_data
from vlclip.engine.refinement.prompt import ROLES, load_prompt, prompts


def jpeg(size=(900, 300), **options) -> bytes:
    data = io.BytesIO()
    Image.new("RGB", size, (200, 30, 30)).save(data, "JPEG", **options)
    return data.getvalue()


def test_prompts_have_ids_versions_and_hashes_of_the_whole_file(tmp_path):
    assert [prompt.id for prompt in prompts().values()] == list(ROLES)
    assert all(len(prompt.digest) == 64 and prompt.version and prompt.text for prompt in prompts().values())
    file = tmp_path / "p.md"
    file.write_text("---\nid: a\nversion: 1\n---\nSay it.\n")
    first = load_prompt(file)
    file.write_text("---\nid: a\nversion: 2\n---\nSay it.\n")
    assert (first.text, load_prompt(file).text) == ("Say it.", "Say it.")
    assert load_prompt(file).digest != first.digest
    file.write_text("Say it.")
    with pytest.raises(RefinementError, match="must begin"):
        load_prompt(file)


def test_the_fields_are_sent_and_nothing_else(shirt):
    data = product_data(replace(shirt, image="https://shop.example/secret.jpg", popularity=0.7))
    assert set(data) == {"product_type", "brand", "title", "description", "attributes"}
    sent = json.dumps(messages(prompts()["summarizer"], {"product": data}, None))
    for secret in ("s1", "999", "secret", "0.7"):
        assert secret not in sent


def test_long_fields_are_cut(shirt):
    long = {f"a{n}": "v" * 500 for n in range(200)}
    data = product_data(replace(shirt, title="t" * 5000, description="d" * 20_000, attributes=long))
    assert len(json.dumps(data)) < 5000


def test_the_photo_goes_along_small_and_without_metadata():
    exif = Image.Exif()
    exif[0x010E] = "taken at home"
    url = photo_url(jpeg(exif=exif), Limits())
    photo = base64.b64decode(url.removeprefix("data:image/jpeg;base64,"))
    assert b"taken at home" not in photo
    with Image.open(io.BytesIO(photo)) as sent:
        assert max(sent.size) == 512
    chat = messages(prompts()["evaluator"], {"product": {}, "text": "x"}, url)
    assert [part["type"] for part in chat[1]["content"]] == ["text", "image_url"]


@pytest.mark.parametrize("photo", [None, b"", b"no photo", jpeg()[:200]])
def test_a_photo_that_cannot_be_read_is_not_sent(photo):
    assert photo_url(photo, Limits()) is None


def test_a_bomb_is_not_opened(monkeypatch):
    assert photo_url(jpeg((20, 20)), Limits(1000)) is not None
    assert photo_url(jpeg((100, 100)), Limits(1000)) is None
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 300)
    assert photo_url(jpeg((20, 20)), Limits()) is None
