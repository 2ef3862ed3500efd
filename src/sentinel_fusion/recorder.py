"""What ``dvc repro`` does around a command, for several cells at a time.

DVC parses and writes the whole of dvc.lock anew for every cell, which for a hundred
cells costs more than a small cell trains; here the cells of a level share one writing.
A finished cell is in DVC's cache and run cache at once, where the next run finds it if
this one is killed. Uses the parts that ``dvc.repo.commit`` and ``dvc.stage.run`` are
made of (tried with DVC 3.67).
"""

from collections.abc import Sequence

from dvc.repo import Repo
from dvc.stage.cache import RunCacheNotFoundError


class Recorder:
    """Looks cells up in DVC's run cache, saves finished ones, writes dvc.lock once."""

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
                    stage.save()
                    stage.commit()
                    self._waiting.append(cell)
        self.record()
        return missing

    def add(self, cell: str) -> None:
        """Save a finished cell's outs in the cache and its run in the run cache.

        Args:
            cell: Its address.
        """
        with self._repo.lock:
            self._stages[cell].save()
            self._stages[cell].commit()
        self._waiting.append(cell)

    def record(self) -> None:
        """Write the finished cells into dvc.lock."""
        stages = [self._stages[cell] for cell in self._waiting]
        self._waiting.clear()
        if stages:
            with self._repo.lock:
                stages[0].dvcfile.dump_stages(stages, update_pipeline=False)
