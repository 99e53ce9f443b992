#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Partitions from pieces of the paths that a transform wrote: match, and {path.NAME} in a layout.
load common

setup_more() {
    simple_job
    export PROCAGENT_JOB_TIME=2021-12-14T15:30:00Z
}

# rules MATCH LAYOUT
rules() {
    printf '[output "out"]\nmatch = %s\nlayout = %s\n' "$1" "$2" | ini
}

# wrote PATH...: a transform that writes these files, each holding its path.
wrote() {
    {
        # shellcheck disable=SC2016 # for the script
        printf 'cd "$OUT"\n'
        for path; do printf "mkdir -p './%s'; printf %%s '%s' >'./%s'\n" "$(dirname "$path")" "$path" "$path"; done
    } | script transform
}

# became KEY=PATH...: the store holds these keys below out/, with the bytes of those paths.
became() {
    local pair keys=()
    for pair; do
        keys+=("out/${pair%|*}")
        [ "$(cat "$STORE/bucket/out/${pair%|*}")" = "${pair#*|}" ]
    done
    assert_objects "${keys[@]}"
}

@test "days from folders" {
    rules '{year}/{month}/{day}/*.csv' 'year={path.year}/month={path.month}/day={path.day}'
    wrote 2021/12/14/a.csv 2021/12/15/a.csv 2021/12/15/b.csv
    job -- "$WORK/transform"
    assert_status 0
    became 'year=2021/month=12/day=14/a.csv|2021/12/14/a.csv' \
        'year=2021/month=12/day=15/a.csv|2021/12/15/a.csv' 'year=2021/month=12/day=15/b.csv|2021/12/15/b.csv'
    [ "$(value '["outputs"][0]["partitions"]')" = 2 ]
    [ "$(value '["outputs"][0]["moved"]')" = 3 ]
    diff <(cd "$OUT" && find . -type d | sort) - <<<".
./year=2021
./year=2021/month=12
./year=2021/month=12/day=14
./year=2021/month=12/day=15"
}

@test "a piece of a name, joined with text and the job's day" {
    rules 'sales-{region}.{ext}' 'dt={time}/region=r-{path.region}'
    wrote sales-eu.csv sales-us.parquet
    job -- "$WORK/transform"
    assert_status 0
    became 'dt=2021-12-14/region=r-eu/sales-eu.csv|sales-eu.csv' \
        'dt=2021-12-14/region=r-us/sales-us.parquet|sales-us.parquet'
}

@test "folders that the partition does not tell stay in the name" {
    rules '{region}/**/*.csv' 'region={path.region}'
    wrote eu/x/a.csv eu/y/a.csv eu/a.csv
    job -- "$WORK/transform"
    assert_status 0
    became 'region=eu/x-a.csv|eu/x/a.csv' 'region=eu/y-a.csv|eu/y/a.csv' 'region=eu/a.csv|eu/a.csv'
}

@test "special characters in a piece are escaped, UTF-8 is kept" {
    rules '{k}/*' 'k={path.k}'
    wrote 'a:b=c/f' '日本/f' '100%/f'
    rules '{k}-f' 'k={path.k}'
    wrote 'a:b c-f' '日本-f' '100%-f'
    job -- "$WORK/transform"
    assert_status 0
    became 'k=a%3Ab c/a:b c-f|a:b c-f' 'k=日本/日本-f|日本-f' 'k=100%25/100%-f|100%-f'
}

@test "a file that does not fit is named, and nothing is moved" {
    rules '{year}/*.csv' 'year={path.year}'
    wrote 2021/a.csv 2021/b.tsv
    job -- "$WORK/transform"
    assert_status 125
    one_error '"2021/b.tsv" does not fit match = "\{year\}/\*.csv" \(.*agent.ini:2\)'
    assert_objects
    [ -e "$OUT/2021/a.csv" ]
}

@test "hidden files need not fit and stay" {
    rules '{year}/*.csv' 'year={path.year}'
    wrote 2021/a.csv _SUCCESS 2021/.a.csv.crc
    job -- "$WORK/transform"
    assert_status 0
    assert_objects out/year=2021/a.csv out/_SUCCESS out/2021/.a.csv.crc
}

@test "two files that fall on one name are refused, with both" {
    rules '{region}/{day}/*.csv' 'region={path.region}'
    wrote eu/14/a.csv eu/15/a.csv
    job -- "$WORK/transform"
    assert_status 0
    became 'region=eu/14-a.csv|eu/14/a.csv' 'region=eu/15-a.csv|eu/15/a.csv'
    rm -rf "$OUT" "${STORE:?}/bucket/out"
    wrote eu/14/a.csv eu/14-a.csv
    rules '{region}/**/*.csv' 'region={path.region}'
    job -- "$WORK/transform"
    assert_status 125
    one_error '"eu/14-a.csv" and "eu/14/a.csv" would both become "region=eu/14-a.csv"|"eu/14/a.csv" and "eu/14-a.csv"'
    assert_objects
}

@test "a rerun over its own result changes nothing" {
    rules '{year}/*.csv' 'year={path.year}'
    wrote 2021/a.csv
    job -- "$WORK/transform"
    assert_status 0
    job -- true
    assert_status 0
    became 'year=2021/a.csv|2021/a.csv'
    [ "$(value '["outputs"][0]["moved"]')" = 0 ]
    [ "$(value '["outputs"][0]["partitions"]')" = 1 ]
}

@test "the null sentinel as a piece is refused" {
    rules '{k}/*' 'k={path.k}'
    wrote __HIVE_DEFAULT_PARTITION__x/f
    job -- "$WORK/transform"
    assert_status 0 # hidden by its underscore: no data file
    rules 'p{k}-*' 'k={path.k}'
    rm -rf "$OUT"
    wrote p__HIVE_DEFAULT_PARTITION__-f
    job -- "$WORK/transform"
    assert_status 125
    one_error 'means null to every reader'
}

@test "bad rules are refused before anything runs" {
    rules '{year}/*.csv' 'year={path.yaer}'
    assert_refused 'agent.ini:3: \{path.yaer\}: match names no such piece, did you mean \{path.year\}\?'
    rules '' 'year={path.year}'
    assert_refused 'agent.ini:3: the layout uses \{path.NAME\}: say which piece'
    rules '{year}{month}/*' 'year={path.year}'
    assert_refused 'agent.ini:2: match .*nothing between them'
    printf '[output "out"]\nmatch = {year}/*.csv\n' | ini
    assert_refused 'agent.ini:2: match without a layout'
}

@test "check shows the rules" {
    rules '{year}/*.csv' 'year={path.year}'
    agent check --ml-root "$ML" -- true
    assert_status 0
    assert_match "$output" 'layout year=\{path.year\}, each file by its path: \{year\}/\*.csv'
}

@test "10,000 files in 100 partitions" {
    rules '{k}/*' 'k={path.k}'
    # shellcheck disable=SC2016
    job -- "$PYTHON" -c 'import os, sys
for k in range(100):
    os.makedirs(f"{sys.argv[1]}/{k}")
    for i in range(100):
        open(f"{sys.argv[1]}/{k}/{i}", "w").close()' "$OUT"
    assert_status 0
    [ "$(value '["outputs"][0]["partitions"]')" = 100 ]
    [ "$(value '["outputs"][0]["moved"]')" = 10000 ]
    [ "$(find "$STORE/bucket/out" -path '*/k=*/*' -type f | wc -l)" = 10000 ]
}
