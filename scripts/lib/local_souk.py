"""Finds what scripts/run and scripts/dev keep of a market that runs in this checkout."""

from __future__ import annotations

import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Where scripts/run and scripts/dev keep it unless they are told otherwise.
FOLDERS = (ROOT / ".souk", ROOT / ".souk-dev")


def admin_password_file(url: str | None) -> pathlib.Path:
    """The file with the first admin's password of the market at that address; where none is known, that of scripts/run."""
    return (data_directory(url) or FOLDERS[0]) / "admin-password"


def data_directory(url: str | None) -> pathlib.Path | None:
    """Where the market at that address keeps its files, if it runs in this checkout."""
    for folder in FOLDERS:
        try:
            address = (folder / "souk.url").read_text().splitlines()[0]
        except (OSError, IndexError):
            continue
        if url and address == url.rstrip("/"):
            return folder
    return None
