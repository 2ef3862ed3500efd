"""Heads on top of encoders."""

import torch
from torch import nn


def projection_head(num_features: int, projection_dim: int) -> nn.Sequential:
    """Two-layer projection head, hidden width as the input.

    Args:
        num_features: Width of the encoder.
        projection_dim: Width of the projections.

    Returns:
        Linear, ReLU, Linear.

    Source: Chen et al. 2020, arXiv 2002.05709, section 2.1; P1 (ISPRS Annals V-3-2022,
        705) uses dim -> dim -> 128.
    """
    return nn.Sequential(
        nn.Linear(num_features, num_features),
        nn.ReLU(inplace=True),
        nn.Linear(num_features, projection_dim),
    )


def linear_head(num_features: int, num_classes: int, seed: int) -> nn.Linear:
    """A linear classifier with seeded initial weights.

    Args:
        num_features: Width of the features.
        num_classes: Number of outputs.
        seed: Seed of the weights; torch's global state is left as it was.

    Returns:
        The layer.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Linear(num_features, num_classes)
