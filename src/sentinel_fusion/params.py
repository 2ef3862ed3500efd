"""params.yaml as a frozen model: unknown keys and values out of range are refused.

What a method or an encoder accepts is checked where it is built, by check_arms.
"""

from collections.abc import Collection
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import ValidationError, model_validator

from sentinel_fusion.faults import explain
from sentinel_fusion.sections import (
    Arm,
    Calibration,
    DataReport,
    Diagnostics,
    Download,
    Export,
    Finetune,
    Grid,
    Intervals,
    Maps,
    Name,
    Options,
    Pretrain,
    Realism,
    Section,
    Seed,
    Several,
    Sources,
    Split,
    TaskBudget,
    Tile,
)

_ENTRIES = {
    "methods": "\ndef build(",
    "models": "\ndef build(",
    "tasks": "\ndef targets(",
}
"""What a module must define to be chosen by its name."""


class ParamsError(ValueError):
    """params.yaml cannot be used; the message has a line a fault."""


class Params(Section):
    """The whole of params.yaml."""

    seed: Seed
    seeds: Several[Seed]
    device: Literal["auto", "cpu", "cuda"]
    precision: Literal["float32", "bfloat16"]
    sources: Sources
    download: Download
    tile: Tile
    split: Split
    data_report: DataReport
    realism: Realism
    pretrain: Pretrain
    methods: dict[Name, Options]
    encoders: dict[Name, Options]
    arms: dict[Name, Arm]
    decoders: dict[Name, Options]
    decoder_of: dict[Name, Name]
    finetune: Finetune
    task_budgets: dict[Name, TaskBudget]
    grid: Grid
    ensembles: dict[Name, Several[Name]]
    intervals: Intervals
    maps: Maps
    diagnostics: Diagnostics
    calibration: Calibration
    export: Export

    def arm_settings(self, name: str) -> dict[str, Any]:
        """Everything that makes an arm's encoder, as ``train.arms.ArmConfig`` takes it.

        Args:
            name: Name of the arm.

        Returns:
            The fields of ``ArmConfig``.
        """
        arm = self.arms[name]
        return {
            **arm.model_dump(exclude={"pretrain"}),
            "method_options": self.methods[arm.method] | arm.method_options,
            "encoder_options": self.encoders[arm.encoder],
            "size_px": self.tile.size_px,
            "seed": self.seed,
        }

    def block_px(self, role: str) -> int:
        """Edge of the blocks that a role's scenes are cut into.

        Args:
            role: "pretrain" or "labelled".

        Returns:
            Pixels; 0 where places are no blocks of scenes.
        """
        is_cut = getattr(self.sources, role).source in {"folder", "stac"}
        return self.download.folder.block_px if is_cut else 0

    def watched_shares(self) -> dict[str, float]:
        """Shares of the places that a pre-training is watched on.

        Returns:
            Each share once, by the first arm that has it, or "pretrain".
        """
        shares = {"pretrain": self.pretrain.val_frac}
        for name in self.arms:
            share = self.pretrain_settings(name).val_frac
            if share not in shares.values():
                shares[name] = share
        return shares

    def fetches(self, role: str) -> bool:
        """Whether a role's rasters are to be downloaded.

        Args:
            role: "pretrain" or "labelled".

        Returns:
            True where its source names archives to fetch.
        """
        source = getattr(self.sources, role).source
        if source == "stac":
            return True
        settings = getattr(self.download, source)
        parts = getattr(settings, "seasons", ()) or getattr(settings, "groups", ())
        return bool(parts)

    def finetune_settings(self, task: str) -> Finetune:
        """The finetune section with what a task overrides.

        Args:
            task: Name of the task.

        Returns:
            The section as every arm is trained by it for the task.
        """
        overrides = self.task_budgets[task].model_dump(exclude_none=True)
        section = self.finetune.model_dump() | overrides
        return Finetune.model_validate(section)

    def pretrain_settings(self, name: str) -> Pretrain:
        """The pretrain section with what an arm overrides.

        Args:
            name: Name of the arm.

        Returns:
            The section as the arm is pre-trained by it.
        """
        section = self.pretrain.model_dump() | self.arms[name].pretrain
        return Pretrain.model_validate(section)

    @model_validator(mode="after")
    def _modules_exist(self) -> "Params":
        for key, folder, names in (
            ("methods", "methods", self.methods),
            ("encoders", "models", self.encoders),
            ("decoders", "models", self.decoders),
            ("grid.arms", "tasks", self.grid.arms),
            ("task_budgets", "tasks", self.task_budgets),
            ("finetune.task", "tasks", [self.finetune.task]),
        ):
            for name in names:
                _require(key, name, _modules(folder))
        return self

    @model_validator(mode="after")
    def _mappings_are_whole(self) -> "Params":
        for encoder in self.encoders:
            if encoder not in self.decoder_of:
                raise ValueError(f"decoder_of.{encoder} is missing; name its decoder")
        for encoder, decoder in self.decoder_of.items():
            _require("decoder_of", encoder, self.encoders)
            _require(f"decoder_of.{encoder}", decoder, self.decoders)
        for task in (*self.grid.arms, self.finetune.task):
            if task not in self.task_budgets:
                raise ValueError(
                    f"task_budgets.{task} is missing; {{}} changes nothing"
                )
        return self

    @model_validator(mode="after")
    def _names_exist(self) -> "Params":
        for arm_name, arm in self.arms.items():
            _require(f"arms.{arm_name}.method", arm.method, self.methods)
            _require(f"arms.{arm_name}.encoder", arm.encoder, self.encoders)
        chosen = {
            "finetune.arm": [self.finetune.arm],
            "export.arms": self.export.arms,
            **{f"grid.arms.{task}": arms for task, arms in self.grid.arms.items()},
            **{f"ensembles.{name}": arms for name, arms in self.ensembles.items()},
        }
        for key, names in chosen.items():
            for name in names:
                _require(key, name, self.arms)
        for name in self.maps.arms:
            _require("maps.arms", name, [*self.arms, *self.ensembles])
        trained = [name for name, arm in self.arms.items() if arm.loss != "none"]
        for name in self.diagnostics.arms:
            _require("diagnostics.arms", name, trained)
        for name in self.calibration.arms:
            _require("calibration.arms", name, [*self.arms, *self.ensembles])
        for name in self.ensembles:
            if name in self.arms:
                raise ValueError(f"ensembles.{name} must not have the name of an arm")
        return self

    @model_validator(mode="after")
    def _maps_are_predicted(self) -> "Params":
        segmented = self.grid.arms.get("segmentation", ())
        for name in self.maps.arms:
            for arm in self.ensembles.get(name, (name,)):
                _require("maps.arms: grid.arms.segmentation", arm, segmented)
        fractions = self.grid.label_fracs
        _require("maps.label_frac", self.maps.label_frac, fractions)
        _require("calibration.label_frac", self.calibration.label_frac, fractions)
        return self

    @model_validator(mode="after")
    def _claims_are_measured(self) -> "Params":
        for key, value in self.intervals.claims:
            _require(f"intervals.claims.{key}", value, self.grid.label_fracs)
        return self

    @model_validator(mode="after")
    def _overrides_fit(self) -> "Params":
        for name in self.arms:
            try:
                crop_px = self.pretrain_settings(name).crop_px
            except ValidationError as error:
                faults = "; ".join(explain(f, Pretrain) for f in error.errors())
                raise ValueError(f"arms.{name}.pretrain: {faults}") from error
            if crop_px > self.tile.size_px:
                override = f"arms.{name}.pretrain.crop_px"
                key = "crop_px" in self.arms[name].pretrain
                raise ValueError(
                    f"{override if key else 'pretrain.crop_px'} must be <= "
                    f"tile.size_px {self.tile.size_px}, got {crop_px}"
                )
        return self

    @model_validator(mode="after")
    def _protocol_fits_source(self) -> "Params":
        source = self.sources.labelled.source
        if source == "stac":
            raise ValueError(
                "sources.labelled.source must not be stac, whose scenes have no "
                "labels; fetch as pretrain, add label.tif to each scene, use folder"
            )
        protocol, dfc = self.split.protocol, ("synthetic", "dfc2020")
        fitting = dict.fromkeys(("A", "B", "C"), dfc) | {"holdout": ("sen12ms",)}
        if source not in fitting.get(protocol, (source,)):
            raise ValueError(
                f"split.protocol must be places for source {source}, got {protocol}"
            )
        if protocol == "holdout" and self.download.sen12ms.hold_out == "none":
            raise ValueError(
                "download.sen12ms.hold_out must be published for split.protocol holdout"
            )
        if self.split.list and protocol != "C":
            raise ValueError(
                f"split.list is read by split.protocol C only, got protocol {protocol}"
            )
        return self

    @model_validator(mode="after")
    def _sizes_fit(self) -> "Params":
        size_px = ("tile.size_px", self.tile.size_px)
        steps = ("finetune.steps", self.finetune.steps)
        patch_px = ("download.synthetic.patch_px", self.download.synthetic.patch_px)
        budgets = [self.finetune_settings(task) for task in self.task_budgets]
        for (key, value), (limit_key, limit) in (
            (size_px, patch_px),
            (("finetune.eval_every", self.finetune.eval_every), steps),
            *(
                (
                    (f"eval_every of task {task}", section.eval_every),
                    ("its steps", section.steps),
                )
                for task, section in zip(self.task_budgets, budgets, strict=True)
            ),
        ):
            if value > limit:
                raise ValueError(f"{key} must be <= {limit_key} {limit}, got {value}")
        block_px = self.download.folder.block_px
        if 0 < block_px < self.tile.size_px:
            raise ValueError(
                "download.folder.block_px must be 0 or >= tile.size_px "
                f"{self.tile.size_px}, or no block holds a tile; got {block_px}"
            )
        return self


def _modules(folder: str) -> list[str]:
    files = (Path(__file__).parent / folder).glob("[!_]*.py")
    entry = _ENTRIES[folder]
    return sorted(file.stem for file in files if entry in file.read_text())


def _require(key: str, value: object, known: Collection[object]) -> None:
    if value not in known:
        names = ", ".join(str(name) for name in known)
        raise ValueError(f"{key} must be one of {names}, got {value!r}")


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
        if params.fetches(role):
            continue  # the download stage fills the folder
        if paths_must_exist and not source.path.exists():
            raise ParamsError(
                f"{file}: sources.{role}.path must exist, got {source.path}; give the "
                "folder of the rasters (for synthetic: the simulator's code)"
            )
    return params
