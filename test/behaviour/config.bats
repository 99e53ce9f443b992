#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2034,SC2154 # INPUTS, OUTPUTS, status, output, stderr: see common.bash
# Configuration: where it comes from, what wins, and that every mistake is one error that says where it
# is, before anything was touched.
load common

# plan ARG...: `check`, successful.
plan() {
    agent check --ml-root "$ML" "$@"
    assert_status 0
    assert_match "$output" '^job '
}

# words: a transform that writes its words to WORK/args, each in <>, one a line.
words() {
    script words <<<'for a; do printf "<%s>\n" "$a"; done >"$WORK/args"'
}

said() {
    diff -u <(printf '<%s>\n' "$@") "$WORK/args"
}

# ---- search order ----

# four_places: in a sandbox with an /etc/procagent/agent.ini too; each place says its own time.
plan_in_sandbox() {
    in_sandbox --tmpfs /etc --ro-bind "$WORK/etc" /etc/procagent "$@"
}

@test "agent.ini: -c, then PROCAGENT_CONFIG, then /opt/ml/processing/config, then /etc/procagent, then none" {
    mkdir "$WORK/etc"
    local place
    for place in "$WORK/option.ini" "$WORK/variable.ini" "$WORK/etc/agent.ini"; do
        printf '[run]\ncommand = %s\n' "$place" >"$place"
    done
    ini <<<$'[run]\ncommand = brought'
    plan_in_sandbox env PROCAGENT_CONFIG="$WORK/variable.ini" /opt/procagent check -c "$WORK/option.ini"
    assert_match "$output" "\"$WORK/option.ini\""
    plan_in_sandbox env PROCAGENT_CONFIG="$WORK/variable.ini" /opt/procagent check
    assert_match "$output" "\"$WORK/variable.ini\""
    plan_in_sandbox /opt/procagent check
    assert_match "$output" '"brought"'
    assert_match "$output" '/opt/ml/processing/config/agent.ini:2'
    rm "$ML/processing/config/agent.ini"
    plan_in_sandbox /opt/procagent check
    assert_match "$output" "\"$WORK/etc/agent.ini\""
    rm "$WORK/etc/agent.ini"
    plan_in_sandbox /opt/procagent check -- true
    assert_match "$output" '^agent.ini +none'
    assert_status 0
}

@test "agent.ini: only the first that exists is read" {
    ini <<<$'[run]\ncommand = brought\ngrace = 3s'
    printf '[run]\ncommand = option\n' >option.ini
    plan -c option.ini
    assert_match "$output" '"option"'
    refute grep -q brought <<<"$output"
}

@test "agent.ini: one that is named must exist, by -c as by PROCAGENT_CONFIG" {
    assert_refused "missing.ini: no such file" -c missing.ini
    PROCAGENT_CONFIG=$WORK/missing.ini assert_refused "missing.ini: no such file"
}

@test "agent.ini: a folder or an unreadable thing in its place is an error" {
    mkdir folder.ini
    assert_refused 'folder.ini' -c folder.ini
}

# ---- sources and what wins ----

@test "without both JSON files agent.ini carries the job" {
    folder_only "store.root"
    object in/a.csv
    ini <<INI
[run]
command = sh -c 'cp "\$1"/a.csv "\$2"' sh $ML/processing/input $OUT
[store]
kind = folder
root = $STORE
[input "in"]
local_path = /opt/ml/processing/input/
s3_uri = s3://bucket/in
[output "out"]
local_path = /opt/ml/processing/output
s3_uri = s3://bucket/out/
INI
    job
    assert_status 0
    assert_objects in/a.csv out/a.csv
    [ "$(value '["host"]')" = algo-1 ]
    [ "$(value '["job"]')" = "" ]
}

@test "without both JSON files the command line carries the job" {
    folder_only "store.root"
    object in/a.csv
    job --set store.kind=folder --set "store.root=$STORE" --set input.in.local_path=/opt/ml/processing/input \
        --set input.in.s3_uri=s3://bucket/in/ --set output.out.local_path=/opt/ml/processing/output \
        --set output.out.s3_uri=s3://bucket/out -- cp "$ML/processing/input/a.csv" "$OUT/"
    assert_status 0
    assert_objects in/a.csv out/a.csv
}

