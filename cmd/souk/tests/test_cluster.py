"""The processes under scripts/dev and these tests: started, found again, killed, ended without a trace. Stand-ins for our own."""

import json
import pathlib
import shutil
import socket
import subprocess
import tempfile

import pytest
from cluster import ports
from cluster.cluster import Cluster
from cluster.postgres import binaries, lives_in
from cluster.process import ClusterError, Process, start_ticks
from cluster.description import executables, services
from cluster.sweep import sweep
from souk_client import wait_until

pytestmark = pytest.mark.setups("rabbitmq", reason="about processes and servers, whatever the services do")
STANDIN = pathlib.Path(__file__).parent / "standin.py"


@pytest.fixture(scope="module")
def programs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("programs")
    for product in executables():
        (folder / product).symlink_to(STANDIN)
    return folder


@pytest.fixture
def make(programs):
    made = []

    def new(**more) -> Cluster:
        folder = pathlib.Path(tempfile.mkdtemp(prefix="souk-cluster-"))
        folder.chmod(0o711)
        made.append(Cluster(folder, "rabbitmq", programs, **more))
        return made[-1]

    yield new
    for cluster in made:
        cluster.stop()
        cluster.purge()


@pytest.fixture(scope="module")
def running(programs):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="souk-cluster-"))
    folder.chmod(0o711)
    cluster = Cluster(folder, "rabbitmq", programs)
    try:
        cluster.start()
        cluster.save()
        yield cluster
    finally:
        cluster.stop()
        cluster.purge()


def pids(cluster: Cluster) -> dict[str, int | None]:
    return {name: part.process.pid for name, part in cluster.parts.items()}


def test_starting_twice_starts_nothing_twice(running):
    before = pids(running)
    assert all(before.values())
    told = []
    running.start(told=lambda name, _: told.append(name))
    assert pids(running) == before and told == []
    # Another script finds the same processes.
    assert pids(Cluster.load(running.folder)) == before


def test_every_role_enters_its_own_database_only(running):
    def enter(role: str, database: str, password: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [binaries() / "psql", "-XqAt", "-h", "127.0.0.1", "-p", str(running.postgres.port), "-U", role, "-d", database],
            input="SELECT current_user;", capture_output=True, text=True, env={"PGPASSWORD": password})

    databases = running.databases()
    assert set(databases) == {f"souk_{database}" for service in services().values() for database in service.databases}
    for role, password in databases.items():
        assert enter(role, role, password).stdout.strip() == role
        for other in [*databases, "postgres", "template1"]:
            if other != role:
                assert "permission denied" in enter(role, other, password).stderr, (role, other)
        assert "password authentication failed" in enter(role, role, "guess").stderr
    assert len(set(databases.values())) == len(databases)


def test_servers_ask_for_passwords_and_listen_on_loopback_only(running):
    with socket.create_connection(("127.0.0.1", running.redis.port)) as redis:
        redis.sendall(b"PING\r\n")
        assert redis.recv(100).startswith(b"-NOAUTH")
    assert running.rabbitmq.control("list_users").split() == ["user", "tags", "souk", "[]"]
    assert "souk" in running.rabbitmq.control("list_permissions", "-p", "souk")
    mine = {part.port for part in running.servers.values()} | {running.ports["rabbitmq.distribution"], running.ports["rabbitmq.epmd"]}
    for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]:
        address, port = line.split()[1].split(":")
        if int(port, 16) in mine and line.split()[3] == "0A":
            assert address == "0100007F", f"port {int(port, 16)} listens on {address}"


@pytest.mark.parametrize("name", ["postgres", "redis", "rabbitmq", "order"])
def test_a_killed_part_comes_back_with_its_port_and_data(running, name):
    running.postgres.psql("souk_auth", "CREATE TABLE IF NOT EXISTS kept (word TEXT); DELETE FROM kept; INSERT INTO kept VALUES ('here')")
    assert running.redis.call("SET", "kept", "here") == "+OK"
    others = {n: pid for n, pid in pids(running).items() if n != name}
    part = running.part(name)
    before = part.process.pid
    part.kill()
    assert not part.is_running and part.process.is_stale and start_ticks(before) is None
    part.start()
    part.await_ready()
    assert part.process.pid != before and {n: pid for n, pid in pids(running).items() if n != name} == others
    assert running.postgres.psql("souk_auth", "SELECT word FROM kept").stdout.strip() == "here"
    assert running.redis.call("GET", "kept") == "$4"
    assert running.rabbitmq.control("list_vhosts").split() == ["name", "souk"]


