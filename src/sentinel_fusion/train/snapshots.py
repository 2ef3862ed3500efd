"""A method's weights every few epochs, for diagnostics after the training."""

from pathlib import Path

from safetensors.torch import load_file, save_file
from torch import nn

from sentinel_fusion.folders import make_empty
from sentinel_fusion.train.checkpoint import Checkpoints
from sentinel_fusion.train.watch import Curve


def snapshot_epochs(epochs: int, every: int) -> list[int]:
    """Epochs after which a snapshot is taken.

    Args:
        epochs: Epochs of the training, >= 1.
        every: Distance of two snapshots, >= 1.

    Returns:
        Multiples of ``every`` and the last epoch, ascending.
    """
    return sorted({*range(every, epochs + 1, every), epochs})


class Snapshots:
    """Collects snapshots beside the checkpoints, where a killed run leaves them."""

    def __init__(self, checkpoints: Checkpoints, *, epochs: int, every: int) -> None:
        """Take none yet.

        Args:
            checkpoints: Where they are kept while training; not the training's own
                object, whose clock would be reset by every snapshot.
            epochs: Epochs of the training.
            every: Distance of two snapshots.
        """
        self._checkpoints = checkpoints
        self._epochs = snapshot_epochs(epochs, every)

    def __call__(self, method: nn.Module, curve: Curve) -> None:
        """Take a snapshot where the last epoch asks for one.

        Args:
            method: Method in training.
            curve: Rows of the epochs so far.
        """
        if len(curve) in self._epochs:
            self._checkpoints.save(_name(len(curve)), method.state_dict())

    def write(self, folder: Path) -> None:
        """Write all snapshots as ``epoch_002.safetensors`` and so on.

        Args:
            folder: Folder to write to; what lies there is removed.

        Raises:
            FileNotFoundError: If one cannot be read any more.
        """
        make_empty(folder)
        for epoch in self._epochs:
            state = self._checkpoints.load(_name(epoch))
            if state is None:
                raise FileNotFoundError(
                    f"the snapshot of epoch {epoch} for {folder} is gone from "
                    ".checkpoints; remove that folder and run `dvc repro` again"
                )
            weights = {name: tensor.contiguous() for name, tensor in state.items()}
            save_file(weights, folder / f"{_name(epoch)}.safetensors")


def list_snapshots(folder: Path) -> dict[int, Path]:
    """Snapshots of an arm.

    Args:
        folder: Folder as ``Snapshots.write`` left it.

    Returns:
        Epoch -> file, ascending; none for an arm that was not trained.
    """
    files = sorted(folder.glob("epoch_*.safetensors"))
    found = {int(file.stem.removeprefix("epoch_")): file for file in files}
    return dict(sorted(found.items()))


def load_snapshot(method: nn.Module, file: Path) -> None:
    """Put a snapshot's weights into a method.

    Args:
        method: Method as ``build_method`` built it for the arm; changed in place.
        file: Snapshot of it.
    """
    device = next(method.parameters()).device
    method.load_state_dict(load_file(file, device=str(device)))


def _name(epoch: int) -> str:
    return f"epoch_{epoch:03d}"
