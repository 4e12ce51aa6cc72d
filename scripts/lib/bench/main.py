"""The command: its arguments, the parts, and where the report goes."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import pathlib
import sys
import time
import traceback

from cluster.process import ClusterError
from private_souk import StartFailed
from souk_client import ApiError, Unreachable

from . import cache, events, footprint, gateway, growth, kafka, pages, postgres, purchases, rabbitmq, report, tokens, workplace
from .measure import Result, run

# In the order of the report.
PARTS = {
    "postgres": postgres, "cache": cache, "rabbitmq": rabbitmq, "kafka": kafka, "events": events, "tokens": tokens, "gateway": gateway,
    "pages": pages, "purchases": purchases, "growth": growth, "footprint": footprint}
DOCUMENT = workplace.ROOT / "docs/benchmarks.md"


def arguments(about: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", type=parts, metavar="A,B", default=list(PARTS), help="only these parts")
    parser.add_argument("--list", action="store_true", help="print the parts and what each measures")
    parser.add_argument("--quick", action="store_true", help="small rounds: shows that everything can be measured, not how fast it is")
    parser.add_argument("--rounds", type=rounds, metavar="N", help="rounds of each measurement (default 3; 1 with --quick)")
    parser.add_argument("--json", type=writable, metavar="FILE", help="write the results as data, too")
    parser.add_argument(
        "--output", type=writable, metavar="FILE",
        help="the document (default docs/benchmarks.md for a run of all parts at full size, and none otherwise)")
    parser.add_argument("--programs", type=folder, metavar="DIR", help="executables that are built already, instead of a release build")
    parser.add_argument(
        "--before", type=folder, metavar="DIR",
        help="executables of an earlier version, whose gateway is measured alternately with this one's (part gateway)")
    return parser.parse_args()


def parts(text: str) -> list[str]:
    names = [name for name in text.split(",") if name]
    for name in names:
        if name not in PARTS:
            raise argparse.ArgumentTypeError(f"there is no part {name}; there are {', '.join(PARTS)}")
    if not names:
        raise argparse.ArgumentTypeError("name at least one part; --list shows them")
    return [name for name in PARTS if name in names]


def rounds(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 100:
        raise argparse.ArgumentTypeError(f"rounds are 1 to 100, not {text}")
    return int(text)


def writable(text: str) -> pathlib.Path:
    file = pathlib.Path(text)
    if file.is_dir() or not file.absolute().parent.is_dir():
        raise argparse.ArgumentTypeError(f"{text} is no file that can be written")
    return file


def folder(text: str) -> pathlib.Path:
    found = pathlib.Path(text)
    if not found.is_dir():
        raise argparse.ArgumentTypeError(f"{text} is no folder")
    return found.absolute()


def main(about: str) -> int:
    options = arguments(about)
    if options.list:
        for name in PARTS:
            print(f"{name:<10} {described(name)}")
        return 0
    with contextlib.suppress(KeyboardInterrupt):
        return measure(options)
    return 130


def described(name: str) -> str:
    """What a part measures, on one line."""
    return " ".join(PARTS[name].__doc__.split())


def measure(options: argparse.Namespace) -> int:
    count = options.rounds or (1 if options.quick else 3)
    is_whole = not options.quick and options.part == list(PARTS) and count >= 3
    output = options.output or (DOCUMENT if is_whole else None)
    results: list[Result] = []
    failures: dict[str, str] = {}
    started, loads = time.monotonic(), [os.getloadavg()[0]]
    try:
        workplace.install(sorted({package for name in options.part for package in PARTS[name].PACKAGES}))
        with workplace.Workplace(options.quick, options.programs, options.before) as place:
            # Before the first part, whose servers would share the machine with the compiler.
            _ = place.programs
            for name in options.part:
                measure_part(name, place, count, results, failures)
                loads.append(os.getloadavg()[0])
            context = workplace.context(count, options.quick, loads)
    except ClusterError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print("\n" + report.table(results, failures))
    print(f"\nmeasured in {(time.monotonic() - started) / 60:.0f} min; {context['revision']}, {context['date']}")
    if options.json:
        options.json.write_text(json.dumps(report.document(results, failures, context), indent=1) + "\n")
    if output:
        before = output.read_text() if output.exists() else ""
        about = {name: described(name) for name in PARTS}
        output.write_text(report.markdown(results, failures, context, about, before))
        print(f"wrote {output}")
    return 1 if failures else 0


def measure_part(name: str, place: workplace.Workplace, count: int, results: list[Result], failures: dict[str, str]) -> None:
    """Adds what the part gave; one that fails is told in the report and stops no other."""
    print(f"{name}", flush=True)
    try:
        for experiment in PARTS[name].experiments(place):
            results += run(name, experiment, count, lambda line: print(line, flush=True))
    except (ClusterError, StartFailed, ApiError, Unreachable, OSError, AssertionError) as error:
        failures[name] = " ".join(str(error).split())[:400] or type(error).__name__
        print(f"  not measured: {failures[name]}", flush=True)
    except (LookupError, TypeError, ValueError) as error:
        # What a peer printed was not what it should be: a fault of ours, to be found.
        traceback.print_exc()
        failures[name] = f"{type(error).__name__}: {error}"[:400]
