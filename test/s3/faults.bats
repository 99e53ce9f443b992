#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2034,SC2154 # MIRRORED, STORE_URL, status, output, stderr: see common.bash
# The S3 store when servers and networks fail: what is tried again succeeds, what is not ends in one error, and
# nothing half-done is left on either side.
load s3.bash

SLOW='{"status": 503, "body": "<Error><Code>SlowDown</Code><Message>less</Message><RequestId>RQ7</RequestId></Error>"}'
BROKEN='{"status": 500, "body": "<Error><Code>InternalError</Code></Error>"}'

# assert_happened: every rule of a limited count was used up.
assert_happened() {
    local rules
    rules=$(proxy_control faults)
    "$PYTHON" -c 'import json, sys
sys.exit(any(r["count"] > 0 for r in json.loads(sys.argv[1])))' "$rules" || {
        echo "did not happen: $rules"
        return 1
    }
}

# ---- what mends ----

# two_objects: in/small and in/big, of two ranges, are the input.
two_objects() {
    object in/small 'a small object'
    noise in/big $((PART + 100000))
    input in in s3://bucket/in/
}

# mends_staging RULE...: with these faults, each of its own, the job is as without them.
mends_staging() {
    local rule
    push_store
    MIRRORED=
    for rule; do
        printf -- '---- %s\n' "$rule"
        rm -rf "$ML/processing/in"
        faults "[$rule]"
        job -- true
        assert_status 0
        diff -r "$STORE/bucket/in" "$ML/processing/in"
        assert_happened
        assert_clean
    done
}

@test "a list mends: throttled, failing, cut, truncated, dropped, garbled" {
    object in/a
    object in/b
    input in in s3://bucket/in/
    mends_staging '{"path": "list-type", "count": 2, "action": '"$SLOW"'}' \
        '{"path": "list-type", "count": 2, "action": '"$BROKEN"'}' \
        '{"path": "list-type", "action": {"cut_after": 100}}' \
        '{"path": "list-type", "action": {"truncate": 1, "reset": true}}' \
        '{"path": "list-type", "count": 2, "action": {"drop": true}}' \
        '{"path": "list-type", "action": {"raw": "what?\r\n"}}' \
        '{"path": "list-type", "action": {"status": 429}}'
}

@test "a small object mends: throttled, failing, cut, dropped, garbled, damaged on the way" {
    object in/small 'a small object'
    object in/other 'another'
    input in in s3://bucket/in/
    mends_staging '{"path": "/in/small", "count": 2, "action": '"$SLOW"'}' \
        '{"path": "/in/small", "count": 2, "action": '"$BROKEN"'}' \
        '{"path": "/in/small", "count": 2, "action": {"cut_after": 3}}' \
        '{"path": "/in/small", "action": {"truncate": 1, "reset": true}}' \
        '{"path": "/in/small", "action": {"drop": true}}' \
        '{"path": "/in/", "count": 2, "action": {"drop": true, "reset": true}}' \
        '{"path": "/in/small", "action": {"raw": "HTTP/9 what\r\n\r\n"}}' \
        '{"path": "/in/small", "action": {"lose_answer": true}}' \
        '{"path": "/in/small", "action": {"flip_byte": 5}}'
}

@test "a range mends alone: throttled, failing, cut, truncated, dropped" {
    two_objects
    mends_staging '{"path": "/in/big", "count": 2, "action": '"$SLOW"'}' \
        '{"path": "/in/big", "action": {"cut_after": 1000000}}' \
        '{"path": "/in/big", "count": 2, "action": {"truncate": 10, "reset": true}}' \
        '{"path": "/in/big", "skip": 1, "action": {"drop": true}}'
    assert_logged 'sum("range" in r["headers"] for r in log) == 3' # and the other one not again
}

# waited_for PATH: the seconds from its first request to its second, for logged.
waited_for() {
    printf '[r["began"] for r in log if r["path"] == "%s"][1] - [r["began"] for r in log if r["path"] == "%s"][0]' "$1" "$1"
}

