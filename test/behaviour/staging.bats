#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2034,SC2154 # INPUTS, OUTPUTS, status, output, stderr: see common.bash
# Staging from a folder store: which objects become which files, what is an error, and that the store is
# never touched by what the transform does to its inputs.
load common

IN=

setup_more() {
    IN=$ML/processing/input
    use_store
}

# staged URI: runs a job with that one input; then assert with `got`.
staged() {
    INPUTS=()
    rm -rf "$IN"
    input in input "$@"
    job -- sh -c 'exit 0'
}

# got ENTRY...: the input folder's tree is just that ("f name", "d name").
got() {
    assert_status 0
    diff -u <(if [ $# -gt 0 ]; then printf '%s\n' "$@" | LC_ALL=C sort; fi) <(tree "$IN")
}

# not_staged REGEX: 125, one error, and nothing there: no file, no transform.
not_staged() {
    job -- touch "$WORK/started"
    assert_status 125
    one_error "$1"
    assert_message "$1"
    refute test -e "$WORK/started"
    [ -z "$(find "$ML/processing" -mindepth 1 -type f)" ]
    assert_clean
}

@test "a single object: LocalPath/basename" {
    object code/transform.py 'print(1)'
    object code/other.py
    staged s3://bucket/code/transform.py
    got 'f transform.py'
    [ "$(cat "$IN/transform.py")" = 'print(1)' ]
    object top.csv
    staged s3://bucket/top.csv
    got 'f top.csv'
}

@test "a prefix with a slash and one without give the same tree" {
    object data/a.csv
    object data/sub/deep/b.csv
    object data2/c.csv
    object other/d.csv
    staged s3://bucket/data/
    got 'f a.csv' 'd sub' 'd sub/deep' 'f sub/deep/b.csv'
    [ "$(cat "$IN/sub/deep/b.csv")" = 'text of data/sub/deep/b.csv' ]
    rm -r "$STORE/bucket/data2"
    staged s3://bucket/data
    got 'f a.csv' 'd sub' 'd sub/deep' 'f sub/deep/b.csv'
    refute grep -q warning <<<"$stderr"
}

@test "a prefix that ends inside a name takes whole names, with a warning" {
    object data/train-1.csv
    object data/train-2/x.csv
    object data/test.csv
    staged s3://bucket/data/train
    got 'f train-1.csv' 'd train-2' 'f train-2/x.csv'
    assert_match "$stderr" 'warning: .*s3://bucket/data/train .*data/train-'
}

@test "a prefix without a slash also takes its neighbours, with a warning" {
    object data/a.csv
    object data2/b.csv
    object data.csv
    staged s3://bucket/data
    got 'f a.csv' 'd data2' 'f data2/b.csv' 'f data.csv'
    assert_match "$stderr" 'warning: .*2 objects'
}

@test "a single object whose name others begin with: they come too, with a warning" {
    object a.csv
    object a.csv.gz
    staged s3://bucket/a.csv
    got 'f a.csv' 'f a.csv.gz'
    assert_match "$stderr" 'warning: .*a.csv.gz'
}

@test "the bucket alone, with and without a slash" {
    object a.csv
    object x/b.csv
    staged s3://bucket
    got 'f a.csv' 'd x' 'f x/b.csv'
    staged s3://bucket/
    got 'f a.csv' 'd x' 'f x/b.csv'
}

@test "folder markers and empty folders are no objects" {
    object data/a.csv
    mkdir -p "$STORE/bucket/data/empty/deeper" "$STORE/bucket/none"
    staged s3://bucket/data/
    got 'f a.csv'
    INPUTS=()
    rm -rf "$IN"
    input in input s3://bucket/none/
    not_staged 's3://bucket/none/'
}

@test "empty objects, dot names, blanks, = % and other scripts in names" {
    local name
    for name in 'empty' '.hidden' 'two words .csv' 'day=1/a.csv' '100%.csv' '%41.csv' 'データ/東京.csv' '+&;$x' "it's" 'a\b' '-rf' 'new
line'; do
        if key_unknown "$name"; then continue; fi
        object "data/$name" "$name"
    done
    : >"$STORE/bucket/data/empty"
    staged s3://bucket/data/
    assert_status 0
    diff -r "$STORE/bucket/data" "$IN"
    staged 's3://bucket/data/データ'
    got 'f 東京.csv'
    staged 's3://bucket/data/two words .csv'
    got 'f two words .csv'
    staged 's3://bucket/data/%41.csv'
    got 'f %41.csv'
}

@test "two keys that fall on one path are an error with both" {
    object data/x/a.csv
    object datax/a.csv
    object data/datax/a.csv
    input in input s3://bucket/data
    not_staged 's3://bucket/data/datax/a.csv and s3://bucket/datax/a.csv .*datax/a.csv'
}

@test "two inputs whose keys fall on one path are an error with both" {
    object one/a.csv
    object two/a.csv
    input one input s3://bucket/one/
    input two input s3://bucket/two/
    not_staged 's3://bucket/(one|two)/a.csv and s3://bucket/(one|two)/a.csv'
}

@test "a key that must be a file and a folder is an error with both" {
    object one/a
    object two/a/b
    object two/a-c
    input one input s3://bucket/one/
    input two input s3://bucket/two/
    not_staged 's3://bucket/one/a and s3://bucket/two/a/b .*file and a folder'
}

@test "an input's folder inside another input's is fine when the names are apart" {
    object one/a.csv
    object two/b.csv
    input one input s3://bucket/one/
    input two input/sub s3://bucket/two/
    job -- true
    got 'f a.csv' 'd sub' 'f sub/b.csv'
}

@test "nothing matched is an error with the URI" {
    object data/a.csv
    input in input s3://bucket/nothing/here
    not_staged 's3://bucket/nothing/here'
    INPUTS=()
    input in input s3://bucket/data/a.csv/
    not_staged 's3://bucket/data/a.csv/'
    INPUTS=()
    input in input s3://bucket/Data
    not_staged 's3://bucket/Data'
}

@test "a bucket that is not there is an error with its name and folder" {
    input in input s3://buckett/data
    if [ "$STORE_KIND" = folder ]; then
        not_staged "\"buckett\".*$STORE/buckett"
    else
        not_staged 'buckett'
    fi
}

@test "a later input that fails leaves nothing of the earlier ones" {
    object data/a.csv
    input one one s3://bucket/data/
    input two two s3://bucket/missing/
    not_staged 's3://bucket/missing/'
}

@test "copies, never links: a transform that scribbles on its inputs leaves the store as it was" {
    object data/a.csv 'original'
    object data/b.csv 'original'
    cp -a "$STORE" "$WORK/before"
    input in input s3://bucket/data/
    job -- sh -c "cd '$IN' && echo over >a.csv && echo more >>b.csv && chmod 600 a.csv && touch -d 2001-01-01 a.csv && mv b.csv c.csv"
    assert_status 0
    diff -r "$WORK/before" "$STORE"
    [ "$(stat -c '%a %Y %h' "$WORK/before/bucket/data/a.csv")" = "$(stat -c '%a %Y %h' "$STORE/bucket/data/a.csv")" ]
    [ "$(cat "$IN/a.csv")" = over ]
}

@test "links in the store are followed and become files" {
    folder_only "links"
    object real/a.csv 'linked'
    mkdir "$STORE/bucket/data"
    ln -s ../real/a.csv "$STORE/bucket/data/a.csv"
    ln -s ../real "$STORE/bucket/data/folder"
    ln -s nowhere "$STORE/bucket/data/dangling"
    ln -s .. "$STORE/bucket/data/loop"
    staged s3://bucket/data/a.csv
    got 'f a.csv'
    [ "$(cat "$IN/a.csv")" = linked ]
    echo over >"$IN/a.csv"
    [ "$(cat "$STORE/bucket/real/a.csv")" = linked ]
}

@test "a big object and many objects arrive whole, counted" {
    mkdir "$STORE/bucket/data"
    head -c 20000003 /dev/urandom >"$STORE/bucket/data/big"
    local i
    for i in {1..300}; do echo "$i" >"$STORE/bucket/data/$i"; done
    staged s3://bucket/data/
    assert_status 0
    diff -r "$STORE/bucket/data" "$IN"
    [ "$(value '["inputs"][0]["files"]')" = 301 ]
    [ "$(value '["inputs"][0]["bytes"]')" = "$(cat "$STORE"/bucket/data/* | wc -c)" ]
}

@test "ShardedByS3Key over two hosts: every object once, in turn; FullyReplicated: all" {
    local host name
    for name in 01 02 03 10 9 a/b; do object "data/$name"; done
    object all/x
    input in input s3://bucket/data/ S3DataDistributionType=ShardedByS3Key
    input all all s3://bucket/all/
    for host in algo-1 algo-2; do
        hosts "$host" algo-1 algo-2
        rm -rf "$ML/processing"
        job -- true
        assert_status 0
        (cd "$IN" && find . -type f -printf '%P\n' | LC_ALL=C sort) >"$host"
        [ -f "$ML/processing/all/x" ]
    done
    diff algo-1 <(printf '%s\n' 01 03 9)
    diff algo-2 <(printf '%s\n' 02 10 a/b)
}

@test "ShardedByS3Key with fewer objects than hosts: an empty folder, no error" {
    object data/only
    input in input s3://bucket/data/ S3DataDistributionType=ShardedByS3Key
    hosts algo-3 algo-1 algo-2 algo-3
    job -- find "$IN"
    got
    [ "$output" = "$IN" ]
}

@test "what a folder store cannot do is an error that says what to use" {
    object data/a.csv
    local pair
    for pair in S3DataType=ManifestFile S3InputMode=Pipe S3InputMode=FastFile S3CompressionType=Gzip \
        S3DataType=Other S3DataDistributionType=Other; do
        INPUTS=()
        input in input s3://bucket/data/ "$pair"
        assert_refused 'processingjobconfig.json:5:[0-9]+: input "in": .*use '
    done
    sed -i 's/"S3Input": {.*}, "DatasetDefinition": null/"S3Input": null, "DatasetDefinition": {"LocalPath": "\/opt\/ml\/processing\/input"}/' \
        "$ML/config/processingjobconfig.json"
    grep -q '"S3Input": null' "$ML/config/processingjobconfig.json"
    assert_refused 'processingjobconfig.json:5:[0-9]+: input "in": .*DatasetDefinition.*use '
}

@test "kind = platform leaves inputs alone, also those that a folder store could not serve" {
    no_store
    input in input s3://bucket/data/ S3DataType=ManifestFile
    input pipe pipe s3://bucket/data/ S3InputMode=Pipe
    mkdir -p "$IN"
    echo brought >"$IN/a.csv"
    job -- cat "$IN/a.csv"
    got 'f a.csv'
    [ "$output" = brought ]
}

@test "an app-managed input is the transform's own business" {
    input in input s3://bucket/missing/
    sed -i 's/"AppManaged": false/"AppManaged": true/; s/"S3Input": {.*}, "Data/"S3Input": null, "Data/' "$ML/config/processingjobconfig.json"
    job -- true
    assert_status 0
    [ "$(value '["inputs"][0]["files"]')" = 0 ]
}

@test "files that were in LocalPath before stay, with a warning" {
    object data/a.csv
    mkdir -p "$IN"
    echo old >"$IN/stale.csv"
    echo old >"$IN/a.csv"
    input in input s3://bucket/data/
    job -- true
    got 'f a.csv' 'f stale.csv'
    [ "$(cat "$IN/a.csv")" = 'text of data/a.csv' ]
    assert_match "$stderr" 'warning: .*stale.csv'
}

@test "an object that cannot be read is an error with its key" {
    folder_only "file modes"
    [ "$(id -u)" -ne 0 ] || command -v setpriv >/dev/null || skip "root reads everything, and there is no setpriv"
    object data/a.csv
    object data/secret.csv
    chmod 000 "$STORE/bucket/data/secret.csv"
    input in input s3://bucket/data/
    local as=()
    if [ "$(id -u)" -eq 0 ]; then
        # as nobody: everything may be read by others but that one object
        chmod -R o+rwX "$ML" "$STORE"
        chmod 000 "$STORE/bucket/data/secret.csv"
        chmod o+x "$WORK" "$BATS_FILE_TMPDIR" "$BATS_RUN_TMPDIR" "$(dirname "$WORK")"
        cp "$PROCAGENT" "$WORK/agent-copy"
        as=(setpriv --reuid=65534 --regid=65534 --clear-groups)
    else
        cp "$PROCAGENT" "$WORK/agent-copy"
    fi
    capture "${as[@]}" "$WORK/agent-copy" run --ml-root "$ML" -- touch "$ML/started"
    assert_status 125
    one_error 's3://bucket/data/secret.csv.*[Pp]ermission'
    refute test -e "$ML/started"
    assert_clean
}
