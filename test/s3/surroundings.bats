#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2154 # status, output: run's
# What the S3 tests stand on, tested without the agent: that the mirror is exact, that the proxy fails as told and
# knows a wrong signature from a right one (curl's and the AWS CLI's are the others' work), that the credentials
# endpoint and TLS are as real ones are.
bats_require_minimum_version 1.5.0

setup_file() {
    load servers.bash
    start_moto || export NO_MOTO=1
    start_s3rver || export NO_S3RVER=1
}

teardown_file() {
    load servers.bash
    stop_servers
}

setup() {
    load servers.bash
    unset "${!AWS_@}"
    export no_proxy=127.0.0.1,localhost NO_PROXY=127.0.0.1,localhost LC_ALL=C.UTF-8
    cd "$BATS_TEST_TMPDIR" || return 1
    if [ -z "${NO_MOTO:-}" ]; then reset_moto; fi
}

need_moto() { [ -z "${NO_MOTO:-}" ] || skip "no moto"; }
need_s3rver() { [ -z "${NO_S3RVER:-}" ] || skip "no s3rver"; }

# ask URL [CURL OPTION...]: one try, quiet; run's status is curl's, and its last line the HTTP status.
ask() {
    run -"${EXPECTED:-0}" curl -sS --max-time 10 -w '\n%{http_code}' "${@:2}" "$1"
}

http_status() {
    [ "${output##*$'\n'}" = "$1" ] || {
        printf 'expected %s, got:\n%s\n' "$1" "$output"
        return 1
    }
}

PUBLIC='x-amz-acl: public-read' # moto does not give others to who has no key

# behind_proxy: moto with bucket/ten, of ten bytes, and the proxy in front.
behind_proxy() {
    need_moto
    curl -sSf -X PUT "$MOTO_URL/bucket" >/dev/null
    curl -sSf -X PUT -d 0123456789 -H 'Content-Type: text/plain' -H "$PUBLIC" "$MOTO_URL/bucket/ten" >/dev/null
    start_proxy "$MOTO_URL" "$@"
}

# ---- the mirror ----

# round_trip URL KEY NAME...: a tree with these names there and back, twice, then another one.
round_trip() {
    local url=$1 key=$2 name
    shift 2
    rm -rf here there
    mkdir -p here/bucket/deep/er here/empty-bucket there/gone there/bucket/empty
    for name; do printf %s "$name" >"here/bucket/deep/$name"; done
    : >here/bucket/nothing
    head -c 300000 /dev/urandom >here/bucket/deep/er/noise
    echo stale >there/bucket/stale
    mirror push here "$url" "$key" "$key"
    mirror pull there "$url" "$key" "$key"
    diff -r <(find there/bucket -type d) <(printf '%s\n' there/bucket there/bucket/deep there/bucket/deep/er)
    rm -r there/bucket/deep/er
    mirror pull there "$url" "$key" "$key"
    diff -r here there
    # what is the same stays as it is
    find there -printf '%p %i %C@\n' | sort >before
    mirror pull there "$url" "$key" "$key"
    find there -printf '%p %i %C@\n' | sort | diff before -
    # the server follows: less, other content of the same length, a file where a folder was
    rm -r here/bucket/deep here/empty-bucket
    echo file >here/bucket/deep
    printf ONE >here/bucket/one
    mirror push here "$url" "$key" "$key"
    printf TWO >here/bucket/one
    mirror push here "$url" "$key" "$key"
    mirror pull there "$url" "$key" "$key"
    diff -r here there
}

ODD=('two words' 'a+b' '100%' '%41' 'a=b&c' "it's" '"q"' '<x>' '東京' 'a\b' '-rf' '.hidden' '...' '~*?!()' '#;$@,:')

@test "mirror: moto has what the folder has, and back, whatever the names" {
    need_moto
    round_trip "$MOTO_URL" test "${ODD[@]}"
}

@test "mirror: s3rver as well" {
    need_s3rver
    round_trip "$S3RVER_URL" S3RVER "${ODD[@]}" $'new\nline'
}

