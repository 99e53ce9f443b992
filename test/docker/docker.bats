#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The two images, and reference job 1 in them, as a person runs it: docker run with a store and a config mounted.
# Needs a docker engine (DOCKER_HOST, or scripts/dockerd.sh start). The images stay for the next run's build.

# bats runs each test in a process of its own; run, start_and_stop set status, output and took.
# shellcheck disable=SC2030,SC2031,SC2154
load docker

setup_file() {
    docker_ready
}

setup() {
    # bats before 1.3 knows no setup_file.
    if [ -z "${DOCKER_READY:-}${DOCKER_SKIP:-}" ]; then docker_ready; fi
    if [ -n "${DOCKER_SKIP:-}" ]; then skip "$DOCKER_SKIP"; fi
}

teardown() {
    end_job
}

@test "the image from scratch holds one file and runs it" {
    run docker run --rm --network none "$AGENT_IMAGE" version
    echo "$output"
    [ "$status" -eq 0 ]
    [[ $output == procagent\ [0-9]* ]]

    # What an engine itself puts into every container is left out.
    id=$(docker create "$AGENT_IMAGE")
    run bash -o pipefail -c "docker export $id | tar -t | grep -vE '^(\.dockerenv|(dev|etc|proc|sys)/.*)\$'"
    docker rm "$id"
    echo "$output"
    [ "$output" = procagent ]
    echo "# $AGENT_IMAGE: $(docker image inspect --format '{{.Size}}' "$AGENT_IMAGE") bytes" >&3
    echo "# $EXAMPLE_IMAGE: $(docker image inspect --format '{{.Size}}' "$EXAMPLE_IMAGE") bytes" >&3
}

@test "the image from scratch shows help when told nothing" {
    run docker run --rm --network none "$AGENT_IMAGE"
    echo "$output"
    [ "$status" -eq 0 ]
    [[ $output == *"procagent run"* ]]
}

@test "what reference job 1 must give is what pandas gives without the agent" {
    new_job 2020-11
    mkdir "$WORK/plain"
    chmod 1777 "$WORK/plain"
    run timeout 120 docker run --rm --network none --entrypoint python3 \
        -v "$STORE/bucket/prefix/extract:/opt/ml/processing/input/extract:ro" \
        -v "$WORK/plain:/opt/ml/processing/output" "$EXAMPLE_IMAGE" /opt/program/transform.py
    echo "$output"
    [ "$status" -eq 0 ]
    cmp "$FIXTURES/transform.reference1.csv" "$WORK/plain/transform.csv"
}

reference_job_1() {
    new_job "$1"
    run_job "$EXAMPLE_IMAGE"
    [ "$status" -eq 0 ]
    assert_published
}

@test "reference job 1, as root, with a platform file of November 2020" {
    reference_job_1 2020-11
    [ "$(stat -c %u "$STORE/bucket/prefix/output/$PARTITION/transform.csv")" -eq 0 ]
}

@test "reference job 1 with a platform file of May 2020: no AppManaged, an Environment" {
    reference_job_1 2020-05
}

@test "reference job 1 with a platform file of May 2021: nulls, a folder as input, slashes at every end" {
    reference_job_1 2021-05
}

@test "reference job 1 with the files of the SDK's local mode" {
    reference_job_1 local-mode
}

@test "reference job 1 with keys that nobody knows yet" {
    reference_job_1 unknown-keys
}

@test "reference job 1 a second time: the same names, the same bytes" {
    reference_job_1 2020-11
    run_job "$EXAMPLE_IMAGE"
    [ "$status" -eq 0 ]
    assert_published
}

@test "reference job 1 one second before midnight in Tokyo is still the day before" {
    new_job 2020-11
    PARTITION=process_date_jst=2021-12-14
    run_job -e PROCAGENT_JOB_TIME=2021-12-14T14:59:59Z "$EXAMPLE_IMAGE"
    [ "$status" -eq 0 ]
    assert_published
}

