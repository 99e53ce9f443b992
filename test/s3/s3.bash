# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# What the S3 store's own tests share: moto behind the proxy, which checks every signature. Jobs use the proxy;
# the mirror and the helpers below ask moto itself, and so leave nothing in the proxy's log.
# shellcheck disable=SC2034,SC2120 # for common.bash; arguments are optional
STORE_KIND=moto
load ../behaviour/common.bash

KEY_ID=AKIATESTTESTTEST SECRET=the-tests-own-secret

setup_file() {
    start_store || skip "no moto"
    start_proxy "$MOTO_URL" --verify "$KEY_ID" "$SECRET"
}

setup_more() {
    use_proxy
}

# use_proxy: the agent's store is the proxy, without faults and with an empty log; failures end soon.
use_proxy() {
    MIRRORED=1
    use_s3 "$PROXY_URL" "$KEY_ID" "$SECRET"
    export PROCAGENT_STORE_RETRIES=2 PROCAGENT_STORE_PART_SIZE=5M
    faults '[]'
}

PART=$((5 << 20)) # bytes of a part

# noise KEY SIZE: an object of the bucket with so many random bytes.
noise() {
    mkdir -p "$(dirname "$STORE/bucket/$1")"
    head -c "$2" /dev/urandom >"$STORE/bucket/$1"
}

# produces NAME SIZE: a file in OUT with so many random bytes.
produces() {
    mkdir -p "$(dirname "$OUT/$1")"
    head -c "$2" /dev/urandom >"$OUT/$1"
}

# S3_PYTHON CODE ARG...: Python with `server`, mirror.py's connection to moto.
s3_python() {
    "$PYTHON" -B -c 'import sys
sys.path.insert(0, sys.argv[2])
import mirror
server = mirror.Server(sys.argv[3], "test", "test")
code, arguments = sys.argv[1], [a.encode() for a in sys.argv[4:]]
exec(code)' "$1" "$BATS_TEST_DIRNAME" "$MOTO_URL" "${@:2}"
}

# put_key KEY TEXT, get_key KEY, all_keys: for keys that can be no path.
put_key() {
    s3_python 'server.call("PUT", b"bucket", arguments[0], body=arguments[1])' "$@"
}

get_key() {
    s3_python 'sys.stdout.buffer.write(server.call("GET", b"bucket", arguments[0]))' "$@"
}

all_keys() {
    s3_python 'for key in sorted(server.objects(b"bucket")): print(key.decode())'
}

# assert_no_uploads: no multipart upload of the bucket is unfinished. moto wants some key, whose it does not care.
assert_no_uploads() {
    local left
    left=$(curl -sSf --noproxy '*' -H 'Authorization: AWS4-HMAC-SHA256 Credential=test/x/us-east-1/s3/aws4_request' \
        "$MOTO_URL/bucket?uploads")
    [[ $left == *ListMultipartUploadsResult* && $left != *'<Upload>'* ]] || {
        echo "multipart uploads are unfinished: $left"
        return 1
    }
}

# staging_job ARG...: a job that publishes nothing: the mirror need not look.
staging_job() {
    push_store
    MIRRORED='' job "$@"
}

# assert_logged EXPRESSION: logged's is true.
assert_logged() {
    [ "$(logged "bool($1)")" = True ] || {
        echo "not so: $1"
        logged '"\n".join(str((r["number"], r["method"], r["path"], r["status"], r["cut"])) for r in log[-40:]), stats'
        return 1
    }
}

# assert_signed: every request was, as the proxy sees it.
assert_signed() {
    assert_logged 'log and all(r["signed"] for r in log)'
}

# assert_failed REGEX: the job ended with 125 and one error line; nothing half-done is anywhere, no secret is told.
assert_failed() {
    assert_status 125
    one_error "$1"
    assert_message "$1"
    assert_clean
    assert_no_uploads
    assert_no_secret
}

# assert_no_secret [TEXT...]: not one of these, of the secret key and of the session's token was shown anywhere.
assert_no_secret() {
    local secret
    for secret in "$SECRET" "${AWS_SESSION_TOKEN:-$SECRET}" "$@"; do
        [[ $stderr$output != *"$secret"* ]]
        if [ -d "$ML/output" ]; then refute grep -raF -e "$secret" "$ML/output"; fi
    done
}
