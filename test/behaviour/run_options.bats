#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What [run] offers beyond a command: time-out, user, environment, the last line of stderr.
load common

setup_more() {
    simple_job
}

max_runtime() {
    sed -i "s/\"MaxRuntimeInSeconds\": 3600/\"MaxRuntimeInSeconds\": $1/" "$ML/config/processingjobconfig.json"
    grep -q "\"MaxRuntimeInSeconds\": $1" "$ML/config/processingjobconfig.json"
}

as_root() {
    [ "$(id -u)" -eq 0 ] || skip "needs root"
}

# reachable: anybody may get to the test's folder.
reachable() {
    local dir=$WORK
    while [ "$dir" != / ]; do
        chmod a+x "$dir"
        dir=${dir%/*}
        dir=${dir:-/}
    done
}

# as_nobody: this test's runs are nobody's, in folders that are nobody's.
as_nobody() {
    as_root
    reachable
    cp "$PROCAGENT" "$WORK/procagent"
    chown -R 65534:65534 "$WORK"
    capture setpriv --reuid=65534 --regid=65534 --clear-groups "$WORK/procagent" run --ml-root "$ML" "$@"
}

@test "timeout: the transform is stopped, status 124, the message says so, nothing is published" {
    job --set run.timeout=1s -- sh -c "echo x >'$OUT/f'; exec sleep 30"
    assert_status 124
    assert_message "^run: the transform was ended by SIGTERM because the job's time was over"
    [ "$(value '["transform"]["timed_out"]')" = True ]
    [ "$(value '["status"]')" = 124 ]
    assert_objects
}

@test "timeout: a transform that ends with 0 when told to is late all the same" {
    job --set run.timeout=1s -- sh -c "trap 'exit 0' TERM; echo x >'$OUT/f'; while :; do sleep 0.1; done"
    assert_status 124
    assert_objects
}

@test "timeout: a transform that does not listen gets KILL at the end of its grace" {
    job --set run.timeout=500ms --set run.grace=600ms -- sh -c "trap '' TERM; while :; do sleep 0.1; done"
    assert_status 124
    assert_message "ended by SIGKILL because the job's time was over"
}

@test "timeout: a job that is in time is not touched" {
    job --set run.timeout=30s -- true
    assert_status 0
}

@test "MaxRuntimeInSeconds is enforced where no platform does it, and only there" {
    max_runtime 1
    job -- sleep 30
    assert_status 124
    rm -rf "${ML:?}/output"
    PROCAGENT_STORE_KIND=platform job -- sleep 2
    assert_status 0
}

@test "the smaller of timeout and MaxRuntimeInSeconds counts" {
    job --set run.timeout=1s -- sleep 30
    assert_status 124
    max_runtime 1
    job --set run.timeout=60s -- sleep 30
    assert_status 124
}

@test "stderr in a file: its last line is in the message" {
    "$PROCAGENT" run --ml-root "$ML" -- "$PYTHON" -c 'raise ValueError("no such column: y")' 2>err || status=$?
    [ "$status" -eq 1 ]
    assert_message '^run: the transform exited with status 1: ValueError: no such column: y$'
    [ "$(value '["transform"]["last_line"]')" = "ValueError: no such column: y" ]
}

@test "stderr in a file that held lines before: those are not the transform's" {
    echo "an older line" >err
    "$PROCAGENT" run --ml-root "$ML" -- false 2>>err || status=$?
    [ "$status" -eq 1 ]
    assert_message '^run: the transform exited with status 1$'
}

@test "stderr in a pipe: the last line only with stderr_tail = yes" {
    # Not by job: its stderr is a file.
    "$PROCAGENT" run --ml-root "$ML" -- sh -c 'echo why >&2; exit 4' 2> >(cat >/dev/null) || status=$?
    [ "$status" -eq 4 ]
    assert_message '^run: the transform exited with status 4$'
    "$PROCAGENT" run --ml-root "$ML" --set run.stderr_tail=yes -- sh -c 'printf "why\n  \n\n" >&2; exit 4' \
        2> >(cat >relayed) || status=$?
    [ "$status" -eq 4 ]
    assert_message '^run: the transform exited with status 4: why$'
    until_true 10 grep -qx why relayed
}

@test "stderr_tail relays every byte" {
    head -c 3000000 /dev/urandom >bytes
    "$PROCAGENT" run -q --ml-root "$ML" --set run.stderr_tail=yes -- sh -c 'cat bytes >&2' 2> >(cat >relayed)
    until_true 10 cmp bytes relayed
}

@test "stderr_tail does not wait for a leftover that keeps the pipe open" {
    local begin=$SECONDS
    job --set run.stderr_tail=yes --set run.drain=200ms -- sh -c 'setsid sleep 50 & exit 3'
    assert_status 3
    [ $((SECONDS - begin)) -lt 20 ]
}

@test "no environment value gets into message or report" {
    SECRET=s3cr3t-value-42 job --set run.stderr_tail=yes -- sh -c 'echo "login with $SECRET failed" >&2; exit 1'
    assert_status 1
    assert_message 'status 1: login with \$SECRET failed$'
    refute grep -r s3cr3t-value-42 "$ML/output"
}

@test "user: by name, with its home and groups, and it can write its output" {
    as_root
    reachable
    job --set run.user=nobody -- sh -c "id -u; id -g; echo \$HOME; echo x >'$OUT/f'"
    assert_status 0
    [ "$output" = "$(id -u nobody; id -g nobody; getent passwd nobody | cut -d: -f6)" ]
    [ "$(stat -c %u "$OUT/f")" = "$(id -u nobody)" ]
    assert_objects out/f
}

@test "user: numbers that /etc/passwd does not know" {
    as_root
    job --set run.user=12345:23456 -- sh -c 'id -u; id -g; id -G; echo $HOME'
    assert_status 0
    [ "$output" = "$(printf '12345\n23456\n23456\n/')" ]
    job --set run.user=12345 -- sh -c 'id -u; id -g'
    [ "$output" = "$(printf '12345\n0')" ]
}

@test "user: unknown names are refused before anything runs" {
    printf '[run]\nuser = nosuchuser\n' | ini
    assert_refused 'agent.ini:2: user "nosuchuser": no such user'
    printf '[run]\nuser = root:nosuchgroup\n' | ini
    assert_refused 'agent.ini:2: user "root:nosuchgroup": no such group'
}

@test "user: without root it is a clear error, for oneself it is fine" {
    as_nobody --set run.user=root -- true
    assert_status 125
    one_error 'only root can run the transform as another user, and we are uid 65534'
    as_nobody --set run.user=65534:65534 -- id -u
    assert_status 0
}

@test "an output that the transform left unreadable is named" {
    as_nobody -- sh -c "echo x >'$OUT/good'; echo y >'$OUT/bad'; chmod 0 '$OUT/bad'"
    assert_status 125
    one_error 'output/bad: Permission denied'
    assert_objects
    chmod 644 "$OUT/bad"
    as_nobody -- sh -c "mkdir '$OUT/dir'; chmod 0 '$OUT/dir'"
    assert_status 125
    one_error 'output/dir: Permission denied'
    assert_objects
}

@test "no_new_privs" {
    job --set run.no_new_privs=yes -- grep NoNewPrivs /proc/self/status
    assert_match "$output" '^NoNewPrivs:\s+1$'
    job -- grep NoNewPrivs /proc/self/status
    assert_match "$output" '^NoNewPrivs:\s+0$'
    assert_refused 'no_new_privs = "perhaps": expected yes or no' --set run.no_new_privs=perhaps
}

@test "environment: the request's map, then env.NAME, over what we were given" {
    sed -i 's/"AppSpecification"/"Environment": {"A": "json", "B": "json", "C": "json"}, &/' \
        "$ML/config/processingjobconfig.json"
    printf '[run]\nenv.B = ini\nenv.C = ini\nenv.E =\n' | ini
    A=given B=given D=given E=given PROCAGENT_RUN_ENV_C=variable job -- sh -c 'echo "$A $B $C $D ${E-unset}."'
    assert_status 0
    [ "$output" = "json ini variable given ." ]
    job --set run.env.C=option -- sh -c 'echo "$C"'
    [ "$output" = option ]
    assert_refused 'digit first' --set run.env.1X=y
}

@test "environment: the transform is told of its job, and not of our settings" {
    hosts algo-2 algo-1 algo-2
    PROCAGENT_JOB_TIME=2021-12-14T15:30:00Z job -- sh -c 'env | grep -E "^(PROCAGENT|SM)_" | sort'
    assert_status 0
    diff - <(echo "$output") <<TEXT
PROCAGENT_HOST=algo-2
PROCAGENT_HOSTS=algo-1,algo-2
PROCAGENT_JOB_NAME=test-job
PROCAGENT_JOB_TIME=2021-12-14T15:30:00.000Z
PROCAGENT_ML_ROOT=$ML
SM_CURRENT_HOST=algo-2
SM_HOSTS=["algo-1","algo-2"]
TEXT
}

@test "a training job's failure file: on failure only, and only there" {
    job -- false
    refute test -e "$ML/output/failure"
    mkdir -p "$ML/input/config"
    job -- true
    refute test -e "$ML/output/failure"
    job -- false
    cmp "$ML/output/message" "$ML/output/failure"
}

@test "inherited descriptors are the transform's and not kept by the agent" {
    exec 7<"$PROCAGENT"
    start_agent -- sh -c 'readlink /proc/self/fd/7; exec sleep 50'
    exec 7<&-
    until_true 10 test -s "$WORK/stdout"
    refute test -e "/proc/$AGENT/fd/7"
    kill "$AGENT"
    end_agent
    [ "$status" -eq 143 ]
    [ "$(cat "$WORK/stdout")" = "$(readlink -f "$PROCAGENT")" ]
}
