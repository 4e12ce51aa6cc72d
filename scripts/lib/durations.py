"""Where the time of a run of the tests went: stages, end-to-end files, and the slowest tests and suites.

Usage: python3 durations.py FOLDER

FOLDER holds what the run wrote: `stages` (seconds, a tab, a name), `<set-up>.xml` (JUnit, of pytest) and `swift.log` (of Swift Testing).
"""

from __future__ import annotations

import pathlib
import re
import sys
import xml.etree.ElementTree as ElementTree
from collections import defaultdict

MOST = 12
SUITE = re.compile(r"Suite \"?(.+?)\"? (?:passed|failed) after ([\d.]+) seconds")


def stages(folder: pathlib.Path) -> dict[str, float]:
    times: dict[str, float] = defaultdict(float)
    for line in lines(folder / "stages"):
        seconds, name = line.split("\t", 1)
        times[name] += int(seconds)
    return times


def suites(folder: pathlib.Path) -> dict[str, float]:
    """Suites of Swift Testing run side by side: their times add up to more than the run took."""
    times: dict[str, float] = defaultdict(float)
    for name, seconds in SUITE.findall("\n".join(lines(folder / "swift.log"))):
        times[name] = max(times[name], float(seconds))
    return times


def end_to_end(folder: pathlib.Path) -> tuple[dict[str, float], dict[str, float]]:
    """By file and by test, each after the name of its set-up."""
    files: dict[str, float] = defaultdict(float)
    tests: dict[str, float] = defaultdict(float)
    for report in sorted(folder.glob("*.xml")):
        # What we had pytest write ourselves.
        for case in ElementTree.parse(report).iter("testcase"):  # noqa: S314
            seconds, file = float(case.get("time", 0)), case.get("classname", "").split(".")[-1]
            files[f"{report.stem}: {file}.py"] += seconds
            tests[f"{report.stem}: {file}.py::{case.get('name')}"] += seconds
    return files, tests


def lines(file: pathlib.Path) -> list[str]:
    return file.read_text(errors="replace").splitlines() if file.exists() else []


def table(title: str, times: dict[str, float]) -> None:
    if times:
        print(f"\n{title}")
        for name, seconds in sorted(times.items(), key=lambda item: -item[1])[:MOST]:
            print(f"  {seconds:7.1f} s  {name}")


def main() -> None:
    folder = pathlib.Path(sys.argv[1])
    files, tests = end_to_end(folder)
    table("stages", stages(folder))
    table("slowest end-to-end files", files)
    table("slowest end-to-end tests", tests)
    table("slowest suites of Swift tests, which run side by side", suites(folder))


if __name__ == "__main__":
    main()
