"""Passwords and keys of a cluster: made once, one file each, readable by their owner only."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import pathlib
import secrets
import subprocess

from .process import ClusterError


def write_private(file: pathlib.Path, text: str) -> None:
    """Writes a file of mode 0600 that is whole or not there."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = file.with_name(f".{file.name}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(text)
    new.rename(file)


def secret(file: pathlib.Path) -> str:
    """The secret in that file; made at random where there is none."""
    if not file.exists():
        write_private(file, secrets.token_urlsafe(24))
    return file.read_text().strip()


def identity(folder: pathlib.Path, service: str) -> pathlib.Path:
    """An Ed25519 key for a service: its private half in `<folder>/<service>.pem`, the public one in `<folder>/public`."""
    private, public = folder / f"{service}.pem", folder / "public" / f"{service}.pem"
    if not private.exists():
        write_private(private, openssl("genpkey", "-algorithm", "ed25519"))
    if not public.exists():
        write_private(public, openssl("pkey", "-in", str(private), "-pubout"))
    return private


def server_certificate(folder: pathlib.Path) -> tuple[pathlib.Path, pathlib.Path, pathlib.Path]:
    """An authority of this folder's own, and its certificate and key for localhost and 127.0.0.1."""
    authority, certificate, key = folder / "ca.pem", folder / "server.pem", folder / "server.key"
    if not certificate.exists():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "3650"]
        openssl(*new, "-keyout", str(folder / "ca.key"), "-out", str(authority), "-subj", "/CN=Souk test authority")
        openssl(*new, "-keyout", str(key), "-out", str(certificate), "-subj", "/CN=localhost", "-CA", str(authority),
                "-CAkey", str(folder / "ca.key"), "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                "-addext", "basicConstraints=critical,CA:FALSE")
    return authority, certificate, key


def openssl(*arguments: str) -> str:
    try:
        return subprocess.run(["openssl", *arguments], check=True, capture_output=True, text=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise ClusterError(f"openssl {arguments[0]}: {error}") from error


def scram_verifier(password: str) -> str:
    """What PostgreSQL keeps of a password (RFC 5803), so that the password itself is never in a statement or its log."""
    salt, iterations = secrets.token_bytes(16), 4096
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, iterations)

    def key(label: bytes) -> bytes:
        return hmac.digest(salted, label, "sha256")

    def text(data: bytes) -> str:
        return base64.b64encode(data).decode()

    stored = text(hashlib.sha256(key(b"Client Key")).digest())
    return f"SCRAM-SHA-256${iterations}:{text(salt)}${stored}:{text(key(b'Server Key'))}"


def rabbitmq_hash(password: str) -> str:
    """A password as RabbitMQ's definitions hold it: base64 of a salt of four bytes and SHA-256 over salt and password."""
    salt = secrets.token_bytes(4)
    return base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()