@test "without anything but a command the job is just that command" {
    job -- sh -c 'echo hello; exit 7'
    assert_status 7
    [ "$output" = hello ]
}

@test "only processingjobconfig.json, only resourceconfig.json" {
    output out output s3://bucket/out
    plan -- true
    assert_match "$output" 'algo-1, 1 of 1'
    rm "$ML/config/processingjobconfig.json"
    hosts algo-2 algo-1 algo-2
    plan -- true
    assert_match "$output" 'algo-2, 2 of 2'
}

# ---- hosts without resourceconfig.json ----

@test "AWS Batch's and Kubernetes' variables say which host of how many this is" {
    output out output s3://bucket/out
    export AWS_BATCH_JOB_ARRAY_INDEX=2 AWS_BATCH_JOB_ARRAY_SIZE=3
    plan -- true
    assert_match "$output" '^host +algo-3, 3 of 3$'
    unset "${!AWS_BATCH_@}"
    export AWS_BATCH_JOB_NODE_INDEX=0 AWS_BATCH_JOB_NUM_NODES=4
    plan -- true
    assert_match "$output" '^host +algo-1, 1 of 4$'
    unset "${!AWS_BATCH_@}"
    export JOB_COMPLETION_INDEX=10 JOB_COMPLETION_COUNT=12
    plan -- true
    assert_match "$output" '^host +algo-11, 11 of 12$'
}

@test "resourceconfig.json wins over them, even over wrong ones; one without hosts does not" {
    output out output s3://bucket/out
    hosts algo-2 algo-1 algo-2
    export JOB_COMPLETION_INDEX=4 JOB_COMPLETION_COUNT=5
    plan -- true
    assert_match "$output" '^host +algo-2, 2 of 2$'
    JOB_COMPLETION_COUNT=0 plan -- true
    assert_match "$output" '^host +algo-2, 2 of 2$'
    echo '{"hosts": [], "network_interface_name": "eth0"}' >"$ML/config/resourceconfig.json"
    plan -- true
    assert_match "$output" '^host +algo-5, 5 of 5$'
}

@test "two completions of an Indexed Job share a ShardedByS3Key input and name their files apart" {
    local index name
    use_store
    for name in a b c; do object "data/$name.csv" "$name"; done
    input in input s3://bucket/data/ S3DataDistributionType=ShardedByS3Key
    output out output s3://bucket/out
    ini <<<$'[output "out"]\nlayout = d=1'
    export JOB_COMPLETION_COUNT=2
    for index in 0 1; do
        rm -rf "$ML/processing/input" "$OUT"
        JOB_COMPLETION_INDEX=$index job -- sh -c "cp $ML/processing/input/* $OUT"
        assert_status 0
        [ "$(value '["host"]')" = "algo-$((index + 1))" ]
    done
    assert_objects data/a.csv data/b.csv data/c.csv \
        out/d=1/a-algo-1.csv out/d=1/b-algo-2.csv out/d=1/c-algo-1.csv
}

@test "an index without its count, or one that cannot be, is an error with variable and value" {
    output out output s3://bucket/out
    JOB_COMPLETION_INDEX=0 assert_refused 'JOB_COMPLETION_INDEX is "0", but JOB_COMPLETION_COUNT is not set: .*add it'
    JOB_COMPLETION_INDEX=2 JOB_COMPLETION_COUNT=2 assert_refused 'JOB_COMPLETION_INDEX: "2" must be .*0 to 1'
    AWS_BATCH_JOB_ARRAY_INDEX=0 AWS_BATCH_JOB_ARRAY_SIZE=x assert_refused 'AWS_BATCH_JOB_ARRAY_SIZE: "x" must be'
}

# ---- more sources ----

@test "captured configurations of three platform ages are accepted" {
    local name
    mkdir -p "$ML/config"
    for name in spark-2020-11 model-monitor-2020-05 multinode-minimal; do
        cat "$FIXTURES/config/processingjobconfig.$name.json" >"$ML/config/processingjobconfig.json"
        plan -- true
    done
    for name in processing-2020-11 multinode-algo-2 training-2-nodes; do
        cat "$FIXTURES/config/resourceconfig.$name.json" >"$ML/config/resourceconfig.json"
        plan -- true
    done
}

