/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/identity.h"

#include "test/unit/compat/fixture.h"

#define SLICE "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" POD_ ".slice"
#define BE_SLICE "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod" POD_ ".slice"
#define USER1000 "/user.slice/user-1000.slice/user@1000.service"
#define KIND \
	"/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice/kubelet-kubepods-besteffort-pod"

static const struct {
	const char *path;
	const char *id;
	const char *runtime;
	const char *pod;
	const char *qos;
	const char *unit;
} cases[] = {
	/* Docker */
	{ "/system.slice/docker-" ID1 ".scope", ID1, "docker", "", "", "" },
	{ "/docker/" ID1, ID1, "docker", "", "", "" },
	{ USER1000 "/user.slice/docker-" ID1 ".scope", ID1, "docker", "", "", "" },
	{ "/machine.slice/docker-" ID1 ".scope/init.scope", ID1, "docker", "", "", "" },
	{ "/docker/" ID1 "/system.slice/nginx.service", ID1, "docker", "", "", "" },
	{ "/my-parent/" ID1, ID1, "", "", "", "" },
	{ "/ecs/0123abcd/" ID1, ID1, "docker", "", "", "" },
	{ "/docker/" ID1 " (deleted)", ID1, "docker", "", "", "" },
	/* containerd, systemd driver */
	{ SLICE "/cri-containerd-" ID1 ".scope", ID1, "containerd", POD, "burstable", "" },
	{ BE_SLICE "/cri-containerd-" ID2 ".scope", ID2, "containerd", POD, "besteffort", "" },
	{ "/kubepods.slice/kubepods-pod" POD_ ".slice/cri-containerd-" ID1 ".scope", ID1,
	  "containerd", POD, "guaranteed", "" },
	{ SLICE "/cri-containerd-" ID1 ".scope/system.slice/foo.service", ID1, "containerd", POD,
	  "burstable", "" },
	{ "/system.slice/containerd.service/kubepods-burstable-pod" POD_
	  ".slice:cri-containerd:" ID1,
	  ID1, "containerd", POD, "burstable", "" },
	{ "/kubepods-besteffort-pod" POD_ ".slice:cri-containerd:" ID1, ID1, "containerd", POD,
	  "besteffort", "" },
	{ "/kubepods-pod" POD_ ".slice:cri-containerd:" ID1, ID1, "containerd", POD, "guaranteed",
	  "" },
	{ "/system.slice/nerdctl-" ID1 ".scope", ID1, "containerd", "", "", "" },
	{ "/default/" ID1, ID1, "containerd", "", "", "" },
	/* containerd, cgroupfs driver */
	{ "/kubepods/burstable/pod" POD "/" ID1, ID1, "containerd", POD, "burstable", "" },
	{ "/kubepods/besteffort/pod" POD "/" ID1, ID1, "containerd", POD, "besteffort", "" },
	{ "/kubepods/pod" POD "/" ID1, ID1, "containerd", POD, "guaranteed", "" },
	{ "/kubepods/burstable/pod" STATIC_POD "/" ID1, ID1, "containerd", STATIC_POD, "burstable",
	  "" },
	{ "/k8s.io/" ID1, ID1, "containerd", "", "", "" },
	/* static pod, systemd driver */
	{ "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" STATIC_POD
	  ".slice/cri-containerd-" ID1 ".scope",
	  ID1, "containerd", STATIC_POD, "burstable", "" },
	/* CRI-O */
	{ SLICE "/crio-" ID1 ".scope", ID1, "cri-o", POD, "burstable", "" },
	{ SLICE "/crio-" ID1 ".scope/container", ID1, "cri-o", POD, "burstable", "" },
	{ "/kubepods/burstable/pod" POD "/crio-" ID1, ID1, "cri-o", POD, "burstable", "" },
	{ SLICE "/crio-conmon-" ID1 ".scope", "", "", POD, "burstable", "crio-conmon-" },
	{ "/system.slice/crio-conmon-" ID1 ".scope", "", "", "", "", "crio-conmon-" },
	/* Podman */
	{ "/machine.slice/libpod-" ID1 ".scope", ID1, "podman", "", "", "" },
	{ "/machine.slice/libpod-" ID1 ".scope/container", ID1, "podman", "", "", "" },
	{ "/machine.slice/libpod-" ID1 ".scope/container/init.scope", ID1, "podman", "", "", "" },
	{ "/libpod_parent/libpod-" ID1, ID1, "podman", "", "", "" },
	{ "/libpod_parent/libpod-" ID1 "/container", ID1, "podman", "", "", "" },
	{ USER1000 "/user.slice/libpod-" ID1 ".scope", ID1, "podman", "", "", "" },
	{ USER1000 "/user.slice/user-libpod_pod_" ID2 ".slice/libpod-" ID1 ".scope/container", ID1,
	  "podman", "", "", "" },
	{ "/system.slice/web.service/libpod-payload-" ID1, ID1, "podman", "", "", "" },
	{ "/machine.slice/libpod-conmon-" ID1 ".scope", "", "", "", "", "libpod-conmon-" },
	{ "/libpod_parent/conmon", "", "", "", "", "" },
	/* nested: docker in docker, kind, docker in a pod */
	{ "/docker/" ID1 "/docker/" ID2, ID2, "docker", "", "", "" },
	{ "/system.slice/docker-" ID1 ".scope/system.slice/docker-" ID2 ".scope", ID2, "docker", "",
	  "", "" },
	{ "/docker/" ID1 "/kubelet/kubepods/burstable/pod" POD "/" ID2, ID2, "containerd", POD,
	  "burstable", "" },
	{ "/system.slice/docker-" ID1 ".scope" KIND POD_ ".slice/cri-containerd-" ID2 ".scope", ID2,
	  "containerd", POD, "besteffort", "" },
	{ "/kubepods/burstable/pod" POD "/" ID1 "/docker/" ID2, ID2, "docker", POD, "burstable",
	  "" },
	{ "/kubepods/burstable/pod" POD "/" ID1 "/kubepods/besteffort/pod" POD2 "/" ID2, ID2,
	  "containerd", POD2, "besteffort", "" },
	/* a pod's own cgroup inside a kind node belongs to the pod, not to the node's container */
	{ "/docker/" ID1 "/kubelet/kubepods/burstable/pod" POD, "", "", POD, "burstable", "" },
	{ "/docker/" ID1 "/system.slice/kubelet.service", ID1, "docker", "", "", "" },
	/* seen from inside a cgroup namespace */
	{ "/../../pod" POD "/" ID1, ID1, "", POD, "", "" },
	{ "/../cri-containerd-" ID1 ".scope", ID1, "containerd", "", "", "" },
	{ "/../../../kubepods-besteffort.slice/kubepods-besteffort-pod" POD_ ".slice/crio-" ID1
	  ".scope",
	  ID1, "cri-o", POD, "besteffort", "" },
	/* pods without a container, systemd units */
	{ SLICE, "", "", POD, "burstable", "kubepods-burstable-pod" },
	{ "/system.slice/sshd.service", "", "", "", "", "sshd.service" },
	{ "/system.slice", "", "", "", "", "system.slice" },
	{ "/init.scope", "", "", "", "", "init.scope" },
	{ "/user.slice/user-1000.slice/session-3.scope", "", "", "", "", "session-3.scope" },
	{ USER1000 "/app.slice/app-firefox.service", "", "", "", "", "app-firefox.service" },
	{ "/system.slice/system-getty.slice/getty@tty1.service/control", "", "", "", "",
	  "getty@tty1.service" },
	{ "/system.slice/docker.service", "", "", "", "", "docker.service" },
	/* nothing */
	{ "/", "", "", "", "", "" },
	{ "", "", "", "", "", "" },
	{ "/docker", "", "", "", "", "" },
	{ "/docker/buildkit/1j2k3l4m5n6o7p8q9r0s", "", "", "", "", "" },
	{ "/docker/" ID1 "0", "", "", "", "", "" },
	{ "/docker/1F1F1F1F1F1F1F1F1F1F1F1F1F1F1F1F1F1F1F1F1F1F1F1F1F1F1F1F1F1F1F1F", "", "", "",
	  "", "" },
	{ "/docker/1f1f1f1f1f1f", "", "", "", "", "" },
	{ "/docker-" ID1 ".mount", "", "", "", "", "docker-" },
	{ "/x" ID1, "", "", "", "", "" },
	{ "/foo:" ID1, "", "", "", "", "" },
	{ "/foo:docker:", "", "", "", "", "" },
	{ "/:", "", "", "", "", "" },
	{ "/pod" POD, "", "", "", "", "" },
	{ "/kubepods/burstable/pod0d4e2a1c-7b3f-4c55-9a0e-5f6a7b8c9d0g", "", "", "", "", "" },
	{ "/kubepods/burstable/pod0d4e2a1c-7b3f_4c55-9a0e-5f6a7b8c9d01", "", "", "", "", "" },
	{ "/kubepods/burstable/podcast", "", "", "", "", "" },
	{ "/kubepods.slice/kubepods-burstable-pod.slice", "", "", "", "",
	  "kubepods-burstable-pod.slice" },
	{ "/kubepods", "", "", "", "", "" },
	{ "//\xff\xfe//..///\n/%s%n", "", "", "", "", "" },
	{ "/lxc.payload.web", "", "", "", "", "" },
};

