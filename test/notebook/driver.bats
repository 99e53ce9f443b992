#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The notebook driver by itself, with both engines. papermill is the real one where a python3 has it, else
# a stand-in (test/notebook/papermill); the names of the tests say which.
# shellcheck disable=SC2030,SC2031 # each test has a shell of its own, and what it exports is for that test
bats_require_minimum_version 1.5.0

TOP=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
PYTHON=/usr/bin/python3 # the distribution's, where nbclient is
PARTS=("$TOP"/agent/notebook/driver/{base,nbclient,papermill,main}.py)

papermill_python() {
    local p
    for p in /usr/bin/python3 python3 /opt/conda/bin/python3; do
        "$p" -c 'import papermill, ipykernel' 2>/dev/null && echo "$p" && return
    done
    return 1
}

if PAPERMILL_PYTHON=$(papermill_python); then
    PAPERMILL="papermill $("$PAPERMILL_PYTHON" -c 'import papermill; print(papermill.__version__)')"
    STAND_IN=
else
    # shellcheck disable=SC2034 # in the names of tests
    PAPERMILL="papermill: the test double"
    PAPERMILL_PYTHON=$PYTHON STAND_IN=$TOP/test/notebook
fi

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    export PYTHONDONTWRITEBYTECODE=1
    if [ -n "$STAND_IN" ]; then export PYTHONPATH=$STAND_IN; fi
}

notebook() {
    "$PYTHON" "$TOP/test/notebook/make.py" "$@"
}

# start_driver ENGINE OPTION...: in the background, in a group of its own; its pid in DRIVER.
start_driver() {
    local python=$PYTHON
    if [ "$1" = papermill ]; then python=$PAPERMILL_PYTHON; fi
    setsid "$python" -c "$(cat "${PARTS[@]}")" --engine "$1" --result result.json "${@:2}" </dev/null \
        >stdout 2>stderr 3>&- &
    DRIVER=$!
}

# until_true SECONDS COMMAND...
until_true() {
    local n=$(($1 * 20))
    shift
    until "$@" >/dev/null 2>&1; do
        n=$((n - 1))
        [ "$n" -gt 0 ] || return 1
        sleep 0.05
    done
}

now_ms() {
    date +%s%3N
}

# stop_it ENGINE CELL MAX_MS WHO SIGNAL: signals when the cell has said "ready"; the end must come in time,
# with 130, all that was said, no cell after it, and no kernel. WHO is "-" for the whole group.
stop_it() {
    local begin rc=0
    rm -f stdout stderr result.json out.ipynb
    notebook in.ipynb "$2" "print('not reached')"
    start_driver "$1" in.ipynb out.ipynb
    until_true 30 grep -q ready stdout
    begin=$(now_ms)
    kill "-$5" -- "$4$DRIVER"
    wait "$DRIVER" || rc=$?
    echo "$1 $5 $4: status $rc after $(($(now_ms) - begin)) ms"
    cat stderr result.json
    [ "$rc" -eq 130 ]
    [ $(($(now_ms) - begin)) -lt "$3" ]
    grep -q '"outcome": "interrupted"' result.json
    grep -q "stopped by SIG$5 (cell 1, In \[1\])" result.json
    grep -q 'ready\\n' out.ipynb
    [ "$(cat stdout)" = ready ] || [ "$2" = "$STUBBORN" ]
    [ "$(grep -c 'not reached\\n' out.ipynb)" -eq 0 ]
    until_true 3 no_kernel_in_here
}

# Kernels have our temporary folder as working directory.
no_kernel_in_here() {
    local p
    for p in /proc/[0-9]*; do
        if [ "$(readlink "$p/cwd")" = "$PWD" ] && grep -aq ipykernel "$p/cmdline" 2>/dev/null; then return 1; fi
    done
}

# What a test leaves when it kills the driver, or fails.
teardown() {
    local p
    for p in /proc/[0-9]*; do
        if [ "$(readlink "$p/cwd")" = "$BATS_TEST_TMPDIR" ] && grep -aq ipykernel "$p/cmdline" 2>/dev/null; then
            kill -KILL "${p#/proc/}" || true
        fi
    done
}

