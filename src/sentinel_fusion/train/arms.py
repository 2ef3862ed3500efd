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

from sentinel_fusion.data.stats import Normalisation
from sentinel_fusion.models.fusion import (
    Bands,
    FusedEncoder,
    build_fused,
    to_channels_last,
)

Options = dict[str, Any]
_KINDS = {
    int: (int, "a whole number"),
    float: (float | int, "a number"),
    str: (str, "a string"),
    tuple[int, ...]: (list | tuple, "a list of whole numbers"),
}
"""Annotation of an option -> what YAML may give for it, and that in words."""
_GIVEN = {"in_channels", "size_px", "normalisation", "num_classes"}
"""Arguments of ``build`` that do not come from the options."""


@dataclass(frozen=True)
class ArmConfig:
    """What an arm's encoder is, apart from its weights.

    Args:
        method: Pre-training method, a module of ``sentinel_fusion.methods``.
        method_options: Arguments of that module's ``build``.
        loss: Its loss, a module of ``sentinel_fusion.losses``; "none" for a baseline.
        encoder: Encoder, a module of ``sentinel_fusion.models``.
        encoder_options: Arguments of that module's ``build``.
        inputs: Sensors.
        bands: Bands of the sensors that are looked at in part.
        fusion: How the sensors meet.
        size_px: Edge of the tiles.
        seed: Seed of the initial weights.
    """

    method: str
    method_options: Options
    loss: str
    encoder: str
    encoder_options: Options
    inputs: tuple[str, ...]
    bands: Bands
    fusion: str
    size_px: int
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
    given = _wanted(build, {"size_px": config.size_px})
    return build_fused(
        lambda channels: build(
            in_channels=channels, **given, **_as_tuples(config.encoder_options)
        ),
        inputs=config.inputs,
        bands=config.bands,
        fusion=config.fusion,
        seed=config.seed,
    )


def build_method(config: ArmConfig, normalisation: Normalisation) -> nn.Module:
    """An arm's method on its seeded encoder; torch's global state stays as it was.

    Args:
        config: What to build.
        normalisation: Scaling of the images it will see.

    Returns:
        The method on the CPU; its encoder is ``.encoder``.

    Raises:
        ValueError: If the arm names another loss than its method's.
    """
    module = importlib.import_module(f"sentinel_fusion.methods.{config.method}")
    if config.loss != module.LOSS:
        raise ValueError(
            f"loss must be {module.LOSS} for method {config.method}, got {config.loss}"
        )
    key = f"methods.{config.method}"
    _check_options(key, module.build, config.method_options)
    given = _wanted(module.build, {"normalisation": normalisation})
    encoder = build_encoder(config)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        method: nn.Module = module.build(
            encoder, **given, **_as_tuples(config.method_options)
        )
    return method


def build_decoder(
    name: str, options: Options, encoder: FusedEncoder, *, num_classes: int, seed: int
) -> nn.Module:
    """A segmentation decoder with seeded initial weights for an encoder.

    Args:
        name: Decoder, a module of ``sentinel_fusion.models``.
        options: Arguments of that module's ``build``.
        encoder: Encoder whose feature maps it takes.
        num_classes: Classes of a pixel.
        seed: Seed of the weights; torch's global state is left as it was.

    Returns:
        The decoder on the CPU: feature maps -> logits of every pixel.
    """
    build = importlib.import_module(f"sentinel_fusion.models.{name}").build
    _check_options(f"decoders.{name}", build, options)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        decoder: nn.Module = build(
            encoder, num_classes=num_classes, **_as_tuples(options)
        )
    to_channels_last(decoder)
    return decoder


def trains(config: ArmConfig) -> bool:
    """Whether an arm's method has anything to train.

    Args:
        config: The arm.

    Returns:
        False for a supervised baseline.
    """
    module = importlib.import_module(f"sentinel_fusion.methods.{config.method}")
    return bool(module.LOSS != "none")


def _wanted(build: Callable[..., Any], given: Options) -> Options:
    parameters = inspect.signature(build).parameters
    return {name: value for name, value in given.items() if name in parameters}


def _as_tuples(options: Options) -> Options:
    return {k: tuple(v) if isinstance(v, list) else v for k, v in options.items()}


def _check_options(key: str, build: Callable[..., Any], options: Options) -> None:
    parameters = inspect.signature(build).parameters
    wanted = {
        name
        for name, parameter in parameters.items()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY and name not in _GIVEN
    }
    for name in sorted(wanted ^ set(options)):
        fault = "unknown key" if name in options else "missing key"
        raise ValueError(
            f"{fault} {key}.{name}; valid keys there: "
            f"{', '.join(sorted(wanted)) or 'none'}"
        )
    for name, value in options.items():
        annotation = parameters[name].annotation
        if annotation not in _KINDS:
            raise TypeError(
                f"{key}.{name} must be annotated in {build.__module__} with one of "
                f"{', '.join(map(inspect.formatannotation, _KINDS))}, got "
                f"{inspect.formatannotation(annotation)}; change build or add the kind "
                "to train/arms.py"
            )
        kind, words = _KINDS[annotation]
        entries = value if isinstance(value, list | tuple) else [value]
        is_whole = kind is not _KINDS[tuple[int, ...]][0] or all(
            isinstance(entry, int) and not isinstance(entry, bool) for entry in entries
        )
        if isinstance(value, bool) or not isinstance(value, kind) or not is_whole:
            raise TypeError(f"{key}.{name} must be {words}, got {value!r}; mend it")
