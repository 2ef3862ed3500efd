"""Which processes train together: alone, by torchrun, by Slurm, or started here."""

import os

import torch

from sentinel_fusion.train.many_ranks import ManyRanks
from sentinel_fusion.train.one_rank import OneRank

RANKS = "PRETRAIN_RANKS"
"""Environment variable: processes to start on this machine."""


def join_ranks(device: torch.device) -> OneRank:
    """Start or join the processes that were asked for.

    That is by ``torchrun``, by Slurm's ``srun``, or by the variable ``PRETRAIN_RANKS``,
    a number of processes on this machine, which start here. Lightning Fabric is not
    imported where there is one process.

    Args:
        device: Kind of device; on CUDA every process of a machine takes another one.

    Returns:
        This process's place among them.

    Raises:
        ValueError: If ``PRETRAIN_RANKS`` is no whole number >= 1.
    """
    environ = os.environ
    if torch.distributed.is_torchelastic_launched():
        machines = int(environ["WORLD_SIZE"]) // int(environ["LOCAL_WORLD_SIZE"])
        return _launch(device, int(environ["LOCAL_WORLD_SIZE"]), machines)
    tasks = int(environ.get("SLURM_STEP_NUM_TASKS", "1"))
    if tasks > 1:
        machines = int(environ["SLURM_NNODES"])
        return _launch(device, tasks // machines, machines)
    wanted = environ.get(RANKS, "1")
    if not wanted.isdecimal() or int(wanted) < 1:
        raise ValueError(f"{RANKS} must be a whole number >= 1, got {wanted!r}")
    return _launch(device, int(wanted), 1, start_here=True)


def _launch(
    device: torch.device, on_a_machine: int, machines: int, *, start_here: bool = False
) -> OneRank:
    if on_a_machine * machines == 1:
        return OneRank(device)
    from lightning_fabric import Fabric
    from lightning_fabric.plugins.environments.lightning import LightningEnvironment
    from lightning_fabric.strategies.ddp import DDPStrategy

    fabric = Fabric(
        accelerator=device.type,
        devices=on_a_machine,
        num_nodes=machines,
        strategy=DDPStrategy(broadcast_buffers=False, gradient_as_bucket_view=True),
        plugins=LightningEnvironment() if start_here else None,
    )
    fabric.launch()
    return ManyRanks(fabric)
