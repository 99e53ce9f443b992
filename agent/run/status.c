/* SPDX-License-Identifier: MIT
 *
 * Wait statuses. See status.h.
 */
#include "run/status.h"

#include <sys/wait.h>

bool status_decode(int wait_status, struct transform *t)
{
    if (WIFEXITED(wait_status)) {
        t->status = WEXITSTATUS(wait_status);
        t->signo = 0;
        t->dumped = false;
        return true;
    }
    if (WIFSIGNALED(wait_status)) {
        t->signo = WTERMSIG(wait_status);
        t->status = 128 + t->signo;
        t->dumped = WCOREDUMP(wait_status);
        return true;
    }
    return false;
}
