#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2034,SC2154 # INPUTS, OUTPUTS, status, output, stderr: see common.bash
# Reference job 2: a notebook is executed headless; the result is output.tar.gz with the input notebook and
# the executed one at its root.
load common

EXECUTED=qiitasampl-qiitasampl-2022-12-25T15-23-04-640Z.ipynb

setup_more() {
    export PATH=/usr/bin:/bin HOME=$WORK/home # the distribution's jupyter; nobody's profile
    export PROCAGENT_JOB_TIME=2022-12-25T15:23:04.640Z
    unset PYTHONPATH JUPYTER_PATH JUPYTER_CONFIG_DIR IPYTHONDIR MPLBACKEND VIRTUAL_ENV
    mkdir "$HOME"
    use_store
    export PROCAGENT_OUTPUT_NOTEBOOK_PACK=output.tar.gz
}

# The notebook's job, in /opt/ml.
notebook_job() {
    mkdir -p "$STORE/bucket/notebooks"
    cp "$TOP/container/notebook/qiita_sample.ipynb" "$STORE/bucket/notebooks/qiita_sample.ipynb"
    input notebook input s3://bucket/notebooks/qiita_sample.ipynb
    output notebook output s3://bucket/result/
}

execute() {
    in_sandbox /opt/procagent run -- sh -c "cp /opt/ml/processing/input/qiita_sample.ipynb /opt/ml/processing/output/ &&
        exec jupyter nbconvert --to notebook --execute --output-dir /opt/ml/processing/output \
        --output $EXECUTED /opt/ml/processing/input/qiita_sample.ipynb"
}

# archive_job: an output that is packed, of whatever WORK/transform writes.
archive_job() {
    output notebook output s3://bucket/result
}

@test "reference 2: a real notebook, executed, packed and published" {
    notebook_job
    execute
    assert_status 0
    assert_objects notebooks/qiita_sample.ipynb result/output.tar.gz
    diff <(tree "$OUT") <(echo 'f output.tar.gz')
    cmp "$OUT/output.tar.gz" "$STORE/bucket/result/output.tar.gz"

    # plain names at the root, in order, readable by three readers
    local archive=$STORE/bucket/result/output.tar.gz names
    names=$(printf '%s\n' qiita_sample.ipynb "$EXECUTED")
    [ "$(tar -tzf "$archive")" = "$names" ]
    [ "$(bsdtar -tf "$archive")" = "$names" ]
    [ "$("$PYTHON" -c 'import sys, tarfile; print("\n".join(tarfile.open(sys.argv[1]).getnames()))' "$archive")" = "$names" ]

    mkdir x
    tar -xzf "$archive" -C x
    cmp x/qiita_sample.ipynb "$TOP/container/notebook/qiita_sample.ipynb"
    "$PYTHON" - "x/$EXECUTED" <<'PY'
import re, sys
import nbformat
notebook = nbformat.read(sys.argv[1], as_version=4)
nbformat.validate(notebook)
outputs = notebook.cells[0].outputs
text = "".join(o.text for o in outputs if o.output_type == "stream")
assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", text), text
assert any("image/png" in o.get("data", {}) for o in outputs), [o.output_type for o in outputs]
assert notebook.cells[0].execution_count == 1
PY
    [ "$(value '["outputs"][0]["archive"]["name"]')" = output.tar.gz ]
    [ "$(value '["outputs"][0]["archive"]["members"]')" = 2 ]
    [ "$(value '["outputs"][0]["archive"]["bytes"]')" = "$(stat -c %s "$archive")" ]
    [ "$(value '["outputs"][0]["files"]')" = 1 ]
}

@test "reference 2: replacing the notebook changes what is executed" {
    notebook_job
    "$PYTHON" - "$TOP/container/notebook/qiita_sample.ipynb" "$STORE/bucket/notebooks/qiita_sample.ipynb" <<'PY'
import sys
import nbformat
notebook = nbformat.read(sys.argv[1], as_version=4)
notebook.cells[0].source = 'print(6 * 7, "replaced")'
nbformat.write(notebook, sys.argv[2])
PY
    execute
    assert_status 0
    tar -xzOf "$STORE/bucket/result/output.tar.gz" "$EXECUTED" | grep -q '42 replaced'
}

@test "reference 2: a cell that fails fails the job, nothing is published" {
    notebook_job
    sed -i 's/plt.show()/raise SystemError(\x27cell\x27)/' "$STORE/bucket/notebooks/qiita_sample.ipynb"
    execute
    assert_status 1
    assert_objects notebooks/qiita_sample.ipynb
    assert_message 'exited with status 1'
    refute test -e "$OUT/output.tar.gz"
}

# ---- the archive, by a shell transform ----

