# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# What all behaviour tests share: the binary, a job's surroundings in the test's own folder, assertions.
#
# The binary is $PROCAGENT (default build/procagent). Every test has WORK (its folder, also its working
# directory), ML (stands for /opt/ml) and STORE (the folder store; bucket "bucket" exists). What is called
# OUT is the folder of LocalPath /opt/ml/processing/output.
#
# STORE_KIND=moto or s3rver runs the same tests on that S3 server (test/s3): it gets what is in STORE before
# the agent runs, and STORE gets what is in it afterwards. What is about folders only begins with folder_only.
bats_require_minimum_version 1.5.0

TOP=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
# shellcheck disable=SC2034 # for the tests
FIXTURES=$TOP/fixtures
PROCAGENT=${PROCAGENT:-build/procagent}
case $PROCAGENT in
/*) ;;
*) if [ -x "$PWD/$PROCAGENT" ]; then PROCAGENT=$PWD/$PROCAGENT; else PROCAGENT=$TOP/$PROCAGENT; fi ;;
esac
PYTHON=/usr/bin/python3 # the distribution's, where pandas and jupyter are
LIMIT=60                # seconds that any run of the agent may take
STORE_KIND=${STORE_KIND:-folder}
if [ "$STORE_KIND" != folder ]; then . "$TOP/test/s3/servers.bash"; fi

# A file with a setup_file of its own calls start_store in it.
setup_file() {
    start_store
}

teardown_file() {
    if [ "$STORE_KIND" != folder ]; then stop_servers; fi
}

setup() {
    unset "${!PROCAGENT_@}" "${!AWS_BATCH_@}" "${!JOB_COMPLETION_@}" TZ TZDIR XDG_CONFIG_HOME
    export LC_ALL=C.UTF-8
    WORK=$BATS_TEST_TMPDIR
    ML=$WORK/ml STORE=$WORK/store OUT=$WORK/ml/processing/output
    INPUTS=() OUTPUTS=() AGENT= MIRRORED=
    mkdir -p "$ML/processing" "$STORE/bucket"
    cd "$WORK" || return 1
    if [ "$STORE_KIND" = moto ]; then reset_moto; fi
    if declare -F setup_more >/dev/null; then setup_more; fi
}

teardown() {
    if [ -n "${AGENT:-}" ]; then kill -KILL "$AGENT" 2>/dev/null || true; fi
    chmod -R u+rwX "$WORK" 2>/dev/null || true
    rm -rf "$STORE" "$ML" # some are big, and bats cleans up only at the very end
}

# ---- a job's description ----

quote_json() {
    local s=${1//\\/\\\\}
    printf '"%s"' "${s//\"/\\\"}"
}

# local_path WORD: a LocalPath below /opt/ml/processing, or as it is when absolute.
local_path() {
    case $1 in /*) printf %s "$1" ;; *) printf '/opt/ml/processing/%s' "$1" ;; esac
}

# input NAME LOCALPATH S3URI [KEY=VALUE...]: one more ProcessingInput; KEYs are S3Input's.
input() {
    local name=$1 path uri=$3 pair members=
    local -A more=([S3DataType]=S3Prefix [S3InputMode]=File [S3DataDistributionType]=FullyReplicated
        [S3CompressionType]=None [S3DownloadMode]=StartOfJob)
    path=$(local_path "$2")
    shift 3
    for pair; do more[${pair%%=*}]=${pair#*=}; done
    for pair in "${!more[@]}"; do members+=", \"$pair\": $(quote_json "${more[$pair]}")"; done
    INPUTS+=("{\"InputName\": $(quote_json "$name"), \"AppManaged\": false, \"S3Input\": {\"LocalPath\": \
$(quote_json "$path"), \"S3Uri\": $(quote_json "$uri")$members}, \"DatasetDefinition\": null}")
    write_config
}

# output NAME LOCALPATH S3URI [S3UploadMode]: one more output.
output() {
    OUTPUTS+=("{\"OutputName\": $(quote_json "$1"), \"AppManaged\": false, \"S3Output\": {\"LocalPath\": \
$(quote_json "$(local_path "$2")"), \"S3Uri\": $(quote_json "$3"), \"S3UploadMode\": \"${4:-EndOfJob}\"}, \
\"FeatureStoreOutput\": null}")
    write_config
}

# processingjobconfig.json with all inputs and outputs so far; one member a line.
write_config() {
    local IFS=,
    mkdir -p "$ML/config"
    cat >"$ML/config/processingjobconfig.json" <<JSON
{
  "ProcessingJobArn": "arn:aws:sagemaker:ap-northeast-1:123456789012:processing-job/test-job",
  "ProcessingJobName": "test-job",
  "AppSpecification": {"ImageUri": "image", "ContainerEntrypoint": null, "ContainerArguments": null},
  "ProcessingInputs": [${INPUTS[*]}],
  "ProcessingOutputConfig": {"Outputs": [${OUTPUTS[*]}], "KmsKeyId": null},
  "ProcessingResources": {"ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large",
    "VolumeSizeInGB": 30, "VolumeKmsKeyId": null}},
  "RoleArn": "arn:aws:iam::123456789012:role/role",
  "StoppingCondition": {"MaxRuntimeInSeconds": 3600}
}
JSON
}

# hosts CURRENT HOST...: resourceconfig.json.
hosts() {
    local current=$1 list=
    shift
    list=$(printf ', "%s"' "$@")
    mkdir -p "$ML/config"
    printf '{"current_host": "%s", "hosts": [%s]}\n' "$current" "${list#, }" >"$ML/config/resourceconfig.json"
}

# ini: agent.ini, read from stdin, where the agent looks first.
ini() {
    mkdir -p "$ML/processing/config"
    cat >"$ML/processing/config/agent.ini"
}

# ---- the store ----

# start_store: the file's S3 server, when it runs on one. s3rver checks no signatures: a proxy in front does.
start_store() {
    case $STORE_KIND in
    moto)
        start_moto || return 1
        export STORE_URL=$MOTO_URL STORE_KEY=test
        ;;
    s3rver)
        start_s3rver && start_proxy "$S3RVER_URL" --verify S3RVER S3RVER || return 1
        export STORE_URL=$PROXY_URL STORE_KEY=S3RVER
        ;;
    esac
}

# use_store: the store is the folder STORE, or its mirror.
use_store() {
    if [ "$STORE_KIND" = folder ]; then
        export PROCAGENT_STORE_KIND=folder PROCAGENT_STORE_ROOT=$STORE
    else
        MIRRORED=1
        use_s3 "$STORE_URL" "$STORE_KEY" "$STORE_KEY"
    fi
}

# no_store: as without use_store.
no_store() {
    MIRRORED=
    unset "${!PROCAGENT_STORE_@}"
}

# store_section: agent.ini's [store], of what use_store said.
store_section() {
    printf '[store]\nkind = %s\n' "$PROCAGENT_STORE_KIND"
    if [ "$STORE_KIND" = folder ]; then
        printf 'root = %s\n' "$PROCAGENT_STORE_ROOT"
    else
        printf 'endpoint = %s\nregion = %s\n' "$PROCAGENT_STORE_ENDPOINT" "$PROCAGENT_STORE_REGION"
    fi
}

# folder_only WHY: skips the test on an S3 server.
folder_only() {
    [ "$STORE_KIND" = folder ] || skip "folder store only: $1"
}

# key_unknown NAME: moto answers 404 to a key with a line feed, whatever is asked.
key_unknown() {
    [[ $STORE_KIND == moto && $1 == *$'\n'* ]]
}

# push_store and pull_store: before and after any run of the agent; nothing on a folder store.
push_store() {
    [ -z "$MIRRORED" ] || mirror push "$STORE" "$STORE_URL" "$STORE_KEY" "$STORE_KEY"
}

pull_store() {
    [ -z "$MIRRORED" ] || mirror pull "$STORE" "$STORE_URL" "$STORE_KEY" "$STORE_KEY"
}

# simple_job: a store and the output "out", to s3://bucket/out.
simple_job() {
    use_store
    output out output s3://bucket/out
}

# object KEY [TEXT]: an object of the bucket.
object() {
    local path=$STORE/bucket/$1
    mkdir -p "${path%/*}"
    printf '%s' "${2-text of $1}" >"$path"
}

# script NAME: an executable sh script from stdin; OUT is known in it.
script() {
    {
        printf '#!/bin/sh\nset -eu\nOUT=%s\nWORK=%s\n' "'$OUT'" "'$WORK'"
        cat
    } >"$WORK/$1"
    chmod +x "$WORK/$1"
}

# ---- running ----

# capture COMMAND...: runs it with a bound; sets status, output, stderr and shows them should the test fail.
# (bats' own run warns of every status 127, which here is a result like others.)
capture() {
    status=0
    output=$(timeout -k 5 "$LIMIT" "$@" 2>"$WORK/.stderr" 3>&-) || status=$?
    stderr=$(cat "$WORK/.stderr")
    printf 'status %s\n--- stdout\n%s\n--- stderr\n%s\n' "$status" "$output" "$stderr"
}

# agent ARG...: the agent, captured.
agent() {
    push_store
    capture "$PROCAGENT" "$@"
    pull_store
}

# job ARG...: the agent's run, /opt/ml being ML.
job() {
    agent run --ml-root "$ML" "$@"
}

# in_sandbox COMMAND...: /opt/ml is ML, /opt/procagent the binary, /opt/jobs the fixtures' scripts; the
# rest of the machine as it is. Skips the test where bubblewrap may not.
in_sandbox() {
    bwrap --dev-bind / / --proc /proc true 2>/dev/null || skip "bubblewrap may not make namespaces here"
    push_store
    capture bwrap --bind / / --dev /dev --proc /proc --tmpfs /opt \
        --bind "$ML" /opt/ml --ro-bind "$PROCAGENT" /opt/procagent --ro-bind "$FIXTURES/jobs" /opt/jobs \
        --die-with-parent "$@"
    pull_store
}

# start_agent ARG...: in the background; sets AGENT. A shell's background job ignores INT and QUIT, which
# the transform would inherit: hence the signals' defaults.
start_agent() {
    push_store
    env --default-signal "$PROCAGENT" run --ml-root "$ML" "$@" >"$WORK/stdout" 2>"$WORK/stderr" 3>&- &
    AGENT=$!
}

# end_agent: waits for it; sets status.
end_agent() {
    status=0
    if ! until_true "$LIMIT" gone "$AGENT"; then
        echo "the agent does not end"
        kill -KILL "$AGENT"
        return 1
    fi
    wait "$AGENT" || status=$?
    AGENT=
    pull_store
    printf 'status %s\n' "$status"
    cat "$WORK/stdout" "$WORK/stderr"
}

# Ended, be it as a zombie.
gone() {
    local stat
    stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 0
    [[ ${stat##*)} == " Z"* ]]
}

# until_true SECONDS COMMAND...: polls.
until_true() {
    local end=$((SECONDS + $1 + 1))
    shift
    until "$@" 2>/dev/null; do
        if [ "$SECONDS" -ge "$end" ]; then
            echo "never became true: $*"
            return 1
        fi
        sleep 0.02
    done
}

# ---- assertions ----

assert_status() {
    [ "$status" -eq "$1" ] || {
        echo "status $status, expected $1"
        return 1
    }
}

# tree DIR: its entries, "f path" or "d path" (l, p, s for others), sorted.
tree() {
    find "$1" -mindepth 1 -printf '%y %P\n' | LC_ALL=C sort
}

# objects: the keys in the bucket, as files.
objects() {
    (cd "$STORE/bucket" && find . -mindepth 1 -type f -printf '%P\n') | LC_ALL=C sort
}

# assert_objects KEY...: the bucket holds just these, and no folder without a file.
assert_objects() {
    diff -u <(if [ $# -gt 0 ]; then printf '%s\n' "$@" | LC_ALL=C sort; fi) <(objects)
    assert_clean
}

# No temporaries of ours anywhere.
assert_clean() {
    local left
    left=$(find "$WORK" -name '.procagent-*' 2>/dev/null)
    [ -z "$left" ] || {
        echo "left behind: $left"
        return 1
    }
}

# refute COMMAND...: must fail. (bats does not see a failing "! command".)
refute() {
    if "$@"; then
        echo "should have failed: $*"
        return 1
    fi
}

# assert_match TEXT REGEX: grep's, some line matches. Bytes, since a line may hold any.
assert_match() {
    LC_ALL=C grep -aqE -e "$2" <<<"$1" || {
        printf 'no line matches %s in:\n%s\n' "$2" "$1"
        return 1
    }
}

# message: the message file, checked: one line, UTF-8, at most 1,024 bytes. Sets MESSAGE.
message() {
    local file=$ML/output/message
    [ -f "$file" ] || {
        echo "no message file"
        return 1
    }
    MESSAGE=$(cat "$file")
    printf 'message: %s\n' "$MESSAGE"
    [ "$(stat -c %s "$file")" -le 1024 ] || return 1
    [ "$(wc -l <"$file")" -eq 0 ] || return 1
    "$PYTHON" -c 'import sys; open(sys.argv[1], encoding="utf-8").read()' "$file"
}

# assert_message REGEX
assert_message() {
    message
    assert_match "$MESSAGE" "$1"
}

# one_error REGEX: stderr has exactly one error line and it matches; every line is the agent's.
one_error() {
    local lines
    lines=$(LC_ALL=C grep -acE '^procagent: ([a-z]+: )?error: ' <<<"$stderr" || true)
    [ "$lines" -eq 1 ] || {
        echo "$lines error lines"
        return 1
    }
    if LC_ALL=C grep -avE '^procagent: ' <<<"$stderr"; then
        echo "lines of nobody"
        return 1
    fi
    assert_match "$(LC_ALL=C grep -aE '^procagent: ([a-z]+: )?error: ' <<<"$stderr")" "$1"
}

# fingerprint: all that a job must not touch when it is refused: every name, kind, mode, content and change
# time below WORK but /opt/ml/output (message and report), which may come.
fingerprint() {
    (cd "$WORK" && find ml store -path ml/output -prune -o ! -path ml ! -path store \
        -printf '%y %m %s %C@ %p %l\n' | LC_ALL=C sort)
}

# assert_refused REGEX ARG...: `check` and `run`, each with ARGs and a command that leaves a trace, end with
# 125 and one error line; nothing was touched, nothing ran. RUN_AS_IT_IS=1: without a command of ours.
assert_refused() {
    local regex=$1 before command
    shift
    rm -rf "$ML/output"
    if [ -z "${RUN_AS_IT_IS:-}" ]; then command=(-- touch "$WORK/started"); else command=(); fi
    before=$(fingerprint)
    agent check --ml-root "$ML" "$@" "${command[@]}"
    assert_status 125
    one_error "$regex"
    [ -z "$output" ]
    refute test -e "$ML/output"
    job "$@" "${command[@]}"
    assert_status 125
    one_error "$regex"
    refute test -e "$WORK/started"
    diff <(echo "$before") <(fingerprint)
    assert_message "$regex"
}

# value PATH: of report.json, as Python prints it: value '["outputs"][0]["files"]'.
value() {
    "$PYTHON" -c 'import json, sys; print(eval("json.load(open(sys.argv[1]))" + sys.argv[2]))' \
        "$ML/output/report.json" "$1"
}
