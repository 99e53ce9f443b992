#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2034,SC2154 # INPUTS, MIRRORED, status, output, stderr: see common.bash
# What a user of the S3 store got wrong: each is one line that names bucket and key, what S3 said, and what to do.
load s3.bash

# from S3URI and to S3URI: a job with this input, with this output of a small and a large file.
from() {
    INPUTS=() OUTPUTS=()
    input in in "$1"
}

to() {
    INPUTS=() OUTPUTS=()
    produces small 10
    produces big $((PART + 1))
    output out output "$1"
}

# fails REGEX: and nothing ran.
fails() {
    rm -rf "$ML/output"
    staging_job -- touch "$WORK/started"
    assert_failed "$1"
    refute test -e "$WORK/started"
}

# fails_late REGEX: when publishing; nothing is seen.
fails_late() {
    rm -rf "$ML/output"
    job -- true
    assert_failed "$1"
    assert_objects
}

@test "a bucket that is not there" {
    from s3://no-bucket/in/
    fails 's3://no-bucket/in/: list: HTTP 404 NoSuchBucket: .* .request .*; is the bucket.s name right'
    to s3://no-bucket/out
    fails_late 's3://no-bucket/out/big: begin of the upload: HTTP 404 NoSuchBucket: .*; is the bucket.s name right'
    rm "$OUT/big"
    fails_late 's3://no-bucket/out/small: put: HTTP 404 NoSuchBucket: .*; is the bucket.s name right'
}

@test "what is not allowed: says who was not, and the request" {
    local denied='{"status": 403, "headers": {"x-amz-request-id": "HEADER7"},
        "body": "<Error><Code>AccessDenied</Code><Message>no, you may not</Message></Error>"}'
    object in/a
    from s3://bucket/in/
    faults '[{"path": "list-type", "action": '"$denied"'}]'
    fails 's3://bucket/in/: list: HTTP 403 AccessDenied: no, you may not .request HEADER7. .credentials from environment'
    faults '[{"path": "/in/a", "action": '"$denied"'}]'
    fails 's3://bucket/in/a: get: HTTP 403 AccessDenied: no, you may not .request HEADER7.'
    rm -r "$STORE/bucket/in"
    to s3://bucket/out
    faults '[{"method": "PUT", "path": "/out/small", "action": '"$denied"'}]'
    fails_late 's3://bucket/out/small: put: HTTP 403 AccessDenied: no, you may not .request HEADER7.'
    faults '[{"method": "POST", "path": "uploadId=", "action": '"$denied"'}]'
    rm -f "$OUT/small"
    fails_late 's3://bucket/out/big: end of the upload: HTTP 403 AccessDenied: no, you may not .request HEADER7.'
}

@test "what a server says is shown in one harmless line" {
    from s3://bucket/in/
    local long body
    long=$(printf 'x%.0s' {1..3000})
    push_store
    MIRRORED=''
    while read -r body; do
        faults '[{"action": {"status": 403, "body": "'"$body"'"}}]'
        fails 's3://bucket/in/: list: HTTP 403'
        [ "${#stderr}" -lt 2000 ]
        refute grep -qP '[^\n\x20-\x7e]' <<<"$stderr"
    done <<BODIES
<Error><Code>A</Code><Message>one\\nprocagent: error: two</Message></Error>
<Error><Code>A</Code><Message>&#9;&#13;\\u007f</Message></Error>
<Error><Code>A</Code><Message>$long</Message></Error>
<Error><Code>$long</Code></Error>
<Error><Message>%s%n%s</Message></Error>
<html>$long</html>

BODIES
}

@test "no region, or none that can be one" {
    from s3://bucket/in/
    unset PROCAGENT_STORE_ENDPOINT PROCAGENT_STORE_REGION
    export HOME=$WORK
    fails 'no region: set .store. region, AWS_REGION or the profile.s region'
    AWS_REGION=evil.test/ fails '"evil.test/" is no region .AWS_REGION'
    PROCAGENT_STORE_REGION=evil.test/ fails '.store. region: "evil.test/" is no region'
}

@test "endpoints that are none, in agent.ini and in the environment" {
    local url at=@
    from s3://bucket/in/
    push_store
    MIRRORED=''
    for url in 127.0.0.1:9000 ftp://127.0.0.1 http:// 'http://a b' http://127.0.0.1/path 'http://127.0.0.1?x' "http://me:word$at"127.0.0.1; do
        PROCAGENT_STORE_ENDPOINT=$url assert_refused 'http://HOST\[:PORT\] or https://HOST\[:PORT\]'
        (
            unset PROCAGENT_STORE_ENDPOINT
            export PROCAGENT_STORE_ADDRESSING=virtual AWS_ENDPOINT_URL_S3=$url
            fails 'the endpoint .* \(AWS_ENDPOINT_URL_S3, .*\) is not http://HOST\[:PORT\] or https://HOST\[:PORT\]'
        )
    done
    assert_logged 'not log'
}

@test "an endpoint where nobody listens, or that has no address" {
    local port
    read -r port <<<"$(free_ports 1)"
    from s3://bucket/in/
    PROCAGENT_STORE_ENDPOINT=http://127.0.0.1:$port fails "after 3 tries: s3://bucket/in/: list: .*onnect to 127.0.0.1 port $port"
    PROCAGENT_STORE_RETRIES=0 PROCAGENT_STORE_ENDPOINT=http://nobody.invalid fails \
        's3://bucket/in/: list: Could not resolve host: nobody.invalid'
    to s3://bucket/out
    PROCAGENT_STORE_RETRIES=0 PROCAGENT_STORE_ENDPOINT=http://127.0.0.1:$port fails_late \
        "s3://bucket/out/big: begin of the upload: .*onnect to 127.0.0.1 port $port"
}

@test "a key that is file and folder cannot be staged; nothing is asked for" {
    push_store
    MIRRORED=''
    put_key in/a file
    put_key in/a/b 'below it'
    from s3://bucket/in/
    fails 's3://bucket/in/a and s3://bucket/in/a/b need a file and a folder'
    assert_logged 'len(log) == 1'
}

@test "buckets below the endpoint's host" {
    local list='<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>in/a b</Key><Size>5</Size></Contents></ListBucketResult>'
    from s3://bucket/in/
    echo result >"$WORK/result"
    output out output s3://bucket/out
    export PROCAGENT_STORE_ADDRESSING=virtual PROCAGENT_STORE_ENDPOINT=${PROXY_URL/127.0.0.1/localhost}
    # moto is told not to look at host names: the proxy answers
    faults '[{"path": "list-type", "action": {"garbage": "'"$list"'"}}, {"method": "GET", "action": {"garbage": "hello"}},
        {"method": "PUT", "action": {"status": 200}}]'
    job -- cp "$WORK/result" "$OUT/"
    assert_status 0
    [ "$(cat "$ML/processing/in/a b")" = hello ]
    [ "$(logged '[r["path"] for r in log]')" = \
        "['/?encoding-type=url&list-type=2&prefix=in%2F', '/in/a%20b', '/out/result']" ]
    assert_logged '{r["headers"]["host"] for r in log} == {"bucket.localhost:'"${PROXY_URL##*:}"'"}'
    assert_signed
}
