"""Dashboard and alerts ask for what there is.

docs/monitoring.md lists just the metrics and labels that the registry has
(tests/service/observing/test_metrics.py), so what is asked for here is held against that list.
"""

import json
import re
from itertools import combinations
from pathlib import Path

import pytest
import yaml

DEPLOY = Path(__file__).parents[2] / "deploy"
DOCS = (Path(__file__).parents[2] / "docs" / "monitoring.md").read_text()
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
PROMETHEUS = yaml.safe_load((DEPLOY / "prometheus.yml").read_text())
RULES = [
    rule for group in yaml.safe_load((DEPLOY / "alerts.yml").read_text())["groups"] for rule in group["rules"]
]
BOARD = json.loads((DEPLOY / "grafana" / "dashboards" / "vlclip.json").read_text())
PROVISIONING = DEPLOY / "grafana" / "provisioning"
PANELS = [panel for panel in BOARD["panels"] if panel["type"] != "row"]

QUERIES = [target["expr"] for panel in PANELS for target in panel["targets"]]
QUERIES += [rule["expr"] for rule in RULES] + [entry["expr"] for entry in BOARD["annotations"]["list"]]
ROW = re.compile(r"^\| `((?:vlclip|process)_\w+)` \| (\w+) \| ([\w, ]*)\|", re.MULTILINE)
OURS = re.compile(r"\b((?:vlclip|process)_\w+)")
FROM_PROMETHEUS = {"instance", "job", "le"}
"""Labels that it adds, and that of a histogram's buckets."""


def listed():
    """Series by name, each with its labels."""
    series = {}
    for name, kind, labels in ROW.findall(DOCS):
        of = {entry.strip() for entry in labels.split(",")} - {""}
        ends = ("_bucket", "_sum", "_count") if kind == "histogram" else ("",)
        series |= dict.fromkeys((name + end for end in ends), of)
    return series


def labels_of(expr):
    """Those that it groups or filters by."""
    grouped = re.findall(r"\bby \(([^)]*)\)", expr)
    filtered = re.findall(r"\{([^}]*)\}", expr)
    return {entry.strip() for some in grouped for entry in some.split(",")} | {
        name for some in filtered for name in re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", some)
    }


def test_a_list_in_the_docs_is_read_with_its_labels():
    assert listed()["vlclip_request_duration_seconds_bucket"] == {"method", "route", "status"}
    assert labels_of('sum by (le, route) (rate(a{status="5xx", route!~"b"}[5m]))') == {
        "le",
        "route",
        "status",
    }


@pytest.mark.parametrize("expr", QUERIES)
def test_what_is_asked_for_is_measured_and_has_these_labels(expr):
    series = listed()
    named = OURS.findall(expr)
    assert named or "up{" in expr
    assert set(named) <= set(series)
    labels = FROM_PROMETHEUS.union(*(series[name] for name in named))
    assert labels_of(expr) <= labels


def test_what_is_asked_for_is_promql():
    promql = pytest.importorskip("promql_parser", reason="needs promql-parser")
    for expr in QUERIES:
        promql.parse(expr.replace("$__rate_interval", "1m"))


def test_counters_are_asked_for_by_their_growth():
    counters = {name for name, kind, _ in ROW.findall(DOCS) if kind == "counter"}
    for expr in QUERIES:
        for name in counters & set(OURS.findall(expr)):
            assert re.search(rf"(rate|increase)\({name}\b", expr)


def test_whatever_is_measured_of_lists_and_of_what_is_kept_is_shown():
    panels = {
        name for panel in PANELS for target in panel["targets"] for name in OURS.findall(target["expr"])
    }
    bases = {re.sub(r"_(bucket|sum|count)$", "", name) for name in panels}
    ours = {name for name, *_ in ROW.findall(DOCS) if name.startswith("vlclip_")}
    assert ours - bases == {"vlclip_build_info"}


