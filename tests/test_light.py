"""What `pip install vlclip` brings is enough: no command that a shop needs imports PyTorch.

In the development environment, where everything is installed, the packages of the extras are blocked;
`make test-light` runs this where they are not installed.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.blocked import without

EXTRAS = (
    "torch", "torchvision", "open_clip", "timm", "transformers", "sentence_transformers", "safetensors",
    "onnx", "onnxscript", "matplotlib", "openai", "groundingdino", "ray", "s3fs", "redis", "locust",
    "opentelemetry.sdk",
)  # fmt: skip
NEED_TORCH = {"train", "train-grounder"}


def run(program: str, *arguments: str, status: int = 0) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-c", without(EXTRAS) + program, *arguments]
    ended = subprocess.run(words, capture_output=True, text=True, check=False)
    assert ended.returncode == status, ended.stderr
    return ended


COMMAND = "from vlclip.service.cli import main; main()"


def test_every_command_loads_but_those_that_train():
    program = """
from vlclip.service.cli import COMMANDS, load_command
from vlclip.engine.errors import MissingExtra
missing = []
for name in COMMANDS:
    try:
        load_command(name)
    except MissingExtra as error:
        missing.append(name)
print(*missing)
"""
    assert set(run(program).stdout.split()) == NEED_TORCH


@pytest.mark.parametrize("words", [("train", "a.json", "b"), ("export-model", "ViT-B-32/openai", "folder")])
def test_what_needs_an_extra_says_which(words):
    assert "pip install 'vlclip[models]'" in " ".join(run(COMMAND, *words, status=1).stderr.split())


def test_a_model_by_name_says_which_extra_it_needs(tmp_path):
    (tmp_path / "products.csv").write_text("id,title\n1,red shoe\n")
    words = (
        "ingest",
        str(tmp_path / "products.csv"),
        "--store",
        str(tmp_path / "s"),
        "--clip",
        "ViT-B-32/openai",
    )
    assert "pip install 'vlclip[models]'" in " ".join(run(COMMAND, *words, status=1).stderr.split())


@pytest.fixture(scope="module")
def demo(tmp_path_factory) -> Path:
    """The demo's folder: drawn, cropped, encoded, listed, simulated and replayed."""
    folder = tmp_path_factory.mktemp("light")
    ended = run(COMMAND, "demo", "--folder", str(folder), "--count", "60", "--json")
    assert json.loads(ended.stdout)["failed"] == 0
    return folder


def test_the_demo_runs_and_its_report_says_how_to_get_pictures(demo):
    replay = (demo / "replay.html").read_text()
    assert "pip install 'vlclip[reports]'" in replay
    assert "<table" in replay


def test_a_store_is_searched_and_served(demo):
    words = ("search", "red shoe", "--store", str(demo / "store"), "--json")
    assert json.loads(run(COMMAND, *words).stdout)["results"]
    program = f"""
from fastapi.testclient import TestClient
from vlclip.service.api.app import create_app
from vlclip.service.settings import Settings
from vlclip.service.shop.shop import Shop
shop = Shop(Settings.load(store={str(demo / "store")!r}))
with TestClient(create_app(shop), base_url="http://localhost") as client:
    import time
    while client.get("/readyz").status_code != 200:
        time.sleep(0.1)
    answer = client.post("/v1/search", json={{"text": "red shoe"}}).json()
    item = answer["results"][0]["id"]
    assert client.get(f"/v1/items/{{item}}/similar").json()["results"]
    assert client.put("/v1/items/new", json={{"title": "Blue hat"}}).status_code == 200
"""
    run(program)
