"""Learning-rate schedule, counted in optimiser steps."""

import math

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR


def cosine_factor(step: int, *, total_steps: int, warmup_steps: int) -> float:
    """Share of the peak learning rate at a step.

    Args:
        step: Steps done so far, 0 .. total_steps.
        total_steps: Steps of the whole training.
        warmup_steps: Steps of linear rise; cut to total_steps where it is longer.

    Returns:
        Rises linearly to 1, then falls to 0 as half a cosine.

    Source: Loshchilov and Hutter 2017, arXiv 1608.03983, equation 5, one period.
    """
    warmup_steps = min(warmup_steps, total_steps)
    if step < warmup_steps:
        return (step + 1) / warmup_steps
    progress = (step - warmup_steps) / max(1, total_steps - warmup_steps)
    return 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))


def cosine_schedule(
    optimizer: Optimizer, *, total_steps: int, warmup_steps: int
) -> LambdaLR:
    """Schedule to step once after every optimiser step.

    Args:
        optimizer: Its learning rate is the peak.
        total_steps: Steps of the whole training.
        warmup_steps: Steps of linear rise.

    Returns:
        The schedule.
    """

    def factor(step: int) -> float:
        return cosine_factor(step, total_steps=total_steps, warmup_steps=warmup_steps)

    return LambdaLR(optimizer, factor)
