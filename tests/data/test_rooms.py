import torch

from sentinel_fusion.data.rooms import KEPT, Rooms


def test_memory_of_a_tensor_that_is_gone_is_used_again() -> None:
    rooms = Rooms()
    address = rooms.tensor(3, 2).data_ptr()
    assert rooms.tensor(2, 3).data_ptr() == address


def test_a_living_tensor_keeps_its_values() -> None:
    rooms = Rooms()
    first = rooms.tensor(4).fill_(1)
    rooms.tensor(4).fill_(2)
    assert first.tolist() == [1, 1, 1, 1]


def test_a_view_keeps_the_memory_of_its_tensor() -> None:
    rooms = Rooms()
    view = rooms.tensor(2, 4).fill_(1).permute(1, 0)[:2]
    rooms.tensor(2, 4).fill_(2)
    assert view.tolist() == [[1, 1], [1, 1]]


def test_an_autograd_graph_keeps_the_memory_of_its_inputs() -> None:
    rooms = Rooms()
    weight = torch.ones(4, requires_grad=True)
    loss = (rooms.tensor(4).fill_(3) * weight).sum()
    rooms.tensor(4).fill_(5)
    loss.backward()
    assert weight.grad is not None
    assert weight.grad.tolist() == [3, 3, 3, 3]


def test_a_smaller_tensor_fits_into_the_room_of_a_larger() -> None:
    rooms = Rooms()
    address = rooms.tensor(8).data_ptr()
    small = rooms.tensor(3)
    assert small.data_ptr() == address
    assert small.shape == (3,)


def test_a_larger_tensor_gets_new_memory() -> None:
    rooms = Rooms()
    rooms.tensor(3)
    assert rooms.tensor(8).fill_(1).sum() == 8


def test_batches_that_are_all_kept_do_not_share_memory() -> None:
    rooms = Rooms()
    batches = [rooms.tensor(4).fill_(number) for number in range(2 * KEPT)]
    assert [int(batch[0]) for batch in batches] == list(range(2 * KEPT))
