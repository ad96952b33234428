"""`python -m vlclip.loadtest`: what it says and its exit status, where nothing has to be run to know."""

from __future__ import annotations

import json
import os
import signal
import socket
from dataclasses import asdict

import pytest
from typer.testing import CliRunner

from tests.loadtest.conftest import record
from vlclip.loadtest import __main__ as command
from vlclip.loadtest import run
from vlclip.loadtest.errors import BadReport, NotReached
from vlclip.loadtest.figures import by_endpoint
from vlclip.loadtest.report import read_figures, read_knee


@pytest.fixture(autouse=True)
def signals(monkeypatch):
    """The handlers of before afterwards; until then a signal that nobody handles does nothing."""
    before = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGTERM, signal.SIGHUP)}
    monkeypatch.setenv("COLUMNS", "200")
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def call(monkeypatch):
    """The command; a run of it does what `ran` says. Its exit status and what it said."""

    def make(*words, ran=None):
        monkeypatch.setattr(command, "run", ran or (lambda *_: pytest.fail("it was run")))
        monkeypatch.setattr(command, "serve_and_run", ran or (lambda *_: pytest.fail("it was run")))
        monkeypatch.setattr(command.err, "width", 200)
        with command.err.capture() as captured:
            result = CliRunner().invoke(command.app, list(map(str, words)))
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result.exit_code, captured.get() + result.output

    return make


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_end_ends_what_was_started_and_a_second_one_does_not_cut_that_short(call, tmp_path, end):
    ended = []

    def ran(*_):
        try:
            os.kill(os.getpid(), end)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)
            ended.append(True)
        pytest.fail("it went on")

    status, _ = call("serve-and-run", "shop", "--store", "store", "--report", tmp_path, ran=ran)
    assert status == 128 + end
    assert ended


def test_under_nohup_a_closed_terminal_is_no_end(call, tmp_path):
    signal.signal(signal.SIGHUP, signal.SIG_IGN)

    def ran(*_):
        os.kill(os.getpid(), signal.SIGHUP)
        raise NotReached("it went on")

    status, output = call("run", "shop", "--report", tmp_path, ran=ran)
    assert (status, output) == (2, "error: it went on\n")


def test_a_run_that_is_interrupted_says_that_nothing_was_judged(call, tmp_path):
    def ran(*_):
        raise KeyboardInterrupt

    status, output = call("run", "shop", "--report", tmp_path, ran=ran)
    assert status == 130
    assert output == "interrupted: nothing was judged, and no report written\n"


@pytest.mark.parametrize("words", [["run", "shop"], ["serve-and-run", "shop", "--store", "store"]])
def test_the_key_of_the_environment_goes_with_every_request(call, tmp_path, monkeypatch, words):
    monkeypatch.setenv("VLCLIP_API_KEY", "vlclip_secret")
    headers = []

    def ran(_, __, options, *___):
        headers.append(options.headers)
        raise NotReached("enough")

    assert call(*words, "--report", tmp_path, ran=ran)[0] == 2
    assert headers == [{"X-API-Key": "vlclip_secret"}]


def test_a_report_that_cannot_be_written_is_refused_before_the_run(call, tmp_path):
    (tmp_path / "file").write_text("")
    for words in (["run", "shop"], ["serve-and-run", "shop", "--store", "store"]):
        for report, why in ((tmp_path / "file", "File exists"), (tmp_path / "file/out", "Not a directory")):
            status, output = call(*words, "--report", report)
            assert status == 2
            assert output == f"error: --report {report}: {why}; give a folder\n"


@pytest.mark.parametrize(
    "form",
    [
        '{"figures": {"all": 3}}',
        '{"figures": []}',
        '{"figures": {"all": {"p50_ms": 3}}}',
        '{"figures": {}, "knee": "x"}',
        '{"figures": {}, "knee": -1}',
        "[]",
        "{",
        "",
    ],
)
@pytest.mark.parametrize("option", ["--baseline", "--knee"])
def test_what_is_no_report_is_refused_before_the_run(call, tmp_path, option, form):
    (tmp_path / "soak.toml").write_text(
        'id = "soak"\nmix = { similar = 1 }\nshape = { kind = "soak", share = 0.5, seconds = 9 }'
    )
    (tmp_path / "other.json").write_text(form)
    words = ["run", tmp_path / "soak.toml", option, tmp_path / "other.json", "--report", tmp_path]
    status, output = call(*words, ran=run.run)
    assert status == 2
    assert output.startswith(f"error: {tmp_path / 'other.json'} is no report (")
    assert output.endswith("); give the report.json of an earlier run\n")


def test_a_report_of_another_version_is_read(tmp_path):
    figures = by_endpoint([record()], 1)
    form = {"all": asdict(figures["all"]) | {"unheard_of": 1}}
    (tmp_path / "report.json").write_text(json.dumps({"figures": form, "unheard_of": 1}))
    assert read_figures(tmp_path / "report.json") == {"all": figures["all"]}
    with pytest.raises(BadReport, match="found no knee; give the report"):
        read_knee(tmp_path / "report.json")


def test_a_proxy_that_cannot_be_says_why(call):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        status, output = call("faults", "--to", "http://127.0.0.1:9", "--port", port)
    assert status == 2
    assert output == f"error: cannot listen on port {port} (Address already in use); take another --port\n"
    status, output = call("faults", "--to", "127.0.0.1:9")
    assert status == 2
    assert "write it as http://" in output


@pytest.mark.parametrize(
    ("host", "why"),
    [
        ("127.0.0.1:8000", "does not answer a search: write http:// before the address"),
        ("localhost:8000", "does not answer a search: write http:// before the address"),
        ("http://127.0.0.1:x", "Invalid port: 'x'"),
    ],
)
def test_an_address_that_is_none_says_how_to_write_it(call, tmp_path, host, why):
    status, output = call("run", "shop", "--host", host, "--report", tmp_path, ran=run.run)
    assert status == 2
    assert why in output


def test_an_error_is_shown_as_it_is_not_as_markup(call, tmp_path):
    def ran(*_):
        raise NotReached("vlclip serve --store nix[/b] [red]did not start")

    status, output = call("run", "shop", "--report", tmp_path, ran=ran)
    assert (status, output) == (2, "error: vlclip serve --store nix[/b] [red]did not start\n")
