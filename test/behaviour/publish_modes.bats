#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2034,SC2154 # INPUTS, OUTPUTS, status, output, stderr: see common.bash
# Publishing over what is there already: append, replace, fail; manifests and markers; several hosts in one
# prefix; a failed transform's files.
load common

setup_more() {
    simple_job
}

# writes SH: the transform, run in OUT.
writes() {
    {
        # shellcheck disable=SC2016 # for the script
        echo 'put() { mkdir -p "./$(dirname -- "$1")"; printf "%s" "${2-text of $1}" >"./$1"; }; cd "$OUT"'
        echo "$1"
    } | script transform
}

# publishes SH ARG...: a run of a fresh container, the store as it is; ARGs are KEY=VALUE of [output out].
publishes() {
    local pair args=()
    writes "$1"
    shift
    for pair; do args+=(--set "output.out.$pair"); done
    rm -rf "$OUT"
    job "${args[@]}" -- "$WORK/transform"
}

# content KEY
content() {
    cat "$STORE/bucket/$1"
}

@test "mode = append: objects of other keys stay, one of the same key is replaced" {
    object out/d=1/a.csv old
    object out/d=1/b.csv old
    publishes 'put d=1/a.csv new' mode=append
    assert_status 0
    assert_objects out/d=1/a.csv out/d=1/b.csv
    [ "$(content out/d=1/a.csv)" = new ]
    [ "$(value '["outputs"][0]["replaced"]')" = 0 ]
}

@test "mode = replace: a partition that gets files loses its old ones, others stay" {
    object out/d=1/a.csv old
    object out/d=1/b.csv old
    object out/d=1/sub/c.csv old
    object out/d=1/_meta old
    object out/d=2/a.csv old
    object out/notes.txt old
    object outer/d=1/a.csv old
    publishes 'put d=1/a.csv new; put d=1/z.csv new; put d=3/a.csv new; put _rejected/x' mode=replace
    assert_status 0
    assert_objects out/d=1/a.csv out/d=1/z.csv out/d=1/_meta out/d=2/a.csv out/d=3/a.csv out/notes.txt \
        out/_rejected/x outer/d=1/a.csv
    [ "$(content out/d=1/a.csv)" = new ]
    [ "$(content out/d=2/a.csv)" = old ]
    assert_match "$stderr" 'output "out": 4 files, .* -> s3://bucket/out, 2 old objects removed'
    [ "$(value '["outputs"][0]["replaced"]')" = 2 ]
    [ "$(value '["outputs"][0]["published"]')" = 4 ]
}

@test "mode = replace with a layout: the rerun of a day with fewer files" {
    ini <<'INI'
[job]
time = 2021-12-14T15:30:00Z
timezone = Asia/Tokyo
[output "out"]
layout = day={time:%Y-%m-%d}
mode = replace
INI
    publishes 'put a.csv; put b.csv'
    assert_status 0
    publishes 'put a.csv again'
    assert_status 0
    assert_objects out/day=2021-12-15/a.csv
    [ "$(content out/day=2021-12-15/a.csv)" = again ]
}

@test "mode = replace without partitions: all of the output is replaced" {
    object out/a.csv old
    object out/d=1/b.csv old
    object out/_failed/j/c.csv old
    publishes 'put x/a.csv' mode=replace
    assert_status 0
    assert_objects out/x/a.csv out/_failed/j/c.csv
}

@test "mode = replace: an empty output replaces nothing" {
    object out/a.csv old
    object out/_SUCCESS old
    publishes 'put _log' mode=replace marker=_SUCCESS
    assert_status 0
    assert_objects out/a.csv out/_SUCCESS out/_log
}

@test "mode = replace: a bucket that is not there yet" {
    folder_only "S3 makes no bucket by a put"
    rmdir "$STORE/bucket"
    publishes 'put a.csv' mode=replace
    assert_status 0
    assert_objects out/a.csv
}

@test "mode = replace: what cannot be sent leaves all that was there" {
    object out/d=1/old.csv old
    object out/_SUCCESS old
    local part
    part=$(printf '%0250d' 0)
    publishes "put d=1/a.csv; put d=1/$part/$part/$part/$part/longer-than-S3-likes" mode=replace \
        marker=_SUCCESS layout=none
    assert_status 125
    one_error 'S3 allows 1024'
    assert_objects out/d=1/old.csv out/_SUCCESS
    [ "$(content out/_SUCCESS)" = old ]
}

@test "mode = replace: a commit that fails half-way leaves the old data, without its marker" {
    folder_only "a key cannot be in another's way on S3"
    object out/d=1/old.csv old
    object out/d=1/b.csv/in-the-way old
    object out/_SUCCESS old
    publishes 'put d=1/a.csv; put d=1/b.csv' mode=replace marker=_SUCCESS
    assert_status 125
    one_error 'old data is still there, its manifest or marker may be gone: 1 of 2 objects are already in place'
    assert_message '1 of 2 objects are already in place'
    assert_objects out/d=1/old.csv out/d=1/b.csv/in-the-way out/d=1/a.csv
}

