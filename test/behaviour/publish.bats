#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2034,SC2154 # INPUTS, OUTPUTS, status, output, stderr: see common.bash
# Publishing to a folder store: which files become which keys, what is not published, and that a key is
# there complete or not at all.
load common

setup_more() {
    use_store
}

# writes SH: the transform, run in OUT.
writes() {
    {
        # shellcheck disable=SC2016 # for the script
        echo 'put() { mkdir -p "./$(dirname -- "$1")"; printf "%s" "${2-text of $1}" >"./$1"; }; cd "$OUT"'
        echo "$1"
    } | script transform
}

# publishes S3URI SH
publishes() {
    output out output "$1"
    writes "$2"
    job -- "$WORK/transform"
}

@test "key = S3Uri / path below LocalPath" {
    publishes s3://bucket/some/prefix 'put a.csv; put deep/er/b.csv; put empty ""'
    assert_status 0
    assert_objects some/prefix/a.csv some/prefix/deep/er/b.csv some/prefix/empty
    [ "$(cat "$STORE/bucket/some/prefix/deep/er/b.csv")" = 'text of deep/er/b.csv' ]
    assert_message '^completed: 1 output, 3 files, 34 bytes'
}

@test "slashes at the end of S3Uri and LocalPath make no difference" {
    output out output/// s3://bucket/prefix///
    writes 'put a/b.csv'
    job -- "$WORK/transform"
    assert_status 0
    assert_objects prefix/a/b.csv
}

@test "the bucket's root as S3Uri" {
    publishes s3://bucket 'put a.csv; put x/b.csv'
    assert_status 0
    assert_objects a.csv x/b.csv
}

@test "a bucket that is not there yet is made" {
    folder_only "no bucket is made on S3"
    publishes s3://new-bucket/x 'put a.csv'
    assert_status 0
    [ "$(cat "$STORE/new-bucket/x/a.csv")" = 'text of a.csv' ]
}

@test "several outputs, each to its own place" {
    output one one s3://bucket/1
    output two two/deep s3://bucket/2/
    output none none s3://bucket/3
    script transform <<'SH'
echo 1 >"$WORK/ml/processing/one/x"
echo 2 >"$WORK/ml/processing/two/deep/x"
echo outside >"$WORK/ml/processing/two/x"
SH
    job -- "$WORK/transform"
    assert_status 0
    assert_objects 1/x 2/x
}

@test "odd names: blanks, = % + & quotes, dots, other scripts, a newline" {
    local name
    output out output s3://bucket/out
    mkdir -p "$OUT"
    for name in 'two words .csv' 'a=b' '100%' '%41' '+&;$' "it's \"q\"" '.hidden' '...' '東京' 'a\b' '-rf' $'new\nline'; do
        if key_unknown "$name"; then continue; fi
        printf %s "$name" >"$OUT/$name"
    done
    job -- true
    assert_status 0
    diff -r "$OUT" "$STORE/bucket/out"
}

@test "links and special files are neither followed nor published, with a warning" {
    mkdir -p elsewhere
    echo secret >elsewhere/secret
    publishes s3://bucket/out 'put real; ln -s real link; ln -s "$WORK/elsewhere" folder; ln -s nowhere dangling
        ln "$WORK/elsewhere/secret" hard; mkfifo fifo; perl -MIO::Socket::UNIX -e "IO::Socket::UNIX->new(Local => q(sock), Listen => 1)"'
    assert_status 0
    assert_objects out/real out/hard
    assert_match "$stderr" 'warning: .*5 links or special files such as "(dangling|fifo|folder|link|sock)"'
    [ "$(value '["outputs"][0]["skipped"]')" = 5 ]
    [ "$(value '["outputs"][0]["files"]')" = 2 ]
}

@test "a LocalPath that is a link to a folder is used like that folder" {
    mkdir elsewhere
    ln -s "$WORK/elsewhere" "$OUT"
    publishes s3://bucket/out 'put a.csv'
    assert_status 0
    assert_objects out/a.csv
    [ -f elsewhere/a.csv ]
}

