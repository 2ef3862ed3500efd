"""What must hold between sections of params.yaml."""

from collections.abc import Collection
from pathlib import Path

from pydantic import ValidationError

from sentinel_fusion.faults import explain
from sentinel_fusion.sections.all_sections import AllSections
from sentinel_fusion.sections.training import Pretrain

_ENTRIES = {
    "methods": "\ndef build(",
    "models": "\ndef build(",
    "tasks": "\ndef targets(",
}
"""What a module must define to be chosen by its name."""


def check_sections(params: AllSections) -> None:
    """Refuse sections that do not fit each other.

    The first that does not raises a ``ValueError`` with its key, rule and value.

    Args:
        params: Sections, each checked by itself.
    """
    for check in (
        _modules_exist,
        _mappings_are_whole,
        _names_exist,
        _maps_are_predicted,
        _claims_are_measured,
        _overrides_fit,
        _protocol_fits_source,
        _sizes_fit,
    ):
        check(params)


def _modules_exist(params: AllSections) -> None:
    for key, folder, names in (
        ("methods", "methods", params.methods),
        ("encoders", "models", params.encoders),
        ("decoders", "models", params.decoders),
        ("grid.arms", "tasks", params.grid.arms),
        ("task_budgets", "tasks", params.task_budgets),
        ("finetune.task", "tasks", [params.finetune.task]),
    ):
        for name in names:
            _require(key, name, _modules(folder))


def _mappings_are_whole(params: AllSections) -> None:
    for encoder in params.encoders:
        if encoder not in params.decoder_of:
            raise ValueError(f"decoder_of.{encoder} is missing; name its decoder")
    for encoder, decoder in params.decoder_of.items():
        _require("decoder_of", encoder, params.encoders)
        _require(f"decoder_of.{encoder}", decoder, params.decoders)
    for task in (*params.grid.arms, params.finetune.task):
        if task not in params.task_budgets:
            raise ValueError(f"task_budgets.{task} is missing; {{}} changes nothing")


def _names_exist(params: AllSections) -> None:
    for arm_name, arm in params.arms.items():
        _require(f"arms.{arm_name}.method", arm.method, params.methods)
        _require(f"arms.{arm_name}.encoder", arm.encoder, params.encoders)
    chosen = {
        "finetune.arm": [params.finetune.arm],
        **{f"grid.arms.{task}": arms for task, arms in params.grid.arms.items()},
        **{f"ensembles.{name}": arms for name, arms in params.ensembles.items()},
    }
    for key, names in chosen.items():
        for name in names:
            _require(key, name, params.arms)
    for name in params.maps.arms:
        _require("maps.arms", name, [*params.arms, *params.ensembles])
    trained = [name for name, arm in params.arms.items() if arm.is_pretrained]
    for key, names in (
        ("diagnostics.arms", params.diagnostics.arms),
        ("export.arms", params.export.arms),
    ):
        for name in names:
            _require(key, name, trained)
    for name in params.calibration.arms:
        _require("calibration.arms", name, [*params.arms, *params.ensembles])
    for name in params.ensembles:
        if name in params.arms:
            raise ValueError(f"ensembles.{name} must not have the name of an arm")


def _maps_are_predicted(params: AllSections) -> None:
    segmented = params.grid.arms.get("segmentation", ())
    if params.maps.arms and not segmented:
        raise ValueError(
            "maps.arms must be [] where grid.arms.segmentation is [], got "
            f"{', '.join(params.maps.arms)}"
        )
    for name in params.maps.arms:
        for arm in params.ensembles.get(name, (name,)):
            _require("maps.arms: grid.arms.segmentation", arm, segmented)
    fractions = params.grid.label_fracs
    _require("maps.label_frac", params.maps.label_frac, fractions)
    _require("calibration.label_frac", params.calibration.label_frac, fractions)


def _claims_are_measured(params: AllSections) -> None:
    for key, value in params.intervals.claims:
        _require(f"intervals.claims.{key}", value, params.grid.label_fracs)


def _overrides_fit(params: AllSections) -> None:
    for name in params.arms:
        try:
            crop_px = params.pretrain_settings(name).crop_px
        except ValidationError as error:
            faults = "; ".join(explain(f, Pretrain) for f in error.errors())
            raise ValueError(f"arms.{name}.pretrain: {faults}") from error
        if crop_px > params.tile.size_px:
            override = f"arms.{name}.pretrain.crop_px"
            key = "crop_px" in params.arms[name].pretrain
            raise ValueError(
                f"{override if key else 'pretrain.crop_px'} must be <= "
                f"tile.size_px {params.tile.size_px}, got {crop_px}"
            )


def _protocol_fits_source(params: AllSections) -> None:
    source = params.sources.labelled.source
    if source == "stac":
        raise ValueError(
            "sources.labelled.source must not be stac, whose scenes have no "
            "labels; fetch as pretrain, add label.tif to each scene, use folder"
        )
    protocol, dfc = params.split.protocol, ("synthetic", "dfc2020")
    fitting = dict.fromkeys(("A", "B", "C"), dfc) | {"holdout": ("sen12ms",)}
    if source not in fitting.get(protocol, (source,)):
        raise ValueError(
            f"split.protocol must be places for source {source}, got {protocol}"
        )
    if protocol == "holdout" and params.download.sen12ms.hold_out == "none":
        raise ValueError(
            "download.sen12ms.hold_out must be published for split.protocol holdout"
        )
    if params.split.list and protocol != "C":
        raise ValueError(
            f"split.list is read by split.protocol C only, got protocol {protocol}"
        )


def _sizes_fit(params: AllSections) -> None:
    size_px = ("tile.size_px", params.tile.size_px)
    steps = ("finetune.steps", params.finetune.steps)
    patch_px = ("download.synthetic.patch_px", params.download.synthetic.patch_px)
    budgets = [params.finetune_settings(task) for task in params.task_budgets]
    for (key, value), (limit_key, limit) in (
        (size_px, patch_px),
        (("finetune.eval_every", params.finetune.eval_every), steps),
        *(
            (
                (f"eval_every of task {task}", section.eval_every),
                ("its steps", section.steps),
            )
            for task, section in zip(params.task_budgets, budgets, strict=True)
        ),
    ):
        if value > limit:
            raise ValueError(f"{key} must be <= {limit_key} {limit}, got {value}")
    block_px = params.download.folder.block_px
    if 0 < block_px < params.tile.size_px:
        raise ValueError(
            "download.folder.block_px must be 0 or >= tile.size_px "
            f"{params.tile.size_px}, or no block holds a tile; got {block_px}"
        )


def _modules(folder: str) -> list[str]:
    files = (Path(__file__).parents[1] / folder).glob("[!_]*.py")
    entry = _ENTRIES[folder]
    return sorted(file.stem for file in files if entry in file.read_text())


def _require(key: str, value: object, known: Collection[object]) -> None:
    if value not in known:
        names = ", ".join(str(name) for name in known)
        raise ValueError(f"{key} must be one of {names}, got {value!r}")
