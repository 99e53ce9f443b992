#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2034,SC2154 # MIRRORED, STORE_URL, status, output, stderr: see common.bash
# The S3 store when nothing fails: what requests go out, how many at a time, what arrives.
load s3.bash

# stages S3URI: one input "in" from there to ml/processing/in, staged.
stages() {
    input in in "$1"
    job -- true
    assert_status 0
}

# ---- names ----

@test "more keys than one list has" {
    local i
    mkdir -p "$STORE/bucket/many"
    for i in {1..1003}; do : >"$STORE/bucket/many/$i"; done
    stages s3://bucket/many/
    diff -r "$STORE/bucket/many" "$ML/processing/in"
    assert_logged 'sum("list-type=2" in r["path"] for r in log) == 2'
    assert_logged '"continuation-token=" in log[1]["path"]'
    assert_signed
}

@test "more keys than one list of s3rver's has" {
    local i
    start_s3rver || skip "no s3rver"
    STORE_URL=$S3RVER_URL STORE_KEY=S3RVER
    use_s3 "$S3RVER_URL" S3RVER S3RVER
    mkdir -p "$STORE/bucket/many"
    for i in {1..1003}; do : >"$STORE/bucket/many/$i"; done
    stages s3://bucket/many
    diff -r "$STORE/bucket/many" "$ML/processing/in"
}

@test "odd keys come and go byte by byte, and are signed as S3 signs them" {
    local name
    mkdir -p "$STORE/bucket/in" "$OUT"
    for name in 'two words' ' a' 'a+b' '100%' '%41' 'a=b&c' "it's" '"q"' '<x>' '東京' 'ü' 'a\b' '-rf' '.hidden' '...' \
        '~*?!()' '#;$@,:' '?x=1' "$(printf 'n%.0s' {1..240})"; do
        printf 'in: %s' "$name" >"$STORE/bucket/in/$name"
        printf 'out: %s' "$name" >"$OUT/$name"
    done
    output out output s3://bucket/out/ü+%20
    stages 's3://bucket/in/'
    diff -r "$STORE/bucket/in" "$ML/processing/in"
    diff -r "$STORE/bucket/out/ü+%20" "$OUT"
    assert_signed
}

