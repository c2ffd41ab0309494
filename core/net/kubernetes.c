/* SPDX-License-Identifier: Apache-2.0 */
#include "core/net/kubernetes.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/net/backoff.h"

#define ACCOUNT "/var/run/secrets/kubernetes.io/serviceaccount/"
#define PODS_MAX 512
#define PAGE "50" /* pods of one answer: some 20 KB each */
#define PAGE_BYTES ((size_t)16 << 20)
#define LINE_BYTES ((size_t)4 << 20) /* of one event: etcd holds 1.5 MB of an object */
#define TOKEN_MAX 8192
#define WATCH_S "300" /* the server ends a watch then */
#define SILENCE_MS 330000 /* so long none comes from a living one: there are bookmarks */
#define TIMEOUT_MS 15000
#define POLL_MS 10000
#define SHORT_NS SLO_NS_PER_SEC /* a watch that ends sooner is a failure */
#define GONE 410

enum state {
	LIST, /* the next request is one for a page */
	WATCH,
};

struct slo_kubernetes {
	struct slo_kubernetes_config cfg;
	char *api, *token_file, *ca_file, *node;
	struct slo_pod_index *pods;
	enum state state;
	uint64_t request; /* under way; 0: none */
	uint64_t began_ns, now_ns, next_poll_ns;
	struct slo_backoff backoff;
	char version[64], next[2048];
	char *line; /* of a watch, not whole yet */
	size_t line_len, line_size;
	bool skip; /* the rest of a line that was too long */
	bool forgotten; /* the watch said 410 */
	struct slo_kubernetes_stats st;
};

/* --- life ------------------------------------------------------------------------------------------------------ */

bool slo_kubernetes_is_here(void)
{
	return getenv("KUBERNETES_SERVICE_HOST") && access(ACCOUNT "token", R_OK) == 0;
}

static char *default_api(bool kubelet)
{
	const char *host = getenv("KUBERNETES_SERVICE_HOST");
	const char *port = getenv("KUBERNETES_SERVICE_PORT");
	char *text = NULL;

	if (kubelet || !host)
		return kubelet ? strdup("https://127.0.0.1:10250") : NULL;
	if (asprintf(&text, strchr(host, ':') ? "https://[%s]:%s" : "https://%s:%s", host,
	             port ? port : "443") < 0)
		return NULL;
	return text;
}

static int copy_config(struct slo_kubernetes *k, struct slo_err *err)
{
	const struct slo_kubernetes_config *c = &k->cfg;

	k->api = c->api && *c->api ? strdup(c->api) : default_api(c->kubelet);
	if (!k->api)
		return slo_err_set(
			err, -ENOENT,
			"kubernetes: not in a pod: give [kubernetes] api and token_file");
	k->token_file = strdup(c->token_file && *c->token_file ? c->token_file : ACCOUNT "token");
	k->ca_file = strdup(c->ca_file && *c->ca_file ? c->ca_file : ACCOUNT "ca.crt");
	k->node = strdup(c->node);
	if (!k->token_file || !k->ca_file || !k->node)
		return slo_err_set(err, -ENOMEM, "kubernetes: out of memory");
	for (size_t n = strlen(k->api); n && k->api[n - 1] == '/'; n--)
		k->api[n - 1] = '\0';
	return 0;
}

int slo_kubernetes_new(struct slo_kubernetes **ret, const struct slo_kubernetes_config *cfg,
                       struct slo_err *err)
{
	slo_kubernetes_auto struct slo_kubernetes *k = calloc(1, sizeof(*k));
	int r;

	if (!k)
		return slo_err_set(err, -ENOMEM, "kubernetes: out of memory");
	k->cfg = *cfg;
	k->backoff = (struct slo_backoff){ .base_ms = 1000,
		                           .cap_ms = 60000,
		                           .random = slo_clock_realtime_ns() };
	r = copy_config(k, err);
	if (!r)
		r = slo_pod_index_new(&k->pods, cfg->max_pods ? cfg->max_pods : PODS_MAX, err);
	if (r < 0)
		return r;
	*ret = slo_take_ptr(k);
	return 0;
}

void slo_kubernetes_freep(struct slo_kubernetes **kp)
{
	struct slo_kubernetes *k = *kp;

	if (!k)
		return;
	if (k->request)
		slo_http_client_cancel(k->cfg.client, k->request);
	slo_pod_index_freep(&k->pods);
	free(k->api);
	free(k->token_file);
	free(k->ca_file);
	free(k->node);
	free(k->line);
	free(k);
	*kp = NULL;
}

/* --- answers --------------------------------------------------------------------------------------------------- */

static void fail(struct slo_kubernetes *k, int64_t retry_after_ms)
{
	k->st.failures++;
	slo_backoff_fail(&k->backoff, slo_clock_monotonic_ns(), retry_after_ms);
}

