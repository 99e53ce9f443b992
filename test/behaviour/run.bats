#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2034,SC2154 # INPUTS, OUTPUTS, status, output, stderr: see common.bash
# Running the transform: what it gets, what of its end becomes ours, signals, and whom it leaves behind.
load common

# pid1 COMMAND...: `run` with the command as PID 1 of a new pid namespace; skips where that may not be.
pid1() {
    local how=(unshare --user --map-root-user --pid --fork --mount-proc)
    "${how[@]}" true 2>/dev/null || how=(unshare --pid --fork --mount-proc)
    "${how[@]}" true 2>/dev/null || skip "no pid namespace may be made here"
    capture "${how[@]}" "$@"
}

# ---- status ----

@test "exit status: the transform's own" {
    local n
    for n in 0 1 2 3 42 77 124 125 126 127 128 129 137 143 200 254 255; do
        job -- sh -c "exit $n"
        assert_status "$n"
        [ "$(value '["transform"]["status"]')" = "$n" ]
        [ "$(value '["status"]')" = "$n" ]
    done
}

@test "exit status: 128+n when the transform died of signal n" {
    local n
    ulimit -c 0
    for n in 1 2 3 6 9 11 13 14 15 34 64; do
        job -- perl -e "\$SIG{\$_} = 'DEFAULT' for qw(HUP INT QUIT); kill $n, \$\$; sleep 5"
        assert_status $((128 + n))
        [ "$(value '["transform"]["signal"]')" = "$n" ]
    done
    assert_message 'SIGRTMIN|64'
}

@test "exit status 127: command not found, with the name" {
    PATH=/usr/bin:/bin job -- no-such-command-anywhere
    assert_status 127
    one_error 'no-such-command-anywhere" is in no folder of PATH$'
    assert_message 'no-such-command-anywhere'
    job -- "$WORK/missing"
    assert_status 127
    one_error "$WORK/missing"
    job -- ./missing/deeper
    assert_status 127
    touch file
    job -- ./file/x
    assert_status 127
    job -- ''
    assert_status 127
    [ "$(value '["failed_stage"]')" = run ]
    [ "$(value '["error"]')" = exec ]
}

@test "exit status 127: the interpreter is missing" {
    printf '#!/no/such/interpreter\n' >script
    chmod +x script
    job -- ./script
    assert_status 127
    one_error '"./script".*interpreter'
}

@test "exit status 127: a PATH with a folder that may not be searched and no candidate" {
    mkdir locked
    touch locked/secret
    chmod 600 locked/secret
    PATH=$WORK/missing:$WORK/file:/usr/bin job -- no-such-command
    assert_status 127
}

@test "exit status 126: found, but cannot be run" {
    echo 'echo no magic' >plain
    job -- ./plain
    assert_status 126
    one_error '"./plain".*[Pp]ermission'
    chmod +x plain
    job -- ./plain
    assert_status 126
    one_error '"./plain".*not a program'
    job -- "$WORK"
    assert_status 126
    ln -s loop1 loop2
    ln -s loop2 loop1
    job -- ./loop1
    assert_status 126
    one_error '[Ss]ymbolic'
    mkdir bin
    cp plain bin/found-in-path
    PATH=$WORK/bin:/usr/bin job -- found-in-path
    assert_status 126
    one_error "$WORK/bin/found-in-path"
    assert_message "$WORK/bin/found-in-path"
}

@test "a transform that cannot be started publishes nothing" {
    simple_job
    mkdir -p "$OUT"
    echo stale >"$OUT/x"
    job -- ./missing
    assert_status 127
    assert_objects
    [ -f "$OUT/x" ]
}

@test "our own failure is 125, and never hides the transform's" {
    simple_job
    script transform <<<'mkdir -p "$OUT/a=1/sub"; echo x >"$OUT/a=1/sub/x"; exit "$1"'
    job -- "$WORK/transform" 0
    assert_status 125
    job -- "$WORK/transform" 3
    assert_status 3
    assert_message 'status 3'
    assert_objects
}

