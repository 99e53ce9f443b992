#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2034,SC2154 # INPUTS, OUTPUTS, status, output, stderr: see common.bash
# What the agent tells: report.json, the lines on stderr, and that telling never stands in the way.
load common

# A job with everything: two inputs, a layout, a pack, a link; and what the report must say of it.
whole_job() {
    use_store
    object in/a 12345
    object in/b 123
    object code/x.py 1
    input data input/data s3://bucket/in/
    input code input/code s3://bucket/code/x.py
    output parts output/parts s3://bucket/parts/
    output pack output/pack s3://bucket/pack
    hosts algo-1 algo-1
    script transform <<'SH'
cd "$OUT/parts"; printf 1234567 >a.csv; printf 12 >b.csv; ln -s a.csv link
cd "$OUT/pack"; echo x >x; echo y >y; echo z >z
SH
    job --set job.time=2021-12-14T15:30:00.5Z --set job.timezone=Asia/Tokyo \
        --set 'output.parts.layout=d={time}' --set output.pack.pack=o.tgz -- "$WORK/transform" 'a b' ''
    assert_status 0
}

@test "report.json of a whole job: every field" {
    whole_job
    "$PYTHON" - "$ML/output/report.json" "$WORK" <<'PY'
import datetime, json, os, sys
r = json.load(open(sys.argv[1], encoding="utf-8"))
work = sys.argv[2]
assert list(r) == ["version", "job", "arn", "host", "hosts", "time", "timezone", "store", "status", "reason",
    "failed_stage", "error", "started", "seconds", "stages", "inputs", "transform", "notebook", "outputs"], list(r)
instant = lambda s: datetime.datetime.fromisoformat(s.replace("Z", "+00:00"))
assert r["version"] == 1 and r["job"] == "test-job" and r["arn"].endswith("processing-job/test-job")
assert r["host"] == "algo-1" and r["hosts"] == 1 and r["timezone"] == "Asia/Tokyo" and r["store"] == os.environ["PROCAGENT_STORE_KIND"]
assert instant(r["time"]) == instant("2021-12-14T15:30:00.500Z"), r["time"]
now = datetime.datetime.now(datetime.timezone.utc)
assert datetime.timedelta(0) <= now - instant(r["started"]) < datetime.timedelta(minutes=2), r["started"]
assert r["status"] == 0 and r["failed_stage"] is None and r["error"] is None
assert r["reason"] == open(work + "/ml/output/message", encoding="utf-8").read()
assert [s["name"] for s in r["stages"]] == ["stage", "run", "partition", "pack", "publish"]
assert all(set(s) == {"name", "seconds", "ok"} and s["ok"] is True and s["seconds"] >= 0 for s in r["stages"])
assert 0 < sum(s["seconds"] for s in r["stages"]) <= r["seconds"] < 60
assert r["inputs"] == [
    {"name": "data", "local_path": "/opt/ml/processing/input/data", "s3_uri": "s3://bucket/in/", "files": 2, "bytes": 8},
    {"name": "code", "local_path": "/opt/ml/processing/input/code", "s3_uri": "s3://bucket/code/x.py", "files": 1, "bytes": 1}], r["inputs"]
assert r["transform"] == {"command": [work + "/transform", "a b", ""], "started": True, "status": 0, "signal": None,
    "leftovers": 0, "timed_out": False, "last_line": None}
size = os.path.getsize(work + "/store/bucket/pack/o.tgz")
assert r["outputs"] == [
    {"name": "parts", "local_path": "/opt/ml/processing/output/parts", "s3_uri": "s3://bucket/parts", "files": 2, "bytes": 9,
     "skipped": 1, "published": 2, "replaced": 0, "failed_to": None, "partitions": 1, "moved": 2, "split": 0, "rows": None,
     "leaves": [{"path": "d=2021-12-15", "files": 2, "rows": None, "bytes": 9}]},
    {"name": "pack", "local_path": "/opt/ml/processing/output/pack", "s3_uri": "s3://bucket/pack", "files": 1, "bytes": size,
     "skipped": 0, "published": 1, "replaced": 0, "failed_to": None, "partitions": 0, "moved": 0, "split": 0, "rows": None, "leaves": [], "archive": {"name": "o.tgz", "members": 3, "bytes": size}}], r["outputs"]
PY
}

