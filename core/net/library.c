/* SPDX-License-Identifier: Apache-2.0 */
#include "core/net/library.h"

#include <dlfcn.h>
#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static bool is_linked(const struct slo_library *l)
{
	return l->function[0].linked;
}

static const void *address_of(const struct slo_library_function *f, void *library)
{
	const void *address;

	if (!f->linked)
		return dlsym(library, f->name);
	memcpy(&address, &f->linked, sizeof(address));
	return address;
}

int slo_library_open(void **ret, const struct slo_library *l, void *table, struct slo_err *err)
{
	void *library = NULL;

	if (!is_linked(l)) {
		library = dlopen(l->soname, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
		if (!library)
			return slo_err_set(err, -ELIBACC, "%s: %s", dlerror(), l->advice);
	}
	for (size_t i = 0; i < l->count; i++) {
		const void *address = address_of(&l->function[i], library);

		if (!address) {
			slo_library_close(&library);
			return slo_err_set(err, -ELIBACC, "%s has no %s: %s", l->soname,
			                   l->function[i].name, l->advice);
		}
		memcpy((char *)table + l->function[i].at, &address, sizeof(address));
	}
	*ret = library;
	return 0;
}

void slo_library_close(void **library)
{
	if (*library)
		(void)dlclose(*library);
	*library = NULL;
}

int slo_library_check(const struct slo_library *l, void *table, struct slo_err *err)
{
	void *library = NULL;
	int status = 1, r;
	pid_t pid;

	if (is_linked(l))
		return 0;
	pid = fork();
	if (pid == 0)
		_exit(slo_library_open(&library, l, table, NULL) == 0 ? 0 : 1);
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (pid > 0 && status == 0)
		return 0;
	r = slo_library_open(&library, l, table, err);
	slo_library_close(&library);
	return r;
}
