#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A docker engine for the tests, on machines where none is running.
#
#   export DOCKER_HOST="$(scripts/dockerd.sh start [DIR])"
#   scripts/dockerd.sh stop [DIR]
#
# start: when an engine answers, starts nothing. Otherwise starts one that is ours alone: data, log and
# pid file in DIR (default /var/lib/procagent-test-docker), socket and run-time state in DIR/run (default
# /run/procagent-test-docker). The socket is a private one, so that neither a socket-activated docker.service
# nor another client can mistake this engine for the machine's own. It leaves the firewall and
# net.ipv4.ip_forward alone; containers that need the network (docker build) use --network host.
# stdout is the DOCKER_HOST to use and nothing else; everything said is said on stderr.
#
# stop: ends the engine that start began, with its containerd and its containers, and waits for the end.
# DIR stays, so that the next start finds its images. Any other engine is left alone.
set -euo pipefail

WAIT_START=60 # seconds until the engine answers; 2 s are usual
WAIT_STOP=30  # seconds from SIGTERM to SIGKILL; containers get 10 of them

say() { printf 'dockerd.sh: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

usage() { sed -n '5,6s/^# *//p' "$0" >&2; exit 2; }

# Does an engine answer at $1 (empty: wherever the docker command would look)?
answers() {
    if [ -n "${1:-}" ]; then
        timeout 10 docker --host "$1" version --format '{{.Server.Version}}' >/dev/null 2>&1
    else
        timeout 10 docker version --format '{{.Server.Version}}' >/dev/null 2>&1
    fi
}

# The words of process $1's command line, one per line.
words() { tr '\0' '\n' 2>/dev/null <"/proc/$1/cmdline" || true; }

# The pid of our engine, when it is alive and really is ours: a dockerd with our --pidfile.
our_pid() {
    local pid
    pid=$(cat "$pidfile" 2>/dev/null) || return 1
    [[ $pid =~ ^[0-9]+$ ]] || return 1
    [ "$(basename "$(readlink "/proc/$pid/exe" 2>/dev/null)")" = dockerd ] || return 1
    words "$pid" | grep -qxF -e "--pidfile=$pidfile" || return 1
    printf '%s\n' "$pid"
}

# The engine's containerd and shims, by the run-time folder in their command lines: "PID" per line.
our_helpers() {
    local dir pid
    for dir in /proc/[0-9]*; do
        pid=${dir#/proc/}
        case $(basename "$(readlink "$dir/exe" 2>/dev/null)") in
            containerd*) words "$pid" | grep -qF -e "$run/exec/" && printf '%s\n' "$pid" ;;
        esac
    done
    return 0
}

# Waits up to $1 seconds until the command after it fails.
wait_while() {
    local end=$((SECONDS + $1))
    shift
    while "$@"; do
        [ "$SECONDS" -lt "$end" ] || return 1
        sleep 0.1
    done
}

alive() { kill -0 "$1" 2>/dev/null && ! grep -q '^State:[[:space:]]*Z' "/proc/$1/status" 2>/dev/null; }
any_helper() { [ -n "$(our_helpers)" ]; }

start() {
    local host
    command -v docker >/dev/null || die "the docker command is not installed (Debian, Ubuntu: docker.io)"
    if answers; then
        host=${DOCKER_HOST:-$(docker context inspect --format '{{.Endpoints.docker.Host}}')}
        say "an engine answers at $host; nothing started"
        printf '%s\n' "$host"
        return
    fi
    if answers "$socket"; then
        say "our engine already answers at $socket"
        printf '%s\n' "$socket"
        return
    fi
    [ "$(id -u)" -eq 0 ] || die "no docker engine answers, and starting one needs root"
    command -v dockerd >/dev/null || die "no docker engine answers, and dockerd is not installed"
    mkdir -p "$dir" "$run"
    chmod 0711 "$dir" "$run"
    exec 9>"$dir/lock"
    flock -w "$WAIT_START" 9 || die "another start has held $dir/lock for $WAIT_START s"
    launch
    printf '%s\n' "$socket"
}

launch() {
    local pid
    if answers "$socket"; then return; fi # somebody else's start, while we waited for the lock
    if pid=$(our_pid); then die "our engine (pid $pid) is there but does not answer; see $log"; fi
    rm -f "$pidfile"
    # setsid: an interrupt typed at the tests must not end the engine under them.
    setsid dockerd --data-root="$dir/data" --exec-root="$run/exec" --pidfile="$pidfile" \
        --host="$socket" --iptables=false --ip-forward=false --ip-masq=false \
        </dev/null >"$log" 2>&1 9>&- &
    pid=$!
    if ! wait_while "$WAIT_START" not_ready "$pid" || ! answers "$socket"; then
        tail -n 30 "$log" >&2 || true
        if alive "$pid"; then kill -TERM "$pid"; fi
        die "the engine ended, or did not answer within $WAIT_START s; its log is $log"
    fi
    say "started an engine (pid $(cat "$pidfile")), log $log"
}

not_ready() { alive "$1" && ! answers "$socket"; }

stop() {
    local pid helper
    if ! pid=$(our_pid); then
        say "no engine of ours is running ($pidfile)"
        return
    fi
    kill -TERM "$pid"
    if ! wait_while "$WAIT_STOP" alive "$pid"; then
        say "the engine ignored SIGTERM for $WAIT_STOP s: killed"
        kill -KILL "$pid"
        wait_while 5 alive "$pid" || die "the engine (pid $pid) cannot be killed"
    fi
    if ! wait_while 5 any_helper; then
        for helper in $(our_helpers); do kill -KILL "$helper" 2>/dev/null || true; done
        wait_while 5 any_helper || die "containerd processes are left: $(our_helpers | tr '\n' ' ')"
    fi
    # The one mount that an engine leaves behind; it would keep DIR from being removed.
    if mountpoint -q "$run/exec/netns/default"; then umount "$run/exec/netns/default"; fi
    say "stopped the engine (pid $pid)"
}

case $# in 1 | 2) ;; *) usage ;; esac
dir=${2:-${PROCAGENT_DOCKER_DIR:-/var/lib/procagent-test-docker}}
[[ $dir = /* ]] || die "$dir: give an absolute path"
case $dir in
    /var/lib/procagent-test-docker) run=/run/procagent-test-docker ;;
    *) run=$dir/run ;;
esac
pidfile=$dir/dockerd.pid
log=$dir/dockerd.log
socket=unix://$run/docker.sock
[ ${#socket} -lt 110 ] || die "$run/docker.sock: longer than a socket's path may be"

case $1 in
    start) start ;;
    stop) stop ;;
    *) usage ;;
esac
