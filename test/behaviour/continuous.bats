#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2034,SC2154 # INPUTS, OUTPUTS, status, output, stderr: see common.bash
# S3UploadMode Continuous: files are published while the transform runs, once they are closed and quiet, and
# the rest at the end. A file is quiet after two seconds, so these tests wait some.
load common

setup_more() {
    use_store
    output out output s3://bucket/out Continuous
}

# arrived KEY [TEXT]: it is in the store now, with that line.
arrived() {
    pull_store
    [ -f "$STORE/bucket/out/$1" ] && { [ -z "${2:-}" ] || grep -qx "$2" "$STORE/bucket/out/$1"; }
}

# finish: lets the transform end (it waits for the file), and waits for the agent.
finish() {
    touch "$WORK/finish"
    end_agent
}

@test "closed files come while the transform runs, the others at the end" {
    script transform <<'SH'
cd "$OUT"; mkdir -p d=1
echo early >d=1/early.csv
exec 9>growing.csv
until [ -e "$WORK/finish" ]; do echo line >&9; sleep 0.2; done
echo late >late.csv
SH
    start_agent --set output.out.layout=none --set output.out.marker=_SUCCESS --set output.out.manifest=m.json -- "$WORK/transform"
    until_true 10 arrived d=1/early.csv
    refute arrived growing.csv
    refute arrived _SUCCESS
    finish
    assert_status 0
    assert_objects out/d=1/early.csv out/growing.csv out/late.csv out/_SUCCESS out/m.json
    cmp "$OUT/growing.csv" "$STORE/bucket/out/growing.csv"
    [ "$(value '["outputs"][0]["files"]')" = 3 ]
    [ "$(value '["outputs"][0]["published"]')" = 3 ]
    [ "$(cat "$STORE/bucket/out/m.json")" = '[{"prefix": "s3://bucket/out/"}, "d=1/early.csv", "growing.csv", "late.csv"]' ]
}

@test "a file that is open for writing waits, however quiet" {
    script transform <<'SH'
exec 9>"$OUT/open.csv"; echo half >&9; echo x >"$OUT/closed.csv"
until [ -e "$WORK/finish" ]; do sleep 0.1; done
echo whole >&9
SH
    start_agent -- "$WORK/transform"
    until_true 10 arrived closed.csv
    sleep 2
    refute arrived open.csv
    finish
    assert_status 0
    [ "$(cat "$STORE/bucket/out/open.csv")" = $'half\nwhole' ]
}

@test "a file that changes is uploaded again; one that is deleted stays in the store" {
    script transform <<'SH'
echo 1 >"$OUT/a.csv"; echo x >"$OUT/deleted.csv"
until [ -e "$WORK/step" ]; do sleep 0.1; done
echo 22 >"$OUT/a.csv"; rm "$OUT/deleted.csv"
until [ -e "$WORK/finish" ]; do sleep 0.1; done
SH
    start_agent -- "$WORK/transform"
    until_true 10 arrived deleted.csv
    until_true 10 arrived a.csv
    [ "$(cat "$STORE/bucket/out/a.csv")" = 1 ]
    touch step
    until_true 10 arrived a.csv 22
    finish
    assert_status 0
    assert_objects out/a.csv out/deleted.csv
    [ "$(value '["outputs"][0]["files"]')" = 1 ]
    [ "$(value '["outputs"][0]["published"]')" = 2 ]
}

@test "what was uploaded is not sent again at the end, when it has not changed" {
    script transform <<'SH'
echo 1 >"$OUT/same.csv"; echo 1 >"$OUT/changed.csv"
until [ -e "$WORK/finish" ]; do sleep 0.1; done
echo 2 >"$OUT/changed.csv"
SH
    start_agent -- "$WORK/transform"
    until_true 10 arrived same.csv
    until_true 10 arrived changed.csv
    local before
    before=$(stat -c %i "$STORE/bucket/out/same.csv")
    finish
    assert_status 0
    [ "$(stat -c %i "$STORE/bucket/out/same.csv")" = "$before" ]
    [ "$(cat "$STORE/bucket/out/changed.csv")" = 2 ]
}

@test "what a failed transform had uploaded stays, the rest does not come" {
    script transform <<'SH'
echo 1 >"$OUT/early.csv"
until [ -e "$WORK/finish" ]; do sleep 0.1; done
echo 1 >"$OUT/late.csv"
exit 5
SH
    start_agent -- "$WORK/transform"
    until_true 10 arrived early.csv
    finish
    assert_status 5
    assert_objects out/early.csv
    [ "$(value '["outputs"][0]["published"]')" = 1 ]
}

@test "several hosts: names carry the host's while the transform runs too" {
    hosts algo-2 algo-1 algo-2
    script transform <<'SH'
echo 1 >"$OUT/a.csv"
until [ -e "$WORK/finish" ]; do sleep 0.1; done
SH
    start_agent -- "$WORK/transform"
    until_true 10 arrived a-algo-2.csv
    finish
    assert_status 0
    assert_objects out/a-algo-2.csv
}

@test "a store that fails meanwhile is a warning, and tried again at the end" {
    folder_only "its folder goes away"
    script transform <<'SH'
mv "$WORK/store" "$WORK/away"
echo 1 >"$OUT/a.csv"
until [ -e "$WORK/finish" ]; do sleep 0.1; done
SH
    start_agent -- "$WORK/transform"
    until_true 10 grep -q 'publish: warning: while the transform runs: .*tried again later' "$WORK/stderr"
    mv away store
    finish
    assert_status 0
    assert_objects out/a.csv
    [ "$(grep -c warning "$WORK/stderr")" = 1 ]
}

@test "a store that fails at the end too fails the job" {
    folder_only "its folder goes away"
    script transform <<'SH'
mv "$WORK/store" "$WORK/away"
echo 1 >"$OUT/a.csv"; sleep 4
SH
    job -- "$WORK/transform"
    assert_status 125
    one_error 'the store.s root'
}

@test "a stop ends the transform and the uploads; what is there stays" {
    script transform <<'SH'
echo 1 >"$OUT/a.csv"; exec sleep 60
SH
    start_agent -- "$WORK/transform"
    until_true 10 arrived a.csv
    kill -TERM "$AGENT"
    end_agent
    assert_status 143
    assert_objects out/a.csv
}

@test "Continuous with mode = replace or fail, or on_failure = publish, is refused with what to do" {
    assert_refused 'mode = replace does not go with S3UploadMode Continuous.*use EndOfJob' --set output.out.mode=replace
    assert_refused 'mode = fail does not go with S3UploadMode Continuous' --set output.out.mode=fail
    assert_refused 'on_failure = publish does not go with S3UploadMode Continuous' --set output.out.on_failure=publish
}
