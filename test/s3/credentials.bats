#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2034,SC2154 # MIRRORED, STORE_URL, status, output, stderr: see common.bash
# Where the S3 store's keys come from: environment, container, profile; how they are renewed; that no secret is
# ever told.
load s3.bash

EXPIRED='{"status": 400, "body": "<Error><Code>ExpiredToken</Code><Message>too old</Message></Error>"}'

setup_more() {
    use_proxy
    unset "${!AWS_@}"
    export HOME=$WORK/home # an empty one
    mkdir -p "$HOME"
    object in/a
    push_store
    input in in s3://bucket/in/
    output out output s3://bucket/out
    echo result >"$WORK/result"
}

teardown() {
    stop_server creds
    stop_server loose
}

# works: the job does, and no secret is told even with -v.
works() {
    rm -rf "$ML/processing/in"
    job -v -- cp "$WORK/result" "$OUT/"
    assert_status 0
    diff -r "$STORE/bucket/in" "$ML/processing/in"
    assert_no_secret
}

# fails REGEX [SECRET...]
fails() {
    MIRRORED='' job -v -- touch "$WORK/started"
    assert_failed "$1"
    assert_no_secret "${@:2}"
    refute test -e "$WORK/started"
}

# container [OPTION...]: keys come from creds.py alone. Its token is TOKEN, the session's SESSION.
TOKEN=authorization-of-the-container SESSION=session+token/of-the-role==
container() {
    start_creds --token "$TOKEN" --key-id "$KEY_ID" --secret "$SECRET" --session-token "$SESSION" "$@"
    export AWS_CONTAINER_CREDENTIALS_FULL_URI=$CREDS_URL/role AWS_CONTAINER_AUTHORIZATION_TOKEN=$TOKEN
}

# asked_creds EXPRESSION: Python's, of the log of creds.py.
asked_creds() {
    [ "$(curl -sS --noproxy '*' "$CREDS_URL/__log" |
        "$PYTHON" -c 'import json, sys; log = json.load(sys.stdin); print(bool(eval(sys.argv[1])))' "$1")" = True ]
}

# loose_proxy: as the proxy, but for any key; what keys there were is in its log.
loose_proxy() {
    launch loose "$SYSTEM_PYTHON" -B "$S3_TESTS/proxy.py" "$MOTO_URL"
    PROXY_URL=$(url_of loose)
    export PROCAGENT_STORE_ENDPOINT=$PROXY_URL
}

# ---- the container's ----

@test "a container's keys, with its token; each request has the session's" {
    container
    works
    assert_signed
    assert_logged 'all(r["token"] for r in log)'
    asked_creds 'log and all(r["path"] == "/role" and r["status"] == 200 for r in log)'
    assert_no_secret "$TOKEN" "$SESSION"
}

@test "a container's token in a file, read each time" {
    container
    unset AWS_CONTAINER_AUTHORIZATION_TOKEN
    echo "$TOKEN" >"$WORK/token"
    AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=$WORK/token works
    assert_no_secret "$TOKEN" "$SESSION"
    AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=$WORK/none fails 'AUTHORIZATION_TOKEN_FILE: no such file'
}

@test "an endpoint that fails first is asked again" {
    container --failures 2
    works
    asked_creds '[r["status"] for r in log][:3] == [500, 500, 200]'
}

@test "keys that end soon are renewed while objects travel" {
    local i
    container --rotate --lifetime 3
    loose_proxy
    for i in b c d; do object "in/$i"; done
    faults '[{"path": "/in/", "count": -1, "action": {"delay_ms": 1200}}]'
    PROCAGENT_STORE_CONNECTIONS=1 works
    asked_creds 'len(log) >= 3'
    # more than one key within staging, each used after the one before
    assert_logged 'len({r["credential"].split("/")[0] for r in log if r["method"] == "GET"}) >= 2'
    assert_logged '(lambda ids: ids == sorted(ids))([r["credential"].split("/")[0] for r in log])'
}

@test "a container's keys that are said to be too old are renewed, and the request repeated" {
    container --rotate
    loose_proxy
    faults '[{"path": "/in/a", "action": '"$EXPIRED"'}]'
    works
    [ "$(logged '[r["credential"].split("/")[0][-2:] for r in log if r["path"] == "/bucket/in/a"]')" = "['-1', '-2']" ]
    faults '[{"path": "/in/a", "count": -1, "action": '"$EXPIRED"'}]'
    fails 's3://bucket/in/a: get: HTTP 400 ExpiredToken: too old .credentials from container' "$TOKEN" "$SESSION"
    assert_logged 'len(log) < 8'
}

@test "every way in which a container's endpoint is wrong: one error, no secret" {
    container
    local mode regex
    while IFS='|' read -r mode regex; do
        echo "---- $mode"
        curl -sSf --noproxy '*' -d "{\"mode\": \"$mode\"}" "$CREDS_URL/__options" >/dev/null
        fails "container credentials .AWS_CONTAINER_CREDENTIALS_FULL_URI.: $regex" "$TOKEN" "$SESSION"
    done <<'MODES'
no-json|the endpoint's answer is not JSON
no-secret|.*SecretAccessKey is missing
bad-expiration|Expiration in the answer is no RFC 3339 time
null|the endpoint's answer is not JSON
empty|the endpoint's answer is not JSON
not-found|the endpoint answered 404 without keys, saying "NotFound: no credentials here"
redirect|the endpoint answered 302 without keys
huge|the endpoint's answer has more than [0-9]+ bytes
MODES
    assert_logged 'not log'
    AWS_CONTAINER_AUTHORIZATION_TOKEN=wrong fails 'the endpoint answered 403 without keys, saying "AccessDenied'
    AWS_CONTAINER_CREDENTIALS_FULL_URI=http://192.0.2.1/role fails 'host "192.0.2.1" is asked for keys over https:// only'
    AWS_CONTAINER_CREDENTIALS_FULL_URI=http://127.0.0.1:9/role fails "the container's credentials endpoint: .*onnect"
}

