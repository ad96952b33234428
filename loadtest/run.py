"""One run: learn about the shop, let locust send the load, judge the records."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx2

from vlclip.loadtest.errors import BadPlan, NotReached
from vlclip.loadtest.faults import faulty, read_faults
from vlclip.loadtest.figures import Figures, by_endpoint, over_time, reasons
from vlclip.loadtest.plan import Constant, Plan, Soak
from vlclip.loadtest.probe import Probed, probe
from vlclip.loadtest.record import Record, read_lines, read_records
from vlclip.loadtest.report import Report, limits_form, machine, read_knee
from vlclip.loadtest.server import Memory, Server, serving
from vlclip.loadtest.shapes import due
from vlclip.loadtest.steps import Step, knee, read_steps
from vlclip.loadtest.termination import Termination, events_of, judge_termination
from vlclip.loadtest.thresholds import lags, missed
from vlclip.loadtest.work import Work, learn, write_work

USERS = Path(__file__).with_name("users.py")
STOP_S = 30
"""Seconds that users may take to finish what they began."""
WEB_PORT = 8089
PAGE = ["--autostart", "--autoquit", "5", "--web-host", "127.0.0.1", "--web-port", str(WEB_PORT)]
"""Options of locust for its own page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How to run a plan. `processes` 0 means one process, in which locust's master sends requests too."""

    faults: Sequence[str] = ()
    processes: int = 0
    web: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)
    knee: Path | None = None
    term_under_load: bool = False


def run(plan: Plan, host: str, options: Options, server: Server | None = None) -> Report:
    """Run `plan` against `host`. `server` is watched, and stopped half-way if the options say so."""
    plan = with_level(plan, options.knee)
    if options.web:
        check_page()
    host = host.rstrip("/")
    with (
        tempfile.TemporaryDirectory(prefix="vlclip-loadtest-") as folder,
        httpx2.Client(base_url=host, headers=dict(options.headers), timeout=60) as http,
        faulty(host, read_faults(options.faults)) as address,
    ):
        work = Path(folder)
        write_work(work, Work(plan, learn(plan, http), options.headers))
        if options.term_under_load:
            events_of("nobody", http)  # whether it may be asked, before the load
        stopped = _locust(plan, work, address, options, server)
        records = read_records(work)
        if not records:
            raise NotReached(f"no request was made of {address}; make shape.seconds or shape.level larger")
        termination: Termination | None = None
        if stopped is not None and server is not None:
            server.start()
            termination = judge_termination(records, *stopped, http)
        probed = probe(records, http, most=plan.probe.most, rate_per_s=plan.probe.rate_per_s)
        outcome = Outcome(folder=work, records=records, probed=probed, termination=termination, server=server)
        return judge(plan, outcome, host, options)


def serve_and_run(plan: Plan, store: str, options: Options, log_file: Path) -> Report:
    """Start `vlclip serve` on `store`, run, stop it; the server's own output goes to the file `said`."""
    with serving(store, log_file) as server:
        report = run(plan, server.url, options, server)
        ended_early = server.ended is not None
        status = server.stop()
    if ended_early:
        miss = f"the server ended during the run, with status {status}; its last words are in {log_file}"
        return replace(report, misses=[*report.misses, miss])
    if status:
        report = replace(report, misses=[*report.misses, f"the server ended with status {status}, not 0"])
    return report


def check_page() -> None:
    """Raise `NotReached` if locust cannot show its own page; locust would say so only after the run."""
    try:
        socket.create_server(("127.0.0.1", WEB_PORT)).close()
    except OSError:
        problem = f"port {WEB_PORT}, of locust's own page, is taken"
        raise NotReached(f"{problem}; end what listens there, or leave out --web") from None


def with_level(plan: Plan, knee_report: Path | None) -> Plan:
    """The plan with a soak's share turned into a rate, by the knee of an earlier report."""
    if not isinstance(plan.shape, Soak):
        return plan
    if knee_report is None:
        raise BadPlan(f"shape.share: of which knee? give --knee REPORT.json, of a run of steps ({plan.id})")
    level = plan.shape.share * read_knee(knee_report)
    return plan.model_copy(
        update={"shape": Constant(kind="constant", level=level, seconds=plan.shape.seconds)}
    )