@test "who does not go on is left after store.timeout, and asked again" {
    two_objects
    export PROCAGENT_STORE_TIMEOUT=1s
    mends_staging '{"path": "/in/small", "action": {"delay_ms": 20000}},
        {"path": "/in/big", "action": {"delay_ms": 20000, "stall_after": 200000}}'
    assert_logged "1 <= $(waited_for /bucket/in/small) < 5"
    assert_logged "sum(r['path'] == '/bucket/in/big' for r in log) >= 2"
}

# mends_publishing RULE...
mends_publishing() {
    local rule
    MIRRORED=''
    for rule; do
        printf -- '---- %s\n' "$rule"
        s3_python 'for key in server.objects(b"bucket"): server.call("DELETE", b"bucket", key)'
        faults "[$rule]"
        job -- true
        assert_status 0
        assert_happened
        assert_no_uploads
        rm -rf "$WORK/is"
        mkdir -p "$WORK/is/bucket"
        mirror pull "$WORK/is" "$MOTO_URL"
        diff -r "$OUT" "$WORK/is/bucket/out"
    done
}

@test "an upload in parts mends: its begin, its parts, its end, each in every way" {
    produces big $((PART + 100000))
    output out output s3://bucket/out
    push_store
    local end='"method": "POST", "path": "uploadId="' late='{"status": 400, "body": "<Error><Code>RequestTimeout</Code></Error>"}'
    mends_publishing '{"path": "uploads=", "count": 2, "action": '"$SLOW"'},
        {"path": "partNumber=1", "count": 2, "action": {"cut_request_after": 1000000}},
        {"path": "partNumber=2", "count": 2, "action": '"$BROKEN"'}, {'"$end"', "count": 2, "action": '"$BROKEN"'}' \
        '{"path": "uploads=", "action": {"drop": true}},
        {"path": "partNumber=1", "action": {"cut_request_after": 1000000, "reset": true}},
        {"path": "partNumber=2", "action": {"lose_answer": true}},
        {'"$end"', "action": {"garbage": "<Error><Code>InternalError</Code></Error>"}}' \
        '{"path": "partNumber=1", "action": '"$late"'}, {'"$end"', "action": {"drop": true}}'
}

@test "the end of an upload, done with its answer lost, is seen to be done" {
    produces big $((PART + 100000))
    output out output s3://bucket/out
    push_store
    local end='"method": "POST", "path": "uploadId="' gone='{"status": 404, "body": "<Error><Code>NoSuchUpload</Code></Error>"}'
    local first
    for first in '{"lose_answer": true}' '{"cut_after": 50}' '{"lose_answer": true, "reset": true}'; do
        mends_publishing "{$end, \"action\": $first}, {$end, \"action\": $gone}"
        assert_logged '[r["method"] for r in log[-3:]] == ["POST", "POST", "HEAD"]'
    done
}

@test "a small upload mends: throttled, failing, cut, its answer lost" {
    produces small 1000
    output out output s3://bucket/out
    push_store
    mends_publishing '{"method": "PUT", "count": 2, "action": '"$SLOW"'}' \
        '{"method": "PUT", "count": 2, "action": '"$BROKEN"'}' \
        '{"method": "PUT", "action": {"cut_request_after": 10}}' \
        '{"method": "PUT", "action": {"lose_answer": true, "reset": true}}' \
        '{"method": "PUT", "action": {"status": 409, "body": "<Error><Code>OperationAborted</Code></Error>"}}'
}

# ---- what does not ----

# staging_fails RULE REGEX: nothing ran, and no file of the failed object is there.
staging_fails() {
    printf -- '---- %s\n' "$1"
    rm -rf "$ML/processing/in" "$ML/output"
    faults "[$1]"
    staging_job -- touch "$WORK/started"
    assert_failed "$2"
    assert_happened
    refute test -e "$WORK/started"
    refute test -e "$ML/processing/in/small"
}

