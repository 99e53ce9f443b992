/* SPDX-License-Identifier: MIT
 *
 * Names of several hosts. See hosts.h.
 */
#include "publish/hosts.h"

#include <string.h>

#include "base/filename.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/scope.h"

size_t hosts_owner(const struct job *job, const char *path)
{
    const char *name = path_base(path);
    const char *last = NULL;
    size_t owner = job->hosts.n;
    for (size_t i = 0; i < job->hosts.n; i++) {
        const char *end = filename_piece(name, job->hosts.v[i]);
        bool longer = end && end == last && strlen(job->hosts.v[i]) > strlen(job->hosts.v[owner]);
        if (end && (!last || end > last || longer)) {
            last = end;
            owner = i;
        }
    }
    return owner;
}

bool hosts_marked(const struct job *job, const char *path)
{
    return job->hosts.n <= 1 || hosts_owner(job, path) == job->host_index;
}

char *hosts_mark(const struct job *job, const char *path)
{
    if (hosts_marked(job, path)) {
        return xstrdup(path);
    }
    const char *name = path_base(path);
    SCOPE_FREE char *marked = filename_insert(name, job->current_host);
    return xasprintf("%.*s%s", (int)(name - path), path, marked);
}

bool hosts_may_replace(const struct job *job, const char *path)
{
    if (job->hosts.n <= 1) {
        return true;
    }
    size_t owner = hosts_owner(job, path);
    return owner == job->hosts.n ? job->host_index == 0 : owner == job->host_index;
}
