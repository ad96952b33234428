"""The docs say what the code does."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from vlclip.service.cli import load_command
from vlclip.service.reference import commands_page, settings_page, with_estimators

ROOT = Path(__file__).parents[2]
PAGES = [
    *(ROOT / name for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md")),
    *sorted((ROOT / "docs").glob("*.md")),
]


@pytest.mark.parametrize(
    ("page", "written"), [("commands.md", commands_page), ("settings.md", settings_page)]
)
def test_the_reference_is_what_the_code_says(page, written):
    assert (ROOT / "docs" / page).read_text() == written(), "run `make docs`"


def test_the_table_of_estimators_is_what_their_descriptions_say():
    page = (ROOT / "docs" / "off_policy.md").read_text()
    assert page == with_estimators(page), "run `make docs`"


def snippets() -> list[str]:
    pages_by_command = {}
    for page in PAGES:
        for line in page.read_text().splitlines():
            if line.startswith("    vlclip ") and not line.endswith(" --help"):
                pages_by_command[line.split("  #")[0].strip()] = page.name
    return list(pages_by_command)


@pytest.mark.parametrize("line", snippets())
def test_commands_in_the_docs_exist_with_their_options(line):
    words = shlex.split(line)[1:]
    command = load_command(words.pop(0))
    while hasattr(command, "commands"):
        command = command.commands[words.pop(0)]
    options = {flag for param in command.params for flag in [*param.opts, *param.secondary_opts]}
    assert {word for word in words if word.startswith("-")} <= options


def test_links_lead_somewhere():
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_files_that_pages_name_are_there():
    rooms = "engine|ingestion|ranking|service|loadtest|tests|benchmarks|deploy"
    for page in PAGES:
        for path in re.findall(rf"`((?:{rooms})/[\w/.]*)`", page.read_text()):
            assert (ROOT / path).exists(), f"{page.name} names {path}"


def test_every_page_is_once_in_the_overview():
    links = re.findall(r"\]\(([a-z_]+\.md)\)", (ROOT / "docs" / "README.md").read_text())
    pages = {page.name for page in (ROOT / "docs").glob("*.md")} - {"README.md"}
    assert sorted(links) == sorted(pages)


def test_every_word_of_the_glossary_is_defined_once():
    words = re.findall(r"^\*\*([^*]+)\*\*:", (ROOT / "docs" / "glossary.md").read_text(), re.MULTILINE)
    assert len(words) == len(set(words)) > 0


def test_the_python_of_the_readme_runs(tmp_path, tiny_clip, monkeypatch, capsys):
    (block,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    (tmp_path / "products.csv").write_text(
        "id,title,price\nsku-42,red running shoes,59\nsku-7,green hat,19\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VLCLIP_CLIP", str(tiny_clip))
    exec(compile(block, "README.md", "exec"), {})
    embedded, best, *_ = capsys.readouterr().out.splitlines()
    assert embedded == "2 embedded, 0 failed"
    assert best.startswith("sku-42 ")
    assert "'lexical':" in best
