"""What encodes a running shop's questions: ONNX Runtime where it is, and nothing but questions."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from fastapi.testclient import TestClient

from vlclip.engine.encoding import onnx_tower
from vlclip.engine.encoding.clip import Clip
from vlclip.engine.encoding.onnx_tower import OnnxTower
from vlclip.service.api.app import create_app
from vlclip.service.http.requests import ItemBody
from vlclip.service.settings import Settings
from vlclip.service.shop.shop import Shop


@pytest.fixture
def running(filled, tmp_path):
    """A way to open a shop on a copy of the store; it is closed afterwards."""
    opened = []

    def start(runtime):
        folder = shutil.copytree(filled, tmp_path / f"store-{runtime}")
        settings = Settings.load(store=str(folder), device="cpu", search={"query_runtime": runtime})
        opened.append(Shop(settings))
        return opened[-1]

    yield start
    for shop in opened:
        shop.close()


@pytest.fixture
def encoded(monkeypatch):
    """Which texts each runtime encodes from now on, in batches."""
    texts_by_runtime = {"torch": [], "onnx": []}
    for name, kind in (("torch", Clip), ("onnx", OnnxTower)):

        def noting(self, texts, *, own=kind.encode_texts, name=name, **more):
            texts_by_runtime[name].append(list(texts))
            return own(self, texts, **more)

        monkeypatch.setattr(kind, "encode_texts", noting)
    return texts_by_runtime


def test_questions_are_encoded_by_onnx_and_items_by_torch(running, encoded):
    shop = running("auto")
    shop.warm()
    assert shop.is_ready
    shop.recommender.search("red shoe")
    assert encoded == {"torch": [], "onnx": [["warm up"], ["red shoe"]]}
    shop.put([("new", ItemBody(title="Blue hat"))])
    assert [len(texts) for texts in encoded["torch"]] == [1]
    assert len(encoded["onnx"]) == 2


def test_lists_are_the_same_whoever_encodes(running):
    lists = {}
    for runtime in ("torch", "onnx"):
        shop = running(runtime)
        shop.warm()
        lists[runtime] = shop.recommender.search("a red shoe for the summer").results
    list_a, list_b = lists.values()
    assert [result.id for result in list_a] == [result.id for result in list_b]
    np.testing.assert_allclose(
        [result.score for result in list_a], [result.score for result in list_b], atol=1e-4
    )


@pytest.mark.parametrize("runtime", ["torch", "onnx"])
def test_metrics_say_which_it_is_once_it_is_loaded(running, runtime):
    shop = running(runtime)
    client = TestClient(create_app(shop))
    assert 'query_runtime=""' in client.get("/metrics").text
    shop.warm()
    assert f'query_runtime="{runtime}"' in client.get("/metrics").text


def test_what_is_asked_for_and_not_installed_is_told_before_the_first_question(running, monkeypatch):
    monkeypatch.setattr(onnx_tower, "PACKAGES", ("onnxabsent",))
    shop = running("onnx")
    shop.warm()
    assert not shop.is_ready
    assert "pip install 'vlclip[onnx]'" in shop.why_not_ready
    shop = running("auto")
    shop.warm()
    assert shop.is_ready
