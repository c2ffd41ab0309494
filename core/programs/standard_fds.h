/* SPDX-License-Identifier: Apache-2.0 */
/* Standard descriptors that the caller left closed. */
#ifndef SLO_PROGRAMS_STANDARD_FDS_H
#define SLO_PROGRAMS_STANDARD_FDS_H

/*
 * First thing in main(): takes the numbers 0 to 2 that are free. Else the next file that is opened would get one, and
 * what is printed would be written into it. Using one fails with EBADF, as it did closed. Children inherit them.
 */
void slo_standard_fds_hold(void);

#endif
