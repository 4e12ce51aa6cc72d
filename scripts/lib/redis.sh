#!/bin/sh
# A private Redis for tests: listens on 127.0.0.1 only, keeps nothing on disk beyond its folder.
#
# Usage: scripts/lib/redis.sh start FOLDER [PORT]   starts it (a free port without PORT), prints redis://127.0.0.1:PORT
#        scripts/lib/redis.sh stop FOLDER           ends the one that was started there, if it still runs
#
# Needs redis-server (Debian: redis-server). FOLDER gets redis.pid, redis.port and redis.log.
set -eu

usage() {
    sed -n '2,7s/^# \{0,1\}//p' "$0"
}

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# Whether the process is still a Redis: its number may be somebody else's by now.
is_running() {
    [ -r "/proc/$1/comm" ] && grep -q '^redis-server' "/proc/$1/comm"
}

misused() {
    usage >&2
    exit 2
}

start() {
    folder=$1
    command -v redis-server >/dev/null || { echo "error: redis-server is not installed (Debian: redis-server)" >&2; exit 1; }
    mkdir -p "$folder"
    stop "$folder"
    attempt=0
    while [ $attempt -lt 5 ]; do
        attempt=$((attempt + 1))
        port=${2:-$(free_port)}
        redis-server --bind 127.0.0.1 --port "$port" --daemonize no --save '' --appendonly no --dir "$folder" \
            --logfile "$folder/redis.log" </dev/null >/dev/null 2>&1 &
        pid=$!
        echo "$pid" >"$folder/redis.pid"
        tries=0
        while kill -0 "$pid" 2>/dev/null && [ $tries -lt 100 ]; do
            if [ "$(redis-cli -h 127.0.0.1 -p "$port" ping 2>/dev/null)" = PONG ]; then
                echo "$port" >"$folder/redis.port"
                echo "redis://127.0.0.1:$port"
                return 0
            fi
            tries=$((tries + 1))
            sleep 0.1
        done
    done
    echo "error: redis-server did not start; see $folder/redis.log" >&2
    stop "$folder"
    exit 1
}

stop() {
    [ -f "$1/redis.pid" ] || return 0
    pid=$(cat "$1/redis.pid")
    tries=0
    while is_running "$pid" && [ $tries -lt 100 ]; do
        kill "$pid" 2>/dev/null || true
        tries=$((tries + 1))
        sleep 0.1
    done
    rm -f "$1/redis.pid" "$1/redis.port"
}

case ${1:-} in
    start)
        [ $# -ge 2 ] || misused
        start "$2" "${3:-}"
        ;;
    stop)
        [ $# -eq 2 ] || misused
        stop "$2"
        ;;
    -h | --help) usage ;;
    *) misused ;;
esac
