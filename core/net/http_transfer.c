/* SPDX-License-Identifier: Apache-2.0 */
#include "core/net/http_transfer.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define REPLY_MAX_DEFAULT ((size_t)4 << 20)
#define RETRY_AFTER_MAX_S INT64_C(86400) /* more is taken for this */
#define UPLOAD_PIECE_DEFAULT 65536 /* curl's own */
#define UPLOAD_PIECE (128L << 10) /* of a large body: what one call of curl sends */
#define FIRST_BYTES ((size_t)1024)

/* --- answer --------------------------------------------------------------------------------------------------- */

static int64_t date_of(const char *value)
{
	static const char *const forms[] = {
		"%a, %d %b %Y %H:%M:%S GMT",
		"%A, %d-%b-%y %H:%M:%S GMT",
		"%a %b %d %H:%M:%S %Y",
	};

	for (size_t i = 0; i < SLO_ARRAY_SIZE(forms); i++) {
		struct tm tm = { 0 };
		const char *end = strptime(value, forms[i], &tm);

		if (end && !*end)
			return (int64_t)timegm(&tm);
	}
	return -1;
}

int64_t slo_http_retry_after_ms(const char *value, int64_t unix_s)
{
	size_t digits = strspn(value, "0123456789");
	int64_t s;

	if (digits && !value[digits]) {
		s = digits < 10 ? strtoll(value, NULL, 10) : RETRY_AFTER_MAX_S;
	} else {
		s = date_of(value);
		if (s < 0)
			return -1;
		s = s > unix_s ? s - unix_s : 0;
	}
	return (s < RETRY_AFTER_MAX_S ? s : RETRY_AFTER_MAX_S) * 1000;
}

static bool is_named(const char *line, size_t n, const char *name)
{
	size_t len = strlen(name);

	return n > len && strncasecmp(line, name, len) == 0;
}

static size_t on_header(char *line, size_t one, size_t n, void *user)
{
	static const char name[] = "retry-after:";
	struct slo_http_transfer *t = user;
	char value[64];
	size_t at = sizeof(name) - 1, len = n;

	/* A status line begins an answer: what an interim one (1xx) said is past. */
	if (is_named(line, n, "HTTP/")) {
		t->retry_after_ms = -1;
		t->headed = false;
		t->open_ended = true;
	}
	if (is_named(line, n, "content-length:") || is_named(line, n, "transfer-encoding:"))
		t->open_ended = false;
	t->headed = t->headed || *line == '\r' || *line == '\n';
	if (!is_named(line, n, name))
		return n * one;
	while (at < len && isspace((unsigned char)line[at]))
		at++;
	while (len > at && isspace((unsigned char)line[len - 1]))
		len--;
	(void)snprintf(value, sizeof(value), "%.*s", (int)(len - at), line + at);
	t->retry_after_ms = slo_http_retry_after_ms(value, (int64_t)time(NULL));
	return n * one;
}

static int gather(struct slo_http_transfer *t, const char *data, size_t n)
{
	if (n > t->max - t->len) {
		t->too_long = true;
		return -EFBIG;
	}
	if (n > t->size - t->len) {
		size_t size = t->size ? t->size : FIRST_BYTES;
		uint8_t *more;

		while (size - t->len < n)
			size *= 2;
		more = realloc(t->body, size);
		if (!more)
			return -ENOMEM;
		t->body = more;
		t->size = size;
	}
	memcpy(t->body + t->len, data, n);
	t->len += n;
	return 0;
}

static size_t on_body(char *data, size_t one, size_t n, void *user)
{
	struct slo_http_transfer *t = user;
	long status = 0;
	int r;

	(void)one; /* always 1 */
	(void)slo_curl_ask(t->curl, t->easy, CURLINFO_RESPONSE_CODE, &status);
	if (!t->on_data || status < 200 || status > 299) {
		r = gather(t, data, n);
	} else {
		r = t->cancelled ? -ECANCELED : t->on_data(t->user, (const uint8_t *)data, n);
		t->refused = r != 0;
	}
	return r == 0 && !t->cancelled ? n : CURL_WRITEFUNC_ERROR;
}