# ---- what the transform gets ----

@test "argv: blanks, newlines, empty words, dashes, any byte" {
    local odd
    odd=$(printf '\377\001x')
    # shellcheck disable=SC2016
    job -- perl -e 'print join("|", map { unpack("H*", $_) } @ARGV)' 'a b' '' $'new\nline' -- -x '*' "$odd" '$HOME' '"'
    assert_status 0
    [ "$output" = "612062||6e65770a6c696e65|2d2d|2d78|2a|ff0178|24484f4d45|22" ]
}

@test "environment: byte for byte, and PROCAGENT_ML_ROOT" {
    local odd
    odd=$(printf 'a\377\nb=c ')
    capture env -i ODD="$odd" EMPTY= PATH=/usr/bin:/bin DUP='x=y' \
        "$PROCAGENT" run --ml-root "$ML" -- sh -c 'env -0 | sort -z | tr "\0" "\1"'
    assert_status 0
    printf 'DUP=x=y\1EMPTY=\1ODD=%s\1PATH=/usr/bin:/bin\1PWD=%s\1' "$odd" "$PWD" >expected
    # what it is told of the job is run_options.bats's
    printf %s "$output" | tr '\1' '\0' | grep -azvE '^(PROCAGENT|SM)_' | tr '\0' '\1' | cmp - expected
    # nothing else is added
    in_sandbox env -i PATH=/usr/bin:/bin /opt/procagent run -- \
        perl -e 'print join(",", grep { !/^(PROCAGENT_(JOB_NAME|JOB_TIME|HOSTS?)|SM_HOSTS|SM_CURRENT_HOST)$/ } sort keys %ENV)'
    [ "$output" = PATH ]
    # also when we were given nothing at all
    in_sandbox env -i /opt/procagent run -- /usr/bin/perl -e 'print $ENV{SM_HOSTS}, exists $ENV{PATH} ? "!" : "."'
    [ "$output" = '["algo-1"].' ]
}

@test "working directory: the agent's own; also one that is gone, and one that only the transform holds busy" {
    mkdir -p 'a dir/b'
    cd 'a dir/b'
    job -- /bin/pwd
    [ "$output" = "$WORK/a dir/b" ]
    rmdir "$WORK/a dir/b"
    job -- perl -e 'print((stat("."))[3])'
    assert_status 0
    [ "$output" = 0 ]
    cd "$WORK"
    job -- sh -c 'readlink /proc/$PPID/cwd'
    [ "$output" = / ]
}

@test "a relative command starts at the working directory" {
    script transform <<<'echo here'
    job -- ./transform
    [ "$output" = here ]
}

@test "stdin, stdout and stderr are inherited, not relayed" {
    capture "$PROCAGENT" run -q --ml-root "$ML" -- \
        sh -c 'cat; echo err >&2; printf "no newline"' <<<'from stdin'
    [ "$output" = $'from stdin\nno newline' ]
    [ "$stderr" = err ]
    exec 7>file
    "$PROCAGENT" run -q --ml-root "$ML" -- sh -c 'o=$(readlink /proc/$$/fd/1); i=$(readlink /proc/$$/fd/0); printf "%s\n" "$o" "$i" >&2' \
        >"$WORK/out" <"$WORK/file" 2>"$WORK/err"
    [ "$(cat err)" = "$WORK/out"$'\n'"$WORK/file" ]
}

@test "file descriptors: the transform has those of the entry and none of ours" {
    exec 7>file
    # shellcheck disable=SC2217 # ls lists its stdin here
    ls -l /proc/self/fd >plain 2>err </dev/null 3>&-
    "$PROCAGENT" run -q --ml-root "$ML" -- ls -l /proc/self/fd >agents 2>err </dev/null 3>&-
    grep -q ' 7 -> ' agents
    diff <(sed -n 's/.* \([0-9]*\) -> .*/\1/p' plain) <(sed -n 's/.* \([0-9]*\) -> .*/\1/p' agents)
}

