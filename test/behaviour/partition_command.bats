#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2154 # status, output, stderr: see common.bash
# `procagent partition`: the partition stage alone, on any folder, without a job around it.
load common

setup_more() {
    rm -rf "$ML" "$STORE" # nothing of a job is needed
    export PROCAGENT_JOB_TIME=2021-12-14T15:30:00Z PROCAGENT_JOB_TIMEZONE=Asia/Tokyo
    export PROCAGENT_ML_ROOT=$WORK/no-such-place
    DIR="$WORK/my data"
    mkdir -p "$DIR/2021/12"
    printf 12345 >"$DIR/a.csv"
    printf 123 >"$DIR/2021/12/b.csv"
    printf x >"$DIR/_SUCCESS"
}

# partition ARG...: successful; no message and no report come, nothing of ours is left.
partition() {
    agent partition "$@"
    assert_status 0
    refute test -e "$PROCAGENT_ML_ROOT"
    assert_clean
}

# listing DIR: all that can be told of it, times included.
listing() {
    (cd "$1" && find . -printf '%y %m %s %i %T@ %C@ %p %l\n' | LC_ALL=C sort)
}

# refused REGEX ARG...: 125, one error line, nothing on stdout, DIR as it was.
refused() {
    local regex=$1 before
    shift
    before=$(listing "$DIR")
    agent partition "$@"
    assert_status 125
    one_error "$regex"
    [ "$(wc -l <<<"$stderr")" -eq 1 ]
    [ -z "$output" ]
    diff <(echo "$before") <(listing "$DIR")
    refute test -e "$PROCAGENT_ML_ROOT"
}

# json PATH: of stdout, as Python prints it.
json() {
    "$PYTHON" -c 'import json, sys; print(eval("json.loads(sys.argv[1])" + sys.argv[2]))' "$output" "$1"
}

laid_out() {
    diff <(cd "$DIR" && find . -type f | LC_ALL=C sort) - <<<"./_SUCCESS
./d=2021-12-15/2021-12-b.csv
./d=2021-12-15/a.csv"
    [ "$(cat "$DIR/d=2021-12-15/a.csv" "$DIR/d=2021-12-15/2021-12-b.csv")" = 12345123 ]
    refute test -e "$DIR/2021"
}

@test "a folder is laid out where it is; one line on stderr, nothing on stdout" {
    partition --layout 'd={time}' "$DIR"
    laid_out
    [ -z "$output" ]
    [ "$stderr" = 'procagent: partition: output "my data": 1 partition, 2 files moved' ]
    local before
    before=$(listing "$DIR")
    partition --layout 'd={time}' "$DIR" # again: nothing to do
    diff <(echo "$before") <(listing "$DIR")
    assert_match "$stderr" '1 partition, 0 files moved'
}

@test "the folder's path may be relative, end in a slash, climb, or be a link" {
    partition "my data/" --layout 'd={time}'
    laid_out
    mkdir elsewhere
    cd elsewhere
    printf 1 >"$DIR/c.csv"
    partition --layout 'd={time}' "../my data"
    [ -e "$DIR/d=2021-12-15/c.csv" ]
    printf 1 >"$DIR/e.csv"
    ln -s "$DIR" link
    partition --layout 'd={time}' -- link
    [ -e "$DIR/d=2021-12-15/e.csv" ]
    [ -L link ]
}

@test "from within the folder" {
    cd "$DIR"
    partition --layout 'd={time}' .
    laid_out
    printf 1 >c.csv # the shell's working folder is still the one that is there
    [ -e "$DIR/c.csv" ]
    cd d=2021-12-15
    partition --layout 'd={time}' ..
    [ -e "$DIR/d=2021-12-15/c.csv" ]
    [ "$(pwd -P)" = "$DIR/d=2021-12-15" ]
}

@test "by path: --match" {
    rm "$DIR/a.csv"
    mkdir "$DIR/2022"
    mkdir "$DIR/2022/01"
    printf 1 >"$DIR/2022/01/b.csv"
    partition "$DIR" --match '{year}/{month}/*.csv' --layout 'year={path.year}/month={path.month}'
    diff <(cd "$DIR" && find . -type f | LC_ALL=C sort) - <<<"./_SUCCESS
./year=2021/month=12/b.csv
./year=2022/month=01/b.csv"
}

