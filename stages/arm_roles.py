"""Which arms are pre-trained, and which start from scratch."""

from sentinel_fusion.params import Params


def from_scratch(params: Params) -> set[str]:
    """Supervised arms.

    Args:
        params: The arms.

    Returns:
        Arms without pre-training.
    """
    return {name for name, arm in params.arms.items() if arm.loss == "none"}


def pretrained(params: Params) -> set[str]:
    """The other arms.

    Args:
        params: The arms.

    Returns:
        Arms with pre-training.
    """
    return set(params.arms) - from_scratch(params)


def twins(params: Params) -> dict[str, str]:
    """What each pre-trained arm is compared with to see what pre-training is worth.

    Args:
        params: The arms.

    Returns:
        Pre-trained arm -> the arm that differs from it in pre-training only.
    """

    def encoder(name: str) -> tuple[object, ...]:
        arm = params.arms[name]
        return arm.encoder, arm.inputs, arm.fusion, arm.bands

    return {
        name: twin
        for name in params.arms
        for twin in params.arms
        if name in pretrained(params)
        and twin in from_scratch(params)
        and encoder(name) == encoder(twin)
    }