@test "mirror: more keys than one listing has" {
    need_moto
    mkdir -p here/bucket there
    local i
    for i in {1..1003}; do : >"here/bucket/$i"; done
    mirror push here "$MOTO_URL"
    mirror pull there "$MOTO_URL"
    diff -r here there
}

@test "mirror: failures are said: a key that is no path, a wrong key id, nobody there" {
    need_moto
    need_s3rver
    mkdir -p there
    curl -sSf -X PUT "$MOTO_URL/bucket" >/dev/null
    curl -sSf -X PUT -d x --path-as-is "$MOTO_URL/bucket/a/../b" >/dev/null
    run -1 mirror pull there "$MOTO_URL"
    [[ $output == *'a/../b'*'can be no path'* ]]
    run -1 mirror pull there "$S3RVER_URL" stranger x
    [[ $output == *'status 403'* ]]
    run -1 mirror pull there http://127.0.0.1:9
    [[ $output == *'refused'* ]]
}

# ---- the proxy ----

@test "proxy: requests go through unchanged, over kept connections, and are logged" {
    behind_proxy
    curl -sSf -r 2-4 "$PROXY_URL/bucket/ten" "$PROXY_URL/bucket/ten?x=%2F" -o one -o two
    [ "$(cat one two)" = 234234 ]
    head -c 3000000 /dev/urandom >big
    curl -sSf -H "$PUBLIC" -T big "$PROXY_URL/bucket/big"
    curl -sSf -H "$PUBLIC" -T - "$PROXY_URL/bucket/chunked" <big
    curl -sSf "$PROXY_URL/bucket/big" "$MOTO_URL/bucket/big" "$PROXY_URL/bucket/chunked" | cmp - <(cat big big big)
    curl -sSfI -H 'x-amz-security-token: secret' "$PROXY_URL/bucket/big" | grep -qi '^content-length: 3000000'
    ask "$PROXY_URL/bucket/ten" -X DELETE
    http_status 204
    ask "$PROXY_URL/bucket/ten"
    http_status 404
    [ "$(logged '[(r["method"], r["path"], r["status"], r["sent"]) for r in log[:3]]')" = \
        "[('GET', '/bucket/ten', 206, 3), ('GET', '/bucket/ten?x=%2F', 206, 3), ('PUT', '/bucket/big', 200, 0)]" ]
    [ "$(logged 'log[0]["headers"]["range"], log[0]["headers"]["host"], log[2]["headers"]["content-length"]')" = \
        "('bytes=2-4', '${PROXY_URL#http://}', '3000000')" ]
    [ "$(logged '[r["token"] for r in log if r["method"] == "HEAD"]')" = '[True]' ]
    [ "$(logged 'log[0]["connection"] == log[1]["connection"], stats["requests"] > stats["connections"]')" = '(True, True)' ]
    refute_secret "$(proxy_control log)"
}

refute_secret() {
    [[ $1 != *secret* ]]
}

@test "proxy: a rule is for so many requests, after so many, of those that match" {
    behind_proxy
    faults '[{"method": "GET", "path": "ten", "skip": 1, "count": 2,
        "action": {"status": 503, "body": "<Error><Code>SlowDown</Code></Error>", "headers": {"Retry-After": "7"}}}]'
    local expected
    for expected in 200 503 503 200; do
        ask "$PROXY_URL/bucket" -I # another method
        http_status 200
        ask "$PROXY_URL/bucket/ten" -i
        http_status "$expected"
        if [ "$expected" = 503 ]; then [[ $output == *'Retry-After: 7'*'<Code>SlowDown</Code>'* ]]; fi
    done
    [ "$(logged '[(r["status"], r["fault"] is None) for r in log if r["method"] == "GET"]')" = \
        '[(200, True), (503, False), (503, False), (200, True)]' ]
    [ "$(proxy_control faults | tr -d ' \n' | grep -o '"count":[0-9]')" = '"count":0' ]
    faults '[]'
    [ "$(logged 'stats["requests"], stats["max_in_flight"]')" = '(0, 0)' ]
}