@test "--set: the keys of an output by themselves, others with their section" {
    partition "$DIR" --set 'layout=d={time}' --set job.time=2020-01-31T20:00:00Z --set job.timezone=UTC \
        --set max_files=7
    [ -e "$DIR/d=2020-01-31/a.csv" ]
    refused '--set null: null = .*expected default-partition' --layout a=b --set null=__HIVE_DEFAULT_PARTITION__ "$DIR"
    refused '--set nul: unknown key "nul" in \[output\], did you mean "null"' --layout a=b --set nul=x "$DIR"
    refused '--set job.tme: unknown key' --layout a=b --set job.tme=now "$DIR"
    refused '--set pack: not for' --layout a=b --set pack=x.tar.gz "$DIR"
}

@test "--dry-run: prints the partitions there would be and touches nothing" {
    mkdir -p "$DIR/d=2021-12-15" "$DIR/d=2019-01-01" "$DIR/empty"
    printf 12 >"$DIR/d=2021-12-15/old.csv"
    printf 1 >"$DIR/d=2019-01-01/older.csv"
    local before
    before=$(listing "$DIR")
    partition --dry-run --layout 'd={time}' "$DIR"
    diff <(echo "$before") <(listing "$DIR")
    diff <(tr -s ' ' <<<"$output") - <<<"partition files rows bytes
d=2019-01-01 1 - 1
d=2021-12-15 3 - 10
total: 2 partitions 4 - 11"
    assert_match "$stderr" '2 partitions, 2 files would be moved'
}

@test "--dry-run finds what would fail" {
    mkdir -p "$DIR/d=2021-12-15"
    printf 1 >"$DIR/d=2021-12-15/a.csv"
    refused '"a.csv" would become "d=2021-12-15/a.csv", which is there already' --dry-run --json \
        --layout 'd={time}' "$DIR"
}

@test "--json: the whole document, with --dry-run and without" {
    local dry
    for dry in --dry-run ''; do
        # shellcheck disable=SC2086 # a word or none
        partition --json $dry --layout 'd={time}' "$DIR"
        "$PYTHON" - "$output" "$DIR" "$dry" <<'PY'
import json, sys
r = json.loads(sys.argv[1])
assert list(r.items()) == list({"version": 1, "dir": sys.argv[2], "dry_run": sys.argv[3] != "", "layout": "d={time}",
    "partitions": [{"path": "d=2021-12-15", "files": 2, "rows": None, "bytes": 8}],
    "split": 0, "moved": 2, "rows_in": 0, "rows_out": 0, "rows_rejected": 0, "blank_lines": 0}.items()), r
PY
    done
    laid_out
    rm -r "$DIR"
    mkdir "$DIR"
    partition --json --layout 'd={time}' "$DIR"
    [ "$(json '["partitions"]')" = '[]' ]
    assert_match "$stderr" 'warning: .*no data files'
}

@test "-q and -v" {
    partition -q --dry-run --layout 'd={time}' "$DIR"
    [ -z "$stderr" ]
    [ -n "$output" ]
    PROCAGENT_LOG=warn partition --layout 'd={time}' "$DIR"
    [ -z "$stderr" ]
    laid_out
}

@test "a name's control characters do not reach the terminal" {
    local c1 value
    c1=$'\302\233' # a control sequence's begin, as UTF-8
    value="a${c1}31mz東京"
    mkdir "$DIR/k=$value"
    printf 1 >"$DIR/k=$value/x"
    rm -r "$DIR/2021" "$DIR/a.csv"
    partition --dry-run --layout 'k={time}' "$DIR"
    assert_match "$output" 'k=a\\xC2\\x9B31mz東京 +1 +- +1$'
    refute grep -aqF "$c1" <<<"$output"
    partition --json --dry-run --layout 'k={time}' "$DIR"
    [ "$(json '["partitions"][0]["path"]')" = "k=$value" ]
}

# two_outputs FILE: an agent.ini of a whole job; two of its outputs have a layout.
two_outputs() {
    cat >"$1" <<'INI'
[job]
timezone = UTC
[run]
command = touch started
timeout = nonsense
[store]
kind = folder
[input "in"]
s3_uri = s3://bucket/in
[output "days"]
local_path = /opt/ml/processing/days
s3_uri = s3://bucket/days
layout = d={time}
pack = all.tar.gz
[output "months"]
layout = m={time:%Y-%m}
[output "raw"]
format = nonsense
INI
}

