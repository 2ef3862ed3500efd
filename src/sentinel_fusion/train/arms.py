"""An arm: a method on fused encoders, put together from the names in params.

A method's or an encoder's name is the name of its module, and both modules offer
``build``; nothing else knows the list of them.
"""

import importlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from sentinel_fusion.models.fusion import FusedEncoder, build_fused

Options = dict[str, str | int | float | bool]
_KINDS = {
    int: (int, "a whole number"),
    float: (float | int, "a number"),
    str: (str, "a string"),
}
"""Annotation of an option -> what YAML may give for it, and that in words."""


@dataclass(frozen=True)
class ArmConfig:
    """What an arm's encoder is, apart from its weights.

    Args:
        method: Pre-training method, a module of ``sentinel_fusion.methods``.
        method_options: Arguments of that module's ``build``.
        encoder: Encoder, a module of ``sentinel_fusion.models``.
        encoder_options: Arguments of that module's ``build``.
        inputs: Sensors.
        fusion: How the sensors meet.
        seed: Seed of the initial weights.
    """

    method: str
    method_options: Options
    encoder: str
    encoder_options: Options
    inputs: tuple[str, ...]
    fusion: str
    seed: int


def build_encoder(config: ArmConfig) -> FusedEncoder:
    """An arm's encoder with its seeded initial weights.

    Args:
        config: What to build.

    Returns:
        The encoder on the CPU.
    """
    build = importlib.import_module(f"sentinel_fusion.models.{config.encoder}").build
    _check_options(f"encoders.{config.encoder}", build, config.encoder_options)
    return build_fused(
        lambda channels: build(in_channels=channels, **config.encoder_options),
        inputs=config.inputs,
        fusion=config.fusion,
        seed=config.seed,
    )


def build_method(config: ArmConfig) -> nn.Module:
    """An arm's method on its seeded encoder; torch's global state stays as it was.

    Args:
        config: What to build.

    Returns:
        The method on the CPU; its encoder is ``.encoder``.
    """
    build = importlib.import_module(f"sentinel_fusion.methods.{config.method}").build
    _check_options(f"methods.{config.method}", build, config.method_options)
    encoder = build_encoder(config)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        method: nn.Module = build(encoder, **config.method_options)
    return method


def trains(config: ArmConfig) -> bool:
    """Whether an arm's method has anything to train.

    Args:
        config: The arm.

    Returns:
        False for a supervised baseline.
    """
    module = importlib.import_module(f"sentinel_fusion.methods.{config.method}")
    return bool(module.TRAINS)


def _check_options(key: str, build: Callable[..., Any], options: Options) -> None:
    parameters = inspect.signature(build).parameters
    wanted = {
        name
        for name, parameter in parameters.items()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY and name != "in_channels"
    }
    for name in sorted(wanted ^ set(options)):
        fault = "unknown key" if name in options else "missing key"
        raise ValueError(
            f"{fault} {key}.{name}; valid keys there: "
            f"{', '.join(sorted(wanted)) or 'none'}"
        )
    for name, value in options.items():
        kind, words = _KINDS[parameters[name].annotation]
        if isinstance(value, bool) or not isinstance(value, kind):
            raise TypeError(f"{key}.{name} must be {words}, got {value!r}; mend it")