@test "keys of 1,024 bytes, the most that S3 has" {
    local folder key
    folder=$(printf 'long %.0s' {1..40}) # 200 bytes
    key=$folder/$folder/$folder/$folder/$folder/$(printf 'k%.0s' {1..19})
    [ ${#key} -eq 1024 ]
    object "$key" long
    output out output s3://bucket
    mkdir -p "$OUT/${key%/*}" # the same name again, to be put
    echo other >"$OUT/$key"
    stages "s3://bucket/$folder/$folder/"
    [ "$(cat "$ML/processing/in/$folder/$folder/$folder/${key##*/}")" = long ]
    [ "$(cat "$STORE/bucket/$key")" = other ]
    assert_signed
}

@test "two slashes in a row are a part of the key, in what is read and in what is written" {
    MIRRORED=
    s3_python 'server.call("PUT", b"bucket")'
    put_key a//b/c.txt one
    put_key a//b/d/e.txt two
    put_key a/b/c.txt stranger
    output out output s3://bucket/x//y
    mkdir -p "$OUT/sub"
    echo three >"$OUT/sub/f"
    stages s3://bucket/a//b/
    diff <(tree "$ML/processing/in") <(printf '%s\n' 'd d' 'f c.txt' 'f d/e.txt')
    [ "$(cat "$ML/processing/in/c.txt" "$ML/processing/in/d/e.txt")" = onetwo ]
    diff <(all_keys) <(printf '%s\n' a//b/c.txt a//b/d/e.txt a/b/c.txt x//y/sub/f)
    [ "$(get_key x//y/sub/f)" = three ]
    assert_signed
}

# ---- sizes ----

@test "sizes around a part's come and go whole" {
    local size
    mkdir -p "$OUT"
    for size in 0 1 $((PART - 1)) $PART $((PART + 1)) $((3 * PART)); do
        noise "in/$size" "$size"
        cp "$STORE/bucket/in/$size" "$OUT/$size"
    done
    output out output s3://bucket/out
    stages s3://bucket/in
    diff -r "$STORE/bucket/in" "$ML/processing/in"
    diff -r "$STORE/bucket/out" "$OUT"
    assert_no_uploads
    assert_signed
    # whole up to a part's size, ranges above; parts likewise
    assert_logged 'sum("range" in r["headers"] for r in log) == 2 + 3'
    assert_logged 'sum("partNumber=" in r["path"] for r in log) == 2 + 3'
    assert_logged 'sum(r["method"] == "PUT" and "?" not in r["path"] for r in log) == 4'
    assert_logged 'all("x-amz-checksum-crc32" in r["headers"] for r in log if r["method"] == "PUT")'
}

@test "a large object comes in ranges that cover it once, several in flight" {
    noise in/big $((6 * PART + 7))
    push_store
    faults '[{"method": "GET", "path": "/in/big", "count": -1, "action": {"delay_ms": 150}}]'
    MIRRORED='' PROCAGENT_STORE_CONNECTIONS=3 stages s3://bucket/in/
    cmp "$STORE/bucket/in/big" "$ML/processing/in/big"
    [ "$(logged 'stats["max_in_flight"], stats["connections"]')" = '(3, 3)' ]
    "$PYTHON" - "$PART" "$(logged 'sorted(r["headers"]["range"] for r in log if "range" in r["headers"])')" <<'PY'
import ast, sys
part, ranges = int(sys.argv[1]), ast.literal_eval(sys.argv[2])
spans = sorted(tuple(int(n) for n in r.removeprefix("bytes=").split("-")) for r in ranges)
assert len(spans) == 7 and spans[0][0] == 0 and spans[-1][1] == 6 * part + 6, spans
assert all(a[1] + 1 == b[0] for a, b in zip(spans, spans[1:])), spans
PY
    assert_logged 'len({r["headers"]["if-match"] for r in log if "range" in r["headers"]}) == 1'
}

@test "a large file goes in parts, several in flight, and is seen only when all are there" {
    produces big $((6 * PART + 7))
    output out output s3://bucket/out
    faults '[{"path": "partNumber=", "count": -1, "action": {"delay_ms": 150}},
        {"method": "POST", "path": "uploadId=", "action": {"delay_ms": 1500}}]'
    export PROCAGENT_STORE_CONNECTIONS=4
    start_agent -- true
    until_true 30 asked_for_the_end
    [ -z "$(all_keys)" ]
    end_agent
    assert_status 0
    cmp "$STORE/bucket/out/big" "$OUT/big"
    assert_logged 'stats["max_in_flight"] == 4'
    [ "$(logged 'sorted(int(r["path"].split("partNumber=")[1].split("&")[0]) for r in log if "partNumber=" in r["path"])')" \
        = '[1, 2, 3, 4, 5, 6, 7]' ]
    assert_no_uploads
}

asked_for_the_end() {
    assert_logged 'any(r["method"] == "POST" and "uploadId=" in r["path"] for r in log)'
}

@test "many small objects travel at a time, over kept connections, and no more than allowed" {
    local i
    mkdir -p "$STORE/bucket/in" "$OUT"
    for i in {1..120}; do
        echo "$i" >"$STORE/bucket/in/$i"
        echo "$i" >"$OUT/$i"
    done
    output out output s3://bucket/out
    export PROCAGENT_STORE_CONNECTIONS=5
    stages s3://bucket/in
    diff -r "$STORE/bucket/in" "$ML/processing/in"
    diff -r "$STORE/bucket/out" "$OUT"
    assert_logged '3 <= stats["max_in_flight"] <= 5' # five, but for a busy machine
    assert_logged 'stats["requests"] == 241 and stats["connections"] <= 10' # five a stage
    assert_signed
}

@test "one connection is enough" {
    local i
    mkdir -p "$STORE/bucket/in" "$OUT"
    for i in {1..5}; do echo "$i" >"$STORE/bucket/in/$i"; done
    produces big $((PART + 1))
    output out output s3://bucket/out
    PROCAGENT_STORE_CONNECTIONS=1 stages s3://bucket/in
    diff -r "$STORE/bucket/in" "$ML/processing/in"
    cmp "$STORE/bucket/out/big" "$OUT/big"
    assert_logged 'stats["max_in_flight"] == 1 and stats["connections"] <= 2'
}

# ---- headers ----

@test "a session token is sent and signed with every request" {
    object in/a
    noise in/b $((PART + 1))
    produces c $((PART + 1))
    echo d >"$OUT/d"
    output out output s3://bucket/out
    AWS_SESSION_TOKEN=the/session+token== stages s3://bucket/in
    assert_logged 'all(r["token"] for r in log) and {r["method"] for r in log} == {"GET", "PUT", "POST"}'
    assert_signed
    AWS_SESSION_TOKEN=the/session+token== assert_no_secret
}

# kms KEY: the objects were asked to be encrypted with it, and nothing else was.
kms() {
    assert_logged 'all((r["headers"].get("x-amz-server-side-encryption-aws-kms-key-id"),
        r["headers"].get("x-amz-server-side-encryption")) == (('"$1"', "aws:kms")
        if r["path"].startswith("/bucket/out/") and "uploadId=" not in r["path"] and r["method"] in ("PUT", "POST")
        else (None, None)) for r in log)'
    assert_logged 'any(r["path"].endswith("?uploads=") for r in log)'
    assert_signed
}

@test "a KMS key, of the request or of agent.ini, which wins" {
    object in/a
    produces big $((PART + 1))
    echo small >"$OUT/small"
    output out output s3://bucket/out
    input in in s3://bucket/in
    sed -i 's/"KmsKeyId": null}/"KmsKeyId": "arn:aws:kms:us-east-1:123456789012:key\/request"}/' \
        "$ML/config/processingjobconfig.json"
    job -- true
    assert_status 0
    kms '"arn:aws:kms:us-east-1:123456789012:key/request"'
    cmp "$STORE/bucket/out/big" "$OUT/big"
    faults '[]'
    printf '[store]\nkms_key_id = alias/ini\n' | ini
    job -- true
    assert_status 0
    kms '"alias/ini"'
}

@test "an upload that fails is aborted by a signed DELETE" {
    produces big $((PART + 1))
    output out output s3://bucket/out
    faults '[{"path": "partNumber=2", "count": -1, "action": {"status": 400}}]'
    job -- true
    assert_failed 's3://bucket/out/big: upload: HTTP 400'
    assert_logged '[r["method"] for r in log][-1] == "DELETE"'
    assert_signed
}
