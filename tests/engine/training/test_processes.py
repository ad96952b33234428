"""Two processes train what one would, over the loopback."""

from __future__ import annotations

import json
import multiprocessing
import socket
from functools import partial
from pathlib import Path

import pytest
import torch

from tests.engine.training.colours import figures, pairs, recipe, trained
from vlclip.engine.errors import TrainingError
from vlclip.engine.training.contrastive import train
from vlclip.engine.training.processes import Processes, joined
from vlclip.engine.training.recipe import Augment, Recipe
from vlclip.engine.training.run import TrainingRun, start

WILD = Augment(flip=0.5, zoom=0.3, shift=0.2, rotate=20, light=0.2, erase=0.5, word_dropout=0.3)
RESNET = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": [16, 12], "timm_model_name": "test_resnet", "timm_pool": "avg"},
    "text_cfg": {"context_length": 16, "vocab_size": 1, "width": 16, "heads": 2, "layers": 1},
}
PLANS = {
    "plain": recipe(epochs=3, augment=WILD),
    "cached and hard": recipe(epochs=3, augment=WILD, cache_chunk=4, hard=0.5, same=("product_type",)),
    # BatchNorm sees a chunk at a time: one process and two see the same chunks
    "batch norm": recipe(epochs=2, model=RESNET, cache_chunk=8),
}


def follow(rank: int, folder: Path, port: int) -> None:
    """Train every plan as one of two processes; what it saw is left in a file."""
    place = {
        "RANK": rank,
        "LOCAL_RANK": rank,
        "WORLD_SIZE": 2,
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": port,
    }
    results: dict[str, object] = {}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in place.items():
            patch.setenv(name, str(value))
        with joined("cpu") as (processes, device):
            data = processes.from_first(lambda: pairs() if rank == 0 else pairs(1))
            titles = [item["title"] for item in data.fields]
            results["pairs"] = len(data)
            for name, plan in PLANS.items():
                run = TrainingRun(folder / name, plan, device, processes=processes)
                processes.from_first(partial(start, run.folder, plan, titles))
                last = train(run, data)
                results[name] = [figures(run), last["loss"]]
    (folder / f"seen-{rank}.json").write_text(json.dumps(results))


@pytest.fixture(scope="module")
def together(tmp_path_factory) -> list[dict]:
    """What two processes saw, training together: this one and another."""
    folder = tmp_path_factory.mktemp("together")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    other = multiprocessing.get_context("spawn").Process(target=follow, args=(1, folder, port), daemon=True)
    other.start()
    follow(0, folder, port)
    other.join(timeout=30)
    assert other.exitcode == 0
    return [json.loads((folder / f"seen-{rank}.json").read_text()) for rank in (0, 1)]


@pytest.mark.parametrize("name", PLANS)
def test_two_processes_have_the_losses_of_one(tmp_path, together, name):
    alone = trained(tmp_path / "alone", PLANS[name])
    history, _ = together[0][name]
    for alone_figure, joint_figure in zip(figures(alone), history, strict=True):
        assert alone_figure["loss"] == pytest.approx(joint_figure["loss"], abs=1e-4)
        assert alone_figure["mrr"] == pytest.approx(joint_figure["mrr"], abs=0.05)


def test_both_see_the_pairs_and_the_result_of_the_first(together):
    first, second = together
    assert first["pairs"] == second["pairs"] == len(pairs())
    assert all(first[name][1] == second[name][1] for name in PLANS)


def test_alone_everything_is_one_s_own():
    alone, rows = Processes(), torch.rand(4, 2)
    assert alone.is_first
    assert alone.share(8) == slice(0, 8)
    assert alone.gather(rows) is rows
    assert alone.from_first(lambda: "made") == "made"


def test_shares_are_the_batch():
    shares = [Processes(rank, 3).share(12) for rank in range(3)]
    assert [row for share in shares for row in range(12)[share]] == list(range(12))


def test_a_batch_that_cannot_be_shared_is_refused(tmp_path):
    plan: Recipe = recipe(batch=15)
    start(tmp_path, plan, ["red thing"])
    with pytest.raises(TrainingError, match="2 processes cannot share a batch of 15"):
        train(TrainingRun(tmp_path, plan, processes=Processes(0, 2)), pairs())


def test_processes_that_cannot_meet_say_what_to_do(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    for name in ("RANK", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(TrainingError, match="torchrun"), joined("cpu"):
        pass
