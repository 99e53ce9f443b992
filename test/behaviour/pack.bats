#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2034,SC2154 # INPUTS, OUTPUTS, status, output, stderr: see common.bash
# Packing: the kinds of archives, what becomes a member, how hard it is tried.
load common

setup_more() {
    use_store
    export PROCAGENT_JOB_TIME=2022-12-25T15:23:04Z
    output out output s3://bucket/result
    script transform <<'SH'
cd "$OUT"
mkdir -p sub/tmp
echo 1,2 >a.csv
echo 3,4 >sub/b.csv
echo 5,6 >sub/tmp/c.csv
echo log >a.log
echo 日本 >日本語.txt
: >empty
seq 1 400000 >numbers
head -c 1500000 /dev/urandom | base64 -w0 >base64
chmod 755 a.csv
[ -z "${KEEP:-}" ] || { cp -r . "$KEEP"; }
SH
}

RESULT=
# packed NAME [OPTION...]: a job that packs the tree as NAME, which is then $RESULT; $WORK/ref is the tree.
packed() {
    local name=$1
    rm -rf "$OUT" "$STORE/bucket/result" "$WORK/ref"
    mkdir "$WORK/ref"
    KEEP=$WORK/ref job --set output.out.pack="$name" "${@:2}" -- "$WORK/transform"
    assert_status 0
    RESULT=$STORE/bucket/result/$name
}

# opens COMMAND...: it unpacks $RESULT into the folder it runs in, and that is then the tree.
opens() {
    rm -rf "$WORK/x"
    mkdir "$WORK/x"
    (cd "$WORK/x" && "$@")
    diff -r "$WORK/ref" "$WORK/x"
}

@test "pack: .tar.zst, for GNU tar, bsdtar, zstd and procagent's own unpack, at every level" {
    local level
    for level in fast normal best; do
        packed o.tar.zst --set output.out.pack_level=$level
        assert_objects result/o.tar.zst
        opens tar --zstd -xf "$RESULT"
        opens env LC_ALL=C.UTF-8 bsdtar -xf "$RESULT"
        zstd -qt "$RESULT"
    done
    [ -x "$WORK/x/a.csv" ]
    cp "$RESULT" "$STORE/bucket/o.tar.zst"
    input in input s3://bucket/o.tar.zst
    rm -rf "$OUT"
    # shellcheck disable=SC2016
    job --set input.in.unpack=yes -- sh -c 'diff -r "$1" "$PROCAGENT_ML_ROOT/processing/input"' sh "$WORK/ref"
    assert_status 0
}

@test "pack: .zip, for unzip, Python, bsdtar and procagent's own unpack, at every level" {
    local level
    for level in fast normal best; do
        packed o.zip --set output.out.pack_level=$level
        assert_objects result/o.zip
        opens env LC_ALL=C.UTF-8 unzip -q "$RESULT"
        opens env LC_ALL=C.UTF-8 bsdtar -xf "$RESULT"
        opens "$PYTHON" -m zipfile -e "$RESULT" .
    done
    "$PYTHON" - "$RESULT" <<'PY'
import sys, zipfile
z = zipfile.ZipFile(sys.argv[1])
assert z.testzip() is None
assert z.namelist() == ["a.csv", "a.log", "base64", "empty", "numbers", "sub/b.csv", "sub/tmp/c.csv", "日本語.txt"]
for m in z.infolist():
    assert m.date_time == (2022, 12, 25, 15, 23, 4), m
    assert m.external_attr >> 16 == (0o100755 if m.filename == "a.csv" else 0o100644), m
PY
    cp "$RESULT" "$STORE/bucket/o.zip"
    input in input s3://bucket/o.zip
    rm -rf "$OUT"
    # shellcheck disable=SC2016
    job --set input.in.unpack=yes -- sh -c 'diff -r "$1" "$PROCAGENT_ML_ROOT/processing/input"' sh "$WORK/ref"
    assert_status 0
}

@test "pack: a fast .tar.gz is one, for gzip, tar and Python; best is no larger than normal, which is smaller than fast" {
    local level size last=999999999
    # the same random bytes each time
    sed -i 's|head -c 1500000 /dev/urandom|head -c 1500000 "$NOISE"|' "$WORK/transform"
    head -c 1500000 /dev/urandom >noise
    export NOISE=$WORK/noise
    for level in fast normal best; do
        packed o.tar.gz --set output.out.pack_level=$level
        gzip -t "$RESULT"
        opens tar -xzf "$RESULT"
        opens "$PYTHON" -c 'import sys, tarfile; tarfile.open(sys.argv[1]).extractall(".")' "$RESULT"
        size=$(stat -c %s "$RESULT")
        echo "# $level $size"
        ((size <= last))
        last=$size
    done
}

@test "pack: every kind has the same bytes on one CPU and on all, in another zone and locale" {
    local name
    sed -i 's|head -c 1500000 /dev/urandom|head -c 1500000 /dev/zero|' "$WORK/transform"
    for name in o.tar.gz o.tgz o.tar.zst o.zip; do
        packed "$name"
        cp "$RESULT" first
        TZ=Asia/Tokyo LC_ALL=C.UTF-8 packed "$name"
        cmp first "$RESULT"
        rm -rf "$OUT" "$STORE/bucket/result"
        taskset -c 0 "$PROCAGENT" run --ml-root "$ML" --set output.out.pack="$name" -- "$WORK/transform"
        cmp first "$RESULT"
    done
}

@test "pack: what patterns choose becomes members, the rest is published beside the archive" {
    packed o.tar.gz --set 'output.out.pack_include=*.csv, numbers, *.parquet' --set 'output.out.pack_exclude=sub/tmp/**'
    assert_match "$stderr" 'pack: warning: output "out": pack_include: no file fits "\*.parquet": ignored'
    [ "$(tar -tzf "$RESULT")" = "$(printf 'a.csv\nnumbers\nsub/b.csv')" ]
    assert_objects result/o.tar.gz result/a.log result/base64 result/empty result/sub/tmp/c.csv result/日本語.txt
    refute test -e "$OUT/a.csv"
    refute test -e "$OUT/sub/b.csv"
    [ "$(value '["outputs"][0]["archive"]["members"]')" = 3 ]
}

@test "pack: patterns and levels that cannot be are refused, with file and line; check prints those that can" {
    ini <<<$'[output "out"]\npack = o.zip\npack_exclude = *.tmp, sub/'
    assert_refused 'agent.ini:3: pack_exclude: the pattern "sub/" must name files'
    ini <<<$'[output "out"]\npack = o.zip\npack_level = 9'
    assert_refused 'agent.ini:3: pack_level = "9": .*fast, normal or best'
    ini <<<$'[output "out"]\npack_level = fast'
    assert_refused 'agent.ini:2: pack_level: output "out" has no pack'
    ini <<<$'[output "out"]\npack = o.zip\npack_level = fast\npack_include = *.csv,/a\npack_exclude = *.tmp'
    agent check --ml-root "$ML" -- true
    assert_status 0
    assert_match "$output" 'packed as o.zip, fast; only \*.csv, /a; not \*.tmp'
}