@test "mode = fail: anything in a partition of the run is refused before the first byte" {
    object out/d=1/old.csv old
    object out/d=1/older.csv old
    object out/d=2/x.csv old
    object out/d=3/_meta old
    publishes 'put d=1/a.csv; put d=4/a.csv' mode=fail
    assert_status 125
    one_error 'output "out": 2 objects are already where this run would publish, the first is s3://bucket/out/d=1/old.csv, and --set output.out.mode says mode = fail; remove them'
    assert_objects out/d=1/old.csv out/d=1/older.csv out/d=2/x.csv out/d=3/_meta
    publishes 'put d=3/a.csv; put d=4/a.csv; put notes.txt' mode=fail layout=none
    assert_status 0
    publishes 'put d=4/a.csv' mode=fail
    assert_status 125
    one_error '1 object is already .* s3://bucket/out/d=4/a.csv'
}

@test "manifest and marker: after all data, the manifest an input of the next job" {
    publishes 'put d=2/b.csv; put d=1/a.csv; put _rejected/x.csv' marker=_SUCCESS manifest=manifest.json
    assert_status 0
    assert_objects out/d=1/a.csv out/d=2/b.csv out/_rejected/x.csv out/_SUCCESS out/manifest.json
    [ ! -s "$STORE/bucket/out/_SUCCESS" ]
    [ "$(content out/manifest.json)" = '[{"prefix": "s3://bucket/out/"}, "d=1/a.csv", "d=2/b.csv"]' ]
    [ "$(value '["outputs"][0]["files"]')" = 3 ]
}

@test "an empty output gets its marker, and a warning for a manifest" {
    publishes ':' marker=_SUCCESS manifest=manifest.json
    assert_status 0
    assert_objects out/_SUCCESS
    assert_match "$stderr" 'warning: output "out": no manifest "manifest.json", which must list at least one file'
}

@test "a file of the manifest's or marker's name is refused" {
    publishes 'put _SUCCESS; put a.csv' marker=_SUCCESS
    assert_status 125
    one_error '_SUCCESS.*its marker|its marker.*_SUCCESS'
    assert_objects
    publishes 'put m.json; put a.csv' manifest=m.json
    assert_status 125
    one_error 'its manifest'
    assert_refused 'its (manifest|marker)' --set output.out.manifest=x --set output.out.marker=x
}

@test "no marker and no manifest when publishing failed" {
    folder_only "a key cannot be in another's way on S3"
    object out/a.csv/b
    publishes 'put a.csv' marker=_SUCCESS manifest=m.json
    assert_status 125
    assert_objects out/a.csv/b
}

@test "several hosts: every name carries its host's, markers and manifests too" {
    local host
    for host in algo-1 algo-2; do
        hosts "$host" algo-1 algo-2
        publishes "put part.csv $host; put d/x.csv.gz; put mine-$host.csv; put noext" \
            marker=_SUCCESS manifest=m.json
        assert_status 0
    done
    assert_objects out/part-algo-{1,2}.csv out/d/x-algo-{1,2}.csv.gz out/mine-algo-{1,2}.csv \
        out/noext-algo-{1,2} out/_SUCCESS-algo-{1,2} out/m-algo-{1,2}.json
    [ "$(content out/part-algo-1.csv)" = algo-1 ]
    [ "$(content out/part-algo-2.csv)" = algo-2 ]
    assert_match "$(content out/m-algo-2.json)" '"part-algo-2.csv"'
    [ -f "$OUT/part.csv" ] # the files themselves keep their names
}

@test "several hosts: one name of two files is refused" {
    hosts algo-1 algo-1 algo-2
    publishes 'put part.csv; put part-algo-1.csv'
    assert_status 125
    one_error 'would both become s3://bucket/out/part-algo-1.csv'
    assert_objects
}

@test "several hosts, mode = replace: each replaces its own, the first also what is nobody's" {
    object out/d=1/old.csv old
    object out/d=1/old-algo-1.csv old
    object out/d=1/old-algo-2.csv old
    hosts algo-2 algo-1 algo-2
    publishes 'put d=1/new.csv' mode=replace
    assert_status 0
    assert_objects out/d=1/old.csv out/d=1/old-algo-1.csv out/d=1/new-algo-2.csv
    hosts algo-1 algo-1 algo-2
    publishes 'put d=1/new.csv' mode=replace
    assert_status 0
    assert_objects out/d=1/new-algo-1.csv out/d=1/new-algo-2.csv
}

@test "several hosts, mode = fail: another host of the job is in nobody's way" {
    hosts algo-1 algo-1 algo-2
    publishes 'put d=1/a.csv' mode=fail
    assert_status 0
    hosts algo-2 algo-1 algo-2
    publishes 'put d=1/a.csv' mode=fail
    assert_status 0
    publishes 'put d=1/b.csv' mode=fail
    assert_status 125
    one_error 's3://bucket/out/d=1/a-algo-2.csv'
}