@test "a stop ends the wait for keys" {
    container --mode hang
    start_agent -- true
    until_true 20 eval 'asked_creds log'
    kill -TERM "$AGENT"
    SECONDS=0
    end_agent
    assert_status 143
    [ "$SECONDS" -lt 4 ]
}

# ---- the environment's ----

@test "the environment's keys, with and without a session's token" {
    AWS_ACCESS_KEY_ID=$KEY_ID AWS_SECRET_ACCESS_KEY=$SECRET works
    assert_logged 'not any(r["token"] for r in log)'
    AWS_ACCESS_KEY_ID=$KEY_ID AWS_SECRET_ACCESS_KEY=$SECRET AWS_SESSION_TOKEN=$SESSION works
    assert_no_secret "$SESSION"
    assert_signed
}

@test "keys that the server does not take: one request, one error that says where they come from" {
    export AWS_ACCESS_KEY_ID=$KEY_ID AWS_SECRET_ACCESS_KEY=$SECRET AWS_SESSION_TOKEN=$SESSION
    faults '[{"count": -1, "action": '"$EXPIRED"'}]'
    fails 's3://bucket/in/: list: HTTP 400 ExpiredToken: too old .credentials from environment'
    assert_logged 'len(log) == 1'
    faults '[]'
    AWS_SECRET_ACCESS_KEY=another-secret-altogether fails \
        's3://bucket/in/: list: HTTP 403 SignatureDoesNotMatch.*credentials from environment' another-secret-altogether
    AWS_ACCESS_KEY_ID=STRANGER fails 's3://bucket/in/: list: HTTP 403 InvalidAccessKeyId.*credentials from environment'
    assert_logged 'len(log) == 2'
}

@test "half a pair, a broken one, none at all" {
    AWS_ACCESS_KEY_ID=$KEY_ID fails 'environment: AWS_ACCESS_KEY_ID is there and AWS_SECRET_ACCESS_KEY is missing'
    AWS_SECRET_ACCESS_KEY=$SECRET fails 'environment: AWS_SECRET_ACCESS_KEY is there and AWS_ACCESS_KEY_ID is missing'
    AWS_ACCESS_KEY_ID=$KEY_ID AWS_SECRET_ACCESS_KEY="$SECRET " fails 'AWS_SECRET_ACCESS_KEY holds a blank'
    fails 'no AWS credentials: looked at AWS_ACCESS_KEY_ID'
    assert_logged 'not log'
}

# ---- profiles ----

# shared_files: a profile "job" with keys, region and endpoint, and no other settings.
shared_files() {
    unset PROCAGENT_STORE_ENDPOINT PROCAGENT_STORE_REGION
    printf '[default]\naws_access_key_id = NOBODY\naws_secret_access_key = nothing\n\n' >"$WORK/credentials"
    printf '[job]\naws_access_key_id = %s\naws_secret_access_key = %s\n' "$KEY_ID" "$SECRET" >>"$WORK/credentials"
    printf '[profile job]\nregion = eu-central-1\nendpoint_url = %s/\n' "$PROXY_URL" >"$WORK/config"
    export AWS_PROFILE=job AWS_SHARED_CREDENTIALS_FILE=$WORK/credentials AWS_CONFIG_FILE=$WORK/config
}

@test "a profile: keys, region and endpoint" {
    shared_files
    works
    assert_signed
    assert_logged '{r["credential"].split("/")[2] for r in log} == {"eu-central-1"}'
    AWS_REGION=eu-west-1 works
    assert_logged 'log[-1]["credential"].split("/")[2] == "eu-west-1"'
    PROCAGENT_STORE_REGION=ap-northeast-1 AWS_REGION=eu-west-1 works
    assert_logged 'log[-1]["credential"].split("/")[2] == "ap-northeast-1"'
}

@test "the default profile, below HOME" {
    mkdir -p "$HOME/.aws"
    printf '[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n' "$KEY_ID" "$SECRET" >"$HOME/.aws/credentials"
    works
    assert_signed
}

@test "profiles that do not do: not there, without keys, a role's, broken lines" {
    shared_files
    AWS_PROFILE=other fails 'AWS_PROFILE: profile "other" is not there; looked at '"$WORK/credentials"
    printf '[profile job]\nrole_arn = arn:aws:iam::123456789012:role/x\n' >>"$WORK/config"
    fails 'profile "job" gets its keys by role_arn'
    printf '[job]\naws_access_key_id = %s\nnonsense %s\n' "$KEY_ID" "$SECRET" >"$WORK/credentials"
    fails "$WORK/credentials:3: neither .section. nor key = value"
    printf '[job]\naws_access_key_id = %s\n' "$KEY_ID" >"$WORK/credentials"
    rm "$WORK/config"
    fails 'aws_access_key_id is there and aws_secret_access_key is missing'
}