static void succeed(struct slo_kubernetes *k)
{
	slo_backoff_succeed(&k->backoff, slo_clock_monotonic_ns());
	k->st.why[0] = '\0';
}

static void relist(struct slo_kubernetes *k)
{
	k->state = LIST;
	k->next[0] = k->version[0] = '\0';
	k->st.relists++;
}

static void on_pod(void *user, enum slo_pod_event event, const struct slo_pod *pod)
{
	struct slo_kubernetes *k = user;

	if (event == SLO_POD_GONE)
		slo_pod_index_gone(k->pods, pod->uid, slo_clock_monotonic_ns());
	else
		slo_pod_index_put(k->pods, pod);
	if (event != SLO_POD_LISTED)
		k->st.events++;
}

static void take_page(struct slo_kubernetes *k, const struct slo_pod_page *page)
{
	(void)snprintf(k->version, sizeof(k->version), "%s", page->version);
	(void)snprintf(k->next, sizeof(k->next), "%s", page->next);
	succeed(k);
	if (*k->next)
		return;
	slo_pod_index_list_end(k->pods, slo_clock_monotonic_ns());
	k->st.lists++;
	k->st.synced = true;
	if (k->cfg.kubelet)
		k->next_poll_ns = slo_clock_monotonic_ns() +
		                  (k->cfg.poll_ms ? k->cfg.poll_ms : POLL_MS) * SLO_NS_PER_MS;
	else
		k->state = WATCH;
}

/* True: the reply is as wished. Else it is accounted for. */
static bool is_fine(struct slo_kubernetes *k, const struct slo_http_reply *reply)
{
	k->request = 0;
	if (reply->error == 0 && reply->status == 200)
		return true;
	if (reply->error == -ECANCELED)
		return false;
	if (reply->error == 0 && reply->status == GONE) {
		relist(k);
		return false;
	}
	if (reply->error) {
		(void)snprintf(k->st.why, sizeof(k->st.why), "%s", reply->why);
	} else {
		const char *hint = reply->status == 401 ? ": the token is not taken"
		                   : reply->status == 403
		                           ? ": the account may not list and watch pods"
		                           : "";

		(void)snprintf(k->st.why, sizeof(k->st.why), "%.128s: HTTP status %u%s", k->api,
		               reply->status, hint);
	}
	fail(k, reply->retry_after_ms);
	return false;
}

static void on_list(void *user, const struct slo_http_reply *reply)
{
	struct slo_kubernetes *k = user;
	struct slo_pod_page page = { 0 };
	struct slo_err err = { 0 };

	if (!is_fine(k, reply))
		return;
	if (k->cfg.read((const char *)reply->body, reply->body_len, on_pod, k, &page, &err) < 0 ||
	    page.code) {
		(void)snprintf(k->st.why, sizeof(k->st.why), "%.100s: %.150s", k->api,
		               page.code ? page.why : err.msg);
		relist(k);
		fail(k, -1);
		return;
	}
	take_page(k, &page);
}

static void take_line(struct slo_kubernetes *k)
{
	struct slo_pod_page page = { 0 };

	if (!k->line_len)
		return;
	if (k->cfg.read(k->line, k->line_len, on_pod, k, &page, NULL) < 0)
		k->st.bad_lines++;
	else if (page.code)
		k->forgotten = true; /* 410 as a rule; after any other error a list is right too */
	else if (*page.version)
		(void)snprintf(k->version, sizeof(k->version), "%s", page.version);
}

static bool keep(struct slo_kubernetes *k, const char *data, size_t len)
{
	size_t size = k->line_size ? k->line_size : 65536;
	char *line;

	if (k->line_len + len > LINE_BYTES)
		return false;
	while (size < k->line_len + len)
		size *= 2;
	if (size != k->line_size) {
		line = realloc(k->line, size);
		if (!line)
			return false;
		k->line = line;
		k->line_size = size;
	}
	memcpy(k->line + k->line_len, data, len);
	k->line_len += len;
	return true;
}

static int on_piece(void *user, const uint8_t *bytes, size_t len)
{
	struct slo_kubernetes *k = user;
	const char *data = (const char *)bytes;

	while (len && !k->forgotten) {
		const char *end = memchr(data, '\n', len);
		size_t n = end ? (size_t)(end - data) : len;

		if (!k->skip && !keep(k, data, n)) {
			k->skip = true;
			k->st.bad_lines++;
		}
		if (end) {
			if (!k->skip)
				take_line(k);
			k->line_len = 0;
			k->skip = false;
			n++;
		}
		data += n;
		len -= n;
	}
	return k->forgotten;
}

