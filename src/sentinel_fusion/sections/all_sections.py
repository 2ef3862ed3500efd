"""All sections together, and what follows from several of them."""

from typing import Any, Literal

from sentinel_fusion.sections.results import (
    Calibration,
    DataReport,
    Diagnostics,
    Export,
    Intervals,
    Maps,
    Realism,
)
from sentinel_fusion.sections.section import Section
from sentinel_fusion.sections.sources import Download, Sources
from sentinel_fusion.sections.tiles import Split, Tile
from sentinel_fusion.sections.training import Arm, Finetune, Grid, Pretrain, TaskBudget
from sentinel_fusion.sections.values import Name, Options, Seed, Several


class AllSections(Section):
    """Every section of params.yaml, each checked by itself."""

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
