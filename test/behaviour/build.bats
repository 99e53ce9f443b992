#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2034,SC2154 # INPUTS, OUTPUTS, status, output, stderr: see common.bash
# The binary itself: one static file that needs nothing else.
load common

setup_more() {
    if readelf -d "$PROCAGENT" 2>/dev/null | grep -qE 'NEEDED.*lib(asan|ubsan)'; then
        skip "a sanitizer build is dynamic by nature"
    fi
}

@test "static: no NEEDED, no INTERP" {
    readelf -h "$PROCAGENT" | grep -q 'ELF64'
    refute grep -q NEEDED < <(readelf -dW "$PROCAGENT")
    refute grep -q INTERP < <(readelf -lW "$PROCAGENT")
    file -L "$PROCAGENT" | grep -qE 'static(-pie|ally) linked'
}

@test "x86-64" {
    readelf -h "$PROCAGENT" | grep -qE 'Machine: .*X86-64'
}

@test "stripped" {
    file -L "$PROCAGENT" | grep -q ', stripped'
    refute grep -qE '\.(symtab|debug_info)' < <(readelf -SW "$PROCAGENT")
}

@test "hardened: position-independent, read-only relocations, stack not executable" {
    readelf -h "$PROCAGENT" | grep -qE 'Type: +DYN'
    readelf -lW "$PROCAGENT" | grep -q GNU_RELRO
    readelf -lW "$PROCAGENT" | grep -E 'GNU_STACK' | grep -qE ' RW '
    refute grep -qE 'GNU_STACK.* RWE' < <(readelf -lW "$PROCAGENT")
}

@test "runs where there is nothing but itself" {
    bwrap --dev-bind / / --proc /proc true 2>/dev/null || skip "bubblewrap may not make namespaces here"
    capture bwrap --ro-bind "$PROCAGENT" /procagent --unshare-all --clearenv /procagent version
    assert_status 0
    assert_match "$output" '^procagent [0-9]+\.[0-9]+'
    capture bwrap --ro-bind "$PROCAGENT" /procagent --unshare-all --clearenv /procagent check \
        --set job.timezone=Asia/Tokyo --set job.time=2021-12-14T15:30:00Z -- true
    assert_status 0
    assert_match "$output" '2021-12-15 00:30:00 JST'
    # the whole job, the agent being its own transform: no /proc, no /dev, no /tmp, no PATH
    simple_job
    object in/x
    input in input s3://bucket/in/
    capture bwrap --ro-bind "$PROCAGENT" /procagent --bind "$ML" /opt/ml --bind "$STORE" /store --unshare-all \
        --clearenv --setenv PROCAGENT_STORE_KIND folder --setenv PROCAGENT_STORE_ROOT /store \
        /procagent run -- /procagent version
    assert_status 0
    [ -f "$ML/processing/input/x" ]
    assert_message '^completed'
    capture bwrap --ro-bind "$PROCAGENT" /procagent --unshare-all --clearenv /procagent run -- no-such
    assert_status 127
}

@test "version" {
    local word
    for word in version --version; do
        agent $word
        assert_status 0
        assert_match "$output" '^procagent [0-9]+\.[0-9]+\.[0-9]+$'
        [ -z "$stderr" ]
    done
}

@test "help names every command and option" {
    local word
    for word in help --help -h 'run --help' 'check -h'; do
        # shellcheck disable=SC2086 # words
        agent $word
        assert_status 0
        [ -z "$stderr" ]
        for option in 'procagent run' 'procagent check' 'procagent partition' 'procagent version' --config \
            --ml-root --set --verbose --quiet --layout --match --output --dry-run --json; do
            grep -qF -e "$option" <<<"$output"
        done
    done
}