@test "a variable wins over agent.ini, --set over both, the last --set over the first" {
    output raw-labeled output s3://bucket/out
    ini <<'INI'
[job]
time = 2001-01-01T00:00:00Z
[output "raw-labeled"]
layout = from=file
INI
    plan -- true
    assert_match "$output" 'time +2001-01-01'
    assert_match "$output" '-> from=file/'
    export PROCAGENT_JOB_TIME=2002-01-01T00:00:00Z PROCAGENT_OUTPUT_RAW_LABELED_LAYOUT=from=variable
    plan -- true
    assert_match "$output" 'time +2002-01-01'
    assert_match "$output" '-> from=variable/'
    plan --set job.time=2003-01-01T00:00:00Z --set output.raw-labeled.layout=from=first \
        --set output.raw-labeled.layout=from=option -- true
    assert_match "$output" 'time +2003-01-01'
    assert_match "$output" '-> from=option/'
}

@test "every key has a variable" {
    input in input s3://bucket/in
    output out output s3://bucket/out
    export PROCAGENT_JOB_TIMEZONE=Asia/Tokyo PROCAGENT_JOB_TIME=2021-12-14T15:30:00Z PROCAGENT_RUN_COMMAND='a b' \
        PROCAGENT_RUN_GRACE=3s PROCAGENT_RUN_DRAIN=1s PROCAGENT_STORE_KIND=folder PROCAGENT_STORE_ROOT=/x \
        PROCAGENT_OUTPUT_OUT_LAYOUT='d={time}' PROCAGENT_OUTPUT_OUT_PACK=o.tar.gz
    plan
    refute grep -q warning <<<"$stderr"
    assert_match "$output" '2021-12-15 00:30:00'
    assert_match "$output" '"a" "b"'
    assert_match "$output" 'folder /x'
    assert_match "$output" 'd=2021-12-15/'
    assert_match "$output" 'o.tar.gz'
    PROCAGENT_RUN_GRACE=x assert_refused 'PROCAGENT_RUN_GRACE'
    PROCAGENT_RUN_DRAIN=x assert_refused 'PROCAGENT_RUN_DRAIN'
}

@test "a bad value that something better overrides does no harm; an empty value is none" {
    ini <<<$'[job]\ntimezone = Asia/Nowhere\n[run]\ncommand =\n'
    plan --set job.timezone=UTC -- true
    PROCAGENT_JOB_TIMEZONE='' plan --set job.timezone= -- true
    assert_match "$output" '\(UTC\)'
}

@test "a PROCAGENT_ variable that means nothing is a warning" {
    PROCAGENT_JOB_TIMEZNE=UTC job -- true
    assert_status 0
    assert_match "$stderr" 'warning: .*PROCAGENT_JOB_TIMEZNE'
}

@test "--ml-root wins over PROCAGENT_ML_ROOT; a relative one starts at the working directory" {
    mkdir -p one/processing two/processing
    PROCAGENT_ML_ROOT=$WORK/one agent run -- sh -c 'echo "$PROCAGENT_ML_ROOT"'
    [ "$output" = "$WORK/one" ]
    PROCAGENT_ML_ROOT=$WORK/one agent run --ml-root two -- sh -c 'echo "$PROCAGENT_ML_ROOT"'
    [ "$output" = "$WORK/two" ]
    [ -f two/output/message ]
}

@test "agent.ini: comments, blank lines, BOM, CRLF, colons and continued lines are understood" {
    words
    {
        printf '\xef\xbb\xbf; comment\r\n\r\n# comment\r\n[run] ; why\r\n'
        printf 'command: %s one ; comment\r\n  two\r\n\tthree;four\r\n' "$WORK/words"
    } >agent.ini
    job -c agent.ini
    assert_status 0
    said one two three\;four
}

# ---- the command ----

@test "command: sh's quoting, no expansion" {
    words
    ini <<INI
[run]
command = "$WORK/words" plain 'sin gle' "dou ble" a\\ b "q\\"q" 'it'\\''s' \$HOME *.csv ~ "" '' \`id\` "\\\\ \\n" x"y"'z' 東京
INI
    job
    assert_status 0
    # shellcheck disable=SC2016,SC2088 # nothing of it is expanded
    said plain 'sin gle' 'dou ble' 'a b' 'q"q' "it's" '$HOME' '*.csv' '~' '' '' '`id`' '\ \n' xyz 東京
}

