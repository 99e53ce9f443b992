#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2034,SC2154 # INPUTS, OUTPUTS, status, output, stderr: see common.bash
# Notebooks through the binary: the command line, [notebook] of a processing job, the variables of
# sagemaker-run-notebook, and the Notebook Job contract. What the driver does with cells is driver.bats'.
load ../behaviour/common

setup_more() {
    export PATH=/usr/bin:/bin HOME=$WORK/home # the distribution's Python; nobody's profile
    export PROCAGENT_JOB_TIME=2022-12-25T15:23:04.640Z
    unset PYTHONPATH JUPYTER_PATH JUPYTER_CONFIG_DIR IPYTHONDIR MPLBACKEND VIRTUAL_ENV CONDA_PREFIX
    unset "${!SM_@}" "${!PAPERMILL_@}" TRAINING_JOB_NAME
    mkdir "$HOME"
}

# nb FILE CELL...: a notebook.
nb() {
    mkdir -p "$(dirname "$1")"
    "$PYTHON" "$TOP/test/notebook/make.py" "$@"
}

# told EXPRESSION FILE: Python's value of it over the notebook `n`, `text` being all that cells printed.
told() {
    "$PYTHON" -c 'import json, sys
n = json.load(open(sys.argv[2], encoding="utf-8"))
text = "".join("".join(o.get("text", "")) for c in n["cells"] for o in c.get("outputs", []))
print(eval(sys.argv[1]))' "$1" "$2"
}

# ---- the command line ----

@test "notebook: parameters of all kinds, the result where -o says, prints on stdout, progress on stderr" {
    nb in/a.ipynb "tag=parameters:alpha = 1; name = 'x'" "print(repr(alpha), repr(name), repr(more))"
    echo '{"more": [1, null, "é"], "alpha": 2}' >p.json
    agent notebook in/a.ipynb -o out/r.ipynb -f p.json -p alpha 9 -p name 007x
    assert_status 0
    [ "$output" = "9 '007x' [1, None, 'é']" ]
    assert_match "$stderr" '^Executing: 100%\|##########\| 3/3 \['
    [ "$(told 'text' out/r.ipynb)" = "9 '007x' [1, None, 'é']" ]
    [ "$(told '[c["metadata"].get("tags") for c in n["cells"]][:2]' out/r.ipynb)" = "[['parameters'], ['injected-parameters']]" ]
    [ "$(told 'n["metadata"]["papermill"]["parameters"]["alpha"]' out/r.ipynb)" = 9 ]
    diff <(tree out) <(printf 'f a.ipynb\nf r.ipynb\nf sagemaker_job_execution.log\n')
    cmp in/a.ipynb out/a.ipynb
    grep -q "9 '007x'" out/sagemaker_job_execution.log
    assert_clean
}

@test "notebook: without -o the result is beside it, named by the time; modules beside it are found" {
    nb in/a.ipynb 'import helper; print(helper.word)'
    echo 'word = "found"' >in/helper.py
    agent notebook in/a.ipynb
    assert_status 0
    [ "$output" = found ]
    [ -f in/a-2022-12-25-15-23-04.ipynb ]
    [ ! -e "$ML/output" ]
}

@test "notebook: a cell that fails is the status, the first words of the error, and a partial notebook" {
    nb in/a.ipynb 'print(1)' 'raise ValueError("so it is")' 'print(3)'
    agent notebook in/a.ipynb -o out/r.ipynb
    assert_status 1
    assert_match "$stderr" 'ValueError: so it is \(cell 2, In \[2\]\)'
    [ "$(told '[c["execution_count"] for c in n["cells"]]' out/r.ipynb)" = '[1, 2, None]' ]
    [ "$output" = 1 ]
}

@test "notebook: what cannot be run is one error that says why" {
    local case
    echo '{"cells": [], "nbformat": 4' >broken.ipynb
    : >empty.ipynb
    echo '[]' >list.ipynb
    nb a.ipynb 'print(1)'
    while IFS='|' read -r case words; do
        eval "agent notebook $case"
        assert_status 125
        one_error "$words"
        refute test -e out/r.ipynb
    done <<'CASES'
broken.ipynb -o out/r.ipynb|broken.ipynb:2:1: |
empty.ipynb -o out/r.ipynb|empty.ipynb
list.ipynb -o out/r.ipynb|list.ipynb:1:1:
nowhere.ipynb -o out/r.ipynb|there is no notebook
a.ipynb -o out/r.ipynb -k r-kernel|r-kernel.*python3
a.ipynb -o out/r.ipynb -p 'a b' 1|a b
a.ipynb -o out/r.ipynb -f nowhere.json|nowhere.json: no such file
a.ipynb -o a.ipynb|would replace
a.ipynb -o out/r.ipynb -p x|-p "x" has no value
CASES
    agent notebook
    assert_status 125
    one_error 'notebook needs a file'
}

