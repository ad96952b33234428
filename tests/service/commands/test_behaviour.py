"""`vlclip recommend` and `vlclip fit-behaviour`: from what people did to other lists."""

from __future__ import annotations

import json
import shutil
from contextlib import closing

import numpy as np
import pytest
from typer.testing import CliRunner

from tests.service.conftest import COUNT
from vlclip.engine.opening.stores import open_store
from vlclip.ranking.history.events import Event
from vlclip.ranking.history.opening import open_history
from vlclip.service.cli import build
from vlclip.service.settings import Settings

SIZE = 8


@pytest.fixture
def store(filled, tmp_path):
    return shutil.copytree(filled, tmp_path / "store")


def run(*words, status=0):
    result = CliRunner().invoke(build(), [str(word) for word in words])
    assert result.exit_code == status, result.output + str(result.exception)
    return result


def body(*words):
    return json.loads(run(*words, "--json").stdout)


def item(number):
    return f"drawn-{number:05}"


def people(store, count=60):
    """Everybody keeps to one of three thirds of the first 30 items."""
    rng = np.random.default_rng(0)
    events = [
        Event(id=f"{user} {step}", kind="view", item=item(30 // 3 * (user % 3) + n), user=f"u{user}",
              time=1_790_000_000.0 + step)
        for user in range(count)
        for step, n in enumerate(rng.permutation(10)[:6])
    ]  # fmt: skip
    with closing(open_history(Settings.load(store=str(store)))) as history:
        history.add(events)


def test_recommendations_come_from_what_the_user_did_or_from_what_others_do(store):
    people(store)
    for_user = body("recommend", "u1", "--store", store, "--limit", 5)
    assert for_user["strategy"] == "history"
    assert len(for_user["results"]) == 5
    for_stranger = body("recommend", "nobody", "--store", store, "--limit", 5)
    assert for_stranger["strategy"] == "popular"
    assert all(result["parts"].keys() == {"popular"} for result in for_stranger["results"])
    printed = run("recommend", "nobody", "--store", store).stdout
    assert "nothing is known of this user: what others do most with" in " ".join(printed.split())


def test_a_user_and_an_arm_change_similar_and_search(store, tmp_path):
    people(store)
    arm = tmp_path / "bold.toml"
    arm.write_text("[weights]\nhistory = 2.0\n[diversity]\namount = 0.3\n")
    plain = body("similar", item(40), "--store", store)
    blended = body("similar", item(40), "--store", store, "--user", "u1", "--arm", arm)
    assert {"history", "diversity"} <= blended["results"][0]["parts"].keys()
    assert [r["id"] for r in plain["results"]] != [r["id"] for r in blended["results"]]
    arm.write_text("weight = 1")
    refused = run("similar", item(40), "--store", store, "--arm", arm, status=1)
    assert "weight" in refused.output
    assert "Traceback" not in refused.output


def test_behaviour_is_a_further_segment_and_nothing_is_encoded_again(store, catalogue, tiny_clip):
    people(store)
    fitted = body("fit-behaviour", "--store", store, "--size", SIZE)
    assert (fitted["items"], fitted["with_behaviour"], fitted["units"]) == (COUNT, 30, 60)
    assert fitted["promoted"]
    neighbours = body(
        "similar", item(1), "--store", store, "--weights", "image=0,text=0,behaviour=1", "--limit", 9
    )
    assert {result["id"] for result in neighbours["results"]} == {item(n) for n in range(10)} - {item(1)}
    both = body("similar", item(1), "--store", store)["results"][0]
    assert both["parts"].keys() == {"image", "text", "behaviour"}
    again = body("ingest", catalogue, "--store", store, "--clip", tiny_clip)
    assert (again["unchanged"], again["embedded"]) == (COUNT, 0)
    assert body("search", "red shoe", "--store", store)["results"]
    back = body("promote", fitted["before"], "--store", store)
    assert back["before"] == fitted["fingerprint"]
    assert body("similar", item(1), "--store", store)["results"][0]["parts"].keys() == {"image", "text"}


def test_learned_again_it_replaces_the_segment(store):
    people(store)
    first = body("fit-behaviour", "--store", store, "--size", SIZE)
    people(store, 61)
    second = body("fit-behaviour", "--store", store, "--size", SIZE)
    assert second["before"] == first["fingerprint"] != second["fingerprint"]
    with closing(open_store(str(store), Settings.load(store=str(store)))) as opened:
        assert opened.info.space.names == ("image", "text", "behaviour")
        assert opened.count() == COUNT


def test_too_little_to_learn_from_is_refused_and_nothing_changes(store):
    refused = run("fit-behaviour", "--store", store, status=1)
    assert "wait for more events" in " ".join(refused.output.split())
    assert not (store / "records" / "lookups").exists()
