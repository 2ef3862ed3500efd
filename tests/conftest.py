import pytest
import torch


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    # tiny tensors: threads that wait for each other cost more than they give
    torch.set_num_threads(1)