@test "command: a JSON array" {
    words
    ini <<INI
[run]
command = ["$WORK/words", "one two", "", "\\u6771\\n\\t\\"", "'", "\$HOME"]
INI
    job
    assert_status 0
    # shellcheck disable=SC2016
    said 'one two' '' $'東\n\t"' "'" '$HOME'
}

@test "command: the command line's words are appended, verbatim" {
    words
    ini <<<"[run]
command = $WORK/words fixed"
    job -- 'a b' '' '"q"' -x --set 'x;y'
    assert_status 0
    said fixed 'a b' '' '"q"' -x --set 'x;y'
    job word -c --verbose
    assert_status 0
    said fixed word -c --verbose
}

@test "command: none at all is an error" {
    RUN_AS_IT_IS=1 assert_refused 'no command'
}

@test "command: bad quoting is an error with the line" {
    export RUN_AS_IT_IS=1
    ini <<<$'[run]\n\ncommand = sh -c "open'
    assert_refused 'agent.ini:3: .*quote'
    ini <<<$'[run]\ncommand = sh -c \'open'
    assert_refused 'agent.ini:2: .*quote'
    ini <<<$'[run]\ncommand = sh \\'
    assert_refused 'agent.ini:2: .*backslash'
    ini <<<$'[run]\ncommand = ["sh", 1]'
    assert_refused 'agent.ini:2: .*not a string'
    ini <<<$'[run]\ncommand = ["sh", "x"'
    assert_refused 'agent.ini:2: .*JSON'
}

@test "command: a blank and ; inside quotes or brackets is an error, never a silent cut" {
    export RUN_AS_IT_IS=1
    ini <<<$'[run]\ncommand = sh -c "cd /tmp ; touch x"'
    assert_refused 'agent.ini:2: .*;'
    ini <<<$'[run]\ncommand = sh -c \'true ;exit\''
    assert_refused 'agent.ini:2: .*;'
    ini <<<$'[run]\ncommand = ["sh", "-c", "true\t; exit"]'
    assert_refused 'agent.ini:2: .*;'
    ini <<<$'[run]\ncommand = sh -c "cd /tmp\n  && true ; touch x"'
    assert_refused 'agent.ini:3: .*;'
    ini <<<$'[run]\ncommand = ["sh",\n "a ; b"]'
    assert_refused 'agent.ini:3: .*;'
}

@test "a line longer than 198 bytes is an error, never cut; continued lines carry more" {
    local word
    word=$(printf '%0185d' 7)
    words
    ini <<<$'[run]\ncommand = true '"$word"
    RUN_AS_IT_IS=1 assert_refused 'agent.ini:2: the line has [0-9]+ bytes'
    ini <<<$'[run]\n; '"$word$word$word"$'\ncommand = true'
    RUN_AS_IT_IS=1 assert_refused 'agent.ini:2: the line has [0-9]+ bytes'
    # at the limit and continued: whole
    word=$(printf '%0197d' 7)
    ini <<<$'[run]\ncommand = '"$WORK/words
 $word
 $word
 last"
    job
    assert_status 0
    said "$word" "$word" last
}

# ---- mistakes in agent.ini ----

@test "unknown keys and sections: file, line and the nearest name" {
    ini <<<$'; first\n[job]\ntimezon = UTC'
    assert_refused 'agent.ini:3: .*"timezon".*timezone'
    ini <<<$'[job]\nxyzzy = 1'
    assert_refused 'agent.ini:2: .*"xyzzy".*timezone.*time'
    ini <<<$'[jobs]\ntime = now'
    assert_refused 'agent.ini:1: .*"jobs".*\[job\]'
    ini <<<$'[zzzzzz]\ntime = now'
    assert_refused 'agent.ini:1: .*"zzzzzz"'
    output transform output s3://bucket/out
    ini <<<$'[output "transform"]\nlayuot = a=b'
    assert_refused 'agent.ini:2: .*"layuot".*layout'
    ini </dev/null
    assert_refused '--set jb.time: .*"jb".*job' --set jb.time=now
    assert_refused '--set job.tme: .*"tme".*"time"' --set job.tme=now
}

@test "a name that the job does not have: file, line and the nearest name" {
    output transform output s3://bucket/out
    input extract input s3://bucket/in
    ini <<<$'[output "transfrom"]\nlayout = a=b'
    assert_refused 'agent.ini:1: .*"transfrom".*"transform"'
    ini <<<$'[input "other"]\n'
    assert_refused 'agent.ini:1: .*"other"'
    ini </dev/null
    PROCAGENT_OUTPUT_OTHER_LAYOUT=a=b assert_refused 'PROCAGENT_OUTPUT_OTHER_LAYOUT'
}

@test "malformed lines" {
    ini <<<$'[job]\njust words'
    assert_refused 'agent.ini:2: '
    ini <<<$'[job\ntime = now'
    assert_refused 'agent.ini:1: '
    ini <<<$'time = now'
    assert_refused 'agent.ini:1: '
    ini <<<$'[output transform]\nlayout = a=b'
    assert_refused 'agent.ini:1: '
    ini <<<$'[job]\ntime = now\ntime = now'
    assert_refused 'agent.ini:3: .*twice'
    printf '[job]\ntime = n\0ow\n' >"$ML/processing/config/agent.ini"
    assert_refused 'agent.ini:2: '
}

@test "bad values: file, line and value" {
    ini <<<$'[job]\ntimezone = Asia/Tokio'
    assert_refused 'agent.ini:2: .*"Asia/Tokio".*Asia/Tokyo'
    ini <<<$'[job]\ntime = 2021-12-15'
    assert_refused 'agent.ini:2: .*"2021-12-15"'
    ini <<<$'[job]\ntime = 2021-02-30T00:00:00Z'
    assert_refused 'agent.ini:2: .*"2021-02-30T00:00:00Z"'
    ini <<<$'[run]\ngrace = 8x'
    assert_refused 'agent.ini:2: .*"8x"'
    ini <<<$'[run]\ngrace = -1s'
    assert_refused 'agent.ini:2: .*"-1s"'
    ini <<<$'[store]\nkind = s4'
    assert_refused 'agent.ini:2: .*"s4"'
    ini <<<$'[store]\nkind = folder'
    assert_refused 'agent.ini:2: .*root'
}

@test "bad layouts: file, line, column" {
    output out output s3://bucket/out
    local layout
    while IFS= read -r layout; do
        ini <<<$'[job]\ntime = now\n[output "out"]\nlayout = '"$layout"
        assert_refused 'agent.ini:4: .*layout .*column [0-9]+'
    done <<'LAYOUTS'
no_equals
day=
=x
day={tme}
day={time
day=x}
day={time:%Q}
day={time:}
day={time:%Y/%m}
day={time}/
day={time}//month={time}
day={time}/day={time}
two words={time}
_day={time}
day={env}
day={host:x}
/day={time}
LAYOUTS
    unset NOT_SET_AT_ALL
    ini <<<$'[output "out"]\nlayout = day={env.NOT_SET_AT_ALL}'
    assert_refused 'agent.ini:2: .*NOT_SET_AT_ALL'
}

@test "bad values of the keys about rows: file, line, value and what is allowed" {
    output out output s3://bucket/out
    local line
    while IFS='|' read -r line regex; do
        ini <<<$'[output "out"]\n'"$line"
        assert_refused "agent.ini:2: $regex"
    done <<'LINES'
format = xml|format = "xml": expected auto, csv, tsv or jsonl
delimiter = ab|delimiter = "ab": expected one ASCII character
delimiter = ;|a ; behind a blank starts a comment
quote = x|quote = "x": expected one ASCII punctuation character, or none
quote = ,|quote = ",": this is what stands between fields
header = maybe|header = "maybe": expected yes or no
columns = a, b, a|columns: "a" is named twice
columns = a,,b|columns: the name of column 2 is empty
null = __HIVE_DEFAULT_PARTITION__|null = "__HIVE_DEFAULT_PARTITION__": expected default-partition
sentinel = keep|sentinel = "keep": expected fail or null
keep_columns = all|keep_columns = "all": expected yes or no
on_bad_row = skip|on_bad_row = "skip": expected fail or reject
max_row_size = 12|max_row_size = "12": expected a size from 1K to 1G
max_partitions = 0|max_partitions = "0": expected a number
max_files = -1|max_files = "-1": expected a number
max_file_size = 1.5G|max_file_size = "1.5G": expected a size
compress = zip|compress = "zip": expected none or gzip
portable = x|portable = "x": expected yes or no
LINES
    ini <<<$'[output "out"]\ncolumns = a\nheader = yes'
    assert_refused 'agent.ini:3: header = yes: columns \(.*agent.ini:2\) names the fields of files without a header'
    ini </dev/null
    PROCAGENT_OUTPUT_OUT_MAX_FILE_SIZE=7 assert_refused 'PROCAGENT_OUTPUT_OUT_MAX_FILE_SIZE: max_file_size = "7"'
    assert_refused '--set output.out.colums: .*did you mean "columns"' --set output.out.colums=a
}

@test "bad pack names: file, line" {
    output out output s3://bucket/out
    local name
    for name in sub/output.tar.gz .. output.rar .tar.gz .procagent-x.tar.gz; do
        ini <<<$'[output "out"]\npack = '"$name"
        assert_refused 'agent.ini:2: .*pack'
    done
}

# ---- mistakes in the JSON files ----

json() {
    mkdir -p "$ML/config"
    cat >"$ML/config/$1.json"
}

@test "bad JSON: file, line and column" {
    json processingjobconfig <<<$'{\n  "ProcessingJobName": "x",\n}'
    assert_refused 'processingjobconfig.json:3:[0-9]+: '
    json processingjobconfig </dev/null
    assert_refused 'processingjobconfig.json:[01]:[0-9]+: '
    json processingjobconfig <<<'[]'
    assert_refused 'processingjobconfig.json:1:1: '
    json processingjobconfig <<<$'{"ProcessingJobName": "\xff"}'
    assert_refused 'processingjobconfig.json:1:[0-9]+: '
    json processingjobconfig <<<'{}'
    json resourceconfig <<<$'{"current_host": "algo-1",\n "hosts": ["algo-1"}'
    assert_refused 'resourceconfig.json:2:[0-9]+: '
}

@test "JSON of the wrong kind: file, line, column and key" {
    json processingjobconfig <<<$'{\n  "ProcessingInputs": {}\n}'
    assert_refused 'processingjobconfig.json:2:23: .*ProcessingInputs.*array'
    json processingjobconfig <<<$'{"ProcessingInputs": [\n  7]}'
    assert_refused 'processingjobconfig.json:2:3: '
    json processingjobconfig <<<$'{"ProcessingInputs": [{"InputName": "a", "S3Input":\n {"LocalPath": 1}}]}'
    assert_refused 'processingjobconfig.json:2:16: .*LocalPath'
    json processingjobconfig <<<'{}'
    json resourceconfig <<<'{"current_host": "algo-1", "hosts": "algo-1"}'
    assert_refused 'resourceconfig.json:1:37: .*hosts'
    json resourceconfig <<<'{"current_host": "algo-3", "hosts": ["algo-1", "algo-2"]}'
    assert_refused 'resourceconfig.json:1:[0-9]+: .*algo-3'
}

@test "JSON keys nobody knows and nulls are fine" {
    json processingjobconfig <<<'{"New": {"a": [1, null]}, "ProcessingInputs": null, "ProcessingOutputConfig":
        {"Outputs": [], "New": 1}, "Environment": null, "StoppingCondition": {"MaxRuntimeInSeconds": null}}'
    json resourceconfig <<<'{"current_host": "algo-1", "hosts": ["algo-1"], "network_interface_name": "eth0"}'
    plan -- true
}

