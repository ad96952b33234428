"""Laws of `service/diagnosis/examination.py` and of `vlclip repair`: nothing is damaged in silence."""

from __future__ import annotations

import random
import shutil
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.contract.shop import INFO
from tests.service.backup.shops import collection_contents, fill, settings_of
from vlclip.engine.opening.stores import open_store
from vlclip.engine.store.edge import seal
from vlclip.engine.store.edge.folder import BUILDING, FORMER
from vlclip.ingestion.ledger.ledger import Ledger, ledger_path
from vlclip.service.cli import build
from vlclip.service.commands.repair import NOTED
from vlclip.service.diagnosis.deep import damage
from vlclip.service.diagnosis.examination import examine
from vlclip.service.diagnosis.store import store as store_check
from vlclip.service.settings import Settings

NAME = f"collection-{INFO.fingerprint[:8]}"
WHOLE_SEEDS, CHAOS_SEEDS = range(2), range(2, 10)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole") / "store"
    fill(settings_of(folder), 60)
    return folder


@pytest.fixture
def store(whole: Path, tmp_path: Path) -> Path:
    return shutil.copytree(whole, tmp_path / "store")


def flip(file: Path, place: int, bit: int) -> None:
    with file.open("r+b") as handle:
        handle.seek(place)
        (byte,) = handle.read(1)
        handle.seek(place)
        handle.write(bytes([byte ^ 1 << bit]))


def flip_somewhere(folder: Path, dice: random.Random, flips: int) -> None:
    """Change bytes that are in use: what is all zeros is room that the engine keeps."""
    files = [file for file in folder.rglob("*") if file.is_file() and file.stat().st_size]
    for _ in range(flips):
        file = dice.choice(files)
        with file.open("rb") as handle:
            used = [place + offset for place, block in seal.blocks(handle) for offset in range(len(block))]
        if used:
            flip(file, dice.choice(used), dice.randrange(8))


def _check(whole: Path, store: Path, seed: int) -> None:
    dice = random.Random(seed)
    flip_somewhere(store / NAME, dice, dice.choice([1, 1, 5]))
    settings = settings_of(store)
    if not any(finding.state == "bad" for finding in damage(settings)):
        assert collection_contents(settings, NAME) == collection_contents(settings_of(whole), NAME)


@pytest.mark.parametrize("seed", WHOLE_SEEDS)
def test_flipped_bytes_are_named_or_change_no_answer(whole: Path, store: Path, seed: int) -> None:
    _check(whole, store, seed)


@pytest.mark.chaos
@pytest.mark.parametrize("seed", CHAOS_SEEDS)
def test_flipped_bytes_anywhere_are_named_or_change_no_answer(whole: Path, store: Path, seed: int) -> None:
    _check(whole, store, seed)


def test_whoever_opens_a_store_finishes_a_repair_that_was_killed_between_its_renames(store: Path) -> None:
    settings = settings_of(store)
    before = collection_contents(settings, NAME)
    (store / BUILDING).mkdir()
    shutil.copytree(store / NAME, store / BUILDING / NAME)
    (store / NAME).rename(store / FORMER)
    open_store(str(store), settings).close()
    assert collection_contents(settings, NAME) == before


def test_what_an_earlier_repair_had_still_to_embed_is_embedded(
    filled: Path, catalogue: Path, tmp_path: Path
) -> None:
    store = shutil.copytree(filled, tmp_path / "store")
    settings = Settings.load(store=str(store), device="cpu")
    with closing(open_store(str(store), settings)) as opened:
        opened.delete(["drawn-00007"])  # as a repair that was killed leaves it
    with closing(Ledger(ledger_path(settings))) as ledger:
        ledger.dead_letters.note(["drawn-00007"], NOTED, "damaged in the store")
    result = _run("repair", catalogue, "--store", store, "--device", "cpu")
    assert "1 items were damaged or missing, 1 of them are embedded again" in result.output
    with closing(open_store(str(store), settings)) as opened:
        assert opened.retrieve(["drawn-00007"])
    assert "nothing is damaged" in _run("repair", catalogue, "--store", store, "--device", "cpu").output


def test_a_whole_store_has_no_damage(store: Path) -> None:
    findings = list(damage(settings_of(store)))
    assert {finding.state for finding in findings} == {"ok"}
    assert len(findings) == 2


def test_without_a_seal_items_are_still_compared(store: Path) -> None:
    (store / NAME / seal.FILE).unlink()
    (vectors,) = (store / NAME).glob("segments/*/vector_storage-fused/vectors/chunk_0.mmap")
    flip(vectors, 40, 6)  # in the vector of the second point
    (examined,) = examine(settings_of(store), collections=[NAME])
    assert examined.files == []
    assert len(examined.damaged) == 1
    assert examined.damaged[0].startswith("sku-")
    assert examined.missing == []


def test_a_cut_id_mapping_names_the_items_that_are_missing(store: Path) -> None:
    (store / NAME / seal.FILE).unlink()
    for file in (store / NAME).glob("segments/*/*mappings"):
        if file.stat().st_size > 200:
            file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    (deep,) = examine(settings_of(store), collections=[NAME])
    assert deep.missing or deep.unreadable
    assert all(name.startswith("sku-") for name in deep.missing)
    assert any(finding.state == "bad" for finding in store_check(settings_of(store)))


def test_the_one_who_asks_survives_an_engine_that_ends_its_process(
    store: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(
        "import sys\nif 'examination' in ' '.join(sys.orig_argv): import os; os.abort()\n"
    )
    import os

    monkeypatch.setenv("PYTHONPATH", f"{site}:{os.environ.get('PYTHONPATH', '')}")
    findings = list(damage(settings_of(store)))
    assert any("SIGABRT" in finding.says for finding in findings)
    assert {finding.state for finding in findings} == {"bad"}


def test_a_store_that_is_open_is_said_to_be(store: Path) -> None:
    settings = settings_of(store)
    with closing(open_store(str(store), settings)):
        findings = list(damage(settings))
    assert any(finding.state == "note" and "open in another process" in finding.says for finding in findings)


def _run(*arguments: str | Path) -> Any:
    return CliRunner().invoke(build(), [*map(str, arguments)])


def test_repair_embeds_what_is_damaged_and_leaves_the_rest(
    filled: Path, catalogue: Path, tmp_path: Path
) -> None:
    store = shutil.copytree(filled, tmp_path / "store")
    settings = Settings.load(store=str(store), device="cpu")
    with closing(open_store(str(store), settings)) as opened:
        before = {r.id: (r.payload, r.vector) for page in opened.scan(with_vector=True) for r in page}
    (collection,) = store.glob("collection-*")
    (vectors,) = collection.glob("segments/*/vector_storage-fused/vectors/chunk_0.mmap")
    flip(vectors, 40, 6)
    (examined,) = examine(settings)
    (damaged,) = examined.damaged
    result = _run("repair", catalogue, "--store", store, "--device", "cpu", "--json")
    assert result.exit_code == 0, result.output
    assert {finding.state for finding in damage(settings)} == {"ok"}
    with closing(open_store(str(store), settings)) as opened:
        after = {r.id: (r.payload, r.vector) for page in opened.scan(with_vector=True) for r in page}
    assert after.keys() == before.keys()
    for item_id, (payload, vector) in after.items():
        assert vector.tobytes() == before[item_id][1].tobytes() or item_id == damaged
        if item_id != damaged:
            assert payload == before[item_id][0]
    again = _run("repair", catalogue, "--store", store, "--device", "cpu")
    assert "nothing is damaged" in again.output