@test "report.json: the README names every key" {
    whole_job
    "$PYTHON" - "$ML/output/report.json" "$TOP/README.md" <<'PY'
import json, sys
text = open(sys.argv[2], encoding="utf-8").read()
text = text[text.index("report.json`:"):]
text = text[:text.index("\n## ")]
def keys(v):
    if isinstance(v, dict):
        for k in v:
            yield k
            yield from keys(v[k])
    elif isinstance(v, list):
        for x in v:
            yield from keys(x)
missing = [k for k in keys(json.load(open(sys.argv[1]))) if "`%s" % k not in text and k not in text]
assert not missing, missing
PY
}

@test "report.json of failures: status, reason, stage, kind" {
    use_store
    output out output s3://bucket/out
    job -- sh -c 'exit 3'
    [ "$(value '["status"]') $(value '["failed_stage"]') $(value '["transform"]["status"]')" = '3 None 3' ]
    job -- sh -c 'kill -9 $$'
    [ "$(value '["status"]') $(value '["transform"]["signal"]')" = '137 9' ]
    job -- ./missing
    [ "$(value '["status"]') $(value '["failed_stage"]') $(value '["error"]') $(value '["transform"]["started"]')" = '127 run exec False' ]
    [ "$(value '["transform"]["status"]')" = None ]
    job -- sh -c "mkdir -p '$OUT/a=1/b'; echo >'$OUT/a=1/b/x'"
    [ "$(value '["status"]') $(value '["failed_stage"]') $(value '["error"]') $(value '["transform"]["status"]')" = '125 partition output 0' ]
    [ "$(value '["stages"][-1]')" != "" ]
    [ "$(value '["stages"][-1]["name"]') $(value '["stages"][-1]["ok"]')" = 'partition False' ]
    input in input s3://bucket/missing
    job -- true
    [ "$(value '["status"]') $(value '["failed_stage"]') $(value '["error"]')" = '125 stage input' ]
    job --set job.time=x -- true
    [ "$(value '["status"]') $(value '["failed_stage"]') $(value '["error"]')" = '125 config config' ]
    local reason
    reason=$(value '["reason"]')
    message
    [ "$MESSAGE" = "$reason" ]
}

@test "report.json: valid UTF-8 JSON also when arguments and names are not" {
    job -- sh -c : "$(printf '\377\376\001"\\')"
    assert_status 0
    "$PYTHON" -c 'import json, sys; json.load(open(sys.argv[1], encoding="utf-8"))' "$ML/output/report.json"
}

@test "report.json: replaced whole, no temporaries, no secrets of the environment" {
    mkdir -p "$ML/output"
    printf '%09000d' 0 >"$ML/output/report.json"
    SECRET_TOKEN=hunter2 job -- true
    "$PYTHON" -m json.tool "$ML/output/report.json" >/dev/null
    refute grep -rq hunter2 "$ML/output"
    assert_clean
    diff <(tree "$ML/output") <(printf 'f message\nf report.json\n')
}

@test "stderr: one line per stage that did something, one at the end, in order" {
    whole_job
    printf '%s\n' "$stderr" | sed -E 's/^procagent: ([a-z]+): .*/\1/' >words
    diff <(grep -v warning words | uniq) - <<WORDS
stage
run
partition
pack
publish
completed
WORDS
    assert_match "$stderr" '^procagent: stage: input "data": 2 files, 8 bytes -> /opt/ml/processing/input/data$'
    assert_match "$stderr" '^procagent: partition: output "parts": 1 partition, 2 files moved$'
    assert_match "$stderr" '^procagent: publish: output "parts": 2 files, 9 bytes -> s3://bucket/parts$'
    assert_match "$(tail -n 1 <<<"$stderr")" '^procagent: completed: 2 outputs, 3 files, .*stage [0-9.]+ s, run [0-9.]+ s.*exit status 0$'
}

