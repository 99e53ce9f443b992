/* SPDX-License-Identifier: MIT
 *
 * Counting CPUs. See cpu.h.
 */
#include "base/cpu.h"

#include <sched.h>

unsigned cpu_count(unsigned most)
{
    cpu_set_t set;
    /* EINVAL: more CPUs than fit the set, hence more than anybody here uses */
    if (sched_getaffinity(0, sizeof set, &set) != 0) {
        return most;
    }
    unsigned n = (unsigned)CPU_COUNT(&set);
    return n < 1 ? 1 : n > most ? most : n;
}