static void each_path_gives_its_identity(void **state)
{
	(void)state;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(cases); i++) {
		struct slo_identity id;
		bool named = slo_identity_parse_path(cases[i].path, &id);
		bool ok = strcmp(id.container_id, cases[i].id) == 0 &&
		          strcmp(id.runtime, cases[i].runtime) == 0 &&
		          strcmp(id.pod_uid, cases[i].pod) == 0 &&
		          strcmp(id.qos, cases[i].qos) == 0 &&
		          named == (cases[i].id[0] || cases[i].pod[0]) &&
		          strncmp(id.unit, cases[i].unit, strlen(cases[i].unit)) == 0 &&
		          !!id.unit[0] == !!cases[i].unit[0];

		if (!ok)
			fail_msg("%s: id '%s' runtime '%s' pod '%s' qos '%s' unit '%s'",
			         cases[i].path, id.container_id, id.runtime, id.pod_uid, id.qos,
			         id.unit);
	}
}

static void long_path_keeps_its_end(void **state)
{
	struct slo_identity id;
	char path[6000];

	(void)state;
	memset(path, 'a', sizeof(path));
	for (size_t i = 0; i < sizeof(path); i += 20)
		path[i] = '/';
	path[sizeof(path) - 1] = '\0';
	assert_false(slo_identity_parse_path(path, &id));
	path[3000] = '\0';
	(void)snprintf(path + 2900, sizeof(path) - 2900, "/docker/" ID1);
	assert_true(slo_identity_parse_path(path, &id));
	assert_string_equal(id.container_id, ID1);
	assert_int_equal(strlen(id.path), sizeof(id.path) - 1);
	assert_memory_equal(id.path, "...", 3);
	assert_non_null(strstr(id.path, "/docker/" ID1));
}

