"""What is trained, how long and on how many labels."""

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from sentinel_fusion.bands import band_indices
from sentinel_fusion.sections.section import Section
from sentinel_fusion.sections.values import (
    AnyNumber,
    Count,
    LabelFrac,
    Name,
    OpenShare,
    Options,
    Rate,
    Sensor,
    Several,
    Share,
)


class Pretrain(Section):
    """Optimisation of every pre-training."""

    epochs: Count
    batch_size: Annotated[int, Field(ge=2)]
    micro_batch: Annotated[int, Field(ge=0)]
    learning_rate: Rate
    weight_decay: Annotated[float, Field(ge=0)]
    warmup_steps: Annotated[int, Field(ge=0)]
    val_frac: OpenShare
    watched_tiles: Annotated[int, Field(ge=2)]
    threads: Count
    compile: Literal["auto", "off"]
    augment: Literal["none", "d4", "crop", "d4_crop"]
    crop_px: Annotated[int, Field(ge=8)]
    snapshot_every: Count
    collapse_spread: Share
    collapse_rank: Annotated[float, Field(ge=0)]


class Arm(Section):
    """One row of the ablation; what overrides other sections may be left out."""

    method: Name
    loss: Name
    encoder: Name
    inputs: Several[Sensor]
    fusion: Literal["single", "early", "late"]
    bands: dict[Sensor, Several[str]] = Field(default_factory=dict)
    method_options: Options = Field(default_factory=dict)
    pretrain: Options = Field(default_factory=dict)

    @property
    def is_pretrained(self) -> bool:
        """Whether the arm learns anything before it sees a label."""
        return self.loss != "none"

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
    """Cells of the ablation: the arms of every task, each at every label fraction.

    A task whose arms are ``[]`` is left out, though its stage is in dvc.yaml.
    """

    label_fracs: Several[LabelFrac]
    arms: dict[Name, AnyNumber[Name]]

    @field_validator("arms")
    @classmethod
    def _tasks_that_run(
        cls, tasks: dict[str, tuple[str, ...]]
    ) -> dict[str, tuple[str, ...]]:
        found = {task: arms for task, arms in tasks.items() if arms}
        if not found:
            raise ValueError("needs at least one task with arms")
        return found
