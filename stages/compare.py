"""Print what changed against another revision, as Markdown; no stage of the pipeline.

Reads what Git tracks alone, so it works in a clone without DVC's cache.
"""

import io
import json
import subprocess
import sys
from pathlib import Path

import pandas as pd

from sentinel_fusion.params import load_params
from sentinel_fusion.report.compare import Changes, compare

INTERVALS = Path("metrics/intervals.csv")


def main(base: str) -> None:
    """Print the comparison of the working tree with a revision.

    Args:
        base: Branch, tag or commit.
    """
    known = _run(
        "git", "rev-parse", "--short", "--verify", "--quiet", f"{base}^{{commit}}"
    )
    if known.returncode:
        sys.exit(
            f"BASE must be a branch, tag or commit, got {base!r}; see `git branch`"
        )
    text = compare(
        base if known.stdout.startswith(base) else f"{base} ({known.stdout.strip()})",
        params=_diff("params", base),
        metrics=_diff("metrics", base),
        old=_intervals_of(base),
        new=pd.read_csv(INTERVALS) if INTERVALS.is_file() else None,
        confidence=load_params().intervals.confidence,
    )
    sys.stdout.write(text)


def _diff(kind: str, base: str) -> Changes:
    done = _run(sys.executable, "-m", "dvc", kind, "diff", "--json", base)
    if done.returncode:
        sys.exit(done.stderr.strip())
    changes: Changes = json.loads(done.stdout)
    return changes


def _intervals_of(base: str) -> pd.DataFrame | None:
    done = _run("git", "show", f"{base}:{INTERVALS.as_posix()}")
    return None if done.returncode else pd.read_csv(io.StringIO(done.stdout))


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, check=False, capture_output=True, text=True)


if __name__ == "__main__":
    main(sys.argv[1])
