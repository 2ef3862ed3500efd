"""The model of many GPUs, whose table stands in docs/scaling.md."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def model() -> ModuleType:
    file = ROOT / "benchmarks" / "scaling_model.py"
    spec = importlib.util.spec_from_file_location("scaling_model", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_table_in_the_docs_is_the_models(model: ModuleType) -> None:
    page = (ROOT / "docs" / "scaling.md").read_text()
    assert model.table(model.Cluster()) in page


def test_one_gpu_sends_nothing(model: ModuleType) -> None:
    assert model.reduce_seconds(1e9, 1, model.Cluster()) == 0


def test_a_node_sums_at_the_rate_of_its_links(model: ModuleType) -> None:
    cluster = model.Cluster(nvlink=100.0, link_share=0.5, latency_s=(1.0, 9.0))
    # each of 8 GPUs sends 2 x 7/8 of 400 bytes at 50 bytes a second
    assert model.reduce_seconds(400, 8, cluster) == pytest.approx(14 + 1)


def test_across_nodes_every_gpu_sends_its_share(model: ModuleType) -> None:
    cluster = model.Cluster(
        nvlink=1e30, infiniband=10.0, link_share=1.0, latency_s=(0.0, 2.0)
    )
    # each GPU of 2 nodes sums an eighth of 800 bytes: 2 x 1/2 of 100 at 10 a second
    assert model.reduce_seconds(800, 16, cluster) == pytest.approx(10 + 2)


def test_gradients_that_outlast_the_backward_pass_show(model: ModuleType) -> None:
    network = model.Network("slow links", 256 / 0.7, 25e6, 0, 128)  # computes for 1 s
    cluster = model.Cluster(nvlink=1e8, link_share=1.0, latency_s=(0.0, 0.0))
    seconds = model.step(network, 8, cluster)
    assert seconds["compute"] == pytest.approx(1.0)
    assert seconds["exposed"] == pytest.approx(1.75 - 2 / 3)


def test_a_thread_gives_pairs_by_the_bytes_of_both_sensors(model: ModuleType) -> None:
    # 10 px x 10 px x 15 bands x 2 bytes a pair
    network = model.Network("small tiles", 256 / 0.7, 0.0, 0, 10)
    seconds = model.step(network, 1, model.Cluster(gather=6000.0, float32=1e30))
    assert seconds["given"] == pytest.approx(2.0)
    assert seconds["needed"] == pytest.approx(256.0)