@test "signal mask and ignored signals are the entry's" {
    # shellcheck disable=SC2016
    job -- sh -c 'grep -E "^Sig(Blk|Ign|Cgt)" /proc/self/status'
    local plain=$output
    capture sh -c 'exec grep -E "^Sig(Blk|Ign|Cgt)" /proc/self/status'
    [ "$plain" = "$output" ]
    capture env --ignore-signal=PIPE,USR1 --block-signal=USR2 "$PROCAGENT" run --ml-root "$ML" -- grep -E '^Sig(Blk|Ign)' /proc/self/status
    assert_match "$output" 'SigIgn:.*1200$'
    assert_match "$output" 'SigBlk:.*800$'
}

@test "the transform leads a process group of its own" {
    # shellcheck disable=SC2016
    job -- sh -c 'ps -o pid=,pgid= -p $$ | { read -r p g; test "$p" = "$g" && echo leads; }'
    assert_status 0
    [ "$output" = leads ]
}

# ---- odd entries ----

@test "SIGCHLD ignored, or blocked, at entry: the status is right" {
    capture env --ignore-signal=CHLD "$PROCAGENT" run --ml-root "$ML" -- sh -c 'sleep 0; exit 9'
    assert_status 9
    capture env --block-signal=CHLD "$PROCAGENT" run --ml-root "$ML" -- sh -c 'sleep 0; exit 9'
    assert_status 9
    # and the transform can wait for its own children
    capture env --ignore-signal=CHLD "$PROCAGENT" run --ml-root "$ML" -- \
        perl -e '$p = fork; exit 5 unless $p; exit(waitpid($p, 0) == $p && $? >> 8 == 5 ? 0 : 1)'
    assert_status 0
}

@test "a child that the agent did not start is reaped and not mistaken for the transform" {
    capture sh -c 'sh -c "exit 55" & exec "$0" "$@"' "$PROCAGENT" run --ml-root "$ML" -- sh -c 'sleep 0.1; exit 9'
    assert_status 9
}

@test "stdin, stdout, stderr closed at entry: nothing of ours lands on them" {
    simple_job
    script transform <<<'echo data >"$OUT/x"; echo to stdout || true; echo to stderr >&2 || true'
    local status=0
    push_store
    timeout "$LIMIT" "$PROCAGENT" run --ml-root "$ML" -- "$WORK/transform" <&- >&- 2>&- 3>&- || status=$?
    pull_store
    assert_status 0
    assert_objects out/x
    [ "$(cat "$STORE/bucket/out/x")" = data ]
    message
    "$PYTHON" -m json.tool "$ML/output/report.json" >/dev/null
    local fd
    for fd in 0 1 2; do
        rm -rf "$ML/output" "$OUT"
        case $fd in
        0) timeout "$LIMIT" "$PROCAGENT" run -q --ml-root "$ML" -- true <&- ;;
        1) timeout "$LIMIT" "$PROCAGENT" run -q --ml-root "$ML" -- true >&- ;;
        2) timeout "$LIMIT" "$PROCAGENT" run -q --ml-root "$ML" -- true 2>&- ;;
        esac
        message
    done
}

@test "as PID 1: status, signals' deaths, orphans, and its own output" {
    simple_job
    script transform <<'SH'
echo $PPID
for i in 1 2 3 4 5 6 7 8 9 10; do (setsid sh -c 'sleep 0.01' &); done
echo x >"$OUT/x"
SH
    pid1 "$PROCAGENT" run --ml-root "$ML" -- "$WORK/transform"
    assert_status 0
    [ "$output" = 1 ]
    assert_objects out/x
    pid1 "$PROCAGENT" run --ml-root "$ML" -- sh -c 'exit 42'
    assert_status 42
    pid1 "$PROCAGENT" run --ml-root "$ML" -- sh -c 'kill -TERM $$'
    assert_status 143
    pid1 "$PROCAGENT" run --ml-root "$ML" -- ./missing
    assert_status 127
}

