/* SPDX-License-Identifier: Apache-2.0 */
/* What a record of tracepoint sched_switch says of the task that leaves: kernels differ by one bit, and no file tells which. */
#ifndef SLO_COMPAT_SWITCHSTATE_H
#define SLO_COMPAT_SWITCHSTATE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Does bit 0 of prev_state mean runnable, and the next one asleep? So in 4.14.67 and 4.17, since 3f5fe9fef5b2 (4.15), not in
 * 4.19.108; asked by some sleeps of this thread, 4 ms. False where that cannot be found out, too.
 */
bool slo_switch_state_is_shifted(int root);

/* Of @bytes of perf records as the kernel writes them: how often @pid left with each of the two lowest bits alone. */
void slo_switch_state_count(const unsigned char *data, size_t bytes, int pid_at, int state_at,
                            int pid, unsigned int ret[2]);

#endif
