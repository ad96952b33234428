"""Where models run."""

from __future__ import annotations

from importlib.util import find_spec

from vlclip.engine.errors import EncoderError


def pick_device(device: str) -> str:
    """`auto` becomes cuda where PyTorch can use it, else cpu; `EncoderError` for a GPU that is not there."""
    if device == "cpu" or (device == "auto" and find_spec("torch") is None):
        return "cpu"
    has_gpu = False
    if find_spec("torch") is not None:
        import torch  # noqa: PLC0415 - takes seconds

        has_gpu = torch.cuda.is_available()
    if device == "auto":
        return "cuda" if has_gpu else "cpu"
    if device.startswith("cuda") and not has_gpu:
        raise EncoderError(f"device is {device!r} but no GPU can be used here; set device=cpu")
    return device
