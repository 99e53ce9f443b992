#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Fault sweep: every system call that procagent makes between its start and the exec of the command,
# by parent and child, fails once (strace --inject). Each run must end, with a documented status, with
# a message when it is not 0, and leave no process behind. Prints TAP, a line for each call's name.
# Usage: sweep.sh [PROCAGENT [HELPER]]
set -uo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
agent=$(realpath "${1:-$top/build/procagent}")
helper=$(realpath "${2:-$top/build/test/pid1/helper}")
limit=30 # seconds until a run counts as hung
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# What a call that fails would say. Others: EPERM.
declare -A errno_of=(
    [brk]=ENOMEM [mmap]=ENOMEM [mprotect]=ENOMEM [munmap]=EINVAL [mremap]=ENOMEM [madvise]=EINVAL
    [open]=EMFILE [openat]=EMFILE [pipe]=EMFILE [pipe2]=EMFILE [signalfd4]=EMFILE [timerfd_create]=EMFILE
    [memfd_create]=EMFILE [dup]=EMFILE [dup2]=EBUSY [dup3]=EBUSY [socketpair]=EMFILE
    [clone]=EAGAIN [clone3]=EAGAIN [fork]=EAGAIN [vfork]=EAGAIN [execve]=ENOMEM [execveat]=ENOMEM
    [read]=EIO [pread64]=EIO [write]=EIO [close_range]=ENOSYS [fcntl]=EBADF [lseek]=ESPIPE
    [getdents64]=EIO [getcwd]=ENOENT [chdir]=EACCES [fchdir]=EACCES [newfstatat]=EACCES [fstat]=EIO
    [stat]=EACCES [statx]=EACCES [access]=EACCES [faccessat]=EACCES [readlink]=EACCES
    [readlinkat]=EACCES [mkdirat]=ENOSPC [mkdir]=ENOSPC [ioctl]=ENOTTY [poll]=ENOMEM [ppoll]=ENOMEM
    [getrandom]=ENOSYS [prlimit64]=EPERM [rt_sigaction]=EINVAL [rt_sigprocmask]=EINVAL
    [setgroups]=EPERM [setuid]=EAGAIN [setgid]=EPERM [prctl]=EINVAL [wait4]=ECHILD
)
# They cannot fail, so nobody looks at their result; and close: Linux closes even when it says EIO, while
# a call that strace lets fail is not made at all.
cannot_fail=" close getpid getppid gettid getuid geteuid getgid getegid getpgrp umask exit exit_group alarm "

# A first candidate of PATH that is not there, so that the command's exec is not the child's first.
mkdir -p "$work/none" "$work/bin" "$work/cwd"
ln -s "$helper" "$work/bin/true"
cd "$work/cwd" || exit 1

# run [STRACE OPTION]...: one run; trace, stderr and the status are left in $work.
run() {
    rm -rf "$work/ml"
    mkdir -p "$work/ml/output"
    env -i PATH="$work/none:$work/bin" LC_ALL=C.UTF-8 /usr/bin/timeout -k 1 "$limit" "$strace" -f -q \
        -o "$work/trace" "$@" "$agent" run --ml-root "$work/ml" -- true \
        </dev/null >"$work/out" 2>"$work/err"
    status=$?
}

# From a run without failure: "NAME FIRST LAST", the occurrences to fail, counted in each process. In
# the parent what is before main (its first rt_sigprocmask) is the libc's; both end at the exec. The
# parent's read of the pipe, which comes back with the exec, is still ours.
calls() {
    awk '
        { sub(/^ *[0-9]+ +/, "& "); pid = $1; call = $2 }
        NR == 1 { parent = pid }
        call ~ /^(\+\+\+|---|<\.\.\.)/ { next }
        { name = call; sub(/\(.*/, "", name) }
        pid != parent && !(pid in gone) { n[pid, name]++; child[name] = n[pid, name] }
        pid != parent && name == "execve" && $0 ~ /bin\/true/ { gone[pid] = 1 }
        pid == parent && name == "rt_sigprocmask" { main = 1 }
        pid == parent && (name == "poll" || name == "ppoll") && forked { over = 1 }
        pid == parent && (name ~ /^(clone|clone3|fork|vfork)$/) { forked = 1 }
        pid == parent && !over {
            n[pid, name]++
            if (main) { if (!(name in first)) first[name] = n[pid, name]; last[name] = n[pid, name] }
        }
        END {
            for (name in child) {
                if (!(name in first)) { first[name] = 1; last[name] = child[name] }
                if (first[name] > 1 && child[name] >= 1) first[name] = 1
                if (child[name] > last[name]) last[name] = child[name]
            }
            for (name in first) print name, first[name], last[name]
        }' "$work/trace" | sort
}

documented() {
    case $1 in
    0 | 125 | 126 | 127) return 0 ;;
    *) (($1 > 128 && $1 <= 192)) ;;
    esac
}

# Why the run that just ended is not acceptable; nothing when it is.
verdict() {
    local agent_pid
    agent_pid=$(awk 'NR == 1 { print $1 }' "$work/trace")
    if ((status == 124 || status == 137)); then
        echo "hangs"
    elif grep -q "^$agent_pid .*+++ killed by" "$work/trace"; then
        echo "procagent was killed: $(grep "^$agent_pid .*+++ killed" "$work/trace")"
    elif ! documented "$status"; then
        echo "status $status"
    elif ((status == 0)) && ! grep -qE 'bin/true".*= 0|execve resumed.*= 0' "$work/trace"; then
        echo "status 0, and the command did not run"
    elif ((status != 0)) && [[ ! -s $work/err && ! -s $work/ml/output/message ]]; then
        echo "status $status without a word"
    elif [[ $(awk '/\+\+\+ (exited|killed)/ { pid = $1 } END { print pid }' "$work/trace") != "$agent_pid" ]]; then
        echo "a process outlives procagent, or is its zombie"
    fi
}

sweep_call() {
    local name=$1 first=$2 last=$3 error=${errno_of[$1]:-EPERM} n why statuses="" bad=""
    [[ $name == execve ]] && first=2 # the first is how procagent itself starts
    for ((n = first; n <= last; n++)); do
        run -e "inject=$name:error=$error:when=$n"
        statuses+="$status "
        why=$(verdict)
        [[ -z $why ]] || bad+="# $name, call $n, $error: $why"$'\n'
    done
    statuses=$(tr ' ' '\n' <<<"$statuses" | grep . | sort -n | uniq -c |
        awk '{ printf "%s%s x%s", sep, $2, $1; sep = ", " }')
    count=$((count + 1))
    if [[ -z $bad ]]; then
        echo "ok $count - sweep $name: $((last - first + 1)) failures with $error: status $statuses"
    else
        echo "not ok $count - sweep $name: $((last - first + 1)) failures with $error: status $statuses"
        head -n 12 <<<"${bad%$'\n'}"
    fi
}

count=0
strace=$(command -v strace)
if [[ -z $strace ]]; then
    echo "ok 1 - sweep # skip no strace"
    exit 0
fi
run
if ((status != 0)); then
    if ! env -i "$strace" -o /dev/null "$helper" exit 0; then
        echo "ok 1 - sweep # skip strace may not trace here"
        exit 0
    fi
    echo "not ok 1 - sweep: without any failure the status is $status"
    sed 's/^/# /' "$work/err"
    exit 1
fi
calls >"$work/calls"
while read -r name first last; do
    [[ $cannot_fail == *" $name "* ]] || sweep_call "$name" "$first" "$last"
done <"$work/calls"
echo "1..$count"
