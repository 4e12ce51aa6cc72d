#!/usr/bin/env python3
"""Stands in for a service where only the supervision of processes is tested: answers the probes, obeys the signals.

SOUK_STANDIN=slow is ready once the file that SOUK_STANDIN_READY names is there, =broken ends at once, =deaf ignores
SIGTERM.
"""

import http.server
import json
import os
import signal
import sys


class Probes(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        ready = os.environ.get("SOUK_STANDIN") != "slow" or os.path.exists(os.environ["SOUK_STANDIN_READY"])
        body = json.dumps({"status": "ready" if ready else "starting", "checks": [] if ready else [
            {"name": "database", "status": "failing", "duration_ms": 1, "error": "not there"}]}).encode()
        self.send_response(200 if ready or self.path == "/livez" else 503)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


if os.environ.get("SOUK_STANDIN") == "broken":
    sys.exit("standin: SOUK_STANDIN: 'broken' will not do")
server = http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["SOUK_OPS_PORT"])), Probes)
signal.signal(signal.SIGTERM, signal.SIG_IGN if os.environ.get("SOUK_STANDIN") == "deaf" else lambda *_: sys.exit(0))
server.serve_forever()
