"""The services around the API, as compose.yaml describes them; none is started.

The file was held against compose's own schema by hand: the schema is not on the package index.
"""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.deploy.answering import answering
from vlclip.service.settings import Settings

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "deploy" / "compose.yaml").read_text()
COMPOSE = yaml.safe_load(TEXT)
SERVICES = COMPOSE["services"]
EXAMPLE = (ROOT / "deploy" / ".env.example").read_text()
UNITS_S = {"h": 3600, "m": 60, "s": 1}


def seconds(duration):
    return sum(int(number) * UNITS_S[unit] for number, unit in re.findall(r"(\d+)([hms])", duration))


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_has_a_pinned_image_bounds_and_no_rights_it_does_not_need(name):
    service = SERVICES[name]
    assert re.search(r":v?\d+\.\d+\.\d+[\w.-]*\}?$", service["image"])
    assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory"}
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "max-size" in service["logging"]["options"]
    assert not service.get("privileged")


@pytest.mark.parametrize("name", sorted(SERVICES.keys() - {"ingest"}))
def test_every_service_starts_again_and_says_whether_it_is_well(name):
    assert SERVICES[name]["restart"] == "unless-stopped"
    assert name == "api" or SERVICES[name]["healthcheck"]["test"], "the image of the API has its own"


def test_ingest_runs_once_and_only_when_it_is_asked_for():
    ingest = SERVICES["ingest"]
    assert ingest["profiles"] == ["ingest"]
    assert ingest["restart"] == "no"
    assert ingest["command"][0] == "ingest"
    assert [name for name, service in SERVICES.items() if "profiles" in service] == ["ingest"]


def test_only_the_api_is_published_and_to_this_machine_alone_unless_told_otherwise():
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published == {"api": ["${API_ADDRESS:-127.0.0.1}:${API_PORT:-8000}:8000"]}


def test_the_databases_have_no_way_out():
    assert COMPOSE["networks"]["data"] == {"internal": True}
    inside = [name for name, service in SERVICES.items() if list(service["networks"]) == ["data"]]
    assert sorted(inside) == ["prometheus", "qdrant-1", "qdrant-2", "valkey"]


def test_what_is_named_is_there_and_what_is_there_is_named():
    volumes = {entry.split(":")[0] for service in SERVICES.values() for entry in service.get("volumes", [])}
    assert {entry for entry in volumes if entry[0] not in ".$"} == set(COMPOSE["volumes"])
    assert {network for each in SERVICES.values() for network in each["networks"]} == set(COMPOSE["networks"])
    secrets = {entry["source"] for service in SERVICES.values() for entry in service.get("secrets", [])}
    assert secrets == set(COMPOSE["secrets"])
    waited = {entry for service in SERVICES.values() for entry in service.get("depends_on", {})}
    assert waited <= set(SERVICES)
    for service in SERVICES.values():
        for entry in service.get("volumes", []):
            if entry.startswith("./"):
                assert (ROOT / "deploy" / entry.split(":")[0]).exists()


def test_every_variable_is_in_the_example_and_none_has_a_secret_in_it():
    requests = set(re.findall(r"\$\{([A-Z_]+)", TEXT))
    requests |= {secret["environment"] for secret in COMPOSE["secrets"].values()}
    answers = dict(line.split("=", 1) for line in EXAMPLE.splitlines() if line and not line.startswith("#"))
    assert requests == set(answers)
    secret = {name for name in requests if name.endswith(("_KEY", "_PASSWORD"))}
    assert {answers[name] for name in secret} == {""}


def test_secrets_from_the_environment_are_for_services_that_can_be_written_to():
    # compose copies them into the container; a read-only one is refused (docker/compose#12031)
    for service in SERVICES.values():
        assert not (service.get("secrets") and service["read_only"])


def test_everything_else_is_read_only():
    assert [name for name, service in SERVICES.items() if not service["read_only"]] == ["prometheus"]


def test_the_settings_of_the_api_are_settings(monkeypatch):
    names = set(re.findall(r"`(VLCLIP_\w+)`", (ROOT / "docs" / "settings.md").read_text()))
    for name, value in SERVICES["api"]["environment"].items():
        if name.startswith("VLCLIP_"):
            assert name in names
            monkeypatch.setenv(name, re.sub(r"\$\{\w+:\?[^}]*\}", "secret", value))
    settings = Settings.load()
    assert settings.store == "http://qdrant:6333"
    assert settings.server.api_key.get_secret_value() == "secret"
    assert settings.history.url == "redis://:secret@valkey:6379/0"
    assert SERVICES["ingest"]["environment"] == SERVICES["api"]["environment"]


def test_every_shard_is_on_every_node():
    nodes = [name for name in SERVICES if name.startswith("qdrant-")]
    environment = SERVICES["api"]["environment"]
    assert environment["VLCLIP_SERVER__REPLICAS"] == str(len(nodes))
    assert int(environment["VLCLIP_SERVER__SHARDS"]) % len(nodes) == 0


def test_the_nodes_find_each_other_and_are_asked_by_one_name():
    first, second = SERVICES["qdrant-1"], SERVICES["qdrant-2"]
    assert first["command"] == ["./entrypoint.sh", "--uri", "http://qdrant-1:6335"]
    assert second["command"][1:3] == ["--bootstrap", first["command"][2]]
    assert second["command"][4] == "http://qdrant-2:6335"
    assert first["networks"] == second["networks"] == {"data": {"aliases": ["qdrant"]}}
    assert not {*first["volumes"]} & {*second["volumes"]}, "each has its own disk"


def test_the_server_is_at_most_one_minor_version_from_its_client():
    # further apart qdrant-client calls them incompatible
    client = re.search(r"^qdrant-client==1\.(\d+)", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    server = re.search(r":v1\.(\d+)\.", SERVICES["qdrant-1"]["image"])
    assert abs(int(client.group(1)) - int(server.group(1))) <= 1


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (503, False)])
def test_a_nodes_health_is_what_its_readyz_says(status, healthy):
    _, *command = SERVICES["qdrant-1"]["healthcheck"]["test"]
    with answering(status) as (port, requests):
        script = [entry.replace("$$", "$").replace("/6333", f"/{port}") for entry in command]
        assert (subprocess.run(script, check=False).returncode == 0) is healthy
    assert requests == ["/readyz"]


def test_the_api_starts_after_what_it_asks_and_ends_after_what_it_was_asked():
    asks = {"qdrant-1", "qdrant-2", "valkey"}
    assert SERVICES["api"]["depends_on"] == {name: {"condition": "service_healthy"} for name in asks}
    api = Settings().api
    assert seconds(SERVICES["api"]["stop_grace_period"]) > max(api.timeout_s, api.write_timeout_s)


def test_threads_are_as_many_as_the_cores_it_may_use():
    for name in ("api", "ingest"):
        service = SERVICES[name]
        assert service["environment"]["OMP_NUM_THREADS"] == service["deploy"]["resources"]["limits"]["cpus"]


def test_histories_are_kept_on_disk_and_never_thrown_away():
    command = " ".join(SERVICES["valkey"]["command"])
    assert "--appendonly yes" in command
    assert "--maxmemory-policy noeviction" in command


def test_what_watches_is_published_to_this_machine_alone():
    watch = yaml.safe_load((ROOT / "deploy" / "compose.watch.yaml").read_text())["services"]
    assert {name: service["ports"] for name, service in watch.items()} == {
        "prometheus": ["127.0.0.1:9090:9090"],
        "grafana": ["127.0.0.1:3000:3000"],
    }
