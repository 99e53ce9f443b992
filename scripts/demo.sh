#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Installs what is missing, builds, and runs the two reference jobs: a folder stands for S3, another for
# /opt/ml; no Docker, no AWS. Everything it makes is in one folder, named at the end.
set -euo pipefail
cd "$(dirname "$0")/.."
top=$PWD

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
[[ -t 1 ]] || say() { printf '\n%s\n' "$*"; }

scripts/deps.sh demo
say "building"
make --no-print-directory -s
make --no-print-directory -s size
export PATH=/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin # the distribution's Python, where pandas is

demo=$(mktemp -d "${TMPDIR:-/tmp}/procagent-demo.XXXXXX")
mkdir -p "$demo/s3/bucket/prefix" "$demo/s3/bucket/notebooks" "$demo/job1/config"

say "job 1: pandas writes transform.csv, procagent puts it into the partition of the job's day in Tokyo"
cp fixtures/extract.reference1.csv "$demo/s3/bucket/prefix/extract.csv"
cp fixtures/processingjobconfig.reference1.2020-11.json "$demo/job1/config/processingjobconfig.json"
cp fixtures/resourceconfig.reference1.json "$demo/job1/config/resourceconfig.json"
build/procagent run -c container/example/agent.ini --ml-root "$demo/job1" \
    --set store.kind=folder --set store.root="$demo/s3" --set job.time=2021-12-14T15:30:00Z \
    --set run.command="/usr/bin/python3 $top/container/example/transform.py"

say "job 2: a notebook is run headless, and packed with its input"
cp container/notebook/qiita_sample.ipynb "$demo/s3/bucket/notebooks/"
(cd container/notebook && "$top/build/procagent" run -c agent.ini --ml-root "$demo/job2" \
    --set store.kind=folder --set store.root="$demo/s3" --set job.time=2022-12-25T15:23:04.640Z \
    --set input.notebook.local_path=/opt/ml/processing/input/notebook \
    --set input.notebook.s3_uri=s3://bucket/notebooks/qiita_sample.ipynb \
    --set output.notebook.local_path=/opt/ml/processing/output \
    --set output.notebook.s3_uri=s3://bucket/notebooks/output)

say "what the store holds now"
(cd "$demo/s3" && find . -type f | sort | sed 's|^\./|s3://|')

say "the partition's first lines"
head -n 3 "$demo/s3/bucket/prefix/output/process_date_jst=2021-12-15/transform.csv"

say "the archive"
tar -tzvf "$demo/s3/bucket/notebooks/output/output.tar.gz"

say "why it ended so: $(cat "$demo/job1/output/message")"
echo "all of it is in $demo; the jobs' reports are job1/output/report.json and job2/output/report.json"