@test "-c: the output is --output's, else the only one with a layout" {
    two_outputs my.ini
    refused 'my.ini: several outputs could be meant, choose with --output: "days", "months"' -c my.ini "$DIR"
    refused 'has no \[output "moths"\], did you mean "months"' -c my.ini --output moths "$DIR"
    refused 'output: nothing to do without a layout|format = "nonsense"' -c my.ini --output raw "$DIR"
    partition -c my.ini --output months --dry-run --json "$DIR"
    [ "$(json '["partitions"][0]["path"]')" = m=2021-12 ]
    sed -i /^layout.=.m/d my.ini
    unset PROCAGENT_JOB_TIMEZONE
    partition -c my.ini "$DIR"
    [ -e "$DIR/d=2021-12-14/a.csv" ] # the file's time zone
    refute test -e started
    assert_match "$stderr" 'output "days": 1 partition, 2 files moved'
}

@test "-c with a layout: the command line's wins, other keys are the file's" {
    printf '[output "o"]\nmatch = {year}/{month}/*.csv\n' >my.ini
    rm "$DIR/a.csv"
    partition -c my.ini --layout 'y={path.year}' "$DIR"
    [ -e "$DIR/y=2021/12-b.csv" ]
}

@test "without -c: agent.ini of the usual places, but not with a layout; variables of others do no harm" {
    printf '[output "o"]\nlayout = d={time}\n' >variable.ini
    export PROCAGENT_OUTPUT_OTHER_LAYOUT=x PROCAGENT_INPUT_X_S3_URI=x PROCAGENT_STORE_KIND=nonsense
    PROCAGENT_CONFIG=$WORK/variable.ini partition "$DIR"
    laid_out
    printf 1 >"$DIR/c.csv"
    PROCAGENT_CONFIG=$WORK/missing.ini refused 'missing.ini: no such file' "$DIR"
    PROCAGENT_CONFIG=$WORK/missing.ini partition --layout 'd={time}' "$DIR"
    [ -e "$DIR/d=2021-12-15/c.csv" ]
    refused 'no layout: give --layout' "$DIR"
    refused 'missing.ini: no such file \(given by -c\)' --layout a=b -c missing.ini "$DIR"
}

@test "mistakes of the command line" {
    refused 'partition needs a folder: procagent partition' --layout 'd={time}'
    refused '"nowhere": No such file' --layout 'd={time}' nowhere
    refused 'a.csv" is no folder' --layout 'd={time}' "$DIR/a.csv"
    refused '"/": not the root' --layout 'd={time}' /
    refused 'takes one DIR, here are two' --layout 'd={time}' my data
    refused '--layout: layout "d=\{tme\}", column' --layout 'd={tme}' "$DIR"
    refused '--layout: nothing to do without a layout' --layout none "$DIR"
    refused '--match: match' --layout 'd={path.x}' --match '{x}{y}' "$DIR"
    refused '"--ml-root" is no option of partition' --ml-root x --layout 'd={time}' "$DIR"
    refused '"--layuot", did you mean "--layout"' --layuot 'd={time}' "$DIR"
    local option
    for option in --dry-run --json --layout=a=b --match=x --output=x; do
        agent run "$option" -- touch started
        assert_status 125
        one_error "\"$option\" is no option of run, but of partition"
    done
    refute test -e started
}

@test "a failure leaves everything as it was" {
    mkdir -p "$DIR/d=2021-12-15/a.csv" # a folder in the way of a move, and no empty one
    touch "$DIR/d=2021-12-15/a.csv/_kept"
    local before after
    before=$(tree "$DIR" | grep '^f')
    agent partition --layout 'd={time}' "$DIR"
    assert_status 125
    one_error 'output "my data": .*a.csv'
    after=$(tree "$DIR" | grep '^f')
    diff <(echo "$before") <(echo "$after")
}

@test "stopped: 128+n" {
    # TERM waits, blocked, before the command begins
    # shellcheck disable=SC2016 # for Python
    capture "$PYTHON" -c 'import os, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
os.kill(os.getpid(), signal.SIGTERM)
os.execv(sys.argv[1], sys.argv[1:])' "$PROCAGENT" partition --layout 'd={time}' "$DIR"
    assert_status 143
    [ -e "$DIR/a.csv" ]
}

@test "stdout = /dev/full: the status says so" {
    [ -c /dev/full ] || skip "no /dev/full"
    local status=0
    timeout "$LIMIT" "$PROCAGENT" partition --dry-run --layout 'd={time}' "$DIR" >/dev/full 3>&- || status=$?
    assert_status 125
}
