import torch

from sentinel_fusion.data.part import WHOLE, Part


def test_the_whole_is_cut_from_a_batch_as_it_is() -> None:
    batch = torch.arange(6)
    assert WHOLE.whole(6) == 6
    assert torch.equal(WHOLE.cut(batch), batch)


def test_parts_are_consecutive_and_equal() -> None:
    batch = torch.arange(6)
    parts = [Part(number, 3).cut(batch).tolist() for number in range(3)]
    assert parts == [[0, 1], [2, 3], [4, 5]]
    assert Part(1, 3).whole(2) == 6


def test_a_part_of_two_views_has_its_tiles_of_each() -> None:
    first_then_second = torch.tensor([0, 1, 2, 3, 10, 11, 12, 13])
    assert Part(1, 2).cut(first_then_second, views=2).tolist() == [2, 3, 12, 13]
