"""Access tokens as the account service signs them, and tokens that only look like it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import pathlib
import subprocess
import time
import uuid


def encode(data: bytes | dict) -> str:
    data = json.dumps(data).encode() if isinstance(data, dict) else data
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Key:
    """An Ed25519 key, kept in a file, as openssl makes it."""

    def __init__(self, folder: pathlib.Path, kid: str):
        self.kid, self.file = kid, folder / f"{kid}.pem"
        subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", self.file], check=True, capture_output=True)
        der = subprocess.run(
            ["openssl", "pkey", "-in", self.file, "-pubout", "-outform", "DER"], check=True, capture_output=True).stdout
        # RFC 8410: the key's 32 bytes end the structure.
        self.public = der[-32:]

    @property
    def jwk(self) -> dict:
        return {"kty": "OKP", "kid": self.kid, "use": "sig", "alg": "EdDSA", "crv": "Ed25519", "x": encode(self.public)}

    def sign(self, data: bytes) -> bytes:
        message = self.file.with_suffix(".message")
        message.write_bytes(data)
        return subprocess.run(
            ["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", self.file, "-in", message], check=True, capture_output=True).stdout


def claims(**changes) -> dict:
    """What a good token says; a change to None leaves a claim out."""
    now = int(time.time())
    all_of_them = {
        "iss": "souk", "aud": "souk", "sub": str(uuid.uuid4()), "sid": str(uuid.uuid4()), "roles": ["customer"], "jti": str(uuid.uuid4()),
        "iat": now - 5, "nbf": now - 5, "exp": now + 600} | changes
    return {name: value for name, value in all_of_them.items() if value is not None}


def token(key: Key, header: dict | None = None, **changes) -> str:
    head = {"alg": "EdDSA", "kid": key.kid, "typ": "at+jwt"} | (header or {})
    text = f"{encode({name: value for name, value in head.items() if value is not None})}.{encode(claims(**changes))}"
    if head.get("alg") == "none":
        return f"{text}."
    if head.get("alg") == "HS256":
        # With the public key as the secret, which everybody knows.
        return f"{text}.{encode(hmac.new(key.public, text.encode(), hashlib.sha256).digest())}"
    return f"{text}.{encode(key.sign(text.encode()))}"