static void on_watch(void *user, const struct slo_http_reply *reply)
{
	struct slo_kubernetes *k = user;
	uint64_t now = slo_clock_monotonic_ns();

	k->line_len = 0;
	k->skip = false;
	if (k->forgotten) {
		k->forgotten = false;
		k->request = 0;
		relist(k);
		/* A server that answers every watch so is not to be asked in a circle. */
		if (now - k->began_ns < SHORT_NS)
			fail(k, -1);
	} else if (is_fine(k, reply) || (reply->error && now - k->began_ns > SHORT_NS)) {
		k->request = 0;
		if (now - k->began_ns > SHORT_NS)
			succeed(k);
		else
			fail(k, -1);
	}
}

/* --- requests -------------------------------------------------------------------------------------------------- */

static void put_encoded(char *buf, size_t size, const char *text)
{
	size_t n = strlen(buf);

	for (; *text && n + 4 < size; text++) {
		if (isalnum((unsigned char)*text) || strchr("-._~", *text))
			buf[n++] = *text;
		else
			n += (size_t)snprintf(buf + n, size - n, "%%%02X", (unsigned char)*text);
	}
	buf[n] = '\0';
}

static void make_url(const struct slo_kubernetes *k, char *buf, size_t size)
{
	size_t n;

	if (k->cfg.kubelet) {
		(void)snprintf(buf, size, "%s/pods", k->api);
		return;
	}
	(void)snprintf(buf, size, "%.1024s/api/v1/pods?fieldSelector=spec.nodeName%%3D", k->api);
	put_encoded(buf, size, k->node);
	n = strlen(buf);
	if (k->state == WATCH) {
		(void)snprintf(buf + n, size - n,
		               "&watch=1&allowWatchBookmarks=true&timeoutSeconds=" WATCH_S
		               "&resourceVersion=");
		put_encoded(buf, size, k->version);
		return;
	}
	(void)snprintf(buf + n, size - n, "&limit=" PAGE "%s", *k->next ? "&continue=" : "");
	put_encoded(buf, size, k->next);
}

/* "Bearer ..."; "": there is none, which a proxy on this host may do without. */
static void read_token(const struct slo_kubernetes *k, char buf[TOKEN_MAX])
{
	size_t n = (size_t)snprintf(buf, TOKEN_MAX, "Bearer "), got;
	FILE *file = fopen(k->token_file, "re");

	got = file ? fread(buf + n, 1, TOKEN_MAX - n - 1, file) : 0;
	if (file)
		(void)fclose(file);
	while (got && isspace((unsigned char)buf[n + got - 1]))
		got--;
	buf[got ? n + got : 0] = '\0';
}

static void ask(struct slo_kubernetes *k)
{
	char token[TOKEN_MAX], url[4096];
	const struct slo_http_header headers[] = { { "Accept", "application/json" },
		                                   { "Authorization", token } };
	bool watch = k->state == WATCH;
	struct slo_http_request req = {
		.method = "GET",
		.url = url,
		.headers = headers,
		.timeout_ms = watch ? SILENCE_MS : TIMEOUT_MS,
		.max_reply_bytes = PAGE_BYTES,
		.tls = { .ca_file = access(k->ca_file, R_OK) == 0 ? k->ca_file : NULL },
		.on_data = watch ? on_piece : NULL,
		.on_done = watch ? on_watch : on_list,
		.user = k,
	};
	struct slo_err err = { 0 };

	read_token(k, token);
	req.header_count = *token ? 2 : 1;
	make_url(k, url, sizeof(url));
	if (!watch && !*k->next)
		slo_pod_index_list_begin(k->pods);
	k->began_ns = slo_clock_monotonic_ns();
	if (slo_http_client_submit(k->cfg.client, &req, &k->request, &err) < 0) {
		(void)snprintf(k->st.why, sizeof(k->st.why), "%s", err.msg);
		k->request = 0;
		fail(k, -1);
	}
	explicit_bzero(token, sizeof(token));
}

void slo_kubernetes_tick(struct slo_kubernetes *k, uint64_t now_ns)
{
	slo_pod_index_expire(k->pods, now_ns);
	if (k->request || slo_backoff_waits(&k->backoff, now_ns))
		return;
	if (k->cfg.kubelet && now_ns < k->next_poll_ns)
		return;
	ask(k);
}

bool slo_kubernetes_find(const struct slo_kubernetes *k, const char *pod_uid,
                         const char *container_id, struct slo_pod_names *ret)
{
	return slo_pod_index_find(k->pods, pod_uid, container_id, ret);
}

size_t slo_kubernetes_pods(const struct slo_kubernetes *k)
{
	return slo_pod_index_count(k->pods);
}

void slo_kubernetes_stats(const struct slo_kubernetes *k, struct slo_kubernetes_stats *ret)
{
	*ret = k->st;
}
