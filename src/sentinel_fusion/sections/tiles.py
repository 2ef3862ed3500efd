"""How rasters become tiles, and which of them train, select and test."""

from typing import Annotated, Literal

from pydantic import Field

from sentinel_fusion.sections.section import Section
from sentinel_fusion.sections.values import Count, OpenShare, Share


class Tile(Section):
    """How patches become tiles, as ``data.tiling.rules.TileRules``, and who cuts them.

    The store does not depend on ``retries``, ``workers`` and ``scheduler``.
    """

    size_px: Annotated[int, Field(ge=8)]
    stride_px: Count
    max_invalid_share: Share
    min_label_share: Annotated[float, Field(gt=0, le=1)]
    min_class_share: Share
    shard_mib: Count
    max_unreadable_share: Share
    retries: Annotated[int, Field(ge=0, strict=True)]
    workers: Count
    scheduler: Annotated[str, Field(pattern=r"^$|^[a-z]+://")]


class Split(Section):
    """Which places train, select and test, and what becomes of shared ground."""

    protocol: Literal["A", "B", "C", "holdout", "places"]
    list: Annotated[str, Field(pattern=r"^[\w.-]*$")]
    val_frac: OpenShare
    test_frac: OpenShare
    shared_ground: Literal["refuse", "drop"]
    pretrain_overlap: Literal["refuse", "report", "drop"]
    train_labels: Literal["given", "permuted"]

    def describe(self) -> str:
        """What a figure of scores must say.

        Returns:
            The protocol, whose list it follows if any, and that the training labels
            are permuted where they are.
        """
        permuted = ", training labels permuted at random"
        note = permuted if self.train_labels == "permuted" else ""
        by = f" by list {self.list}" if self.list else ""
        return f"protocol {self.protocol}{by}{note}"
