#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2034,SC2154 # INPUTS, OUTPUTS, status, output, stderr: see common.bash
# Reference job 1's variant: the transform writes key=value folders itself. They are recognised, checked
# and published as they are; a tree that readers would misread is refused, and stays as it was written.
# Then what a layout does to loose files.
load common

setup_more() {
    simple_job
    export PROCAGENT_JOB_TIME=2021-12-14T15:30:00Z PROCAGENT_JOB_TIMEZONE=Asia/Tokyo
}

# transform: sh lines from stdin, run in OUT; what they made is kept in WORK/wrote for comparison.
transform() {
    {
        # shellcheck disable=SC2016 # for the script
        echo 'put() { mkdir -p "./$(dirname -- "$1")"; printf "%s\n" "${2-rows of $1}" >"./$1"; }'
        # shellcheck disable=SC2016
        echo 'cd "$OUT"'
        cat
        # shellcheck disable=SC2016
        echo 'cp -a "$OUT" "$WORK/wrote"'
    } | script transform
}

# layout TEXT: of the output.
layout() {
    export PROCAGENT_OUTPUT_OUT_LAYOUT=$1
}

# The store and the output folder hold what the transform wrote, byte for byte.
kept() {
    job -- "$WORK/transform"
    assert_status 0
    diff -r "$WORK/wrote" "$OUT"
    diff -r "$WORK/wrote" "$STORE/bucket/out"
    assert_clean
}

# bad_tree REGEX: refused; nothing published, nothing moved.
bad_tree() {
    rm -rf "$WORK/wrote" "$OUT"
    job -- "$WORK/transform"
    assert_status 125
    one_error "$1"
    assert_message "^partition: .*$1"
    diff -r "$WORK/wrote" "$OUT"
    diff <(tree "$WORK/wrote") <(tree "$OUT")
    assert_objects
    [ "$(value '["failed_stage"]')" = partition ]
}

# both REGEX: refused without a layout and with the one given.
both() {
    unset PROCAGENT_OUTPUT_OUT_LAYOUT
    bad_tree "$2"
    layout "$1"
    bad_tree "$2"
}

@test "recognised without a layout: process_date_jst=.../partition.csv" {
    transform <<<'put process_date_jst=2021-12-15/partition.csv'
    kept
    assert_objects out/process_date_jst=2021-12-15/partition.csv
    [ "$(value '["outputs"][0]["partitions"]')" = 1 ]
    [ "$(value '["outputs"][0]["moved"]')" = 0 ]
}

@test "recognised with the same layout, whatever the day in its value" {
    layout 'process_date_jst={time:%Y-%m-%d}'
    transform <<'SH'
put process_date_jst=2021-12-15/partition.csv
put process_date_jst=2019-02-28/partition.csv
SH
    kept
    assert_objects out/process_date_jst=2021-12-15/partition.csv out/process_date_jst=2019-02-28/partition.csv
    [ "$(value '["outputs"][0]["partitions"]')" = 2 ]
}

@test "recognised without and with a layout: year=/month=/day=" {
    transform <<'SH'
put year=2021/month=12/day=15/a.csv
put year=2021/month=12/day=15/b.csv
put year=2021/month=1/day=3/a.csv
put year=__HIVE_DEFAULT_PARTITION__/month=1/day=3/a.csv
SH
    kept
    [ "$(value '["outputs"][0]["partitions"]')" = 3 ]
    rm -rf "$STORE/bucket/out" "$OUT" "$WORK/wrote"
    layout 'year={time:%Y}/month={time:%m}/day={time:%d}'
    kept
    [ "$(value '["outputs"][0]["partitions"]')" = 3 ]
}

@test "recognised: escaped and non-ASCII values" {
    transform <<'SH'
put 'city=東京/t=10%3A00/a.csv'
put 'city=New York & Co/t=a%2Fb/a.csv'
SH
    kept
}

@test "recognised: hidden files and folders beside the partitions are published as they are" {
    transform <<'SH'
put day=1/a.csv
put day=1/.a.csv.crc
put day=1/_SUCCESS
put _SUCCESS
put .hidden
put _temporary/0/x
put day=2/_SUCCESS
put day=2/b.csv
SH
    kept
    [ "$(value '["outputs"][0]["partitions"]')" = 2 ]
    rm -rf "$STORE/bucket/out" "$OUT" "$WORK/wrote"
    layout 'day={time:%d}'
    kept
}

@test "recognised: an empty partition folder makes no object" {
    transform <<'SH'
put day=1/a.csv
mkdir day=2
SH
    job -- "$WORK/transform"
    assert_status 0
    assert_objects out/day=1/a.csv
    [ "$(value '["outputs"][0]["partitions"]')" = 1 ]
}

@test "recognised: 400 partitions" {
    transform <<'SH'
i=0
while [ $i -lt 400 ]; do mkdir -p "day=$i"; echo "$i,x" >"day=$i/partition.csv"; i=$((i + 1)); done
SH
    kept
    [ "$(objects | wc -l)" -eq 400 ]
    [ "$(value '["outputs"][0]["partitions"]')" = 400 ]
    [ "$(value '["outputs"][0]["files"]')" = 400 ]
}