@test "proxy: rules from a file; a misspelt rule is refused" {
    echo '[{"count": -1, "action": {"status": 418}}]' >rules.json
    behind_proxy --faults rules.json
    local i
    for i in 1 2 3; do
        ask "$PROXY_URL/bucket/ten"
        http_status 418
    done
    run ! faults '[{"action": {"cut_aftr": 1}}]'
    run ! faults '[{"methods": "GET", "action": {"drop": true}}]'
    run ! faults '[{"path": "(", "action": {"drop": true}}]'
    run ! faults '{'
}

# fault ACTION CURL_STATUS BODY [CURL OPTION...]: what curl makes of it. Headers are in the file headers.
fault() {
    echo "$1"
    faults "[{\"action\": $1}]"
    run -"$2" curl -sS --max-time 10 -D headers -o got "${@:4}" "$PROXY_URL/bucket/ten"
    [ "$(cat got)" = "$3" ]
    rm -f got
    : >got
}

@test "proxy: each fault is what its name says" {
    behind_proxy
    : >got
    fault '{"drop": true}' 52 ''
    fault '{"drop": true, "reset": true}' 56 ''
    fault '{"raw": "SMTP or so\r\n"}' 1 ''
    fault '{"cut_after": 4}' 18 0123
    grep -qi '^content-length: 10' headers
    fault '{"truncate": 3}' 18 0123456
    fault '{"flip_byte": 4}' 0 0123556789
    fault '{"garbage": "<Wrong"}' 0 '<Wrong'
    grep -q '^HTTP/1.1 200' headers
    fault '{"redirect": {"status": 307, "location": "http://other.test/x"}}' 0 "$(cat <<'XML'
<?xml version="1.0" encoding="UTF-8"?>
<Error><Code>TemporaryRedirect</Code><Message>use the other endpoint</Message><Endpoint>other.test</Endpoint><RequestId>PROXY</RequestId></Error>
XML
    )"
    grep -q '^Location: http://other.test/x' headers
    faults '[{"action": {"redirect": {"region": "eu-west-1"}}}]'
    ask "$PROXY_URL/bucket/ten" -i
    [[ $output == 'HTTP/1.1 301 '*'x-amz-bucket-region: eu-west-1'*'<Code>PermanentRedirect<'* ]]
    fault '{"change_etag": "\"x\"", "headers": {"Last-Modified": null, "X-More": "1"}}' 0 0123456789
    [ "$(grep -ciE '^etag: "x"|^x-more: 1' headers)" = 2 ]
    [ "$(grep -ciE '^etag|^last-modified' headers)" = 1 ]
    fault '{"cut_after": 4, "delay_ms": 5, "reset": true}' 56 0123
    [ "$(logged 'log[0]["cut"], log[0]["sent"]')" = "('by rule', 4)" ]
}

@test "proxy: delays, before the answer and in the middle of it" {
    behind_proxy
    : >got
    fault '{"delay_ms": 400}' 28 '' --max-time 0.2
    fault '{"delay_ms": 2000, "stall_after": 3}' 28 012 --max-time 1
    fault '{"delay_ms": 300, "stall_after": 3}' 0 0123456789
    [ "$(logged '0.3 <= log[0]["ended"] - log[0]["began"] < 5')" = True ]
}

@test "proxy: an upload that is cut does not arrive; one whose answer is lost does" {
    behind_proxy
    head -c 3000000 /dev/urandom >big
    faults '[{"method": "PUT", "path": "/cut$", "action": {"cut_request_after": 100000}},
        {"method": "PUT", "path": "/lost$", "action": {"lose_answer": true}}]'
    run ! curl -sS --max-time 10 -T big "$PROXY_URL/bucket/cut"
    run -52 curl -sS --max-time 10 -H "$PUBLIC" -T big "$PROXY_URL/bucket/lost"
    ask "$MOTO_URL/bucket/cut" -I
    http_status 404
    curl -sSf "$MOTO_URL/bucket/lost" | cmp - big
}