@test "a server that fails for ever: one error with object, status, request and the number of tries" {
    object in/small
    input in in s3://bucket/in/
    staging_fails '{"path": "/in/small", "count": -1, "action": '"$SLOW"'}' \
        'after 3 tries: s3://bucket/in/small: get: HTTP 503 SlowDown: less \(request RQ7\)'
    assert_logged 'sum("/in/small" in r["path"] for r in log) == 3'
    staging_fails '{"path": "list-type", "count": -1, "action": '"$BROKEN"'}' \
        'after 3 tries: s3://bucket/in/: list: HTTP 500 InternalError'
    staging_fails '{"path": "/in/small", "count": -1, "action": {"drop": true}}' 'after 3 tries: s3://bucket/in/small: get: '
    staging_fails '{"path": "/in/small", "count": -1, "action": {"flip_byte": 0}}' \
        'after 3 tries: s3://bucket/in/small: what came is not what is stored: its MD5 is '
    PROCAGENT_STORE_RETRIES=0 staging_fails '{"path": "/in/small", "action": '"$SLOW"'}' 's3://bucket/in/small: get: HTTP 503'
    assert_logged 'sum("/in/small" in r["path"] for r in log) == 1'
    refute grep -q 'tries' <<<"$stderr"
}

@test "what no try mends is asked once" {
    object in/small
    input in in s3://bucket/in/
    local status code
    while read -r status code; do
        staging_fails '{"path": "/in/small", "action": {"status": '"$status"', "body": "<Error><Code>'"$code"'</Code></Error>"}}' \
            "s3://bucket/in/small: get: HTTP $status $code"
        assert_logged 'sum("/in/small" in r["path"] for r in log) == 1'
    done <<'CODES'
400 InvalidRequest
403 AccessDenied
403 InvalidObjectState
404 NoSuchKey
405 MethodNotAllowed
501 NotImplemented
CODES
}

@test "an object that changes between list and get, or between two ranges, is one error" {
    two_objects
    staging_fails '{"path": "/in/small", "action": {"change_etag": "\"other\""}}' \
        's3://bucket/in/small was changed while it was read .ETag "[0-9a-f]{32}", now "other"'
    rm "$STORE/bucket/in/small"
    staging_fails '{"path": "/in/big", "skip": 1, "action": {"change_etag": "\"other\""}}' 's3://bucket/in/big was changed'
    refute test -e "$ML/processing/in/big"
}

@test "an object that is really put anew while it is read is one error" {
    object in/small
    input in in s3://bucket/in/
    faults '[{"path": "/in/small", "action": {"delay_ms": 1500}}]'
    start_agent -- true
    until_true 20 eval 'logged "[r for r in log if \"/in/small\" in r[\"path\"]]" | grep -q GET'
    put_key in/small 'something else'
    end_agent
    stderr=$(cat "$WORK/stderr") output=''
    assert_failed 's3://bucket/in/small: get: HTTP 412 PreconditionFailed.*it was changed while it was read'
}

# lists KEY SIZE: a rule that answers a list with this one object.
lists() {
    printf '{"path": "list-type", "action": {"garbage": "<ListBucketResult><IsTruncated>false</IsTruncated>'
    printf '<Contents><Key>%s</Key><Size>%s</Size></Contents></ListBucketResult>"}}' "$1" "$2"
}

@test "more or fewer bytes than listed, or a server without ranges, is one error" {
    object in/small 0123456789
    input in in s3://bucket/in/
    staging_fails "$(lists in/small 9)" 's3://bucket/in/small: 9 bytes were expected, 10 are sent'
    staging_fails "$(lists in/small 11)" 's3://bucket/in/small: 11 bytes were expected, 10 are sent'
    staging_fails "$(lists in/small 0)" 's3://bucket/in/small: 0 bytes were expected, 10 are sent'
    staging_fails "$(lists in/small 9)"', {"path": "/in/small", "action": {"raw": "HTTP/1.1 200 OK\r\n\r\n0123456789"}}' \
        's3://bucket/in/small: more bytes than announced'
    staging_fails "$(lists in/small 11)"', {"path": "/in/small", "count": 3, "action": {"raw": "HTTP/1.1 200 OK\r\n\r\n0123"}}' \
        'after 3 tries: s3://bucket/in/small: 4 of 11 bytes came'
    staging_fails "$(lists in/small $((PART + 5)))"', {"path": "/in/small", "action": {"status": 200, "body": "x"}}' \
        's3://bucket/in/small: the server does not answer ranges .HTTP 200'
}

