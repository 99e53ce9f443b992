#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The conformance cases C01 to C28 for procagent, as PID 1 and as an ordinary process: TAP.
# Usage: pid1.sh [CONFORM OPTION]...   (PROCAGENT names another binary; --only C09,C21 fewer cases)
set -uo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
agent=${PROCAGENT:-$top/build/procagent}
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

pids=()
# Both modes at once: most of the time is waiting. Results are shown in order.
for mode in pid1 plain; do
    timeout -k 5 600 "$top/build/test/pid1/conform" --mode "$mode" "$@" -- "$agent" run -- \
        >"$out/$mode" 2>"$out/$mode.err" &
    pids+=("$!")
done
i=0 failed=0
for mode in pid1 plain; do
    wait "${pids[$i]}"
    rc=$?
    i=$((i + 1))
    sed '/^1\.\.[0-9]*$/d' "$out/$mode"
    cat "$out/$mode.err" >&2
    if ((rc != 0)); then failed=1; fi
    if ((rc > 1)) || ! grep -q '^1\.\.' "$out/$mode"; then
        echo "not ok conform --mode $mode ended with status $rc before its plan"
    fi
done
exit "$failed"
