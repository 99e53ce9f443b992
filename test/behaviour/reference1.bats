#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2034,SC2154 # INPUTS, OUTPUTS, status, output, stderr: see common.bash
# Reference job 1: a pandas script that knows two local paths; what it wrote lands, byte for byte, in the
# partition of the job's day in Tokyo.
load common

KEY=prefix/output/process_date_jst

setup_file() {
    start_store
    /usr/bin/python3 - "$BATS_TEST_DIRNAME/../../fixtures/extract.reference1.csv" "$BATS_FILE_TMPDIR/expected.csv" <<'PY'
import sys
import pandas
pandas.read_csv(sys.argv[1])[["feature1", "feature2", "y"]].to_csv(sys.argv[2], header=False, index=False)
PY
}

setup_more() {
    EXPECTED=$BATS_FILE_TMPDIR/expected.csv
    mkdir -p "$STORE/bucket/prefix/extract"
    # One age of the configuration takes the folder, the others the single object.
    cp "$FIXTURES/extract.reference1.csv" "$STORE/bucket/prefix/extract.csv"
    cp "$FIXTURES/extract.reference1.csv" "$STORE/bucket/prefix/extract/extract.csv"
    BROUGHT=(prefix/extract.csv prefix/extract/extract.csv)
    use_store
    ini <<INI
[job]
timezone = Asia/Tokyo

[run]
command = /usr/bin/python3 /opt/jobs/transform.py

$(store_section)

[output "transform"]
layout = process_date_jst={time:%Y-%m-%d}
INI
    unset "${!PROCAGENT_STORE_@}" # the file says it
}

# age NAME: processingjobconfig.json as that age of the platform writes it.
age() {
    mkdir -p "$ML/config"
    cat "$FIXTURES/processingjobconfig.reference1.$1.json" >"$ML/config/processingjobconfig.json"
    cat "$FIXTURES/resourceconfig.reference1.json" >"$ML/config/resourceconfig.json"
    if [ -e "$FIXTURES/resourceconfig.reference1.$1.json" ]; then
        cat "$FIXTURES/resourceconfig.reference1.$1.json" >"$ML/config/resourceconfig.json"
    fi
}

# published DAY: the store holds what it held and that one object, as pandas wrote it.
published() {
    assert_objects "${BROUGHT[@]}" "$KEY=$1/transform.csv"
    cmp "$EXPECTED" "$STORE/bucket/$KEY=$1/transform.csv"
}

# A transform of the same result in milliseconds, for the cases that are about the day.
quick() {
    script quick <<SH
mkdir -p "\$OUT" && cp "$EXPECTED" "\$OUT/transform.csv"
SH
    export PROCAGENT_RUN_COMMAND=$WORK/quick
}

for_real() {
    age "$1"
    in_sandbox env PROCAGENT_JOB_TIME=2021-12-14T15:30:00Z /opt/procagent run
    assert_status 0
    published 2021-12-15
    assert_message '^completed: 1 output, 1 file, '
}

@test "reference 1: what pandas writes here is what the fixture says" {
    cmp "$EXPECTED" "$FIXTURES/transform.reference1.csv"
}

@test "reference 1 in /opt/ml, configuration of May 2020, and a rerun" {
    for_real 2020-05
    cp "$STORE/bucket/$KEY=2021-12-15/transform.csv" "$WORK/first.csv"
    # The next container starts with empty folders; the store is what stays.
    rm -rf "$ML/output" "$ML/processing/output" "$ML/processing/input"
    in_sandbox env PROCAGENT_JOB_TIME=2021-12-14T15:30:00Z /opt/procagent run
    assert_status 0
    published 2021-12-15
    cmp "$WORK/first.csv" "$STORE/bucket/$KEY=2021-12-15/transform.csv"
}

@test "reference 1 in /opt/ml, configuration of November 2020" {
    for_real 2020-11
}

@test "reference 1 in /opt/ml, configuration of May 2021: nulls, a folder, slashes at the ends" {
    for_real 2021-05
}

