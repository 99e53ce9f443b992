/* SPDX-License-Identifier: MIT
 *
 * Several hosts publish to one prefix and see nothing of each other (contract: sagemaker.md 2.7,
 * 3.6). So every name that a host publishes carries the host's: then none can overwrite another's,
 * and each knows which objects it may replace. With one host nothing here changes anything.
 */
#ifndef PUBLISH_HOSTS_H
#define PUBLISH_HOSTS_H

#include <stdbool.h>
#include <stddef.h>

#include "job.h"

/* Which of the job's hosts the last part of `path` names: the one whose name ends last in it, of
 * two that end there the longer. hosts.n when it names none. */
size_t hosts_owner(const struct job *job, const char *path);

/* `path` with this host's name in its last part, by the rule of partition/ ("part.csv" ->
 * "part-algo-1.csv"); as it is with one host, or where it names this host already. Owned by the
 * caller. */
char *hosts_mark(const struct job *job, const char *path);

/* Does the last part of `path` say that it is this host's, as hosts_mark's mostly does? */
bool hosts_marked(const struct job *job, const char *path);

/* May this host replace what is at `path`? Not what names another host of the job; what names none
 * is the first host's. */
bool hosts_may_replace(const struct job *job, const char *path);

#endif