@test "lists that are none: one error that says where" {
    object in/small
    input in in s3://bucket/in/
    local body
    while IFS='|' read -r body regex; do
        staging_fails '{"path": "list-type", "action": {"garbage": "'"$body"'"}}' "s3://bucket/in/: list: $regex"
    done <<'BODIES'
|not S3's XML: the body is empty
<html><body>Welcome</body></html>|not S3's XML: line 1: <html> where <ListBucketResult> belongs
<ListBucketResult><IsTruncated>fal|not S3's XML: line 1: no element
<!DOCTYPE x [<!ENTITY a 'b'>]><ListBucketResult/>|not S3's XML: line 1: a document type
<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>|not S3's XML: .*NextContinuationToken
<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>in/a</Key><Size>-1</Size></Contents></ListBucketResult>|not S3's XML: .*<Size> "-1"
{}|not S3's XML: line 1
BODIES
    staging_fails "$(lists other/small 5)" 'list of s3://bucket/in/: the server lists "other/small", which is not below it'
    body='<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken></ListBucketResult>'
    staging_fails '{"path": "list-type", "count": 2, "action": {"garbage": "'"$body"'"}}' \
        's3://bucket/in/: list: the server begins the same page again'
    body='<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>'
    staging_fails '{"path": "list-type", "action": {"garbage": "'"$body"'"}}' 'nothing matches s3://bucket/in/'
}

@test "many objects that all fail: the number of requests is bounded" {
    local i
    mkdir -p "$STORE/bucket/in"
    for i in {1..64}; do echo "$i" >"$STORE/bucket/in/$i"; done
    input in in s3://bucket/in/
    export PROCAGENT_STORE_RETRIES=100 PROCAGENT_STORE_CONNECTIONS=32
    staging_fails '{"path": "/in/", "count": -1, "action": '"$SLOW"'}' 's3://bucket/in/[0-9]+: get: HTTP 503 SlowDown'
    assert_logged '64 < len(log) <= 1 + 64 + 100' # the budget is a hundred retries
}

# publishing_fails RULE REGEX
publishing_fails() {
    printf -- '---- %s\n' "$1"
    rm -rf "$ML/output"
    faults "[$1]"
    job -- true
    assert_failed "$2"
    assert_happened
}

@test "an upload that fails is aborted, nothing is seen, what was there stays" {
    object out/big old
    object out/small old
    produces big $((PART + 100000))
    produces small 100
    output out output s3://bucket/out
    publishing_fails '{"path": "partNumber=2", "count": -1, "action": '"$SLOW"'}' \
        'after 3 tries: s3://bucket/out/big: upload: HTTP 503 SlowDown: less \(request RQ7\)'
    assert_logged 'log[-1]["method"] == "DELETE" and "uploadId=" in log[-1]["path"]'
    publishing_fails '{"path": "partNumber=1", "action": {"status": 403, "body": "<Error><Code>AccessDenied</Code></Error>"}}' \
        's3://bucket/out/big: upload: HTTP 403 AccessDenied'
    publishing_fails '{"path": "partNumber=1", "action": {"headers": {"ETag": null}}}' \
        's3://bucket/out/big: the server gives part 1 no ETag'
    publishing_fails '{"path": "uploads=", "action": {"garbage": "<html/>"}}' \
        "s3://bucket/out/big: not S3's XML: line 1: <html>"
    publishing_fails '{"path": "uploads=", "action": {"status": 403}}' \
        's3://bucket/out/big: begin of the upload: HTTP 403 AccessDenied'
    [ "$(cat "$STORE/bucket/out/big" "$STORE/bucket/out/small")" = oldold ]
}

@test "a commit that fails half-way says how much is in place" {
    local i
    for i in 1 2 3 4; do produces "$i" 100; done
    produces big $((PART + 1))
    output out output s3://bucket/out
    export PROCAGENT_STORE_CONNECTIONS=1
    publishing_fails '{"method": "PUT", "path": "/out/3", "count": -1, "action": '"$SLOW"'}' \
        '3 of 5 objects are already in place: after 3 tries: s3://bucket/out/3: put: HTTP 503'
    assert_objects out/1 out/2 out/4 # 4 went while 3 waited
    publishing_fails '{"method": "POST", "path": "uploadId=", "count": -1, "action": '"$BROKEN"'}' \
        '4 of 5 objects are already in place: after 3 tries: s3://bucket/out/big: end of the upload: HTTP 500'
    assert_objects out/1 out/2 out/3 out/4
}

