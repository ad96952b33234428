"""What people do with a store on a disk that is full, each in a process of its own.

    python -m tests.service.commands.full_disk_acts DISK OUTSIDE [ACT ...]

DISK is a mounted disk, where `shop` is made, a store; OUTSIDE is a folder elsewhere for what the acts read.
Before each act the disk is filled until so many MB are left, and what the act left is compared with what
there was. Prints a line of JSON for each.
"""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from vlclip.service.cli import COMMANDS, build, load_command

MB = 2**20
LARGEST = 1024 * MB
"""A disk that is to be filled has no more room than this."""
WORDS = """
0 open: similar drawn-00001 --store {shop}
20 search: search shoe --store {shop}
20 ingest: ingest {outside}/more/catalogue.jsonl --store {shop}
20 ingest prices: ingest {outside}/drawn/dearer.jsonl --store {shop}
20 ingest anew: ingest {outside}/more/catalogue.jsonl --store {disk}/new
20 optimize: optimize --store {shop}
20 reindex: reindex {outside}/drawn/dearer.jsonl --store {shop}
20 fit-behaviour: fit-behaviour --store {shop} --size 4
0 repair: repair {outside}/drawn/catalogue.jsonl --store {shop}
0 backup: backup {disk}/backup.tar --store {shop}
0.5 backup further: backup {disk}/backup.tar --store {shop}
0 backup into a folder: backup {disk}/backups --store {shop}
20 restore: restore {outside}/backup.tar --store {disk}/restored
20 restore over it: restore {outside}/backup.tar --store {shop} --replace
0 keys add: VLCLIP_API__KEYS={disk}/keys.json keys add
0.2 draw: draw {disk}/drawn --count 60
0.1 compose: compose {outside}/drawn/catalogue.jsonl {disk}/composed --limit 20
0 import events: import events {outside}/events.jsonl --store {shop}
0 export exposures: export exposures {disk}/log.parquet --store {shop}
0 export as lines: export exposures {disk}/log.jsonl --store {shop}
16.1 export mail: export recommendations --users all --out {disk}/mail.jsonl --store {shop}
16.1 simulate: simulate {disk}/simulated.parquet --store {shop} --lists 50 --history {disk}/simulated.sqlite
0 export-model: export-model vlclip-small {disk}/model
0 doctor: doctor --deep --store {shop}
300 whole: doctor --deep --store {shop}
""".strip()
FREE = {line.split(": ")[0].split(" ", 1)[1]: float(line.split(" ", 1)[0]) for line in WORDS.splitlines()}
"""MB that are left for each act."""
ACTS = {line.split(": ")[0].split(" ", 1)[1]: line.split(": ", 1)[1].split() for line in WORDS.splitlines()}
SERVED = "serve"
"""Not a command: a service that has the store open when its disk gets full."""


def main() -> None:
    disk, outside, *names = sys.argv[1:]
    disk, outside = Path(disk), Path(outside)
    for command in COMMANDS:
        with suppress(Exception, SystemExit):  # what needs an extra
            load_command(command)
    places = {"disk": disk, "outside": outside, "shop": disk / "shop"}
    if not places["shop"].exists():
        prepare(disk, outside)
    for name in names or [SERVED, *ACTS]:
        before = listing(disk)
        if name == SERVED:
            status, text = forked(lambda: serve(disk, 0), outside / "output")
        else:
            words = [word.format(**places) for word in ACTS[name]]
            fill(disk, FREE[name])
            status, text = forked(lambda words=words: run(words), outside / "output")
        (disk / "ballast").unlink(missing_ok=True)
        after = listing(disk)
        news = sorted(file for file, size in after.items() if before.get(file) != size)
        missing = sorted(before.keys() - after.keys())
        answer = {"act": name, "status": status, "text": text, "new": news, "missing": missing}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def prepare(disk: Path, outside: Path) -> None:
    """A store with items, events and logged lists, and what the acts read."""
    shop = ["--store", str(disk / "shop")]
    for words in (
        ["draw", str(outside / "drawn"), "--count", "30"],
        ["draw", str(outside / "more"), "--count", "10", "--seed", "9"],
        ["ingest", str(outside / "drawn/catalogue.jsonl"), *shop],
    ):
        _well(words, outside)
    rows = [json.loads(row) for row in (outside / "drawn/catalogue.jsonl").read_text("utf-8").splitlines()]
    ids = [row["id"] for row in rows]
    write = [
        ("more/catalogue.jsonl", [
            {**json.loads(row), "id": f"more-{number}"}
            for number, row in enumerate((outside / "more/catalogue.jsonl").read_text("utf-8").splitlines())
        ]),
        ("drawn/dearer.jsonl", [{**row, "price": 7777} for row in rows]),
        ("events.jsonl", [
            {"id": f"e{n}", "kind": "view", "item": ids[n * n % 30], "user": f"u{n % 50}", "time": 1.79e9 + n}
            for n in range(2000)
        ]),
    ]  # fmt: skip
    for name, lines in write:
        (outside / name).write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    _well(["import", "events", str(outside / "events.jsonl"), *shop], outside)
    status, text = forked(lambda: serve(disk, None), outside / "output")
    assert status == 0, text
    _well(["backup", str(outside / "backup.tar"), *shop], outside)


