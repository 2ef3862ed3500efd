from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from sentinel_fusion.params import Params, ParamsError, load_params
from sentinel_fusion.train.arms import ArmConfig

ROOT = Path(__file__).resolve().parents[1]
LIVE = ROOT / "params.yaml"
PAPER = ROOT / "presets" / "paper.yaml"
FREE_NAMES = ("methods", "encoders", "arms")
GONE = object()
ARM = {
    "method": "scratch",
    "loss": "none",
    "encoder": "resnet",
    "inputs": ["s1", "s2"],
    "fusion": "early",
}
S2 = {**ARM, "inputs": ["s2"], "fusion": "single"}


@pytest.fixture(autouse=True)
def _in_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def _read(file: Path) -> dict[str, Any]:
    if not file.is_file():
        pytest.skip(f"{file} is not there")
    values: dict[str, Any] = yaml.safe_load(file.read_text())
    return values


def _load_changed(folder: Path, changes: dict[str, object]) -> Params:
    values = deepcopy(_read(LIVE))
    for key, value in changes.items():
        *path, last = key.split(".")
        section = values
        for part in path:
            section = section[part]
        section[last] = value
        if value is GONE:
            del section[last]
    file = folder / "params.yaml"
    file.write_text(yaml.safe_dump(values, sort_keys=False))
    return load_params(file)


