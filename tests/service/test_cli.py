"""The command line as a person and as a script sees it."""

from __future__ import annotations

import csv
import json
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.ingestion.fakes import photo_bytes
from vlclip.service.cli import COMMANDS, build, load_command
from vlclip.service.shop.shop import Shop

runner = CliRunner()


@pytest.fixture
def store(filled, tmp_path) -> Path:
    return Path(shutil.copytree(filled, tmp_path / "store"))


def run(*words: object, status: int = 0):
    result = runner.invoke(build(), [str(word) for word in words])
    assert result.exit_code == status, result.output + str(result.exception)
    return result


def body(*words: object, status: int = 0) -> dict:
    return json.loads(run(*words, "--json", status=status).stdout)


def test_ingest_reports_what_it_did_and_again_does_nothing(catalogue, tiny_clip, tmp_path):
    words = ("ingest", catalogue, "--store", tmp_path / "s", "--clip", tiny_clip)
    first = body(*words)
    keys = {"read", "embedded", "unchanged", "failed", "deleted", "seconds", "items_per_second"}
    assert keys <= set(first)
    assert (first["read"], first["embedded"], first["failed"]) == (60, 60, 0)
    again = body(*words)
    assert (again["read"], again["embedded"], again["unchanged"]) == (60, 0, 60)


def test_ingest_explains_a_catalogue_and_stores_nothing(tmp_path):
    source = tmp_path / "shop.csv"
    source.write_text("Handle,Title,Variant SKU,Variant Price,Image Src\nhat,Hat,S1,5,a.jpg\nhat,,S2,6,\n")
    words = ("ingest", source, "--explain", "--store", tmp_path / "s")
    result = run(*words)
    assert "read as a Shopify export" in result.stdout
    assert "S2" in result.stdout
    explanation = body(*words)
    assert [item["payload"]["price"] for item in explanation["items"]] == [5.0, 6.0]
    plain = run(*words, "--format", "plain", status=1)
    assert "--map id=COLUMN" in plain.stderr
    assert not (tmp_path / "s").exists()


def test_ingest_shows_the_mapping_and_the_dead_letters(tiny_clip, tmp_path):
    source = tmp_path / "shop.csv"
    with source.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["sku", "Name", "popularity"])
        rows.writerows([["a", "Red shoe", "10"], ["b", "Blue hat", "ten"], ["", "Nobody", "3"]])
    result = run("ingest", source, "--store", tmp_path / "s", "--clip", tiny_clip)
    assert "3 read, 1 embedded" in result.stdout
    assert "ten" in result.stdout
    assert "no id" in result.stdout
    assert "sku" in result.stderr
    source.write_text("sku,Name,popularity\na,Red shoe,10\nb,Blue hat,10\nc,Green cap,3\n")
    fixed = body("ingest", source, "--store", tmp_path / "s", "--clip", tiny_clip, "--retry-failed")
    assert fixed["embedded"] == 2  # the row without an id is known by its place
    assert "b" in {
        r["id"] for r in body("similar", "a", "--store", tmp_path / "s", "--weights", "text=1")["results"]
    }


def test_an_item_whose_photo_is_missing_is_stored_with_its_words_unless_that_is_to_fail(tiny_clip, tmp_path):
    source = tmp_path / "shop.csv"
    source.write_text("sku,title,picture_file,swatch\na,Shoe,x.jpg,y.png\nb,Hat,,\n")
    (tmp_path / "y.png").write_bytes(photo_bytes(format="PNG"))
    words = ("ingest", source, "--store", tmp_path / "s", "--clip", tiny_clip)
    assert "did you mean picture_file or swatch?" in run(*words).stdout.replace("\n", " ")
    words = (*words, "--map", "image=picture_file")
    stored = body(*words)
    assert (stored["embedded"], stored["without_photo"], stored["with_photo"]) == (1, 1, 0)
    assert stored["photo_hint"].startswith("0 of 2 items have a photo: there is no file at")
    failed = body(*words, "--missing-photo", "fail")
    assert (failed["failed"], failed["without_photo"]) == (1, 0)


@pytest.fixture
def copies(catalogue, tiny_clip, tmp_path) -> tuple[Path, Path]:
    """A catalogue in which one photo stands for three items and another for two, and its store."""
    lines = [json.loads(line) for line in catalogue.read_text().splitlines()[:12]]
    for line in lines:
        line["image"] = str(catalogue.parent / line["image"])
    for place, of in ((4, 0), (7, 0), (9, 2)):
        lines[place]["image"] = lines[of]["image"]
    source = tmp_path / "copies.jsonl"
    source.write_text("\n".join(map(json.dumps, lines)))
    return source, tmp_path / "copies"


