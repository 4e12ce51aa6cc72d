"""What a run gave: as a table, as JSON, and as docs/benchmarks.md."""

from __future__ import annotations

import datetime
import os
import pathlib
import platform
import re
import statistics
import subprocess

from .measure import METRICS, Result

# From here on the document is written by people, and every run keeps it.
KEPT = "## What is missed, and why"


def machine() -> dict[str, str]:
    cpu = next((line.split(":")[1].strip() for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
                if line.startswith("model name")), platform.machine())
    memory = int(pathlib.Path("/proc/meminfo").read_text().split()[1]) / (1 << 20)
    return {"cpu": cpu, "cores": str(os.cpu_count()), "memory": f"{memory:.0f} GB", "kernel": platform.release()}


def versions(postgres: pathlib.Path) -> dict[str, str]:
    """Of what was measured and what it was compared with; only what is installed."""
    asked: dict[str, list] = {
        "Swift": ["swift", "--version"], "PostgreSQL, pgbench": [postgres / "pgbench", "--version"],
        "Redis, redis-benchmark": ["redis-benchmark", "--version"], "nginx": ["nginx", "-v"], "HAProxy": ["haproxy", "-v"],
        "wrk": ["wrk", "-v"], "OpenSSL": ["openssl", "version"], "RabbitMQ": ["dpkg-query", "-Wf${Version}", "rabbitmq-server"],
        "rabbitmq-c": ["dpkg-query", "-Wf${Version}", "librabbitmq-dev"],
        "librdkafka": ["dpkg-query", "-Wf${Version}", "librdkafka-dev"],
        "C compiler": ["cc", "-dumpfullversion"],
    }
    found = {}
    for name, command in asked.items():
        try:
            done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=60)
        except (OSError, subprocess.TimeoutExpired):
            continue
        number = re.search(r"\d+(\.\d+)+\S*", done.stdout + done.stderr)
        if number:
            found[name] = number[0].rstrip(",")
    return found


def revision(root: pathlib.Path) -> str:
    """The commit, with a mark where the sources differ from it."""
    def git(*words: str) -> str:
        return subprocess.run(["git", "-C", str(root), *words], capture_output=True, text=True).stdout.strip()
    changed = git("status", "--porcelain", "--untracked-files=no", "--", "cmd", "internal", "proto", "Package.swift")
    return git("rev-parse", "--short", "HEAD") + (" and changes" if changed else "")


def document(results: list[Result], failures: dict[str, str], context: dict) -> dict:
    """The whole run as data."""
    return context | {
        "results": [
            {
                "part": result.part, "case": result.case, "ours": result.ours,
                "contenders": {
                    name: {metric: {"median": statistics.median(values), "min": min(values), "max": max(values), "rounds": values}
                           for metric, values in metrics.items()}
                    for name, metrics in result.values.items()},
                "ratios": {
                    name: {metric: ratio for metric in metrics if (ratio := result.ratio(name, metric)) is not None}
                    for name, metrics in result.values.items() if name != result.ours},
                "goals": [{"goal": text, "value": value, "met": met} for text, value, met in result.verdicts],
            } for result in results],
        "failures": failures,
    }


def cells(result: Result, name: str) -> tuple[str, str]:
    """Median (min–max) of each metric of a contender, and ours in relation to it."""
    shown = []
    for metric, values in result.values[name].items():
        text = METRICS[metric].format(statistics.median(values))
        if len(values) > 1:
            low, high = (re.sub(r"[^\d.,]", "", METRICS[metric].format(bound).replace("p50", "").replace("p99", "")) for bound in (min(values), max(values)))
            text += f" ({low}–{high})"
        shown.append(text)
    if name == result.ours:
        return ", ".join(shown), ""
    named = {"rate": "rate", "cpu_us": "CPU", "p99_ms": "p99", "ns": "time"}
    ratios = [f"{named[metric]} {ratio:.2f} ×" for metric in result.values[name]
              if metric in named and (ratio := result.ratio(name, metric)) is not None]
    return ", ".join(shown), ", ".join(ratios)


def verdict(text: str, value: float | None, met: bool | None) -> str:
    if met is None:
        return f"{text}: not measured"
    number = f"{value:,.0f}" if value >= 100 else f"{value:.2f}"
    return f"{text}: {'met' if met else '**missed**'} ({number})"


def table(results: list[Result], failures: dict[str, str]) -> str:
    """For the terminal."""
    lines = []
    for result in results:
        lines.append(f"{result.part}: {result.case}")
        for name in result.values:
            numbers, ratios = cells(result, name)
            lines.append(f"    {name:<16} {numbers}" + (f"  → ours is {ratios}" if ratios else ""))
        lines += [f"    goal {verdict(*each).replace('**', '')}" for each in result.verdicts]
    lines += [f"{part}: not measured: {why}" for part, why in failures.items()]
    return "\n".join(lines)


def markdown(results: list[Result], failures: dict[str, str], context: dict, about: dict[str, str], before: str) -> str:
    """The document; what people wrote at the end of the one before stays."""
    counted = [met for result in results for _, _, met in result.verdicts if met is not None]
    made = context["machine"]
    lines = [
        "# Benchmarks", "",
        "Written by `./scripts/bench` from a run; only the last section is by hand. Contenders ran by turns, in the same run, on "
        "the same machine, over loopback: what disturbed one disturbed the others. Numbers are medians of "
        f"{context['rounds']} rounds with their range; a ratio is ours divided by theirs. CPU is user and system time of the "
        "contender's own processes for each operation, not of the servers it talks to, unless it says otherwise.", "",
        f"- **Date**: {context['date']}, commit {context['revision']}" + (", small rounds (`--quick`)" if context["quick"] else ""),
        f"- **Machine**: {made['cpu']}, {made['cores']} cores, {made['memory']}, Linux {made['kernel']}; load generators, servers "
        "and what is measured share these cores",
        f"- **Load**: between parts the system's load average was {context['load'][0]:g} to {context['load'][1]:g}; beyond the number of "
        "cores something else ran beside, absolute numbers are too low, and only ratios mean something",
        "- **Versions**: " + ", ".join(f"{name} {number}" for name, number in context["versions"].items()),
        f"- **Goals**: {sum(counted)} of {len(counted)} met", "",
    ]
    # Those that the run left out are named, too: nothing is known of them.
    for part in dict.fromkeys([*about, *failures]):
        lines += [f"## {part}", "", about.get(part, ""), ""]
        chosen = [result for result in results if result.part == part]
        if part in failures or not chosen:
            lines += [f"Not measured: {failures.get(part, 'this run left it out.')}", ""]
        if not chosen:
            continue
        lines += ["| case | | measured | ours to it | goals |", "|---|---|---|---|---|"]
        for result in chosen:
            for index, name in enumerate(result.values):
                numbers, ratios = cells(result, name)
                goals = "<br>".join(verdict(*each) for each in result.verdicts) if index == 0 else ""
                case = result.case if index == 0 else ""
                lines.append(f"| {case} | {name} | {numbers} | {ratios} | {goals} |")
        lines.append("")
    kept = before[before.index(KEPT):] if KEPT in before else f"{KEPT}\n"
    return "\n".join(lines) + "\n" + kept


def today() -> str:
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")