@test "as PID 1: TERM and INT stop the job" {
    local how=(unshare --user --map-root-user --pid --fork --mount-proc --kill-child) sig want inner
    "${how[@]}" true 2>/dev/null || how=(unshare --pid --fork --mount-proc --kill-child)
    "${how[@]}" true 2>/dev/null || skip "no pid namespace may be made here"
    for sig in TERM INT; do
        rm -f ready
        env --default-signal "${how[@]}" "$PROCAGENT" run --ml-root "$ML" -- sh -c "touch '$WORK/ready'; exec sleep 60" 2>stderr 3>&- &
        AGENT=$!
        until_true 10 test -e ready
        inner=$(pgrep -P "$AGENT")
        kill "-$sig" "$inner"
        cp stderr stdout
        end_agent
        want=$((128 + $(kill -l $sig)))
        assert_status "$want"
    done
}

# ---- signals ----

# sleeper: a transform that says READY, and has a child in its group that does too.
sleeper() {
    script sleeper <<'SH'
sh -c 'trap "echo child >>\"$0/got\"; exit 0" TERM INT; : >"$0/child"; while :; do sleep 0.05; done' "$WORK" &
trap 'echo parent >>"$WORK/got"; wait; exit 33' TERM INT
: >"$WORK/parent"
while :; do sleep 0.05; done
SH
}

@test "TERM reaches the transform's whole group; its own status is ours" {
    sleeper
    simple_job
    start_agent -- "$WORK/sleeper"
    until_true 10 test -e parent -a -e child
    kill -TERM "$AGENT"
    end_agent
    assert_status 33
    [ "$(sort got)" = $'child\nparent' ]
    assert_message 'status 33 after a stop request'
    assert_objects
}

@test "INT reaches the transform: 130" {
    start_agent -- sh -c "touch '$WORK/ready'; exec sleep 60"
    until_true 10 test -e ready
    kill -INT "$AGENT"
    end_agent
    assert_status 130
    assert_message 'SIGINT after a stop request'
}

@test "HUP and QUIT stop too, USR1 and USR2 are passed on" {
    ulimit -c 0
    local sig
    for sig in HUP QUIT USR1 USR2; do
        rm -f ready
        start_agent -- perl -e '$SIG{$_} = "DEFAULT" for qw(HUP QUIT); open(F, ">", "ready"); close(F); sleep 60'
        until_true 10 test -e ready
        kill "-$sig" "$AGENT"
        end_agent
        assert_status $((128 + $(kill -l $sig)))
    done
}

@test "TERM at the first instants: never lost" {
    local i
    for i in 0 0 0 0.001 0.001 0.002 0.003 0.005 0.008 0.013; do
        start_agent -- sleep 60
        # the agent's own first instruction, then a moment more: the one wait here that is the case itself
        until [[ /proc/$AGENT/exe -ef $PROCAGENT ]] || gone "$AGENT"; do :; done
        sleep $i
        kill -TERM "$AGENT"
        end_agent
        assert_status 143
    done
}

@test "TERM that the transform obeys with 0 publishes nothing" {
    simple_job
    script transform <<'SH'
trap 'echo late >"$OUT/late"; exit 0' TERM
echo early >"$OUT/early"; : >"$WORK/ready"
while :; do sleep 0.05; done
SH
    start_agent -- "$WORK/transform"
    until_true 10 test -e ready
    kill -TERM "$AGENT"
    end_agent
    assert_status 143
    assert_objects
    [ -f "$OUT/late" ]
    assert_message 'stopped by SIGTERM'
}

