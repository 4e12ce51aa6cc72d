"""Clients and services that do at random what they shouldn't, while the policy changes: nothing is lost, nothing is left behind."""

import random
import signal
import threading
import time

from gateway_process import wait_until
from h1client import Client, Cut, request_bytes
from h2client import H2Client
from recorder import Exchange

SEED, SECONDS = 20, 6
POLICY = """
listener: {body_timeout: 1s, header_timeout: 1s}
upstreams: {app: {targets: ["$one", "$two"]}}
defaults:
  rate_limits: []
  breaker: off
  concurrency: {limit: $limit, queue: 4, queue_timeout: 200ms}
  max_body: 200KiB
  timeouts: {first_byte: 300ms, total: 1s}
  compression: {types: [text/plain], min_size: 0B}
routes: [{path: /app/**, upstream: app}]
"""


def moody(exchange: Exchange) -> None:
    """Answers, late or not at all, in parts or in half: each target has its fate."""
    fate = random.Random(f"{SEED} {exchange.request.target}")
    match fate.randrange(8):
        case 0:
            return exchange.close()
        case 1:
            time.sleep(fate.random() * 0.6)
        case 2:
            return exchange.reply(200, "x" * fate.randrange(200_000))
        case 3:
            exchange.read()
            exchange.send("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n")
            for _ in range(fate.randrange(6)):
                exchange.chunk("y" * fate.randrange(1, 50_000))
            return exchange.close() if fate.random() < 0.5 else exchange.send("0\r\n\r\n")
        case 4:
            exchange.send("HTTP/1.1 103 Early Hints\r\n\r\n")
        case 5:
            exchange.send("nonsense\r\n\r\n")
            return exchange.close()
    exchange.read()
    exchange.reply(200, "z" * fate.randrange(3_000))


class Storm:
    def __init__(self, gateway):
        self.gateway, self.until = gateway, time.monotonic() + SECONDS
        self.statuses: list[int] = []
        self.faults: list[str] = []

    def run(self) -> None:
        works = [(self.http1, 5), (self.http2, 3), (self.reload, 1)]
        threads = [threading.Thread(target=self.repeat, args=(work, number)) for work, count in works for number in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def repeat(self, work, number: int) -> None:
        luck, count = random.Random(f"{SEED} {work.__name__} {number}"), 0
        while time.monotonic() < self.until:
            count += 1
            try:
                work(luck, f"/app/{work.__name__}-{number}-{count}")
            except (Cut, OSError):
                pass  # So it goes, with such services.
            except Exception as error:  # noqa: BLE001 - the test fails with it
                self.faults.append(repr(error))

    def http1(self, luck: random.Random, path: str) -> None:
        with Client(self.gateway, timeout=5) as client:
            for turn in range(luck.randrange(1, 4)):
                body = None if luck.random() < 0.5 else bytes(luck.randrange(250_000))
                fields = {"Accept-Encoding": luck.choice(["gzip", "br"])}
                data = request_bytes(luck.choice(["GET", "POST", "PUT"]), f"{path}-{turn}", fields, body)
                if luck.random() < 0.3:
                    client.send(data[:luck.randrange(len(data))])
                    return time.sleep(luck.random() * 0.2)
                client.send(data)
                if luck.random() < 0.2:
                    return
                self.statuses.append(client.reply().status)

    def http2(self, luck: random.Random, path: str) -> None:
        with H2Client(self.gateway, timeout=5) as client:
            numbers = [
                client.start(luck.choice(["GET", "POST"]), f"{path}-{turn}", {"accept-encoding": "gzip"}, ends=luck.random() < 0.7)
                for turn in range(luck.randrange(1, 8))]
            kept = [number for number in numbers if luck.random() < 0.7]
            for number in set(numbers) - set(kept):
                client.h2.reset_stream(number)
                client.flush()
            if luck.random() < 0.8:
                self.statuses += [status for number in kept if (status := client.finish(number).status)]

    def reload(self, luck: random.Random, _: str) -> None:
        self.gateway.write(POLICY, limit=luck.randrange(2, 6))
        self.gateway.process.send(signal.SIGHUP)
        time.sleep(0.3)


def test_mischief(bench):
    one, two = bench.upstream(script=moody), bench.upstream(script=moody)
    gateway = bench.gateway(POLICY, one=one, two=two, limit=4)
    storm = Storm(gateway)
    storm.run()
    assert storm.faults == []
    assert {200, 503} <= set(storm.statuses) <= {200, 408, 413, 502, 503, 504}, set(storm.statuses)
    assert one.faults == two.faults == []
    # Whoever ran has ended, and given back its place.
    wait_until("nobody to be left", lambda: gateway.series("gateway_requests_in_flight", route="/app/**") == 0)
    one.script = two.script = lambda exchange: exchange.reply(200, "well")
    with Client(gateway) as client:
        assert [client.ask("GET", "/app/after").status for _ in range(30)] == [200] * 30
    assert gateway.memory_kilobytes() < 200 << 10
