"""`python -m vlclip.loadtest`: run a plan, start a service and run a plan, or disturb a service."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import httpx2
import orjson
import typer
from rich.console import Console

from vlclip.loadtest.baseline import TOLERANCE, compare
from vlclip.loadtest.errors import BadReport, LoadTestError
from vlclip.loadtest.faults import read_faults, serve_faults
from vlclip.loadtest.plan import read_plan
from vlclip.loadtest.report import Report, read_figures
from vlclip.loadtest.run import Options, run, serve_and_run
from vlclip.loadtest.tables import page, show

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)
out, err = Console(), Console(stderr=True)
ENDS = (signal.SIGTERM, signal.SIGHUP)
"""Signals that end the command, beside Ctrl-C; SIGHUP comes when its terminal is closed."""

PlanArgument = Annotated[str, typer.Argument(help="TOML file, or the name of a plan that ships.")]
Folder = Annotated[Path, typer.Option("--report", help="Folder for report.json and report.html.")]
Fault = Annotated[list[str] | None, typer.Option(help="delay=50ms or errors=0.01; may be repeated.")]
Processes = Annotated[int, typer.Option(help="Load generators; 0 is one, in one process.", min=0)]
Web = Annotated[bool, typer.Option("--web", help="Show locust's own page on port 8089.")]
Key = Annotated[str, typer.Option(envvar="VLCLIP_API_KEY", help="API key of the service.")]
Knee = Annotated[Path | None, typer.Option(help="report.json of a run of steps, for a soak.")]
Baseline = Annotated[Path | None, typer.Option(help="report.json of an earlier run to compare with.")]
Tolerance = Annotated[float, typer.Option(help="Share that a figure may change by.", min=0)]


@app.command("run")
def run_command(
    plan: PlanArgument,
    *,
    host: Annotated[str, typer.Option(help="Address of the service.")] = "http://127.0.0.1:8000",
    report: Folder = Path("runs/loadtest"),
    fault: Fault = None,
    processes: Processes = 0,
    web: Web = False,
    api_key: Key = "",
    knee: Knee = None,
    baseline: Baseline = None,
    tolerance: Tolerance = TOLERANCE,
) -> None:
    """Load a running service by the plan and judge it; status 1 if a threshold is missed."""
    options = Options(
        faults=fault or (), processes=processes, web=web, knee=knee, headers=_headers(api_key)
    )  # fmt: skip
    _report(lambda: run(read_plan(plan), host, options), report, baseline, tolerance)


@app.command("serve-and-run")
def serve_and_run_command(
    plan: PlanArgument,
    *,
    store: Annotated[str, typer.Option(help="Store to serve; settings come from the environment.")],
    report: Folder = Path("runs/loadtest"),
    fault: Fault = None,
    processes: Processes = 0,
    web: Web = False,
    api_key: Key = "",
    knee: Knee = None,
    baseline: Baseline = None,
    tolerance: Tolerance = TOLERANCE,
    term_under_load: Annotated[
        bool, typer.Option("--term-under-load", help="SIGTERM half-way; nothing accepted may be lost.")
    ] = False,
) -> None:
    """The same, with a `vlclip serve` of its own, whose memory is watched."""
    options = Options(
        faults=fault or (), processes=processes, web=web, knee=knee, headers=_headers(api_key),
        term_under_load=term_under_load,
    )  # fmt: skip
    server_log = report / "server.log"
    _report(lambda: serve_and_run(read_plan(plan), store, options, server_log), report, baseline, tolerance)


@app.command()
def faults(
    *,
    to: Annotated[str, typer.Option(help="Address of the service.")],
    port: Annotated[int, typer.Option(help="Port to listen on.", min=0, max=65535)] = 8001,
    fault: Fault = None,
) -> None:
    """Pass requests on to a service, some of them late or not at all, until stopped."""

    async def forever() -> None:
        server = await serve_faults(to, read_faults(fault or ()), port)
        at, what = server.sockets[0].getsockname()[1], ", ".join(fault or ()) or "no faults"
        _say(f"http://127.0.0.1:{at} passes on to {to}, with {what}")
        await server.serve_forever()

    _exit_status_of(lambda: asyncio.run(forever()))


def _headers(api_key: str) -> dict[str, str]:
    return {"X-API-Key": api_key} if api_key else {}


def _report(work: Callable[[], Report], folder: Path, baseline: Path | None, tolerance: float) -> None:
    def all_of_it() -> bool:
        _make(folder)  # before the run: it may be a long one
        before = read_figures(baseline) if baseline else None
        try:
            report_of_run = work()
        except KeyboardInterrupt:
            _say("interrupted: nothing was judged, and no report written")
            raise
        changes = compare(before, report_of_run.figures, tolerance) if before else []
        _write(folder / "report.json", orjson.dumps(report_of_run.form(), option=orjson.OPT_INDENT_2))
        _write(folder / "report.html", page(report_of_run, changes).encode())
        show(report_of_run, changes, out)
        if changes:
            out.print(f"a figure is the same within {tolerance:.0%} of itself")
        out.print(f"report: {folder / 'report.html'}", soft_wrap=True, markup=False)
        return report_of_run.passed

    if not _exit_status_of(all_of_it):
        sys.exit(1)


def _make(folder: Path) -> None:
    """Make the folder of a report; `BadReport` if nothing can be written there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadReport(f"--report {folder}: {error.strerror}; give a folder") from None
    if not os.access(folder, os.W_OK):
        raise BadReport(f"--report {folder} cannot be written to; give a folder that can")


def _write(file: Path, content: bytes) -> None:
    """Write a file whole or not at all; `BadReport` where there is no room."""
    draft = file.with_name(f".{file.name}.part")
    try:
        draft.write_bytes(content)
        draft.replace(file)
    except OSError as error:
        raise BadReport(
            f"{file} cannot be written ({error.strerror}); make room there, or give another"
        ) from None
    finally:
        draft.unlink(missing_ok=True)


def _exit_status_of(act: Callable[[], bool | None]) -> bool | None:
    """The status that `act` returns; if it fails, status 2, and a sentence on stderr."""
    # a server and load generators that were started have to end with this process
    for end in ENDS:
        if signal.getsignal(end) != signal.SIG_IGN:  # as nohup has it
            signal.signal(end, _end)
    try:
        return act()
    except (LoadTestError, httpx2.InvalidURL) as error:
        err.print("[bold red]error:[/]", end=" ")
        _say(str(error))
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)


def _end(number: int, _: object) -> None:
    for end in ENDS:  # a second one would cut short what the first began
        signal.signal(end, signal.SIG_IGN)
    sys.exit(128 + number)


def _say(words: str) -> None:
    """Print words on stderr, never read as markup."""
    err.print(words, markup=False, highlight=False, soft_wrap=True)


if __name__ == "__main__":
    app()