@test "an upload that is gone, and an object that is not it: an error" {
    produces big $((PART + 1))
    output out output s3://bucket/out
    local gone='"method": "POST", "path": "uploadId=", "action": {"status": 404, "body": "<Error><Code>NoSuchUpload</Code></Error>"}'
    publishing_fails "{$gone}" 'the upload is gone: s3://bucket/out/big: look: HTTP 404 NotFound'
    object out/big other
    publishing_fails "{$gone}" 'the upload is gone: s3://bucket/out/big is not what was uploaded'
    [ "$(cat "$STORE/bucket/out/big")" = other ]
    # as long and of as many parts, but of another content: an earlier run's
    cp "$OUT/big" "$STORE/bucket/out/big"
    job -- true
    assert_status 0
    cp "$STORE/bucket/out/big" "$WORK/before"
    produces big $((PART + 1))
    publishing_fails "{$gone}" 'the upload is gone: s3://bucket/out/big is not what was uploaded'
    cmp "$WORK/before" "$STORE/bucket/out/big"
}

# ---- the wrong place ----

# start_second: another proxy in front of moto, at SECOND_URL.
start_second() {
    launch second "$SYSTEM_PYTHON" -B "$S3_TESTS/proxy.py" "$MOTO_URL" --verify "$KEY_ID" "$SECRET"
    SECOND_URL=$(url_of second)
}

@test "sent on to another port of the endpoint's host: all of the bucket is asked there, signed anew" {
    object in/a
    object in/b
    produces c 10
    input in in s3://bucket/in/
    output out output s3://bucket/out
    start_second
    faults '[{"action": {"redirect": {"status": 307, "location": "'"$SECOND_URL"'/bucket/"}}}]'
    job -- true
    assert_status 0
    diff -r "$STORE/bucket/in" "$ML/processing/in"
    cmp "$STORE/bucket/out/c" "$OUT/c"
    assert_logged '[r["status"] for r in log][0] == 307'
    # staging's requests; publishing is a store opened anew
    PROXY_URL=$SECOND_URL assert_logged '[r["path"] for r in log if "list" not in r["path"]] in (
        ["/bucket/in/a", "/bucket/in/b"], ["/bucket/in/b", "/bucket/in/a"])'
    PROXY_URL=$SECOND_URL assert_signed
}

@test "told of another region, be it by a header or by the body: signed for that one" {
    object in/a
    produces big $((PART + 1))
    input in in s3://bucket/in/
    output out output s3://bucket/out
    local answer wrong='<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-west-3</Region></Error>'
    while IFS='|' read -r answer region; do
        faults '[{"path": "list-type", "action": '"$answer"'}, {"path": "uploads=", "action": '"$answer"'}]'
        job -- true
        assert_status 0
        assert_happened
        cmp "$STORE/bucket/out/big" "$OUT/big"
        [ "$(logged '[r["credential"].split("/")[2] for r in log if "list-type" in r["path"] or "uploads=" in r["path"]]')" = \
            "['us-east-1', '$region', 'us-east-1', '$region']" ]
        assert_logged "sum(r['credential'].split('/')[2] == 'us-east-1' for r in log) == 2"
        assert_signed
    done <<ANSWERS
{"redirect": {"status": 301, "region": "eu-west-1"}}|eu-west-1
{"status": 400, "headers": {"x-amz-bucket-region": "eu-west-2"}}|eu-west-2
{"status": 400, "body": "$wrong"}|eu-west-3
ANSWERS
}

@test "sent on to a stranger's host: refused, and the stranger gets nothing" {
    object in/small
    input in in s3://bucket/in/
    start_second
    local url at=@
    for url in "${SECOND_URL/127.0.0.1/localhost}/bucket/" "http://127.0.0.1${at}localhost:${SECOND_URL##*:}/" \
        "http://evil.127.0.0.1:${SECOND_URL##*:}/" "${SECOND_URL/http:/https:}/" 'file:///etc/passwd' "//${SECOND_URL#http://}"; do
        staging_fails '{"path": "list-type", "action": {"redirect": {"status": 307, "location": "'"$url"'"}}}' \
            "s3://bucket: sent on to .*which is not a host of $PROXY_URL: not followed"
    done
    PROXY_URL=$SECOND_URL assert_logged 'not log'
}