def _keys(values: dict[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in values.items():
        yield prefix + key
        if isinstance(value, dict) and key not in FREE_NAMES:
            yield from _keys(value, f"{prefix}{key}.")


@pytest.mark.parametrize("file", [LIVE, PAPER], ids=["live", "paper"])
def test_params_of_the_repository_load(file: Path) -> None:
    values = _read(file)
    assert load_params(file, paths_must_exist=file == LIVE).seed == values["seed"]


def test_preset_has_the_keys_of_the_live_params() -> None:
    assert set(_keys(_read(PAPER))) == set(_keys(_read(LIVE)))


def test_an_arm_s_settings_hold_its_own_options() -> None:
    params = load_params(LIVE)
    name = params.finetune.arm
    settings = params.arm_settings(name)
    assert settings["method"] == params.arms[name].method
    assert settings["method_options"] == params.methods[settings["method"]]
    assert settings["encoder_options"] == params.encoders[settings["encoder"]]


def test_an_arm_s_options_override_those_of_its_method(tmp_path: Path) -> None:
    arm = {**ARM, "method": "dual_simclr", "method_options": {"temperature": 0.3}}
    params = _load_changed(tmp_path, {"arms.mine": arm})
    options = params.arm_settings("mine")["method_options"]
    assert options == {**params.methods["dual_simclr"], "temperature": 0.3}


def test_an_arm_s_settings_are_what_an_arm_is_built_from() -> None:
    params = load_params(LIVE)
    config = ArmConfig(**params.arm_settings("simclr_rgb"))
    assert config.bands == {"s2": ("B04", "B03", "B02")}
    assert (config.size_px, config.seed) == (params.tile.size_px, params.seed)


def test_an_arm_is_pre_trained_by_the_section_with_its_own_values(
    tmp_path: Path,
) -> None:
    arm = {**ARM, "pretrain": {"epochs": 3, "augment": "d4"}}
    params = _load_changed(tmp_path, {"arms.mine": arm})
    expected = params.pretrain.model_copy(update={"epochs": 3, "augment": "d4"})
    assert params.pretrain_settings("mine") == expected


def test_an_arm_without_values_of_its_own_is_pre_trained_by_the_section() -> None:
    params = load_params(LIVE)
    assert params.pretrain_settings("dual_simclr") == params.pretrain


def test_permuted_training_labels_are_part_of_what_a_figure_says(
    tmp_path: Path,
) -> None:
    given = load_params(LIVE).split
    permuted = _load_changed(tmp_path, {"split.train_labels": "permuted"}).split
    assert given.describe() == f"protocol {given.protocol}"
    listed = given.model_copy(update={"protocol": "C", "list": "mine"})
    assert listed.describe() == "protocol C by list mine"
    assert permuted.describe().endswith(", training labels permuted at random")


def test_changed_value_is_loaded(tmp_path: Path) -> None:
    assert _load_changed(tmp_path, {"seed": 7}).seed == 7


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param(
            {"colour": 1},
            "unknown key colour; valid keys there: seed, .*; mend or remove it",
            id="unknown key at the top",
        ),
        pytest.param(
            {"tile.colour": 1},
            r"unknown key tile\.colour; valid keys there: size_px, stride_px, .*; mend",
            id="unknown nested key",
        ),
        pytest.param(
            {"sources.pretrain.colour": 1},
            r"unknown key sources\.pretrain\.colour; valid keys there: source, path;",
            id="unknown key two levels down",
        ),
        pytest.param(
            {"arms.mine": {**ARM, "colour": 1}},
            r"unknown key arms\.mine\.colour; valid keys there: method, loss, ",
            id="unknown key of an arm",
        ),
        pytest.param(
            {"seed": GONE}, "seed is missing; add it", id="missing key at the top"
        ),
        pytest.param(
            {"tile.size_px": GONE}, r"tile\.size_px is missing; add it", id="missing"
        ),
        pytest.param(
            {"tile.min_label_share": 1.5},
            r"tile\.min_label_share must be .* equal to 1, got 1\.5; "
            r"set it with -S tile\.min_label_share=VALUE",
            id="share above 1",
        ),
        pytest.param(
            {"split.val_frac": 0},
            r"split\.val_frac must be greater than 0, got 0; set it with -S",
            id="open share of 0",
        ),
        pytest.param(
            {"pretrain.learning_rate": float("inf")},
            r"pretrain\.learning_rate must be a finite number, got inf",
            id="not finite",
        ),
        pytest.param(
            {"pretrain.epochs": "many"},
            r"pretrain\.epochs must be a valid integer.*, got 'many'; set it with -S",
            id="word for a number",
        ),
        pytest.param(
            {"pretrain.epochs": 1.5},
            r"pretrain\.epochs must be a valid integer.*, got 1\.5",
            id="fraction for a whole number",
        ),
        pytest.param(
            {"tile": 3}, r"tile must be a valid dict.*, got 3", id="number for section"
        ),
        pytest.param(
            {"split.protocol": "D"},
            r"split\.protocol must be 'A', 'B', 'C', 'holdout' or 'places', got 'D'",
            id="word not in the list",
        ),
        pytest.param(
            {"split.train_labels": "random"},
            r"split\.train_labels must be 'given' or 'permuted', got 'random'",
            id="labels of another kind",
        ),
        pytest.param(
            {"grid.label_fracs": [0.1, 0.5, 0.1]},
            r"grid\.label_fracs must not repeat 0\.1, got .*; set it with -S",
            id="repeated list entry",
        ),
        pytest.param(
            {"grid.label_fracs": [0.1, 2]},
            r"grid\.label_fracs\.1 must be less than or equal to 1, got 2",
            id="list entry out of range",
        ),
        pytest.param(
            {"seeds": []}, "seeds .*must have at least 1 item", id="empty list"
        ),
        pytest.param(
            {"finetune.label_frac": True},
            r"finetune\.label_frac must not be true or false",
            id="truth value for a number",
        ),
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
            {"split.list": "../mine"},
            r"split\.list .*must match.*, got '\.\./mine'",
            id="list outside of the folder",
        ),
        pytest.param(
            {"tile.scheduler": "host:8786"},
            r"tile\.scheduler .*must match.*, got 'host:8786'; set it with",
            id="scheduler without a protocol",
        ),
        pytest.param(
            {"arms.mine": {**ARM, "inputs": ["s1"]}},
            r"arms\.mine fusion early needs 2 input\(s\), got s1",
            id="fusion of one input",
        ),
        pytest.param(
            {"arms.mine": {**ARM, "fusion": "single"}},
            r"arms\.mine fusion single needs 1 input\(s\), got s1, s2",
            id="two inputs without fusion",
        ),
        pytest.param(
            {"arms.My-Arm": ARM}, r"arms\.My-Arm .*must match", id="name with capitals"
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
            {"sources.labelled.path": "nowhere"},
            r"sources\.labelled\.path must exist, got nowhere; give the folder",
            id="path that does not exist",
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
            {"grid.arms.single_label": ["late", "late"]},
            r"grid\.arms\.single_label must not repeat 'late'",
            id="arm twice in a task",
        ),
        pytest.param(
            {"grid.arms.single_label": []},
            r"grid\.arms\.single_label .*must have at least 1 item",
            id="task without arms",
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
            {"arms.mine": {**S2, "bands": {"s1": ["VV"]}}},
            r"arms\.mine bands are given for s1, which is not among the inputs s2",
            id="bands of a sensor that is no input",
        ),
        pytest.param(
            {"arms.mine": {**S2, "bands": {"s2": ["B04", "B4"]}}},
            r"arms\.mine s2 bands must be among B01, .*B12, got B4; mend it",
            id="unknown band",
        ),
        pytest.param(
            {"arms.mine": {**S2, "bands": {"s2": ["B04", "B04"]}}},
            r"arms\.mine\.bands\.s2 must not repeat 'B04'",
            id="band twice",
        ),
        pytest.param(
            {"arms.mine": {**S2, "bands": {"s3": ["B04"]}}},
            r"arms\.mine\.bands\.s3.* must be 's1' or 's2', got 's3'",
            id="bands of an unknown sensor",
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
            {"arms.mine": {**ARM, "method_options": {"views": {"a": 1}}}},
            r"arms\.mine\.method_options\.views must be a string, a number or a list",
            id="section for an option",
        ),
        pytest.param(
            {"methods.scratch": {"sizes": [[1]]}},
            r"methods\.scratch\.sizes must be a string, a number or a list of them",
            id="list in a list for an option",
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
            {"intervals.comparisons": ["everything"]},
            r"intervals\.comparisons\.0 must be 'twin' or 'best_supervised'",
            id="unknown comparison",
        ),
        pytest.param(
            {"intervals.draws": 10},
            r"intervals\.draws must be greater than or equal to 100, got 10",
            id="too few draws",
        ),
        pytest.param(
            {"export.arms": ["nosuch"]},
            r"export\.arms must be one of .*, got 'nosuch'; mend it",
            id="unknown arm to export",
        ),
    ],
)
def test_fault_is_refused_with_key_rule_and_remedy(
    tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(ParamsError, match=message):
        _load_changed(tmp_path, changes)


def test_every_fault_has_a_line_that_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(ParamsError) as caught:
        _load_changed(tmp_path, {"seed": -1, "tile.colour": 1})
    lines = str(caught.value).splitlines()
    assert len(lines) == 2
    assert all(line.startswith(str(tmp_path / "params.yaml")) for line in lines)


def test_path_need_not_exist_where_the_caller_says_so(tmp_path: Path) -> None:
    values = _read(LIVE)
    values["sources"]["labelled"]["path"] = "nowhere"
    file = tmp_path / "params.yaml"
    file.write_text(yaml.safe_dump(values))
    params = load_params(file, paths_must_exist=False)
    assert params.sources.labelled.path == Path("nowhere")


def test_empty_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "params.yaml"
    file.write_text("")
    with pytest.raises(ParamsError, match=r"must be a valid dict.*; mend it"):
        load_params(file)


def test_encoder_without_a_file_is_refused_under_its_own_key(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match=r"encoders must be .*, got 'nosuch'"):
        _load_changed(tmp_path, {"encoders.nosuch": {}})


def test_model_file_that_is_no_encoder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match="got 'fusion'"):
        _load_changed(tmp_path, {"encoders.fusion": {}})


def test_only_scenes_are_cut_into_blocks(tmp_path: Path) -> None:
    changes = {"download.folder.block_px": 512, "sources.pretrain.source": "folder"}
    params = _load_changed(tmp_path, changes)
    assert (params.block_px("pretrain"), params.block_px("labelled")) == (512, 0)