@test "notebook: no Python that can run one: an error that says what to install" {
    nb a.ipynb 'print(1)'
    mkdir bin
    printf '#!/bin/sh\necho "{}"\n' >bin/python3
    chmod +x bin/python3
    bwrap --dev-bind / / --proc /proc true 2>/dev/null || skip "bubblewrap may not make namespaces here"
    capture bwrap --dev-bind / / --ro-bind "$WORK/bin/python3" /usr/bin/python3 --die-with-parent \
        "$PROCAGENT" notebook "$WORK/a.ipynb" -o "$WORK/out/r.ipynb"
    assert_status 125
    one_error 'no Python here can run a notebook .*pip install papermill ipykernel'
}

# ---- [notebook] of a processing job ----

notebook_job() {
    use_store
    nb "$STORE/bucket/nb/a.ipynb" "$@"
    input notebook input s3://bucket/nb/a.ipynb
    output notebook output s3://bucket/result
    ini <<'INI'
[notebook]
input = /opt/ml/processing/input/a.ipynb
output = {name}-done.ipynb
parameters.alpha = 5
formats = html
html.hide_code = yes
redact = MY_SECRET
[output "notebook"]
pack = output.tar.gz
INI
}

@test "[notebook]: executed, converted, redacted, packed with what it made; the report tells" {
    notebook_job 'tag=parameters:alpha = 1' 'import os; print(alpha, os.environ["MY_SECRET"], "AKIAIOSFODNN7EXAMPLE")' \
        'os.makedirs("sub"); open("sub/made.csv", "w").write("1")'
    MY_SECRET=hush-hush job
    assert_status 0
    assert_objects nb/a.ipynb result/output.tar.gz
    mkdir x
    tar -xzf "$STORE/bucket/result/output.tar.gz" -C x
    diff <(tree x) <(printf '%s\n' 'd sub' 'f a-done.html' 'f a-done.ipynb' 'f a.ipynb' \
        'f sagemaker_job_execution.log' 'f sub/made.csv')
    [ "$(told text x/a-done.ipynb)" = '5 $MY_SECRET [redacted]' ]
    refute grep -q hush-hush x/a-done.ipynb x/a-done.html
    refute grep -q 'os.makedirs' x/a-done.html
    [ "$(value '["notebook"]["executed"]')" = 4 ]
    [ "$(value '["notebook"]["side_files"]')" = 1 ]
    [ "$(value '["notebook"]["redacted"]')" = 2 ]
    assert_match "$(value '["notebook"]["engine"]')" '^(nbclient|papermill) '
}

@test "[notebook]: a failed one is packed where it ran, and published only aside" {
    notebook_job 'print("so far")' 'raise KeyError("gone")'
    job
    assert_status 1
    assert_message "^KeyError: 'gone' \(cell 3, In \[3\]\)"
    diff <(tree "$OUT") <(echo 'f output.tar.gz')
    tar -xzOf "$OUT/output.tar.gz" a-done.ipynb | grep -q 'so far'
    assert_objects nb/a.ipynb
    rm -r "$OUT" "$ML/processing/input"
    job --set output.notebook.on_failure=publish
    assert_status 1
    assert_objects nb/a.ipynb result/_failed/test-job-20221225T152304Z/output.tar.gz
}

@test "[notebook]: a stop saves what the running cell printed, packs it, and is the status" {
    notebook_job 'import time; print("before", flush=True); time.sleep(300)'
    start_agent
    until_true 30 grep -q before "$WORK/stdout"
    kill -TERM "$AGENT"
    end_agent
    assert_status 130
    tar -xzOf "$OUT/output.tar.gz" a-done.ipynb | grep -q before
    refute pgrep -f "kernel.*$WORK"
}

@test "[notebook] and a command are an error; so is a place that is none" {
    notebook_job 'print(1)'
    job -- true
    assert_status 125
    one_error 'a notebook or a command'
    OUTPUTS=()
    write_config
    ini <<<$'[notebook]\ninput = /opt/ml/processing/input/a.ipynb'
    job
    assert_status 125
    one_error 'results have no place'
}

# ---- sagemaker-run-notebook ----

@test "PAPERMILL_INPUT and friends: typed parameters, the output's own path" {
    use_store
    nb "$STORE/bucket/nb/a.ipynb" 'tag=parameters:n = 0' 'print(repr(n), repr(s))'
    input notebook input s3://bucket/nb/a.ipynb
    output notebook output s3://bucket/result
    export PAPERMILL_INPUT=/opt/ml/processing/input/a.ipynb PAPERMILL_PARAMS='{"n": 7, "s": "7"}'
    export PAPERMILL_OUTPUT=/opt/ml/processing/output/a-2022-12-25-15-23-04.ipynb
    job
    assert_status 0
    [ "$output" = "7 '7'" ]
    assert_objects nb/a.ipynb result/a.ipynb result/a-2022-12-25-15-23-04.ipynb result/sagemaker_job_execution.log
}

# ---- the Notebook Job contract ----