@test "sent from place to place for ever: given up" {
    object in/small
    input in in s3://bucket/in/
    local there='{"path": "list-type", "skip": 0, "action": {"redirect": {"region": "eu-west-1"}}}'
    local back='{"path": "list-type", "skip": 0, "action": {"redirect": {"region": "eu-west-2"}}}'
    staging_fails "$there, $back, $there, $back, $there" 's3://bucket/in/: list: HTTP 301 PermanentRedirect'
    assert_logged 'len(log) == 5'
}

# ---- stops ----

# stops REGEX SIGNAL: a job begins, and gets the signal when a request's path matches; sets status and TOOK (ms).
stops() {
    local begin
    start_agent -- true
    until_true 20 asked "$1"
    begin=$(date +%s%3N)
    kill "-$2" "$AGENT"
    end_agent
    TOOK=$(($(date +%s%3N) - begin))
    echo "took $TOOK ms"
}

asked() {
    logged '"\n".join(r["method"] + " " + r["path"] for r in log)' | grep -qE "$1"
}

@test "TERM during a download: 143 at once, no partial file" {
    two_objects
    faults '[{"path": "/in/", "count": -1, "action": {"delay_ms": 15000, "stall_after": 5}}]'
    stops '/in/big' TERM
    assert_status 143
    [ "$TOOK" -lt 4000 ]
    assert_message 'stopped by SIGTERM'
    assert_clean
    [ -z "$(find "$ML/processing/in" -type f)" ]
}

@test "TERM during an upload: 143 at once, the upload is aborted, what was there stays" {
    object out/big old
    produces big $((PART + 100000))
    output out output s3://bucket/out
    faults '[{"path": "partNumber=2", "count": -1, "action": {"delay_ms": 15000}}]'
    stops 'partNumber=2' TERM
    assert_status 143
    [ "$TOOK" -lt 4000 ]
    assert_message 'stopped by SIGTERM'
    assert_no_uploads
    assert_logged 'log[-1]["method"] == "DELETE"'
    [ "$(cat "$STORE/bucket/out/big")" = old ]
}

@test "TERM while the server begins an upload: its id is waited for, and it is aborted" {
    produces big $((PART + 100000))
    output out output s3://bucket/out
    faults '[{"path": "uploads=", "action": {"delay_ms": 1000}}]'
    stops 'uploads=' TERM
    assert_status 143
    assert_objects
    assert_logged '[r["method"] for r in log] == ["POST", "DELETE"]'
    assert_no_uploads
}

@test "TERM while the server ends an upload: waited for, since nobody could say what became of it" {
    produces big $((PART + 100000))
    output out output s3://bucket/out
    faults '[{"path": "uploadId=", "method": "POST", "action": {"delay_ms": 1000}}]'
    stops 'POST .*uploadId=' TERM
    assert_objects out/big
    cmp "$STORE/bucket/out/big" "$OUT/big"
    assert_status 0
    assert_no_uploads
}

@test "killed during an upload: nothing is seen, what was there stays, and the next run is fine" {
    object out/small old
    produces big $((PART + 100000))
    produces small 10
    output out output s3://bucket/out
    faults '[{"path": "partNumber=2", "action": {"delay_ms": 3000}}]'
    stops 'partNumber=2' KILL
    assert_status 137
    assert_objects out/small
    [ "$(cat "$STORE/bucket/out/small")" = old ]
    job -- true
    assert_status 0
    diff -r "$STORE/bucket/out" "$OUT"
}

@test "a store that answers no abort keeps a stop for some seconds only" {
    produces big $((PART + 100000))
    output out output s3://bucket/out
    faults '[{"path": "partNumber=2", "action": {"delay_ms": 15000}}, {"method": "DELETE", "action": {"delay_ms": 15000}}]'
    stops 'partNumber=2' TERM
    assert_status 143
    [ "$TOOK" -lt 9000 ]
    grep -q 'warning: the store does not answer in time; parts of uploads may be left, ignored' "$WORK/stderr"
}
