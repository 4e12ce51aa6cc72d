"""The attacks, by name."""

from __future__ import annotations

from .attack import Attack
from .attacks_connections import CONNECTIONS
from .attacks_http2 import HTTP2
from .attacks_storage import STORAGE


async def nothing(_port: int, _prepared, _end: float) -> str:
    return "none"


ATTACKS = {attack.name: attack for attack in [
    Attack("none", "Nobody attacks: what the other rows are to be compared with.", nothing), *CONNECTIONS, *HTTP2, *STORAGE]}
