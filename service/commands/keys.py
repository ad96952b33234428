"""`vlclip keys`: who may ask the HTTP API."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.table import Table

from vlclip.service.access.keys import Key, Scope, add_key, keys_path, read_keys, revoke_key
from vlclip.service.commands.options import Json, StoreOption
from vlclip.service.reports.terminal import err, out, plain, print_json, says_what_went_wrong
from vlclip.service.settings import Settings

app = typer.Typer(no_args_is_help=True, help="API keys; without any, whoever reaches the service may ask.")


@app.command("add")
@says_what_went_wrong
def add(
    *,
    store: StoreOption = None,
    scope: Annotated[
        list[Scope],
        typer.Option(
            help="read: lists and items. write: changes of items. metrics: /metrics. Repeatable.",
            show_default="read",
        ),
    ] = [Scope.READ],  # noqa: B006 - typer copies it
    rate: Annotated[
        int, typer.Option(min=0, help="Requests a minute; 0: api.requests_per_minute.", show_default="0")
    ] = 0,
    note: Annotated[str, typer.Option(help="Who it is for.")] = "",
    json: Json = False,
) -> None:
    """Make a key and show it, this once; a running service takes it within a second."""
    path = keys_path(Settings.load(store=store))
    secret, key = add_key(path, scope, requests_per_minute=rate, note=note)
    if json:
        print_json({"key": secret, **_key_json(key)})
        return
    out.print(secret, markup=False, highlight=False, soft_wrap=True)
    err.print(f"key {key.id} ({', '.join(key.scopes)}); it is not shown again, {path} holds its hash")


@app.command("list")
@says_what_went_wrong
def show(*, store: StoreOption = None, json: Json = False) -> None:
    """The keys there are, without the keys themselves."""
    keys = read_keys(keys_path(Settings.load(store=store)))
    if json:
        print_json({"keys": [_key_json(key) for key in keys]})
        return
    if not keys:
        out.print("no keys: whoever reaches the service may ask")
        return
    table = Table("id", "scopes", "a minute", "created", "note", box=None, header_style="bold")
    for key in keys:
        rate = str(key.requests_per_minute or "")
        table.add_row(key.id, ", ".join(key.scopes), rate, key.created, plain(key.note))
    out.print(table)


@app.command("revoke")
@says_what_went_wrong
def revoke(
    key: Annotated[str, typer.Argument(help="Its id, from `vlclip keys list`.")],
    *,
    store: StoreOption = None,
    json: Json = False,
) -> None:
    """Take a key back; a running service refuses it within a second."""
    left = revoke_key(keys_path(Settings.load(store=store)), key)
    if json:
        print_json({"revoked": key, "left": left})
        return
    out.print(f"key {plain(key)} is revoked, {left} left")
    if not left:
        err.print("[yellow]no key is left[/]: the next start of the service is open to whoever reaches it")


def _key_json(key: Key) -> dict[str, Any]:
    return {
        "id": key.id, "scopes": key.scopes, "requests_per_minute": key.requests_per_minute,
        "note": key.note, "created": key.created,
    }  # fmt: skip
