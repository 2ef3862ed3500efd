"""What a piece of work cost: seconds, memory, parameters, arithmetic.

Seconds and memory are never the same twice, so they lie in files of their own and no
result depends on them.
"""

import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

_MIB = 2**20
_MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024


class Stopwatch:
    """Seconds and peak memory since it was made."""

    def __init__(self, device: torch.device) -> None:
        """Start.

        Args:
            device: Where the work runs.
        """
        self._device = device
        self._start = time.perf_counter()
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)

    def read(self) -> dict[str, float]:
        """What has been used so far.

        Returns:
            "seconds", and "peak_memory_mib": of the device on CUDA, else the largest
            resident memory this process ever had.
        """
        if self._device.type == "cuda":
            peak = torch.cuda.max_memory_allocated(self._device)
        else:
            used = resource.getrusage(resource.RUSAGE_SELF)
            peak = used.ru_maxrss * _MAXRSS_UNIT
        return {
            "seconds": round(time.perf_counter() - self._start, 2),
            "peak_memory_mib": round(peak / _MIB, 1),
        }


def forward_gflops(forward: Callable[[], object]) -> float:
    """Arithmetic of a forward pass: convolutions, matrix products and attention.

    Args:
        forward: Runs the pass.

    Returns:
        Floating-point operations / 1e9, a multiplication with addition counted as two.
    """
    # imported here for the sake of a stage's start: it brings Triton along
    from torch.utils.flop_counter import FlopCounterMode

    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        forward()
    return float(counter.get_total_flops()) / 1e9


def write_cost(file: Path, cost: dict[str, object]) -> None:
    """Write a cost.

    Args:
        file: JSON file; its folder is made.
        cost: What to write.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    file.unlink(missing_ok=True)  # may be a hard link into DVC's cache
    file.write_text(json.dumps(cost, indent=2) + "\n")
