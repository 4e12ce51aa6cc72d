#!/usr/bin/env bash
# A private RabbitMQ node for tests and development: on loopback, on free ports, with everything it writes in one folder,
# an Erlang port mapper (epmd) of its own and a user of its own. Any user may run it, root too.
#
# Usage: scripts/lib/rabbitmq.sh start DIR [--port PORT]
#        scripts/lib/rabbitmq.sh kill|restart|stop|status|env DIR
#   start    makes the node on the first run, starts it (5 to 10 s), and prints its URL without the password
#   kill     kill -9, and returns once the process is gone
#   restart  kill -9, then start on the same ports with the same data
#   stop     stops the node and its epmd; the folder stays for its owner to remove
#   status   exit code 0 while the node runs
#   env      prints variables for eval: SOUK_RABBITMQ_URL, SOUK_RABBITMQ_PASSWORD_FILE, and for the tests of the backend
#            SOUK_TEST_RABBITMQ_URL (password in it), SOUK_TEST_RABBITMQ_TLS_URL, SOUK_TEST_RABBITMQ_CA_FILE and
#            SOUK_TEST_RABBITMQ_RESTART (a shell command)
# Starting a running node, and stopping a stopped one, is harmless. Files in DIR: url, password, ca.pem, node.log.

source "$(dirname "$0")/common.sh"

command=${1:-}
case "$command" in
--help | -h) help; exit 0 ;;
start | kill | restart | stop | status | env) ;;
*) die "say start, kill, restart, stop, status or env; see --help" 2 ;;
esac
[ -n "${2:-}" ] || die "say which folder; see --help" 2
mkdir -p "$2"
dir=$(cd "$2" && pwd)
shift 2
amqp_port=""
while [ $# -gt 0 ]; do
    case "$1" in
    --port) amqp_port=${2:-}; [[ $amqp_port =~ ^[0-9]+$ ]] || die "--port needs a number" 2; shift 2 ;;
    *) die "unknown option $1; see --help" 2 ;;
    esac
done

free_ports() {
    python3 - "$1" <<'PY'
import socket, sys
sockets = [socket.socket() for _ in range(int(sys.argv[1]))]
for s in sockets:
    s.bind(("127.0.0.1", 0))
print(*(s.getsockname()[1] for s in sockets))
PY
}

# running FILE NAME: whether the process of the pid file is there, and is NAME.
running() {
    local pid
    pid=$(cat "$1" 2>/dev/null) && [ -n "$pid" ] && [ -r "/proc/$pid/stat" ] || return 1
    [[ "$(cut -d' ' -f2- "/proc/$pid/stat")" == "($2)"* && "$(sed 's/.*) //; s/ .*//' "/proc/$pid/stat")" != Z ]]
}

make_node() {
    local ports
    read -ra ports <<<"$(free_ports 4)"
    [ -z "$amqp_port" ] || ports[0]=$amqp_port
    mkdir -p "$dir/home" "$dir/data" "$dir/log"
    random_secret "$dir/password"
    random_secret "$dir/home/.erlang.cookie"
    chmod 400 "$dir/home/.erlang.cookie"
    make_certificates
    printf 'amqp://souk@127.0.0.1:%s/\n' "${ports[0]}" >"$dir/url"
    echo '[].' >"$dir/enabled_plugins"
    : >"$dir/rabbitmq-env.conf"
    (umask 077 && cat >"$dir/rabbitmq.conf") <<CONF
listeners.tcp.1 = 127.0.0.1:${ports[0]}
listeners.ssl.1 = 127.0.0.1:${ports[3]}
ssl_options.cacertfile = $dir/ca.pem
ssl_options.certfile = $dir/server.pem
ssl_options.keyfile = $dir/server.key
ssl_options.verify = verify_none
ssl_options.fail_if_no_peer_cert = false
default_user = souk
default_pass = $(cat "$dir/password")
disk_free_limit.absolute = 50MB
vm_memory_high_watermark.absolute = 1GB
log.file.level = warning
log.console = false
CONF
    cat >"$dir/ports" <<PORTS
amqp_port=${ports[0]} dist_port=${ports[1]} epmd_port=${ports[2]} tls_port=${ports[3]}
PORTS
}

# An authority and a certificate for localhost and 127.0.0.1, good for ten years.
make_certificates() {
    local curve=(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650)
    openssl req -x509 "${curve[@]}" -keyout "$dir/ca.key" -out "$dir/ca.pem" -subj "/CN=Souk test authority" 2>/dev/null
    openssl req -x509 "${curve[@]}" -keyout "$dir/server.key" -out "$dir/server.pem" -subj "/CN=localhost" \
        -CA "$dir/ca.pem" -CAkey "$dir/ca.key" -addext "subjectAltName=DNS:localhost,IP:127.0.0.1" \
        -addext "basicConstraints=critical,CA:FALSE" 2>/dev/null
}

