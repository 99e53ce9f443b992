#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2034,SC2154 # MIRRORED, STORE_URL, status, output, stderr: see common.bash
# HTTPS: whom the S3 store trusts, and that nothing makes it trust others.
load s3.bash

setup_file() {
    start_store || skip "no moto"
    start_proxy "$MOTO_URL" --verify "$KEY_ID" "$SECRET"
    start_tls "$PROXY_URL" || skip "no nginx"
}

setup_more() {
    use_proxy
    object in/small
    push_store
    input in in s3://bucket/in/
    output out output s3://bucket/out
}

# trusts URL: a job does, with the trust that the environment says.
trusts() {
    rm -rf "$ML/processing/in"
    faults '[]'
    PROCAGENT_STORE_ENDPOINT=$1 job -- sh -c "echo result >'$OUT/result'"
    assert_status 0
    diff -r "$STORE/bucket/in" "$ML/processing/in"
    [ "$(cat "$STORE/bucket/out/result")" = result ]
    assert_signed
}

# refuses URL REGEX: no request came through, and there was no second try.
refuses() {
    faults '[]'
    MIRRORED='' PROCAGENT_STORE_ENDPOINT=$1 job -- touch "$WORK/started"
    assert_failed "$2"
    refute grep -q tries <<<"$stderr"
    refute test -e "$WORK/started"
    assert_logged 'not log'
}

UNKNOWN='s3://bucket/in/: list: SSL certificate problem: .*; a CA of your own is trusted by .store. ca_bundle or AWS_CA_BUNDLE'

@test "an authority of one's own, by store.ca_bundle or AWS_CA_BUNDLE" {
    PROCAGENT_STORE_CA_BUNDLE=$CA_FILE trusts "$TLS_URL"
    AWS_CA_BUNDLE=$CA_FILE trusts "$TLS_LOCALHOST_URL"
    PROCAGENT_STORE_CA_BUNDLE=$CA_FILE AWS_CA_BUNDLE=/none trusts "$TLS_URL" # agent.ini wins
}

@test "an authority that nobody named is refused, with what to do" {
    refuses "$TLS_URL" "$UNKNOWN"
    SSL_CERT_FILE=$CA_FILE SSL_CERT_DIR=${CA_FILE%/*} CURL_CA_BUNDLE=$CA_FILE refuses "$TLS_URL" "$UNKNOWN"
}

@test "a named authority is the only one" {
    PROCAGENT_STORE_CA_BUNDLE=$CA_FILE refuses "$OTHER_CA_URL" "$UNKNOWN"
    AWS_CA_BUNDLE=${CA_FILE%/*}/other-ca.pem trusts "$OTHER_CA_URL"
    AWS_CA_BUNDLE=${CA_FILE%/*}/other-ca.pem refuses "$TLS_URL" "$UNKNOWN"
}

@test "a certificate for another host is refused, whoever signed it" {
    PROCAGENT_STORE_CA_BUNDLE=$CA_FILE refuses "$WRONG_HOST_URL" "s3://bucket/in/: list: SSL: .*'127.0.0.1'$"
}

@test "a CA file that is not there, or holds none" {
    PROCAGENT_STORE_CA_BUNDLE=$WORK/none refuses "$TLS_URL" "the CA bundle .*/none.: No such file"
    echo nothing >"$WORK/empty"
    AWS_CA_BUNDLE=$WORK/empty refuses "$TLS_URL" "$WORK/empty"
}

@test "no setting turns verification off" {
    local key
    MIRRORED=''
    for key in verify insecure no_verify_ssl ssl_verify tls_verify; do
        assert_refused "$key" --set "store.$key=no"
    done
}

@test "HTTP where HTTPS is spoken, and HTTPS where HTTP is: an error" {
    refuses "${TLS_URL/https/http}" 's3://bucket/in/: list: HTTP 400'
    PROCAGENT_STORE_RETRIES=0 refuses "${PROXY_URL/http/https}" 's3://bucket/in/: list: .*SSL'
}

@test "an image without certificates: the embedded roots are used, and do not know ours" {
    PROCAGENT_STORE_ENDPOINT=$TLS_URL in_sandbox --tmpfs /etc/ssl /opt/procagent run -- true
    assert_failed "$UNKNOWN"
    PROCAGENT_STORE_ENDPOINT=$TLS_URL PROCAGENT_STORE_CA_BUNDLE=$CA_FILE in_sandbox --tmpfs /etc/ssl /opt/procagent run -- true
    assert_status 0
}
