"""The tutorial works: its files are written and its commands run, in order, in a folder of their own."""

from __future__ import annotations

import os
import re
import runpy
import shlex
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from typer.testing import CliRunner

from vlclip.service.cli import build

PAGE = Path(__file__).parents[2] / "docs" / "tutorial.md"
SMALLER = {"--count 300": "--count 60", "--lists 1000": "--lists 40", "range(200)": "range(8)"}
"""What the quick run replaces."""
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SERVE = "from vlclip.service.cli import main; main()"
runner = CliRunner(env={"COLUMNS": "150"})


class Session:
    """One reader at two terminals: the service runs in one, everything else in the other."""

    def __init__(self, folder: Path, replaced: Mapping[str, str]) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self._replaced = {"127.0.0.1:8000": f"127.0.0.1:{self._port}", "--port 8000": f"--port {self._port}"}
        self._replaced |= replaced
        self._folder = folder
        self.service: subprocess.Popen[bytes] | None = None

    def follow(self, language: str, block: str) -> str:
        """Do what a block says; what the commands print."""
        for old, new in self._replaced.items():
            block = block.replace(old, new)
        if language == "toml":
            name, text = block.removeprefix("# ").split("\n", 1)
            (self._folder / name).write_text(text)
        elif language == "python":
            (self._folder / "block.py").write_text(block)
            runpy.run_path(str(self._folder / "block.py"))
        elif language == "sh":
            return "".join(self._command(line) for line in block.splitlines())
        return ""

    def stop(self) -> None:
        """Ctrl-C in the service's terminal."""
        if self.service is not None:
            self.service.send_signal(signal.SIGINT)
            assert self.service.wait(60) == 0
            self.service = None

    def _command(self, line: str) -> str:
        words = shlex.split(line)
        assert words.pop(0) == "vlclip", line
        if words[0] == "serve":
            self._serve(words)
            return ""
        result = runner.invoke(build(), words)
        assert result.exit_code == 0, f"{line}\n{result.output}{result.exception}"
        return result.stdout

    def _serve(self, words: list[str]) -> None:
        self.service = subprocess.Popen(
            [sys.executable, "-c", SERVE, *words], cwd=self._folder, env=os.environ
        )
        end = time.monotonic() + 120
        while not self._ready():
            assert self.service.poll() is None, "the service ended"
            assert time.monotonic() < end, "the service is not ready after two minutes"
            time.sleep(0.1)

    def _ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/readyz", timeout=5) as answer:
                return answer.status == 200
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False


def steps() -> Iterator[tuple[str, str]]:
    """The blocks of the tutorial in order, and `stop` where it tells the reader to stop the service."""
    text, end = PAGE.read_text(encoding="utf-8"), 0
    for match in BLOCK.finditer(text):
        if "Ctrl-C" in text[end : match.start()]:
            yield "stop", ""
        yield match[1], match[2]
        end = match.end()


def followed(folder: Path, replaced: Mapping[str, str]) -> str:
    session, printed = Session(folder, replaced), ""
    try:
        for language, block in steps():
            if language == "stop":
                session.stop()
            else:
                printed += session.follow(language, block)
        assert session.service is None, "the tutorial never stops its service"
    finally:
        if session.service is not None:
            session.service.kill()
            session.service.wait()
    return printed


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_command_of_the_tutorial_runs(folder):
    printed = followed(folder, SMALLER)
    assert "60 read, 60 embedded" in printed
    assert "0 embedded, 60 unchanged" in printed


@pytest.mark.slow
def test_the_tutorial_comes_to_the_answers_it_shows(folder):
    printed = followed(folder, {})
    assert "the best arm is photo@" in printed
    assert "photo would have earned" in printed
    assert re.search(r"\n words@\S* +94 +282 +1,692", printed)
