#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Runs test suites, shows what fails, counts. Usage: run-tests.sh SUITE...
# A suite is a function below that prints TAP on stdout; what it says on stderr is shown on failure.
# The last line is "N passed, N failed[, N skipped]"; the exit status is 0 only when nothing failed.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
top=$PWD
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
passed=0 failed=0 skipped=0

# tap NAME COMMAND...: one command as one TAP case.
tap() {
    local name=$1
    shift
    if "$@" >"$logs/out" 2>&1; then
        echo "ok $name"
    else
        echo "not ok $name"
        tail -n 60 "$logs/out" | sed 's/^/# /'
    fi
}

# Unit programs print cmocka's TAP; a crash before the plan's end is a failed case of its own.
unit_programs() {
    local dir=$1 p
    for p in "$dir"/test_*; do
        [[ -x $p && ! -d $p ]] || continue
        CMOCKA_MESSAGE_OUTPUT=TAP "$p" 2>"$logs/unit.err" | grep -E '^(ok|not ok)' |
            sed -E "s/ - / - ${p##*/}: /; s/^not (ok .*# SKIP)/\1/"
        local rc=${PIPESTATUS[0]}
        if ((rc != 0)); then
            echo "not ok ${p##*/} ended with $rc"
            tail -n 40 "$logs/unit.err" | sed 's/^/# /'
        fi
    done
}

suite_lint() { scripts/lint.sh; }
suite_unit() {
    tap "build with $(cc --version | head -1)" make -s all unit-programs helpers
    unit_programs build/unit
}
suite_asan() {
    tap "build with sanitizers" make -s asan
    unit_programs build/asan/unit
    # build.bats is about the static binary.
    local bats_files
    mapfile -t bats_files < <(find test/behaviour -name '*.bats' ! -name build.bats | sort)
    PROCAGENT=build/asan/procagent bats --tap "${bats_files[@]}"
}
suite_tz() {
    tap "every zone name against zoneinfo, 2015 to 2037" \
        /usr/bin/python3 test/tz/zones_check.py build/test/tzdump
}
suite_behaviour() { bats --tap -r test/behaviour; }
suite_notebook() { bats --tap test/notebook; }
# The S3 store: its own tests, and the folder store's on each server that can be had, without those that are
# about folders only.
suite_s3() {
    local kind own
    mapfile -t own < <(find test/s3 -name '*.bats' | sort)
    bats --tap "${own[@]}"
    for kind in moto s3rver; do
        if "scripts/$kind.sh" >"$logs/server" 2>&1; then
            STORE_KIND=$kind bats --tap \
                test/behaviour/{staging,manifest,pipes,publish,publish_modes,continuous,reference1}.bats |
                sed -E "/^ok .*# skip folder store only: /d; s/^((not )?ok [0-9]+) /\1 $kind: /"
        else
            echo "ok the folder store's tests on $kind # SKIP $(tail -n 1 "$logs/server")"
        fi
    done
}
suite_fault() { bats --tap -r test/fault; }
suite_pid1() {
    test/pid1/pid1.sh
    test/pid1/sweep.sh
}
suite_peers() { test/pid1/peers.sh; }
suite_docker() { scripts/docker-tests.sh; }
# Random files against an oracle, and read back by DuckDB where npm can install it.
suite_split() {
    tap "${SPLIT_RUNS:-100} random folders split as the oracle says" /usr/bin/python3 -B test/split/differential.py \
        --agent build/procagent --work "$logs/split" --seed "${SPLIT_SEED:-1}" --runs "${SPLIT_RUNS:-100}"
    if scripts/duckdb.sh build/node && command -v node >/dev/null; then
        node test/split/duck.mjs build/node build/procagent "$logs/duck" "${SPLIT_SEED:-1}" 60
    else
        echo "ok DuckDB reads what was split # SKIP DuckDB cannot be installed here"
    fi
}
# fuzz_one TARGET: its TAP goes to a file, since two run at a time.
fuzz_one() {
    local name=${1##*/}
    local dir=$logs/$name
    mkdir -p "$dir/corpus"
    if "$1" -max_total_time="${FUZZ_SECONDS:-10}" -timeout=10 -rss_limit_mb=2048 -print_final_stats=0 \
        -artifact_prefix="$dir/" "$dir/corpus" "test/fuzz/seeds/$name" >"$dir/out" 2>&1; then
        echo "ok $name: seeds and ${FUZZ_SECONDS:-10} s" >"$dir/tap"
    else
        { echo "not ok $name: seeds and ${FUZZ_SECONDS:-10} s" && tail -n 60 "$dir/out" | sed 's/^/# /'; } >"$dir/tap"
    fi
    rm -rf "$dir/corpus"
}
suite_fuzz() {
    tap "build fuzz targets" make -s fuzz-programs
    local f n=0
    for f in build/fuzz/fuzz_*; do
        [[ -x $f ]] || continue
        fuzz_one "$f" &
        ((++n % 2)) || wait
    done
    wait
    cat "$logs"/fuzz_*/tap
}

run_suite() {
    local name=$1 start=$SECONDS tap_file="$logs/$1.tap"
    printf '== %s\n' "$name"
    "suite_$name" >"$tap_file" 2>"$logs/$name.err"
    local rc=$?
    local p f s
    s=$(grep -ciE '^ok .*# skip' "$tap_file")
    p=$(($(grep -cE '^ok' "$tap_file") - s))
    f=$(grep -cE '^not ok' "$tap_file")
    if ((rc != 0 && f == 0)) || ((p + f + s == 0)); then
        f=$((f + 1))
        echo "not ok suite $name ended with $rc, $p cases passed" | tee -a "$tap_file"
        tail -n 40 "$logs/$name.err"
    fi
    grep -E -A 60 '^not ok' "$tap_file" | grep -E '^(not ok|#)' | head -n 200
    grep -iE '^ok .*# skip' "$tap_file"
    printf '   %d passed, %d failed, %d skipped in %d s\n' "$p" "$f" "$s" $((SECONDS - start))
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
}

for suite in "$@"; do
    cd "$top" || exit 1
    run_suite "$suite"
done
printf '\n%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
((failed == 0))