@test "several hosts and kind = platform: a warning of names without the host's" {
    unset PROCAGENT_STORE_KIND PROCAGENT_STORE_ROOT
    hosts algo-1 algo-1 algo-2
    publishes 'put part.csv; put x.csv; put mine-algo-1.csv'
    assert_status 0
    assert_match "$stderr" 'warning: output "out": 2 files such as "part.csv" without the host.s name \(algo-1\)'
    publishes 'put mine-algo-1.csv'
    refute grep -q warning <<<"$stderr"
    hosts algo-1 algo-1
    publishes 'put part.csv'
    refute grep -q warning <<<"$stderr"
}

@test "on_failure = publish: a failed transform's files go aside, without a layout, marker or pack" {
    object out/d=2021-12-14/old.csv old
    publishes 'put a.csv half; put x/b.csv; exit 3' on_failure=publish layout='d={time:%Y-%m-%d}' \
        marker=_SUCCESS mode=replace
    assert_status 3
    local aside
    aside=$(cd "$STORE/bucket" && echo out/_failed/*)
    assert_match "$aside" '^out/_failed/test-job-20[0-9]{6}T[0-9]{6}Z$'
    assert_objects "$aside/a.csv" "$aside/x/b.csv" out/d=2021-12-14/old.csv
    assert_message 'exited with status 3'
    assert_match "$stderr" "output \"out\": 2 files, .* of the failed transform -> s3://bucket/$aside"
    [ "$(value '["outputs"][0]["failed_to"]')" = "s3://bucket/$aside" ]
    [ "$(value '["status"]')" = 3 ]
    # the next run is not in its way
    rm -r "$STORE/bucket/out/d=2021-12-14"
    publishes 'put a.csv' on_failure=publish mode=fail
    assert_status 0
    [ "$(value '["outputs"][0]["failed_to"]')" = None ]
}

@test "on_failure = publish: only a failed transform's, and only of the output that says so" {
    output other other s3://bucket/other
    writes "put a.csv; echo x >$ML/processing/other/b.csv; exit 1"
    job --set job.time=2021-12-14T15:30:00Z --set output.other.on_failure=publish -- "$WORK/transform"
    assert_status 1
    assert_objects other/_failed/test-job-20211214T153000Z/b.csv
    rm -rf "$STORE/bucket/other"
    job --set output.out.on_failure=publish -- "$WORK/no-such-command"
    assert_status 127
    assert_objects
    # the partition stage fails, not the transform
    rm -rf "$ML/processing/other"
    publishes 'put d=1/a.csv; put a.csv' on_failure=publish layout='e={time:%Y}'
    assert_status 125
    assert_objects
}

@test "on_failure = publish: nothing after a stop or when the job's time is over" {
    writes 'put a.csv; touch "$WORK/ready"; trap "exit 7" TERM; sleep 30 & wait'
    start_agent --set output.out.on_failure=publish -- "$WORK/transform"
    until_true 10 test -e ready
    kill -TERM "$AGENT"
    end_agent
    assert_status 7
    assert_objects
    job --set output.out.on_failure=publish --set run.timeout=1s -- "$WORK/transform"
    assert_status 124
    assert_objects
}

@test "on_failure = publish: its own failure is told and changes no status" {
    publishes 'put "$(printf "x\\377")"; exit 4' on_failure=publish
    assert_status 4
    one_error 'publish: error: the failed transform.s outputs: .*UTF-8'
    assert_message 'exited with status 4'
}

@test "keys of publishing are refused with kind = platform" {
    unset PROCAGENT_STORE_KIND PROCAGENT_STORE_ROOT
    assert_refused 'output.out.mode: output "out": mode = replace needs \[store\] kind = folder or s3' --set output.out.mode=replace
    assert_refused '"out": marker needs' --set output.out.marker=_SUCCESS
    assert_refused '"out": manifest needs' --set output.out.manifest=m.json
    assert_refused '"out": on_failure = publish needs' --set output.out.on_failure=publish
    job --set output.out.mode=append -- true
    assert_status 0
}

@test "check tells how outputs are published" {
    agent check --ml-root "$ML" --set output.out.mode=replace --set output.out.marker=_OK \
        --set output.out.manifest=m.json --set output.out.on_failure=publish -- true
    assert_status 0
    assert_match "$output" "mode replace, marker _OK, manifest m.json, a failed transform's files below _failed/"
}

@test "a FeatureStoreOutput: the transform's own, or a clear error" {
    OUTPUTS=('{"OutputName": "features", "AppManaged": true, "FeatureStoreOutput": {"FeatureGroupName": "g"}}')
    write_config
    job -- true
    assert_status 0
    OUTPUTS=('{"OutputName": "features", "FeatureStoreOutput": {"FeatureGroupName": "g"}}')
    write_config
    assert_refused '"features" has a FeatureStoreOutput: .*PutRecord.*AppManaged'
}
