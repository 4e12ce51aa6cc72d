"""Ends whatever still runs from clusters below a folder, after a run of tests that was cut short.

Usage: PYTHONPATH=scripts/lib python3 -m cluster.sweep FOLDER
"""

from __future__ import annotations

import pathlib
import shutil
import sys

from .postgres import Postgres
from .process import Process


def sweep(folder: pathlib.Path) -> list[str]:
    """Kills every process of which there is a record; gives their names."""
    killed = []
    for record in sorted(folder.rglob("run/*.json")):
        process = Process(record, record.with_suffix(".log"))
        if process.is_running:
            process.kill()
            killed.append(f"{record.parents[1].name}/{record.stem}")
        if record.stem == "postgres":
            postgres = Postgres(record.parents[1], port=0)
            postgres.cleared()
            shutil.rmtree(postgres.home, ignore_errors=True)
    return killed


if __name__ == "__main__":
    for name in sweep(pathlib.Path(sys.argv[1]).absolute()):
        print(f"killed {name}, which a test had left", file=sys.stderr)