SLEEPS=$'import time\nprint("ready", flush=True)\ntime.sleep(60)'
STUBBORN=$'import time\nprint("ready", flush=True)\nwhile True:\n    try:\n        time.sleep(60)
    except KeyboardInterrupt:\n        print("no", flush=True)'

@test "probe: what an interpreter has, without importing it" {
    run -0 --separate-stderr "$PYTHON" -c "$(cat "${PARTS[@]}")" --probe
    echo "$output"
    [[ $output == '{"papermill": '* && $output == *'"nbclient": true'* && $output == *'"prefix": "/usr"'* ]]
    run -0 "$PYTHON" -X importtime -c "$(cat "${PARTS[@]}")" --probe
    [[ $output != *nbformat.* && $output != *asyncio* ]]
}

@test "nbclient: notebooks and what comes of them" {
    "$PYTHON" "$TOP/test/notebook/cases.py" nbclient "$PYTHON" "$PWD/cases"
}

@test "$PAPERMILL: notebooks and what comes of them" {
    "$PYTHON" "$TOP/test/notebook/cases.py" papermill "$PAPERMILL_PYTHON" "$PWD/cases"
}

@test "$PAPERMILL: it does what was measured" {
    "$PYTHON" "$TOP/test/notebook/table.py" "$PAPERMILL_PYTHON" "$PWD"
}

@test "nbclient: INT and TERM interrupt the cell and save" {
    stop_it nbclient "$SLEEPS" 3000 "" INT
    stop_it nbclient "$SLEEPS" 3000 "" TERM
    grep -q '"ename": "KeyboardInterrupt"' out.ipynb
}

@test "$PAPERMILL: INT and TERM interrupt the cell and save, also when all of the group gets them" {
    stop_it papermill "$SLEEPS" 4000 "" INT
    stop_it papermill "$SLEEPS" 4000 "" TERM
    stop_it papermill "$SLEEPS" 4000 - TERM
}

@test "nbclient: a cell that swallows interrupts is saved, and its kernel ended" {
    stop_it nbclient "$STUBBORN" 9000 "" TERM
}

@test "$PAPERMILL: a cell that swallows interrupts is saved, and its kernel ended" {
    stop_it papermill "$STUBBORN" 9000 "" TERM
}

@test "nbclient: a kill loses no more than the last seconds" {
    notebook in.ipynb 'print("first")' "$SLEEPS"
    start_driver nbclient --save-every 0.2 in.ipynb out.ipynb
    until_true 30 grep -q 'ready\\n' out.ipynb
    kill -KILL "$DRIVER"
    grep -q 'first\\n' out.ipynb
    "$PYTHON" -m json.tool out.ipynb >json
}

@test "$PAPERMILL: a kill loses no more than the last cell" {
    notebook in.ipynb 'print("first")' "$SLEEPS"
    start_driver papermill --save-every 0 in.ipynb out.ipynb
    until_true 30 grep -q 'first\\n' out.ipynb
    kill -KILL -- "-$DRIVER"
    "$PYTHON" -m json.tool out.ipynb >json
}

@test "progress lines are those of tqdm in ASCII, the bars of others fold" {
    "$PYTHON" "$TOP/test/notebook/pieces.py" "${PARTS[@]}"
}

@test "nbclient and $PAPERMILL: 150 cells have a line of progress each at most, and all are saved" {
    local cells=() i
    for ((i = 0; i < 150; i++)); do cells+=("$i"); done
    notebook in.ipynb "${cells[@]}"
    for engine in nbclient papermill; do
        start_driver "$engine" in.ipynb out.ipynb
        wait "$DRIVER"
        [ "$(grep -c '^Executing: ' stderr)" -le 151 ]
        grep -q '^Executing: 100%|##########| 150/150 \[' stderr
        [ "$(grep -c '"execution_count": [0-9]' out.ipynb)" -ge 150 ]
    done
}