@test "LocalPath outside /opt/ml/processing: file, line, column" {
    local path
    for path in /tmp/x /opt/ml/processing /opt/ml/processing/ /opt/ml/processingx /opt/ml/output \
        /opt/ml/processing/../output /opt/ml/processing/a/../../.. ''; do
        INPUTS=() OUTPUTS=()
        input in "$path" s3://bucket/in
        [ -n "$path" ] || sed -i 's|"LocalPath": "/opt/ml/processing/"|"LocalPath": ""|' "$ML/config/processingjobconfig.json"
        assert_refused 'processingjobconfig.json:5:[0-9]+: .*LocalPath'
    done
    INPUTS=() OUTPUTS=()
    output out /opt/ml/model s3://bucket/out
    assert_refused 'processingjobconfig.json:6:[0-9]+: .*LocalPath'
    OUTPUTS=()
    write_config
    ini <<<$'[output "out"]\n\nlocal_path = /data'
    assert_refused 'agent.ini:3: .*"/data"'
}

@test "two outputs with overlapping paths: both named, with their places" {
    output one output s3://bucket/1
    output two output/sub s3://bucket/2
    assert_refused 'processingjobconfig.json:6:[0-9]+: .*"two".*"one".*processingjobconfig.json:6:[0-9]+'
    OUTPUTS=()
    output one output/ s3://bucket/1
    output two ./output s3://bucket/2
    assert_refused 'processingjobconfig.json:6:[0-9]+: .*"two".*"one"'
}