@test "a tree of the transform's own keeps its names with several hosts" {
    hosts algo-2 algo-1 algo-2
    transform <<<'put day=1/a.csv'
    kept
    assert_objects out/day=1/a.csv
}

@test "refused: different keys" {
    transform <<'SH'
put day=1/a.csv
put hour=1/a.csv
SH
    both 'day={time:%d}' '"hour=1/a.csv"'
}

@test "refused: other keys than the layout's" {
    layout 'process_date_jst={time:%Y-%m-%d}'
    transform <<<'put day=1/a.csv'
    bad_tree '"day=1/a.csv".*process_date_jst='
}

@test "refused: the same keys in another order" {
    transform <<'SH'
put month=12/year=2020/a.csv
put year=2021/month=12/a.csv
SH
    both 'month={time:%m}/year={time:%Y}' '"year=2021/month=12/a.csv".*same order'
}

@test "refused: a data file on an inner level" {
    transform <<'SH'
put year=2021/month=12/a.csv
put year=2021/total.csv
SH
    both 'year={time:%Y}/month={time:%m}' '"year=2021/total.csv"'
}

@test "refused: leaves of different depth" {
    transform <<'SH'
put a=1/b=1/x.csv
put a=1/b=1/c=1/x.csv
SH
    both 'a=1/b=1' 'a=1/b=1/(c=1/)?x.csv'
}

@test "refused: a camel-case key" {
    transform <<<'put processDate=2021-12-15/a.csv'
    both 'processdate={time}' 'processDate=2021-12-15'
}

@test "refused: an illegal key" {
    transform <<<'put process-date=2021-12-15/a.csv'
    both 'process_date={time}' 'process-date=2021-12-15'
    transform <<<'put "day of=1/a.csv"'
    both 'day={time:%d}' 'day of=1'
}

@test "refused: an empty value" {
    transform <<<'put day=/a.csv'
    both 'day={time:%d}' '"day=".*empty'
}

@test "refused: a value that holds what must be escaped" {
    transform <<<'put t=10:00/a.csv'
    both 't={time:%H}' 't=10:00'
    transform <<<'put t=a=b/a.csv'
    both 't={time:%H}' 't=a=b'
    transform <<<'put t=100%/a.csv'
    both 't={time:%H}' 't=100%'
}

@test "refused: a value that is not UTF-8" {
    transform <<<'put "$(printf "t=\\377x")/a.csv"'
    both 't={time:%H}' 'UTF-8'
}

@test "refused: the same key twice in one path" {
    transform <<<'put day=1/day=2/a.csv'
    both 'day={time:%d}' 'day=1/day=2/a.csv'
}

@test "refused: a folder inside a partition" {
    transform <<<'put day=1/more/a.csv'
    both 'day={time:%d}' '"day=1/more/a.csv".*"more"'
}

@test "refused: a folder around a partition" {
    transform <<<'put more/day=1/a.csv'
    both 'day={time:%d}' '"more/day=1/a.csv".*"more"'
}

@test "refused without a layout: a loose file beside partitions" {
    transform <<'SH'
put day=1/a.csv
put total.csv
SH
    bad_tree '"total.csv"'
}

@test "refused: the good part of a tree with one bad leaf is not published either" {
    transform <<'SH'
for d in 1 2 3 4 5; do put "day=$d/a.csv"; done
put day=6/sub/a.csv
SH
    both 'day={time:%d}' '"day=6/sub/a.csv"'
}

@test "layout = none publishes any tree as it is" {
    layout none
    transform <<'SH'
put day=1/a.csv
put hour=1/more/a.csv
put total.csv
put processDate=/a.csv
SH
    kept
    [ "$(value '["outputs"][0]["moved"]')" = 0 ]
}

@test "no layout and no key=value folder: published as it is" {
    transform <<'SH'
put a.csv
put more/a.csv
SH
    kept
    [ "$(value '["outputs"][0]["partitions"]')" = 0 ]
}

@test "layout: loose files move beside partitions that are there" {
    layout 'day={time:%d}'
    transform <<'SH'
put day=1/a.csv
put b.csv 'two,2'
put day=15/c.csv
SH
    job -- "$WORK/transform"
    assert_status 0
    assert_objects out/day=1/a.csv out/day=15/b.csv out/day=15/c.csv
    [ "$(cat "$STORE/bucket/out/day=15/b.csv")" = two,2 ]
    [ "$(value '["outputs"][0]["partitions"]')" = 2 ]
    [ "$(value '["outputs"][0]["moved"]')" = 1 ]
}