# training CELL...: the tree of a training job, and its variables.
training() {
    CHANNEL=$ML/input/data/sagemaker_headless_execution_pipelinestep
    mkdir -p "$ML/input/config" "$CHANNEL"
    nb "$CHANNEL/qiita_sample.ipynb" "$@"
    echo '{"n": "5"}' >"$ML/input/config/hyperparameters.json"
    export SM_JOB_DEF_VERSION=1.0 SM_KERNEL_NAME=python3 SM_SKIP_EFS_SIMULATION=true
    export SM_INPUT_NOTEBOOK_NAME=qiita_sample.ipynb TRAINING_JOB_NAME=job-1
    export SM_OUTPUT_NOTEBOOK_NAME='qiitasampl-qiitasampl-2022-12-25T15:23:04.640Z-.ipynb'
    export SM_EXECUTION_INPUT_PATH=/opt/ml/input/data/sagemaker_headless_execution_pipelinestep
}
NAME=qiitasampl-qiitasampl-2022-12-25T15-23-04-640Z

@test "Notebook Job: by the scheduler's name; strings as parameters, init scripts, formats, the name Studio looks for" {
    training 'tag=parameters:n = 1' 'import os; print(repr(n), os.environ["FROM_INIT"], os.environ.get("FROM_LCC"))' \
        'open("made.csv", "w").write("1")'
    mkdir -p "$ML/input/data/sagemaker_headless_execution_system"
    printf 'export FROM_INIT="by init"\necho init ran\n' >"$CHANNEL/init.sh"
    printf 'export FROM_LCC=lost\necho lcc ran\n' >"$ML/input/data/sagemaker_headless_execution_system/lcc.sh"
    export SM_INIT_SCRIPT=init.sh SM_LCC_INIT_SCRIPT=lcc.sh SM_OUTPUT_FORMATS=html
    ln -s "$PROCAGENT" amazon_sagemaker_scheduler
    PROCAGENT_ML_ROOT=$ML capture ./amazon_sagemaker_scheduler
    assert_status 0
    [ "$output" = $'lcc ran\ninit ran\n\'5\' by init None' ]
    diff <(tree "$ML/output/data") <(printf 'f %s\n' made.csv qiita_sample.ipynb "$NAME.html" "$NAME.ipynb" sagemaker_job_execution.log)
    grep -q 'init ran' "$ML/output/data/sagemaker_job_execution.log"
    grep -q "'5' by init" "$ML/output/data/sagemaker_job_execution.log"
    [ ! -e "$ML/output/failure" ]
}

@test "Notebook Job: a failure's first words are the exception's, then the flags; all is left for the service" {
    training 'raise FileNotFoundError("data.csv")'
    agent train --ml-root "$ML"
    assert_status 1
    [ "$(cat "$ML/output/failure")" = 'FileNotFoundError: data.csv (cell 2, In [2]) [SM-111]' ]
    diff <(tree "$ML/output/data") <(printf 'f %s\n' qiita_sample.ipynb "$NAME.ipynb" sagemaker_job_execution.log)
    grep -q FileNotFoundError "$ML/output/data/$NAME.ipynb"
}

@test "Notebook Job: with a store, output.tar.gz lands where the service puts it, after a failure too" {
    use_store
    training 'print("x")'
    agent train --ml-root "$ML" --set notebook.s3_output_path=s3://bucket/nb
    assert_status 0
    assert_objects nb/job-1/output/output.tar.gz
    diff <(tar -tzf "$STORE/bucket/nb/job-1/output/output.tar.gz") \
        <(printf '%s\n' qiita_sample.ipynb "$NAME.ipynb" sagemaker_job_execution.log)
    rm -r "$STORE/bucket/nb" "$ML/output"
    nb "$CHANNEL/qiita_sample.ipynb" 'raise SystemExit(3)'
    agent train --ml-root "$ML" --set notebook.s3_output_path=s3://bucket/nb
    assert_status 1
    assert_objects nb/job-1/output/output.tar.gz
}

@test "Notebook Job: what is missing or wrong in its variables and files is one error" {
    training 'print(1)'
    SM_JOB_DEF_VERSION=2.0 agent train --ml-root "$ML"
    assert_status 125
    one_error 'SM_JOB_DEF_VERSION: "2.0"'
    (
        unset SM_OUTPUT_NOTEBOOK_NAME
        agent train --ml-root "$ML"
        assert_status 125
        one_error 'SM_OUTPUT_NOTEBOOK_NAME is missing'
    )
    echo '{"n": 5}' >"$ML/input/config/hyperparameters.json"
    agent train --ml-root "$ML"
    assert_status 125
    one_error 'hyperparameters.json:1:7: '
    echo '{"n": "5"}' >"$ML/input/config/hyperparameters.json"
    SM_INPUT_NOTEBOOK_NAME=other.ipynb agent train --ml-root "$ML"
    assert_status 125
    assert_match "$(cat "$ML/output/failure")" 'there is no notebook'
    printf 'exit 3\n' >"$CHANNEL/init.sh"
    SM_INIT_SCRIPT=init.sh agent train --ml-root "$ML"
    assert_status 3
}
