"""The image's recipe, read and in part run; no container engine is needed.

What hadolint says of any image is hadolint's to say. Here stands what is true of this one.
"""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.deploy.answering import answering

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def instructions(text):
    """(instruction, its arguments on one line), comments left out."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n", "", "\n".join(lines))
    return [tuple(line.split(maxsplit=1)) for line in joined.splitlines()]


WHOLE = instructions(DOCKERFILE)
LAST = WHOLE[max(place for place, (name, _) in enumerate(WHOLE) if name == "FROM") :]


def the(name):
    """The arguments of the one such instruction of the last stage."""
    (arguments,) = [arguments for instruction, arguments in LAST if instruction == name]
    return arguments


def test_instructions_are_read_over_continued_lines_and_comments():
    assert instructions("FROM a\n# RUN no\nRUN b \\\n    # no\n    c\n") == [
        ("FROM", "a"),
        ("RUN", "b     c"),
    ]


def test_both_stages_stand_on_one_python_and_debian_which_are_those_of_the_constraints():
    tags = [arguments.split("=") for name, arguments in WHOLE if name == "ARG" and "_TAG=" in arguments]
    assert tags == [["PYTHON_TAG", "3.11-slim-bookworm"], ["BUILD_TAG", "3.11-bookworm"]]
    bases = [arguments.split()[0] for name, arguments in WHOLE if name == "FROM"]
    assert bases == ["python:${BUILD_TAG}", "python:${PYTHON_TAG}"]


def test_what_is_compiled_is_what_is_used():
    installed = [arguments for name, arguments in WHOLE if name == "RUN" and " install " in arguments]
    calls = [call for run in installed for call in run.split("pip ")[1:] if " install " in call]
    assert len(calls) == 3
    assert all("--no-compile" in call for call in calls)
    (last,) = [arguments for name, arguments in WHOLE if name == "RUN" and "image.py" in arguments]
    assert last == "python deploy/image.py /opt/vlclip"


def test_nothing_is_fetched_but_by_the_installer_and_the_last_stage_installs_nothing():
    assert "ADD" not in {name for name, _ in WHOLE}
    run = " ".join(arguments for name, arguments in WHOLE if name == "RUN")
    assert not re.search(r"\b(apt|apt-get|curl|wget|git)\b", run)
    assert not any("pip" in arguments for name, arguments in LAST if name == "RUN")


def test_it_runs_as_a_numbered_user_who_is_not_root():
    user, group = the("USER").split(":")
    assert int(user) > 0
    assert int(group) > 0
    assert f"useradd --uid {user} --gid {group}" in DOCKERFILE


def test_what_it_starts_is_the_command_itself_so_that_signals_reach_it():
    started = json.loads(the("ENTRYPOINT")) + json.loads(the("CMD"))
    assert started == ["vlclip", "serve", "--host", "0.0.0.0"]
    assert started[0] in PROJECT["project"]["scripts"]
    assert the("STOPSIGNAL") == "SIGTERM"


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (503, False)])
def test_its_health_is_what_readyz_says_past_any_proxy(status, healthy):
    _, command = the("HEALTHCHECK").split(" CMD ", maxsplit=1)
    _, *arguments = json.loads(command)
    with answering(status) as (port, words):
        code = [word.replace(":8000/", f":{port}/") for word in arguments]
        proxy = {**os.environ, "http_proxy": "http://127.0.0.1:9"}
        ended = subprocess.run([sys.executable, *code], env=proxy, capture_output=True, check=False)
    assert (ended.returncode == 0) is healthy
    assert words == ["/readyz"]


@pytest.mark.parametrize("extras", ["", "redis", "llm,tracing"])
def test_the_requirements_that_are_installed_first_are_the_projects_own(extras):
    code = re.search(r'python -c "(import sys, tomllib;.*?)" "\$EXTRAS"', run_with("tomllib")).group(1)
    ran = subprocess.run(
        [sys.executable, "-c", code, extras], cwd=ROOT, capture_output=True, text=True, check=True
    )
    project = PROJECT["project"]
    names = [name for name in extras.split(",") if name]
    chosen = [package for name in names for package in project["optional-dependencies"][name]]
    assert ran.stdout.splitlines() == project["dependencies"] + chosen


def run_with(word):
    """The one RUN with a word in it."""
    (run,) = [arguments for name, arguments in WHOLE if name == "RUN" and word in arguments]
    return run


def test_only_what_the_image_needs_is_sent_to_the_build():
    copied = {
        source
        for name, arguments in WHOLE
        if name == "COPY" and "--from" not in arguments
        for source in arguments.split()[:-1]
    }
    ignored = [
        line for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] not in ("", "#")
    ]
    assert ignored[0] == "*"
    assert {line.removeprefix("!") for line in ignored if line.startswith("!")} == copied
    assert all((ROOT / source).exists() for source in copied)
    assert copied >= set(PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"])


def test_what_changes_seldom_is_copied_first():
    sources = [arguments.split()[0] for name, arguments in WHOLE if name == "COPY"]
    assert sources.index("constraints.txt") < sources.index("pyproject.toml") < sources.index("engine")


def test_no_layer_installs_what_the_constraints_do_not_pin():
    assert any(name == "ENV" and "PIP_CONSTRAINT=/build/constraints.txt" in text for name, text in WHOLE)
    pinned = {
        re.split(r"==", line)[0].lower().replace("_", "-")
        for line in (ROOT / "constraints.txt").read_text().splitlines()
    }
    requirements = PROJECT["project"]["dependencies"] + PROJECT["build-system"]["requires"]
    names = {re.split(r"[<>=\[;\s]", line)[0].lower().replace("_", "-") for line in requirements}
    assert names - pinned == set()
