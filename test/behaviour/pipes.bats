#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2034,SC2154 # INPUTS, OUTPUTS, status, output, stderr: see common.bash
# S3InputMode Pipe: what a transform reads from LocalPath/<InputName>_0, and that a job ends whatever its
# readers do.
load common

IN=

setup_more() {
    IN=$ML/processing/input
    use_store
}

# pipe NAME S3URI [KEY=VALUE...]: an input that is read from $IN/NAME_0.
pipe() {
    input "$1" input "$2" S3InputMode=Pipe "${@:3}"
}

# reads SH: a job of that transform; IN is known in it.
reads() {
    job -- env IN="$IN" STORE="$STORE" sh -euc "$1"
}

# assert_no_fifo: none is left.
assert_no_fifo() {
    [ -z "$(find "$ML" -type p)" ]
    assert_clean
}

# big KEY: an object that no pipe holds at once.
big() {
    object "$1"
    head -c 3000000 /dev/urandom >"$STORE/bucket/$1"
}

@test "objects in the order of keys, one after the other; counted" {
    object data/10 'ten '
    object data/2 'two '
    object data/a/b 'deep '
    object data/empty ''
    pipe x s3://bucket/data/
    reads 'test -p "$IN/x_0"; cat "$IN/x_0"'
    assert_status 0
    [ "$output" = 'ten two deep ' ]
    [ "$(value '["inputs"][0]["files"]')" = 4 ]
    [ "$(value '["inputs"][0]["bytes"]')" = 13 ]
    [ -z "$(tree "$IN")" ]
    assert_no_fifo
}

