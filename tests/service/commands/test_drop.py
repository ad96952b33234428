"""`vlclip drop`: what is there, what goes, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.contract.shop import INFO, OTHER, SHOP
from vlclip.engine.opening.stores import open_store
from vlclip.service.cli import build
from vlclip.service.settings import Settings

NEW, OLD = INFO.fingerprint, OTHER.fingerprint


def drop(*words: object, status: int = 0, answer: str = ""):
    result = CliRunner().invoke(build(), ["drop", *map(str, words)], input=answer)
    assert result.exit_code == status, result.output + str(result.exception)
    return result


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A current collection of five items beside an old one of three."""
    folder = tmp_path / "store"
    for info, count in ((INFO, 5), (OTHER, 3)):
        opened = open_store(str(folder), Settings(), info, beside=True)
        opened.upsert(SHOP[:count])
        opened.close()
    return folder


def fingerprints(store: Path) -> list[str]:
    listed = json.loads(drop("--store", store, "--json").stdout)["collections"]
    return [collection["fingerprint"] for collection in listed]


def test_without_a_fingerprint_the_collections_are_listed_the_current_one_first(store: Path):
    current, old = json.loads(drop("--store", store, "--json").stdout)["collections"]
    assert (current["fingerprint"], current["current"], current["items"]) == (NEW, True, 5)
    assert (old["fingerprint"], old["current"], old["items"]) == (OLD, False, 3)
    assert old["encoders"] == dict(OTHER.encoders)
    assert old["disk_bytes"] > 0
    table = drop("--store", store).stdout
    assert NEW in table
    assert "current" in table
    assert "MB" in table


def test_it_says_what_goes_and_deletes_after_a_yes(store: Path):
    refused = drop(OLD, "--store", store, answer="n\n", status=1)
    assert "3 items" in refused.stderr
    assert "encoded by other" in refused.stderr
    assert "nothing was deleted" in refused.stderr
    assert fingerprints(store) == [NEW, OLD]
    assert "deleted" in drop(OLD, "--store", store, answer="y\n").stdout
    assert fingerprints(store) == [NEW]


def test_a_script_gets_a_preview_and_deletes_with_yes(store: Path):
    preview = json.loads(drop(OLD, "--store", store, "--json", status=1).stdout)
    assert (preview["items"], preview["dropped"]) == (3, False)
    assert fingerprints(store) == [NEW, OLD]
    assert json.loads(drop(OLD, "--store", store, "--json", "--yes").stdout)["dropped"]
    assert fingerprints(store) == [NEW]


def test_the_current_collection_is_refused_with_what_to_do(store: Path):
    error = json.loads(drop(NEW, "--store", store, "--json", "--yes", status=1).stdout)["error"]
    assert error["code"] == "store-error"
    assert "vlclip promote" in error["message"]
    assert fingerprints(store) == [NEW, OLD]


def test_what_is_not_there_and_what_is_in_use_are_clear_errors(store: Path, tmp_path: Path):
    error = json.loads(drop("0000", "--store", store, "--json", status=1).stdout)["error"]
    assert (error["code"], "vlclip drop --store" in error["message"]) == ("store-not-found", True)
    error = json.loads(drop("--store", tmp_path / "none", "--json", status=1).stdout)["error"]
    assert (error["code"], "vlclip ingest" in error["message"]) == ("store-not-found", True)
    opened = open_store(str(store), Settings(), OTHER, beside=True)
    error = json.loads(drop(OLD, "--store", store, "--json", "--yes", status=1).stdout)["error"]
    assert error["code"] == "store-locked"
    old = json.loads(drop("--store", store, "--json").stdout)["collections"][1]
    assert (old["items"], old["disk_bytes"]) == (None, None)
    opened.close()
