"""Memory of batches, used again: to get fresh memory takes as long as to read."""

import math
import weakref
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

KEPT = 2
"""A batch that is being used and the next one."""


@dataclass
class _Room:
    memory: Float[np.ndarray, " numbers"]
    lent: weakref.ref[Any] | None = None

    def is_free(self) -> bool:
        return self.lent is None or self.lent() is None


@dataclass
class Rooms:
    """Hands out float32 tensors over memory that no living tensor lies in."""

    _rooms: list[_Room] = field(default_factory=list)

    def tensor(self, *shape: int) -> Float[Tensor, "..."]:
        """A tensor whose values are left over from before.

        Args:
            shape: Its shape.

        Returns:
            A contiguous tensor; its memory is handed out again once this tensor and
            everything that shares its memory are gone.
        """
        size = math.prod(shape)
        room = next((r for r in self._rooms if self._suits(r, size)), None)
        if room is None:
            room = _Room(np.empty(size, np.float32))
            in_use = [r for r in self._rooms if not r.is_free()]
            self._rooms = [*in_use, room][-KEPT:]
        # the tensor's storage holds this array, and nothing else does
        array = room.memory[:size].reshape(shape)
        room.lent = weakref.ref(array)
        return torch.from_numpy(array)

    @staticmethod
    def _suits(room: _Room, size: int) -> bool:
        return room.is_free() and room.memory.size >= size
