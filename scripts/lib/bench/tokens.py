"""Tokens: signing and verifying access tokens with RS256 (2,048 bits) and Ed25519 on one core, every check and JSON included,
beside the bare signatures of `openssl speed`; processor time of both. *Cold*: the signature is verified each time."""

from __future__ import annotations

import re
from collections.abc import Iterator

from cluster.credentials import openssl

from .measure import Experiment, Goal, Samples, complete, measure
from .workplace import Workplace

PACKAGES = ["openssl"]
ALGORITHMS = {"RS256": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"], "Ed25519": ["-algorithm", "ed25519"]}
SPEED = {"RS256": "rsa2048", "Ed25519": "ed25519"}
CASES = {"sign": "sign", "verify": "verify, cold", "cached": "verify, cached"}


def experiments(place: Workplace) -> Iterator[Experiment]:
    for algorithm, words in ALGORITHMS.items():
        key = place.folder / f"{algorithm}.pem"
        openssl("genpkey", *words, "-out", str(key))
        yield experiment(place, algorithm, key)


def experiment(place: Workplace, algorithm: str, key) -> Experiment:
    seconds = 1
    names = {name: f"{algorithm}: {case}" for name, case in CASES.items()}

    def ours() -> Samples:
        found = measure([place.program("souk-bench"), "tokens", "--key", key, "--seconds", seconds])
        return {names[name]: {"ns": metrics["cpu_us"] * 1000} for name, metrics in found.items()}

    def theirs() -> Samples:
        output, _ = complete(["openssl", "speed", "-seconds", seconds, "-mr", SPEED[algorithm]])
        # +F2:index:bits:signatures a second:verifications a second; +F6 likewise for Ed25519.
        found = re.search(r"^\+F\d+:.*:([\d.]+):([\d.]+)$", output, re.M)
        signing, verifying = float(found[1]), float(found[2])
        return {names["sign"]: {"ns": 1e9 / signing}, names["verify"]: {"ns": 1e9 / verifying}}

    return Experiment({"souk": ours, "openssl": theirs}, {
        names["verify"]: [Goal("ns", at_most=1.5, times="openssl")], names["cached"]: [Goal("ns", at_most=1_000)]})
