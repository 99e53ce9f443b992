/* SPDX-License-Identifier: MIT
 *
 * The one decoder of wait statuses.
 */
#ifndef RUN_STATUS_H
#define RUN_STATUS_H

#include "job.h"

/* Sets status (0..255, 128+n for a signal), signo and dumped of `t` from what waitpid gave. False
 * when the process did not end (it was stopped or continued). */
bool status_decode(int wait_status, struct transform *t);

#endif