@test "a transform that ignores INT gets TERM at half the grace, KILL at its end" {
    start_agent --set run.grace=600ms -- sh -c "trap '' INT; touch '$WORK/ready'; exec sleep 60"
    until_true 10 test -e ready
    kill -INT "$AGENT"
    end_agent
    assert_status 143
    rm ready
    local began=$SECONDS
    start_agent --set run.grace=600ms -- sh -c "trap '' INT TERM; touch '$WORK/ready'; while :; do sleep 0.1; done"
    until_true 10 test -e ready
    kill -INT "$AGENT"
    end_agent
    assert_status 137
    [ $((SECONDS - began)) -le 5 ]
}

@test "a stopped transform is continued so that it can obey" {
    start_agent -- sh -c "touch '$WORK/ready'; kill -STOP \$\$; sleep 60"
    until_true 10 test -e ready
    until_true 10 sh -c "ps -o stat= --ppid $AGENT | grep -q T"
    kill -TERM "$AGENT"
    end_agent
    assert_status 143
}

@test "the grace is no delay: a transform that obeys at once ends the job at once" {
    start_agent --set run.grace=30s -- sh -c "touch '$WORK/ready'; exec sleep 60"
    until_true 10 test -e ready
    local began=$SECONDS
    kill -TERM "$AGENT"
    end_agent
    assert_status 143
    [ $((SECONDS - began)) -le 3 ]
}

# ---- TERM outside the transform ----

@test "TERM during staging: nothing of ours left half, the transform never started, 143" {
    use_store
    mkdir "$STORE/bucket/data"
    local i
    for i in {1..40}; do head -c 8000000 /dev/zero >"$STORE/bucket/data/$i"; done
    input in input s3://bucket/data/
    start_agent -- touch "$WORK/started"
    until_true 10 test -e "$ML/processing/input"
    kill -TERM "$AGENT"
    end_agent
    # 40 copies of 8 MB take longer than a signal; a machine where they do not has nothing to show.
    if [ "$status" -eq 0 ]; then skip "staging was faster than the signal"; fi
    assert_status 143
    refute test -e started
    assert_clean
    find "$ML/processing/input" -type f ! -size 8000000c | grep . && return 1
    assert_message '^(stage|run): .*stopped by SIGTERM'
}

@test "TERM during publishing: all or nothing, no temporaries" {
    folder_only "temporaries in the store"
    simple_job
    script transform <<'SH'
i=0
while [ $i -lt 40 ]; do head -c 8000000 /dev/zero >"$OUT/$i"; i=$((i + 1)); done
SH
    start_agent -- "$WORK/transform"
    until_true 30 sh -c "ls -A '$STORE' | grep -q procagent"
    kill -TERM "$AGENT"
    end_agent
    assert_clean
    if [ "$status" -eq 0 ]; then
        [ "$(objects | wc -l)" -eq 40 ]
        skip "publishing was faster than the signal"
    fi
    assert_status 143
    assert_objects
    [ "$(find "$OUT" -type f | wc -l)" -eq 40 ]
    assert_message '^publish: .*stopped by SIGTERM'
}

# ---- whom it leaves behind ----

@test "orphans are reaped while the transform runs: no zombies" {
    script transform <<'SH'
i=0
while [ $i -lt 50 ]; do (sh -c 'exit 0' & ) ; i=$((i + 1)); done
: >"$WORK/ready"
while [ ! -e "$WORK/go" ]; do sleep 0.05; done
exit 4
SH
    start_agent -- "$WORK/transform"
    until_true 20 test -e ready
    until_true 10 sh -c "! ps -o stat= --ppid $AGENT | grep -q Z"
    touch go
    end_agent
    assert_status 4
}