# members: a tree with what archives get wrong; REVERSED=1 makes it in another order and at other times.
members() {
    script transform <<'SH'
cd "$OUT"
umask 022
set -- a.txt b/c.txt b/d/e 'with space' 日本語.txt "$(printf '%0200d' 7)" empty
if [ -n "${REVERSED:-}" ]; then set -- empty "$(printf '%0200d' 7)" 日本語.txt 'with space' b/d/e b/c.txt a.txt; fi
for f; do mkdir -p "$(dirname "$f")"; echo "text of $f" >"$f"; done
: >empty
head -c 3000000 /dev/zero >zeros
chmod 755 a.txt
if [ -n "${REVERSED:-}" ]; then touch -d 2001-01-01 a.txt zeros; fi
SH
}

@test "pack: the same tree and job time make the same bytes, whatever the order and times of writing" {
    archive_job
    members
    job -- "$WORK/transform"
    assert_status 0
    assert_objects result/output.tar.gz
    mv "$STORE/bucket/result/output.tar.gz" first.tar.gz
    rm -r "$OUT"
    REVERSED=1 job -- "$WORK/transform"
    assert_status 0
    cmp first.tar.gz "$STORE/bucket/result/output.tar.gz"
    rm -r "$OUT"
    job --set job.time=2022-12-25T15:23:05Z -- "$WORK/transform"
    assert_status 0
    refute cmp -s first.tar.gz "$STORE/bucket/result/output.tar.gz"
}

@test "pack: every reader gets every byte back; owner, time and mode are the archive's, not the machine's" {
    archive_job
    members
    job -- "$WORK/transform"
    assert_status 0
    local archive=$STORE/bucket/result/output.tar.gz
    mkdir gnu bsd py ref
    (OUT=$WORK/ref && sed "s|^OUT=.*|OUT='$OUT'|" "$WORK/transform" | sh)
    tar -xzf "$archive" -C gnu
    bsdtar -xf "$archive" -C bsd
    "$PYTHON" - "$archive" py <<'PY'
import sys, tarfile
with tarfile.open(sys.argv[1]) as t:
    for m in t.getmembers():
        assert m.isreg() and not m.name.startswith(("/", "./")) and ".." not in m.name, m.name
        assert (m.uid, m.gid, m.uname, m.gname) == (0, 0, "", "") or (m.uname, m.gname) == ("root", "root"), (m.uid, m.uname)
        assert int(m.mtime) == 1671981784, m.mtime
        assert m.mode == (0o755 if m.name == "a.txt" else 0o644), oct(m.mode)
    t.extractall(sys.argv[2])
PY
    diff -r ref gnu
    diff -r ref bsd
    diff -r ref py
    gzip -t "$archive"
    [ "$(value '["outputs"][0]["archive"]["members"]')" = 8 ]
}

@test "pack: links are neither members nor published; an empty output makes no archive" {
    archive_job
    script transform <<<'echo x >"$OUT/x"; ln -s /etc/passwd "$OUT/link"'
    job -- "$WORK/transform"
    assert_status 0
    assert_match "$stderr" 'warning: .*link'
    [ "$(tar -tzf "$STORE/bucket/result/output.tar.gz")" = x ]
    assert_objects result/output.tar.gz
    rm -r "$OUT" "$STORE/bucket/result"
    job -- true
    assert_status 0
    assert_objects
}

@test "pack: with a layout the members are the partitions" {
    archive_job
    script transform <<<'echo x >"$OUT/x.csv"'
    job --set 'output.notebook.layout=d={time}' -- "$WORK/transform"
    assert_status 0
    [ "$(tar -tzf "$STORE/bucket/result/output.tar.gz")" = d=2022-12-25/x.csv ]
}

@test "pack: a failed transform leaves its files loose and publishes nothing" {
    archive_job
    script transform <<<'echo x >"$OUT/x"; exit 3'
    job -- "$WORK/transform"
    assert_status 3
    diff <(tree "$OUT") <(echo 'f x')
    assert_objects
}

@test "pack: a folder of the archive's name is refused, the files stay" {
    archive_job
    script transform <<<'mkdir "$OUT/output.tar.gz"; echo x >"$OUT/output.tar.gz/x"'
    job -- "$WORK/transform"
    assert_status 125
    one_error 'output.tar.gz'
    [ -f "$OUT/output.tar.gz/x" ]
    assert_objects
}

@test "pack: kind = platform leaves the archive alone in the output folder" {
    no_store
    archive_job
    script transform <<<'echo x >"$OUT/x"; mkdir "$OUT/y"; echo z >"$OUT/y/z"'
    job -- "$WORK/transform"
    assert_status 0
    diff <(tree "$OUT") <(echo 'f output.tar.gz')
    [ "$(tar -tzf "$OUT/output.tar.gz")" = "$(printf 'x\ny/z')" ]
}
