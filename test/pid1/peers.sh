#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The peers' own tests against procagent: TAP. Usage: peers.sh   (`make peers`)
# Sources come from the distribution (apt-get source); without them everything skips. What is run: from
# dumb-init's suite exit codes, terminal, working directory and the group's TERM, through a program called
# dumb-init that is procagent; from tini's test/ folder reaping, signals, process group, inherited signal
# configuration. What is not, and why:
#   dumb-init, signal proxying: sends fault signals, which end an agent by design, and counts CONTs, of
#     which a stop request here brings one; C15 has the same question without them
#   dumb-init, TERM for what the command leaves: expects the leftover to outlive the init; ours are ended
#   dumb-init, rewrites, --single-child, suspending itself, debug texts: options procagent has not
#   tini, -e, -w, -p and its Python driver: options procagent has not, modules Debian has not
set -uo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
n=0

report() { # report STATUS NAME
    n=$((n + 1))
    if [[ $1 == 0 ]]; then echo "ok $n - $2"; else
        echo "not ok $n - $2"
        tail -n 30 "$work/out" | sed 's/^/# /'
    fi
}

skip_all() {
    echo "ok 1 - peers' suites # skip $1"
    exit 0
}

# The host's own archive entries, as source entries, in lists of our own.
get_sources() {
    mkdir -p "$work/lists/partial" "$work/src"
    cat /etc/apt/sources.list /etc/apt/sources.list.d/debian.sources \
        /etc/apt/sources.list.d/ubuntu.sources 2>/dev/null |
        sed -E 's/^deb /deb-src /; s/^Types: .*/Types: deb-src/' >"$work/all"
    if grep -q '^Types:' "$work/all"; then
        mv "$work/all" "$work/source.sources"
    else
        mv "$work/all" "$work/source.list"
    fi
    local list=("$work"/source.*)
    local apt=(-o "Dir::Etc::sourcelist=${list[0]}" -o Dir::Etc::sourceparts=- -o "Dir::State::lists=$work/lists")
    timeout 120 apt-get "${apt[@]}" update || return 1
    cd "$work/src" || return 1
    # --tar-only: the upstream tests, without Debian's packaging.
    timeout 120 apt-get "${apt[@]}" source --tar-only tini dumb-init || return 1
    local t
    for t in *.orig.tar.*; do tar xf "$t" || return 1; done
}

python_module() { /usr/bin/python3 -c "import $1" 2>/dev/null; }

get_sources >"$work/out" 2>&1 || skip_all "no source packages: $(tail -n 1 "$work/out")"
if ! python_module pytest || ! python_module py; then
    apt-get install -y -qq --no-install-recommends python3-pytest python3-py >"$work/out" 2>&1 ||
        skip_all "no python3-pytest"
fi

mkdir -p "$work/bin"
printf '#!/bin/sh\nexec %s run -q --ml-root %s -- "$@"\n' "$top/build/procagent" "$work/ml" >"$work/bin/dumb-init"
chmod +x "$work/bin/dumb-init"
export PATH=$work/bin:/usr/bin:/bin

cd "$work"/src/dumb-init-*/ || exit 1
for case in tests/exit_status_test.py tests/cwd_test.py tests/tty_test.py::test_tty \
    tests/tty_test.py::test_child_gets_controlling_tty_if_we_had_one \
    tests/child_processes_test.py::test_setsid_signals_entire_group; do
    timeout 120 /usr/bin/python3 -m pytest -q -p no:cacheprovider "$case" </dev/null >"$work/out" 2>&1
    rc=$?
    report "$rc" "dumb-init's $case: $(tail -n 1 "$work/out" | sed -E 's/[=]| in [0-9.]+s//g')"
done

cd "$work"/src/tini-*/test || exit 1
agent=(timeout 60 "$top/build/procagent" run -q --ml-root "$work/ml" --)
if python_module psutil || apt-get install -y -qq --no-install-recommends python3-psutil >"$work/out" 2>&1; then
    "${agent[@]}" /usr/bin/python3 reaping/stage_1.py >"$work/out" 2>&1
    report $? "tini's reaping/stage_1.py"
else
    echo "# tini's reaping needs python3-psutil"
fi

# children PID: how many descendants, one level.
children() { wc -w <"/proc/$1/task/$1/children"; }
for signal in TERM USR1 USR2; do
    "$top/build/procagent" run -q --ml-root "$work/ml" -- /usr/bin/python3 signals/test.py >"$work/out" 2>&1 &
    pid=$!
    for _ in $(seq 200); do
        child=$(cat "/proc/$pid/task/$pid/children" 2>/dev/null)
        if [[ -n ${child// /} ]] && grep -aq signals/test.py "/proc/${child// /}/cmdline" 2>/dev/null; then break; fi
        sleep 0.05
    done
    sleep 0.3 # its interpreter starts; by default it dies of the signal either way
    kill "-$signal" "$pid"
    wait "$pid"
    status=$?
    [[ $status == $((128 + $(kill -l $signal))) ]]
    report $? "tini's signals/test.py, $signal: status $status"
done

"$top/build/procagent" run -q --ml-root "$work/ml" -- /usr/bin/python3 pgroup/stage_1.py >"$work/out" 2>&1 &
pid=$!
for _ in $(seq 200); do
    child=$(cat "/proc/$pid/task/$pid/children" 2>/dev/null)
    if [[ -n ${child// /} ]] && [[ $(children "${child// /}" 2>/dev/null) -ge 1 ]]; then break; fi
    sleep 0.05
done
sleep 0.3
kill -USR1 "$pid"
timeout 10 tail --pid="$pid" -f /dev/null
gone=$?
kill -KILL "$pid" 2>/dev/null
report "$gone" "tini's pgroup/stage_1.py: USR1 reaches the grandchild"

if gcc -o "$work/sigconf" sigconf/sigconf-test.c >"$work/out" 2>&1; then
    "$work/sigconf" "$top/build/procagent" run -q --ml-root "$work/ml" -- cat /proc/self/status >"$work/out" 2>&1
    # TTOU SEGV INT ignored; TTIN ILL TERM blocked
    ignored=$((16#$(sed -n 's/SigIgn:\s*//p' "$work/out")))
    blocked=$((16#$(sed -n 's/SigBlk:\s*//p' "$work/out")))
    (((ignored & (1 << 21 | 1 << 10 | 1 << 1)) == (1 << 21 | 1 << 10 | 1 << 1) &&
        (blocked & (1 << 20 | 1 << 3 | 1 << 14)) == (1 << 20 | 1 << 3 | 1 << 14)))
    report $? "tini's sigconf: ignored and blocked signals reach the command"
fi
echo "1..$n"