@test "reference 1 in /opt/ml, configuration with keys nobody knows" {
    for_real unknown-keys
}

@test "reference 1 in /opt/ml, configuration of the SDK's local mode" {
    for_real local-mode
}

@test "reference 1 with --ml-root and a script that honours PROCAGENT_ML_ROOT" {
    age 2020-11
    job --set job.time=2021-12-14T15:30:00Z --set "run.command=/usr/bin/python3 '$TOP/container/example/transform.py'"
    assert_status 0
    published 2021-12-15
}

@test "reference 1: 15:30 UTC is the next day in Tokyo, a second before 15:00 is not" {
    age 2020-11
    quick
    job --set job.time=2021-12-14T14:59:59Z
    assert_status 0
    published 2021-12-14
    rm -r "$STORE/bucket/prefix/output" "$OUT"
    job --set job.time=2021-12-14T15:00:00Z
    assert_status 0
    published 2021-12-15
    rm -r "$STORE/bucket/prefix/output" "$OUT"
    job --set job.time=2021-12-14T15:30:00.25Z
    assert_status 0
    published 2021-12-15
    rm -r "$STORE/bucket/prefix/output" "$OUT"
    job --set job.time=2021-12-31T23:59:59+09:00
    assert_status 0
    published 2021-12-31
}

@test "reference 1: without a fixed time it is today in Tokyo" {
    age 2020-11
    quick
    local before after day
    before=$(TZ=JST-9 date +%F)
    job
    after=$(TZ=JST-9 date +%F)
    assert_status 0
    # Midnight may pass in between: then the job's start decides, and either day may be it.
    day=$before
    if [ ! -e "$STORE/bucket/$KEY=$before" ]; then day=$after; fi
    published "$day"
}

@test "reference 1: the container's own TZ does not matter" {
    age 2020-11
    quick
    TZ=America/New_York job --set job.time=2021-12-14T15:30:00Z
    assert_status 0
    published 2021-12-15
}

@test "zones resolve without any zoneinfo on the machine" {
    age 2020-11
    bwrap --dev-bind / / --proc /proc true 2>/dev/null || skip "bubblewrap may not make namespaces here"
    local hide=()
    if [ -d /usr/share/zoneinfo ]; then hide=(--tmpfs /usr/share/zoneinfo); fi
    # zone, instant, what the date command of a machine with zoneinfo says; the last ones have no rule
    # that a POSIX string could hold, or changed their rules lately
    while read -r zone instant day; do
        capture bwrap --dev-bind / / "${hide[@]}" env TZDIR=/nonexistent "$PROCAGENT" \
            check --ml-root "$ML" --set "job.timezone=$zone" --set "job.time=$instant" \
            --set "output.transform.layout=d={time:%Y-%m-%dT%H}"
        assert_status 0
        assert_match "$output" "-> d=$day/\$"
    done <<'ZONES'
Asia/Tokyo 2021-12-14T15:00:00Z 2021-12-15T00
UTC 2021-12-14T15:00:00Z 2021-12-14T15
+09:00 2021-12-14T15:00:00Z 2021-12-15T00
-03:30 2021-12-14T03:29:59Z 2021-12-13T23
Europe/London 2022-07-01T00:00:00Z 2022-07-01T01
America/New_York 2021-11-07T06:30:00Z 2021-11-07T01
Africa/Casablanca 2024-03-15T23:30:00Z 2024-03-15T23
Africa/Casablanca 2024-06-15T23:30:00Z 2024-06-16T00
Asia/Tehran 2022-07-01T20:00:00Z 2022-07-02T00
Asia/Tehran 2023-07-01T20:00:00Z 2023-07-01T23
America/Mexico_City 2022-07-01T05:00:00Z 2022-07-01T00
America/Mexico_City 2023-07-01T05:00:00Z 2023-06-30T23
Asia/Kathmandu 2021-12-14T18:15:00Z 2021-12-15T00
Japan 2021-12-14T15:00:00Z 2021-12-15T00
ZONES
}