@test "leftovers are ended before the outputs are touched: group member, daemon, one that ignores TERM" {
    simple_job
    script writer <<'SH'
if [ "$1" = deaf ]; then trap '' TERM; fi
: >"$WORK/up-$1"
while :; do echo "$1" >>"$OUT/$1"; sleep 0.01; done
SH
    script transform <<'SH'
"$WORK/writer" member &
setsid "$WORK/writer" daemon >/dev/null 2>&1 &
(setsid "$WORK/writer" deaf >/dev/null 2>&1 &)
until [ -e "$WORK/up-member" ] && [ -e "$WORK/up-daemon" ] && [ -e "$WORK/up-deaf" ] && [ -s "$OUT/deaf" ]; do sleep 0.02; done
SH
    job --set run.drain=300ms --set 'output.out.layout=d=1' -- "$WORK/transform"
    assert_status 0
    assert_objects out/d=1/member out/d=1/daemon out/d=1/deaf
    # what was published is what is there, and nobody adds to it
    diff -r "$OUT" "$STORE/bucket/out"
    refute pgrep -f "$WORK/writer"
    [ "$(value '["transform"]["leftovers"]')" -ge 3 ]
}

@test "a leftover that holds stdout open does not keep the agent" {
    local began=$SECONDS
    job --set run.drain=300ms -- sh -c 'trap "" TERM; sleep 50 & exit 6'
    assert_status 6
    [ $((SECONDS - began)) -le 10 ]
}

@test "leftovers that obey are not waited for longer than they take" {
    local began=$SECONDS
    job --set run.drain=30s -- sh -c 'setsid sleep 50 & exit 0'
    assert_status 0
    [ "$(value '["transform"]["leftovers"]')" = 1 ]
    [ $((SECONDS - began)) -le 5 ]
}

# ---- folders and the message ----

@test "output folders are made before the transform runs" {
    output one output/deep/one s3://bucket/one
    output two two s3://bucket/two
    job -- find "$ML/processing" -type d -printf '%P\n'
    assert_status 0
    [ "$(sort <<<"$output")" = $'\noutput\noutput/deep\noutput/deep/one\ntwo' ]
}

@test "files in an output folder from before are a warning" {
    simple_job
    mkdir -p "$OUT"
    echo stale >"$OUT/stale"
    job -- true
    assert_status 0
    assert_match "$stderr" 'warning: .*1 file from before'
    assert_objects out/stale
}

@test "message: one line of UTF-8, at most 1,024 bytes, whatever the names" {
    local garbage long
    garbage=$(printf '\377\376\200x\001\033[31m')
    job -- "./$garbage"
    assert_status 127
    assert_message 'cannot run'
    refute grep -aq "[[:cntrl:]]" "$ML/output/message"
    # two keys of three-byte characters do not fit: cut between characters, whatever the offset
    local pad
    use_store
    long=$(printf '東%.0s' {1..80})
    for pad in '' x xx; do
        rm -rf "$STORE/bucket"
        object "a/p$pad/$long/$long/$long/x"
        object "b/p$pad/$long/$long/$long/x"
        INPUTS=()
        input a input "s3://bucket/a/p$pad/"
        input b input "s3://bucket/b/p$pad/"
        job -- true
        assert_status 125
        message
        [ "$(stat -c %s "$ML/output/message")" -ge 1000 ]
    done
    INPUTS=()
    write_config
    job -- sh -c 'exit 3'
    assert_message 'status 3'
}

@test "message: several hosts put their name in front" {
    hosts algo-2 algo-1 algo-2
    job -- sh -c 'exit 3'
    assert_message '^algo-2: run: .*status 3'
}

@test "message: the last run's is replaced, not appended to" {
    mkdir -p "$ML/output"
    printf '%02000d' 0 >"$ML/output/message"
    job -- true
    assert_message '^completed'
}

@test "message and report cannot be written: a warning, the status stays" {
    mkdir -p "$ML"
    echo file >"$ML/output"
    job -- sh -c 'exit 5'
    assert_status 5
    assert_match "$stderr" 'warning: .*output'
}

@test "no /opt/ml and none can be made: no warning, the command just runs" {
    capture "$PROCAGENT" run --ml-root /proc/nothing -- sh -c 'exit 5'
    assert_status 5
    refute grep -q warning <<<"$stderr"
}
