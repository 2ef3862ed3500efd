"""Where the rasters come from, and how each source is fetched or made."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from sentinel_fusion.sections.section import Section
from sentinel_fusion.sections.values import Count, Rate


class Source(Section):
    """Where a role's rasters come from."""

    source: Literal["synthetic", "sen12ms", "dfc2020", "folder", "stac"]
    path: Path


class Sources(Section):
    """The two roles."""

    pretrain: Source
    labelled: Source

    def places_agree(self) -> bool:
        """Whether a place id means the same place in both roles.

        Returns:
            True where both read one public data set or one path.
        """
        is_published = self.pretrain.source in {"sen12ms", "dfc2020"}
        is_same = is_published or self.pretrain.path == self.labelled.path
        return self.pretrain.source == self.labelled.source and is_same


class Synthetic(Section):
    """Size of the generated scenes."""

    patch_px: Annotated[int, Field(ge=32)]
    patches_per_place: Count
    pretrain_places: Count
    validation_places: Count
    test_places: Count
    workers: Count


class Fetch(Section):
    """How archives are fetched; no result depends on it."""

    archives_folder: Path
    archives: Literal["keep", "remove"]
    table: Path
    jobs: Count
    tries: Count
    backoff_s: Annotated[float, Field(ge=0)]
    timeout_s: Rate


class Sen12ms(Section):
    """Seasons of SEN12MS to fetch (none: what lies there), and what is held out."""

    seasons: tuple[Literal["spring", "summer", "fall", "winter"], ...]
    mirrors: tuple[str, ...]
    token_variable: str
    hold_out: Literal["none", "published"]


class Dfc2020(Section):
    """Groups of DFC2020 to fetch, and its places where georeferencing is stripped."""

    groups: tuple[Literal["validation", "test"], ...]
    mirrors: tuple[str, ...]
    token_variable: str
    block_patches: Count


class Folder(Section):
    """Units and codes of the user's own rasters."""

    label_scheme: Literal["dfc", "igbp", "worldcover", "esri"]
    s1_scale: Literal["auto", "db", "linear"]
    s2_offset: Literal["auto", 0, 1000]
    min_s1_cover: Annotated[float, Field(gt=0, le=1)]
    block_px: Annotated[int, Field(ge=0)]


class Stac(Section):
    """A search of a public catalogue; scenes come without labels."""

    catalogue: Annotated[str, Field(pattern=r"^https?://")]
    s1_collection: str
    s2_collection: str
    bbox: tuple[float, float, float, float]
    dates: Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\d/\d{4}-\d\d-\d\d$")]
    max_cloud_pct: Annotated[float, Field(ge=0, le=100)]
    max_days: Rate
    max_scenes: Count
    min_box_cover: Annotated[float, Field(gt=0, le=1)]
    signing: Literal["none", "planetary_computer"]

    @model_validator(mode="after")
    def _box_is_a_box(self) -> "Stac":
        west, south, east, north = self.bbox
        if not (-180 <= west < east <= 180 and -90 <= south < north <= 90):
            raise ValueError(
                "bbox must be west, south, east, north in degrees with west < east "
                f"and south < north, got {list(self.bbox)}"
            )
        return self


class Download(Section):
    """Settings of each source."""

    fetch: Fetch
    synthetic: Synthetic
    sen12ms: Sen12ms
    dfc2020: Dfc2020
    folder: Folder
    stac: Stac
