/* SPDX-License-Identifier: Apache-2.0 */
#include "core/net/webhook_message.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/base/clock.h"
#include "core/base/jsonw.h"
#include "core/net/sign.h"
#include "core/net/webhook_format.h"

#define ROUTING_KEY_LEN 32
#define REPLY_MAX 65536
#define TIMEOUT_DEFAULT_MS 5000
#define PREFIX "whsec_" /* of a Standard Webhooks secret */

/* Before id, suffix and body. */
struct record_head {
	uint16_t id_len, suffix_len;
};

/* --- records -------------------------------------------------------------------------------------------------- */

static uint32_t tag_of(enum slo_webhook_format format, enum slo_notice_kind kind)
{
	return (uint32_t)format | (uint32_t)kind << 8;
}

int slo_webhook_message_encode(enum slo_webhook_format format, const struct slo_notice *n,
                               enum slo_notice_kind kind, uint8_t **ret, size_t *ret_len,
                               uint32_t *ret_tag)
{
	const struct slo_webhook_format_desc *desc = slo_webhook_format_desc(format);
	char id[SLO_WEBHOOK_ID_LEN], suffix[256] = "";
	struct record_head head;
	struct slo_jsonw w;
	size_t at;
	uint8_t *buf;
	int len = snprintf(id, sizeof(id), "%s%s", n->id, kind != n->kind ? "-end" : "");

	if (!*n->id || !*n->dedup_key || (size_t)len >= sizeof(id))
		return -EINVAL;
	if (desc->suffix)
		desc->suffix(n, kind, suffix, sizeof(suffix));
	head = (struct record_head){ (uint16_t)len, (uint16_t)strlen(suffix) };
	at = sizeof(head) + head.id_len + head.suffix_len;
	slo_jsonw_init(&w, NULL, 0);
	desc->write(&w, n, kind);
	buf = malloc(at + w.len + 1);
	if (!buf)
		return -ENOMEM;
	memcpy(buf, &head, sizeof(head));
	memcpy(buf + sizeof(head), id, head.id_len);
	memcpy(buf + sizeof(head) + head.id_len, suffix, head.suffix_len);
	slo_jsonw_init(&w, (char *)buf + at, w.len + 1);
	desc->write(&w, n, kind);
	*ret = buf;
	*ret_len = at + (size_t)slo_jsonw_finish(&w);
	*ret_tag = tag_of(format, kind);
	return 0;
}

bool slo_webhook_message_decode(enum slo_webhook_format format, uint32_t tag, const uint8_t *data,
                                size_t len, struct slo_webhook_message *ret)
{
	const char *text = (const char *)data;
	struct record_head head;

	if (len < sizeof(head) || (tag & 0xff) != (uint32_t)format ||
	    tag >> 8 >= SLO_NOTICE_KIND_MAX_)
		return false;
	memcpy(&head, data, sizeof(head));
	if (head.id_len >= SLO_WEBHOOK_ID_LEN ||
	    len - sizeof(head) < (size_t)head.id_len + head.suffix_len)
		return false;
	text += sizeof(head);
	len -= sizeof(head) + head.id_len + head.suffix_len;
	*ret = (struct slo_webhook_message){ .kind = (enum slo_notice_kind)(tag >> 8),
		                             .id = text,
		                             .id_len = head.id_len,
		                             .suffix = text + head.id_len,
		                             .suffix_len = head.suffix_len,
		                             .body = text + head.id_len + head.suffix_len,
		                             .body_len = len };
	return true;
}

ssize_t slo_webhook_dead_line(char *buf, size_t size, const struct slo_webhook_message *m,
                              enum slo_webhook_format format, unsigned int status, const char *why)
{
	char time[SLO_CLOCK_RFC3339_SIZE];
	struct slo_jsonw w;

