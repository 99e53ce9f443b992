#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Static checks as TAP: one line per check, what is wrong in "# " lines. Usage: lint.sh [CHECK]...
# Checks: style headers gcc clang tidy cppcheck shell. Without one: all. Results go to build/lint-*;
# clang-tidy looks again only at files that changed.
# shellcheck disable=SC2317 # the checks are called by name, at the end
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
work=build/lint
mkdir -p "$work"
failed=0

# A variable of the Makefile, as words for the compiler.
# shellcheck disable=SC2016 # $(...) and $* are for make
make_words() { printf 'print-%%: ; @echo $(%s)\n' '$*' | make -s -f Makefile -f - "print-$1"; }
read -ra cpp <<<"$(make_words CPPFLAGS_ALL)"
read -ra warn <<<"$(make_words WARN)"
version=$(make_words VERSION)
cpp+=("-UPROCAGENT_VERSION" "-DPROCAGENT_VERSION=\"$version\"") # echo ate its quotes
mapfile -t sources < <(find agent -name '*.c' | sort)
mapfile -t others < <(find test scripts -name '*.c' | sort)
mapfile -t headers < <(find agent -name '*.h' | sort)

# report NAME STATUS: the TAP line, with $work/out as its details when STATUS is not 0.
report() {
    if (($2 == 0)); then
        echo "ok $1"
    else
        echo "not ok $1"
        head -n 60 "$work/out" | sed 's/^/# /'
        failed=1
    fi
}

# have TOOL CHECK: says so when a tool is missing.
have() {
    command -v "$1" >/dev/null && return
    echo "ok $2 # SKIP $1 is not installed"
    return 1
}

check_style() { /usr/bin/python3 scripts/style.py || failed=1; }

check_headers() {
    local header rc=0
    : >"$work/out"
    for header in "${headers[@]}"; do
        gcc "${cpp[@]}" "${warn[@]}" -Werror -fsyntax-only -x c -include "$header" /dev/null \
            2>>"$work/out" || rc=1
    done
    report "every header compiles alone (${#headers[@]})" "$rc"
}

# The whole build, optimised, so that the warnings that need data flow come too.
check_gcc() {
    make -s -k CC=gcc CI=1 B=build/lint-gcc build/lint-gcc/libprocagent.a \
        build/lint-gcc/obj/agent/main.o >"$work/out" 2>&1
    report "gcc builds without a warning" $?
    gcc "${cpp[@]}" "${warn[@]}" -Werror -fsyntax-only "${others[@]}" >"$work/out" 2>&1
    report "gcc has no warning on tests and generators (${#others[@]})" $?
}

check_clang() {
    have clang "clang" || return
    printf '%s\0' "${sources[@]}" "${others[@]}" |
        xargs -0 -P2 -n8 clang "${cpp[@]}" "${warn[@]}" -Werror -fsyntax-only >"$work/out" 2>&1
    report "clang has no warning (${#sources[@]} and ${#others[@]} files)" $?
}

# tidy_one FILE: leaves a mark when FILE is clean; nothing to do while the mark is newer than all it read.
tidy_one() {
    local mark=$work/tidy/${1//\//_}.ok
    local reads=(-name '*.h' -o -path "$1" -o -name .clang-tidy)
    if [[ -e $mark && -z $(find agent .clang-tidy \( "${reads[@]}" \) -newer "$mark" -print -quit) ]]; then
        return
    fi
    rm -f "$mark"
    clang-tidy --quiet "$1" -- "${@:2}" 2>/dev/null && touch "$mark"
}

check_tidy() {
    have clang-tidy "clang-tidy" || return
    mkdir -p "$work/tidy"
    export -f tidy_one
    export work
    printf '%s\0' "${sources[@]}" |
        xargs -0 -P2 -I{} bash -c 'tidy_one "$@"' _ {} "${cpp[@]}" >"$work/out" 2>&1
    report "clang-tidy: $(clang-tidy --version | sed -n 's/.*version \([0-9]*\).*/\1/p'), see .clang-tidy" $?
}

# missingInclude: it does not look into the system's headers, and need not.
check_cppcheck() {
    have cppcheck "cppcheck" || return
    cppcheck -j2 --std=c11 --platform=unix64 --enable=warning,performance,portability --inline-suppr \
        --error-exitcode=1 --quiet --suppress=missingIncludeSystem "${cpp[@]:1}" agent >"$work/out" 2>&1
    report "cppcheck" $?
}

# Bats files: warnings only (scripts for a transform are in single quotes, a test is a subshell);
# SC1091 load finds its file at run time, SC2154 run --separate-stderr sets $stderr.
check_shell() {
    have shellcheck "shellcheck" || return
    mapfile -t scripts < <(git ls-files -co --exclude-standard -- '*.sh' .ci/run | sort)
    mapfile -t bats < <(git ls-files -co --exclude-standard -- '*.bats' '*.bash' | sort)
    shellcheck "${scripts[@]}" >"$work/out" 2>&1
    report "shellcheck on scripts (${#scripts[@]})" $?
    ((${#bats[@]} > 0)) || return 0
    shellcheck -s bats -S warning -e SC1091,SC2154 "${bats[@]}" >"$work/out" 2>&1
    report "shellcheck on bats files (${#bats[@]})" $?
}

(($# > 0)) || set -- style headers gcc clang tidy cppcheck shell
for check in "$@"; do
    "check_$check"
done
exit "$failed"
