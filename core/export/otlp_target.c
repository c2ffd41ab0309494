/* SPDX-License-Identifier: Apache-2.0 */
#include "core/export/otlp_target.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define TIMEOUT_DEFAULT_MS 10000
#define GRPC_PORT 4317
#define VARIABLE_SIZE 64

static const struct {
	const char *name; /* in paths */
	const char *variable; /* in the names of variables */
} kinds[] = {
	[SLO_OTLP_TRACES] = { "traces", "TRACES" },
	[SLO_OTLP_LOGS] = { "logs", "LOGS" },
	[SLO_OTLP_METRICS] = { "metrics", "METRICS" },
};
SLO_TABLE_COMPLETE(kinds, SLO_OTLP_KIND_MAX_);

const char *slo_otlp_kind_name(enum slo_otlp_kind kind)
{
	return kinds[kind].name;
}

/* --- the environment ------------------------------------------------------------------------------------------ */

static const char *lookup(char *const *environment, const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; environment && environment[i]; i++) {
		if (strncmp(environment[i], name, n) == 0 && environment[i][n] == '=')
			return environment[i] + n + 1;
	}
	return "";
}

/* The signal's own variable goes before that of all signals; an empty one is none. @name: the one that was taken. */
static const char *env_named(const struct slo_otlp_exporter_config *cfg, enum slo_otlp_kind kind,
                             const char *what, char name[VARIABLE_SIZE])
{
	const char *value;

	(void)snprintf(name, VARIABLE_SIZE, "OTEL_EXPORTER_OTLP_%s_%s", kinds[kind].variable, what);
	value = lookup(cfg->environment, name);
	if (*value)
		return value;
	(void)snprintf(name, VARIABLE_SIZE, "OTEL_EXPORTER_OTLP_%s", what);
	return lookup(cfg->environment, name);
}

static const char *env_of(const struct slo_otlp_exporter_config *cfg, enum slo_otlp_kind kind,
                          const char *what)
{
	char name[VARIABLE_SIZE];

	return env_named(cfg, kind, what, name);
}

static const char *or_env(const char *configured, const struct slo_otlp_exporter_config *cfg,
                          enum slo_otlp_kind kind, const char *what)
{
	return configured && *configured ? configured : env_of(cfg, kind, what);
}

static const char *own_endpoint(const struct slo_otlp_exporter_config *cfg, enum slo_otlp_kind kind)
{
	char name[64];

	(void)snprintf(name, sizeof(name), "OTEL_EXPORTER_OTLP_%s_ENDPOINT", kinds[kind].variable);
	return lookup(cfg->environment, name);
}

/* --- addresses ------------------------------------------------------------------------------------------------ */

static unsigned long port_of(const char *url)
{
	const char *at = strstr(url, "://");
	size_t n;
	const char *colon = NULL;

	at = at ? at + 3 : url;
	n = strcspn(at, "/?#");
	for (size_t i = 0; i < n; i++) {
		if (at[i] == ':')
			colon = at + i;
		if (at[i] == ']' || at[i] == '@')
			colon = NULL;
	}
	return colon ? strtoul(colon + 1, NULL, 10) : 0;
}

static int check_url(const char *url, struct slo_err *err)
{
	if (strncasecmp(url, "http://", 7) != 0 && strncasecmp(url, "https://", 8) != 0)
		return slo_err_set(err, -EINVAL,
		                   "otlp endpoint '%.80s' begins with neither http:// nor https://",
		                   url);
	if (port_of(url) == GRPC_PORT) {
		return slo_err_set(
			err, -EINVAL,
			"otlp endpoint '%.80s': port 4317 is where collectors speak gRPC; this "
			"is an OTLP/HTTP exporter: use their HTTP port, usually 4318",
			url);
	}
	return 0;
}

/* The base URL and the signal's path, with one slash between them. */
static char *appended(const char *base, enum slo_otlp_kind kind)
{
	size_t n = strlen(base), size = n + 16;
	char *url = malloc(size);

	while (n && base[n - 1] == '/')
		n--;
	if (url)
		(void)snprintf(url, size, "%.*s/v1/%s", (int)n, base, kinds[kind].name);
	return url;
}