def test_ingest_says_which_photos_are_alike_and_duplicates_lists_them(copies, tiny_clip):
    source, store = copies
    ids = [json.loads(line)["id"] for line in source.read_text().splitlines()]
    three, two = [ids[0], ids[4], ids[7]], [ids[2], ids[9]]
    printed = run("ingest", source, "--store", store, "--clip", tiny_clip).stdout
    assert "5 of 12 photos are near-duplicates of another, in 2 clusters" in " ".join(printed.split())
    assert ids[4] in printed
    clusters = body("duplicates", "--store", store)
    assert (clusters["items"], clusters["clusters"], clusters["photos"]) == (5, 2, 12)
    assert clusters["groups"] == [three, two]
    exact = body("duplicates", "--store", store, "--distance", 0)
    assert exact["groups"] == clusters["groups"]
    table = run("duplicates", "--store", store, "-n", 1).stdout
    assert ids[7] in table
    assert ids[9] not in table
    again = body("ingest", source, "--store", store, "--clip", tiny_clip)
    assert again["duplicate_clusters"] is None
    source.write_text(source.read_text().replace('"title": "', '"title": "New '))
    report = body("ingest", source, "--store", store, "--clip", tiny_clip)["duplicate_clusters"]
    assert report == {
        "distance": 8, "photos": 12, "items": 5, "clusters": 2,
        "largest": [{"size": 3, "ids": three}, {"size": 2, "ids": two}],
    }  # fmt: skip
    plain = body("similar", ids[1], "--store", store, "-n", 11)["results"]
    folded = body("similar", ids[1], "--store", store, "-n", 11, "--collapse")["results"]
    assert (len(plain), len(folded)) == (11, 8)
    assert sorted(len(result["duplicates"]) for result in folded)[-2:] == [1, 2]
    assert "copies" in run("search", "thing", "--store", store, "--collapse").stdout


def test_a_store_without_photos_says_so_instead_of_finding_none(tiny_clip, tmp_path):
    source = tmp_path / "words.csv"
    source.write_text("id,title\na,Red shoe\nb,Blue hat\n")
    assert (
        "near-duplicates" not in run("ingest", source, "--store", tmp_path / "s", "--clip", tiny_clip).stdout
    )
    assert "none of the 2 items has a photo" in run("duplicates", "--store", tmp_path / "s").stdout


def test_a_mapping_that_names_no_column_is_refused_before_anything_is_written(catalogue, tiny_clip, tmp_path):
    result = body(
        "ingest", catalogue, "--store", tmp_path / "s", "--clip", tiny_clip, "--map", "title=Naem", status=1
    )
    assert result["error"]["code"] == "bad-mapping"


def test_prune_deletes_what_left_the_catalogue(catalogue, store, tiny_clip, tmp_path):
    lines = catalogue.read_text().splitlines()
    smaller = catalogue.with_name("smaller.jsonl")
    smaller.write_text("\n".join(lines[:50]))
    report = body("ingest", smaller, "--store", store, "--clip", tiny_clip, "--prune")
    assert (report["deleted"], report["unchanged"]) == (10, 50)


def test_similar_and_search_answer_with_parts(store):
    for answer in (
        body("similar", "drawn-00003", "--store", store),
        body("search", "red dress", "--store", store),
    ):
        assert len(answer["results"]) == 10
        for result in answer["results"]:
            assert {"id", "score", "parts", "item"} <= set(result)
            assert {"image", "text"} <= set(result["parts"])
            assert sum(result["parts"].values()) == pytest.approx(result["score"], abs=1e-5)


def test_search_takes_a_photo_filters_and_weights(store, catalogue):
    photo = next((catalogue.parent / "photos").glob("*.jpg"))
    answer = body(
        "search",
        "--photo",
        photo,
        "--store",
        store,
        "--filter",
        "price<60",
        "-n",
        3,
        "--weights",
        "image=1,text=0",
    )
    assert answer["results"][0]["id"] == photo.stem or answer["results"][0]["parts"]["image"] < 1
    assert len(answer["results"]) == 3
    assert all(r["item"]["price"] < 60 for r in answer["results"])


def test_a_person_sees_a_table(store):
    printed = run("similar", "drawn-00003", "--store", store, "-n", 2).stdout
    assert "score" in printed
    assert "image" in printed