@test "empty folders vanish" {
    publishes s3://bucket/out 'put a/b.csv; mkdir -p a/empty/er empty'
    assert_status 0
    diff <(tree "$STORE/bucket") - <<'TREE'
d out
d out/a
f out/a/b.csv
TREE
}

@test "an empty output makes nothing and is no error" {
    publishes s3://bucket/out ':'
    assert_status 0
    [ -z "$(tree "$STORE/bucket")" ]
    assert_message '0 files, 0 bytes'
}

@test "an output folder that the transform removed makes nothing and is no error" {
    publishes s3://bucket/out 'rmdir "$OUT"'
    assert_status 0
    assert_message '0 files, 0 bytes'
    assert_objects
}

@test "nothing is published when the transform failed" {
    publishes s3://bucket/out 'put a.csv; exit 1'
    assert_status 1
    assert_objects
    [ -z "$(tree "$STORE/bucket")" ]
    [ -f "$OUT/a.csv" ]
    assert_message 'exited with status 1'
    writes 'kill -KILL $$'
    job -- "$WORK/transform"
    assert_status 137
    assert_objects
}

@test "an existing key is replaced by a rename: who reads the old one goes on reading it whole" {
    folder_only "renames and links"
    object out/a.csv 'the old one'
    exec 8<"$STORE/bucket/out/a.csv"
    publishes s3://bucket/out 'put a.csv "the new one, longer"'
    assert_status 0
    [ "$(cat <&8)" = 'the old one' ]
    [ "$(cat "$STORE/bucket/out/a.csv")" = 'the new one, longer' ]
    assert_objects out/a.csv
    # a hard link to the old object is not written through
    ln "$STORE/bucket/out/a.csv" kept
    writes 'put a.csv third'
    job -- "$WORK/transform"
    assert_status 0
    [ "$(cat kept)" = 'the new one, longer' ]
    [ "$(cat "$STORE/bucket/out/a.csv")" = third ]
}

@test "keys of other runs stay" {
    object out/old.csv
    publishes s3://bucket/out 'put new.csv'
    assert_status 0
    assert_objects out/old.csv out/new.csv
}

@test "what is published is not tied to the output folder: no hard links" {
    folder_only "links"
    publishes s3://bucket/out 'put a.csv'
    assert_status 0
    echo changed >"$OUT/a.csv"
    [ "$(cat "$STORE/bucket/out/a.csv")" = 'text of a.csv' ]
}

@test "two outputs that make one key are refused, both named, nothing published" {
    output one one s3://bucket/x
    output two two s3://bucket/x/
    script transform <<<'for o in one two; do echo $o >"$WORK/ml/processing/$o/same"; echo $o >"$WORK/ml/processing/$o/$o"; done'
    job -- "$WORK/transform"
    assert_status 125
    one_error '"(one|two)".*"(one|two)".*s3://bucket/x/same'
    assert_message 's3://bucket/x/same'
    [ -z "$(tree "$STORE/bucket")" ]
    # the same through a deeper prefix
    OUTPUTS=()
    output one one s3://bucket/x
    output two two s3://bucket/x/sub
    script transform <<<'mkdir -p "$WORK/ml/processing/one/sub"; for o in one/sub two; do echo $o >"$WORK/ml/processing/$o/same"; done'
    rm -r "$ML/processing/one" "$ML/processing/two"
    job -- "$WORK/transform"
    assert_status 125
    one_error 's3://bucket/x/sub/same'
    [ -z "$(tree "$STORE/bucket")" ]
}

@test "a key longer than 1,024 bytes is refused before anything is published" {
    local part
    part=$(printf '%0200d' 0)
    publishes "s3://bucket/$part" "put short; put $part/$part/$part/$part/$part/long"
    assert_status 125
    one_error '"out".*1024'
    [ -z "$(tree "$STORE/bucket")" ]
}