static int choose_url(struct slo_otlp_target *t, enum slo_otlp_kind kind,
                      const struct slo_otlp_exporter_config *cfg, struct slo_err *err)
{
	const char *own = own_endpoint(cfg, kind);
	const char *base = cfg->endpoint && *cfg->endpoint
	                           ? cfg->endpoint
	                           : lookup(cfg->environment, "OTEL_EXPORTER_OTLP_ENDPOINT");
	bool as_it_is = *own && !(cfg->endpoint && *cfg->endpoint);
	int r;

	if (!as_it_is && !*base)
		return 0;
	r = check_url(as_it_is ? own : base, err);
	if (r < 0)
		return r;
	t->url = as_it_is ? strdup(own) : appended(base, kind);
	return t->url ? 0 : slo_err_set(err, -ENOMEM, "otlp: no memory");
}

/* --- headers -------------------------------------------------------------------------------------------------- */

static int hex(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *p = c ? strchr(digits, tolower((unsigned char)c)) : NULL;

	return p ? (int)(p - digits) : -1;
}

static void decode(char *s)
{
	char *to = s;

	for (; *s; s++) {
		int high = *s == '%' ? hex(s[1]) : -1;
		int low = high >= 0 ? hex(s[2]) : -1;

		if (low < 0) {
			*to++ = *s;
			continue;
		}
		*to++ = (char)(high << 4 | low);
		s += 2;
	}
	*to = '\0';
}

static char *trimmed(char *s)
{
	size_t n;

	while (isspace((unsigned char)*s))
		s++;
	for (n = strlen(s); n && isspace((unsigned char)s[n - 1]); n--)
		s[n - 1] = '\0';
	return s;
}

static int add_header(struct slo_otlp_target *t, char *item, struct slo_err *err)
{
	char *value = strchr(item, '=');
	char *name = item;

	if (!*trimmed(item))
		return 0;
	if (!value || t->header_count == SLO_OTLP_HEADERS_MAX) {
		/* The text stays out of the message: it may be half a secret. */
		return slo_err_set(err, -EINVAL,
		                   value ? "otlp headers: more than %d"
		                         : "otlp headers: an item is not of the form name=value "
		                           "(items are separated by commas, at most %d)",
		                   SLO_OTLP_HEADERS_MAX);
	}
	*value++ = '\0';
	name = trimmed(name);
	value = trimmed(value);
	decode(value);
	if (!*name || strpbrk(name, " \t:\r\n") || strpbrk(value, "\r\n"))
		return slo_err_set(err, -EINVAL,
		                   "otlp headers: '%.40s' is not a header's name, or its "
		                   "value has a line break",
		                   name);
	t->header[t->header_count].name = name;
	t->header[t->header_count++].value = value;
	return 0;
}

static int read_headers(struct slo_otlp_target *t, const char *text, struct slo_err *err)
{
	char *at, *item;
	int r = 0;

	t->text = strdup(text);
	if (!t->text)
		return slo_err_set(err, -ENOMEM, "otlp: no memory");
	at = t->text;
	while (r == 0 && (item = strsep(&at, ",")))
		r = add_header(t, item, err);
	return r;
}

/* --- the rest ------------------------------------------------------------------------------------------------- */

static int check_protocol(const struct slo_otlp_exporter_config *cfg, enum slo_otlp_kind kind,
                          struct slo_err *err)
{
	char name[VARIABLE_SIZE];
	const char *protocol = env_named(cfg, kind, "PROTOCOL", name);

	/* It speaks of the environment's endpoint, not of ours. */
	if ((cfg->endpoint && *cfg->endpoint) || !*protocol ||
	    strcmp(protocol, "http/protobuf") == 0)
		return 0;
	return slo_err_set(err, -EINVAL, "%s is '%.40s': only http/protobuf is spoken here", name,
	                   protocol);
}

