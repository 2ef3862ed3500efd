"""The model card of an exported arm, in Markdown as model hubs show it."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
import yaml

from sentinel_fusion.report.efficiency import markdown_table, summarise

OUR_KEY = "sentinel_fusion"
"""Where an exported ``config.json`` keeps what timm has no key for."""
OLDEST_TIMM = "1.0.31"
"""Older versions rename layers of a Swin without classifier, and then refuse it."""
SENSOR_TITLES = {"s1": "Sentinel-1", "s2": "Sentinel-2"}
GENERATED = "synthetic"
"""Data source whose images are computed, not measured."""
_SIGMA_AND_L1C = (
    "as backscatter (sigma nought) in dB and as reflectance at the top of the "
    "atmosphere (level 1C)"
)
_QUANTITIES = {
    "stac": (
        "as the catalogue's collections have them: backscatter in dB, gamma nought "
        "where Sentinel-1 is terrain-corrected (sentinel-1-rtc), and reflectance at "
        "the surface (level 2A), with B10 as 0"
    ),
    "folder": (
        "as the user's scenes had them, which did not say: backscatter in dB, sigma or "
        "gamma nought, and reflectance, level 1C or 2A"
    ),
}
"""Data source -> what its bands hold, where that is not ``_SIGMA_AND_L1C``."""
_P1 = (
    "Scheibenreif, Mommert, Borth 2022, Contrastive Self-Supervised Data Fusion for "
    "Satellite Imagery, ISPRS Annals V-3-2022, "
    "doi [10.5194/isprs-annals-V-3-2022-705-2022]"
    "(https://doi.org/10.5194/isprs-annals-V-3-2022-705-2022)"
)
_P2 = (
    "Scheibenreif, Hanna, Mommert, Borth 2022, Self-supervised Vision Transformers for "
    "Land-cover Segmentation and Classification, CVPR Workshops, "
    "doi [10.1109/CVPRW56347.2022.00148]"
    "(https://doi.org/10.1109/CVPRW56347.2022.00148)"
)
_MMA = (
    "Windsor et al. 2021, alignment of spatial features (MMA), "
    "[arXiv 2107.06652](https://arxiv.org/abs/2107.06652)"
)
_SIMCLR = (
    "Chen et al. 2020, SimCLR, [arXiv 2002.05709](https://arxiv.org/abs/2002.05709)"
)
_PAPERS = {
    "dual_simclr": (_P1,),
    "mma": (_MMA, f"a baseline on Sentinel-1 and Sentinel-2 in {_P1}"),
    "simclr": (_SIMCLR,),
}
"""Method -> where it was published."""
_PAPERS_OF_PAIR = {("dual_simclr", "swin"): (_P2,)}
"""Method and encoder -> where they were put together."""


def model_card(
    *,
    folder: str,
    configs: Mapping[str, dict[str, Any]],
    budget: Mapping[str, object],
    scores: pd.DataFrame,
    headlines: Mapping[str, tuple[str, str]],
    labelled: str,
) -> str:
    """The card of one arm's encoders.

    Args:
        folder: Where the encoders' folders lie, as a reader of the card types it.
        configs: Encoder's name -> its exported ``config.json``, in the order in which
            the arm concatenates features.
        budget: Settings of the pre-training by name.
        scores: Tidy scores of all arms, as ``metrics/scores.csv`` holds them.
        headlines: Task -> name and title of its headline metric.
        labelled: What the scores were measured on, in words.

    Returns:
        Markdown with YAML front matter.
    """
    about = next(iter(configs.values()))[OUR_KEY]
    sections = [
        _front_matter(configs, about),
        _summary(configs, about),
        _loading(folder, configs),
        _bands(configs, about["data"]["source"]),
        _training(configs, about, budget),
        _scores(about["arm"], scores, headlines, labelled),
        _limits(about, labelled),
        _licence(configs),
        _citation(about),
    ]
    return "\n".join(sections)


def _front_matter(configs: Mapping[str, dict[str, Any]], about: dict[str, Any]) -> str:
    fields = {
        "license": _licence_name(configs).lower(),  # hubs know licences in lower case
        "library_name": "timm",
        "pipeline_tag": "image-feature-extraction",
        "tags": [
            "timm",
            "remote-sensing",
            "self-supervised-learning",
            *(SENSOR_TITLES[sensor].lower() for sensor in about["inputs"]),
        ],
    }
    return f"---\n{yaml.safe_dump(fields, sort_keys=False)}---\n"


def _summary(configs: Mapping[str, dict[str, Any]], about: dict[str, Any]) -> str:
    sensors = " and ".join(SENSOR_TITLES[sensor] for sensor in about["inputs"])
    parts = [
        f"- `{name}`: {config['architecture']}, "
        f"{config['pretrained_cfg']['input_size'][0]} bands in, "
        f"{config['num_features']} features out\n"
        for name, config in configs.items()
    ]
    order = (
        "\nThe arm's feature vector is theirs, concatenated in this order.\n"
        if len(configs) > 1
        else ""
    )
    return (
        f"# {about['arm']}\n\n"
        f"Encoders of {sensors} tiles for land cover, pre-trained without labels by "
        f"the method `{about['method']}`, fusion {about['fusion']}. They end in pooled "
        "features; `forward_intermediates` gives the feature maps for segmentation.\n\n"
        f"{''.join(parts)}{order}"
    )


def _loading(folder: str, configs: Mapping[str, dict[str, Any]]) -> str:
    modules = dict.fromkeys(m for c in configs.values() for m in c[OUR_KEY]["imports"])
    imports = [f"import {module}  # tells timm of the network\n" for module in modules]
    lines = [
        f'{name} = timm.create_model("local-dir:{folder}/{name}", pretrained=True)'
        ".eval()\n"
        for name in configs
    ]
    name, config = next(iter(configs.items()))
    size = ", ".join(map(str, config["pretrained_cfg"]["input_size"]))
    package = "the package sentinel-fusion and " if modules else ""
    return (
        "## Loading\n\n"
        f"One line an encoder, with {package}timm {OLDEST_TIMM} or newer. The weights "
        "are safetensors; nothing is unpickled.\n\n"
        f"```python\n{''.join(imports)}import timm\nimport torch\n\n{''.join(lines)}"
        f"\nx = torch.rand(4, {size})  # in place of tiles in the units below\n"
        f'mean = torch.tensor({name}.pretrained_cfg["mean"]).view(-1, 1, 1)\n'
        f'sd = torch.tensor({name}.pretrained_cfg["std"]).view(-1, 1, 1)\n'
        f"features = {name}((x - mean) / sd)\n```\n\n"
        "In training, a pixel without measurement was 0 after this scaling, the band's "
        "mean. The path is relative to where Python runs.\n"
    )


def _bands(configs: Mapping[str, dict[str, Any]], source: str) -> str:
    tables = []
    for name, config in configs.items():
        rows = [
            f"| {position} | {SENSOR_TITLES[channel['sensor']]} | {channel['band']} "
            f"| {channel['unit']} | {channel['mean']:.4f} | {channel['sd']:.4f} |\n"
            for position, channel in enumerate(config[OUR_KEY]["channels"])
        ]
        tables.append(
            f"`{name}`\n\n"
            "| channel | sensor | band | unit | mean | sd |\n"
            "| --- | --- | --- | --- | --- | --- |\n"
            f"{''.join(rows)}"
        )
    note = (
        f"Bands are expected {_QUANTITIES.get(source, _SIGMA_AND_L1C)}. Means and "
        "deviations are those of the pre-training tiles; `config.json` has all "
        "digits.\n"
    )
    return "\n".join(["## Bands and normalisation\n", *tables, note])


def _training(
    configs: Mapping[str, dict[str, Any]],
    about: dict[str, Any],
    budget: Mapping[str, object],
) -> str:
    data, size = about["data"], about["size_px"]
    arguments = [
        f"- `{name}` in timm: `{config['architecture']}` with "
        f"{_words(config['model_args'])}\n"
        for name, config in configs.items()
    ]
    return (
        "## Pre-training\n\n"
        f"- data: {data['source']}, {data['tiles']} tiles of {size} x {size} px from "
        f"{data['places']} places, a share of val_frac held out to watch the training\n"
        f"- method: {about['method']}, {_words(about['method_options'])}\n"
        f"- loss: {about['loss']}\n"
        f"- encoder: {about['encoder']}, {_words(about['encoder_options'])}\n"
        f"{''.join(arguments)}"
        f"- budget: {_words(budget)}\n"
        f"- seed of the initial weights: {about['seed']}\n"
    )


def _scores(
    arm: str,
    scores: pd.DataFrame,
    headlines: Mapping[str, tuple[str, str]],
    labelled: str,
) -> str:
    tables = []
    for task, (metric, title) in headlines.items():
        rows = scores[(scores["arm"] == arm) & (scores["task"] == task)]
        if rows.empty:
            continue
        summary = summarise(rows, metric)
        tables.append(f"{task}, {title} in %\n\n{markdown_table(summary)}")
    if not tables:
        return f"## Scores\n\nNone: {arm} was not fine-tuned or probed.\n"
    intro = (
        "## Scores\n\n"
        f"On the test tiles of {labelled}, by share of the labels; mean ± population "
        "standard deviation over label subsets and trainings. All encoders of the arm "
        "together.\n"
    )
    return "\n".join([intro, *tables])


def _limits(about: dict[str, Any], labelled: str) -> str:
    source = about["data"]["source"]
    seen = (
        "The weights were pre-trained on generated images and say nothing about the "
        "Earth."
        if source == GENERATED
        else f"The weights have seen {source} only."
    )
    return (
        "## Limits\n\n"
        f"{seen} The scores hold for {labelled}. Other pixel sizes, processing levels, "
        f"band orders and tile sizes than {about['size_px']} px are untested.\n"
    )


def _licence_name(configs: Mapping[str, dict[str, Any]]) -> str:
    return str(next(iter(configs.values()))["pretrained_cfg"]["license"])


def _licence(configs: Mapping[str, dict[str, Any]]) -> str:
    return (
        "## Licence\n\n"
        f"Weights and configs: {_licence_name(configs)}. The data have licences of "
        "their own.\n"
    )


def _citation(about: dict[str, Any]) -> str:
    method = about["method"]
    papers = [
        *_PAPERS.get(method, ()),
        *_PAPERS_OF_PAIR.get((method, about["encoder"]), ()),
    ]
    if not papers:
        return f"## Citation\n\nNo paper is on record for the method {method}.\n"
    lines = "".join(f"- {paper}\n" for paper in papers)
    return f"## Citation\n\nThe method, not these weights, is from:\n\n{lines}"


def _words(options: Mapping[str, object]) -> str:
    return (
        ", ".join(f"{name} {value}" for name, value in options.items()) or "no options"
    )
