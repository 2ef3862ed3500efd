"""What a machine can do at most, and what a training step asks of it."""

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

_EDGE = {"cpu": 1024, "cuda": 8192}
_COPIED_BYTES = {"cpu": 2**27, "cuda": 2**31}
_RUNS = 5


def synchronise(device: torch.device) -> None:
    """Wait for what was started on a device.

    Args:
        device: On a CPU nothing is pending.
    """
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def matrix_rate(device: torch.device, dtype: torch.dtype) -> float:
    """Rate of a large square matrix product.

    Args:
        device: Where.
        dtype: Of both factors.

    Returns:
        Floating-point operations a second, the best of some runs.
    """
    edge = _EDGE[device.type]
    a, b = (torch.randn(edge, edge, device=device).to(dtype) for _ in range(2))
    return 2 * edge**3 / _least_seconds(lambda: a @ b, device)


def memory_rate(device: torch.device) -> float:
    """Rate of copying memory beyond the caches.

    Args:
        device: Where.

    Returns:
        Bytes read and written a second, the best of some runs.
    """
    source = torch.ones(_COPIED_BYTES[device.type] // 4, device=device)
    target = torch.empty_like(source)
    seconds = _least_seconds(lambda: target.copy_(source), device)
    return 2 * source.nbytes / seconds


def _least_seconds(run: Callable[[], object], device: torch.device) -> float:
    seconds = []
    for _ in range(_RUNS + 1):
        synchronise(device)
        start = time.perf_counter()
        run()
        synchronise(device)
        seconds.append(time.perf_counter() - start)
    return min(seconds[1:])


class _Traffic(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the bytes of what every operation takes and gives."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.total = 0

    def __torch_dispatch__(
        self,
        func: Any,  # noqa: ANN401 - as torch calls it
        types: object,
        args: tuple[object, ...] = (),
        kwargs: dict[str, object] | None = None,
    ) -> object:
        given = func(*args, **(kwargs or {}))
        if not func.is_view:
            touched = tree_leaves((args, kwargs, given))
            self.total += sum(x.nbytes for x in touched if isinstance(x, Tensor))
        return given


def work_of(step: Callable[[], object]) -> tuple[float, float]:
    """Arithmetic and memory traffic of a step.

    Args:
        step: Forward and backward pass, run once, not compiled.

    Returns:
        Floating-point operations of convolutions and matrix products, and bytes that
        its operations read and write if each goes to memory, nothing fused.
    """
    with FlopCounterMode(display=False) as counter, _Traffic() as traffic:
        step()
    return float(counter.get_total_flops()), float(traffic.total)


def traffic_of_compiled(step: Callable[[], object]) -> float:
    """Memory traffic of the kernels that a step's first run compiles.

    Args:
        step: Forward and backward pass of compiled networks, not run before.

    Returns:
        Bytes that the kernels read and write, as TorchInductor counts them: each input
        and output of a fused kernel once.

    Raises:
        RuntimeError: If nothing was compiled, or this PyTorch does not count.
    """
    from torch._inductor import compile_fx, config, metrics  # takes a while

    log = compile_fx.inductor_metrics_log
    before = log.level
    log.setLevel(logging.INFO)  # counted for this log alone
    metrics.reset()
    try:
        with config.patch(force_disable_caches=True):
            step()
    finally:
        log.setLevel(before)
    if not metrics.num_bytes_accessed:
        raise RuntimeError(
            "TorchInductor counted no bytes; the step must compile something, with a "
            "PyTorch whose compiler counts them (2.12 does)"
        )
    return float(metrics.num_bytes_accessed)


class PeakMemory:
    """Largest memory in use since it was made."""

    def __init__(self, device: torch.device) -> None:
        """Start anew.

        Args:
            device: On CUDA its own memory, else the process's resident memory, where
                Linux lets it be reset.
        """
        self._device = device
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
        elif Path("/proc/self/clear_refs").exists():
            Path("/proc/self/clear_refs").write_text("5")

    def mib(self) -> float:
        """What was reached.

        Returns:
            MiB; 0 where it cannot be known.
        """
        if self._device.type == "cuda":
            return torch.cuda.max_memory_allocated(self._device) / 2**20
        status = Path("/proc/self/status")
        lines = status.read_text().splitlines() if status.exists() else []
        peaks = [int(x.split()[1]) for x in lines if x.startswith("VmHWM")]
        return peaks[0] / 2**10 if peaks else 0.0
