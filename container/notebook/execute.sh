#!/bin/sh
# SPDX-License-Identifier: MIT
# Executes qiita_sample.ipynb beside a copy of it, headless; a failing cell fails the job.
set -eu
ml=${PROCAGENT_ML_ROOT:-/opt/ml}/processing
cp "$ml/input/notebook/qiita_sample.ipynb" "$ml/output/"
exec jupyter nbconvert --to notebook --execute --output-dir "$ml/output" \
    --output qiitasampl-qiitasampl-2022-12-25T15-23-04-640Z.ipynb "$ml/input/notebook/qiita_sample.ipynb"