def test_panels_have_ids_of_their_own_a_source_that_is_provisioned_and_say_what_they_show():
    ids = [panel["id"] for panel in BOARD["panels"]]
    assert len(set(ids)) == len(ids)
    (source,) = yaml.safe_load((PROVISIONING / "datasources" / "prometheus.yml").read_text())["datasources"]
    for panel in PANELS:
        assert panel["datasource"]["uid"] == source["uid"]
        assert panel["title"]
        assert panel["description"]
        references = [target["refId"] for target in panel["targets"]]
        assert len(set(references)) == len(references)
    for entry in (*BOARD["templating"]["list"], *BOARD["annotations"]["list"]):
        assert entry["datasource"]["uid"] == source["uid"]


def test_no_panel_lies_on_another_or_beside_the_page():
    places = [panel["gridPos"] for panel in BOARD["panels"]]
    assert all(place["x"] >= 0 and place["x"] + place["w"] <= 24 for place in places)
    for entry, other in combinations(places, 2):
        beside = entry["x"] + entry["w"] <= other["x"] or other["x"] + other["w"] <= entry["x"]
        apart = entry["y"] + entry["h"] <= other["y"] or other["y"] + other["h"] <= entry["y"]
        assert beside or apart


def test_every_alert_says_how_urgent_it_is_and_what_to_do():
    names = [rule["alert"] for rule in RULES]
    assert len(set(names)) == len(names)
    for rule in RULES:
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert set(rule["annotations"]) == {"summary", "action"}


def test_alerts_ask_for_labels_they_have_left():
    # a template's label that the expression summed away would be empty
    for rule in RULES:
        used = set(re.findall(r"\$labels\.(\w+)", str(rule["annotations"])))
        grouped = re.findall(r"\bby \(([^)]*)\)", rule["expr"])
        summed = "sum(" in rule["expr"] or grouped
        left = {entry.strip() for entry in ",".join(grouped).split(",")} if summed else {"instance", "job"}
        assert used <= left, rule["alert"]


def test_prometheus_asks_services_that_are_there_with_keys_that_it_has():
    hosts = set()
    for job in PROMETHEUS["scrape_configs"]:
        for matches in job.get("dns_sd_configs", []):
            hosts |= set(matches["names"])
        for some in job.get("static_configs", []):
            hosts |= {target.split(":")[0] for target in some["targets"]}
        if "authorization" in job:
            secret = Path(job["authorization"]["credentials_file"]).name
            assert secret in {entry["source"] for entry in COMPOSE["services"]["prometheus"]["secrets"]}
    assert hosts - {"localhost"} == {"api", "qdrant-1", "qdrant-2"}
    jobs = {job["job_name"] for job in PROMETHEUS["scrape_configs"]}
    queried = {job for expr in QUERIES for job in re.findall(r'job="(\w+)"', expr)}
    assert queried <= jobs


def test_what_grafana_reads_is_where_compose_puts_it():
    mounted = dict(entry.split(":")[:2] for entry in COMPOSE["services"]["grafana"]["volumes"])
    (provider,) = yaml.safe_load((PROVISIONING / "dashboards" / "vlclip.yml").read_text())["providers"]
    assert mounted["./grafana/dashboards"] == provider["options"]["path"]
    home = COMPOSE["services"]["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert home == f"{provider['options']['path']}/vlclip.json"
    (source,) = yaml.safe_load((PROVISIONING / "datasources" / "prometheus.yml").read_text())["datasources"]
    assert source["url"] == "http://prometheus:9090"
    assert source["jsonData"]["timeInterval"] == PROMETHEUS["global"]["scrape_interval"]


def test_the_alert_on_memory_fits_what_the_api_is_given():
    (rule,) = [rule for rule in RULES if rule["alert"] == "MemoryHigh"]
    gigabytes = int(re.search(r"(\d+) \* 1024", rule["expr"]).group(1))
    assert COMPOSE["services"]["api"]["deploy"]["resources"]["limits"]["memory"] == f"{gigabytes}g"
