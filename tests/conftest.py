from pathlib import Path

import pytest
import torch


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    # tiny tensors: threads that wait for each other cost more than they give
    torch.set_num_threads(1)


@pytest.fixture
def in_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    """Work where the paths of params.yaml lead."""
    monkeypatch.chdir(Path(__file__).parents[1])