def test_evaluate_says_how_titles_find_their_photos(store, catalogue):
    figures = body("evaluate", "retrieval", catalogue, "--store", store)
    assert figures["n"] == 60
    assert {"hits@1", "hits@5", "hits@10", "mrr", "hits@1_dup", "hits@5_dup", "mrr_dup"} <= set(figures)
    assert 0 <= figures["hits@1"] <= figures["hits@5"] <= figures["hits@10"] <= 1
    shares = body("evaluate", "similar", "--store", store, "--field", "product_type", "--field", "colour")
    assert 0 <= shares["product_type"] <= 1
    assert 0 < shares["colour_chance"] < 1


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("similar", "nobody"), "unknown-item", "nobody"),
        (("similar", "drawn-00001", "--filter", "siez<3"), "bad-filter", "siez"),
        (("similar", "drawn-00001", "--weights", "imag=1"), "bad-query", "imag"),
        (("similar", "drawn-00001", "--limit", "0"), "bad-page", "limit is 0"),
        (("search",), "empty-query", "words, a photo"),
        (("search", "--photo", "/no/such.jpg"), "bad-photo", "No such file"),
        (("evaluate", "retrieval", "/no/such.csv"), "bad-catalogue", "nothing at"),
    ],
)
def test_a_mistake_gets_one_sentence_and_status_one(store, words, code, says):
    result = runner.invoke(build(), [*words, "--store", str(store), "--json"])
    assert result.exit_code == 1
    error = json.loads(result.stdout)["error"]
    assert error["code"] == code
    assert says in error["message"]
    assert "Traceback" not in result.output


def test_a_store_that_is_not_there_says_how_to_make_one(tmp_path):
    error = body("similar", "a", "--store", tmp_path / "none", status=1)["error"]
    assert error["code"] == "store-not-found"
    assert "vlclip ingest" in error["message"]


def test_a_store_of_another_encoder_is_refused_with_both_named(store, tmp_path):
    from tests.conftest import make_tiny_clip

    other = make_tiny_clip(tmp_path / "other", seed=5)
    error = body("search", "shoe", "--store", store, "--clip", other, status=1)["error"]
    assert error["code"] == "fingerprint-mismatch"
    assert str(other) in error["message"]


def test_a_store_in_use_is_refused_with_what_to_do(shop: Shop):
    error = body("similar", "drawn-00001", "--store", shop.settings.store, status=1)["error"]
    assert error["code"] == "store-locked"


def test_a_server_whose_port_is_taken_says_so_before_it_says_that_it_serves(store):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        error = run("serve", "--store", store, "--port", port, status=1).stderr
    assert " ".join(error.split()) == (
        f"error (cannot-listen): cannot listen on port {port} of 127.0.0.1 (Address already in use); "
        "take another --port or --host"
    )
    nowhere = ("--host", "203.0.113.1", "--open")  # an address that no machine has
    error = run("serve", "--store", store, *nowhere, status=1).stderr
    assert error.startswith("error (cannot-listen): cannot listen on port 8000 of 203.0.113.1 (")
    assert "(None)" not in error


def test_a_wrong_setting_is_named(monkeypatch, store):
    monkeypatch.setenv("VLCLIP_HNSW__EF", "-3")
    error = body("similar", "drawn-00001", "--store", store, status=1)["error"]
    assert error["code"] == "bad-setting"
    assert "hnsw.ef" in error["message"]


def test_doctor_finds_a_sound_store_and_a_missing_one(store, tiny_clip, tmp_path):
    sound = body("doctor", "--store", store, "--clip", tiny_clip)
    assert sound["ok"]
    assert any("60 items" in finding["says"] for finding in sound["findings"])
    missing = body("doctor", "--store", tmp_path / "none", "--clip", tiny_clip)
    assert any(finding["state"] == "note" for finding in missing["findings"])
    broken = body("doctor", "--store", store, "--clip", "ViT-B-33/x", status=1)
    assert not broken["ok"]


def test_draw_writes_a_catalogue(tmp_path):
    report = body("draw", tmp_path / "d", "--count", 5)
    assert len(Path(report["catalogue"]).read_text().splitlines()) == 5


def test_every_command_explains_itself():
    for name in COMMANDS:
        assert f" {name} " in run(name, "--help").stdout
    assert run("--version").stdout.startswith("vlclip ")


def test_the_list_of_commands_says_of_each_what_the_command_itself_says_first():
    assert {name: load_command(name).help.splitlines()[0] for name in COMMANDS} == COMMANDS
    listed = run("--help").stdout
    assert all(f"│ {name} " in listed for name in COMMANDS)


