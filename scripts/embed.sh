#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Writes text files, one after the other, as one C string. Usage: embed.sh NAME OUT.c HEADER FILE...
# HEADER is the one that declares NAME.
set -euo pipefail
name=$1 out=$2 header=$3
shift 3
{
    echo "/* Made by scripts/embed.sh. */"
    echo "#include \"$header\""
    echo "const char ${name}[] ="
    # ?? would be a trigraph to a compiler that is asked for C11 to the letter.
    cat -- "$@" | sed 's/[\\"]/\\&/g; s/\t/\\t/g; s/??/?\\?/g; s/.*/    "&\\n"/'
    echo "    ;"
} >"$out.tmp"
mv "$out.tmp" "$out"
