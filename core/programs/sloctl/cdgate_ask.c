/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/codec/json_load.h"
#include "core/codec/prom_response.h"
#include "core/net/http_client.h"
#include "core/programs/sloctl/cdgate.h"

#define TOKEN_MAX 4096
#define URL_MAX ((size_t)SLO_CD_QUERY_MAX * 3 + 1200)

static void take_body(const json_t *body, struct slo_cd_reading *ret)
{
	struct slo_prom_value v;
	struct slo_err err = { 0 };

	if (slo_prom_response_read(body, &v, &err) < 0) {
		(void)snprintf(ret->why, sizeof(ret->why), "%.159s", err.msg);
		return;
	}
	ret->answer = v.none ? SLO_CD_NO_DATA : SLO_CD_VALUE;
	ret->value = v.value;
	ret->at_ns = v.at_ns;
	(void)snprintf(ret->why, sizeof(ret->why), "%s", v.why);
}

static json_t *load(const char *path, char *why, size_t size)
{
	json_error_t bad;
	FILE *file = fopen(path, "re");
	json_t *v;

	if (!file) {
		(void)snprintf(why, size, "%.100s: %s", path, strerror(errno));
		return NULL;
	}
	v = json_loadf(file, JSON_REJECT_DUPLICATES, &bad);
	(void)fclose(file);
	if (!v)
		(void)snprintf(why, size, "%.60s:%d: %.80s", path, bad.line, bad.text);
	return v;
}

static void read_folder(const char *folder, struct slo_cd_reading *readings)
{
	for (int i = 0; i < SLO_CD_METRIC_MAX_; i++) {
		char path[1024];
		json_t *body;

		(void)snprintf(path, sizeof(path), "%s/%s.json", folder,
		               slo_cd_metric_desc((enum slo_cd_metric)i)->name);
		body = load(path, readings[i].why, sizeof(readings[i].why));
		if (body)
			take_body(body, &readings[i]);
		json_decref(body);
	}
}

static void read_file(const char *path, struct slo_cd_reading *readings)
{
	char why[sizeof(readings->why)] = "";
	json_t *all = load(path, why, sizeof(why));

	for (int i = 0; i < SLO_CD_METRIC_MAX_; i++) {
		const char *name = slo_cd_metric_desc((enum slo_cd_metric)i)->name;
		const json_t *body = json_object_get(all, name);

		if (body)
			take_body(body, &readings[i]);
		else if (all)
			(void)snprintf(readings[i].why, sizeof(readings[i].why),
			               "%.60s has no \"%s\"", path, name);
		else
			(void)snprintf(readings[i].why, sizeof(readings[i].why), "%s", why);
	}
	json_decref(all);
}

void slo_cdgate_recorded(const char *path, struct slo_cd_reading readings[SLO_CD_METRIC_MAX_])
{
	struct stat st;

	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		read_folder(path, readings);
	else
		read_file(path, readings);
}

/* --- a living one -------------------------------------------------------------------------------------------- */

/* "URL/api/v1/query?query=..."; 0 or -ENOSPC. */
static int make_url(const char *base, const char *query, char *buf, size_t size)
{
	size_t len = strlen(base), n;

	while (len && base[len - 1] == '/')
		len--;
	n = (size_t)snprintf(buf, size, "%.*s/api/v1/query?query=", (int)len, base);
	for (; *query && n + 4 < size; query++) {
		if (isalnum((unsigned char)*query) || strchr("-._~", *query))
			buf[n++] = *query;
		else
			n += (size_t)snprintf(buf + n, size - n, "%%%02X", (unsigned char)*query);
	}
	if (*query || n + 4 >= size)
		return -ENOSPC;
	buf[n] = '\0';
	return 0;
}

/* A query that Prometheus refuses comes with its reason, as JSON. */
static void on_answer(void *user, const struct slo_http_reply *reply)
{
	struct slo_cd_reading *r = user;
	json_error_t bad = { 0 };
	json_t *body = NULL;

	if (reply->error) {
		(void)snprintf(r->why, sizeof(r->why), "%.159s", reply->why);
		return;
	}
	(void)slo_json_load(&body, (const char *)reply->body, reply->body_len,
	                    JSON_REJECT_DUPLICATES, &bad);
	if (body && (reply->status == 200 || json_object_get(body, "error")))
		take_body(body, r);
	else if (reply->status != 200)
		(void)snprintf(r->why, sizeof(r->why), "HTTP status %u%s", reply->status,
		               reply->status == 404 ? ": is there a base path missing in the URL?"
		                                    : "");
	else
		(void)snprintf(r->why, sizeof(r->why), "not an answer of Prometheus: %.100s",
		               bad.text);
	json_decref(body);
}

static int read_token(const char *path, char buf[TOKEN_MAX], struct slo_err *err)
{
	size_t n = (size_t)snprintf(buf, TOKEN_MAX, "Bearer ");
	FILE *file = fopen(path, "re");
	size_t got;

	if (!file)
		return slo_err_set(err, -errno, "token %s: %s", path, strerror(errno));
	got = fread(buf + n, 1, TOKEN_MAX - n - 1, file);
	(void)fclose(file);
	while (got && isspace((unsigned char)buf[n + got - 1]))
		got--;
	buf[n + got] = '\0';
	return got ? 0 : slo_err_set(err, -EINVAL, "token %s: empty", path);
}

int slo_cdgate_ask(const struct slo_cdgate_server *server, char queries[][SLO_CD_QUERY_MAX],
                   struct slo_cd_reading readings[SLO_CD_METRIC_MAX_], struct slo_err *err)
{
	char token[TOKEN_MAX] = "", url[URL_MAX];
	const struct slo_http_header header = { "Authorization", token };
	struct slo_http_request req = {
		.method = "GET",
		.url = url,
		.headers = &header,
		.header_count = server->token_file ? 1 : 0,
		.timeout_ms = server->timeout_ms,
		.tls = { .ca_file = server->ca_file },
		.on_done = on_answer,
	};
	int r = server->token_file ? read_token(server->token_file, token, err) : 0;

	for (int i = 0; !r && i < SLO_CD_METRIC_MAX_; i++) {
		struct slo_err why = { 0 };

		req.user = &readings[i];
		if (make_url(server->url, queries[i], url, sizeof(url)) < 0)
			(void)snprintf(readings[i].why, sizeof(readings[i].why),
			               "the URL is too long");
		else if (slo_http_fetch(&req, &why) < 0)
			(void)snprintf(readings[i].why, sizeof(readings[i].why), "%.159s", why.msg);
	}
	explicit_bzero(token, sizeof(token));
	return r;
}