static int error_of(const struct slo_http_transfer *t, CURLcode code)
{
	static const struct {
		CURLcode code;
		int error;
	} rows[] = {
		{ CURLE_OPERATION_TIMEDOUT, -ETIMEDOUT },
		{ CURLE_COULDNT_RESOLVE_HOST, -EHOSTUNREACH },
		{ CURLE_COULDNT_RESOLVE_PROXY, -EHOSTUNREACH },
		{ CURLE_GOT_NOTHING, -ECONNRESET },
		{ CURLE_RECV_ERROR, -ECONNRESET },
		{ CURLE_SEND_ERROR, -ECONNRESET },
		{ CURLE_OUT_OF_MEMORY, -ENOMEM },
		{ CURLE_PEER_FAILED_VERIFICATION, -EKEYREJECTED },
		{ CURLE_SSL_CACERT_BADFILE, -EKEYREJECTED },
		{ CURLE_SSL_CERTPROBLEM, -EKEYREJECTED },
		{ CURLE_SSL_ISSUER_ERROR, -EKEYREJECTED },
		{ CURLE_ABORTED_BY_CALLBACK, -ECANCELED },
	};
	long os = 0;

	if (t->cancelled || t->refused)
		return -ECANCELED;
	if (t->too_long)
		return -EFBIG;
	if (code == CURLE_COULDNT_CONNECT) {
		(void)slo_curl_ask(t->curl, t->easy, CURLINFO_OS_ERRNO, &os);
		return os > 0 ? -(int)os : -ECONNREFUSED;
	}
	for (size_t i = 0; i < SLO_ARRAY_SIZE(rows); i++) {
		if (rows[i].code == code)
			return rows[i].error;
	}
	return -EPROTO;
}

void slo_http_quote(char *to, size_t size, const char *s, size_t n)
{
	size_t len = 0;

	for (size_t i = 0; i < n && s[i] && len + 1 < size; i++)
		to[len++] = (char)(s[i] >= 0x20 && s[i] < 0x7f ? s[i] : ' ');
	to[len] = '\0';
}

/*
 * TLS servers of a few lines close without saying so, and not all of curl's TLS libraries pass over that. The status is
 * known then, and where no length was announced that is the end of the body.
 */
static bool ended_by_close(const struct slo_http_transfer *t, CURLcode code)
{
	return code == CURLE_RECV_ERROR && t->headed && t->open_ended && !t->on_data;
}

void slo_http_transfer_reply(const struct slo_http_transfer *t, CURLcode code,
                             struct slo_http_reply *ret)
{
	struct slo_http_reply reply = { .retry_after_ms = -1, .content_type = "" };
	const char *type = NULL;
	char why[121];
	long status = 0;

	(void)slo_curl_ask(t->curl, t->easy, CURLINFO_RESPONSE_CODE, &status);
	if ((code != CURLE_OK && !ended_by_close(t, code)) || t->cancelled) {
		slo_http_quote(why, sizeof(why), t->why, strcspn(t->why, "\r\n"));
		reply.error = error_of(t, code);
		reply.status = t->headed && status >= 200 ? (unsigned int)status : 0;
		reply.retry_after_ms = t->retry_after_ms;
		(void)snprintf(reply.why, sizeof(reply.why), "%s: %s", t->address,
		               reply.error == -ECANCELED ? "cancelled"
		               : t->too_long             ? "the answer is too long"
		               : *why                    ? why
		                                         : t->curl->easy_strerror(code));
		*ret = reply;
		return;
	}
	(void)slo_curl_ask(t->curl, t->easy, CURLINFO_CONTENT_TYPE, &type);
	reply.status = (unsigned int)status;
	reply.retry_after_ms = t->retry_after_ms;
	reply.content_type = type ? type : "";
	reply.body = t->body;
	reply.body_len = t->len;
	*ret = reply;
}

/* --- setting up ----------------------------------------------------------------------------------------------- */