def imported_by(*words: str) -> set[str]:
    """What a process of its own has imported when it has run a command."""
    code = "import sys; from vlclip.service.cli import build; build()(standalone_mode=False)"
    process = subprocess.run(
        [sys.executable, "-c", f"{code}; print(*sys.modules)", *words],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(process.stdout.splitlines()[-1].split())


def test_help_loads_no_library_that_it_does_not_need():
    modules = imported_by("--help")
    assert not [name for name in modules if name.startswith("vlclip.service.commands.")]
    assert not {"vlclip.engine", "vlclip.ranking", "vlclip.ingestion"} & modules
    assert not {"numpy", "polars", "torch"} & imported_by("ingest", "--help")


def test_a_list_as_json_loads_nothing_that_draws_tables_or_reads_photos(store):
    modules = imported_by("similar", "drawn-00003", "--store", str(store), "--json")
    assert "numpy" in modules
    assert not {"rich", "PIL", "onnxruntime", "tokenizers", "scipy", "polars", "fastapi"} & modules


def test_a_mistyped_command_gets_a_suggestion():
    assert "No such command 'serch'. Did you mean 'search'" in run("serch", status=2).stderr
    assert "No such command 'serch'. Did you mean 'search'?" in run("evaluate", "serch", status=2).stderr


def test_reindex_with_the_same_encoder_weights_the_words_anew(tiny_clip, tmp_path):
    source, store = tmp_path / "shop.csv", tmp_path / "s"
    source.write_text("sku,Name,description\na,KURA,A reversible bed\n")
    assert body("ingest", source, "--store", store, "--clip", tiny_clip)["embedded"] == 1
    source.write_text("sku,Name,description\na,KURA,A reversible bed of pine\nb,A long name of a lamp,\n")
    result = run("reindex", source, "--store", store, "--clip", tiny_clip)
    assert "2 items; the encoder is the same, so only their words were weighted anew" in " ".join(
        result.stdout.split()
    )
    (file,) = store.glob("collection-*/vlclip-collection.json")
    fields = json.loads(file.read_text())["words"]["fields"]
    assert fields["description"]["length"] == 3.0
    assert fields["title"]["length"] == 2.0


def test_another_encoder_is_filled_beside_swapped_and_rolled_back(store, catalogue, tmp_path):
    from tests.conftest import make_tiny_clip

    other = make_tiny_clip(tmp_path / "other", seed=5)
    report = body("reindex", catalogue, "--store", store, "--clip", other)
    assert report["swapped"]
    assert report["embedded"] == 60
    assert body("search", "shoe", "--store", store, "--clip", other)["results"]
    back = body("promote", report["before"], "--store", store)
    assert back["before"] == report["fingerprint"]
    error = body("search", "shoe", "--store", store, "--clip", other, status=1)["error"]
    assert error["code"] == "fingerprint-mismatch"
    assert body("search", "shoe", "--store", store)["results"]


def test_what_was_removed_since_another_encoder_was_left_does_not_come_back(
    store, catalogue, tiny_clip, tmp_path
):
    from tests.conftest import make_tiny_clip

    other = make_tiny_clip(tmp_path / "other", seed=5)
    report = body("reindex", catalogue, "--store", store, "--clip", other)
    body("promote", report["before"], "--store", store)
    fewer = catalogue.with_name("fewer.jsonl")
    fewer.write_text("\n".join(catalogue.read_text().splitlines()[:59]))
    assert body("ingest", fewer, "--store", store, "--clip", tiny_clip, "--prune")["deleted"] == 1
    again = body("reindex", fewer, "--store", store, "--clip", other)
    assert (again["swapped"], again["items"], again["deleted"]) == (True, 59, 1)


def test_a_smaller_collection_does_not_take_the_place_of_a_larger_one(store, catalogue, tmp_path):
    from tests.conftest import make_tiny_clip

    half = catalogue.with_name("half.jsonl")
    half.write_text("\n".join(catalogue.read_text().splitlines()[:30]))
    other = make_tiny_clip(tmp_path / "other", seed=5)
    report = body("reindex", half, "--store", store, "--clip", other, status=1)
    assert not report["swapped"]
    assert len(body("similar", "drawn-00040", "--store", store)["results"]) == 10


def test_a_refused_prune_is_no_success(store, catalogue, tiny_clip):
    few = catalogue.with_name("few.jsonl")
    few.write_text("\n".join(catalogue.read_text().splitlines()[:5]))
    refused = body("ingest", few, "--store", store, "--clip", tiny_clip, "--prune", status=1)
    assert refused["deleted"] == 0
    assert refused["prune_refused"]
