"""The nine flaws of the reference code (FACTS, section 5), each shown to be absent.

Source: HSG-AIML/SSLTransformerRS, the code behind P2.
"""

import ast
import copy
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
import torch
from tests.builders import SMALL_TILES, write_labelled_store
from torch import Tensor, nn

from sentinel_fusion.bands import BANDS, S1_NAN
from sentinel_fusion.classes import CLASS_NAMES
from sentinel_fusion.data.augment import build_augment
from sentinel_fusion.data.loader import Batch, BatchLoader, TileStore
from sentinel_fusion.data.splits import order_table, subset_size
from sentinel_fusion.data.views import RandomViews
from sentinel_fusion.metrics.multi_label import choose_threshold
from sentinel_fusion.metrics.multi_label import from_predictions as present_classes
from sentinel_fusion.metrics.scores import score_predictions
from sentinel_fusion.models.fusion import FusedEncoder
from sentinel_fusion.models.heads import linear_head
from sentinel_fusion.tasks import multi_label, segmentation, single_label
from sentinel_fusion.train.arms import ArmConfig, build_decoder, build_encoder
from sentinel_fusion.train.cell import CellPart, run_cell
from sentinel_fusion.train.cell_inputs import CellData, CellSettings
from sentinel_fusion.train.checkpoint import Checkpoints
from sentinel_fusion.train.fit import FitData, FitSettings, fit
from sentinel_fusion.train.learners import ImageInput, ImageLearner, LinearProbe
from sentinel_fusion.train.one_rank import OneRank
from sentinel_fusion.train.pretrain import PretrainSettings, pretrain
from sentinel_fusion.train.pretrain_data import PretrainData
from sentinel_fusion.uses import USES

ROOT = Path(__file__).parents[1]
CODE = [*(ROOT / "src").rglob("*.py"), *(ROOT / "stages").glob("*.py")]
CPU = torch.device("cpu")
TRAIN, VAL, TEST = (np.arange(start, 48, 3) for start in range(3))
RATES = (0.01, 0.001)
SEEDS = (7, 8)
SETTINGS = CellSettings(
    label_frac=0.5,
    learning_rates=RATES,
    fit=FitSettings(
        steps=4, batch_size=8, weight_decay=0.0, eval_every=2, warmup_frac=0.25
    ),
    augment=build_augment("d4", None),
    precision="float32",
    decoder=partial(build_decoder, "unet", {"width": 4}),
)
RESNET = ArmConfig(
    method="scratch",
    method_options={},
    loss="none",
    encoder="resnet",
    encoder_options={"architecture": "resnet10t", "width": 8},
    inputs=("s1", "s2"),
    bands={},
    fusion="late",
    size_px=SMALL_TILES.size_px,
    seed=0,
)
SWIN = replace(
    RESNET,
    encoder="swin",
    encoder_options={
        "patch_px": 2,
        "embed_dim": 8,
        "depths": (1, 1),
        "num_heads": (1, 2),
        "drop_path": 0.9,
    },
)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> TileStore:
    return TileStore(write_labelled_store(tmp_path_factory.mktemp("store")))


def _loader(store: TileStore, reference: TileStore | None = None) -> BatchLoader:
    scale = (reference or store).normalisation
    return BatchLoader(store, ("s1", "s2"), scale, CPU)


def _run(
    encoder: FusedEncoder, task: ModuleType, loader: BatchLoader, folder: Path
) -> list[CellPart]:
    store: TileStore = loader._store
    orders = {SEEDS[0]: TRAIN, SEEDS[1]: TRAIN[::-1].copy()}
    data = CellData(loader, task.targets(store), VAL, TEST, orders, orders)
    checkpoints = Checkpoints(folder, "cell", every_s=0)
    shared = Checkpoints(folder, "features", every_s=0)
    return list(run_cell(encoder, task, data, SETTINGS, checkpoints, shared))