	for (int with_body = 1; with_body >= 0; with_body--) {
		slo_jsonw_init(&w, buf, size);
		slo_jsonw_object_begin(&w);
		slo_jsonw_member_str(&w, "timestamp",
		                     slo_clock_rfc3339(slo_clock_realtime_ns(), time));
		slo_jsonw_key(&w, "id");
		slo_jsonw_strn(&w, m->id, m->id_len);
		slo_jsonw_member_str(&w, "format", slo_webhook_format_desc(format)->name);
		slo_jsonw_member_str(&w, "event", slo_notice_kind_name(m->kind));
		slo_jsonw_member_u64(&w, "status", status);
		slo_jsonw_member_str(&w, "why", why);
		slo_jsonw_key(&w, with_body ? "body" : "body_bytes");
		if (with_body) {
			slo_jsonw_strn(&w, m->body, m->body_len);
		} else {
			slo_jsonw_u64(&w, m->body_len);
		}
		slo_jsonw_object_end(&w);
		w.comma = false;
		slo_jsonw_raw(&w, "\n", 1);
		if (!w.overflow)
			break;
	}
	return slo_jsonw_finish(&w);
}

/* --- where to ------------------------------------------------------------------------------------------------- */

static bool ends_in(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n >= m && strcmp(s + n - m, end) == 0;
}

static int set_url(struct slo_webhook_sender *s, const struct slo_webhook_config *cfg,
                   const struct slo_webhook_format_desc *desc, struct slo_err *err)
{
	const char *base = cfg->url && *cfg->url ? cfg->url : desc->url;
	size_t n = strlen(base), size = n + strlen(desc->path) + 1;

	if (!*base)
		return slo_err_set(err, -EINVAL, "format %s needs a url", desc->name);
	/* The address itself stays out of the message: Slack's is a secret. */
	if (strncasecmp(base, "http://", 7) != 0 && strncasecmp(base, "https://", 8) != 0)
		return slo_err_set(err, -EINVAL,
		                   "the url begins with neither http:// nor https://");
	s->url = malloc(size);
	if (!s->url)
		return slo_err_set(err, -ENOMEM, "no memory");
	if (strchr(base, '?') || ends_in(base, desc->path)) {
		(void)snprintf(s->url, size, "%s", base);
		return 0;
	}
	while (n && base[n - 1] == '/')
		n--;
	(void)snprintf(s->url, size, "%.*s%s", (int)n, base, desc->path);
	return 0;
}

static int check_secret(const char *secret, const struct slo_webhook_format_desc *desc,
                        struct slo_err *err)
{
	size_t n = strlen(secret);

	if (desc->needs_secret && !n)
		return slo_err_set(
			err, -EINVAL,
			"format %s needs a %s: set secret_file, or SLO_WEBHOOK_SECRET", desc->name,
			desc->auth == SLO_WEBHOOK_ROUTING_KEY ? "routing key" : "API key");
	for (size_t i = 0; i < n; i++) {
		if (isgraph((unsigned char)secret[i]))
			continue;
		return slo_err_set(err, -EINVAL,
		                   "the secret has blanks, control or non-ASCII "
		                   "characters");
	}
	if (desc->auth == SLO_WEBHOOK_ROUTING_KEY &&
	    (n != ROUTING_KEY_LEN || strpbrk(secret, "\"\\")))
		return slo_err_set(
			err, -EINVAL,
			"a routing key of PagerDuty has %d characters, the secret has %zu",
			ROUTING_KEY_LEN, n);
	return 0;
}

/* A secret that is no base64 is the key itself. */
static int set_key(struct slo_webhook_sender *s)
{
	const char *text = s->secret;
	int n;

	if (!*text)
		return 0;
	if (strncmp(text, PREFIX, sizeof(PREFIX) - 1) == 0)
		text += sizeof(PREFIX) - 1;
	s->key = malloc(strlen(s->secret) + 1);
	if (!s->key)
		return -ENOMEM;
	n = slo_base64_decode(text, s->key);
	if (n <= 0) {
		n = (int)strlen(s->secret);
		memcpy(s->key, s->secret, (size_t)n);
	}
	s->key_len = (size_t)n;
	return 0;
}

static int copy_strings(struct slo_webhook_sender *s, const struct slo_webhook_config *cfg)
{
	const char *from[] = { cfg->tls.ca_file, cfg->tls.cert_file, cfg->tls.key_file };

	s->secret = strdup(cfg->secret ? cfg->secret : "");
	if (!s->secret)
		return -ENOMEM;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(from); i++) {
		s->file[i] = strdup(from[i] ? from[i] : "");
		if (!s->file[i])
			return -ENOMEM;
	}
	s->tls = (struct slo_http_tls){ s->file[0], s->file[1], s->file[2] };
	return 0;
}