@test "proxy: who waits for 100 Continue gets the error instead, and sends nothing" {
    behind_proxy
    head -c 3000000 /dev/urandom >big
    faults '[{"action": {"status": 503}}]'
    run -0 curl -sS --max-time 10 --expect100-timeout 5 -H 'Expect: 100-continue' -T big -o body \
        -w '%{http_code} %{size_upload}' "$PROXY_URL/bucket/big"
    [ "$output" = '503 0' ]
    curl -sSf --expect100-timeout 5 -H 'Expect: 100-continue' -T big "$PROXY_URL/bucket/big"
    [ "$(logged 'stats["requests"], log[1]["ended"] - log[1]["began"] < 4')" = '(2, True)' ]
}

@test "proxy: counts requests in flight" {
    behind_proxy
    faults '[{"count": -1, "action": {"delay_ms": 300}}]'
    curl -sSf -Z --parallel-immediate -o 'o#1' "$PROXY_URL/bucket/ten?[1-4]"
    [ "$(logged 'stats["max_in_flight"], stats["in_flight"], stats["connections"]')" = '(4, 0, 4)' ]
}

# ---- signatures ----

# signed KEY_ID SECRET URL [CURL OPTION...]: curl signs; the HTTP status is the last line.
signed() {
    ask "$3" --aws-sigv4 aws:amz:us-east-1:s3 --user "$1:$2" -H 'x-amz-content-sha256: UNSIGNED-PAYLOAD' "${@:4}"
}

@test "signatures: the proxy knows a right one from a wrong one" {
    need_s3rver
    start_proxy "$S3RVER_URL" --verify S3RVER S3RVER --region us-east-1
    mkdir -p here/bucket
    printf x >'here/bucket/a b'
    mirror push here "$PROXY_URL" S3RVER S3RVER
    [ "$(logged 'all(r["signed"] for r in log), log[0]["credential"].split("/")[0]')" = "(True, 'S3RVER')" ]
    signed S3RVER S3RVER "$PROXY_URL/bucket/a%20b"
    http_status 200
    signed S3RVER wrong "$PROXY_URL/bucket/a%20b"
    [[ $output == *'<Code>SignatureDoesNotMatch<'* ]]
    http_status 403
    signed S3RVER wrong "$S3RVER_URL/bucket/a%20b" # or we would need no proxy
    http_status 200
    signed stranger S3RVER "$PROXY_URL/bucket/a%20b"
    [[ $output == *'<Code>InvalidAccessKeyId<'* ]]
    ask "$PROXY_URL/bucket/a%20b"
    [[ $output == *'<Code>AccessDenied<'* ]]
    ask "$PROXY_URL/" --aws-sigv4 aws:amz:eu-west-1:s3 --user S3RVER:S3RVER -H 'x-amz-content-sha256: UNSIGNED-PAYLOAD'
    [[ $output == *'<Code>AuthorizationHeaderMalformed<'*'us-east-1'* ]]
    [ "$(logged '[r["signed"] for r in log[-5:]]')" = '[True, False, False, False, False]' ]
}

@test "signatures: a body that is not the one signed is refused and goes nowhere" {
    need_s3rver
    start_proxy "$S3RVER_URL" --verify S3RVER S3RVER
    local digest
    digest=$(printf right | sha256sum | cut -d ' ' -f 1)
    curl -sSf -X PUT "$S3RVER_URL/body-bucket" >/dev/null
    put() {
        ask "$PROXY_URL/body-bucket/x" -X PUT --aws-sigv4 aws:amz:us-east-1:s3 --user S3RVER:S3RVER \
            -H "x-amz-content-sha256: $digest" -d "$1"
    }
    put wrong
    [[ $output == *'<Code>XAmzContentSHA256Mismatch<'* ]]
    http_status 400
    ask "$S3RVER_URL/body-bucket/x"
    http_status 404
    put right
    http_status 200
}

