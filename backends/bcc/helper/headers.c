/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#include "backends/bcc/helper/helper.h"

#define KHEADERS "/sys/kernel/kheaders.tar.xz"

/* Where packages put them: root, before, release, behind. */
static const struct {
	const char *before, *behind;
} places[] = {
	{ "/lib/modules/", "/build" },
	{ "/usr/src/linux-headers-", "" },
	{ "/usr/src/kernels/", "" },
};

/* By a word of os-release's ID or ID_LIKE: what installs the headers. */
static const struct {
	const char *id, *install;
	bool of_release; /* the release ends the package's name */
} packages[] = {
	{ "debian", "apt-get install linux-headers-", true },
	{ "ubuntu", "apt-get install linux-headers-", true },
	{ "fedora", "dnf install kernel-devel-", true },
	{ "rhel", "yum install kernel-devel-", true },
	{ "centos", "yum install kernel-devel-", true },
	{ "amzn", "yum install kernel-devel-", true },
	{ "suse", "zypper install kernel-default-devel", false },
	{ "arch", "pacman -S linux-headers", false },
};

static bool is_there(const char *dir, const char *file)
{
	char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s%s", dir, file);
	return access(path, R_OK) == 0;
}

static size_t read_text(const char *dir, const char *file, char *text, size_t size)
{
	char path[PATH_MAX];
	slo_cleanup(slo_closep) int fd = -1;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "%s%s", dir, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? 0 : read(fd, text, size - 1);
	text[n > 0 ? n : 0] = '\0';
	return n > 0 ? (size_t)n : 0;
}

/* What the folder says of itself: #define UTS_RELEASE "5.10.0-46-amd64". False where it says nothing. */
static bool release_of(const char *dir, char *ret, size_t size)
{
	char text[512];
	char *begin, *end;

	if (!read_text(dir, "/include/generated/utsrelease.h", text, sizeof(text)))
		return false;
	begin = strstr(text, "UTS_RELEASE \"");
	end = begin ? strchr(begin + strlen("UTS_RELEASE \""), '"') : NULL;
	if (!end)
		return false;
	*end = '\0';
	(void)snprintf(ret, size, "%s", begin + strlen("UTS_RELEASE \""));
	return true;
}

static const char *arch_of(const char *machine)
{
	if (strcmp(machine, "x86_64") == 0)
		return "x86";
	if (strcmp(machine, "aarch64") == 0)
		return "arm64";
	return machine;
}

static int make_folders(char *path)
{
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(path, 0700) && errno != EEXIST)
			return -errno;
		*slash = '/';
	}
	return mkdir(path, 0700) && errno != EEXIST ? -errno : 0;
}

/* Links to all that is in @from/@folder; what is there already is replaced. */
static int link_all(const char *from, const char *to, const char *folder)
{
	char source[PATH_MAX], target[PATH_MAX];
	const struct dirent *e;
	int r;
	DIR *d;

	(void)snprintf(target, sizeof(target), "%s%s", to, folder);
	r = make_folders(target);
	(void)snprintf(source, sizeof(source), "%s%s", from, folder);
	d = r ? NULL : opendir(source);
	if (!d)
		return r ? r : -errno;
	while (!r && (e = readdir(d))) {
		if (*e->d_name == '.')
			continue;
		(void)snprintf(source, sizeof(source), "%s%s/%s", from, folder, e->d_name);
		(void)snprintf(target, sizeof(target), "%s%s/%s", to, folder, e->d_name);
		(void)unlink(target);
		r = symlink(source, target) ? -errno : 0;
	}
	(void)closedir(d);
	return r;
}

/* Debian and SUSE keep what all flavours share in a folder of its own. */
static bool find_common(const char *dir, const char *root, char *ret, size_t size)
{
	char text[4096], *include, *end;

	(void)snprintf(ret, size, "%s/source", dir);
	if (is_there(ret, "/include/linux/kconfig.h"))
		return true;
	/* include /usr/src/linux-headers-5.10.0-46-common/Makefile */
	if (!read_text(dir, "/Makefile", text, sizeof(text)))
		return false;
	include = strstr(text, "include /");
	end = include ? strstr(include, "/Makefile") : NULL;
	if (!end)
		return false;
	*end = '\0';
	include += strlen("include ");
	(void)snprintf(ret, size, "%s%s", root, include);
	if (is_there(ret, "/include/linux/kconfig.h"))
		return true;
	/* Unpacked elsewhere, side by side. */
	(void)snprintf(ret, size, "%s/..%s", dir, strrchr(include, '/'));
	return is_there(ret, "/include/linux/kconfig.h");
}

/* 0 with ret->path one tree, be it that of links below @scratch. */
static int lay_out(const char *dir, const char *root, const char *scratch, struct slo_headers *ret,
                   struct slo_err *err)
{
	char common[PATH_MAX], folder[64], farm[PATH_MAX];
	struct utsname u;
	int r;

	(void)snprintf(ret->from, sizeof(ret->from), "%s", dir);
	(void)snprintf(ret->path, sizeof(ret->path), "%s", dir);
	if (is_there(dir, "/include/linux/kconfig.h"))
		return 0;
	if (!find_common(dir, root, common, sizeof(common)))
		return slo_err_set(err, -ENOENT,
		                   "kernel headers in %s are half of a package (no "
		                   "include/linux): install the -common one, too",
		                   dir);
	(void)uname(&u);
	(void)snprintf(farm, sizeof(farm), "%s/kernel", scratch);
	(void)snprintf(folder, sizeof(folder), "/arch/%s/include", arch_of(u.machine));
	r = link_all(common, farm, "/include");
	if (!r)
		r = link_all(common, farm, folder);
	if (!r)
		r = link_all(dir, farm, "/include");
	if (!r)
		r = link_all(dir, farm, folder);
	if (r < 0)
		return slo_err_set(err, r, "laying out kernel headers in %s: %s", farm,
		                   strerror(-r));
	(void)snprintf(ret->path, sizeof(ret->path), "%s", farm);
	return 0;
}

