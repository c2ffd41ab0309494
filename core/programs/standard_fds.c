/* SPDX-License-Identifier: Apache-2.0 */
#include "core/programs/standard_fds.h"

#include <fcntl.h>
#include <unistd.h>

void slo_standard_fds_hold(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		/* The lowest that is free is @fd: those before it are open by now. */
		if (fcntl(fd, F_GETFD) < 0 && open("/", O_PATH | O_DIRECTORY) < 0)
			return;
	}
}
