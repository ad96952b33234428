"""`vlclip keys`: who may use the HTTP API."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.table import Table

from vlclip.service.access.keys import Key, Scope, add_key, keys_path, read_keys, revoke_key
from vlclip.service.commands.options import Json, StoreOption
from vlclip.service.reports.terminal import err, out, plain, print_json, says_what_went_wrong
from vlclip.service.settings import Settings

app = typer.Typer(
    no_args_is_help=True, help="API keys; while there are none, everyone who reaches the service may use it."
)


@app.command("add")
@says_what_went_wrong
def add(
    *,
    store: StoreOption = None,
    scope: Annotated[
        list[Scope],
        typer.Option(
            help="read: lists and items. users: lists for users and what they did. write: changes of items. "
            "metrics: /metrics. Repeatable.",
            show_default="read",
        ),
    ] = [Scope.READ],  # noqa: B006 - typer copies it
    rate: Annotated[
        int,
        typer.Option(min=0, help="Requests per minute; 0: as in api.requests_per_minute.", show_default="0"),
    ] = 0,
    note: Annotated[str, typer.Option(help="Note: who the key is for.")] = "",
    json: Json = False,
) -> None:
    """Make a key and show it, only this once; a running service accepts it within a second."""
    path = keys_path(Settings.load(store=store))
    secret, key = add_key(path, scope, requests_per_minute=rate, note=note)
    if json:
        print_json({"key": secret, **_key_json(key)})
        return
    out.print(secret, markup=False, highlight=False, soft_wrap=True)
    err.print(f"key {key.id} ({', '.join(key.scopes)}); it is not shown again; {path} holds its hash")


@app.command("list")
@says_what_went_wrong
def show(*, store: StoreOption = None, json: Json = False) -> None:
    """List the keys: ids, scopes and notes, never the keys themselves."""
    keys = read_keys(keys_path(Settings.load(store=store)))
    if json:
        print_json({"keys": [_key_json(key) for key in keys]})
        return
    if not keys:
        out.print("no keys: everyone who reaches the service may use it")
        return
    table = Table("id", "scopes", "a minute", "created", "note", box=None, header_style="bold")
    for key in keys:
        rate = str(key.requests_per_minute or "")
        table.add_row(key.id, ", ".join(key.scopes), rate, key.created, plain(key.note))
    out.print(table)


@app.command("revoke")
@says_what_went_wrong
def revoke(
    key: Annotated[str, typer.Argument(help="Id of the key, from `vlclip keys list`.")],
    *,
    store: StoreOption = None,
    json: Json = False,
) -> None:
    """Revoke a key; a running service refuses it within a second."""
    left = revoke_key(keys_path(Settings.load(store=store)), key)
    if json:
        print_json({"revoked": key, "left": left})
        return
    out.print(f"key {plain(key)} is revoked, {left} left")
    if not left:
        err.print(
            "[yellow]no key is left[/]: from its next start the service is open to everyone who reaches it"
        )


def _key_json(key: Key) -> dict[str, Any]:
    return {
        "id": key.id, "scopes": key.scopes, "requests_per_minute": key.requests_per_minute,
        "note": key.note, "created": key.created,
    }  # fmt: skip
