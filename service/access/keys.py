"""API keys: a file of their hashes among the store's records.

A key is `vlclip_` and 32 random bytes. Only its SHA-256 is kept. Slow password hashes protect secrets
that can be guessed; 256 random bits cannot, so a fast hash suffices. A key is found by looking up its
hash, so no comparison's time depends on how much of a secret was right.

Laws (tests/service/access/test_auth.py):
- a key is printed once, when it is made; the file is readable by its owner only and holds no key;
- a change of the file is noticed within a second, without a restart;
- a process that has read a key never becomes open again, whatever happens to the file.
"""

from __future__ import annotations

import hashlib
import logging
import os
import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from vlclip.engine.disk import full, full_disks, is_full
from vlclip.engine.opening.stores import home, is_url
from vlclip.engine.validation import explain
from vlclip.service.http.addresses import is_loopback
from vlclip.service.http.errors import KeyFileError, NoKeys, UnknownKey
from vlclip.service.settings import Settings

log = logging.getLogger("vlclip.api")
FILE = "keys.json"
PREFIX = "vlclip_"
REREAD_EVERY_S = 1.0
"""Seconds between two checks whether the file has changed."""
LEFT_S = 60
"""Nobody writes keys for longer, in seconds: what lies there since then is of a process that was killed."""


class Scope(StrEnum):
    """What a key allows."""

    READ = "read"
    WRITE = "write"
    USERS = "users"
    METRICS = "metrics"


@dataclass(frozen=True, slots=True)
class Key:
    """What is kept of a key. `hash` is hexadecimal SHA-256; `requests_per_minute` 0: the setting's."""

    id: str
    hash: str
    scopes: tuple[Scope, ...]
    requests_per_minute: int
    note: str
    created: str


_FILE = TypeAdapter(tuple[Key, ...])


def keys_path(settings: Settings) -> Path:
    """The file `api.keys` names; by default among the store's records.

    For a store on a server only the setting says where it is: what lies in the working folder would be gone
    when the service is started in another one. A `KeyFileError` where it does not say so.
    """
    path, beside = Path(settings.api.keys).expanduser(), home(settings) / FILE
    if not is_url(settings.store):
        return path if settings.api.keys else beside
    if settings.api.keys and path.is_absolute():
        return path
    where = f"; {beside.absolute()} holds keys" if not settings.api.keys and beside.exists() else ""
    raise KeyFileError(
        "with a store on a server, api.keys (VLCLIP_API__KEYS) names the file of API keys by its whole path"
        + where
    )


def keys_in_force(settings: Settings) -> Path | None:
    """The file of the keys that a service goes by; None where a store on a server has none.

    A `KeyFileError` where keys were made before and no setting names them: nothing opens by an oversight.
    """
    if is_url(settings.store) and not settings.api.keys and not (home(settings) / FILE).exists():
        return None
    return keys_path(settings)


def check_closed(settings: Settings, host: str, *, is_open: bool) -> int:
    """How many keys there are; `NoKeys` where there are none and others might reach a service on `host`.

    `is_open` says that they may. `api.require_keys` admits no exception.
    """
    path = keys_in_force(settings)
    count = len(read_keys(path)) if path else 0
    api = settings.api
    if count or (is_open and not api.require_keys):
        return count
    if api.require_keys:
        why = "api.require_keys is set"
    elif not is_loopback(host):
        why = f"other machines may reach {host}"
    elif api.proxies:
        why = "api.proxies says that others come through a proxy"
    elif api.keys:
        why = f"api.keys names {path}"
    else:
        return 0
    way_out = "" if api.require_keys else ", or say --open: everyone may then read and change the catalogue"
    where = "" if path else "; name their file in api.keys (VLCLIP_API__KEYS) first"
    raise NoKeys(
        f"{why}, and there is no API key; make one: vlclip keys add --scope read --scope write"
        + where
        + way_out
    )


