import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from stages import check_arms
from torch import Tensor, nn

from sentinel_fusion.params import Params, load_params

ROOT = Path(__file__).parents[2]
ARM = "dual_simclr"
Project = Callable[..., tuple[Tensor, Tensor]]


@pytest.fixture(scope="module")
def params() -> Params:
    """The live params with one arm, which the grid does not have."""
    live = load_params(ROOT / "params.yaml")
    grid = live.grid.model_copy(update={"arms": {}})
    headline = live.finetune.model_copy(update={"arm": ARM, "task": "single_label"})
    changes = {"arms": {ARM: live.arms[ARM]}, "grid": grid, "finetune": headline}
    return live.model_copy(update=changes)


@pytest.fixture
def check(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[Params], None]:
    """Runs the stage in an empty folder."""

    def run(params: Params) -> None:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(check_arms, "load_params", lambda: params)
        check_arms.main()

    return run


def _method(project: Project | None) -> type[nn.Module]:
    class Method(nn.Module):
        def __init__(self, encoder: nn.Module) -> None:
            super().__init__()
            self.encoder = encoder

        def training_loss(self, images: dict[str, Tensor]) -> Tensor:
            return self.encoder(images).sum()  # type: ignore[no-any-return]

    if project:
        Method.project = project  # type: ignore[attr-defined]
    return Method


def _with_method(
    monkeypatch: pytest.MonkeyPatch, params: Params, project: Project | None
) -> Params:
    module: Any = ModuleType("sentinel_fusion.methods.new")
    module.LOSS, module.build = "nt_xent", lambda encoder: _method(project)(encoder)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    arm = params.arms[ARM].model_copy(update={"method": "new"})
    return params.model_copy(update={"arms": {ARM: arm}, "methods": {"new": {}}})


def test_an_arm_that_can_be_run_is_let_through(
    check: Callable[[Params], None], params: Params
) -> None:
    check(params)
    assert check_arms.OUT.exists()


def test_a_method_without_projections_is_refused(
    check: Callable[[Params], None], params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = f"arm {ARM}: method new must offer project; Method in train/pretrain.py"
    with pytest.raises(SystemExit, match=message):
        check(_with_method(monkeypatch, params, None))


def test_projections_of_another_number_of_tiles_are_refused(
    check: Callable[[Params], None], params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    def project(self: nn.Module, images: object) -> tuple[Tensor, Tensor]:
        return torch.zeros(2, 4), torch.zeros(1, 4)

    with pytest.raises(SystemExit, match="must give a row a tile, got 2 and 1 of 2"):
        check(_with_method(monkeypatch, params, project))


def test_a_broken_projection_is_refused(
    check: Callable[[Params], None], params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    def project(self: nn.Module, images: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        raise ValueError("no such projection")

    with pytest.raises(SystemExit, match=f"arm {ARM}: no such projection"):
        check(_with_method(monkeypatch, params, project))


@pytest.mark.parametrize("in_grid", [True, False])
def test_the_decoder_of_whatever_segments_is_tried(
    check: Callable[[Params], None], params: Params, in_grid: bool
) -> None:
    task = "single_label" if in_grid else "segmentation"
    arms = {"segmentation": (ARM,)} if in_grid else {}
    changed = params.model_copy(
        update={
            "grid": params.grid.model_copy(update={"arms": arms}),
            "finetune": params.finetune.model_copy(update={"task": task}),
            "decoders": {"unet": {"depth": 3}},
        }
    )
    with pytest.raises(SystemExit, match=r"unknown key decoders\.unet\.depth"):
        check(changed)


def test_a_decoder_that_no_task_takes_is_not_built(
    check: Callable[[Params], None], params: Params
) -> None:
    check(params.model_copy(update={"decoders": {"unet": {"depth": 3}}}))
    assert check_arms.OUT.exists()
