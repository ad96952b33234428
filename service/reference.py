"""The reference parts of the docs, written from the code: every command, every setting, every estimator.

`make docs` writes them; a test fails when they no longer say what the code does.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from vlclip.ranking.evaluation.off_policy.log import Choices, ListLog
from vlclip.ranking.evaluation.off_policy.registry import ESTIMATORS
from vlclip.service.cli import COMMANDS, load_command
from vlclip.service.settings import Settings

HEAD = "<!-- written by `make docs`; edit the code's help texts instead -->\n"
END_OF_TABLE = "<!-- end of the table -->"


def commands_page() -> str:
    """Every command with its arguments and options, as Markdown."""
    lines = [HEAD, "# Commands\n", "Each takes `--json` where it has something to say to a script: one JSON"]
    lines += ["object on stdout, progress and logs on stderr, status 0 only when it did what it says.\n"]
    for name in COMMANDS:
        for path, leaf in _leaves(f"vlclip {name}", load_command(name)):
            lines += [f"## `{path}`\n", f"{leaf.help}\n", "| | | default |", "|---|---|---|"]
            lines += [_row(param) for param in leaf.params if param.name != "help"]
            lines.append("")
    return "\n".join(lines)


def settings_page() -> str:
    """Every setting with its variable, default and meaning, as Markdown."""
    lines = [HEAD, "# Settings\n"]
    lines += [
        "Defaults, then `vlclip.toml` in the working folder (or the file `VLCLIP_CONFIG` names), then",
        "environment variables, then a command's own options; the later wins. A section such as",
        "`[hnsw]` in TOML is `VLCLIP_HNSW__EF` in the environment.\n",
        "| setting | variable | default | meaning |",
        "|---|---|---|---|",
    ]
    lines += list(_settings(Settings, "", "VLCLIP_"))
    return "\n".join([*lines, ""])


def with_estimators(page: str) -> str:
    """A page with its tables of estimators, between their marks, as the registry describes them."""
    for kind, log in (("choices", Choices), ("lists", ListLog)):
        rows = [
            f"| `{estimator.name}` | {estimator.formula} | {estimator.assumes} | {estimator.when} |"
            for estimator in ESTIMATORS.values()
            if estimator.log is log
        ]
        start = f"<!-- estimators of {kind}, written by `make docs` -->\n"
        before, after = page.split(start)
        after = after[after.index(END_OF_TABLE) :]
        table = ["| name | formula | assumes | good for |", "|---|---|---|---|", *rows]
        page = "".join([before, start, "\n".join(table), "\n", after])
    return page


def main() -> None:
    """Write both pages and the tables of estimators into `docs/`."""
    docs = Path(__file__).resolve().parents[1] / "docs"
    estimators = docs / "off_policy.md"
    estimators.write_text(with_estimators(estimators.read_text(encoding="utf-8")), encoding="utf-8")
    (docs / "commands.md").write_text(commands_page(), encoding="utf-8")
    (docs / "settings.md").write_text(settings_page(), encoding="utf-8")


def _leaves(path: str, command: Any) -> Iterator[tuple[str, Any]]:
    if hasattr(command, "commands"):
        for name, child in command.commands.items():
            yield from _leaves(f"{path} {name}", child)
    else:
        yield path, command


def _row(param: Any) -> str:
    if param.param_type_name == "argument":
        name = param.name.upper()
    else:
        name = ", ".join(f"`{flag}`" for flag in [*param.opts, *param.secondary_opts])
    default = param.show_default if isinstance(param.show_default, str) else param.default
    default_cell = (
        "" if default in (None, False, "", ()) or param.required or callable(default) else f"`{default}`"
    )
    return f"| {name} | {_cell(getattr(param, 'help', '') or '')} | {default_cell} |"


def _settings(model: type[BaseModel], path: str, variable: str) -> Iterator[str]:
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _settings(field.annotation, f"{path}{name}.", f"{variable}{name.upper()}__")
            continue
        default = "" if field.default in (None, PydanticUndefined) else f"`{field.default}`"
        meaning = _cell(field.description or "")
        yield f"| `{path}{name}` | `{variable}{name.upper()}` | {default} | {meaning} |"


def _cell(text: str) -> str:
    return click.unstyle(" ".join(text.split())).replace("|", "\\|")


if __name__ == "__main__":
    main()
