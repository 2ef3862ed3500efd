import pytest
import torch

from sentinel_fusion.train.late_check import LateCheck

FINE, BAD = torch.tensor(1.0), torch.tensor(float("nan"))


def _check(losses: list[torch.Tensor], *, late: bool) -> LateCheck:
    check = LateCheck(late=late)
    for number, loss in enumerate(losses):
        check.add(loss, number, lambda number=number: f"tile-{number}")  # type: ignore[misc]
    return check


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def test_a_late_check_refuses_one_step_later_and_names_the_bad_step(
    device: str,
) -> None:
    check = _check([FINE.to(device), BAD.to(device)], late=True)
    with pytest.raises(FloatingPointError, match=r"got nan at step 1; .* tile-1$"):
        check.add(FINE, 2, lambda: "tile-2")


def test_a_late_check_refuses_the_last_step_when_it_is_finished() -> None:
    check = _check([FINE, BAD], late=True)
    with pytest.raises(FloatingPointError, match="at step 1; "):
        check.finish()


def test_a_check_that_is_not_late_refuses_at_once() -> None:
    with pytest.raises(FloatingPointError, match=r"got nan at step 0; .* tile-0$"):
        _check([BAD], late=False)


@pytest.mark.parametrize("late", [False, True])
def test_finite_losses_pass(late: bool) -> None:
    check = _check([FINE, FINE], late=late)
    check.finish()
    check.finish()
