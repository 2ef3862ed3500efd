"""Which tiles of a batch a process holds, where several train together."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Part:
    """One of equal, consecutive parts of a batch.

    What is drawn at random for every tile is drawn for the whole batch by every
    process, from the same seed, and then cut: so it does not depend on how many there
    are.

    Args:
        number: Which part, from 0.
        of: Number of parts.
    """

    number: int
    of: int

    def whole(self, tiles: int) -> int:
        """Tiles of the batch.

        Args:
            tiles: Tiles of this part.

        Returns:
            Tiles of all parts.
        """
        return tiles * self.of

    def cut(self, batch: Tensor, views: int = 1) -> Tensor:
        """This part's rows of the whole batch's.

        Args:
            batch: A row a tile, or all tiles of the first view, then of the second, ...
            views: Number of views.

        Returns:
            Rows of this part's tiles, in the same order.
        """
        if self.of == 1:
            return batch
        parts = batch.view(views, self.of, -1, *batch.shape[1:])
        return parts[:, self.number].flatten(0, 1)


WHOLE = Part(0, 1)
"""The part of a process that trains alone."""
