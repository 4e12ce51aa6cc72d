"""A hook of Schemathesis that mends headers which would keep it from getting any further.

Idempotency-Key: every request gets one of its own; otherwise all after the first are answered by what the key was used for, and
nothing is learned of their bodies. If-Match: Schemathesis loses the quotes of an entity tag that it makes from the pattern.
Values that are wrong on purpose stay.
"""

import re
import uuid

import schemathesis

VALID_KEY = re.compile(r"[ -~]{1,255}")
BARE_VERSION = re.compile(r"[0-9]{1,18}")


@schemathesis.hook
def before_call(context, case, kwargs):
    # An edit of the headers would bring back a token that is left out on purpose.
    if getattr(case.meta.phase.data, "parameter", None) == "Authorization":
        return
    headers = case.headers or {}
    if VALID_KEY.fullmatch(str(headers.get("Idempotency-Key", ""))):
        headers["Idempotency-Key"] = str(uuid.uuid4())
    if BARE_VERSION.fullmatch(str(headers.get("If-Match", ""))):
        headers["If-Match"] = f'"{headers["If-Match"]}"'
