"""Errors of Qdrant Edge, turned into this project's, which say what to do next."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vlclip.engine.disk import is_full
from vlclip.engine.errors import StoreDamaged, StoreError, StoreLocked
from vlclip.engine.store.edge.folder import full


@contextmanager
def translated(folder: Path, *, opening: bool = False) -> Iterator[None]:
    """Turn the engine's errors into `StoreError`s; only their text tells them apart."""
    try:
        yield
    except StoreError:
        raise
    except BaseException as error:  # a Rust panic is a BaseException
        if isinstance(error, KeyboardInterrupt | SystemExit | GeneratorExit):
            raise
        text = str(error)
        if "WouldBlock" in text:
            raise locked(folder) from error
        if is_full(error):
            raise full(folder) from error
        if opening:
            raise StoreDamaged(
                f"the store {folder.parent} cannot be opened ({text}); restore it from a copy, or "
                "ingest into a new folder"
            ) from error
        raise StoreError(f"the store {folder.parent} refused: {text}") from error


def locked(folder: Path) -> StoreLocked:
    """The error for a store that is open already."""
    return StoreLocked(
        f"the store {folder.parent} is open in another process; stop that one, or ask it "
        "through its API instead of opening the folder"
    )