int slo_webhook_sender_init(struct slo_webhook_sender *s, const struct slo_webhook_config *cfg,
                            struct slo_err *err)
{
	const struct slo_webhook_format_desc *desc = slo_webhook_format_desc(cfg->format);
	int r = check_secret(cfg->secret ? cfg->secret : "", desc, err);

	s->format = cfg->format;
	s->legacy_signature = cfg->legacy_signature;
	s->timeout_ms = cfg->timeout_ms ? cfg->timeout_ms : TIMEOUT_DEFAULT_MS;
	s->client = cfg->client;
	if (r == 0)
		r = set_url(s, cfg, desc, err);
	if (r == 0 && (copy_strings(s, cfg) < 0 || set_key(s) < 0))
		r = slo_err_set(err, -ENOMEM, "no memory");
	return r;
}

void slo_webhook_sender_fini(struct slo_webhook_sender *s)
{
	if (s->secret)
		explicit_bzero(s->secret, strlen(s->secret));
	if (s->key)
		explicit_bzero(s->key, s->key_len);
	free(s->secret);
	free(s->key);
	free(s->url);
	for (size_t i = 0; i < SLO_ARRAY_SIZE(s->file); i++)
		free(s->file[i]);
	*s = (struct slo_webhook_sender){ 0 };
}

/* --- requests ------------------------------------------------------------------------------------------------- */

void slo_webhook_signature(const uint8_t *key, size_t key_len,
                           const struct slo_webhook_signed *what,
                           char ret[SLO_WEBHOOK_SIGNATURE_SIZE])
{
	uint8_t digest[SLO_SHA256_BYTES];
	struct slo_hmac h;

	static_assert(SLO_WEBHOOK_SIGNATURE_SIZE >= 3 + SLO_BASE64_SIZE(SLO_SHA256_BYTES),
	              "\"v1,\" and the digest");
	slo_hmac_init(&h, key, key_len);
	slo_hmac_add(&h, what->id, strlen(what->id));
	slo_hmac_add(&h, ".", 1);
	slo_hmac_add(&h, what->time, strlen(what->time));
	slo_hmac_add(&h, ".", 1);
	slo_hmac_add(&h, what->body, what->body_len);
	slo_hmac_finish(&h, digest);
	(void)snprintf(ret, SLO_WEBHOOK_SIGNATURE_SIZE, "v1,");
	slo_base64_encode(digest, sizeof(digest), ret + 3);
}

/* "sha256=" and 64 digits: what the earlier toolkit sent; its key is the secret's own characters. */
static void legacy_signature(const char *secret, const char *body, size_t len, char ret[80])
{
	uint8_t digest[SLO_SHA256_BYTES];
	struct slo_hmac h;

	slo_hmac_init(&h, secret, strlen(secret));
	slo_hmac_add(&h, body, len);
	slo_hmac_finish(&h, digest);
	(void)snprintf(ret, 80, "sha256=");
	for (size_t i = 0; i < sizeof(digest); i++)
		(void)snprintf(ret + 7 + 2 * i, 3, "%02x", digest[i]);
}

/* The routing key goes in now: what waits on disk has no secret. */
static char *body_with(const struct slo_webhook_message *m, const char *routing_key,
                       size_t *ret_len)
{
	static const char before[] = "{\"routing_key\":\"", after[] = "\",";
	size_t size = m->body_len + sizeof(before) + sizeof(after) + strlen(routing_key);
	char *body = malloc(size);

	if (!body)
		return NULL;
	*ret_len = *routing_key ? (size_t)snprintf(body, size, "%s%s%s%.*s", before, routing_key,
	                                           after, (int)m->body_len - 1, m->body + 1)
	                        : (size_t)snprintf(body, size, "%.*s", (int)m->body_len, m->body);
	return body;
}

struct headers {
	struct slo_http_header row[8];
	size_t count;
	char id[SLO_WEBHOOK_ID_LEN], time[24], signature[SLO_WEBHOOK_SIGNATURE_SIZE], legacy[80];
	char authorization[1100];
};

static void add(struct headers *h, const char *name, const char *value)
{
	h->row[h->count++] = (struct slo_http_header){ name, value };
}

