"""Files that are not UTF-8: every command that reads a catalogue can be told their encoding."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from PIL import Image
from typer.testing import CliRunner

from vlclip.service.cli import COMMANDS, build, load_command


def every_command() -> Iterator[tuple[str, object]]:
    waiting = [(name, load_command(name)) for name in COMMANDS]
    while waiting:
        name, command = waiting.pop()
        inner = getattr(command, "commands", {})
        waiting += [(f"{name} {part}", sub) for part, sub in inner.items()]
        if not inner:
            yield name, command


@pytest.mark.parametrize(("name", "command"), list(every_command()))
def test_what_maps_columns_of_a_file_takes_its_encoding(name, command):
    options = {flag for param in command.params for flag in param.opts}
    assert "--map" not in options or "--encoding" in options
    if name == "export recommendations":  # users in a file
        assert "--encoding" in options


@pytest.fixture
def shop(tmp_path):
    for number in (1, 2):
        Image.new("RGB", (40, 40), "red").save(tmp_path / f"{number}.png")
    file = tmp_path / "items.csv"
    file.write_text("sku;title;image\n1;Größe;1.png\n2;Höhe;2.png\n", encoding="cp1252")
    return file


def run(*words: object) -> dict:
    result = CliRunner().invoke(build(), [*map(str, words), "--json"])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_a_store_of_such_a_catalogue_can_be_filled_and_made_anew(tmp_path, shop, tiny_clip):
    store, encoder = tmp_path / "store", ("--clip", tiny_clip, "--device", "cpu")
    assert run("ingest", shop, "--store", store, "--encoding", "cp1252", *encoder)["embedded"] == 2
    again = run("reindex", shop, "--store", store, "--encoding", "cp1252", "--format", "plain", *encoder)
    assert again["failed"] == 0
    refused = CliRunner().invoke(build(), ["reindex", str(shop), "--store", str(store), *map(str, encoder)])
    assert refused.exit_code == 1
    assert "--encoding" in " ".join(refused.output.split())
    repaired = CliRunner().invoke(
        build(), ["repair", str(shop), "--store", str(store), "--encoding", "cp1252", "--device", "cpu"]
    )
    assert repaired.exit_code == 0, repaired.output


@pytest.mark.parametrize("words", [("train", "RECIPE", "SHOP", "--run", "RUN"), ("ablate", "SHOP")])
def test_training_and_ablation_read_such_a_catalogue(tmp_path, shop, tiny_clip, words):
    recipe = tmp_path / "recipe.json"
    recipe.write_text(json.dumps({"init": str(tiny_clip), "epochs": 1, "batch": 2, "lr": 1e-4}))
    places = {"RECIPE": recipe, "SHOP": shop, "RUN": tmp_path / "run"}
    line = [str(places.get(word, word)) for word in words]
    line += ["--base", str(tiny_clip)] if words[0] == "ablate" else []
    without = CliRunner().invoke(build(), [*line, "--device", "cpu"])
    assert "cp1252" in without.output
    result = CliRunner().invoke(build(), [*line, "--device", "cpu", "--encoding", "cp1252"])
    assert "cp1252" not in result.output
