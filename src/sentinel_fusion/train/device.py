"""Device, precision, memory and repeatability of training."""

import ctypes
import os
from contextlib import AbstractContextManager

import torch
from torch import nn


def pick_device(name: str) -> torch.device:
    """The device to train on.

    Args:
        name: "auto" for CUDA where there is one, else "cpu" or "cuda".

    Returns:
        The device.

    Raises:
        ValueError: If CUDA is asked for and absent.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise ValueError(
            "device cuda needs a CUDA device, got none; set device to auto"
        )
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)


# Of glibc's mallopt: the option, and the value it gets
_MALLOPT = (
    (-3, 2**25),  # M_MMAP_THRESHOLD: the largest that glibc takes
    (-1, 2**31 - 1),  # M_TRIM_THRESHOLD: the top of the heap stays
)


def prepare_process(threads: int, device: torch.device) -> None:
    """What a process does once, before it trains: repeatability, memory.

    Args:
        threads: CPU threads of one operation.
        device: Where the work runs.
    """
    make_deterministic(threads, device)
    keep_freed_memory()


def make_deterministic(threads: int, device: torch.device) -> None:
    """Make repeated runs on one machine give the same numbers.

    On a CPU an operation that cannot raises; on CUDA, where some backward passes add in
    any order, it warns. New tensors are not filled first, which torch would do to show
    reads of unset memory: nothing here reads any, and it took 7 % of a small cell.

    Args:
        threads: CPU threads of one operation; sums are split by it.
        device: Where the work runs.
    """
    torch.set_num_threads(threads)
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(mode=True, warn_only=device.type == "cuda")
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.backends.cudnn.benchmark = False


def keep_freed_memory() -> None:
    """Have the C library keep the memory of freed tensors for the next ones.

    Small training steps otherwise map and unmap the same pages over and over: a tenth
    of a small segmentation cell. Where there is no glibc nothing happens.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return
    for option, value in _MALLOPT:
        mallopt(option, value)


def compile_networks(
    method: nn.Module, device: torch.device, *, mode: str = "default"
) -> None:
    """Compile a method's networks, in place, where that gains: on CUDA.

    On a CPU it took 26-90 s and gained nothing. What is not a network, such as views
    and loss, stays as it is; so do feature maps, which MMA compares.

    Args:
        method: Method with ``encoder.encoders``.
        device: Where it trains.
        mode: Of ``torch.compile``; "reduce-overhead" records CUDA graphs.
    """
    if device.type == "cuda":
        for network in method.get_submodule("encoder.encoders").children():
            network.compile(mode=mode)


def autocast(device: torch.device, precision: str) -> AbstractContextManager[object]:
    """Autocast to the wanted precision.

    Args:
        device: Where the work runs.
        precision: "float32" or "bfloat16".

    Returns:
        Context in which forward passes run.
    """
    return torch.autocast(
        device.type, dtype=torch.bfloat16, enabled=precision == "bfloat16"
    )