@test "neighbouring paths with a common beginning do not overlap" {
    output one output s3://bucket/1
    output two output2 s3://bucket/2
    output three out s3://bucket/3
    input in outputs s3://bucket/in
    plan -- true
}

@test "an input path that is, or overlaps, an output path" {
    input in data s3://bucket/in
    output out data/ s3://bucket/out
    assert_refused 'processingjobconfig.json:6:[0-9]+: .*"out".*"in".*processingjobconfig.json:5:[0-9]+'
    OUTPUTS=()
    output out data/more s3://bucket/out
    assert_refused 'processingjobconfig.json:6:[0-9]+: .*"out".*"in"'
}

@test "a member that the service listed cannot be moved by agent.ini" {
    output out output s3://bucket/out
    ini <<<$'[output "out"]\ns3_uri = s3://bucket/elsewhere'
    assert_refused 'agent.ini:2: .*"out"'
}

@test "folder store: an S3Uri that is none, a root that is none" {
    folder_only "store.root"
    use_store
    output out output http://bucket/out
    assert_refused 's3://'
    OUTPUTS=()
    output out output s3:///out
    assert_refused 'bucket'
    OUTPUTS=()
    output out output s3://bucket/out
    PROCAGENT_STORE_ROOT=$WORK/missing job -- touch started
    assert_status 125
    one_error 'missing'
    refute test -e started
}

