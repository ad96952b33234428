"""`vlclip doctor`: check an installation; say what is wrong and what to do about it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from vlclip.service.commands.options import Clip, Device, Json, StoreOption
from vlclip.service.diagnosis.deep import all_damage, damage
from vlclip.service.diagnosis.finding import Check, findings
from vlclip.service.diagnosis.machine import disk, libraries, machine, model
from vlclip.service.diagnosis.records import events, exposures, keys, ledger, restored
from vlclip.service.diagnosis.server import running
from vlclip.service.diagnosis.store import encoder, store
from vlclip.service.reports.terminal import out, print_json, says_what_went_wrong
from vlclip.service.settings import Settings

CHECKS: tuple[Check, ...] = (
    libraries, machine, model, disk, store, encoder, ledger, events, exposures, keys, restored,
)  # fmt: skip
MARKS = {"ok": "[green]ok[/]  ", "note": "[yellow]note[/]", "bad": "[red]bad[/] "}


@says_what_went_wrong
def doctor(
    *,
    store: StoreOption = None,
    clip: Clip = None,
    device: Device = None,
    url: Annotated[str, typer.Option(help="URL of a running service to check too.")] = "",
    key: Annotated[
        str,
        typer.Option(
            envvar="VLCLIP_API_KEY", help="API key with the scope metrics, for /metrics of that service."
        ),
    ] = "",
    deep: Annotated[
        bool, typer.Option("--deep", help="Compare every file and every item with what was written.")
    ] = False,
    json: Json = False,
) -> None:
    """Check libraries, machine, model, store, logs and service; status 1 if something is broken."""
    settings = Settings.load(store=store, clip=clip, device=device)
    checks = [*CHECKS]
    if deep:
        checks.append(all_damage if json else damage)
    if url:
        checks.append(running(url, key))
    report = list(findings(checks, settings))
    broken = any(finding.state == "bad" for finding in report)
    if json:
        print_json({"ok": not broken, "findings": [asdict(finding) for finding in report]})
    else:
        for finding in report:
            out.print(f"{MARKS[finding.state]} {finding.what}: ", end="")
            out.print(finding.says, markup=False, highlight=False)
    if broken:
        raise typer.Exit(1)
