"""Checks of the machine: libraries, device, model, disk space, and settings that do not fit it."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from vlclip.engine.disk import free_bytes
from vlclip.engine.encoding.devices import pick_device
from vlclip.engine.encoding.loading import load_encoder
from vlclip.engine.machine import cores_here, memory_bytes
from vlclip.engine.opening.stores import home, is_url
from vlclip.engine.store.edge.room import MB
from vlclip.service.diagnosis.finding import Finding
from vlclip.service.settings import Settings

LIBRARIES = ("onnxruntime", "tokenizers", "qdrant-edge-py", "qdrant-client", "polars")
EXTRAS = ("torch", "open_clip_torch", "transformers")
"""Libraries that are there or not; PyTorch and what loads models by name."""
VECTOR_BYTES = 4 * 1024
"""Bytes of one vector of the usual size, 512 + 512 numbers in float32."""


def libraries(_: Settings) -> Iterator[Finding]:
    """Which libraries are installed, in which versions."""
    try:
        versions = [f"{name} {version(name)}" for name in (*LIBRARIES, *filter(_is_installed, EXTRAS))]
    except PackageNotFoundError as error:
        yield Finding("bad", "libraries", f"{error.name} is missing; pip install vlclip")
    else:
        yield Finding("ok", "libraries", f"Python {platform.python_version()}, {', '.join(versions)}")


def machine(settings: Settings) -> Iterator[Finding]:
    """Cores, device, and whether the settings ask for more than there is."""
    cores, memory = cores_here(), memory_bytes()
    device = pick_device(settings.device)
    yield Finding("ok", "machine", f"{cores} cores, {memory / 1e9:.0f} GB, models run on {device}")
    if settings.api.workers > 2 * cores and not is_url(settings.store):
        yield Finding(
            "note", "api.workers",
            f"{settings.api.workers} threads are too many for {cores} cores; set it to {cores}",
        )  # fmt: skip
    cached = settings.search.vectors * VECTOR_BYTES
    if cached > memory / 4:
        yield Finding(
            "note", "search.vectors",
            f"vectors kept in memory may need {cached / 1e9:.1f} of {memory / 1e9:.0f} GB; "
            f"set it to {int(memory / 4 / VECTOR_BYTES):,} or less",
        )  # fmt: skip


def model(settings: Settings) -> Iterator[Finding]:
    """Whether the CLIP of the settings loads."""
    clip = load_encoder(settings.clip, "cpu", settings.runtime)
    yield Finding("ok", "model", f"{settings.clip} loads by {clip.runtime}; vectors of {clip.size}")


def disk(settings: Settings) -> Iterator[Finding]:
    """Free space on the disk of the store, the history and the log."""
    folder = home(settings) if is_url(settings.store) else Path(settings.store)
    free = free_bytes(folder)
    used = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    says = f"{free / 1e9:.1f} GB free beside {used / 1e9:.1f} GB in {folder}"
    if free < 2 * settings.disk_reserve_mb * MB:
        yield Finding("bad", "disk", f"{says}: writes are refused, or will be soon; free some space there")
    elif free < 3 * used and not is_url(settings.store):
        needs = "building the search graph takes up to three times the vectors' size for a while"
        yield Finding("note", "disk", f"{says}; {needs}, so free some space before the next large ingest")
    else:
        yield Finding("ok", "disk", says)


def _is_installed(name: str) -> bool:
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True
