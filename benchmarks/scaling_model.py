"""A model of pair pre-training on many GPUs: what is sent against what is computed.

Nothing here is measured on more than one GPU. Step times start from the limits that
``PERF`` found on paper for one H200; rates of links are their makers' figures times a
share that large messages usually reach. Run it to print the table of docs/scaling.md.
"""

import sys
from dataclasses import dataclass

MS = 1e3
MB = 1e6


@dataclass(frozen=True)
class Network:
    """A pair of encoders with heads.

    Args:
        name: Encoder and tile size.
        limit: Pairs a second that the memory rate of one GPU allows, unfused.
        parameters: Of both encoders and heads.
        batch_norms: Layers that average over all GPUs, in both encoders.
        size_px: Edge of the tiles.
    """

    name: str
    limit: float
    parameters: float
    batch_norms: int
    size_px: int


@dataclass(frozen=True)
class Cluster:
    """GPUs and what joins them.

    Args:
        gpus_a_node: GPUs that NVLink joins.
        nvlink: Bytes a second that a GPU sends to its node.
        infiniband: Bytes a second that a GPU sends to other nodes.
        link_share: Share of these that large messages reach.
        latency_s: Seconds of a small collective within a node, and across nodes.
        compute_share: Share of a network's limit that its step reaches.
        float32: Operations a second of float32 matrix products, for the loss.
        gather: Bytes a second that one thread of a CPU gathers of a store that does not
            fit on the GPU: what benchmarks/results.md has for stored integers of 128 px
            batches, tile by tile, of two shared cores.
    """

    gpus_a_node: int = 8
    nvlink: float = 450e9
    infiniband: float = 50e9
    link_share: float = 0.8
    latency_s: tuple[float, float] = (15e-6, 35e-6)
    compute_share: float = 0.7
    float32: float = 60e12
    gather: float = 5.8e9


NETWORKS = (
    Network("ResNet18, 128 px", 52_200, 23.0e6, 40, 128),
    Network("ResNet50, 224 px", 4_400, 56.0e6, 106, 224),
    Network("Swin-T, 224 px", 4_100, 56.4e6, 0, 224),
)
GPUS = (1, 8, 64)
PAIRS_A_GPU = 256
PROJECTION_DIM = 128
BYTES_A_PIXEL = 2 * 15
"""Stored integers of both sensors."""
BUCKET_BYTES = 25 * 2**20
"""Gradients that are sent at once while the backward pass goes on."""
BACKWARD_SHARE = 2 / 3
"""Of a step's time, in which gradients can be sent."""
COLUMNS = (
    *("network", "GPUs", "batch", "computing, ms", "gradients, MB", "sent in, ms"),
    *("not hidden, ms", "batch norm, ms", "vectors, MB", "sent in, ms", "loss, ms"),
    *("step, ms", "pairs/s", "of linear", "loading: needed, pairs/s a GPU", "given"),
    "of the need",
)


def reduce_seconds(size: float, gpus: int, cluster: Cluster) -> float:
    """Summing a tensor over all GPUs: within nodes, across them, and back.

    Args:
        size: Bytes.
        gpus: GPUs, whole nodes where there are more than one.
        cluster: Rates.

    Returns:
        Seconds; half of it for gathering or scattering only.
    """
    if gpus == 1:
        return 0.0
    inside = min(gpus, cluster.gpus_a_node)
    nodes = gpus // inside
    within = 2 * (inside - 1) / inside * size / cluster.nvlink
    across = 2 * (nodes - 1) / nodes * size / inside / cluster.infiniband
    return (within + across) / cluster.link_share + _latency(gpus, cluster)


def _latency(gpus: int, cluster: Cluster) -> float:
    if gpus == 1:
        return 0.0
    return cluster.latency_s[gpus > cluster.gpus_a_node]


def step(network: Network, gpus: int, cluster: Cluster) -> dict[str, float]:
    """Seconds and bytes of a step.

    Args:
        network: What trains.
        gpus: On how many GPUs.
        cluster: What they are.

    Returns:
        "compute", "reduce", "exposed", "batch_norm", "gather", "loss" and "total" in
        seconds; "gradients" and "vectors" in bytes; "pairs" a second; "needed" and
        "given", pairs a second of a GPU's part that a step takes, and that one thread
        gathers where tiles do not fit on the GPU.
    """
    compute = PAIRS_A_GPU / (network.limit * cluster.compute_share)
    gradients = 4 * network.parameters
    reduce = reduce_seconds(gradients, gpus, cluster)
    last = reduce_seconds(min(BUCKET_BYTES, gradients), gpus, cluster)
    exposed = max(last, reduce - BACKWARD_SHARE * compute)
    # mean and variance there and their gradients back, each a small collective
    batch_norm = 2 * network.batch_norms * _latency(gpus, cluster)
    vectors = 2 * PAIRS_A_GPU * gpus * PROJECTION_DIM * 4  # both views, float32
    gather = reduce_seconds(vectors, gpus, cluster)  # there, and gradients back
    products = 3 * 2 * PROJECTION_DIM  # similarities and their two gradients
    loss = products * (2 * PAIRS_A_GPU) * (2 * PAIRS_A_GPU * gpus) / cluster.float32
    total = compute + exposed + batch_norm + gather + loss
    return {
        "compute": compute,
        "gradients": gradients if gpus > 1 else 0.0,
        "reduce": reduce,
        "exposed": exposed,
        "batch_norm": batch_norm,
        "vectors": float(vectors) if gpus > 1 else 0.0,
        "gather": gather,
        "loss": loss,
        "total": total,
        "pairs": PAIRS_A_GPU * gpus / total,
        "needed": PAIRS_A_GPU / total,
        "given": cluster.gather / (network.size_px**2 * BYTES_A_PIXEL),
    }


def table(cluster: Cluster) -> str:
    """The model's table.

    Args:
        cluster: GPUs and links.

    Returns:
        Markdown, a row a network and number of GPUs.
    """
    lines = [_line(COLUMNS), _line(["---"] * len(COLUMNS))]
    for network in NETWORKS:
        alone = step(network, 1, cluster)["pairs"]
        for gpus in GPUS:
            s = step(network, gpus, cluster)
            cells = [network.name, f"{gpus}", f"{PAIRS_A_GPU * gpus:,}"]
            cells += [f"{s['compute'] * MS:.1f}", f"{s['gradients'] / MB:.0f}"]
            cells += [f"{s[k] * MS:.2f}" for k in ("reduce", "exposed", "batch_norm")]
            cells += [f"{s['vectors'] / MB:.1f}"]
            cells += [f"{s[k] * MS:.2f}" for k in ("gather", "loss")]
            cells += [f"{s['total'] * MS:.1f}", f"{s['pairs']:,.0f}"]
            cells += [f"{s['pairs'] / alone / gpus:.0%}"]
            cells += [f"{s[k]:,.0f}" for k in ("needed", "given")]
            lines.append(_line([*cells, f"{s['given'] / s['needed']:.0%}"]))
    return "\n".join(lines) + "\n"


def _line(cells: list[str] | tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    sys.stdout.write(table(Cluster()))
