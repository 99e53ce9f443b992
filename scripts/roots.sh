#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Writes the root certificates that Amazon's endpoints chain to as a C file, from the build machine's
# ca-certificates: for images that carry none. Usage: roots.sh OUT.c
set -euo pipefail
out=$1
dir=/usr/share/ca-certificates/mozilla
roots=("$dir"/Amazon_Root_CA_{1,2,3,4}.crt "$dir/Starfield_Services_Root_Certificate_Authority_-_G2.crt")
for f in "${roots[@]}"; do
    [[ -s $f ]] || {
        echo "roots.sh: $f is missing; install ca-certificates" >&2
        exit 1
    }
done
{
    echo "/* Made by scripts/roots.sh. */"
    echo '#include "store/roots.h"'
    echo "const char ROOTS_PEM[] ="
    cat "${roots[@]}" | tr -d '\r' | sed 's/.*/    "&\\n"/'
    echo "    ;"
} >"$out.tmp"
mv "$out.tmp" "$out"
