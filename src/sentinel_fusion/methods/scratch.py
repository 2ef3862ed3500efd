"""No pre-training: the arm keeps its seeded initial weights."""

from torch import nn

from sentinel_fusion.models.fusion import FusedEncoder

LOSS = "none"
"""Module of ``sentinel_fusion.losses``: nothing is trained."""


class Scratch(nn.Module):
    """Encoders that are handed on as they are."""

    def __init__(self, encoder: FusedEncoder) -> None:
        """Hold the encoders.

        Args:
            encoder: Any arm's encoders.
        """
        super().__init__()
        self.encoder = encoder


def build(encoder: FusedEncoder) -> Scratch:
    """The method on an arm's encoders.

    Args:
        encoder: Any arm's encoders.

    Returns:
        The method; it has no loss and is not trained.
    """
    return Scratch(encoder)