@test "stderr: no colours, no carriage returns, nothing on stdout" {
    whole_job
    [ -n "$stderr" ]
    refute grep -q $'[\e\r]' <<<"$stderr"
    [ -z "$output" ]
}

@test "stderr: lines are UTF-8 without control characters, whatever the names" {
    local odd
    odd=$(printf 'x\377\033[31m\001')
    job -- "./$odd"
    assert_status 127
    refute grep -aq '[[:cntrl:]]' <<<"$stderr"
    "$PYTHON" -c 'import sys; sys.stdin.buffer.read().decode("utf-8")' <<<"$stderr"
}

@test "stderr: -q leaves warnings and errors only, -v and PROCAGENT_LOG say more" {
    simple_job
    job -q -- true
    [ -z "$stderr" ]
    job -q -- ./missing
    one_error missing
    [ "$(wc -l <<<"$stderr")" -eq 1 ]
    job -q -- sh -c "ln -s x '$OUT/link'"
    assert_match "$stderr" 'warning: .*link'
    PROCAGENT_LOG=error job -- sh -c 'exit 3'
    [ -z "$stderr" ]
    rm -r "$OUT"
    job -- true
    local plain=$stderr
    job -v -- true
    [ "$(wc -l <<<"$stderr")" -ge "$(wc -l <<<"$plain")" ]
}

@test "stderr closed: the job is done all the same" {
    simple_job
    local status=0
    push_store
    timeout "$LIMIT" "$PROCAGENT" run --ml-root "$ML" -- sh -c "echo x >'$OUT/x'" 2>&- 3>&- || status=$?
    pull_store
    assert_status 0
    assert_objects out/x
}

@test "stderr whose reader is gone: the job is done all the same" {
    simple_job
    mkfifo pipe
    # the reader takes nothing and leaves
    : <pipe &
    local reader=$! status=0
    exec 8>pipe
    wait "$reader"
    push_store
    timeout "$LIMIT" "$PROCAGENT" run --ml-root "$ML" -- sh -c "echo x >'$OUT/x'" 2>&8 3>&- || status=$?
    pull_store
    exec 8>&-
    assert_status 0
    assert_objects out/x
}

@test "stderr that is full and never read does not hang the job" {
    simple_job
    mkfifo pipe
    exec 8<>pipe # open for both: nobody reads
    dd if=/dev/zero of=/proc/self/fd/8 bs=65536 count=64 oflag=nonblock 2>/dev/null || true
    local began=$SECONDS status=0
    push_store
    timeout 30 "$PROCAGENT" run --ml-root "$ML" -- sh -c "echo x >'$OUT/x'" 2>&8 3>&- || status=$?
    pull_store
    exec 8>&-
    assert_status 0
    [ $((SECONDS - began)) -le 15 ]
    assert_objects out/x
}

@test "stderr = /dev/full: the job is done all the same" {
    [ -c /dev/full ] || skip "no /dev/full"
    simple_job
    local status=0
    push_store
    timeout "$LIMIT" "$PROCAGENT" run --ml-root "$ML" -- sh -c "echo x >'$OUT/x'" 2>/dev/full 3>&- || status=$?
    pull_store
    assert_status 0
    assert_objects out/x
}

@test "stdout = /dev/full: check and version say so by their status" {
    [ -c /dev/full ] || skip "no /dev/full"
    local word status
    for word in version help "check --ml-root $ML -- true"; do
        status=0
        # shellcheck disable=SC2086 # words
        timeout "$LIMIT" "$PROCAGENT" $word >/dev/full 3>&- || status=$?
        assert_status 125
    done
}
