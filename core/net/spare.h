/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A descriptor kept for when none is left. Who waits in a listener's queue then cannot be accepted, the listener stays
 * readable, and its loop would turn without end: with the spare one's number each is taken and closed.
 */
#ifndef SLO_NET_SPARE_H
#define SLO_NET_SPARE_H

#include <stdbool.h>

/* The caller's, to close; or a negative errno. */
int slo_spare_open(void);

/* After accept(2) failed with @code (errno): true where that was for want of descriptors, and one of the queue is hung up on. */
bool slo_spare_refuse(int *spare_fd, int listen_fd, int code);

#endif