@test "reference job 1 as a user of no name, who owns what is published" {
    user=1000
    if [ "$(id -u)" -ne 0 ]; then user=$(id -u); fi
    new_job 2020-11
    if [ "$(id -u)" -eq 0 ]; then chown -R "$user:$user" "$STORE"; fi
    run_job --user "$user:$user" "$EXAMPLE_IMAGE"
    [ "$status" -eq 0 ]
    assert_published
    run find "$STORE" ! \( -uid "$user" -a -gid "$user" \)
    echo "of somebody else: $output"
    [ -z "$output" ]
}

@test "a store that the user may not write: 125, the reason, nothing published" {
    new_job 2020-11
    mount_output
    if [ "$(id -u)" -ne 0 ]; then skip "needs root, to make a folder of root's"; fi
    run_job --user 1000:1000 "$EXAMPLE_IMAGE"
    [ "$status" -eq 125 ]
    assert_untouched
    assert_message 'Permission denied'
}

@test "an output folder that is a mount of its own, in an image without tzdata" {
    new_job 2020-11
    mkdir "$WORK/made"
    cp "$FIXTURES/transform.reference1.csv" "$WORK/made/transform.csv"
    # In the image from scratch there is one program to run.
    run_job -v "$WORK/made:/opt/ml/processing/output" -e PROCAGENT_JOB_TIMEZONE=Asia/Tokyo \
        -e 'PROCAGENT_OUTPUT_TRANSFORM_LAYOUT=process_date_jst={time:%Y-%m-%d}' \
        "$AGENT_IMAGE" run -- /procagent version
    [ "$status" -eq 0 ]
    assert_published
}

@test "docker stop half way: ends at once with 143, nothing published, and the message says why" {
    new_job 2020-11
    mount_output
    mount_transform <<'PYTHON'
import time
with open("/opt/ml/processing/output/transform.csv", "w") as f:
    f.write("half,a,")
    f.flush()
    print("HALF WAY", flush=True)
    time.sleep(60)
PYTHON
    start_and_stop
    [ "$status" -eq 143 ]
    [ "$took" -lt 5 ]
    assert_untouched
    assert_message 'TERM|signal 15'
}

@test "docker stop of a transform that ignores SIGTERM: killed after the grace, and the message is written" {
    new_job 2020-11
    mount_output
    mount_transform <<'PYTHON'
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
with open("/opt/ml/processing/output/transform.csv", "w") as f:
    f.write("half,a,")
print("HALF WAY", flush=True)
time.sleep(60)
PYTHON
    start_and_stop
    # 137 is also what docker's own SIGKILL gives, after 10 s; that one leaves no message.
    [ "$status" -eq 137 ]
    [ "$took" -lt 10 ]
    assert_untouched
    assert_message 'TERM|KILL|signal (9|15)'
}

@test "a transform that fails: its status is the container's, nothing published, and the message says why" {
    new_job 2020-11
    mount_output
    mount_transform <<'PYTHON'
import sys
with open("/opt/ml/processing/output/transform.csv", "w") as f:
    f.write("1,2,3\n")
sys.exit(7)
PYTHON
    run_job "$EXAMPLE_IMAGE"
    [ "$status" -eq 7 ]
    assert_untouched
    assert_message '\b7\b'
}

@test "dockerd.sh leaves an engine that is not its own alone" {
    WORK=$(mktemp -d "${BATS_TMPDIR:-/tmp}/procagent-docker.XXXXXX")
    run "$TOP/scripts/dockerd.sh" start "$WORK/engine"
    echo "$output"
    [ "$status" -eq 0 ]
    [[ $output == *"nothing started"* ]]
    [ ! -e "$WORK/engine" ]
    run "$TOP/scripts/dockerd.sh" stop "$WORK/engine"
    [ "$status" -eq 0 ]
    docker version >/dev/null
}
