"""What a module ``data/sources/<name>.py`` offers."""

from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from sentinel_fusion.data.patches import Patch


@runtime_checkable
class RasterSource(Protocol):
    """A source of rasters; the module's name is its name in params.yaml."""

    def prepare(
        self,
        path: Path,
        raw: Path,
        *,
        role: str,
        seed: int,
        **settings: Any,  # noqa: ANN401
    ) -> list[Patch]:
        """List a role's rasters, which are made, fetched or found before.

        Rasters stay where they are. Bands in another order, on several grids or in
        other units are put right by what is written to ``raw`` and by the fields of
        ``Patch``, not by whoever reads them.

        Args:
            path: ``sources.<role>.path``.
            raw: Empty folder of the role, ``data/raw/<role>``, for what has to be
                written; DVC keeps it.
            role: "pretrain", which needs no labels, or "labelled".
            seed: Of what is generated.
            settings: The source's block of ``download``, by its keys.

        Returns:
            The patches, at least one, whose ids are unique within the role.

        Raises:
            MissingRastersError: If what should be there is not; it says what to do.
        """
        ...