static int run(char *const argv[])
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		(void)execvp(argv[0], argv);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return -errno;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -ENOEXEC;
}

static unsigned long long free_mb(const char *dir)
{
	struct statvfs fs;

	return statvfs(dir, &fs) ? 0 : (unsigned long long)fs.f_bavail * fs.f_frsize >> 20;
}

int slo_headers_unpack(const char *archive, const char *scratch, struct slo_headers *ret,
                       struct slo_err *err)
{
	char folder[PATH_MAX], file[PATH_MAX];
	char *tar[] = {
		(char[]){ "tar" }, (char[]){ "-xf" }, file, (char[]){ "-C" }, folder, NULL
	};
	int r;

	(void)snprintf(file, sizeof(file), "%s", archive);
	(void)snprintf(folder, sizeof(folder), "%.4000s/kernel", scratch);
	r = make_folders(folder);
	if (!r)
		r = run(tar);
	if (r < 0)
		return slo_err_set(err, -EIO,
		                   "kernel headers of %.80s could not be unpacked in %.60s (tar "
		                   "with xz needed, %llu MB free)",
		                   archive, scratch, free_mb(scratch));
	(void)snprintf(ret->path, sizeof(ret->path), "%s", folder);
	(void)snprintf(ret->from, sizeof(ret->from), "%s", archive);
	return 0;
}

/* The kernel's own copy (CONFIG_IKHEADERS), which is of this kernel by its nature. -ENOENT: there is none. */
static int unpack_kheaders(const char *scratch, struct slo_headers *ret, struct slo_err *err)
{
	char *modprobe[] = { (char[]){ "modprobe" }, (char[]){ "-q" }, (char[]){ "kheaders" },
		             NULL };

	if (access(KHEADERS, R_OK))
		(void)run(modprobe);
	if (access(KHEADERS, R_OK))
		return -ENOENT;
	return slo_headers_unpack(KHEADERS, scratch, ret, err);
}

static int mismatch(const char *dir, const char *have, const char *running, struct slo_err *err)
{
	return slo_err_set(err, -ESTALE,
	                   "kernel headers in %s are of %s and this kernel is %s: programs would "
	                   "compile and read wrong memory",
	                   dir, have, running);
}

/* The line ID=... or ID_LIKE="... ..." of os-release has the word. */
static bool is_system(const char *os_release, const char *id)
{
	static const char *const keys[] = { "\nID=", "\nID_LIKE=" };

	for (size_t i = 0; i < SLO_ARRAY_SIZE(keys); i++) {
		const char *line = strstr(os_release, keys[i]);
		const char *word = line ? strstr(line + 1, id) : NULL;

		if (word && word < line + 1 + strcspn(line + 1, "\n"))
			return true;
	}
	return false;
}

static void say_what_to_install(const char *root, const char *release, struct slo_err *err)
{
	char text[2048], command[160] = "";

	(void)read_text(root, "/etc/os-release", text, sizeof(text));
	for (size_t i = 0; i < SLO_ARRAY_SIZE(packages) && !*command; i++) {
		if (is_system(text, packages[i].id))
			(void)snprintf(command, sizeof(command), "%s%s%s", packages[i].install,
			               packages[i].of_release ? release : "",
			               packages[i].of_release ? "" : " of that release");
	}
	(void)slo_err_set(err, -ENOENT,
	                  "no headers of kernel %s: %s, or give a folder with --kernel-headers",
	                  release, *command ? command : "install this kernel's header package");
}

static int use_named(const char *dir, const char *running, const struct slo_request *req,
                     const char *scratch, struct slo_headers *ret, struct slo_err *err)
{
	char have[SLO_BCC_RELEASE_LEN];

	if (!release_of(dir, have, sizeof(have)))
		return slo_err_set(err, -ENOENT,
		                   "no kernel headers in %s (no include/generated/utsrelease.h)",
		                   dir);
	if (strcmp(have, running) != 0)
		return mismatch(dir, have, running, err);
	return lay_out(dir, req->root, scratch, ret, err);
}

int slo_headers_find(const struct slo_request *req, const char *scratch, struct slo_headers *ret,
                     struct slo_err *err)
{
	const char *named = *req->headers ? req->headers : getenv("BCC_KERNEL_SOURCE");
	char path[PATH_MAX], have[SLO_BCC_RELEASE_LEN];
	struct slo_err other = { 0 };
	struct utsname u;
	int r;

	(void)uname(&u);
	if (named && *named)
		return use_named(named, u.release, req, scratch, ret, err);
	for (size_t i = 0; i < SLO_ARRAY_SIZE(places); i++) {
		(void)snprintf(path, sizeof(path), "%s%s%s%s", req->root, places[i].before,
		               u.release, places[i].behind);
		if (!release_of(path, have, sizeof(have)))
			continue;
		if (strcmp(have, u.release) == 0)
			return lay_out(path, req->root, scratch, ret, err);
		(void)mismatch(path, have, u.release, &other);
	}
	r = unpack_kheaders(scratch, ret, err);
	if (r != -ENOENT)
		return r;
	if (other.code) {
		*err = other;
		return other.code;
	}
	say_what_to_install(req->root, u.release, err);
	return -ENOENT;
}