def _locust(
    plan: Plan, work: Path, host: str, options: Options, server: Server | None
) -> tuple[float, int] | None:
    """Run locust to its end or the server's: when the server was told to stop, and its exit status."""
    words = [
        sys.executable, "-m", "locust", "-f", str(USERS), "--host", host, "--stop-timeout", str(STOP_S),
        "--exit-code-on-error", "0", "--loglevel", "WARNING", "--only-summary",
    ]  # fmt: skip
    words += PAGE if options.web else ["--headless"]
    if options.processes:
        words += ["--processes", str(options.processes)]
    root = str(USERS.parents[2])
    paths = os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = os.environ | {"VLCLIP_LOADTEST": str(work), "PYTHONPATH": paths}
    with (
        (work / "locust.log").open("wb") as log_file,
        subprocess.Popen(  # noqa: S603 - our own command
            words, env=environment, stdout=log_file, stderr=log_file
        ) as locust,
    ):
        try:
            if options.term_under_load and server is not None:
                return _stop_half_way(plan, work, locust, server)
            if locust.wait():
                last = (work / "locust.log").read_text(encoding="utf-8", errors="replace")[-2000:]
                raise NotReached(f"locust ended with status {locust.returncode}:\n{last}")
        finally:
            if locust.poll() is None:
                locust.send_signal(signal.SIGTERM)
    return None


def _stop_half_way(
    plan: Plan, work: Path, locust: subprocess.Popen[bytes], server: Server
) -> tuple[float, int]:
    while locust.poll() is None and not (work / "levels.jsonl").exists():
        time.sleep(0.05)
    over = threading.Event()
    over.wait(plan.shape.seconds / 2)
    at = time.time()
    status = server.stop()
    over.wait(1.0)  # those that come now are refused
    locust.send_signal(signal.SIGTERM)
    locust.wait()
    return at, status


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a run left behind: its folder, its records, the probe's results, and what the server did."""

    folder: Path
    records: Sequence[Record]
    probed: Probed
    termination: Termination | None
    server: Server | None


def judge(plan: Plan, outcome: Outcome, host: str, options: Options) -> Report:
    """The report of a run: figures, and each threshold that was missed."""
    levels = list(read_lines(outcome.folder / "levels.jsonl"))
    began, ended_at, records = levels[0]["at"], levels[-1]["at"], outcome.records
    termination = outcome.termination
    if termination is not None:
        ended_at = termination.at
        records = [record for record in records if record.answered_at < ended_at]
    steps = read_steps(outcome.folder)
    warm = began + plan.warm_s
    counts_from = began if steps else warm
    best = knee(steps)
    level = None if best is None else best.level
    figures = _figures(plan, records, steps, began, ended_at)
    for name in outcome.probed.recall.keys() & figures.keys():
        figures[name] = replace(figures[name], recall_at_10=outcome.probed.recall[name])
    memory = outcome.server.memory.between(warm, ended_at) if outcome.server is not None else Memory()
    growth = memory.growth_mb
    missed_limits = missed(plan.thresholds, figures, {"rss_growth_mb": growth, "knee_per_s": level})
    misses = [*map(str, missed_limits), *(termination.misses if termination else [])]
    if steps and best is None:
        misses += [f"no step held: {miss}" for miss in steps[0].missed]
    if not steps and termination is None:
        misses += _silence(plan, records, levels, warm, ended_at)
    counted = [record for record in records if counts_from <= record.at < ended_at]
    return Report(
        plan=plan.id, plan_hash=plan.hash, host=host, began=began, seconds=ended_at - began,
        figures=figures, misses=misses, reasons={**reasons(counted), **outcome.probed.left_out},
        series=over_time(records, began, ended_at, allow_busy=plan.allow_busy),
        levels=[(moment["at"] - began, moment["users"]) for moment in levels if moment["at"] <= ended_at],
        limits=limits_form(plan), faults=list(options.faults), knee=level, steps=steps,
        memory=[(at - began, mb) for at, mb in memory.samples],
        rss_growth_mb=growth, rss_slope_mb_per_h=memory.slope_mb_per_h,
        termination=termination, machine=machine(),
    )  # fmt: skip


def _silence(
    plan: Plan, records: Sequence[Record], levels: Sequence[Mapping[str, Any]], begin: float, end: float
) -> list[str]:
    """The misses of a server that does not answer, whatever the limits are; an error is an answer."""
    answered = sum(begin <= record.at < end and record.status > 0 for record in records)
    if plan.pace.kind == "think":
        return [] if answered else ["all: nothing was answered"]
    due_requests, seconds = due(levels, plan.pace, begin, end), end - begin
    if not lags(answered, due_requests):
        return []
    return [f"all: {answered / seconds:.1f}/s were answered of {due_requests / seconds:.1f}/s that were due"]


def _figures(
    plan: Plan, records: Sequence[Record], steps: Sequence[Step], began: float, ended_at: float
) -> dict[str, Figures]:
    """The figures of the best step that held, or of the first; without steps, those after the warm-up."""
    if steps:
        return dict((knee(steps) or steps[0]).figures)
    begin = began + plan.warm_s
    counted = [record for record in records if begin <= record.at < ended_at]
    return by_endpoint(counted, max(1e-9, ended_at - begin), allow_busy=plan.allow_busy)
