"""The e-mails of a Souk on this machine, which writes each as a file (RFC 5322)."""

from __future__ import annotations

import email
import email.message
import email.policy
import pathlib
import re

from souk_client import Client, wait_until

VERIFICATION = "Confirm your e-mail address"
TOKEN = re.compile(r"#token=([\w-]{43})\b")


class Mailbox:
    def __init__(self, directory: pathlib.Path):
        self.directory = directory

    def letters(self, address: str) -> list[email.message.EmailMessage]:
        """The mails to an address, the oldest first."""
        found = [
            email.message_from_bytes(file.read_bytes(), policy=email.policy.default) for file in self.directory.glob("*.eml")]
        mine = [letter for letter in found if letter["to"].addresses[0].addr_spec == address]
        return sorted(mine, key=lambda letter: (letter["date"].datetime, letter["message-id"]))

    def token(self, address: str, subject: str = VERIFICATION, skip: tuple[str, ...] = ()) -> str:
        """The token in the first mail with that subject to an address, once there is one; tokens in `skip` don't count."""
        def arrived() -> str | None:
            for letter in self.letters(address):
                if letter["subject"] == subject:
                    token = TOKEN.search(letter.get_body(("plain",)).get_content())[1]
                    if token not in skip:
                        return token
            return None
        return wait_until(f"the mail '{subject}' to {address}", arrived, 45)

    def verify(self, client: Client) -> None:
        """Shows that the client's address is its own, as a person does with the mail."""
        client.post("/api/v1/auth/email/verify", {"token": self.token(client.email)})
