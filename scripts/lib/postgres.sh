#!/usr/bin/env bash
# A private PostgreSQL server on loopback, for tests and for scripts/dev: as user postgres when started by root, else as yourself.
#
# Usage: ./scripts/lib/postgres.sh COMMAND FOLDER [OPTIONS]
#   start FOLDER   starts the server that lives in the folder, making it where there is none, waits until it answers,
#                  and prints its URL: postgres://souk@127.0.0.1:PORT/postgres, where souk is the superuser.
#                  Safe to run twice. The folder's parents must let user postgres through.
#       --port N             its port, when it is made; a free one by default. It keeps its port from then on
#       --password-file F    when it is made: superuser and roles log in with passwords (SCRAM); the superuser's is in F.
#                            Without it nobody on loopback is asked for one
#       --tls                when it is made: it also takes encrypted connections, with a certificate for localhost and
#                            127.0.0.1 of an authority of its own, FOLDER/tls/ca.pem
#       --durable            when it is made: commits wait for the disk. Without it they don't
#   url FOLDER     prints the URL
#   stop FOLDER    stops it, its sessions included; does nothing where it does not run
#   kill FOLDER    kills it as a crash would (SIGKILL)
#   remove FOLDER  stops it and removes the folder

source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

case "${1:-}" in
--help | -h) help; exit 0 ;;
start | url | stop | kill | remove) command=$1 ;;
*) die "start, url, stop, kill or remove; see --help" 2 ;;
esac
[ -n "${2:-}" ] || die "which folder? see --help" 2
folder=$2
shift 2
port='' password_file='' durable=no tls=no
while [ $# -gt 0 ]; do
    case "$1" in
    --port) port=${2:?} && shift 2 ;;
    --password-file) password_file=${2:?} && shift 2 ;;
    --durable) durable=yes && shift ;;
    --tls) tls=yes && shift ;;
    *) die "unknown option $1; see --help" 2 ;;
    esac
done
data=$folder/data

binaries() {
    local newest
    newest=$(find /usr/lib/postgresql -mindepth 3 -maxdepth 3 -name initdb 2>/dev/null | sort -V | tail -n 1)
    [ -n "$newest" ] || newest=$(command -v initdb) || die "PostgreSQL is missing: apt-get install postgresql"
    dirname "$newest"
}

# The server refuses to run as root.
as_owner() {
    if [ "$(id -u)" = 0 ]; then
        (cd / && setpriv --reuid=postgres --regid=postgres --init-groups "$@")
    else
        "$@"
    fi
}

# The server lives on: it must not keep open what it inherits, such as the pipe of a program that reads our output.
close_inherited() {
    local open
    for open in /proc/self/fd/*; do
        open=${open##*/}
        if [ "$open" -gt 2 ]; then eval "exec $open>&-"; fi
    done
}

free_port() {
    local candidate
    for _ in $(seq 100); do
        candidate=$((20000 + RANDOM % 12000))
        (exec 3<>"/dev/tcp/127.0.0.1/$candidate") 2>/dev/null || { echo "$candidate" && return; }
    done
    die "no free port"
}

print_url() {
    [ -s "$folder/port" ] || die "no server in $folder"
    echo "postgres://souk@127.0.0.1:$(cat "$folder/port")/postgres"
}

make() {
    local bin=$1 auth=trust password=()
    mkdir -p "$folder"
    if [ $tls = yes ]; then
        PYTHONPATH=$ROOT/scripts/lib python3 -c '
import pathlib, sys
from cluster.credentials import server_certificate
server_certificate(pathlib.Path(sys.argv[1]))' "$folder/tls"
    fi
    if [ -n "$password_file" ]; then
        auth=scram-sha-256
        install -m 600 "$password_file" "$folder/initial-password"
        password=(--pwfile="$folder/initial-password")
    fi
    if [ "$(id -u)" = 0 ]; then
        chown -R postgres:postgres "$folder"
        as_owner test -w "$folder" || die "user postgres cannot reach $folder: choose a folder whose parents are open"
    fi
    # Locale C: texts sort by their bytes, as on SQLite.
    as_owner "$bin/initdb" --pgdata="$data" --username=souk --auth="$auth" --encoding=UTF8 --locale=C.UTF-8 \
        --no-sync --no-instructions "${password[@]}" >/dev/null
    rm -f "$folder/initial-password"
    {
        echo "listen_addresses = '127.0.0.1'"
        # A path of more than 107 bytes cannot name a socket.
        if [ ${#folder} -lt 85 ]; then echo "unix_socket_directories = '$folder'"; else echo "unix_socket_directories = ''"; fi
        echo "max_connections = 300"
        echo "shared_buffers = 64MB"
        echo "log_min_messages = warning"
        if [ $tls = yes ]; then
            echo "ssl = on"
            echo "ssl_cert_file = '$folder/tls/server.pem'"
            echo "ssl_key_file = '$folder/tls/server.key'"
        fi
        # For the time zone of messages, not of data.
        echo "timezone = 'UTC'"
        # A killed server still loses nothing that was committed; only the machine's end does.
        if [ $durable = no ]; then
            echo "fsync = off"
            echo "full_page_writes = off"
        fi
    } >>"$data/postgresql.conf"
}

start() {
    local bin tries
    bin=$(binaries)
    folder=$(realpath -m "$folder") data=$folder/data
    [ -s "$data/PG_VERSION" ] || make "$bin"
    if ! "$bin/pg_isready" --quiet --host=127.0.0.1 --port="$(cat "$folder/port" 2>/dev/null || echo 1)"; then
        for tries in $(seq 20); do
            # A free port may be taken by somebody else until the server has it; after a crash, memory may still be held, and
            # who was killed still have a number until his parent has collected him.
            if [ ! -s "$folder/port" ]; then
                echo "${port:-$(free_port)}" >"$folder/chosen-port"
            else
                cp "$folder/port" "$folder/chosen-port"
            fi
            if (
                close_inherited
                as_owner "$bin/pg_ctl" --pgdata="$data" --silent --wait --timeout=60 --log="$folder/log" \
                    --options="-p $(cat "$folder/chosen-port")" start </dev/null >/dev/null 2>&1
            ); then
                mv "$folder/chosen-port" "$folder/port"
                break
            fi
            [ "$tries" != 20 ] || die "PostgreSQL did not start: $(tail -n 5 "$folder/log" 2>/dev/null)"
            sleep 0.5
        done
    fi
    print_url
}

stop() {
    [ -s "$data/postmaster.pid" ] || return 0
    as_owner "$(binaries)/pg_ctl" --pgdata="$(realpath "$data")" --silent --wait --mode=fast stop >/dev/null 2>&1 || true
}

case $command in
start) start ;;
url) print_url ;;
stop) stop ;;
kill)
    [ -s "$data/postmaster.pid" ] || die "no server runs in $folder"
    pid=$(head -n 1 "$data/postmaster.pid")
    kill -9 "$pid"
    # Gone or not yet collected by its parent: either way it has let go of everything.
    until ! kill -0 "$pid" 2>/dev/null || grep -q '^State:.Z' "/proc/$pid/status" 2>/dev/null; do sleep 0.01; done
    ;;
remove)
    stop
    rm -rf "$folder"
    ;;
esac
