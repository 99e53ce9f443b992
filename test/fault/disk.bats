#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Real full and read-only disks: a small tmpfs in a mount namespace of the test's own (contract:
# process.md C27).
load ../behaviour/common.bash

setup_more() {
    unshare -Urm true 2>/dev/null || skip "unshare may not make user and mount namespaces here"
    unshare -Urm mount -t tmpfs none "$WORK" 2>/dev/null || skip "no tmpfs may be mounted in a namespace here"
    simple_job
    script writes_2_mb <<<'head -c 2000000 /dev/urandom >"$OUT/big.bin"; echo s >"$OUT/small.csv"'
}

# on_disk DIR OPTIONS COMMAND...: DIR is a tmpfs with these options while COMMAND runs; what it holds then
# is copied to DIR.after. DIR itself keeps what it had.
on_disk() {
    local dir=$1 options=$2
    shift 2
    # shellcheck disable=SC2016 # expanded by the inner shell
    capture unshare -Urm sh -c 'dir=$1 options=$2; shift 2
        cp -a "$dir" "$dir.before"
        mount -t tmpfs -o "${options#ro,}" none "$dir" && cp -a "$dir.before/." "$dir"
        case $options in ro,*) mount -o remount,ro "$dir" ;; esac
        "$@"; status=$?
        cp -a "$dir" "$dir.after"
        exit $status' sh "$dir" "$options" "$@"
}

@test "a store that is full: 125, one clear error, nothing below the prefix" {
    object out/small.csv old
    on_disk "$STORE" size=1m "$PROCAGENT" run --ml-root "$ML" -- ./writes_2_mb
    assert_status 125
    one_error 'publish: error: .*s3://bucket/out/big.bin: No space left on device'
    assert_message 'No space left on device'
    diff <(tree "$STORE.after") <(printf '%s\n' 'd bucket' 'd bucket/out' 'f bucket/out/small.csv')
    [ "$(cat "$STORE.after/bucket/out/small.csv")" = old ]
    [ "$(stat -c %s "$OUT/big.bin")" -eq 2000000 ]
}

@test "a store that is read-only: 125, one clear error" {
    on_disk "$STORE" ro,size=4m "$PROCAGENT" run --ml-root "$ML" -- ./writes_2_mb
    assert_status 125
    one_error 'publish: error: .*Read-only file system'
    assert_message 'Read-only file system'
    diff <(tree "$STORE.after") <(echo 'd bucket')
}

@test "no space to stage inputs: said before a byte moves, with what is needed and what is there" {
    mkdir -p "$STORE/bucket/in"
    head -c 1500000 /dev/urandom >"$STORE/bucket/in/big.bin"
    input one one s3://bucket/in
    input two two s3://bucket/in
    on_disk "$ML/processing" size=2m "$PROCAGENT" run --ml-root "$ML" -- touch "$WORK/started"
    assert_status 125
    one_error 'stage: error: input "one", "two": 3.0 MB to stage below .*/processing, 2\.0 MB free: .*VolumeSizeInGB'
    assert_message 'VolumeSizeInGB'
    refute test -e "$WORK/started"
    [ -z "$(tree "$ML/processing.after")" ]
    assert_objects in/big.bin
}

@test "files that are replaced need no room of their own" {
    mkdir -p "$STORE/bucket/in" "$ML/processing/in"
    local i
    for i in {1..8}; do head -c 200000 /dev/urandom >"$STORE/bucket/in/$i"; done
    cp "$STORE"/bucket/in/* "$ML/processing/in"
    input in in s3://bucket/in/
    on_disk "$ML/processing" size=2m "$PROCAGENT" run --ml-root "$ML" -- true
    assert_status 0
    diff -r "$STORE/bucket/in" "$ML/processing.after/in"
}

@test "a disk that fills up while inputs are staged: 125, how much there was to stage, nothing is left" {
    mkdir -p "$STORE/bucket/in"
    local i
    for i in {1..20}; do echo "$i" >"$STORE/bucket/in/$i"; done
    input in input s3://bucket/in
    on_disk "$ML/processing" size=1m,nr_inodes=10 "$PROCAGENT" run --ml-root "$ML" -- touch "$WORK/started"
    assert_status 125
    one_error 'stage: error: input "in": 51 bytes in 20 files to stage: .*No space left on device'
    assert_message 'No space left on device'
    refute test -e "$WORK/started"
    [ -z "$(tree "$ML/processing.after")" ]
}

@test "no space to pack: 125, the loose files stay, nothing is published" {
    mkdir -p "$OUT"
    script fills <<<'head -c 700000 /dev/urandom >"$OUT/a.bin"; echo s >"$OUT/small.csv"'
    on_disk "$ML/processing" size=1m "$PROCAGENT" run --ml-root "$ML" --set output.out.pack=out.tar.gz -- ./fills
    assert_status 125
    one_error 'pack: error: .*out.tar.gz.*No space left on device'
    assert_message 'No space left on device'
    diff <(find "$ML/processing.after" -type f -printf '%P %s\n' | sort) \
        <(printf '%s\n' 'output/a.bin 700000' 'output/small.csv 2')
    assert_objects
}

@test "no space for the message file: the status stands, a warning says so" {
    mkdir -p "$ML/output"
    on_disk "$ML/output" size=4k,nr_inodes=1 "$PROCAGENT" run --ml-root "$ML" -- ./writes_2_mb
    assert_status 0
    assert_match "$stderr" 'warning: .*message.*No space left on device'
    assert_objects out/big.bin out/small.csv
}

@test "outputs that are read-only when they are laid out: 125, nothing moved" {
    mkdir -p "$OUT"
    echo x >"$OUT/x.csv"
    on_disk "$ML/processing" ro,size=1m "$PROCAGENT" run --ml-root "$ML" --set output.out.layout=k=v -- true
    assert_status 125
    one_error 'partition: error: .*Read-only file system'
    diff <(find "$ML/processing.after" -type f -printf '%P\n') <(echo output/x.csv)
    assert_objects
}
