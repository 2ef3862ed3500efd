"""What ``dvc repro`` does around a command, for several cells at a time.

DVC parses and writes the whole of dvc.lock anew for every cell, which for a hundred
cells costs more than a small cell trains; here many cells share one writing. Uses the
parts that ``dvc.repo.commit`` and ``dvc.stage.run`` are made of (tried with DVC 3.67).
"""

import time
from collections.abc import Sequence

from dvc.repo import Repo
from dvc.stage.cache import RunCacheNotFoundError

_RECORD_EVERY_S = 30


class Recorder:
    """Looks cells up in DVC's run cache and writes finished ones into dvc.lock.

    DVC parses and writes the whole lock anew for every cell, which for a hundred cells
    costs more than a small cell trains; here several cells share one writing.
    """

    def __init__(self, cells: Sequence[str]) -> None:
        """Open the repository.

        Args:
            cells: Addresses of the cells that are going to be run.
        """
        self._repo = Repo()
        wanted = set(cells)
        self._stages = {
            stage.addressing: stage
            for stage in self._repo.index.stages
            if stage.addressing in wanted
        }
        self._waiting: list[str] = []
        self._recorded_at = time.monotonic()

    def command(self, cell: str) -> str:
        """The command line of a cell.

        Args:
            cell: Its address.

        Returns:
            What dvc.yaml says.
        """
        return str(self._stages[cell].cmd)

    def restore(self) -> list[str]:
        """Take what has been run before with the same inputs from the run cache.

        Returns:
            Addresses of the cells that were not found, whose outs have been removed.
        """
        missing = []
        with self._repo.lock:
            for cell, stage in self._stages.items():
                try:
                    self._repo.stage_cache.restore(stage)
                except RunCacheNotFoundError:
                    stage.remove_outs(ignore_remove=False)
                    missing.append(cell)
                else:
                    self._waiting.append(cell)
        self.record()
        return missing

    def add(self, cell: str) -> None:
        """Note that a cell is finished; it is recorded now or a little later.

        Args:
            cell: Its address.
        """
        self._waiting.append(cell)
        if time.monotonic() - self._recorded_at > _RECORD_EVERY_S:
            self.record()

    def record(self) -> None:
        """Write the finished cells into dvc.lock and their outs into the cache."""
        stages = [self._stages[cell] for cell in self._waiting]
        self._waiting.clear()
        if stages:
            with self._repo.lock:
                for stage in stages:
                    stage.save()
                    stage.commit()
                stages[0].dvcfile.dump_stages(stages, update_pipeline=False)
        self._recorded_at = time.monotonic()
