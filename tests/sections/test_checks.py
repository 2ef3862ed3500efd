from pathlib import Path

import pytest
from tests.changed_params import ARM, GONE, load_changed

from sentinel_fusion.params import ParamsError

pytestmark = pytest.mark.usefixtures("in_repository")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param(
            {"sources.labelled.source": "folder", "split.protocol": "A"},
            "split.protocol must be places for source folder, got A",
            id="protocol of other data",
        ),
        pytest.param(
            {"sources.labelled.source": "sen12ms", "split.protocol": "holdout"},
            r"download\.sen12ms\.hold_out must be published for .*holdout; mend it",
            id="nothing held out",
        ),
        pytest.param(
            {"split.list": "mine"},
            r"split\.list is read by split\.protocol C only, got protocol B; mend it",
            id="list of another protocol",
        ),
        pytest.param(
            {"arms.mine": {**ARM, "method": "nosuch"}},
            r"arms\.mine\.method must be one of .*scratch.*, got 'nosuch'; mend it",
            id="arm with a method not listed",
        ),
        pytest.param(
            {"arms.mine": {**ARM, "encoder": "nosuch"}},
            r"arms\.mine\.encoder must be one of .*resnet.*, got 'nosuch'; mend it",
            id="arm with an encoder not listed",
        ),
        pytest.param(
            {"grid.arms.single_label": ["nosuch"]},
            r"grid\.arms\.single_label must be one of .*late.*, got 'nosuch'; mend it",
            id="unknown arm in the grid",
        ),
        pytest.param(
            {"finetune.arm": "nosuch"},
            r"finetune\.arm must be one of .*, got 'nosuch'; mend it",
            id="unknown arm of the headline",
        ),
        pytest.param(
            {"grid.arms.nosuch": ["late"]},
            r"grid\.arms must be one of .*single_label.*, got 'nosuch'; mend it",
            id="unknown task in the grid",
        ),
        pytest.param(
            {"finetune.task": "nosuch"},
            r"finetune\.task must be one of .*single_label.*, got 'nosuch'; mend it",
            id="unknown task of the headline",
        ),
        pytest.param(
            {"methods.nosuch": {}},
            r"methods must be one of .*scratch.*, got 'nosuch'; mend it",
            id="method without a file",
        ),
        pytest.param(
            {"pretrain.crop_px": 10**6},
            r"pretrain\.crop_px must be <= tile\.size_px \d+, got 1000000; mend it",
            id="crop larger than the tile",
        ),
        pytest.param(
            {"tile.size_px": 10**6},
            r"tile\.size_px must be <= download\.synthetic\.patch_px \d+, got 1000000",
            id="tile larger than the patch",
        ),
        pytest.param(
            {"download.folder.block_px": 8},
            r"download\.folder\.block_px must be 0 or >= tile\.size_px \d+, .* got 8",
            id="block smaller than a tile",
        ),
        pytest.param(
            {"finetune.eval_every": 10**6},
            r"finetune\.eval_every must be <= finetune\.steps \d+, got 1000000",
            id="no evaluation within the steps",
        ),
        pytest.param(
            {"ensembles.mine": ["late", "nosuch"]},
            r"ensembles\.mine must be one of .*late.*, got 'nosuch'; mend it",
            id="unknown member of an ensemble",
        ),
        pytest.param(
            {"ensembles.late": ["late", "early"]},
            r"ensembles\.late must not have the name of an arm; mend it",
            id="ensemble with the name of an arm",
        ),
        pytest.param(
            {"arms.mine": {**ARM, "pretrain": {"colour": 1}}},
            r"arms\.mine\.pretrain: unknown key colour; valid keys there: epochs, ",
            id="unknown key of an override",
        ),
        pytest.param(
            {"arms.mine": {**ARM, "pretrain": {"epochs": 0}}},
            r"arms\.mine\.pretrain: epochs must be greater than .* 1, got 0",
            id="override out of range",
        ),
        pytest.param(
            {"arms.mine": {**ARM, "pretrain": {"epochs": 0, "val_frac": 1}}},
            r"pretrain: epochs must be .*, got 0.*; val_frac must be .*, got 1",
            id="two faults of an override",
        ),
        pytest.param(
            {"decoder_of.vgg": GONE},
            r"decoder_of\.vgg is missing; name its decoder; mend it",
            id="encoder without decoder",
        ),
        pytest.param(
            {"decoder_of.vgg": "nosuch"},
            r"decoder_of\.vgg must be one of unet, swin_unet, got 'nosuch'; mend it",
            id="unknown decoder of an encoder",
        ),
        pytest.param(
            {"decoder_of.nosuch": "unet"},
            r"decoder_of must be one of resnet, swin, vgg, got 'nosuch'; mend it",
            id="decoder of an unknown encoder",
        ),
        pytest.param(
            {"decoders.nosuch": {}},
            r"decoders must be one of .*unet.*, got 'nosuch'; mend it",
            id="decoder without a file",
        ),
        pytest.param(
            {"maps.arms": ["nosuch"]},
            r"maps\.arms must be one of .*ensemble, got 'nosuch'; mend it",
            id="unknown arm on the maps",
        ),
        pytest.param(
            {"maps.arms": ["s1"]},
            r"maps\.arms: grid\.arms\.segmentation must be one of .*, got 's1'; mend",
            id="arm on the maps that is not segmented",
        ),
        pytest.param(
            {"ensembles.mine": ["late", "s1"], "maps.arms": ["mine"]},
            r"maps\.arms: grid\.arms\.segmentation must be one of .*, got 's1'; mend",
            id="ensemble on the maps whose member is not segmented",
        ),
        pytest.param(
            {"maps.label_frac": 0.123},
            r"maps\.label_frac must be one of 0\.01, .*1\.0, got 0\.123; mend it",
            id="maps of a fraction that is not in the grid",
        ),
        pytest.param(
            {"diagnostics.arms": ["mma", "late"]},
            r"diagnostics\.arms must be one of .*mma.*, got 'late'; mend it",
            id="diagnostics of an arm that is not pre-trained",
        ),
        pytest.param(
            {"calibration.arms": ["nosuch"]},
            r"calibration\.arms must be one of .*ensemble, got 'nosuch'; mend it",
            id="unknown arm in the reliability figure",
        ),
        pytest.param(
            {"calibration.label_frac": 0.123},
            r"calibration\.label_frac must be one of 0\.01, .*1\.0, got 0\.123; mend",
            id="calibration of a fraction that is not in the grid",
        ),
        pytest.param(
            {"intervals.claims.label_frac": 0.123},
            r"intervals\.claims\.label_frac must be one of 0\.01, .*, got 0\.123; mend",
            id="claim of a fraction that is not in the grid",
        ),
        pytest.param(
            {"intervals.claims.reference_frac": 0.123},
            r"intervals\.claims\.reference_frac must be one of .*, got 0\.123; mend it",
            id="claim about a reference that is not in the grid",
        ),
        pytest.param(
            {"export.arms": ["nosuch"]},
            r"export\.arms must be one of .*, got 'nosuch'; mend it",
            id="unknown arm to export",
        ),
        pytest.param(
            {"export.arms": ["mma", "late"]},
            r"export\.arms must be one of .*mma.*, got 'late'; mend it",
            id="export of an arm that is not pre-trained",
        ),
        pytest.param(
            {"grid.arms.segmentation": [], "maps.arms": ["late"]},
            r"maps\.arms must be \[\] where grid\.arms\.segmentation is .*, got late",
            id="maps without segmentation",
        ),
    ],
)
def test_sections_that_do_not_fit_are_refused(
    tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(ParamsError, match=message):
        load_changed(tmp_path, changes)


def test_encoder_without_a_file_is_refused_under_its_own_key(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match=r"encoders must be .*, got 'nosuch'"):
        load_changed(tmp_path, {"encoders.nosuch": {}})


def test_model_file_that_is_no_encoder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match="got 'fusion'"):
        load_changed(tmp_path, {"encoders.fusion": {}})


def test_a_task_without_arms_is_not_run(tmp_path: Path) -> None:
    changes: dict[str, object] = {"grid.arms.segmentation": [], "maps.arms": []}
    tasks = load_changed(tmp_path, changes).grid.arms
    assert list(tasks) == ["single_label", "multi_label"]
