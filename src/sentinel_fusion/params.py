"""params.yaml as frozen models: unknown keys and values out of range are refused.

What a method or an encoder accepts is checked where it is built, by check_arms.
"""

from collections import Counter
from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from sentinel_fusion.faults import explain

_ENTRIES = {
    "methods": "\ndef build(",
    "models": "\ndef build(",
    "tasks": "\ndef targets(",
}
"""What a module must define to be chosen by its name."""
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


class ParamsError(ValueError):
    """params.yaml cannot be used; the message has a line a fault."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_values(cls, value: Any) -> Any:  # noqa: ANN401 - any YAML value
        if isinstance(value, bool):
            raise ValueError("must not be true or false")
        return value


class Source(_Section):
    """Where a role's rasters come from."""

    source: Literal["synthetic", "sen12ms", "dfc2020", "folder"]
    path: Path


class Sources(_Section):
    """The two roles."""

    pretrain: Source
    labelled: Source


class Synthetic(_Section):
    """Size of the generated scenes."""

    patch_px: Annotated[int, Field(ge=32)]
    patches_per_place: Count
    pretrain_places: Count
    validation_places: Count
    test_places: Count
    workers: Count


class Sen12ms(_Section):
    """SEN12MS on disk needs no settings."""


class Dfc2020(_Section):
    """Places of DFC2020, which comes without georeferencing."""

    block_patches: Count


class Folder(_Section):
    """Code scheme of the user's label rasters."""

    label_scheme: Literal["dfc", "igbp"]


class Download(_Section):
    """Settings of each source."""

    synthetic: Synthetic
    sen12ms: Sen12ms
    dfc2020: Dfc2020
    folder: Folder


class Tile(_Section):
    """How patches become tiles; fields as ``data.tiles.TileRules``."""

    size_px: Annotated[int, Field(ge=8)]
    stride_px: Count
    max_invalid_share: Share
    min_label_share: Annotated[float, Field(gt=0, le=1)]
    min_class_share: Share
    shard_mib: Count


class Split(_Section):
    """Which places train, select and test."""

    protocol: Literal["A", "B", "places"]
    val_frac: OpenShare
    test_frac: OpenShare


class Pretrain(_Section):
    """Optimisation of every pre-training."""

    epochs: Count
    batch_size: Annotated[int, Field(ge=2)]
    learning_rate: Rate
    weight_decay: Annotated[float, Field(ge=0)]
    warmup_steps: Annotated[int, Field(ge=0)]
    val_frac: OpenShare
    threads: Count
    augment: Literal["none", "d4", "crop", "d4_crop"]
    crop_px: Annotated[int, Field(ge=8)]


class Arm(_Section):
    """One row of the ablation."""

    method: Name
    encoder: Name
    inputs: Several[Sensor]
    fusion: Literal["single", "early", "late"]

    @model_validator(mode="after")
    def _fusion_fits_inputs(self) -> "Arm":
        needed = 1 if self.fusion == "single" else 2
        if len(self.inputs) != needed:
            raise ValueError(
                f"fusion {self.fusion} needs {needed} input(s), got "
                f"{', '.join(self.inputs)}"
            )
        return self


class Finetune(_Section):
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


class Grid(_Section):
    """Axes of the ablation."""

    arms: Several[Name]
    tasks: Several[Name]
    label_fracs: Several[LabelFrac]


def _scalar(value: Any) -> Any:  # noqa: ANN401 - any YAML value
    if not isinstance(value, str | int | float | bool):
        raise ValueError("must be a string, a number or true/false")
    return value


Options = dict[str, Annotated[Any, AfterValidator(_scalar)]]


class Params(_Section):
    """The whole of params.yaml."""

    seed: Seed
    seeds: Several[Seed]
    device: Literal["auto", "cpu", "cuda"]
    precision: Literal["float32", "bfloat16"]
    sources: Sources
    download: Download
    tile: Tile
    split: Split
    pretrain: Pretrain
    methods: dict[Name, Options]
    encoders: dict[Name, Options]
    arms: dict[Name, Arm]
    finetune: Finetune
    grid: Grid

    def arm_settings(self, name: str) -> dict[str, Any]:
        """Everything that makes an arm's encoder, as ``train.arms.ArmConfig`` takes it.

        Args:
            name: Name of the arm.

        Returns:
            The fields of ``ArmConfig``.
        """
        arm = self.arms[name]
        return {
            **arm.model_dump(),
            "method_options": self.methods[arm.method],
            "encoder_options": self.encoders[arm.encoder],
            "seed": self.seed,
        }

    @model_validator(mode="after")
    def _names_exist(self) -> "Params":
        for name in self.methods:
            _require("methods", name, _modules("methods"))
        for name in self.encoders:
            _require("encoders", name, _modules("models"))
        for task in (*self.grid.tasks, self.finetune.task):
            key = "finetune.task" if task == self.finetune.task else "grid.tasks"
            _require(key, task, _modules("tasks"))
        for arm_name, arm in self.arms.items():
            _require(f"arms.{arm_name}.method", arm.method, self.methods)
            _require(f"arms.{arm_name}.encoder", arm.encoder, self.encoders)
        if self.split.protocol != "places":
            source = self.sources.labelled.source
            if source not in {"synthetic", "dfc2020"}:
                raise ValueError(
                    f"split.protocol must be places for source {source}, got "
                    f"{self.split.protocol}"
                )
        for arm_name in (*self.grid.arms, self.finetune.arm):
            key = "finetune.arm" if arm_name == self.finetune.arm else "grid.arms"
            _require(key, arm_name, self.arms)
        return self

    @model_validator(mode="after")
    def _sizes_fit(self) -> "Params":
        size_px = ("tile.size_px", self.tile.size_px)
        steps = ("finetune.steps", self.finetune.steps)
        patch_px = ("download.synthetic.patch_px", self.download.synthetic.patch_px)
        for (key, value), (limit_key, limit) in (
            (("pretrain.crop_px", self.pretrain.crop_px), size_px),
            (size_px, patch_px),
            (("finetune.eval_every", self.finetune.eval_every), steps),
        ):
            if value > limit:
                raise ValueError(f"{key} must be <= {limit_key} {limit}, got {value}")
        return self


def _modules(folder: str) -> list[str]:
    files = (Path(__file__).parent / folder).glob("[!_]*.py")
    entry = _ENTRIES[folder]
    return sorted(file.stem for file in files if entry in file.read_text())


def _require(key: str, name: str, known: Collection[str]) -> None:
    if name not in known:
        raise ValueError(f"{key} must be one of {', '.join(known)}, got {name!r}")


def load_params(
    file: Path = Path("params.yaml"), *, paths_must_exist: bool = True
) -> Params:
    """Read and check params.yaml.

    Args:
        file: YAML file.
        paths_must_exist: Whether a source's path that is not there is a fault.

    Returns:
        The params.

    Raises:
        ParamsError: If a key or a value is wrong; one line a fault.
    """
    try:
        params = Params.model_validate(yaml.safe_load(file.read_text()))
    except yaml.YAMLError as error:
        raise ParamsError(f"{file} must be YAML: {error}; mend that line") from error
    except ValidationError as error:
        lines = [f"{file}: {explain(fault, Params)}" for fault in error.errors()]
        raise ParamsError("\n".join(lines)) from error
    for role, source in params.sources:
        if paths_must_exist and not source.path.exists():
            raise ParamsError(
                f"{file}: sources.{role}.path must exist, got {source.path}; give the "
                "folder of the rasters (for synthetic: the simulator's code)"
            )
    return params
