# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Helpers of docker.bats: an engine, the two images, one job's surroundings.

TOP=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
FIXTURES=$TOP/fixtures
AGENT_IMAGE=procagent-test/procagent
EXAMPLE_IMAGE=procagent-test/example
JOB_TIME=2021-12-14T15:30:00Z # half past midnight of the next day in Tokyo
PARTITION=process_date_jst=2021-12-15

# Builds what the tests run. Sets DOCKER_SKIP when there is no engine, unless one is demanded.
docker_ready() {
    export DOCKER_SKIP=
    if ! timeout 10 docker version >/dev/null 2>&1; then
        DOCKER_SKIP="no docker engine answers (scripts/dockerd.sh start, as root)"
        if [ "${CI:-}" = true ] || [ "${TEST_REQUIRE_DOCKER:-0}" = 1 ]; then
            echo "$DOCKER_SKIP, and CI or TEST_REQUIRE_DOCKER demands one" >&2
            return 1
        fi
        return 0
    fi
    "$TOP/scripts/baseimage.sh" || return 1
    build_image "$AGENT_IMAGE" "$TOP" || return 1
    build_image "$EXAMPLE_IMAGE" "$TOP/container/example" --build-arg "PROCAGENT_IMAGE=$AGENT_IMAGE" || return 1
    # A rebuild leaves its predecessor without a name. The label keeps this to images of these tests.
    docker image prune --force --filter label=procagent.test=1 >/dev/null
    export DOCKER_READY=1
}

# build_image NAME FOLDER [OPTION...]: quiet, unless it fails. The host's network, because an engine's own
# need not lead anywhere; the classic builder, because the other one is not installed everywhere.
build_image() {
    local name=$1 folder=$2 var log
    shift 2
    for var in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY; do
        if [ -n "${!var:-}" ]; then set -- "$@" --build-arg "$var"; fi
    done
    if ! log=$(DOCKER_BUILDKIT=${DOCKER_BUILDKIT:-0} timeout 900 docker build --network host \
        --label procagent.test=1 --tag "$name" "$@" "$folder" 2>&1); then
        printf 'docker build %s failed:\n%s\n' "$name" "$(tail -n 40 <<<"$log")" >&2
        return 1
    fi
}

# new_job AGE: a store with reference job 1's input, a config folder and an output folder, as a person
# makes them. Sets WORK STORE CONFIG OUTPUT and OPTIONS, the words for docker run.
new_job() {
    WORK=$(mktemp -d "${BATS_TMPDIR:-/tmp}/procagent-docker.XXXXXX")
    STORE=$WORK/store CONFIG=$WORK/config OUTPUT=$WORK/output
    mkdir -p "$STORE/bucket/prefix/extract" "$CONFIG" "$OUTPUT"
    cp "$FIXTURES/extract.reference1.csv" "$STORE/bucket/prefix/extract.csv"
    cp "$FIXTURES/extract.reference1.csv" "$STORE/bucket/prefix/extract/extract.csv"
    cp "$FIXTURES/processingjobconfig.reference1.$1.json" "$CONFIG/processingjobconfig.json"
    cp "$FIXTURES/resourceconfig.reference1.json" "$CONFIG/resourceconfig.json"
    if [ -e "$FIXTURES/resourceconfig.reference1.$1.json" ]; then
        cp "$FIXTURES/resourceconfig.reference1.$1.json" "$CONFIG/resourceconfig.json"
    fi
    chmod -R a+rX "$WORK"
    OPTIONS=(--network none --label "procagent.test.job=$WORK"
        -v "$STORE:/mnt/s3" -v "$CONFIG:/opt/ml/config:ro"
        -e PROCAGENT_STORE_KIND=folder -e PROCAGENT_STORE_ROOT=/mnt/s3 -e "PROCAGENT_JOB_TIME=$JOB_TIME")
    listing "$STORE" >"$WORK/before"
}