def read_keys(path: Path) -> tuple[Key, ...]:
    """The keys of a file, none if there is no file; a `KeyFileError` if it is not one of keys."""
    try:
        return _FILE.validate_json(path.read_bytes())
    except FileNotFoundError:
        return ()
    except (OSError, ValidationError) as error:
        reason = explain(error.errors()) if isinstance(error, ValidationError) else error
        raise KeyFileError(
            f"the file of API keys {path} cannot be read ({reason}); correct it, or move it away and make "
            "new keys: vlclip keys add"
        ) from None


def add_key(
    path: Path, scopes: Iterable[str], *, requests_per_minute: int = 0, note: str = ""
) -> tuple[str, Key]:
    """A new key, in clear for the only time, and what the file keeps of it."""
    secret = PREFIX + secrets.token_urlsafe(32)
    key = Key(
        id=secrets.token_hex(4),
        hash=_hash(secret),
        scopes=tuple(sorted({Scope(scope) for scope in scopes})),
        requests_per_minute=requests_per_minute,
        note=note,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    with _changing(path) as keys:
        keys.append(key)
    return secret, key


def revoke_key(path: Path, key_id: str) -> int:
    """Take a key out of the file; how many are left. `UnknownKey` if it is not there."""
    with _changing(path) as keys:
        left = [key for key in keys if key.id != key_id]
        if len(left) == len(keys):
            raise UnknownKey(f"no key {key_id!r} in {path}; see vlclip keys list")
        keys[:] = left
    return len(left)


class KeyRing:
    """The keys of a file, as they are now; `clock` gives seconds.

    Without a file it is open for ever; with `required` it is never open, and `NoKeys` where none are there.
    """

    def __init__(
        self, path: Path | None, clock: Callable[[], float] = time.monotonic, *, required: bool = False
    ) -> None:
        self._path, self._clock = path, clock
        self._checked_at, self._stamp = clock(), _stamp(path)
        self._keys = {key.hash: key for key in (read_keys(path) if path else ())}
        if required and not self._keys:
            raise NoKeys("api.require_keys is set, and there is no API key; make one: vlclip keys add")
        self._is_open = not self._keys

    @property
    def is_open(self) -> bool:
        """Whether anybody may ask, because no key was ever in the file."""
        self._refresh()
        return self._is_open

    def find(self, secret: str) -> Key | None:
        """The key with this secret; None if there is none."""
        self._refresh()
        return self._keys.get(_hash(secret))

    def _refresh(self) -> None:
        now = self._clock()
        if now - self._checked_at < REREAD_EVERY_S:
            return
        self._checked_at, before, self._stamp = now, self._stamp, _stamp(self._path)
        if self._stamp == before or self._path is None:
            return
        try:
            self._keys = {key.hash: key for key in read_keys(self._path)}
        except KeyFileError as error:
            log.warning("%s; the keys read before stay in force", error)
            return
        self._is_open = self._is_open and not self._keys


@contextmanager
def _changing(path: Path) -> Iterator[list[Key]]:
    """The keys, to be changed inside: the file is written whole or not at all, by one process at a time."""
    beside = path.with_name(path.name + ".new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):
            if time.time() - beside.stat().st_mtime > LEFT_S:  # of a process that was killed
                beside.unlink()
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise KeyFileError(
            f"{beside} exists: another process is writing keys; if there is none, delete it"
        ) from None
    except OSError as error:
        if is_full(error):
            raise full(path) from error
        raise KeyFileError(f"the file of API keys {path} cannot be written: {error}") from None
    try:
        with full_disks(path):
            with os.fdopen(handle, "wb") as file:
                keys = list(read_keys(path))
                yield keys
                file.write(_FILE.dump_json(tuple(keys), indent=2))
                file.flush()
                os.fsync(handle)
            beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()


def _stamp(path: Path | None) -> tuple[int, int, int] | None:
    if path is None:
        return None
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