@test "layout: folders of a loose file go into its name, hidden files stay" {
    layout 'day={time:%d}'
    transform <<'SH'
put a.csv
put more/deep/b.csv
put _SUCCESS
put more/.crc
SH
    job -- "$WORK/transform"
    assert_status 0
    assert_objects out/day=15/a.csv out/day=15/more-deep-b.csv out/_SUCCESS out/more/.crc
    refute test -e "$OUT/more/deep"
}

@test "layout: several levels, text, variables, host, job; values are escaped" {
    export REGION='ap/東京 1'
    layout 'y={time:%Y}/t={time:%H:%M}/r=x-{env.REGION}/h={host}/j={job}'
    transform <<<'put a.csv'
    job -- "$WORK/transform"
    assert_status 0
    assert_objects 'out/y=2021/t=00%3A30/r=x-ap%2F東京 1/h=algo-1/j=test-job/a.csv'
}

@test "layout: two loose files that fall on one name are refused, both named" {
    layout 'day={time:%d}'
    transform <<'SH'
put a/b.csv one
put a-b.csv two
put c.csv
SH
    bad_tree '"a(/|-)b.csv" and "a(/|-)b.csv".*day=15/a-b.csv'
}

@test "layout: a rerun over the last run's folder is refused, nothing is overwritten" {
    layout 'day={time:%d}'
    transform <<<'put a.csv "run $(cat "$WORK/n")"'
    echo 1 >"$WORK/n"
    job -- "$WORK/transform"
    assert_status 0
    rm -r "$WORK/wrote"
    echo 2 >"$WORK/n"
    job -- "$WORK/transform"
    assert_status 125
    one_error '"a.csv".*"day=15/a.csv".*there already'
    assert_objects out/day=15/a.csv
    [ "$(cat "$STORE/bucket/out/day=15/a.csv")" = 'run 1' ]
    [ "$(cat "$OUT/day=15/a.csv")" = 'run 1' ]
    [ "$(cat "$OUT/a.csv")" = 'run 2' ]
}

@test "layout: with several hosts the host is in the name, and both hosts' files are there" {
    layout 'day={time:%d}'
    transform <<<'put part.csv; put log; put x/part.csv.gz'
    hosts algo-1 algo-1 algo-2
    job -- "$WORK/transform"
    assert_status 0
    rm -rf "$OUT" "$WORK/wrote"
    hosts algo-2 algo-1 algo-2
    job -- "$WORK/transform"
    assert_status 0
    assert_objects out/day=15/{part-algo-1.csv,log-algo-1,x-part-algo-1.csv.gz,part-algo-2.csv,log-algo-2,x-part-algo-2.csv.gz}
}

@test "layout: a name that becomes too long is refused before anything moves" {
    layout 'day={time:%d}'
    transform <<'SH'
long=$(printf '%0150d' 0)
put "a.csv"
put "$long/$long.csv"
SH
    bad_tree 'at most 255'
}

@test "layout: nothing written is a warning, not a failure" {
    layout 'day={time:%d}'
    transform <<<':'
    job -- "$WORK/transform"
    assert_status 0
    assert_match "$stderr" 'warning: .*no data files'
    assert_objects
}

@test "layout: file contents, modes and times survive the move" {
    layout 'day={time:%d}'
    transform <<'SH'
printf 'a,"x\r\ny"\r\n\000no newline at end' >a.csv
touch -d 2001-02-03T04:05:06Z a.csv
chmod 640 a.csv
SH
    job -- "$WORK/transform"
    assert_status 0
    cmp "$WORK/wrote/a.csv" "$STORE/bucket/out/day=15/a.csv"
    [ "$(stat -c '%a %Y' "$OUT/day=15/a.csv")" = "640 $(date -d 2001-02-03T04:05:06Z +%s)" ]
}

@test "layout: a shell in the output's folder stays in it, with few descriptors too" {
    layout 'day={time:%d}'
    transform <<<'put sub/a.csv'
    mkdir -p "$OUT"
    cd "$OUT"
    ulimit -n 64
    job -- "$WORK/transform"
    assert_status 0
    [ "$(stat -c %i .)" = "$(stat -c %i "$OUT")" ]
    cmp "$WORK/wrote/sub/a.csv" "$OUT/day=15/sub-a.csv"
    cd "$WORK"
    assert_clean
}

@test "layout: what a killed run left beside and in the output goes" {
    layout 'day={time:%d}'
    mkdir -p "$OUT/.procagent-1/new" "${OUT%/*}/.procagent-2/new/old"
    touch "$OUT/.procagent-1/new/x" "${OUT%/*}/.procagent-2/new/old/x"
    transform <<<'put a.csv'
    job -- "$WORK/transform"
    assert_status 0
    rm -rf "$WORK/wrote"
    assert_objects out/day=15/a.csv
}

@test "kind = platform: the output folder is what is rewritten, the store is not looked at" {
    no_store
    layout 'day={time:%d}'
    transform <<<'put a.csv'
    job -- "$WORK/transform"
    assert_status 0
    diff <(tree "$OUT") - <<'TREE'
d day=15
f day=15/a.csv
TREE
    assert_objects
}