# Ends this test's containers and removes its folder, whoever owns the files in it.
end_job() {
    local left
    [ -n "${WORK:-}" ] || return 0
    left=$(docker ps --all --quiet --filter "label=procagent.test.job=$WORK")
    # shellcheck disable=SC2086 # one word per container
    if [ -n "$left" ]; then docker rm --force $left >/dev/null; fi
    rm -rf "$WORK" 2>/dev/null && return 0
    docker run --rm --network none -v "$WORK:/work" --entrypoint find "$EXAMPLE_IMAGE" /work -mindepth 1 -delete
    rmdir "$WORK"
}

# Every entry below a folder, sorted: a line with its type and path, and for a file one more with its checksum.
listing() {
    (cd "$1" && find . -mindepth 1 -printf '%y %P\n' && find . -type f -exec sha256sum {} +) | LC_ALL=C sort
}

# mount_transform: a transform of the test's own, read from stdin, is what the job runs instead of the image's.
mount_transform() {
    mkdir -p "$WORK/program"
    cat >"$WORK/program/transform.py"
    chmod -R a+rX "$WORK/program"
    OPTIONS+=(-v "$WORK/program:/opt/test:ro" -e "PROCAGENT_RUN_COMMAND=python3 /opt/test/transform.py")
}

# mount_output: /opt/ml/output, where the message is left, as a folder that any user may write.
mount_output() {
    chmod 1777 "$OUTPUT"
    OPTIONS+=(-v "$OUTPUT:/opt/ml/output")
}

# Runs the job to its end: `run` with a bound, and what was said shown should the test fail.
run_job() {
    run timeout 120 docker run --rm "${OPTIONS[@]}" "$@"
    # shellcheck disable=SC2154 # run sets status and output
    printf 'status %s\n%s\n' "$status" "$output"
}

# start_and_stop: starts the job, waits for the transform to say HALF WAY, then does what `docker stop` does.
# Sets status (the container's) and took (whole seconds).
start_and_stop() {
    local id end=$((SECONDS + 60)) began
    id=$(docker run --detach "${OPTIONS[@]}" "$EXAMPLE_IMAGE")
    until docker logs "$id" 2>&1 | grep -q 'HALF WAY'; do
        if [ "$SECONDS" -ge "$end" ] || [ "$(docker inspect --format '{{.State.Running}}' "$id")" != true ]; then
            echo "the transform never said HALF WAY:"
            docker logs "$id" 2>&1
            return 1
        fi
        sleep 0.1
    done
    began=$(date +%s%N)
    docker stop --time 10 "$id" >/dev/null
    # shellcheck disable=SC2034 # for the tests
    took=$((($(date +%s%N) - began) / 1000000000))
    status=$(docker inspect --format '{{.State.ExitCode}}' "$id")
    printf 'status %s after %s s\n' "$status" "$took"
    docker logs "$id" 2>&1
}

# The store holds what it held, and the one partition, byte for byte what pandas writes.
assert_published() {
    {
        cat "$WORK/before"
        printf 'd bucket/prefix/output\n'
        printf 'd bucket/prefix/output/%s\n' "$PARTITION"
        printf 'f bucket/prefix/output/%s/transform.csv\n' "$PARTITION"
        printf '%s  ./bucket/prefix/output/%s/transform.csv\n' \
            "$(sha256sum <"$FIXTURES/transform.reference1.csv" | cut -d' ' -f1)" "$PARTITION"
    } | LC_ALL=C sort >"$WORK/expected"
    listing "$STORE" | diff -u "$WORK/expected" -
}

# The store is what it was: nothing published, no temporaries.
assert_untouched() {
    listing "$STORE" | diff -u "$WORK/before" -
}

# assert_message PATTERN: the message file is there, short, UTF-8, one line, and says so.
assert_message() {
    local file=$OUTPUT/message
    printf 'message: %s\n' "$(cat "$file")"
    [ "$(stat -c %s "$file")" -le 1024 ]
    iconv -f UTF-8 -t UTF-8 "$file" >/dev/null
    [ "$(grep -c '' "$file")" -eq 1 ]
    grep -qE "$1" "$file"
}