@test "signatures: the AWS CLI's are right, whatever the names, in parts too" {
    need_s3rver
    command -v aws >/dev/null && aws --version >/dev/null 2>&1 || skip "no AWS CLI that works"
    start_proxy "$S3RVER_URL" --verify S3RVER S3RVER
    mkdir -p here there
    local name
    for name in "${ODD[@]}"; do printf %s "$name" >"here/$name"; done
    head -c 9000000 /dev/urandom >here/big
    export AWS_ACCESS_KEY_ID=S3RVER AWS_SECRET_ACCESS_KEY=S3RVER AWS_DEFAULT_REGION=us-east-1
    export AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null
    aws --endpoint-url "$PROXY_URL" s3 mb s3://aws-bucket
    aws --endpoint-url "$PROXY_URL" s3 cp --only-show-errors --recursive here s3://aws-bucket/x/
    aws --endpoint-url "$PROXY_URL" s3 cp --only-show-errors --recursive s3://aws-bucket/x/ there
    diff -r here there
    [ "$(logged 'all(r["signed"] for r in log), sum("partNumber" in r["path"] for r in log)')" = '(True, 2)' ]
}

# ---- credentials ----

@test "credentials: a token, failures first, an end, another key each time" {
    start_creds --token right --failures 2 --lifetime 600 --key-id KEY --rotate
    ask "$CREDS_URL/role" -H 'Authorization: wrong'
    http_status 403
    local expected
    for expected in 500 500 200; do
        ask "$CREDS_URL/role" -H 'Authorization: right'
        http_status "$expected"
    done
    "$SYSTEM_PYTHON" - "${output%$'\n'*}" <<'PY'
import datetime, json, sys
c = json.loads(sys.argv[1])
assert c["AccessKeyId"] == "KEY-4" and c["SecretAccessKey"] == "test" and c["Token"] == "session", c
end = datetime.datetime.strptime(c["Expiration"] + "+0000", "%Y-%m-%dT%H:%M:%SZ%z")
assert 580 < (end - datetime.datetime.now(datetime.timezone.utc)).total_seconds() <= 600, c
PY
    run -0 curl -sS "$CREDS_URL/__log"
    [ "$(grep -c '"status": 500' <<<"$output") $(grep -c '"authorization": "wrong"' <<<"$output")" = '2 1' ]
}

@test "credentials: every way in which an answer is wrong" {
    start_creds --lifetime -60
    local mode
    while read -r mode expected regex; do
        curl -sSf -d "{\"mode\": \"$mode\"}" "$CREDS_URL/__options" >/dev/null
        ask "$CREDS_URL/"
        http_status "$expected"
        grep -qE "$regex" <<<"${output%$'\n'*}"
    done <<'MODES'
ok 200 ^[{].*"Expiration"
no-json 200 ^<html>
no-secret 200 "Token"
no-expiration 200 "Token": "session"[}]$
bad-expiration 200 "Expiration": "soon"
null 200 ^null$
empty 200 ^$
not-found 404 "NotFound"
redirect 302 ^$
MODES
    curl -sSf -d '{"mode": "huge"}' "$CREDS_URL/__options" >/dev/null
    [ "$(curl -sS "$CREDS_URL/" | wc -c)" -gt 8000000 ]
    curl -sSf -d '{"mode": "hang"}' "$CREDS_URL/__options" >/dev/null
    EXPECTED=28 ask "$CREDS_URL/" --max-time 0.3
    run -22 curl -sSf -d '{"mod": "ok"}' "$CREDS_URL/__options"
}

# ---- TLS ----

@test "TLS: who knows the authority gets through, signature and all; a stranger or another host does not" {
    need_s3rver
    PATH=$PATH:/usr/sbin command -v nginx >/dev/null || skip "no nginx"
    start_proxy "$S3RVER_URL" --verify S3RVER S3RVER
    start_tls "$PROXY_URL"
    signed S3RVER S3RVER "$TLS_URL/" --cacert "$CA_FILE"
    http_status 200
    signed S3RVER S3RVER "$TLS_LOCALHOST_URL/no-such-bucket/a%20b//c" --cacert "$CA_FILE"
    http_status 404
    [ "$(logged 'log[-1]["path"], log[-1]["signed"]')" = "('/no-such-bucket/a%20b//c', True)" ]
    EXPECTED=60 ask "$TLS_URL/"
    EXPECTED=60 ask "$OTHER_CA_URL/" --cacert "$CA_FILE"
    EXPECTED=60 ask "$WRONG_HOST_URL/" --cacert "$CA_FILE"
}