def _well(words: list[str], outside: Path) -> None:
    status, text = forked(lambda: run(words), outside / "output")
    assert status == 0, text


def run(words: list[str]) -> None:
    """A command, its settings before it."""
    while "=" in words[0]:
        name, _, value = words.pop(0).partition("=")
        os.environ[name] = value
    build()(words)


def fill(disk: Path, free_mb: float) -> None:
    """Leave so many MB of a small disk, and never fill another one."""
    os.sync()
    state = os.statvfs(disk)
    size = max(1, int(state.f_bavail * state.f_frsize - free_mb * MB))
    if not disk.is_mount() or size > LARGEST:
        raise SystemExit(f"{disk} is no small disk of its own; nothing was filled")
    with (disk / "ballast").open("wb") as file, suppress(OSError):
        os.posix_fallocate(file.fileno(), 0, size)


def listing(disk: Path) -> dict[str, int]:
    """Sizes of the files under their final names, the engine's and the locks left out."""
    return {
        str(file.relative_to(disk)): file.stat().st_size
        for file in disk.rglob("*")
        if file.is_file()
        and not any(part.startswith((".", "collection-")) for part in file.relative_to(disk).parts)
        and not file.name.endswith(("-wal", "-shm", ".lock", "ballast"))
    }


def forked(act: Callable[[], object], output: Path) -> tuple[int, str]:
    """The status of an act in a process of its own, minus a signal's number, and what it printed."""
    process = os.fork()
    if process == 0:
        status = 99
        try:
            handle = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(handle, 1)
            os.dup2(handle, 2)
            os.environ["COLUMNS"] = "500"
            act()
            status = 0
        except SystemExit as ended:
            status = ended.code if isinstance(ended.code, int) else 0 if ended.code is None else 1
        except BaseException:  # noqa: BLE001 - as Python does
            traceback.print_exc()
        finally:
            with suppress(Exception):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(status)
    _, status = os.waitpid(process, 0)
    return os.waitstatus_to_exitcode(status), output.read_text("utf-8", "replace")


def serve(disk: Path, free_mb: float | None) -> None:
    """A service that was started before its disk got full answers all that comes."""
    from fastapi.testclient import TestClient

    from vlclip.service.api.app import create_app
    from vlclip.service.settings import Settings
    from vlclip.service.shop.shop import Shop

    shop = Shop(Settings.load(store=str(disk / "shop"), device="cpu"))
    with TestClient(create_app(shop), raise_server_exceptions=False) as client:
        while client.get("/readyz").status_code != 200:
            time.sleep(0.05)
        if free_mb is not None:
            fill(disk, free_mb)
        item = {"title": "A new shoe", "price": 3}
        event = {"kind": "view", "item": "drawn-00001", "user": "ann"}
        for method, path, body in [
            ("GET", "/v1/items/drawn-00001", None),
            ("GET", "/v1/items/drawn-00001/similar", None),
            ("GET", "/v1/users/ann/recommendations", None),
            ("POST", "/v1/search", {"text": "shoe", "filter": {"colour": {"missing": True}}}),
            ("PATCH", "/v1/items/drawn-00001", {"price": 7.5}),
            ("PATCH", "/v1/items/drawn-00001", {"attributes": {"brand-new": 1}}),
            ("PUT", "/v1/items/new", item),
            ("POST", "/v1/items:batch", [item | {"id": f"new-{n}"} for n in range(50)]),
            ("DELETE", "/v1/items/drawn-00002", None),
            ("PUT", "/v1/items/drawn-00002", item),
            ("POST", "/v1/events", {"events": [event | {"id": f"{free_mb} {n}"} for n in range(500)]}),
            ("DELETE", "/v1/users/ann", None),
            ("GET", "/healthz", None),
            ("GET", "/readyz", None),
        ]:
            answer = client.request(method, path, json=body)
            code = answer.json().get("code", "") if answer.status_code >= 400 else ""
            says = answer.text[:300] if code else ""
            sys.stdout.write(f"{method} {path} {answer.status_code} {code} {says}\n")
    shop.close()


if __name__ == "__main__":
    main()