static int copy_part(const struct slo_curl *curl, CURLU *url, CURLUPart part, char *buf,
                     size_t size)
{
	char *text = NULL;
	int n;

	if (curl->url_get(url, part, &text, 0) != CURLUE_OK)
		return -EINVAL;
	n = snprintf(buf, size, "%s", text);
	curl->free(text);
	return n < 0 || (size_t)n >= size ? -EINVAL : 0;
}

static int split_url(struct slo_http_transfer *t, CURLU *url, const char *text, bool *ret_tls)
{
	char scheme[8] = "", host[96] = "", port[8] = "";

	if (t->curl->url_set(url, CURLUPART_URL, text, 0) != CURLUE_OK ||
	    copy_part(t->curl, url, CURLUPART_SCHEME, scheme, sizeof(scheme)) < 0 ||
	    copy_part(t->curl, url, CURLUPART_HOST, host, sizeof(host)) < 0 ||
	    (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0))
		return -EINVAL;
	(void)copy_part(t->curl, url, CURLUPART_PORT, port, sizeof(port));
	(void)snprintf(t->address, sizeof(t->address), "%s://%s%s%s", scheme, host,
	               *port ? ":" : "", port);
	*ret_tls = scheme[4] == 's';
	return 0;
}

static int read_url(struct slo_http_transfer *t, const char *text, bool *ret_tls,
                    struct slo_err *err)
{
	CURLU *url = t->curl->url();
	int r;

	if (!url)
		return slo_err_set(err, -ENOMEM, "no memory for a request");
	r = split_url(t, url, text, ret_tls);
	t->curl->url_cleanup(url);
	/* The text stays out of the message: an address may carry a secret. */
	return r < 0 ? slo_err_set(err, r,
	                           "no address to send to: it is not http://HOST or https://HOST "
	                           "with a host of at most 95 bytes")
	             : 0;
}

static bool is_token(const char *s)
{
	if (!*s)
		return false;
	for (; *s; s++) {
		if (!isalnum((unsigned char)*s) && !strchr("!#$%&'*+-.^_`|~", *s))
			return false;
	}
	return true;
}

static bool is_plain(const char *s)
{
	for (; *s; s++) {
		if (iscntrl((unsigned char)*s) && *s != '\t')
			return false;
	}
	return true;
}

static int add_line(struct slo_http_transfer *t, const char *line)
{
	struct curl_slist *more = t->curl->slist_append(t->headers, line);

	if (!more)
		return -ENOMEM;
	t->headers = more;
	return 0;
}

static int add_header(struct slo_http_transfer *t, const struct slo_http_header *h,
                      struct slo_err *err)
{
	slo_cleanup(slo_freep) char *line = NULL;
	size_t size;

	if (!is_token(h->name) || !is_plain(h->value))
		return slo_err_set(err, -EINVAL, "header '%.40s' has bytes that HTTP forbids",
		                   is_token(h->name) ? h->name : "?");
	size = strlen(h->name) + strlen(h->value) + 3;
	line = malloc(size);
	if (!line)
		return slo_err_set(err, -ENOMEM, "no memory for a request");
	/* curl's way to say an empty header. */
	(void)snprintf(line, size, *h->value ? "%s: %s" : "%s;%s", h->name, h->value);
	return add_line(t, line) < 0 ? slo_err_set(err, -ENOMEM, "no memory for a request") : 0;
}

static bool has_header(const struct slo_http_request *req, const char *name)
{
	for (size_t i = 0; i < req->header_count; i++) {
		if (strcasecmp(req->headers[i].name, name) == 0)
			return true;
	}
	return false;
}

static int add_headers(struct slo_http_transfer *t, const struct slo_http_request *req,
                       struct slo_err *err)
{
	int r;

	for (size_t i = 0; i < req->header_count; i++) {
		r = add_header(t, &req->headers[i], err);
		if (r < 0)
			return r;
	}
	/* What curl would add of its own: a type of web forms, and a wait for "100 Continue". */
	if ((!has_header(req, "content-type") && add_line(t, "Content-Type:") < 0) ||
	    add_line(t, "Expect:") < 0)
		return slo_err_set(err, -ENOMEM, "no memory for a request");
	return 0;
}

