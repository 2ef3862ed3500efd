"""What is measured, drawn and handed on."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from sentinel_fusion.sections.section import Section
from sentinel_fusion.sections.values import (
    AnyNumber,
    Count,
    LabelFrac,
    Name,
    OpenShare,
    Several,
)


class DataReport(Section):
    """Figures of the tile stores."""

    contact_tiles: Annotated[int, Field(ge=1, le=48)]


class Realism(Section):
    """Comparison of generated tiles with real ones."""

    real: Path
    max_places: Count
    max_tiles: Count


class ClaimFracs(Section):
    """The headline: pre-trained with the first, supervised with the second."""

    label_frac: LabelFrac
    reference_frac: LabelFrac


class Intervals(Section):
    """How sure the scores are, and what is compared."""

    draws: Annotated[int, Field(ge=100, strict=True)]
    confidence: OpenShare
    comparisons: Several[Literal["twin", "best_supervised"]]
    claims: ClaimFracs


class Maps(Section):
    """Tiles and predictions of the qualitative figure; without arms there is none."""

    tiles: Annotated[int, Field(ge=1, le=8)]
    arms: AnyNumber[Name]
    use: Literal["finetuned", "frozen"]
    label_frac: LabelFrac


class Diagnostics(Section):
    """Pre-trainings to look into."""

    arms: Several[Name]
    neighbours: Count


class Calibration(Section):
    """How confidence is compared with accuracy, and what the figures show."""

    bins: Count
    arms: Several[Name]
    label_frac: LabelFrac


class Export(Section):
    """Pre-trained encoders to hand on."""

    arms: Several[Name]
    licence: str
