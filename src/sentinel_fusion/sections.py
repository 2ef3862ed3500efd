"""Sections of params.yaml as frozen models, each checked by itself.

What holds between sections is checked in ``params``.
"""

from collections import Counter
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)

from sentinel_fusion.bands import band_indices

Share = Annotated[float, Field(ge=0, le=1)]
OpenShare = Annotated[float, Field(gt=0, lt=1)]
LabelFrac = Annotated[float, Field(ge=0.0001, le=1)]
Count = Annotated[int, Field(ge=1, strict=True)]
Seed = Annotated[int, Field(ge=0, strict=True)]
Rate = Annotated[float, Field(gt=0)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9_]+$")]
Sensor = Literal["s1", "s2"]


T = TypeVar("T")


def _all_different(values: tuple[T, ...]) -> tuple[T, ...]:
    twice = [value for value, count in Counter(values).items() if count > 1]
    if twice:
        raise ValueError(f"must not repeat {twice[0]!r}")
    return values


Several = Annotated[tuple[T, ...], Field(min_length=1), AfterValidator(_all_different)]


class Section(BaseModel):
    """Unknown keys, true/false and infinite numbers are refused; nothing changes."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_values(cls, value: Any) -> Any:  # noqa: ANN401 - any YAML value
        if isinstance(value, bool):
            raise ValueError("must not be true or false")
        return value


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


class Pretrain(Section):
    """Optimisation of every pre-training."""

    epochs: Count
    batch_size: Annotated[int, Field(ge=2)]
    micro_batch: Annotated[int, Field(ge=0)]
    learning_rate: Rate
    weight_decay: Annotated[float, Field(ge=0)]
    warmup_steps: Annotated[int, Field(ge=0)]
    val_frac: OpenShare
    threads: Count
    compile: Literal["auto", "off"]
    augment: Literal["none", "d4", "crop", "d4_crop"]
    crop_px: Annotated[int, Field(ge=8)]
    snapshot_every: Count
    collapse_spread: Share
    collapse_rank: Annotated[float, Field(ge=0)]


def _option(value: Any) -> Any:  # noqa: ANN401 - any YAML value
    entries = value if isinstance(value, list) else [value]
    if not all(isinstance(entry, str | int | float) for entry in entries):
        raise ValueError("must be a string, a number or a list of them")
    return value


Options = dict[str, Annotated[Any, AfterValidator(_option)]]
"""Arguments of a module's ``build``, checked where it is built."""


class Arm(Section):
    """One row of the ablation; what overrides other sections may be left out."""

    method: Name
    loss: Name
    encoder: Name
    inputs: Several[Sensor]
    fusion: Literal["single", "early", "late"]
    bands: dict[Sensor, Several[str]] = {}
    method_options: Options = {}
    pretrain: Options = {}

    @model_validator(mode="after")
    def _fusion_fits_inputs(self) -> "Arm":
        needed = 1 if self.fusion == "single" else 2
        if len(self.inputs) != needed:
            raise ValueError(
                f"fusion {self.fusion} needs {needed} input(s), got "
                f"{', '.join(self.inputs)}"
            )
        return self

    @model_validator(mode="after")
    def _bands_exist(self) -> "Arm":
        for sensor, names in self.bands.items():
            if sensor not in self.inputs:
                raise ValueError(
                    f"bands are given for {sensor}, which is not among the inputs "
                    f"{', '.join(self.inputs)}"
                )
            band_indices(sensor, names)
        return self


class Finetune(Section):
    """The headline experiment, and the budget of every supervised trial."""

    arm: Name
    task: Name
    label_frac: LabelFrac
    learning_rates: Several[Rate]
    steps: Count
    batch_size: Annotated[int, Field(ge=2)]
    weight_decay: Annotated[float, Field(ge=0)]
    eval_every: Count
    warmup_frac: Share
    threads: Count
    augment: Literal["none", "d4"]


class TaskBudget(Section):
    """What a task overrides of the finetune section, for every arm alike."""

    steps: Count | None = None
    batch_size: Annotated[int, Field(ge=2)] | None = None
    eval_every: Count | None = None


class Grid(Section):
    """Cells of the ablation: the arms of every task, each at every label fraction."""

    label_fracs: Several[LabelFrac]
    arms: dict[Name, Several[Name]]


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


class DataReport(Section):
    """Figures of the tile stores."""

    contact_tiles: Annotated[int, Field(ge=1, le=48)]


class Realism(Section):
    """Comparison of generated tiles with real ones."""

    real: Path
    max_places: Count
    max_tiles: Count


class Maps(Section):
    """Tiles and predictions of the qualitative figure."""

    tiles: Annotated[int, Field(ge=1, le=8)]
    arms: Several[Name]
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
