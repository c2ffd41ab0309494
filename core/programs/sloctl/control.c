/* SPDX-License-Identifier: Apache-2.0 */
#include "core/programs/sloctl/control.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include "core/base/jsonw.h"
#include "core/base/plain.h"
#include "core/codec/json_load.h"
#include "core/programs/sloctl/commands.h"
#include "core/programs/sloctl/load_config.h"

#define ANSWER_MAX ((size_t)8 << 20)
#define WAIT_S 10

static int dial(const char *path, struct slo_err *err)
{
	slo_cleanup(slo_closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const struct timeval limit = { .tv_sec = WAIT_S };
	struct sockaddr_un at = { .sun_family = AF_UNIX };

	if (fd < 0)
		return slo_err_set(err, -errno, "%s", strerror(errno));
	if (strlen(path) >= sizeof(at.sun_path))
		return slo_err_set(err, -ENAMETOOLONG, "%s: longer than a socket's name can be",
		                   path);
	memcpy(at.sun_path, path, strlen(path));
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	if (connect(fd, (const struct sockaddr *)&at, sizeof(at)) == 0)
		return slo_take_fd(fd);
	if (errno == EACCES || errno == EPERM)
		return slo_err_set(err, -EACCES,
		                   "%s: only the agent's user may ask it: try as root", path);
	return slo_err_set(err, -errno,
	                   "no agent answers at %s (%s): is it running, with this [agent] control?",
	                   path, strerror(errno));
}

static int send_request(int fd, const char *cmd, const char *id, struct slo_err *err)
{
	char line[512];
	struct slo_jsonw w;
	ssize_t n;

	slo_jsonw_init(&w, line, sizeof(line) - 1);
	slo_jsonw_object_begin(&w);
	slo_jsonw_member_str(&w, "cmd", cmd);
	if (id) {
		slo_jsonw_member_str(&w, "id", id);
	}
	slo_jsonw_object_end(&w);
	n = slo_jsonw_finish(&w);
	if (n < 0)
		return slo_err_set(err, -E2BIG, "the id is too long");
	line[n] = '\n';
	if (send(fd, line, (size_t)n + 1, MSG_NOSIGNAL) != n + 1)
		return slo_err_set(err, -errno, "asking the agent: %s", strerror(errno));
	return 0;
}

static int read_answer(int fd, json_t **ret, struct slo_err *err)
{
	slo_cleanup(slo_freep) char *text = malloc(ANSWER_MAX);
	json_error_t bad;
	size_t len = 0;
	ssize_t n;
	int r;

	if (!text)
		return slo_err_set(err, -ENOMEM, "out of memory");
	while ((n = read(fd, text + len, ANSWER_MAX - len)) > 0)
		len += (size_t)n;
	if (n < 0)
		return slo_err_set(err, errno == EAGAIN ? -ETIMEDOUT : -errno,
		                   "the agent does not answer: %s",
		                   errno == EAGAIN ? "10 s went by" : strerror(errno));
	if (!len)
		return slo_err_set(err, -EBUSY, "the agent hung up: too many ask it at once");
	r = slo_json_load(ret, text, len, 0, &bad);
	return r < 0 ? slo_err_set(err, r, "the agent's answer: %s",
	                           r == -ENOMEM ? "no memory" : bad.text)
	             : 0;
}

int slo_control_ask(const char *path, const char *cmd, const char *id, json_t **ret,
                    struct slo_err *err)
{
	slo_cleanup(slo_closep) int fd = dial(path, err);
	json_t *answer = NULL;
	const char *why;
	int r;

	if (fd < 0)
		return fd;
	r = send_request(fd, cmd, id, err);
	if (!r)
		r = read_answer(fd, &answer, err);
	if (r < 0)
		return r;
	why = json_string_value(json_object_get(answer, "error"));
	if (why) {
		r = slo_err_set(err, -ESRCH, "the agent says: %.200s", why);
		json_decref(answer);
		return r;
	}
	*ret = answer;
	return 0;
}

int slo_control_path(const char *prog, const char *config, const char *given, char *buf,
                     size_t size)
{
	slo_config_auto struct slo_config *cfg = NULL;
	int r = given ? 0 : slo_tool_load_config(prog, config, NULL, &cfg);

	if (r)
		return r;
	if (!given && !*cfg->agent.control)
		return slo_options_usage_error(prog,
		                               "[agent] control is empty: the agent listens to "
		                               "nobody; else name its socket by --control");
	(void)snprintf(buf, size, "%s", given ? given : cfg->agent.control);
	return 0;
}

const char *slo_control_text(const json_t *object, const char *key)
{
	const char *s = json_string_value(json_object_get(object, key));

	return s ? s : "";
}

const char *slo_control_plain(const json_t *object, const char *key)
{
	/* The answer is nobody else's, and keeps its length. */
	return slo_plain((char *)(uintptr_t)slo_control_text(object, key));
}

const char *slo_control_silent(const json_t *item)
{
	return json_is_true(json_object_get(item, "silent")) ? " (too few requests since)" : "";
}

const char *slo_control_service(const json_t *object, char buf[256])
{
	const char *namespace_ = slo_control_text(object, "namespace");

	(void)snprintf(buf, 256, "%.120s%s%.120s", namespace_, *namespace_ ? "/" : "",
	               slo_control_text(object, "service"));
	return slo_plain(buf);
}

const char *slo_control_time(const json_t *object, const char *key, char buf[24])
{
	const char *text = slo_control_text(object, key);

	(void)snprintf(buf, 24, "%.19s%s", text, *text ? "Z" : "");
	return slo_plain(buf);
}

double slo_control_number(const json_t *object, const char *key)
{
	return json_number_value(json_object_get(object, key));
}

int slo_control_explain(const char *path, const char *service, char *buf, size_t size,
                        struct slo_err *err)
{
	json_t *all = NULL, *item;
	char name[256];
	int r = slo_control_ask(path, "incidents", NULL, &all, err);
	size_t i;

	if (r < 0)
		return r;
	r = slo_err_set(err, -ENOENT, "the agent has no open incident%s%s",
	                service ? " of service " : "", service ? service : "");
	json_array_foreach(json_object_get(all, "incidents"), i, item)
	{
		const json_t *in = json_object_get(item, "incident");

		if (strcmp(slo_control_text(item, "state"), "open") != 0 ||
		    (service && strcmp(slo_control_text(in, "service"), service) != 0))
			continue;
		(void)snprintf(buf, size, "%s, confidence %.2f, incident %s (service %s)",
		               slo_control_text(in, "predicted_fault_domain"),
		               json_number_value(json_object_get(in, "confidence")),
		               slo_control_text(in, "incident_id"), slo_control_service(in, name));
		r = 0;
		break;
	}
	json_decref(all);
	return r;
}