static void every_prefix_of_a_path_is_safe(void **state)
{
	struct slo_identity id;
	char path[300];

	(void)state;
	for (size_t len = 0; len < strlen(cases[8].path); len++) {
		(void)snprintf(path, sizeof(path), "%.*s", (int)len, cases[8].path);
		(void)slo_identity_parse_path(path, &id);
		/* Never a part of the id. */
		assert_true(!id.container_id[0] || strcmp(id.container_id, ID1) == 0);
	}
}

static void best_line_of_proc_is_taken(void **state)
{
	static const struct {
		const char *text;
		const char *id;
		const char *pod;
		const char *path;
	} procs[] = {
		{ "0::/system.slice/docker-" ID1 ".scope\n", ID1, "",
		  "/system.slice/docker-" ID1 ".scope" },
		{ "11:memory:/docker/" ID1 "\n1:name=systemd:/docker/" ID1
		  "\n0::/system.slice/containerd.service\n",
		  ID1, "", "/docker/" ID1 },
		{ "4:memory:/\n3:pids:/kubepods/pod" POD "/" ID1 "\n", ID1, POD,
		  "/kubepods/pod" POD "/" ID1 },
		{ "5:cpu,cpuacct:/docker/" ID2 "\n4:memory:/docker/" ID1 "\n", ID1, "",
		  "/docker/" ID1 },
		{ "9:memory:/\n1:name=systemd:/system.slice/sshd.service\n0::/\n", "", "",
		  "/system.slice/sshd.service" },
		{ "9:memory:/\n0::/\n", "", "", "/" },
		{ "0::/a:b:c\n", "", "", "/a:b:c" },
		{ "", "", "", "" },
		{ "garbage\n:\n1:\n", "", "", "" },
		{ "0::/docker/" ID1, ID1, "", "/docker/" ID1 },
	};

	(void)state;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(procs); i++) {
		struct slo_identity id;

		assert_int_equal(slo_identity_parse_proc(procs[i].text, &id),
		                 procs[i].id[0] != '\0');
		assert_string_equal(id.container_id, procs[i].id);
		assert_string_equal(id.pod_uid, procs[i].pod);
		assert_string_equal(id.path, procs[i].path);
		assert_int_equal(slo_identity_is_known(&id), procs[i].path[0] != '\0');
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_path_gives_its_identity),
		cmocka_unit_test(long_path_keeps_its_end),
		cmocka_unit_test(every_prefix_of_a_path_is_safe),
		cmocka_unit_test(best_line_of_proc_is_taken),
	};

	return cmocka_run_group_tests_name("identity", tests, NULL, NULL);
}