/*
 * A number or word that cannot be used is as one that is not set, and is warned of ("Parsing environment variables" in the
 * specification): settings that a whole cluster shares must not keep the agent of each node from its start.
 */
static void read_timeout(struct slo_otlp_target *t, const struct slo_otlp_exporter_config *cfg,
                         enum slo_otlp_kind kind)
{
	char name[VARIABLE_SIZE];
	const char *text = env_named(cfg, kind, "TIMEOUT", name);
	char *end;
	unsigned long long ms;

	t->timeout_ms = cfg->timeout_ms ? cfg->timeout_ms : TIMEOUT_DEFAULT_MS;
	if (cfg->timeout_ms || !*text)
		return;
	ms = strtoull(text, &end, 10);
	if (*end || !isdigit((unsigned char)*text) || ms < 1 || ms > 3600000) {
		(void)slo_err_set(cfg->ignored, -EINVAL,
		                  "%s is ignored: '%.40s' is no number of milliseconds from 1 to "
		                  "3600000",
		                  name, text);
		return;
	}
	t->timeout_ms = ms;
}

/* "none" switches off what the endpoint's own configuration did not ask for. */
static void read_compression(struct slo_otlp_target *t, const struct slo_otlp_exporter_config *cfg,
                             enum slo_otlp_kind kind)
{
	char name[VARIABLE_SIZE];
	const char *text = env_named(cfg, kind, "COMPRESSION", name);
	bool configured = cfg->endpoint && *cfg->endpoint;

	t->gzip = cfg->gzip;
	if (!*text || configured)
		return;
	if (strcmp(text, "gzip") != 0 && strcmp(text, "none") != 0) {
		(void)slo_err_set(cfg->ignored, -EINVAL,
		                  "%s is ignored: '%.40s' is neither gzip nor none", name, text);
		return;
	}
	t->gzip = *text == 'g';
}

static int copy_files(struct slo_otlp_target *t, enum slo_otlp_kind kind,
                      const struct slo_otlp_exporter_config *cfg, struct slo_err *err)
{
	const char *from[SLO_OTLP_FILES] = {
		or_env(cfg->tls.ca_file, cfg, kind, "CERTIFICATE"),
		or_env(cfg->tls.cert_file, cfg, kind, "CLIENT_CERTIFICATE"),
		or_env(cfg->tls.key_file, cfg, kind, "CLIENT_KEY"),
	};

	for (size_t i = 0; i < SLO_OTLP_FILES; i++) {
		t->file[i] = strdup(from[i]);
		if (!t->file[i])
			return slo_err_set(err, -ENOMEM, "otlp: no memory");
	}
	t->tls = (struct slo_http_tls){ t->file[0], t->file[1], t->file[2] };
	return 0;
}

static int fill(struct slo_otlp_target *t, enum slo_otlp_kind kind,
                const struct slo_otlp_exporter_config *cfg, struct slo_err *err)
{
	int r = choose_url(t, kind, cfg, err);

	if (r < 0 || !t->url)
		return r;
	r = check_protocol(cfg, kind, err);
	if (r == 0)
		r = read_headers(t, or_env(cfg->headers, cfg, kind, "HEADERS"), err);
	if (r < 0)
		return r;
	read_timeout(t, cfg, kind);
	read_compression(t, cfg, kind);
	return copy_files(t, kind, cfg, err);
}

int slo_otlp_target_init(struct slo_otlp_target *ret, enum slo_otlp_kind kind,
                         const struct slo_otlp_exporter_config *cfg, struct slo_err *err)
{
	struct slo_otlp_target t = { 0 };
	int r = fill(&t, kind, cfg, err);

	if (r < 0) {
		slo_otlp_target_fini(&t);
		return r;
	}
	*ret = t;
	return 0;
}

void slo_otlp_target_fini(struct slo_otlp_target *t)
{
	free(t->url);
	free(t->text);
	for (size_t i = 0; i < SLO_OTLP_FILES; i++)
		free(t->file[i]);
	*t = (struct slo_otlp_target){ 0 };
}