/* Debian; Fedora and RHEL; openSUSE; Alpine; and where their tools unpack to. */
static const char *find_ca(void)
{
	static const char *const places[] = {
		"/etc/ssl/certs/ca-certificates.crt",
		"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
		"/etc/pki/tls/certs/ca-bundle.crt",
		"/etc/ssl/ca-bundle.pem",
		"/var/lib/ca-certificates/ca-bundle.pem",
		"/etc/ssl/cert.pem",
		"/usr/share/pki/ca-certificates/ca-certificates.crt",
	};
	const char *named = getenv("SSL_CERT_FILE");

	if (named && *named)
		return named;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(places); i++) {
		if (access(places[i], R_OK) == 0)
			return places[i];
	}
	return NULL;
}

static bool given(const char *s)
{
	return s && *s;
}

/* curl keeps what it was built with where nothing is set; a bundle that is not there must not mean no check. */
static int set_tls(struct slo_http_transfer *t, const struct slo_http_tls *tls, struct slo_err *err)
{
	const char *ca = given(tls->ca_file) ? tls->ca_file : find_ca();

	if (!ca)
		return slo_err_set(err, -EKEYREJECTED,
		                   "%s: no CA certificates on this host: install ca-certificates, "
		                   "or set ca_file",
		                   t->address);
	(void)slo_curl_set(t->curl, t->easy, CURLOPT_SSL_VERIFYPEER, 1L);
	(void)slo_curl_set(t->curl, t->easy, CURLOPT_SSL_VERIFYHOST, 2L);
	(void)slo_curl_set(t->curl, t->easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	(void)slo_curl_set(t->curl, t->easy, CURLOPT_CAPATH, NULL);
	if (slo_curl_set(t->curl, t->easy, CURLOPT_CAINFO, ca) != CURLE_OK ||
	    (given(tls->cert_file) &&
	     slo_curl_set(t->curl, t->easy, CURLOPT_SSLCERT, tls->cert_file) != CURLE_OK) ||
	    (given(tls->key_file) &&
	     slo_curl_set(t->curl, t->easy, CURLOPT_SSLKEY, tls->key_file) != CURLE_OK))
		return slo_err_set(err, -ENOMEM, "no memory for a request");
	return 0;
}

static void set_times(struct slo_http_transfer *t, const struct slo_http_request *req)
{
	long ms = req->timeout_ms < LONG_MAX / 2 ? (long)req->timeout_ms : LONG_MAX / 2;

	(void)slo_curl_set(t->curl, t->easy, CURLOPT_CONNECTTIMEOUT_MS, ms);
	if (!req->on_data) {
		(void)slo_curl_set(t->curl, t->easy, CURLOPT_TIMEOUT_MS, ms);
		return;
	}
	(void)slo_curl_set(t->curl, t->easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
	(void)slo_curl_set(t->curl, t->easy, CURLOPT_LOW_SPEED_TIME, (ms + 999) / 1000);
	(void)slo_curl_set(t->curl, t->easy, CURLOPT_TCP_KEEPALIVE, 1L);
}

static void set_callbacks(struct slo_http_transfer *t)
{
	(void)slo_curl_set(t->curl, t->easy, CURLOPT_PRIVATE, t);
	(void)slo_curl_set(t->curl, t->easy, CURLOPT_ERRORBUFFER, t->why);
	(void)slo_curl_set(t->curl, t->easy, CURLOPT_HEADERFUNCTION, on_header);
	(void)slo_curl_set(t->curl, t->easy, CURLOPT_HEADERDATA, t);
	(void)slo_curl_set(t->curl, t->easy, CURLOPT_WRITEFUNCTION, on_body);
	(void)slo_curl_set(t->curl, t->easy, CURLOPT_WRITEDATA, t);
}

/* How every request is made, whatever it says. */
static int set_policy(struct slo_http_transfer *t, const char *user_agent)
{
	(void)slo_curl_set(t->curl, t->easy, CURLOPT_NOSIGNAL, 1L);
	(void)slo_curl_set(t->curl, t->easy, CURLOPT_FOLLOWLOCATION, 0L);
	(void)slo_curl_set(t->curl, t->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	/* A name server that hangs must not hold up whoever gives up on the request. */
	(void)slo_curl_set(t->curl, t->easy, CURLOPT_QUICK_EXIT, 1L);
	if (slo_curl_set(t->curl, t->easy, CURLOPT_PROTOCOLS_STR, "http,https") != CURLE_OK ||
	    slo_curl_set(t->curl, t->easy, CURLOPT_USERAGENT, user_agent) != CURLE_OK)
		return -ENOMEM;
	return 0;
}

static int set_message(struct slo_http_transfer *t, const struct slo_http_request *req)
{
	CURLcode code = CURLE_OK;

	if (req->body_len > UPLOAD_PIECE_DEFAULT)
		(void)slo_curl_set(t->curl, t->easy, CURLOPT_UPLOAD_BUFFERSIZE, UPLOAD_PIECE);
	if (strcmp(req->method, "GET") == 0 && !req->body_len) {
		(void)slo_curl_set(t->curl, t->easy, CURLOPT_HTTPGET, 1L);
	} else {
		(void)slo_curl_set(t->curl, t->easy, CURLOPT_POST, 1L);
		(void)slo_curl_set(t->curl, t->easy, CURLOPT_POSTFIELDS,
		                   req->body ? req->body : "");
		(void)slo_curl_set(t->curl, t->easy, CURLOPT_POSTFIELDSIZE_LARGE,
		                   (curl_off_t)req->body_len);
		code = slo_curl_set(t->curl, t->easy, CURLOPT_CUSTOMREQUEST, req->method);
	}
	if (code == CURLE_OK)
		code = slo_curl_set(t->curl, t->easy, CURLOPT_URL, req->url);
	if (code == CURLE_OK)
		code = slo_curl_set(t->curl, t->easy, CURLOPT_HTTPHEADER, t->headers);
	return code == CURLE_OK ? 0 : -ENOMEM;
}

static int set_up(struct slo_http_transfer *t, const struct slo_http_request *req,
                  const char *user_agent, struct slo_err *err)
{
	bool tls = false;
	int r;

	if (!is_token(req->method) || !req->on_done)
		return slo_err_set(err, -EINVAL, "a request without method or listener");
	r = read_url(t, req->url, &tls, err);
	if (r == 0)
		r = add_headers(t, req, err);
	if (r == 0 && tls)
		r = set_tls(t, &req->tls, err);
	if (r < 0)
		return r;
	if (set_policy(t, user_agent) < 0 || set_message(t, req) < 0)
		return slo_err_set(err, -ENOMEM, "no memory for a request");
	set_callbacks(t);
	set_times(t, req);
	return 0;
}

int slo_http_transfer_new(struct slo_http_transfer **ret, const struct slo_curl *curl,
                          const struct slo_http_request *req, const char *user_agent,
                          struct slo_err *err)
{
	slo_cleanup(slo_http_transfer_freep) struct slo_http_transfer *t = calloc(1, sizeof(*t));
	int r;

	if (!t)
		return slo_err_set(err, -ENOMEM, "no memory for a request");
	t->max = req->max_reply_bytes ? req->max_reply_bytes : REPLY_MAX_DEFAULT;
	t->retry_after_ms = -1;
	t->on_data = req->on_data;
	t->on_done = req->on_done;
	t->user = req->user;
	t->curl = curl;
	t->easy = t->curl->easy_init();
	if (!t->easy)
		return slo_err_set(err, -ENOMEM, "no memory for a request");
	r = set_up(t, req, user_agent, err);
	if (r < 0)
		return r;
	*ret = slo_take_ptr(t);
	return 0;
}

void slo_http_transfer_freep(struct slo_http_transfer **t)
{
	if (!*t)
		return;
	(*t)->curl->easy_cleanup((*t)->easy);
	(*t)->curl->slist_free_all((*t)->headers);
	free((*t)->body);
	free(*t);
	*t = NULL;
}
