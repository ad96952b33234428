"""Which library runs a shop's models is told where the service is watched."""

from __future__ import annotations

import shutil

from fastapi.testclient import TestClient

from vlclip.service.api.app import create_app
from vlclip.service.settings import Settings
from vlclip.service.shop.shop import Shop


def test_metrics_say_what_runs_the_models_once_they_are_loaded(filled, tmp_path):
    folder = shutil.copytree(filled, tmp_path / "store")
    shop = Shop(Settings.load(store=str(folder), device="cpu"))
    try:
        client = TestClient(create_app(shop))
        assert 'runtime=""' in client.get("/metrics").text
        shop.warm()
        assert 'runtime="torch"' in client.get("/metrics").text
    finally:
        shop.close()


def test_graphs_that_a_model_lacks_are_told_before_the_first_question(filled, tmp_path):
    folder = shutil.copytree(filled, tmp_path / "store")
    shop = Shop(Settings.load(store=str(folder), device="cpu", runtime="onnx"))
    try:
        shop.warm()
        assert not shop.is_ready
        assert "vlclip export-model" in shop.why_not_ready
    finally:
        shop.close()
