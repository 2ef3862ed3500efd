"""Refuses a loss that is not finite, without waiting for a GPU that still works."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class _Step:
    loss: Tensor
    number: int
    tiles: Callable[[], str]
    arrived: torch.cuda.Event | None


class LateCheck:
    """Looks at the loss of a step when the next one has been started.

    By then a GPU is done with it or nearly so, and has work left: it need not stand
    still until it is known that all is well.
    """

    def __init__(self, *, late: bool) -> None:
        """Start without a step.

        Args:
            late: Whether to look one step later, else at once.
        """
        self._late = late
        self._step: _Step | None = None

    def add(self, loss: Tensor, number: int, tiles: Callable[[], str]) -> None:
        """Note a step, and look at the one before, or at this one if not late.

        Args:
            loss: Its loss, detached.
            number: Its number, for the message.
            tiles: Gives the names of its tiles, for the message.
        """
        on_cpu = loss.to("cpu", non_blocking=True)  # from a GPU into pinned memory
        arrived = None
        if loss.is_cuda:
            arrived = torch.cuda.Event()  # type: ignore[no-untyped-call]
            arrived.record(torch.cuda.current_stream(loss.device))
        before, self._step = self._step, _Step(on_cpu, number, tiles, arrived)
        _refuse_non_finite(before)
        if not self._late:
            self.finish()

    def finish(self) -> None:
        """Look at the last step; to be called before anything is kept of it."""
        before, self._step = self._step, None
        _refuse_non_finite(before)


def _refuse_non_finite(step: _Step | None) -> None:
    if step is None:
        return
    if step.arrived is not None:
        step.arrived.synchronize()
    if not torch.isfinite(step.loss):
        raise FloatingPointError(
            f"pre-training loss must be finite, got {step.loss.item()} at step "
            f"{step.number}; lower pretrain.learning_rate or look at the batch's "
            f"tiles: {step.tiles()}"
        )
