"""A pre-training step to measure, what it could reach at most, and its goal."""

from dataclasses import dataclass

import torch

OF_LIMIT, OF_UNFUSED, OF_PUBLISHED = 0.7, 1.5, 3
GOAL = (
    f">= {OF_LIMIT} of the limit, >= {OF_UNFUSED} x the unfused memory limit, "
    f">= {OF_PUBLISHED} x peer"
)
"""On CUDA, of the larger encoders at 224 px."""


@dataclass(frozen=True)
class Case:
    """A step to measure.

    Args:
        encoder: Key of ``step_ways.ENCODERS``.
        size_px: Edge of the tiles.
        batch: Pairs.
        device: Where.
        rounds: How often.
    """

    encoder: str
    size_px: int
    batch: int
    device: torch.device
    rounds: int

    @property
    def name(self) -> str:
        """What the row is called."""
        return (
            f"{self.encoder} pair step, {self.size_px} px, {self.batch} pairs, "
            f"{self.device.type}"
        )

    @property
    def has_goal(self) -> bool:
        """Whether the goal is about it."""
        is_large = self.encoder in ("resnet50", "swin_t") and self.size_px == 224
        return is_large and self.device.type == "cuda"


@dataclass(frozen=True)
class Limits:
    """What a step could reach at most, in pairs a second.

    Args:
        flops: Operations of a pair.
        traffic: Bytes of a pair, nothing fused.
        fused: Bytes of a pair as it runs.
        arithmetic: Operations a second of the device.
        memory: Bytes a second of the device.
    """

    flops: float
    traffic: float
    fused: float
    arithmetic: float
    memory: float

    def tighter(self) -> tuple[str, float]:
        """Name and value of the limit that binds."""
        limits = {
            "matrix rate": self.arithmetic / self.flops,
            "memory rate": self.memory / self.fused,
        }
        bound = min(limits, key=limits.__getitem__)
        return bound, limits[bound]

    def is_met(self, mine: float, peer: float) -> bool:
        """Whether a step reaches the goal.

        Args:
            mine: Its pairs a second.
            peer: The published way's.
        """
        return (
            mine >= OF_LIMIT * self.tighter()[1]
            and mine >= OF_UNFUSED * self.memory / self.traffic
            and mine >= OF_PUBLISHED * peer
        )
