"""Checkpoints in a side folder, since DVC removes a stage's outs before it runs.

The folder's name is a hash of what the result depends on; a change of params, code or
input therefore starts afresh, and an interrupted run of the same work goes on.
"""

import hashlib
import json
import logging
import os
import shutil
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch

_LOG = logging.getLogger(__name__)
State = dict[str, Any]
_PROJECT = ("sentinel_fusion", "stages", "__main__")


def work_key(settings: object, code: Iterable[Path], inputs: Iterable[bytes]) -> str:
    """Name of a piece of work.

    Args:
        settings: Everything from params that the result depends on, as JSON takes it.
        code: Source files the result depends on.
        inputs: Contents that stand for the input data.

    Returns:
        A hex digest.
    """
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode())
    for file in sorted(code):
        digest.update(file.read_bytes())
    for content in inputs:
        digest.update(hashlib.sha256(content).digest())
    return digest.hexdigest()[:24]


def loaded_code(parts: tuple[str, ...] = _PROJECT) -> list[Path]:
    """Source files of this project that the running process has imported.

    Args:
        parts: Modules or packages that are looked at, of what is in them everything;
            the package, the stages and the running script by default.

    Returns:
        Their files.
    """
    return [
        Path(file)
        for name, module in sys.modules.copy().items()
        if any(f"{name}.".startswith(f"{part}.") for part in parts)
        and (file := getattr(module, "__file__", ""))
    ]


class Checkpoints:
    """Named states of one piece of work.

    Attributes:
        has_resumed: Whether a state of an earlier process was taken up.
    """

    def __init__(self, root: Path, key: str, *, every_s: float) -> None:
        """Open the folder of a piece of work.

        Args:
            root: Side folder, ignored by git and DVC.
            key: Name of the work, from ``work_key``.
            every_s: Least time between two saves asked for by ``is_due``.
        """
        self._folder = root / key
        self._every_s = every_s
        self._saved_at = time.monotonic()
        self._saved_here: set[str] = set()
        self.has_resumed = False

    def load(self, name: str) -> State | None:
        """A saved state.

        Args:
            name: Name it was saved under.

        Returns:
            The state on the CPU, or None where there is none that can be read.
        """
        file = self._folder / f"{name}.pt"
        if not file.is_file():
            return None
        try:
            state: State = torch.load(file, map_location="cpu", weights_only=True)
        except (EOFError, OSError, RuntimeError, UnpicklingError) as error:
            _LOG.warning("%s cannot be read (%s); starting that work anew", file, error)
            return None
        self.has_resumed |= name not in self._saved_here
        return state

    def save(self, name: str, state: State) -> None:
        """Save a state; a reader sees the old one or the new one, never half.

        Args:
            name: Name to save under.
            state: Tensors, numbers, strings, and lists and dicts of them.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        # two cells may save what they share at once
        partial = self._folder / f"{name}.{os.getpid()}.partial"
        with partial.open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(self._folder / f"{name}.pt")
        self._saved_at = time.monotonic()
        self._saved_here.add(name)

    def is_due(self) -> bool:
        """Whether the last save is long enough ago."""
        return time.monotonic() - self._saved_at >= self._every_s

    def remove(self) -> None:
        """Forget the work: its result is in the stage's outs."""
        shutil.rmtree(self._folder, ignore_errors=True)
