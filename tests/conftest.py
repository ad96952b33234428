"""Fixtures shared by the rooms' tests: a tiny CLIP with random weights, and small catalogues."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
# readline, in the process that started this one, leaves a width there, and rich keeps the first that it finds
os.environ.pop("COLUMNS", None)

import hypothesis
import pytest

# how long an example takes says how busy the machine is; a change is judged on examples that are always the
# same, and everyone's own runs look for new ones
hypothesis.settings.register_profile("vlclip", deadline=None, derandomize="CI" in os.environ)
hypothesis.settings.load_profile("vlclip")

MISSING = {
    "Chromium (apt-get install chromium)": "Chromium",
    "Redis or Valkey (apt-get install redis-server)": "redis-server",
    "the real catalogues in ../shared/data": "real catalogues",
}
"""What tests are skipped for, how to get it, and a word of the reason they give."""
DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def data() -> Path:
    """The real catalogues beside the project; the test is skipped where they are absent."""
    if not DATA.is_dir():
        pytest.skip("the real catalogues (../shared/data) are not beside the project")
    return DATA


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> Iterator[None]:
    """After all else, one line that says what is missing on this machine, and how many tests it cost."""
    yield
    reasons = [str(report.longrepr[2]) for report in terminalreporter.stats.get("skipped", ())]
    counts = {name: sum(word in reason for reason in reasons) for name, word in MISSING.items()}
    listing = ", ".join(f"{count} for want of {name}" for name, count in counts.items() if count)
    if listing:
        terminalreporter.write_line(f"skipped: {listing}")


@pytest.fixture(scope="session")
def tiny_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny CLIP: real architecture, random weights. Proves plumbing, not quality."""
    return make_tiny_clip(tmp_path_factory.mktemp("models") / "tiny", seed=0)


def make_tiny_clip(folder: Path, seed: int) -> Path:
    """Write a random CLIP of some 100k parameters in open_clip's own files."""
    import open_clip
    import torch
    from safetensors.torch import save_file

    from vlclip.engine.training.tokenizer import train_tokenizer

    folder.mkdir(parents=True, exist_ok=True)
    words = ["red shoe", "blue dress with white dots", "green hat", "a long title about a leather bag"]
    size = train_tokenizer(words, 400, folder)
    config = {
        "model_cfg": {
            "embed_dim": 32,
            "vision_cfg": {
                "image_size": [40, 30], "layers": 2, "width": 32, "head_width": 16, "patch_size": 10,
            },
            "text_cfg": {
                "context_length": 77, "vocab_size": size, "hf_tokenizer_name": "here",
                "pool_type": "eos", "eos_id": 2, "width": 32, "heads": 2, "layers": 2,
            },
        },
        "preprocess_cfg": {"size": [40, 30], "resize_mode": "longest", "fill_color": 255},
    }  # fmt: skip
    (folder / "open_clip_config.json").write_text(json.dumps(config), encoding="utf-8")
    torch.manual_seed(seed)
    model = open_clip.create_model(f"local-dir:{folder}")
    save_file(model.state_dict(), folder / "open_clip_model.safetensors")
    return folder