# ---- the command line ----

@test "check prints the plan and touches nothing" {
    folder_only "its lines"
    simple_job
    input in input s3://bucket/in
    ini <<<$'[job]\ntime = 2021-12-14T15:30:00Z\ntimezone = Asia/Tokyo\n[output "out"]\nlayout = d={time}\npack = o.tar.gz'
    object in/x
    local before
    before=$(fingerprint)
    plan -- "a b" c
    diff <(echo "$before") <(fingerprint)
    refute test -e "$ML/output"
    assert_match "$output" '^job +test-job$'
    assert_match "$output" '2021-12-14T15:30:00.000Z = 2021-12-15 00:30:00 JST \(Asia/Tokyo\)'
    assert_match "$output" "agent.ini +$ML/processing/config/agent.ini"
    assert_match "$output" "folder $STORE"
    assert_match "$output" '"a b" "c"'
    assert_match "$output" '"in" s3://bucket/in'
    assert_match "$output" '/opt/ml/processing/input'
    assert_match "$output" '"out" /opt/ml/processing/output'
    assert_match "$output" '-> d=2021-12-15/'
    assert_match "$output" 'packed as o.tar.gz'
    assert_match "$output" '-> s3://bucket/out'
    [ -z "$stderr" ]
}

@test "unknown commands and options: one error, the nearest name, 125" {
    local words
    for words in 'rnu' '--verzion' 'python3 x.py'; do
        # shellcheck disable=SC2086 # words
        agent $words
        assert_status 125
        one_error "\"${words%% *}\""
    done
    agent rnu
    one_error '"run"'
    agent
    assert_status 125
    one_error 'help'
    job --stor=x -- touch started
    assert_status 125
    one_error '"--stor'
    job --ml-rot x -- touch started
    one_error 'ml-root'
    job --config
    assert_status 125
    one_error 'config.*needs a value'
    job -x -- touch started
    assert_status 125
    one_error '"-x"'
    job --set nodots -- touch started
    assert_status 125
    one_error 'nodots'
    job --set job.time -- touch started
    assert_status 125
    one_error 'job.time'
    refute test -e started
    refute test -e "$OUT"
}

@test "the error line has no control characters, whatever the value" {
    job --set $'job.time=\e[31m\r\n\tx' -- true
    assert_status 125
    one_error '31m'
    refute grep -q "[[:cntrl:]]" <<<"$stderr"
}