node_environment() {
    # shellcheck disable=SC1091
    eval "$(cat "$dir/ports")"
    export HOME="$dir/home" ERL_EPMD_PORT=$epmd_port ERL_EPMD_ADDRESS=127.0.0.1
    export RABBITMQ_NODENAME="souk-$amqp_port@localhost" RABBITMQ_DIST_PORT=$dist_port RABBITMQ_NODE_PORT=$amqp_port
    export RABBITMQ_NODE_IP_ADDRESS=127.0.0.1 RABBITMQ_BASE="$dir" RABBITMQ_MNESIA_BASE="$dir/data"
    export RABBITMQ_LOG_BASE="$dir/log" RABBITMQ_CONFIG_FILE="$dir/rabbitmq.conf" RABBITMQ_PID_FILE="$dir/beam.pid"
    export RABBITMQ_CONF_ENV_FILE="$dir/rabbitmq-env.conf" RABBITMQ_ENABLED_PLUGINS_FILE="$dir/enabled_plugins"
    export RABBITMQ_ADVANCED_CONFIG_FILE="$dir/none.config" RABBITMQ_GENERATED_CONFIG_DIR="$dir/generated"
    export RABBITMQ_PLUGINS_EXPAND_DIR="$dir/plugins" RABBITMQ_FEATURE_FLAGS_FILE="$dir/data/feature_flags"
    export RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="-kernel inet_dist_use_interface {127,0,0,1} +S 2:2 +sbwt none"
}

# answers PORT: whether something there speaks AMQP.
answers() {
    python3 - "$1" <<'PY'
import socket, sys
try:
    with socket.create_connection(("127.0.0.1", int(sys.argv[1])), 1) as s:
        s.settimeout(2)
        s.sendall(b"AMQP\x00\x00\x09\x01")
        sys.exit(0 if s.recv(1) == b"\x01" else 1)
except OSError:
    sys.exit(1)
PY
}

start() {
    if running "$dir/pid" beam.smp; then
        cat "$dir/url"
        return
    fi
    [ -f "$dir/ports" ] || make_node
    node_environment
    if ! running "$dir/epmd.pid" epmd; then
        epmd -address 127.0.0.1 -port "$epmd_port" </dev/null >/dev/null 2>&1 &
        echo $! >"$dir/epmd.pid"
    fi
    # Without the wrapper of the Debian package, which wants to be root or rabbitmq.
    local server
    server=$(echo /usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin/rabbitmq-server)
    [ -x "$server" ] || die "there is no rabbitmq-server; install the Debian package"
    setsid "$server" </dev/null >>"$dir/node.log" 2>&1 &
    local launcher=$! until=$((SECONDS + 60))
    while ! answers "$amqp_port"; do
        if ! kill -0 $launcher 2>/dev/null || [ $SECONDS -ge $until ]; then
            tail -20 "$dir/node.log" >&2
            # The launcher leads a group of its own, with the node in it.
            kill -9 -- -$launcher 2>/dev/null || true
            stop_epmd
            die "the RabbitMQ node did not start; see above"
        fi
        sleep 0.2
    done
    local pid
    pid=$(cat "$dir/beam.pid")
    echo "$pid" >"$dir/pid"
    cat "$dir/url"
}

# end SIGNAL SECONDS: sends it, and returns once the node is gone.
end() {
    running "$dir/pid" beam.smp || return 0
    local pid until=$((SECONDS + $2))
    pid=$(cat "$dir/pid")
    kill "-$1" "$pid" 2>/dev/null || true
    while running "$dir/pid" beam.smp; do
        [ $SECONDS -lt $until ] || return 1
        sleep 0.05
    done
}

stop_epmd() {
    if running "$dir/epmd.pid" epmd; then kill "$(cat "$dir/epmd.pid")" 2>/dev/null || true; fi
    rm -f "$dir/epmd.pid"
}

case "$command" in
start) start ;;
kill) end KILL 10 ;;
restart)
    [ -f "$dir/ports" ] || die "there is no node in $dir"
    end KILL 10
    start
    ;;
stop)
    end TERM 20 || end KILL 10
    rm -f "$dir/pid"
    stop_epmd
    ;;
status) running "$dir/pid" beam.smp ;;
env)
    [ -f "$dir/ports" ] || die "there is no node in $dir"
    eval "$(cat "$dir/ports")"
    password=$(cat "$dir/password")
    printf 'export SOUK_RABBITMQ_URL=%q SOUK_RABBITMQ_PASSWORD_FILE=%q\n' "$(cat "$dir/url")" "$dir/password"
    printf 'export SOUK_TEST_RABBITMQ_URL=%q\n' "amqp://souk:$password@127.0.0.1:$amqp_port/"
    printf 'export SOUK_TEST_RABBITMQ_TLS_URL=%q\n' "amqps://souk:$password@localhost:$tls_port/"
    printf 'export SOUK_TEST_RABBITMQ_CA_FILE=%q\n' "$dir/ca.pem"
    printf 'export SOUK_TEST_RABBITMQ_RESTART=%q\n' "'$ROOT/scripts/lib/rabbitmq.sh' restart '$dir'"
    ;;
esac
