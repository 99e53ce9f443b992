#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2034,SC2154 # status, output, stderr: see common.bash
# Partitions from the values of columns: files are split by their rows. `procagent partition` on the folder
# "d", and at the end the same in a job. test/split/ has the random cases.
load common

setup_more() {
    D=$WORK/d
    mkdir "$D"
}

# put NAME TEXT: a file of D; TEXT with printf's escapes.
put() {
    mkdir -p "$(dirname "$D/$1")"
    printf "${2//%/%%}" >"$D/$1"
}

# split LAYOUT ARG...: the folder, with --json; kept in OUTPUT for number.
split() {
    local layout=$1
    shift
    rm -rf "$WORK/was"
    cp -a "$D" "$WORK/was"
    agent partition --json --layout "$layout" "$@" "$D"
}

# fine LAYOUT ARG...: the same, and all is well.
fine() {
    split "$@"
    assert_status 0
    assert_clean
}

# has NAME TEXT: a file of D holds just this (printf's escapes).
has() {
    diff <(printf "${2//%/%%}" | od -c) <(od -c <"$D/$1") || {
        echo "in $1"
        tree "$D"
        return 1
    }
}

# only NAME...: these are all files of D.
only() {
    diff -u <(if [ $# -gt 0 ]; then printf '%s\n' "$@" | LC_ALL=C sort; fi) \
        <(find "$D" -type f -printf '%P\n' | LC_ALL=C sort)
}

# refused REGEX LAYOUT ARG...: 125, one error line; D is as it was.
refused() {
    local regex=$1
    shift
    split "$@"
    assert_status 125
    one_error "$regex"
    diff -r "$WORK/was" "$D"
    diff <(tree "$WORK/was") <(tree "$D")
    assert_clean
}

# counts ROWS_IN ROWS_OUT REJECTED BLANK: of the last --json.
counts() {
    diff <(echo "$@") <(number rows_in rows_out rows_rejected blank_lines)
}

# number MEMBER...: of the last --json, in a line.
number() {
    "$PYTHON" -c 'import json, sys; r = json.load(sys.stdin); print(*(r[k] for k in sys.argv[1:]))' "$@" <<<"$output"
}

# ---- CSV ----

@test "rows go to their partition, in order; the column is dropped; the header is in each file" {
    put sales.csv 'id,region,amount\n1,eu,10\n2,us,20\n3,eu,30\n'
    fine 'region={column.region}'
    only region=eu/sales.csv region=us/sales.csv
    has region=eu/sales.csv 'id,amount\n1,10\n3,30\n'
    has region=us/sales.csv 'id,amount\n2,20\n'
    counts 3 3 0 0
    [ "$(number split moved dry_run version)" = "1 0 False 1" ]
}

@test "the members of --json" {
    put sales.csv 'id,region\n1,eu\n2,us\n3,eu\n'
    fine 'region={column.region}'
    diff <(printf '%s' "$output" | "$PYTHON" -c 'import json, sys; print(json.dumps(json.load(sys.stdin)))') - <<EOF2
{"version": 1, "dir": "$D", "dry_run": false, "layout": "region={column.region}", "partitions": \
[{"path": "region=eu", "files": 1, "rows": 2, "bytes": 7}, {"path": "region=us", "files": 1, "rows": 1, "bytes": 5}], \
"split": 1, "moved": 0, "rows_in": 3, "rows_out": 3, "rows_rejected": 0, "blank_lines": 0}
EOF2
}

@test "a file in a sub-folder gets the folders in its name; hidden ones stay" {
    put a/b.csv 'k,v\nx,1\n'
    put c.csv 'k,v\nx,2\ny,3\n'
    put _SUCCESS ''
    put a/.hidden.csv 'no,table'
    fine 'k={column.k}'
    only k=x/a-b.csv k=x/c.csv k=y/c.csv _SUCCESS a/.hidden.csv
    has k=x/a-b.csv 'v\n1\n'
    has k=x/c.csv 'v\n2\n'
    [ "$(number split)" = 2 ]
}

@test "two sources of one name are refused, with the name" {
    put a/b.csv 'k,v\nx,1\n'
    put a-b.csv 'k,v\nx,1\n'
    refused 'a/b\.csv.*a-b\.csv|a-b\.csv.*a/b\.csv' 'k={column.k}'
}

@test "newlines, delimiters and doubled quotes in quoted fields" {
    put a.csv 'k,note\n1,"two\nlines"\n2,"a ""word"", or two"\n"1","\r\n"\n'
    fine 'k={column.k}'
    has k=1/a.csv 'note\n"two\nlines"\n"\r\n"\n'
    has k=2/a.csv 'note\n"a ""word"", or two"\n'
    counts 3 3 0 0
}

@test "a key that is quoted is the value between the quotes" {
    put a.csv 'k,v\n"a ""b"", c",1\n"x",2\nx,3\n'
    fine 'k={column.k}'
    only 'k=a %22b%22, c/a.csv' k=x/a.csv
    has k=x/a.csv 'v\n2\n3\n'
}

@test "CRLF and LF stay what they are, the last line without a newline too" {
    put a.csv 'k,v\r\nx,1\r\ny,2\nx,3\ny,4'
    fine 'k={column.k}'
    has k=x/a.csv 'v\r\n1\r\n3\n'
    has k=y/a.csv 'v\r\n2\n4'
}

@test "a byte-order mark is stripped, also before a quoted name" {
    put a.csv '\xef\xbb\xbfk,v\nx,1\n'
    put b.csv '\xef\xbb\xbf"k",v\ny,1\n'
    fine 'k={column.k}'
    has k=x/a.csv 'v\n1\n'
    has k=y/b.csv 'v\n1\n'
}

@test "empty fields, and a row whose only field left has no bytes" {
    put a.csv 'a,k,b\n,x,\n,x,1\n'
    put b.csv 'k,v\nx,\nx,1\nx,""\n'
    put c.csv 'v,k\r\n,x\r\n'
    fine 'k={column.k}'
    has k=x/a.csv 'a,b\n,\n,1\n'
    has k=x/b.csv 'v\n""\n1\n""\n'
    has k=x/c.csv 'v\r\n""\r\n'
    counts 6 6 0 0
}

@test "a file with nothing left is refused, naming keep_columns; which keeps them" {
    put a.csv 'k\nx\ny\n'
    refused 'a\.csv.*keep_columns' 'k={column.k}'
    fine 'k={column.k}' --set keep_columns=yes
    has k=x/a.csv 'k\nx\n'
}

@test "keep_columns: rows as they are" {
    put a.csv 'v,"k"\n1,"x"\n2,y\n'
    fine 'k={column.k}' --set keep_columns=yes
    has k=x/a.csv 'v,"k"\n1,"x"\n'
    has k=y/a.csv 'v,"k"\n2,y\n'
}

@test "blank lines are no rows, but are counted" {
    put a.csv 'k,v\n\nx,1\n\r\ny,2\n\n'
    fine 'k={column.k}'
    has k=x/a.csv 'v\n1\n'
    has k=y/a.csv 'v\n2\n'
    counts 2 2 0 3
    put b.csv '\n\nk,v\nx,1\n'
    fine 'k={column.k}'
    counts 1 1 0 2
}

@test "a blank line in a file of one column is an empty field" {
    put a.csv 'k\n\nx\n'
    fine 'k={column.k}' --set keep_columns=yes
    only k=__HIVE_DEFAULT_PARTITION__/a.csv k=x/a.csv
    counts 2 2 0 0
}

@test "delimiters, by word and by character" {
    local word
    for word in 'tab|\t' 'comma|,' 'semicolon|;' 'space| ' ';|;' ':|:'; do
        rm -rf "$D"
        put a.csv "k${word#*|}v\nx${word#*|}\"1${word#*|}2\"\n"
        fine 'k={column.k}' --set "delimiter=${word%%|*}"
        has k=x/a.csv "v\n\"1${word#*|}2\"\n"
    done
    rm -rf "$D"
    put a.csv 'k|v|w\nx|1|2\n'
    fine 'k={column.k}' --set delimiter=pipe
    has k=x/a.csv 'v|w\n1|2\n'
}

@test "another quote, and none" {
    put a.csv "k,v\n'x','it''s, \"that\"'\n"
    fine 'k={column.k}' --set "quote='"
    has k=x/a.csv "v\n'it''s, \"that\"'\n"
    rm -rf "$D"
    put a.csv 'k,v\n"x,3"\n5" disk,"\n'
    fine 'k={column.k}' --set quote=none
    has 'k=%22x/a.csv' 'v\n3"\n'
    has 'k=5%22 disk/a.csv' 'v\n"\n'
}

@test "no header: columns by number, or with names" {
    put a.csv '1,eu\n2,us\n'
    fine 'region={column.2}' --set header=no
    has region=eu/a.csv '1\n'
    rm -rf "$D"
    put a.csv '1,eu\n2,us\n'
    fine 'region={column.region}' --set header=no --set columns=id,region
    has region=us/a.csv '2\n'
}

@test "TSV by its name; format= for other names" {
    put a.tsv 'k\tv\nx\t1,2\n'
    fine 'k={column.k}'
    has k=x/a.tsv 'v\n1,2\n'
    rm -rf "$D"
    put a.txt 'k\tv\nx\t1\n'
    fine 'k={column.k}' --set format=tsv
    has k=x/a.txt 'v\n1\n'
}

@test "a file of another kind is refused" {
    put a.csv 'k,v\nx,1\n'
    put b.parquet 'PAR1'
    refused 'b\.parquet' 'k={column.k}'
}

@test "a file without rows makes no partition and is gone, with a warning" {
    put a.csv 'k,v\n'
    put b.csv ''
    put c.csv 'k,v\nx,1\n'
    fine 'k={column.k}'
    only k=x/c.csv
    assert_match "$stderr" 'warning: .*a\.csv'
    assert_match "$stderr" 'warning: .*b\.csv'
}

@test "a column that is not there is refused, with what there is" {
    put a.csv 'id,regoin\n1,eu\n'
    refused 'a\.csv.*region' 'region={column.region}'
    refused 'a\.csv.*3' 'region={column.3}'
}

# ---- layouts ----

@test "several levels, text, the job's time, one column twice" {
    put a.csv 'd,k,v\n2021-12-14,x,1\n2021-12-15,x,2\n'
    fine 'y={column.d:%Y}/day={column.d:%d}/k=r-{column.k}/made={time:%Y}' --set job.time=2022-01-02T00:00:00Z
    only y=2021/day=14/k=r-x/made=2022/a.csv y=2021/day=15/k=r-x/made=2022/a.csv
    has y=2021/day=14/k=r-x/made=2022/a.csv 'v\n1\n'
}

@test "dates and timestamps: with an offset they are converted to the job's time zone" {
    put a.csv 'ts,v\n2021-12-14,1\n2021-12-14T23:30:00,2\n2021-12-14T23:30:00Z,3\n2021-12-15 01:00:00.5+09:00,4\n'
    fine 'd={column.ts:%Y-%m-%d}' --set job.timezone=Asia/Tokyo
    only d=2021-12-14/a.csv d=2021-12-15/a.csv
    has d=2021-12-14/a.csv 'v\n1\n2\n'
    has d=2021-12-15/a.csv 'v\n3\n4\n'
}

@test "a piece of the path and a column" {
    put eu/a.csv 'k,v\nx,1\n'
    put us/a.csv 'k,v\nx,2\n'
    fine 'region={path.r}/k={column.k}' --match '{r}/*.csv'
    only region=eu/k=x/a.csv region=us/k=x/a.csv
    has region=us/k=x/a.csv 'v\n2\n'
}

@test "names are escaped as Hive does, UTF-8 is raw" {
    put a.csv 'k,v\na/b,1\n100%,2\n"x=y:z?",3\n日本,4\n"tab\there",5\n[b]{c},6\n..,7\n two words ,8\n'
    fine 'k={column.k}'
    only k=a%2Fb/a.csv k=100%25/a.csv k=x%3Dy%3Az%3F/a.csv k=日本/a.csv k=tab%09here/a.csv 'k=%5Bb%5D%7Bc}/a.csv' \
        k=../a.csv 'k= two words /a.csv'
}

@test "null and empty, quoted or not: the null partition, an error, or a value" {
    put a.csv 'k,v\n,1\n"",2\nx,3\n'
    fine 'k={column.k}'
    has k=__HIVE_DEFAULT_PARTITION__/a.csv 'v\n1\n2\n'
    rm -rf "$D"
    put a.csv 'k,v\nx,1\n,2\n'
    refused 'a\.csv.*row 3\b' 'k={column.k}' --set null=fail
    fine 'k={column.k}' --set null=nobody
    has k=nobody/a.csv 'v\n2\n'
}

@test "a null in a level with text, or in one level of two" {
    put a.csv 'k,j,v\n,x,1\n'
    fine 'k=r-{column.k}/j={column.j}'
    only k=__HIVE_DEFAULT_PARTITION__/j=x/a.csv
}

@test "the sentinel as a value: refused, unless it is declared to be null" {
    put a.csv 'k,v\nx,1\n__HIVE_DEFAULT_PARTITION__,2\n'
    refused 'a\.csv.*row 3\b.*__HIVE_DEFAULT_PARTITION__' 'k={column.k}'
    fine 'k={column.k}' --set sentinel=null
    has k=__HIVE_DEFAULT_PARTITION__/a.csv 'v\n2\n'
}

# ---- bad rows ----

# bad ROW ROW_TEXT REGEX ARG...: this row in a file is refused with its number; and with on_bad_row=reject it
# is set aside, byte for byte, the others being split. Row 3 of the file is the bad one.
bad() {
    local text=$1 regex=$2
    shift 2
    rm -rf "$D"
    put in/a.csv "k,v\nx,1\n$text\ny,2\n"
    refused "in/a\.csv.*row 3\b.*$regex" 'k={column.k}' "$@"
    fine 'k={column.k}' "$@" --set on_bad_row=reject
    only k=x/in-a.csv k=y/in-a.csv _rejected/in-a.csv
    has _rejected/in-a.csv "k,v\n$text\n"
    has k=x/in-a.csv 'v\n1\n'
    counts 3 2 1 0
    agent partition --json --layout 'k={column.k}' "$@" "$D" # what was set aside is nobody's input
    assert_status 0
    only k=x/in-a.csv k=y/in-a.csv _rejected/in-a.csv
}

@test "too many or too few fields" {
    bad 'z,1,2' '3'
    bad 'z' '1'
}

@test "a quote where none may be" {
    bad 'z,a"b' 'quote'
    bad '"z"y,1' 'quote'
}

@test "NUL, a bare CR" {
    bad 'z,a\0b' 'NUL'
    bad 'z,"a\0"' 'NUL'
    bad 'z,a\rb' 'CR'
}

@test "bytes that are no UTF-8 in a key; elsewhere they are nobody's business" {
    bad '\xffz,1' ''
    rm -rf "$D"
    put a.csv 'k,v\nx,\xff\n'
    fine 'k={column.k}'
    has k=x/a.csv 'v\n\xff\n'
}

@test "a row longer than max_row_size" {
    bad "z,$(printf 'y%.0s' {1..2000})" '' --set max_row_size=1K
}

@test "an unclosed quote: the row is named in which it opens" {
    put a.csv 'k,v\nx,1\ny,"2\nz,3\n'
    refused 'a\.csv.*row 3\b' 'k={column.k}'
    fine 'k={column.k}' --set on_bad_row=reject
    only k=x/a.csv _rejected/a.csv
    has _rejected/a.csv 'k,v\ny,"2\nz,3\n'
}

@test "a date that is none is named" {
    put a.csv 'd,v\n2021-12-14,1\n2021-02-30,2\n'
    refused 'a\.csv.*row 3\b.*2021-02-30' 'd={column.d:%Y}'
    fine 'd={column.d:%Y}' --set on_bad_row=reject
    has _rejected/a.csv 'd,v\n2021-02-30,2\n'
}

@test "the row number counts rows, not lines; without a header from 1" {
    put a.csv 'k,v\nx,"1\n2\n3"\n\ny,1,2\n'
    refused 'row 3\b' 'k={column.k}'
    rm -rf "$D"
    put a.csv 'x,1\ny,1,2\n'
    refused 'row 2\b' 'k={column.1}' --set header=no
}

@test "one bad file of many: none is changed" {
    put a.csv 'k,v\nx,1\n'
    put b.csv 'k,v\nx,1,2\n'
    put c/d.csv 'k,v\nx,1\n'
    refused 'b\.csv' 'k={column.k}'
}

# ---- JSON Lines ----

@test "JSON Lines: by a field, rows kept whole" {
    put a.jsonl '{"k": "x", "v": {"k": "no"}}\n{"v":2,"k":"y"}\n{"k": "\\u0078" }\n'
    fine 'k={column.k}'
    only k=x/a.jsonl k=y/a.jsonl
    has k=x/a.jsonl '{"k": "x", "v": {"k": "no"}}\n{"k": "\\u0078" }\n'
    counts 3 3 0 0
}

@test "JSON Lines: missing and null are null; numbers and booleans" {
    put a.ndjson '{"k": null}\n{"v": 1}\n{"k": 12}\n{"k": true}\n{"k": ""}\n'
    fine 'k={column.k}'
    only k=__HIVE_DEFAULT_PARTITION__/a.ndjson k=12/a.ndjson k=true/a.ndjson
    has k=__HIVE_DEFAULT_PARTITION__/a.ndjson '{"k": null}\n{"v": 1}\n{"k": ""}\n'
}

@test "JSON Lines: other values and broken lines are bad rows" {
    local line
    for line in '{"k": 1.5}' '{"k": []}' '{"k": {}}' '{"k": "x"' '["x"]' '{"k": "x"} 1'; do
        rm -rf "$D"
        put a.jsonl "{\"k\": \"x\"}\n$line\n"
        refused 'a\.jsonl.*row 2\b' 'k={column.k}'
        fine 'k={column.k}' --set on_bad_row=reject
        has _rejected/a.jsonl "$line\n"
        counts 2 1 1 0
    done
}

# ---- sizes, limits, gzip ----

@test "gzip in: the output is plain" {
    put a.csv 'k,v\nx,1\ny,2\n'
    gzip "$D/a.csv"
    fine 'k={column.k}'
    only k=x/a.csv k=y/a.csv
    has k=x/a.csv 'v\n1\n'
}

@test "compress=gzip: whole members that gzip and Python read" {
    put a.csv 'k,v\nx,1\ny,2\nx,3\n'
    put b.csv 'k,v\nx,4\n'
    gzip "$D/b.csv"
    fine 'k={column.k}' --set compress=gzip
    only k=x/a.csv.gz k=y/a.csv.gz k=x/b.csv.gz
    gzip -t "$D"/k=*/*.gz
    [ "$(zcat "$D/k=x/a.csv.gz")" = $'v\n1\n3' ]
    [ "$("$PYTHON" -c 'import gzip, sys; print(gzip.open(sys.argv[1]).read())' "$D/k=x/b.csv.gz")" = "b'v\\n4\\n'" ]
}

@test "gzip in that is cut or no gzip is refused" {
    put a.csv "k,v\n$(printf 'x,%s\\n' {1..5000})"
    gzip "$D/a.csv"
    truncate -s -20 "$D/a.csv.gz"
    refused 'a\.csv\.gz' 'k={column.k}'
    rm "$D/a.csv.gz"
    put a.csv.gz 'k,v\nx,1\n'
    refused 'a\.csv\.gz' 'k={column.k}'
}

@test "max_partitions and max_files" {
    put a.csv "k,v\n$(printf '%s,1\\n' {1..11})"
    refused 'max_partitions' 'k={column.k}' --set max_partitions=10
    refused 'max_files' 'k={column.k}' --set max_files=10
    fine 'k={column.k}' --set max_partitions=11 --set max_files=11
}

@test "max_file_size: the file goes on in the next one, with the header again" {
    put a.csv "k,v\n$(printf 'x,%0400d\\n' {1..9})"
    fine 'k={column.k}' --set max_file_size=1K
    only k=x/a.csv k=x/a-00001.csv k=x/a-00002.csv k=x/a-00003.csv k=x/a-00004.csv
    has k=x/a.csv "v\n$(printf '%0400d\\n' 1 2)"
    has k=x/a-00001.csv "v\n$(printf '%0400d\\n' 3 4)"
    has k=x/a-00004.csv "v\n$(printf '%0400d\\n' 9)"
    [ "$(number partitions | grep -o "'files': 5")" ]
}

@test "3,000 partitions with 64 descriptors, of many chunks" {
    "$PYTHON" -c 'import sys
out = open(sys.argv[1], "w")
out.write("id,k,v\n")
for i in range(90000):
    out.write(f"{i},{i % 3000},value of row {i} with some text behind it\n")' "$D/a.csv"
    capture prlimit --nofile=64:64 "$PROCAGENT" partition --json --layout 'k={column.k}' --set max_partitions=3000 "$D"
    assert_status 0
    counts 90000 90000 0 0
    [ "$(find "$D" -type f | wc -l)" = 3000 ]
    [ "$(cat "$D"/k=*/a.csv | wc -l)" = 93000 ]
    has k=2999/a.csv "id,v\n$(seq 2999 3000 89999 | sed 's/.*/&,value of row & with some text behind it\\n/' | tr -d '\n')"
}

# ---- nothing halfway ----

@test "--dry-run: the partitions there would be; nothing is touched" {
    put a.csv 'k,v\nx,1\ny,2\n'
    put b.jsonl '{"k": "z"}\n'
    before=$(find "$D" -printf '%P %i %s %C@ %T@\n' | sort)
    fine 'k={column.k}' --dry-run
    [ "$before" = "$(find "$D" -printf '%P %i %s %C@ %T@\n' | sort)" ]
    counts 3 3 0 0
    [ "$(number dry_run)" = True ]
    [ "$("$PYTHON" -c 'import json, sys; print([(p["path"], p["rows"]) for p in json.loads(sys.argv[1])["partitions"]])' \
        "$output")" = "[('k=x', 1), ('k=y', 1), ('k=z', 1)]" ]
    put c.csv 'k,v\nx\n'
    refused 'c\.csv.*row 2\b' 'k={column.k}' --dry-run
}

@test "again over its own result: nothing changes" {
    put a.csv 'k,v\nx,1\ny,2\n'
    fine 'k={column.k}'
    before=$(find "$D" -printf '%P %i %s %T@\n' | sort)
    fine 'k={column.k}'
    [ "$before" = "$(find "$D" -printf '%P %i %s %T@\n' | sort)" ]
    counts 0 0 0 0
    [ "$(number split moved)" = "0 0" ]
    put b.csv 'k,v\nx,3\n'
    fine 'k={column.k}'
    only k=x/a.csv k=x/b.csv k=y/a.csv
    [ "$(number split rows_in)" = "1 1" ]
}

# big: about 50 MB, with quoted newlines.
big() {
    "$PYTHON" -c 'import sys
out = open(sys.argv[1], "w")
out.write("id,k,v\n")
block = "".join(f"{i},{i % 50},\"a value\n, and more of it {i}\"\n" for i in range(10000))
for i in range(140):
    out.write(block)' "$D/big.csv"
}

@test "kill -9 in the middle: the originals or all of it; the next run ends well and leaves nothing" {
    big
    sum=$(sha256sum <"$D/big.csv")
    for wait in 0.002 0.005 0.01 0.02 0.03 0.04 0.06 0.08 0.1 0.15 0.2 0.4; do
        "$PROCAGENT" partition -q --layout 'k={column.k}' "$D" 3>&- &
        AGENT=$!
        sleep "$wait"
        kill -KILL "$AGENT" 2>/dev/null || true
        wait "$AGENT" || true
        AGENT=
        if [ -e "$D/big.csv" ]; then
            [ "$sum" = "$(sha256sum <"$D/big.csv")" ]
            [ "$(find "$D" -type f ! -path '*/.procagent-*' | wc -l)" = 1 ]
        else
            [ "$(find "$D" -type f ! -path '*/.procagent-*' | wc -l)" = 50 ]
            break
        fi
    done
    fine 'k={column.k}'
    [ "$(find "$D" -type f | wc -l)" = 50 ]
    [ "$(cat "$D"/k=*/big.csv | wc -l)" = $((140 * 10000 * 2 + 50)) ]
}

@test "a stop in the middle: the originals stay, nothing is left" {
    big
    sum=$(sha256sum <"$D/big.csv")
    env --default-signal "$PROCAGENT" partition -q --layout 'k={column.k}' "$D" 2>"$WORK/stderr" 3>&- &
    AGENT=$!
    sleep 0.03
    kill -TERM "$AGENT" 2>/dev/null || true
    status=0
    wait "$AGENT" || status=$?
    AGENT=
    assert_clean
    if [ "$status" -ne 0 ]; then # else it was faster
        [ "$sum" = "$(sha256sum <"$D/big.csv")" ]
        only big.csv
    fi
}

@test "a disk that is full: 125, one clear error, the originals stay" {
    unshare -Urm mount -t tmpfs none "$WORK" 2>/dev/null || skip "no tmpfs may be mounted in a namespace here"
    "$PYTHON" -c 'import sys
open(sys.argv[1], "w").write("id,k,v\n" + "".join(f"{i},{i % 20},{i:060d}\n" for i in range(20000)))' "$D/a.csv"
    # shellcheck disable=SC2016 # expanded by the inner shell
    capture unshare -Urm sh -c 'mkdir m && mount -t tmpfs -o size=2m none m && mkdir m/d && cp "$1/a.csv" m/d &&
        "$2" partition -q --layout "k={column.k}" m/d; status=$?
        cp -a m after; exit $status' sh "$D" "$PROCAGENT"
    assert_status 125
    one_error 'No space left on device'
    diff -r "$D" after/d
    diff <(tree after) <(printf '%s\n' 'd d' 'f d/a.csv')
}

# ---- in a job ----

@test "a job: a transform writes CSV, its rows are published in their partitions" {
    simple_job
    script transform <<'SH'
mkdir -p "$OUT/part"
printf 'id,region,note\n1,eu,"a, b"\n2,us,\n' >"$OUT/orders.csv"
printf 'id,region,note\n3,eu,"two\nlines"\n4,,x\n\n5,eu\n' >"$OUT/part/more.csv"
SH
    ini <<'INI'
[output "out"]
layout = region={column.region}
on_bad_row = reject
INI
    job -- "$WORK/transform"
    assert_status 0
    assert_objects out/region=eu/orders.csv out/region=us/orders.csv out/region=eu/part-more.csv \
        out/region=__HIVE_DEFAULT_PARTITION__/part-more.csv out/_rejected/part-more.csv
    [ "$(cat "$STORE/bucket/out/region=eu/part-more.csv")" = $'id,note\n3,"two\nlines"' ]
    [ "$(cat "$STORE/bucket/out/_rejected/part-more.csv")" = $'id,region,note\n5,eu' ]
    [ "$(value '["outputs"][0]["split"]')" = 2 ]
    [ "$(value '["outputs"][0]["partitions"]')" = 3 ]
    [ "$(value '["outputs"][0]["rows"]')" = "{'in': 5, 'out': 4, 'rejected': 1, 'blank_lines': 1}" ]
    [ "$(value '["outputs"][0]["leaves"]' | tr '}' '\n' | grep -c "'rows'")" = 3 ]
    assert_match "$(value '["outputs"][0]["leaves"]')" "'path': 'region=eu', 'files': 2, 'rows': 2,"
}

@test "a job with a bad row: 125, the message names it, nothing is published" {
    simple_job
    script transform <<'SH'
mkdir -p "$OUT"
printf 'id,region\n1,eu\n2\n' >"$OUT/orders.csv"
SH
    job --set 'output.out.layout=region={column.region}' -- "$WORK/transform"
    assert_status 125
    one_error 'orders\.csv.*row 3\b'
    assert_message '^partition: .*orders\.csv.*row 3\b'
    assert_objects
    [ "$(cat "$OUT/orders.csv")" = $'id,region\n1,eu\n2' ]
}

@test "check shows the layout, and says what a key is not for" {
    simple_job
    agent check --ml-root "$ML" --set 'output.out.layout=region={column.region}' -- true
    assert_status 0
    assert_match "$output" 'layout region=\{column.region\}'
    assert_refused 'keep_columns' --set output.out.layout=k=v --set output.out.keep_columns=yes
}

# ---- what is legal, but said ----

@test "portable = yes: names that other readers would spell otherwise are told, once" {
    put a.csv 'k,v\na b,1\nc:d,2\nx&y,3\n'
    fine 'k={column.k}'
    [[ $stderr != *portable* ]]
    rm -r "${D:?}"/k=*
    put a.csv 'k,v\na b,1\nc:d,2\nx&y,3\n'
    fine 'k={column.k}' --set portable=yes
    assert_match "$stderr" 'warning: .*portable = yes, but 2 partitions have a name .* "k=a b"'
    [ "$(grep -c portable <<<"$stderr")" = 1 ]
    only 'k=a b/a.csv' 'k=c%3Ad/a.csv' 'k=x&y/a.csv'
}

@test "names that differ by case only are told" {
    put a.csv 'k,v\nEU,1\nus,2\neu,3\n'
    fine 'k={column.k}'
    assert_match "$stderr" 'warning: .*"k=EU" and "k=eu" differ by case only'
    only k=EU/a.csv k=eu/a.csv k=us/a.csv
}

@test "a dropped column that the folder does not tell wholly is told" {
    put a.csv 'ts,v\n2021-12-15,1\n'
    fine 'd={column.ts:%Y-%m-%d}'
    [[ $stderr != *"left out"* ]]
    put b.csv 'ts,v\n2021-12-15 10:00:00,1\n'
    fine 'd={column.ts:%Y-%m-%d}'
    assert_match "$stderr" 'warning: .*the column "ts" is left out of the rows'
    put c.csv 'ts,v\n2021-12-15 10:00:00,1\n'
    fine 'd={column.ts:%Y-%m-%d}' --set keep_columns=yes
    [[ $stderr != *"left out"* ]]
    has d=2021-12-15/c.csv 'ts,v\n2021-12-15 10:00:00,1\n'
}

@test "an object's key of more than 1,024 bytes is a bad row, with the destination's prefix counted" {
    simple_job
    mkdir -p "$OUT"
    local long
    long=$(printf '%0200d' 1)
    printf 'a,b,c,d,e,v\n%s,%s,%s,%s,%s,1\n' "$long" "$long" "$long" "$long" "$long" >"$OUT/xy.csv"
    local layout='a={column.a}/b={column.b}/c={column.c}/d={column.d}/e={column.e}'
    job --set "output.out.layout=$layout" -- true
    assert_status 125
    one_error 'row 2 cannot be placed: the object.s key .* bytes, at most 1024 fit'
}