def test_a_pid_that_is_somebody_elses_is_left_alone(tmp_path):
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        record = tmp_path / "order.json"
        boot = pathlib.Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        ticks = start_ticks(stranger.pid)
        for started, of_boot in ((ticks - 1, boot), (ticks, "another boot"), (None, boot)):
            record.write_text(json.dumps({"pid": stranger.pid, "started": started, "boot": of_boot}))
            process = Process(record, tmp_path / "log")
            assert not process.is_running and process.is_stale
            process.kill()
            assert stranger.poll() is None
        record.write_text(json.dumps({"pid": stranger.pid, "started": ticks, "boot": boot}))
        assert Process(record, tmp_path / "log").pid == stranger.pid
        record.write_text("{ half a rec")
        assert not Process(record, tmp_path / "log").is_running
    finally:
        stranger.kill()
        stranger.wait()


def test_what_ends_while_starting_is_named_with_what_it_said(make):
    cluster = make(variables={"SOUK_STANDIN": "broken"})
    with pytest.raises(ClusterError) as error:
        cluster.start(services=["order"])
    assert "order ended with 1 while starting" in str(error.value) and "'broken' will not do" in str(error.value)


def test_what_does_not_listen_to_sigterm_is_killed(running):
    part = running.part("notification")
    part.stop()
    part.start(SOUK_STANDIN="deaf")
    part.await_ready()
    part.stop_seconds = 0.3
    try:
        assert part.stop() == -9 and not part.is_running
    finally:
        del part.stop_seconds
        part.start()
        part.await_ready()


def test_what_it_waits_for_is_told(running, tmp_path):
    part, ready = running.part("payment"), tmp_path / "ready"
    part.stop()
    part.start(SOUK_STANDIN="slow", SOUK_STANDIN_READY=str(ready))
    # As long as it may take until it listens: it is not ready before the file is there.
    wait_until("it to answer", lambda: part.is_alive, 30)
    with pytest.raises(ClusterError, match=r"waits for database \(not there\)"):
        part.await_ready(0.1)
    ready.touch()
    part.await_ready()


def test_an_occupied_port_is_named(make):
    cluster = make()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", cluster.ports["order.grpc"]))
        taken.listen()
        with pytest.raises(ClusterError, match=f"port {cluster.ports['order.grpc']}, for order, is in use"):
            cluster.start()
    assert not any(pids(cluster).values())


def test_ports_do_not_collide():
    for chosen in (ports.choose_free(), ports.from_base(), ports.from_base(20_000)):
        assert len(set(chosen.values())) == len(chosen) == len(ports.offsets())
    assert ports.from_base(20_000)["gateway"] == 20_000
    defined = ports.from_base()
    for name, service in services().items():
        assert (defined[name], defined.get(f"{name}.grpc")) == (service.http_port, service.grpc_port)
    with pytest.raises(ClusterError):
        ports.from_base(80)


@pytest.mark.parametrize("killed", [False, True])
def test_nothing_is_left(programs, killed):
    def segments() -> set[str]:
        lines = subprocess.run(["ipcs", "-m"], capture_output=True, text=True, check=True).stdout.splitlines()
        return {line.split()[1] for line in lines if line.startswith("0x")}

    def named(folder: pathlib.Path) -> list[str]:
        found = []
        for process in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                words = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
            except OSError:
                continue
            if str(folder).encode() in words:
                found.append(words[:200].decode(errors="replace"))
        return found

    folder = pathlib.Path(tempfile.mkdtemp(prefix="souk-cluster-"))
    folder.chmod(0o711)
    cluster = Cluster(folder, "rabbitmq", programs)
    try:
        cluster.start()
        home = cluster.postgres.home
        mark = (home / "postmaster.pid").read_text().splitlines()[6].split()[1]
        assert named(folder) and mark in segments()
        if killed:
            for part in cluster.parts.values():
                part.kill()
        statuses = cluster.stop()
        assert statuses == ({} if killed else dict.fromkeys(cluster.parts, 0))
        cluster.purge()
        assert named(folder) == [] and not lives_in(home) and not folder.exists() and not home.exists()
        assert mark not in segments()
    finally:
        cluster.stop()
        shutil.rmtree(folder, ignore_errors=True)


def test_what_a_cut_off_run_leaves_is_swept(programs, tmp_path):
    cluster = Cluster(tmp_path / "deep/below", "rabbitmq", programs)
    cluster.start()
    home, before = cluster.postgres.home, pids(cluster)
    swept = sweep(tmp_path)
    assert set(swept) == {f"below/{name}" for name in [*cluster.parts, "epmd"]}
    assert not any(start_ticks(pid) for pid in before.values()) and not lives_in(home) and not home.exists()
    assert sweep(tmp_path) == []


def test_a_kafka_of_before_is_not_asked_where_rabbitmq_is_the_broker(tmp_path, monkeypatch):
    """scripts/dev remembers the address of a Kafka of its own, and may be told to use RabbitMQ the next time."""
    def go_no_further(*_) -> None:
        raise ClusterError("Kafka was not asked")

    monkeypatch.setattr(Cluster, "check_ports", go_no_further)
    cluster = Cluster(tmp_path, "rabbitmq", tmp_path, kafka="127.0.0.1:1")
    with pytest.raises(ClusterError, match="Kafka was not asked"):
        cluster.start()
