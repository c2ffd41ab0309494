/* SPDX-License-Identifier: Apache-2.0 */
#include "core/net/spare.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>

#include "core/base/base.h"

int slo_spare_open(void)
{
	int fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

bool slo_spare_refuse(int *spare_fd, int listen_fd, int code)
{
	int fd;

	if (code != EMFILE && code != ENFILE)
		return false;
	slo_closep(spare_fd);
	fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd >= 0)
		(void)close(fd);
	*spare_fd = slo_spare_open();
	return fd >= 0;
}
