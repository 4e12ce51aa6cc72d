"""Souk's own executables: what each is told, and how one sees that it is ready."""

from __future__ import annotations

import json
import pathlib

from .part import Part, http_get


class Service(Part):
    ready_seconds = 60.0
    stop_seconds = 30.0
    # Where its port is reached.
    host = "127.0.0.1"

    def __init__(self, name: str, folder: pathlib.Path, program: pathlib.Path, port: int, ops_port: int, variables):
        """`ops_port` serves `/livez`, `/readyz` and `/metrics`; `variables` gives its environment, when it starts."""
        super().__init__(name, folder)
        self.program, self.port, self.ops_port, self.variables = program, port, ops_port, variables

    def command(self) -> list:
        return [self.program, "serve"]

    def environment(self) -> dict[str, str]:
        return self.variables()

    def probe(self) -> str | None:
        # While a server hangs a check may take as long as a request to it, which for Kafka is five seconds.
        answer = http_get(self.ops_port, "/readyz", timeout=10, host=self.host)
        if answer is None:
            return "it does not answer"
        return None if answer[0] == 200 else waits_for(*answer)

    @property
    def is_alive(self) -> bool:
        answer = http_get(self.ops_port, "/livez", host=self.host)
        return answer is not None and answer[0] == 200


def waits_for(status: int, body: str) -> str:
    """What /readyz says, in a few words."""
    try:
        document = json.loads(body)
        failing = [check for check in document["checks"] if check["status"] != "ok"]
        named = ", ".join(f"{check['name']} ({check['error']})" if check.get("error") else check["name"] for check in failing)
        return f"waits for {named}" if named else f"is {document['status']}"
    except (ValueError, LookupError, TypeError):
        return f"/readyz answers {status}: {body.strip()[:200]}"
