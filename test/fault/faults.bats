#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# One system call of the agent fails, or the agent is killed there, for every such call of a small complete
# job (contract: process.md C25 to C27). sweep.py says what must hold after each run.

setup() {
    TOP=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
    PROCAGENT=${PROCAGENT:-$TOP/build/procagent}
    [ -x "$PROCAGENT" ] || PROCAGENT=$TOP/$PROCAGENT
    command -v strace >/dev/null || skip "strace is not installed"
    strace -o /dev/null true 2>/dev/null || skip "strace may not trace here (ptrace is forbidden)"
}

sweep() {
    /usr/bin/python3 "$BATS_TEST_DIRNAME/sweep.py" --agent "$PROCAGENT" --work "$BATS_TEST_TMPDIR/w" "$@"
}

@test "fault: opening and creating files fails" {
    sweep fail openat=EACCES,ENOSPC
}

@test "fault: writing and copying fails" {
    sweep fail write=ENOSPC,EIO copy_file_range=ENOSPC,EIO,ENOSYS ioctl=EOPNOTSUPP,EIO
}

@test "fault: renaming and making folders fails" {
    sweep fail renameat=EIO,EACCES,ENOSPC,EXDEV renameat2=EIO,EACCES mkdirat=ENOSPC,EACCES
}

@test "fault: reading files and folders fails" {
    sweep fail read=EIO getdents64=EIO newfstatat=EIO,EACCES
}

@test "fault: syncing, closing, locking and removing fails" {
    sweep fail fsync=EIO,ENOSPC close=EIO,ENOSPC flock=ENOLCK,EAGAIN unlinkat=EIO,EACCES
}

@test "fault: publishing many files: renaming and the one sync fail" {
    sweep --many 20 --most 12 fail syncfs=EIO,ENOSPC renameat=EIO,EXDEV renameat2=ENOSPC
}

@test "kill: while files are made, written and copied; the next run completes and sweeps" {
    sweep kill openat write copy_file_range ioctl mkdirat
}

@test "kill: while files get their names and temporaries go; the next run completes and sweeps" {
    sweep kill renameat renameat2 unlinkat fsync flock close
}

@test "kill: while many files are published; the next run completes and sweeps" {
    sweep --many 20 --most 12 kill renameat renameat2 syncfs unlinkat
}

# Replacing: old data can be read until all new data is there, and a marker stands only beside complete data.

@test "fault: replacing a partition: every call fails; old data or new, and the marker tells which" {
    sweep --replace --most 20 fail openat=EACCES,ENOSPC renameat=EIO,ENOSPC unlinkat=EIO,EACCES,EIO+ \
        fsync=EIO mkdirat=ENOSPC getdents64=EIO newfstatat=EIO read=EIO copy_file_range=EIO write=ENOSPC
}

@test "kill: at every call of replacing a partition; old data or new, the next run completes and sweeps" {
    sweep --replace kill all
}

# An output that is laid out is at any time as the transform wrote it or complete; in place, where the steps
# between are seen, nothing is lost and a failure or the next run puts it right.

mounts() {
    unshare -Urm true 2>/dev/null || skip "unshare may not make user and mount namespaces here"
}

@test "fault: laying out: every call fails; originals or complete, now or in place" {
    sweep --rewrite --most 12 fail linkat=ENOSPC,EIO,EXDEV,EPERM,EACCES mkdirat=ENOSPC,EIO,EACCES \
        renameat2=ENOSPC,EIO,EACCES,EXDEV,EPERM,EINVAL unlinkat=EIO,EACCES openat=EACCES,ENOSPC \
        newfstatat=EIO getdents64=EIO flock=ENOLCK pwrite64=ENOSPC,EIO read=EIO fstat=EIO
}

@test "fault: laying out in place: every call fails; originals or complete" {
    mounts
    sweep --rewrite-in-place --most 12 fail renameat2=ENOSPC,EIO,EACCES,EXDEV,EPERM,EINVAL,EIO+ \
        renameat=EIO,EACCES mkdirat=ENOSPC,EIO,EACCES unlinkat=EIO,EACCES openat=EACCES,ENOSPC write=ENOSPC,EIO \
        newfstatat=EIO getdents64=EIO flock=ENOLCK
}

@test "kill: at every call of laying out; originals or complete, and the next run completes and sweeps" {
    sweep --rewrite kill all
}

@test "kill: at every call of laying out in place; nothing is lost, the next run completes and sweeps" {
    mounts
    sweep --rewrite-in-place kill all
}
