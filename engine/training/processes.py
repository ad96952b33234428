"""Several processes that train one model: each encodes its share of every batch.

Laws (tests/engine/training/test_processes.py):
- two processes have the losses of one process, to 1e-4;
- a single process does not use torch.distributed.

A batch's loss is the mean of its shares' losses, so parameters get the mean of the processes' gradients. A
vector is also a negative in the other shares; their gradients for it come back through `gather`. One
reduction per step replaces DistributedDataParallel, whose hooks would fire once per chunk under gradient
caching.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch import distributed as dist

from vlclip.engine.encoding.devices import pick_device
from vlclip.engine.errors import TrainingError

T = TypeVar("T")

PATIENCE = timedelta(days=1)
"""How long to wait for other processes: the first may be reading a large catalogue or validating."""


@dataclass(frozen=True, slots=True)
class Processes:
    """Process `rank` of `count`; by default one on its own."""

    rank: int = 0
    count: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this process is the one that reads, validates, reports and writes."""
        return self.rank == 0

    def share(self, rows: int) -> slice:
        """The part of a batch of `rows` that is this process's; `count` divides them."""
        each = rows // self.count
        return slice(self.rank * each, (self.rank + 1) * each)

    def gather(self, rows: Tensor) -> Tensor:
        """All processes' rows `(n, d)` from this one's `(n / count, d)`, with their gradient."""
        if self.count == 1:
            return rows
        gathered: Tensor = _Gather.apply(rows, self)
        return gathered

    def average(self, tensors: Iterable[Tensor]) -> None:
        """Replace tensors, the same ones in every process, by their means; all in one reduction."""
        averaged = list(tensors)
        if self.count == 1 or not averaged:
            return
        flat = torch.cat([tensor.detach().reshape(-1) for tensor in averaged])
        dist.all_reduce(flat)
        flat /= self.count
        for tensor, mean in zip(averaged, torch.split(flat, [t.numel() for t in averaged]), strict=True):
            tensor.detach().copy_(mean.view_as(tensor))

    def from_first(self, make: Callable[[], T]) -> T:
        """In all processes, the result of `make` in the first one; the others wait for it."""
        if self.count == 1:
            return make()
        shared: list[Any] = [make() if self.is_first else None]
        dist.broadcast_object_list(shared, src=0, device=torch.device("cpu"))
        result: T = shared[0]
        return result


@contextmanager
def joined(device: str) -> Iterator[tuple[Processes, str]]:
    """The place of this process among those torchrun started (alone without it), and its device.

    Errors: `TrainingError` if the others cannot be met or there are more processes than GPUs.
    """
    device = pick_device(device)
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        yield Processes(), device
        return
    if device.startswith("cuda"):
        device = _own_gpu(device)
    try:
        # gloo also beside NCCL: catalogues travel as objects in main memory
        dist.init_process_group("cpu:gloo,cuda:nccl" if device != "cpu" else "gloo", timeout=PATIENCE)
    except (ValueError, RuntimeError) as error:
        raise TrainingError(
            f"cannot meet the other {count - 1} processes: {error}; start them all with torchrun, "
            "or unset WORLD_SIZE to train alone"
        ) from None
    try:
        yield Processes(dist.get_rank(), dist.get_world_size()), device
    finally:
        dist.destroy_process_group()


def _own_gpu(device: str) -> str:
    number, gpus = int(os.environ.get("LOCAL_RANK", "0")), torch.cuda.device_count()
    if device != "cuda" or number >= gpus:
        raise TrainingError(
            f"each process needs a GPU of its own: give --device cuda and at most {gpus} processes here"
        )
    torch.cuda.set_device(number)
    return f"cuda:{number}"


class _Gather(torch.autograd.Function):
    """Forward: all rows. Backward: the sum over processes of the gradients of this one's rows."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, processes: Processes) -> Tensor:
        ctx.processes = processes
        parts = [torch.empty_like(rows) for _ in range(processes.count)]
        dist.all_gather(parts, rows.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        total = gradients[0].clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total[ctx.processes.share(len(total))], None