def _joined(parts: list[CellPart]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """All curves and all predictions."""
    curves = [table for part in parts for table in part.curves]
    predictions = [part.predictions for part in parts]
    return pd.concat(curves, ignore_index=True), pd.concat(predictions)


# 1 the learning rate never left its warm-up, or hardly fell


@pytest.fixture
def rates(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Learning rate of every step of every optimiser made in the test."""
    taken: list[float] = []

    class Watched(torch.optim.AdamW):
        def step(self, closure: None = None) -> None:  # type: ignore[override]
            taken.append(self.param_groups[0]["lr"])
            super().step(closure)

    monkeypatch.setattr(torch.optim, "AdamW", Watched)
    return taken


def _goes_up_and_down(rates: list[float], peak: float) -> bool:
    top = rates.index(max(rates))
    is_peak = max(rates) == pytest.approx(peak) and 0 < top < len(rates) - 1
    return is_peak and rates == sorted(rates[:top]) + sorted(rates[top:], reverse=True)


class OneWeight(nn.Module):
    """The smallest method: a scale of the projections."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))

    def training_loss(self, images: Batch) -> Tensor:
        return (self.scale * images["s2"]).square().mean()

    def project(self, images: Batch) -> tuple[Tensor, Tensor]:
        z = self.scale * images["s2"].flatten(1)
        return z, z + 1


def test_1_the_rate_of_a_pre_training_reaches_its_peak_and_falls_to_nothing(
    store: TileStore, tmp_path: Path, rates: list[float]
) -> None:
    settings = PretrainSettings(
        epochs=5,
        batch_size=8,
        micro_batch=0,
        learning_rate=0.003,
        weight_decay=0.0,
        warmup_steps=3,
        seed=0,
        precision="float32",
        compile="auto",
    )
    data = PretrainData(
        loader=_loader(store),
        train_rows=np.arange(32),
        val_rows=np.arange(32, 48),
        tile_ids=np.arange(48),
        augment=build_augment("none", None),
    )
    checkpoints = Checkpoints(tmp_path, "a", every_s=100)
    pretrain(OneWeight(), data, settings, OneRank(CPU), checkpoints)
    assert _goes_up_and_down(rates, peak=0.003)
    assert rates[-1] < 0.003 / 20


@pytest.mark.parametrize("peak", RATES)
def test_1_the_rate_of_a_fit_reaches_its_peak_and_falls_to_nothing(
    rates: list[float], peak: float
) -> None:
    rows, settings = np.arange(8), replace(SETTINGS.fit, steps=40)
    learner = LinearProbe(torch.eye(8), linear_head(8, 8, seed=0))
    data = FitData(rows, rows, rows, targets=rows)
    fit(learner, single_label, data, settings, learning_rate=peak, seed=0)
    assert _goes_up_and_down(rates, peak)
    assert rates[-1] < peak / 20


# 2 baselines trained at a rate that was too low for them


@pytest.fixture(scope="module")
def curves(
    store: TileStore, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, pd.DataFrame]:
    """Curves of an arm with random weights and of one with others."""
    other = build_encoder(replace(RESNET, seed=1))
    arms = {"scratch": build_encoder(RESNET), "pretrained": other}
    return {
        name: _joined(
            _run(encoder, single_label, _loader(store), tmp_path_factory.mktemp(name))
        )[0]
        for name, encoder in arms.items()
    }


@pytest.mark.parametrize("use", USES)
def test_2_every_arm_tries_the_same_rates_and_takes_the_best_on_validation_tiles(
    curves: dict[str, pd.DataFrame], use: str
) -> None:
    for table in curves.values():
        rows = table[(table["use"] == use) & (table["seed"] == SEEDS[0])]
        best = rows.groupby(["learning_rate", "chosen"])["val_score"].max()
        assert set(best.index.get_level_values(0)) == set(RATES)
        assert best.xs(True, level="chosen").item() == best.max()


# 3 a frozen encoder kept its training mode, or was trained


@pytest.mark.parametrize("arm", [RESNET, SWIN], ids=["batch statistics", "drop-path"])
def test_3_a_frozen_encoder_draws_nothing_learns_nothing_and_counts_nothing(
    store: TileStore, arm: ArmConfig
) -> None:
    encoder = build_encoder(arm).train()
    before = copy.deepcopy(encoder.state_dict())
    kind, options = ("unet", {"width": 4}) if arm is RESNET else ("swin_unet", {})
    decoder = build_decoder(kind, options, encoder, num_classes=8, seed=0)
    tiles = ImageInput(
        _loader(store), build_augment("none", None), segmentation.encode, "float32"
    )
    frozen = ImageLearner(encoder, decoder, tiles, is_frozen=True)
    maps = torch.zeros(8, 8, 8, dtype=torch.uint8)
    logits, _ = frozen.training_pair(TRAIN[:8], maps, torch.Generator())
    logits.sum().backward()
    assert not any(module.training for module in encoder.modules())
    assert all(p.grad is None for p in encoder.parameters())
    assert any(p.grad is not None for p in decoder.parameters())
    assert all((w == before[name]).all() for name, w in encoder.state_dict().items())


# 4 label fractions drawn from an oversampled list, one subset for all seeds

# classes of the 986 "validation" patches of DFC2020
COUNTS = (76, 37, 101, 180, 156, 62, 23, 351)
LABELLED = pd.DataFrame(
    {"row": np.arange(sum(COUNTS)), "majority": np.repeat(np.arange(8), COUNTS)}
)
ORDERS = order_table(LABELLED, SEEDS)


@pytest.mark.parametrize(("label_frac", "size"), [(0.01, 10), (0.1, 99), (1.0, 986)])
def test_4_a_fraction_holds_its_share_of_unique_tiles_and_every_class(
    label_frac: float, size: int
) -> None:
    for _, order in ORDERS.groupby("seed"):
        rows = order["row"].iloc[: subset_size(label_frac, len(LABELLED))]
        assert rows.nunique() == size
        assert LABELLED["majority"].iloc[rows].nunique() == len(COUNTS)


def test_4_every_seed_has_a_subset_of_its_own() -> None:
    first, second = (set(o["row"][:99]) for _, o in ORDERS.groupby("seed"))
    assert len(first & second) < 50


# 5 pixel metrics averaged over batches, NaN for absent classes, no mean IoU


def test_5_scores_count_all_pixels_at_once_whatever_the_order() -> None:
    rng = np.random.default_rng(0)
    # one class a tile: barren in none, the others in few
    wanted = np.array([0, 1, 2, 3, 4, 5, 7, 7, 0, 1, 2, 3], np.uint8)[:, None, None]
    wanted = np.broadcast_to(wanted, (12, 4, 4))
    probability = rng.integers(0, 256, (12, 4, 4, 8)).astype(np.uint8)
    table = segmentation.prediction_columns(probability, wanted)
    table = table.assign(tile_id=[f"{row}" for row in range(12)], place_id="x")
    val, test = (table.assign(split=split) for split in ("val", "test"))
    parts = [("frozen", 0, [some]) for some in (val, test[:5], test[5:])]
    ((_, _, scores),) = score_predictions(parts, "segmentation")
    assert [*score_predictions(parts[::-1], "segmentation")] == [("frozen", 0, scores)]
    assert np.isfinite(scores["miou"])
    called = probability.argmax(axis=-1)
    hits = [(called == c)[wanted == c].mean() for c in set(wanted.ravel())]
    assert scores["aa"] == pytest.approx(np.mean(hits))


# 6 random test crops, no validation split, the test set watched


def _changed(store: TileStore, folder: Path, rows: np.ndarray) -> TileStore:
    """A copy of a store in which some tiles have other pixels and other labels."""
    shutil.copytree(store.folder, folder)
    rng = np.random.default_rng(0)
    for name in (*BANDS, "label"):
        shard = np.load(folder / f"{name}-00000.npy", mmap_mode="r+")
        low, high = (0, 8) if name == "label" else (1, 3000)
        shard[rows] = rng.integers(low, high, shard[rows].shape)
        shard.flush()
    index = pd.read_parquet(folder / "index.parquet")
    index.loc[rows, "majority"] = (index.loc[rows, "majority"] + 1) % 8
    has = [f"has_{name}" for name in CLASS_NAMES]
    index.loc[rows, has] = ~index.loc[rows, has]
    index.to_parquet(folder / "index.parquet")
    return TileStore(folder)


def _weights(folder: Path) -> Iterator[Tensor]:
    checkpoints = Checkpoints(folder, "cell", every_s=0)
    for use in USES:
        saved = checkpoints.load(f"{use}-{SEEDS[0]}-{RATES[0]}")
        assert saved is not None
        yield from saved["best"].values()


@pytest.mark.parametrize("task", [single_label, multi_label, segmentation])
def test_6_other_test_tiles_and_labels_change_no_weight_rate_step_or_threshold(
    store: TileStore, tmp_path: Path, task: ModuleType
) -> None:
    other = _changed(store, tmp_path / "store", TEST)
    tables = []
    for name, tiles in (("a", store), ("b", other)):
        loader = _loader(tiles, reference=store)
        tables.append(
            _joined(_run(build_encoder(RESNET), task, loader, tmp_path / name))
        )
    pairs = zip(_weights(tmp_path / "a"), _weights(tmp_path / "b"), strict=True)
    assert all(torch.equal(first, second) for first, second in pairs)
    (curves, first), (other_curves, second) = tables
    assert curves.equals(other_curves)
    is_val = first["split"] == "val"
    assert first[is_val].equals(second[is_val])
    assert not first[~is_val].equals(second[~is_val])
    if task is multi_label:
        thresholds = {
            choose_threshold(*present_classes(t[is_val])) for t in (first, second)
        }
        assert len(thresholds) == 1


def test_6_test_tiles_are_predicted_whole_and_as_they_are(store: TileStore) -> None:
    def never(images: Batch, generator: torch.Generator) -> Batch:
        raise AssertionError

    tiles = ImageInput(_loader(store), never, segmentation.encode, "float32")
    encoder = build_encoder(RESNET)
    decoder = SETTINGS.decoder(encoder, num_classes=8, seed=0)
    learner = ImageLearner(encoder, decoder, tiles, is_frozen=False)
    first, second = (learner.logits(TEST) for _ in range(2))
    assert first.shape == (len(TEST), 8, SMALL_TILES.size_px, SMALL_TILES.size_px)
    assert torch.equal(first, second)


# 7 every crop divided by its own maximum


def test_7_a_brighter_tile_stays_brighter(store: TileStore, tmp_path: Path) -> None:
    folder = tmp_path / "store"
    shutil.copytree(store.folder, folder)
    shard = np.load(folder / "s2-00000.npy", mmap_mode="r+")
    shard[0] *= 2
    shard.flush()
    rows = np.array([0])
    stored = torch.from_numpy(store.read("s2", rows).astype(np.float32))
    before = _loader(store).load(rows)["s2"].permute(0, 2, 3, 1)
    after = _loader(TileStore(folder), store).load(rows)["s2"].permute(0, 2, 3, 1)
    sd = torch.tensor(store.normalisation.sd["s2"])
    torch.testing.assert_close((after - before) * sd, stored, atol=0.5, rtol=1e-3)


# 8 RGB views overflowed 8 bits; one NaN dropped a batch, in scoring too


def test_8_a_brighter_image_never_becomes_a_darker_view() -> None:
    views = RandomViews(kind="colour", min_crop_share=1.0, jitter_strength=0.0)
    levels = torch.linspace(0, 2, 9).view(-1, 1, 1, 1)  # 20000 as stored, twice white
    drawn = views.draw(levels.expand(-1, 3, 16, 16)).mean(dim=(1, 2, 3))
    assert drawn.tolist() == pytest.approx(levels.flatten().clamp(max=1).tolist())


def test_8_a_pixel_without_measurement_costs_no_tile_of_its_batch(
    store: TileStore, tmp_path: Path
) -> None:
    folder = tmp_path / "store"
    shutil.copytree(store.folder, folder)
    shard = np.load(folder / "s1-00000.npy", mmap_mode="r+")
    shard[[TRAIN[0], VAL[0], TEST[0]], 0, 0] = S1_NAN
    shard.flush()
    loader = _loader(TileStore(folder), store)
    parts = _run(build_encoder(RESNET), single_label, loader, tmp_path)
    curves, table = _joined(parts)
    assert np.isfinite(curves["loss"]).all()
    counts = table.groupby(["use", "seed", "split"])["row"].nunique().unstack()
    assert (counts["test"] == len(TEST)).all()
    assert (counts["val"] == len(VAL)).all()


# 9 fixed paths, evaluated strings, a tracking service one must log in to

OWN_MACHINE = re.compile(r"^(/(home|data|mnt|Users|scratch|root|work)/|[A-Z]:\\|~/)")
TRACKERS = {"wandb", "mlflow", "comet_ml", "neptune", "clearml", "aim"}


@pytest.mark.parametrize("file", CODE, ids=lambda file: str(file.relative_to(ROOT)))
def test_9_no_string_is_evaluated_no_path_is_fixed_and_nobody_logs_in(
    file: Path,
) -> None:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Name):
            assert node.id not in {"eval", "exec"}
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            assert not OWN_MACHINE.match(node.value)
        if isinstance(node, ast.Import):
            assert not TRACKERS & {alias.name.split(".")[0] for alias in node.names}
        if isinstance(node, ast.ImportFrom) and node.module:
            assert node.module.split(".")[0] not in TRACKERS