@test "several pipes at once, each read at its own pace, beside an input of files" {
    big one/a
    big one/b
    big two/a
    object files/f.csv
    pipe one s3://bucket/one/
    pipe two s3://bucket/two/
    input files input/files s3://bucket/files/
    reads 'cat "$IN/two_0" >two & head -c 4000000 "$IN/one_0" >one; wait; cat "$IN/files/f.csv"'
    assert_status 0
    cat "$STORE"/bucket/one/* | head -c 4000000 | cmp - one
    cmp two "$STORE/bucket/two/a"
    [ "$output" = 'text of files/f.csv' ]
    assert_no_fifo
}

@test "Gzip: every object is decompressed, members and all" {
    mkdir -p "$STORE/bucket/data"
    echo one | gzip >"$STORE/bucket/data/1.gz"
    { echo two | gzip; echo three | gzip; } >"$STORE/bucket/data/2.gz"
    : >"$STORE/bucket/data/3.gz"
    pipe x s3://bucket/data/ S3CompressionType=Gzip
    reads 'cat "$IN/x_0"'
    assert_status 0
    [ "$output" = $'one\ntwo\nthree' ]
    [ "$(value '["inputs"][0]["bytes"]')" = 14 ]
}

@test "bad gzip data: 125 with object and offset, though the transform succeeds" {
    mkdir -p "$STORE/bucket/data"
    echo one | gzip >"$STORE/bucket/data/1.gz"
    echo 'no gzip' >"$STORE/bucket/data/2.gz"
    pipe x s3://bucket/data/ S3CompressionType=Gzip
    output out output s3://bucket/out
    reads 'cat "$IN/x_0" >"$IN/../output/got"'
    assert_status 125
    one_error 'input "x": s3://bucket/data/2.gz: bad gzip data at byte 2'
    assert_message 's3://bucket/data/2.gz'
    [ "$(cat "$OUT/got")" = one ]
    assert_objects data/1.gz data/2.gz # nothing was published
    assert_no_fifo
}

@test "a reader that stops early is no error; who opens the FIFO again is told" {
    big data/a
    pipe x s3://bucket/data/
    reads 'head -c 10 "$IN/x_0" | wc -c; while test -e "$IN/x_0"; do sleep 0.02; done; cat "$IN/x_0" || echo none'
    assert_status 0
    [ "$output" = $'10\nnone' ]
    assert_match "$stderr" 'input "x": 0 of 1 object, [0-9]+ bytes .*its reader stopped early'
    assert_no_fifo
}

@test "a FIFO that nobody opens, or that the transform removes, does not keep the job from its end" {
    big data/a
    pipe x s3://bucket/data/
    LIMIT=10
    reads 'exit 0'
    assert_status 0
    assert_match "$stderr" 'input "x": 0 of 1 object, 0 bytes .*nobody opened it'
    assert_no_fifo
    reads 'rm -rf "$IN"'
    assert_status 0
    reads 'sleep 0.2; rm -rf "$IN"; exit 3'
    assert_status 3
    assert_no_fifo
}

@test "a reader slower than the writer, in small reads, gets every byte" {
    big data/a
    big data/b
    pipe x s3://bucket/data/
    reads 'sleep 0.3; dd if="$IN/x_0" of=got bs=1000 status=none'
    assert_status 0
    cat "$STORE"/bucket/data/* | cmp - got
}

@test "a transform that is killed while it is fed: its status, at once" {
    big data/a
    pipe x s3://bucket/data/
    LIMIT=10
    reads 'head -c 100000 >/dev/null; exec 3<"$IN/x_0"; head -c 10 <&3 >/dev/null; kill -KILL $$'
    assert_status 137
    assert_no_fifo
}

@test "a stop while a pipe is fed: the transform's own end" {
    big data/a
    pipe x s3://bucket/data/
    start_agent -- env IN="$IN" sh -c 'exec 3<"$IN/x_0"; head -c 10 <&3 >/dev/null; touch reading; exec sleep 30'
    until_true 20 test -e reading
    kill -TERM "$AGENT"
    end_agent
    assert_status 143
    assert_no_fifo
}

@test "a stop never looks like the end of the data" {
    big data/a
    big data/b
    pipe x s3://bucket/data/
    start_agent --set run.grace=1s -- env IN="$IN" sh -c 'trap "" TERM INT; exec 3<"$IN/x_0"
        head -c 10 <&3 >/dev/null; touch reading; while [ ! -e stopped ]; do sleep 0.02; done
        cat <&3 >/dev/null; touch ended'
    until_true 20 test -e reading
    kill -INT "$AGENT"
    sleep 0.3
    touch stopped
    end_agent
    assert_status 137
    refute test -e ended
    assert_no_fifo
}

@test "ShardedByS3Key over two hosts; a host without a share reads an empty pipe" {
    local name host
    for name in 1 2 3; do object "data/$name" "$name"; done
    pipe x s3://bucket/data/ S3DataDistributionType=ShardedByS3Key
    for host in algo-1 algo-2; do
        hosts "$host" algo-1 algo-2
        reads 'cat "$IN/x_0"'
        assert_status 0
        echo "$output" >>got
    done
    [ "$(cat got)" = $'13\n2' ]
    hosts algo-4 algo-1 algo-2 algo-3 algo-4
    reads 'cat "$IN/x_0"'
    assert_status 0
    [ -z "$output" ]
}

@test "a manifest through a pipe" {
    object data/1 one
    object data/2 two
    object data/3 three
    object m '[{"prefix": "s3://bucket/data/"}, "3", "1"]'
    pipe x s3://bucket/m S3DataType=ManifestFile
    reads 'cat "$IN/x_0"'
    assert_status 0
    [ "$output" = onethree ]
}

@test "an object that cannot be read: 125, the transform's success notwithstanding; its failure wins" {
    folder_only "the transform takes an object away"
    object data/1 one
    object data/2 two
    pipe x s3://bucket/data/
    reads 'rm "$STORE/bucket/data/2"; cat "$IN/x_0"'
    assert_status 125
    [ "$output" = one ]
    one_error 'input "x": s3://bucket/data/2 .*No such file'
    assert_match "$stderr" 'warning: input "x": s3://bucket/data/2 .*the transform sees the end of'
    assert_message 's3://bucket/data/2'
    object data/2 two
    reads 'rm "$STORE/bucket/data/2"; cat "$IN/x_0"; exit 4'
    assert_status 4
    one_error 's3://bucket/data/2'
    assert_no_fifo
}

@test "a command that cannot be run leaves no FIFO" {
    object data/1 one
    pipe x s3://bucket/data/
    job -- no-such-command
    assert_status 127
    one_error 'no-such-command'
    assert_no_fifo
}

@test "an agent that was killed leaves a FIFO, which the next run replaces" {
    big data/a
    pipe x s3://bucket/data/
    start_agent -- env IN="$IN" sh -c 'exec 3<"$IN/x_0"; head -c 10 <&3 >/dev/null; touch reading; exec sleep 30'
    until_true 20 test -e reading
    kill -KILL "$AGENT"
    wait "$AGENT" || true
    AGENT=
    [ -p "$IN/x_0" ]
    reads 'cat "$IN/x_0" >got'
    assert_status 0
    cmp got "$STORE/bucket/data/a"
    refute grep -q warning <<<"$stderr"
    assert_no_fifo
}

@test "something else of that name is an error, and stays" {
    object data/1 one
    mkdir -p "$IN"
    echo mine >"$IN/x_0"
    pipe x s3://bucket/data/
    reads 'touch "$WORK/started"'
    assert_status 125
    one_error 'input "x": its FIFO.s name .*input/x_0 is taken'
    [ "$(cat "$IN/x_0")" = mine ]
    refute test -e started
    rm "$IN/x_0"
    object files/x_0
    input files input s3://bucket/files/
    reads 'touch "$WORK/started"'
    assert_status 125
    one_error 's3://bucket/files/x_0.*would both become .*input/x_0'
    [ -z "$(tree "$IN")" ]
}

@test "a transform of another user reads it, too" {
    [ "$(id -u)" -eq 0 ] || skip "only root may become another user"
    object data/1 one
    pipe x s3://bucket/data/
    chmod o+x "$WORK" "$BATS_FILE_TMPDIR" "$BATS_RUN_TMPDIR" "$(dirname "$WORK")"
    job --set run.user=65534:65534 -- cat "$IN/x_0"
    assert_status 0
    [ "$output" = one ]
}

@test "check names the FIFO and makes none" {
    object data/1 one
    pipe x s3://bucket/data/
    agent check --ml-root "$ML" -- true
    assert_status 0
    assert_match "$output" '-> /opt/ml/processing/input/x_0, a FIFO fed by procagent'
    refute test -e "$IN"
}

@test "what a pipe cannot do is an error that says what to use" {
    object data/1 one
    pipe x s3://bucket/data/
    assert_refused 'input "x": unpack = yes is for files.*use ' --set input.x.unpack=yes
    INPUTS=()
    pipe a/b s3://bucket/data/
    assert_refused 'input "a/b": S3InputMode Pipe needs an InputName'
    INPUTS=()
    pipe '' s3://bucket/data/
    assert_refused 'input "": S3InputMode Pipe needs an InputName'
}
