/* SPDX-License-Identifier: MIT
 *
 * How many threads are worth having.
 */
#ifndef BASE_CPU_H
#define BASE_CPU_H

/* CPUs this process may run on, at least 1, at most `most`. */
unsigned cpu_count(unsigned most);

#endif
