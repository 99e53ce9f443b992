/* SPDX-License-Identifier: MIT
 *
 * Jupyter kernels installed on this machine, from their kernelspecs on disk, and which of them a
 * notebook runs on. Nothing is started here.
 */
#ifndef NOTEBOOK_KERNELS_H
#define NOTEBOOK_KERNELS_H

#include <stddef.h>

#include "base/err.h"
#include "base/str.h"

enum { KERNEL_JSON_MAX = 1 << 20 /* bytes of a kernel.json */ };

struct kernel {
    char *name;         /* owned: the folder's name in lower case, as Jupyter looks it up */
    char *display_name; /* owned; the name when there is none */
    char *language;     /* owned; "" when it is not told */
    char *argv0;        /* owned: the program that is started */
    char *path;         /* owned: of the kernel.json */
};

struct kernels {
    struct kernel *v; /* owned, in the order found */
    size_t n;
    size_t cap;
    struct strvec skipped; /* broken ones, each "PATH: why", for a warning */
};

/* Looks in Jupyter's data folders, the first of a name wins: the entries of JUPYTER_PATH,
 * JUPYTER_DATA_DIR or $HOME/.local/share/jupyter, share/jupyter in each of `prefixes` (where
 * Pythons are installed; may be NULL), /usr/local/share/jupyter and /usr/share/jupyter.
 * `environment` is a NULL-terminated list of NAME=VALUE. What cannot be read is in out->skipped and
 * no error. */
void kernels_list(struct kernels *out, char *const *environment, const struct strvec *prefixes);
void kernels_free(struct kernels *k);

/* Reads one kernel.json into `out`, without name and path: 0, or an ERR_INPUT that begins with
 * `path`. */
int kernel_parse(const char *path, const char *text, size_t n, struct kernel *out, struct err *e);
void kernel_free(struct kernel *k);

/* Chooses: the one asked for, which must be there; else the notebook's own, if it is there; else
 * the only one; else of those with the notebook's language (NULL or "" = python) "python3" or the
 * first; else the first of all. Any but the list may be NULL. A name that Studio wrote,
 * "python3__SAGEMAKER_INTERNAL__arn:...", also means what is before the marker.
 * 0 and *out, borrowed; *out is NULL when none is installed and none but python3 is asked for:
 * ipykernel brings that without a kernelspec. An ERR_CONFIG that lists what there is when the
 * one asked for is missing. */
int kernels_choose(const struct kernels *k, const char *asked, const char *notebooks,
                   const char *language, const struct kernel **out, struct err *e);

#endif
