/* SPDX-License-Identifier: Apache-2.0 */
/* PID 1 of the arm64 guest: mounts what a system has, runs the static programs on work that it makes, powers off. Where the
 * kernel's command line asks for compiled programs (SLO_AGENT_BACKEND=bcc, which the kernel hands on as environment), BTF is
 * hidden, and the agent starts twice: to compile, and, with the helper gone, by what was kept. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

static void mount_at(const char *type, const char *path)
{
	(void)mkdir(path, 0755);
	if (mount(type, path, type, 0, NULL))
		perror(path);
}

static void write_to(const char *path, const char *text)
{
	FILE *out = fopen(path, "w");

	if (!out || fputs(text, out) < 0 || fclose(out))
		perror(path);
}

static pid_t start(char *const argv[])
{
	pid_t pid = fork();

	if (pid == 0) {
		(void)execv(argv[0], argv);
		perror(argv[0]);
		_exit(127);
	}
	return pid;
}

static void finish(const char *name, pid_t pid)
{
	int status = 0;

	(void)waitpid(pid, &status, 0);
	printf("exit %s %d\n", name, WIFEXITED(status) ? WEXITSTATUS(status) : 128);
	(void)fflush(stdout);
}

static char *const agent[] = { "/llm-slo-agent", "--seconds", "8",      "--output", "jsonl",
	                       "--emit",         "all",       "--comm", "init",     NULL };

/* The agent, while two busy loops a CPU wait for each other. */
static void measure(const char *name)
{
	pid_t busy[4], pid = start(agent);

	for (int i = 0; i < 4; i++) {
		busy[i] = fork();
		if (busy[i] == 0) {
			for (;;)
				(void)getppid();
		}
	}
	finish(name, pid);
	for (int i = 0; i < 4; i++)
		(void)kill(busy[i], 9);
}

int main(void)
{
	char *const prereq[] = { "/sloctl", "prereq", "check", "--self-test", NULL };
	struct utsname host;

	if (uname(&host) == 0)
		printf("machine %s\n", host.machine);
	mount_at("proc", "/proc");
	mount_at("sysfs", "/sys");
	mount_at("devtmpfs", "/dev");
	mount_at("tracefs", "/sys/kernel/tracing");
	mount_at("cgroup2", "/sys/fs/cgroup");
	write_to("/sys/fs/cgroup/cgroup.subtree_control", "+cpu +memory");
	if (getenv("SLO_AGENT_BACKEND")) {
		mount_at("tmpfs", "/sys/kernel/btf");
		/* Alone: the compiler needs both CPUs. */
		finish("compiled", start(agent));
		if (rename("/usr/lib/llm-slo/llm-slo-bcc", "/gone"))
			perror("llm-slo-bcc");
		measure("kept");
		finish("prereq", start(prereq));
	} else {
		finish("prereq", start(prereq));
		measure("agent");
	}
	sync();
	(void)reboot(RB_POWER_OFF);
	return 0;
}
