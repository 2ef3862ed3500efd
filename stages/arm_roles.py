"""Which arms and ensembles are pre-trained, and which start from scratch."""

from sentinel_fusion.params import Params


def from_scratch(params: Params) -> set[str]:
    """Supervised arms.

    Args:
        params: The arms.

    Returns:
        Arms without pre-training.
    """
    return set(params.arms) - pretrained(params)


def pretrained(params: Params) -> set[str]:
    """The other arms.

    Args:
        params: The arms.

    Returns:
        Arms with pre-training.
    """
    return {name for name, arm in params.arms.items() if arm.is_pretrained}


def with_pretraining(params: Params) -> set[str]:
    """All that pre-training is in.

    Args:
        params: The arms and ensembles.

    Returns:
        Pre-trained arms, and ensembles of which a member is one.
    """
    arms = pretrained(params)
    return arms | {
        name for name, members in params.ensembles.items() if arms & set(members)
    }


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
