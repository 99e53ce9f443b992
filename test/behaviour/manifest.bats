#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2034,SC2154 # INPUTS, OUTPUTS, status, output, stderr: see common.bash
# S3DataType ManifestFile: which objects become which files, and one error for each way to get it wrong.
load common

IN=

setup_more() {
    IN=$ML/processing/input
    use_store
}

# manifest TEXT: the input "in" of that manifest.
manifest() {
    INPUTS=()
    rm -rf "$IN"
    object lists/in.manifest "$1"
    input in input s3://bucket/lists/in.manifest S3DataType=ManifestFile "${@:2}"
}

# got ENTRY...: the input folder's tree is just that ("f name", "d name").
got() {
    assert_status 0
    diff -u <(printf '%s\n' "$@" | LC_ALL=C sort) <(tree "$IN")
}

# not_staged REGEX: 125, one error, no transform and no file.
not_staged() {
    job -- touch "$WORK/started"
    assert_status 125
    one_error "$1"
    assert_message "$1"
    refute test -e "$WORK/started"
    refute test -e "$IN"
    assert_clean
}

@test "the whole key below LocalPath; or what follows the prefix" {
    object some/prefix/ds=2019-05-01/part-0 zero
    object some/prefix/b.csv
    object some/prefix/other.csv
    manifest '[ {"prefix": "s3://bucket/some/prefix/"}, "b.csv",
        "ds=2019-05-01/part-0" ]'
    job -- true
    got 'd some' 'd some/prefix' 'f some/prefix/b.csv' 'd some/prefix/ds=2019-05-01' \
        'f some/prefix/ds=2019-05-01/part-0'
    [ "$(cat "$IN/some/prefix/ds=2019-05-01/part-0")" = zero ]
    [ "$(value '["inputs"][0]["files"]')" = 2 ]
    [ "$(value '["inputs"][0]["bytes"]')" = 29 ]
    rm -rf "$IN"
    job --set input.in.manifest_paths=relative -- true
    got 'f b.csv' 'd ds=2019-05-01' 'f ds=2019-05-01/part-0'
}

@test "a prefix that ends inside a name: entries are appended as they are" {
    object data/train-1.csv
    object data/train-2/x.csv
    manifest '[{"prefix": "s3://bucket/data/train-"}, "1.csv", "2/x.csv"]'
    job -- true
    got 'd data' 'f data/train-1.csv' 'd data/train-2' 'f data/train-2/x.csv'
    rm -rf "$IN"
    job --set input.in.manifest_paths=relative -- true
    got 'f train-1.csv' 'd train-2' 'f train-2/x.csv'
}

@test "ShardedByS3Key: in turn, in the order of keys and not of the manifest" {
    local name host
    for name in a b c d e; do object "k/$name"; done
    for host in algo-1 algo-2; do
        hosts "$host" algo-1 algo-2
        manifest '[{"prefix": "s3://bucket/k/"}, "e", "d", "b", "a", "c"]' S3DataDistributionType=ShardedByS3Key
        job --set input.in.manifest_paths=relative -- true
        (cd "$IN" && echo *) >>got
    done
    [ "$(cat got)" = $'a c e\nb d' ]
}

@test "bad manifests: file, line and column" {
    local at wrong
    object k/a
    while IFS='|' read -r at wrong; do
        manifest "$(printf '%b' "$wrong")"
        not_staged "input \"in\": s3://bucket/lists/in.manifest:$at"
    done <<'CASES'
1:[0-9]+: not JSON|nonsense
3:[0-9]+: not JSON: .*oops|[{"prefix": "s3://bucket/k/"},\n "a",\n oops]
1:1: not a JSON array|{"prefix": "s3://bucket/k/"}
1:2: the first element|["a", "b"]
2:2: this element is no string|[{"prefix": "s3://bucket/k/"},\n 7]
1:[0-9]+: prefix|[{"prefix": "https://bucket/k/"}, "a"]
2:3: "s3://other/k/a" names another bucket than the prefix, "bucket"|[{"prefix": "s3://bucket/k/"},\n  "s3://other/k/a"]
3:2: "a" is listed a second time \(the first: 2:2\)|[{"prefix": "s3://bucket/k/"},\n "a",\n "a"]
CASES
}

@test "an object that is not there: manifest and key, and no file of the others" {
    object k/a
    object other/x
    manifest '[{"prefix": "s3://bucket/k/"}, "a", "gone.csv"]'
    input more input/more s3://bucket/other/
    not_staged 'input "in" \(s3://bucket/lists/in.manifest\): s3://bucket/k/gone.csv[ :]'
}

@test "a manifest that is not there, or is a prefix" {
    object k/a
    input in input s3://bucket/lists/none S3DataType=ManifestFile
    not_staged 'input "in": s3://bucket/lists/none[ :]'
    INPUTS=()
    input in input s3://bucket/k/ S3DataType=ManifestFile
    assert_refused 'input "in": S3Uri "s3://bucket/k/" of a ManifestFile names no object; .*use S3Prefix'
}

@test "a key that is a file and a folder, keys that fall on one path, a name that is too long" {
    object other/k/a
    object k/a
    object x/k/a/b
    manifest '[{"prefix": "s3://bucket/k/"}, "a"]'
    input more input/k s3://bucket/x/k/
    not_staged 's3://bucket/k/a and s3://bucket/x/k/a/b need a file and a folder at'
    INPUTS=()
    input more input s3://bucket/other/
    input in input s3://bucket/lists/in.manifest S3DataType=ManifestFile
    not_staged 's3://bucket/(other/)?k/a and s3://bucket/(other/)?k/a would both become'
    manifest "[{\"prefix\": \"s3://bucket/k/\"}, \"$(printf 'n%.0s' {1..256})\"]"
    not_staged 's3://bucket/k/n+ cannot be a file.*longer than 255 bytes'
}