@test "a name that is not UTF-8 is refused before anything is published" {
    publishes s3://bucket/out 'put ok; put "$(printf "x\\377")"'
    assert_status 125
    one_error '"out".*UTF-8'
    message
    [ -z "$(tree "$STORE/bucket")" ]
}

@test "a store key that is a folder where a file must go, or the reverse: 125, no temporaries" {
    folder_only "keys know no folders"
    object out/a.csv/b
    publishes s3://bucket/out 'put a.csv'
    assert_status 125
    one_error 'a.csv'
    assert_objects out/a.csv/b
    rm -r "$STORE/bucket/out" "$OUT"
    object out
    job -- "$WORK/transform"
    assert_status 125
    one_error 'out'
    assert_objects out
}

# as_nobody COMMAND...: without root's right to write everywhere.
as_nobody() {
    if [ "$(id -u)" -ne 0 ]; then
        capture "$@"
        return
    fi
    command -v setpriv >/dev/null || skip "root writes everywhere, and there is no setpriv"
    chmod -R o+rwX "$ML"
    local up=$WORK
    while [ "$up" != "${BATS_RUN_TMPDIR%/*}" ]; do
        chmod o+x "$up"
        up=${up%/*}
    done
    capture setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
}

@test "a store that may not be written: 125, a message with the path, nothing half-named" {
    folder_only "file modes"
    output out output s3://bucket/out
    object out/old.csv
    mkdir -p "$OUT"
    echo new >"$OUT/new.csv"
    cp "$PROCAGENT" agent-copy
    chmod 755 agent-copy
    chmod -R a-w "$STORE"
    as_nobody "$WORK/agent-copy" run --ml-root "$ML" -- true
    assert_status 125
    one_error "$STORE.*([Pp]ermission|[Rr]ead-only)"
    assert_message "$STORE"
    assert_objects out/old.csv
    [ -f "$OUT/new.csv" ]
    # the root is writable, the bucket is not: the rename is what fails
    chmod o+w "$STORE"
    as_nobody "$WORK/agent-copy" run --ml-root "$ML" -- true
    assert_status 125
    one_error "$STORE"
    assert_objects out/old.csv
}

@test "a store mounted read-only: 125, a message" {
    folder_only "mounts"
    output out output s3://bucket/out
    mkdir -p "$OUT"
    echo new >"$OUT/new.csv"
    in_sandbox --ro-bind "$STORE" "$STORE" /opt/procagent run -- true
    assert_status 125
    one_error '[Rr]ead-only'
    assert_message '[Rr]ead-only'
    assert_objects
}

@test "a full store: 125, a message, no key and no temporary" {
    folder_only "mounts"
    output out output s3://bucket/out
    mkdir -p "$OUT"
    head -c 100000 /dev/zero >"$OUT/small"
    head -c 3000000 /dev/urandom >"$OUT/too-big"
    # a small tmpfs; what is left in it is listed before it goes
    in_sandbox --size 1000000 --tmpfs /opt/store env PROCAGENT_STORE_ROOT=/opt/store sh -c \
        '/opt/procagent run -- true; s=$?; find /opt/store -mindepth 1; exit $s'
    if grep -q 'Unknown option' <<<"$stderr"; then skip "this bubblewrap has no --size"; fi
    assert_status 125
    one_error '[Nn]o space'
    assert_message '[Nn]o space'
    [ -z "$output" ]
}

@test "a bucket on another file system than the root is published to as well" {
    folder_only "mounts"
    output out output s3://bucket/out
    mkdir -p "$OUT"
    echo new >"$OUT/new.csv"
    in_sandbox --dir /opt/store --tmpfs /opt/store/bucket env PROCAGENT_STORE_ROOT=/opt/store sh -c \
        '/opt/procagent run -- true; s=$?; cd /opt/store; find . -mindepth 1 | sort; exit $s'
    assert_status 0
    [ "$output" = $'./bucket\n./bucket/out\n./bucket/out/new.csv' ]
}

@test "temporaries of a run that was killed are swept by the next" {
    folder_only "temporaries"
    mkdir "$STORE/.procagent-0123456789abcdef"
    echo half >"$STORE/.procagent-0123456789abcdef/0"
    publishes s3://bucket/out 'put a.csv'
    assert_status 0
    assert_objects out/a.csv
}

@test "names of our own temporaries are never published" {
    publishes s3://bucket/out 'put a.csv; put .procagent-0011223344556677.tmp'
    assert_status 0
    [ "$(objects)" = out/a.csv ]
}

@test "many and big files arrive whole" {
    publishes s3://bucket/out 'i=0; while [ $i -lt 200 ]; do echo $i >$i; i=$((i + 1)); done; head -c 30000001 /dev/urandom >big
        truncate -s 50000000 sparse'
    assert_status 0
    diff -r "$OUT" "$STORE/bucket/out"
    [ "$(value '["outputs"][0]["files"]')" = 202 ]
}

@test "kind = platform moves nothing, and LocalPath is what SageMaker will upload" {
    no_store
    output out output s3://bucket/out
    output raw raw s3://bucket/raw
    script transform <<<'echo x >"$OUT/a.csv"; echo x >"$WORK/ml/processing/raw/b.csv"'
    job --set output.out.layout=d=1 -- "$WORK/transform"
    assert_status 0
    diff <(tree "$ML/processing") - <<'TREE'
d output
d output/d=1
d raw
f output/d=1/a.csv
f raw/b.csv
TREE
    [ -z "$(tree "$STORE/bucket")" ]
    [ "$(value '["store"]')" = platform ]
    [ "$(value '["outputs"][0]["files"]')" = 1 ]
}

@test "kind = platform needs no S3Uri that we could use" {
    no_store
    output out output https://s3.amazonaws.com/bucket/out
    job --set output.out.layout=d=1 -- sh -c "echo x >'$OUT/a.csv'"
    assert_status 0
    [ -f "$OUT/d=1/a.csv" ]
}

@test "S3UploadMode Continuous with a layout or a pack is refused, with what to do" {
    output out output s3://bucket/out Continuous
    assert_refused '"out".*Continuous.*EndOfJob' --set output.out.layout=d=1
    assert_refused '"out".*Continuous.*EndOfJob' --set output.out.pack=o.tar.gz
    no_store
    assert_refused '"out".*Continuous.*EndOfJob' --set output.out.layout=d=1
}

@test "S3UploadMode Continuous without either is published at the end" {
    output out output s3://bucket/out Continuous
    writes 'put d=1/a.csv'
    job -- "$WORK/transform"
    assert_status 0
    assert_objects out/d=1/a.csv
    job --set output.out.layout=none -- true
    assert_status 0
}

@test "an output without an S3Uri cannot be published" {
    assert_refused 'output.out.local_path.*"out".*S3Uri' --set output.out.local_path=/opt/ml/processing/output
}

@test "moves = app-managed: the application's inputs and outputs are ours, the others SageMaker's" {
    object in/a.csv
    input ours input s3://bucket/in/
    input theirs theirs s3://bucket/in/
    output ours output s3://bucket/ours
    output theirs other s3://bucket/theirs
    sed -i -E '/"(InputName|OutputName)": "ours"/s/("(Input|Output)Name": "ours", "AppManaged": )false/\1true/g' \
        "$ML/config/processingjobconfig.json"
    [ "$(grep -o '"AppManaged": true' "$ML/config/processingjobconfig.json" | wc -l)" = 2 ]
    script transform <<<'cp "$WORK/ml/processing/input/a.csv" "$OUT/x.csv"; echo y >"$WORK/ml/processing/other/y.csv"'
    job --set store.moves=app-managed -- "$WORK/transform"
    assert_status 0
    assert_objects in/a.csv ours/x.csv
    [ ! -e "$ML/processing/theirs/a.csv" ]
    assert_match "$stderr" '"theirs": 1 file.*left for the platform'
    no_store
    job --set store.moves=app-managed -- true
    assert_status 125
    one_error 'moves = app-managed needs kind = s3 or folder'
}