static void add_authorization(struct headers *h, const char *scheme, const char *secret)
{
	(void)snprintf(h->authorization, sizeof(h->authorization), "%s %s", scheme, secret);
	add(h, "Authorization", h->authorization);
}

static void fill_headers(struct headers *h, const struct slo_webhook_sender *s,
                         const struct slo_webhook_message *m, const char *body, size_t len)
{
	enum slo_webhook_auth auth = slo_webhook_format_desc(s->format)->auth;

	h->count = 0;
	(void)snprintf(h->id, sizeof(h->id), "%.*s", (int)m->id_len, m->id);
	(void)snprintf(h->time, sizeof(h->time), "%" PRIu64,
	               slo_clock_realtime_ns() / SLO_NS_PER_SEC);
	add(h, "Content-Type", "application/json");
	add(h, "X-LLM-SLO-Event", slo_notice_kind_name(m->kind));
	add(h, "webhook-id", h->id);
	add(h, "webhook-timestamp", h->time);
	if (auth == SLO_WEBHOOK_GENIE_KEY)
		add_authorization(h, "GenieKey", s->secret);
	if (auth == SLO_WEBHOOK_BEARER && *s->secret)
		add_authorization(h, "Bearer", s->secret);
	if (auth != SLO_WEBHOOK_SIGNED || !s->key)
		return;
	slo_webhook_signature(s->key, s->key_len,
	                      &(struct slo_webhook_signed){ h->id, h->time, body, len },
	                      h->signature);
	add(h, "webhook-signature", h->signature);
	if (s->legacy_signature) {
		legacy_signature(s->secret, body, len, h->legacy);
		add(h, "X-Webhook-Signature", h->legacy);
	}
}

int slo_webhook_submit(const struct slo_webhook_sender *s, const struct slo_webhook_message *m,
                       slo_http_done_fn done, void *user, struct slo_webhook_sent *ret,
                       struct slo_err *err)
{
	bool keyed = slo_webhook_format_desc(s->format)->auth == SLO_WEBHOOK_ROUTING_KEY;
	size_t url_size = strlen(s->url) + m->suffix_len + 1, len = 0;
	slo_cleanup(slo_freep) char *url = malloc(url_size);
	slo_cleanup(slo_freep) char *body = body_with(m, keyed ? s->secret : "", &len);
	struct slo_http_request req = { .method = "POST",
		                        .url = url,
		                        .timeout_ms = s->timeout_ms,
		                        .max_reply_bytes = REPLY_MAX,
		                        .tls = s->tls,
		                        .on_done = done,
		                        .user = user };
	struct headers headers;
	int r;

	if (!url || !body)
		return slo_err_set(err, -ENOMEM, "no memory");
	(void)snprintf(url, url_size, "%s%.*s", s->url, (int)m->suffix_len, m->suffix);
	fill_headers(&headers, s, m, body, len);
	req.headers = headers.row;
	req.header_count = headers.count;
	req.body = body;
	req.body_len = len;
	r = slo_http_client_submit(s->client, &req, &ret->id, err);
	explicit_bzero(headers.authorization, sizeof(headers.authorization));
	if (r == 0)
		ret->body = slo_take_ptr(body);
	return r;
}

int slo_webhook_render(const struct slo_webhook_config *cfg, const struct slo_notice *n,
                       char **ret_body, size_t *ret_len, struct slo_err *err)
{
	slo_cleanup(slo_freep) uint8_t *record = NULL;
	bool keyed = slo_webhook_format_desc(cfg->format)->auth == SLO_WEBHOOK_ROUTING_KEY;
	struct slo_webhook_message m;
	size_t len;
	uint32_t tag;
	int r = slo_webhook_message_encode(cfg->format, n, n->kind, &record, &len, &tag);

	if (r < 0 || !slo_webhook_message_decode(cfg->format, tag, record, len, &m))
		return slo_err_set(err, r < 0 ? r : -EINVAL, "%s",
		                   r == -ENOMEM ? "no memory" : "a notice without id or key");
	*ret_body = body_with(&m, keyed ? "***" : "", ret_len);
	return *ret_body ? 0 : slo_err_set(err, -ENOMEM, "no memory");
}
