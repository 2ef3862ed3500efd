import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import balanced_accuracy_score, recall_score

from sentinel_fusion.classes import CLASS_NAMES, DFC_TO_CLASS, NUM_CLASSES
from sentinel_fusion.data.synthetic.place import SEASONS
from sentinel_fusion.data.synthetic.scene import simulate_scene

TILE_PX = 32
PLACE_PX = 256
SENSOR_COLUMNS = {"s1": slice(0, 4), "s2": slice(4, 30), "both": slice(0, 30)}


def _tiles(raster: np.ndarray) -> np.ndarray:
    side = PLACE_PX // TILE_PX
    blocks = raster.reshape(side, TILE_PX, side, TILE_PX, -1).swapaxes(1, 2)
    return np.asarray(blocks.reshape(side * side, TILE_PX**2, -1))


def _places(seed: int, num_places: int) -> tuple[np.ndarray, np.ndarray]:
    features, classes = [], []
    for child in np.random.SeedSequence(seed).spawn(num_places):
        rng = np.random.default_rng(child)
        scene = simulate_scene(
            height_px=PLACE_PX,
            width_px=PLACE_PX,
            season=str(rng.choice(SEASONS)),
            rng=rng,
        )
        s1, s2 = _tiles(scene.s1), _tiles(scene.s2.astype(np.float32))
        parts = [s1.mean(1), s1.std(1), s2.mean(1), s2.std(1)]
        features.append(np.concatenate(parts, axis=1))
        votes = _tiles(DFC_TO_CLASS[scene.label]) == np.arange(NUM_CLASSES)
        classes.append(votes.sum(1).argmax(1))
    return np.concatenate(features), np.concatenate(classes)


@pytest.fixture(scope="module")
def predictions() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    features, classes = _places(seed=1, num_places=96)
    unseen, truth = _places(seed=2, num_places=64)
    predicted = {}
    for name, columns in SENSOR_COLUMNS.items():
        forest = RandomForestClassifier(
            100, min_samples_leaf=2, class_weight="balanced", random_state=0
        ).fit(features[:, columns], classes)
        predicted[name] = (truth, forest.predict(unseen[:, columns]))
    return predicted


@pytest.mark.slow
def test_two_sensors_beat_either_one(
    predictions: dict[str, tuple[np.ndarray, np.ndarray]],
) -> None:
    accuracy = {name: balanced_accuracy_score(*p) for name, p in predictions.items()}
    assert accuracy["both"] > max(accuracy["s1"], accuracy["s2"]) + 0.02


@pytest.mark.slow
@pytest.mark.parametrize("sensor", ["s1", "s2"])
def test_one_sensor_neither_fails_nor_solves_the_task(
    sensor: str, predictions: dict[str, tuple[np.ndarray, np.ndarray]]
) -> None:
    assert 0.4 < balanced_accuracy_score(*predictions[sensor]) < 0.75


@pytest.mark.slow
def test_sensors_confuse_different_classes(
    predictions: dict[str, tuple[np.ndarray, np.ndarray]],
) -> None:
    recalls = {
        name: dict(zip(CLASS_NAMES, recall_score(*p, average=None), strict=True))
        for name, p in predictions.items()
    }
    assert recalls["s1"]["forest"] > recalls["s2"]["forest"]
    assert recalls["s2"]["barren"] > recalls["s1"]["barren"]
