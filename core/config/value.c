/* SPDX-License-Identifier: Apache-2.0 */
#include "core/config/value.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/config/nearest.h"

struct unit {
	const char *suffix;
	uint64_t factor;
};

/* Largest first: the first that divides a value is the one to print it with. */
static const struct unit durations[] = {
	{ "d", 86400000 }, { "h", 3600000 }, { "m", 60000 },
	{ "s", 1000 },     { "ms", 1 },      { NULL, 0 },
};
static const struct unit sizes[] = {
	{ "GiB", UINT64_C(1) << 30 },
	{ "MiB", UINT64_C(1) << 20 },
	{ "KiB", UINT64_C(1) << 10 },
	{ "B", 1 },
	{ NULL, 0 },
};

bool slo_config_type_is_list(enum slo_config_type type)
{
	return type == SLO_CONFIG_LIST || type == SLO_CONFIG_PIDS || type == SLO_CONFIG_WINDOWS ||
	       type == SLO_CONFIG_SIGNALS;
}

/* --- text to value ------------------------------------------------------------------------------------------ */

static int out_of_range(struct slo_err *err)
{
	return slo_err_set(err, -ERANGE, "out of range");
}

static bool in_range(const struct slo_config_row *row, double v)
{
	if (row->flags & SLO_CONFIG_F_OPEN)
		return v > row->min && v < row->max;
	return v >= row->min && v <= row->max;
}

/* Decimal digits and, with @units, a suffix. Neither a sign nor a fraction: strtoull alone would take "-1". */
static int parse_uint(const char *text, const struct unit *units, uint64_t *ret,
                      struct slo_err *err)
{
	unsigned long long n;
	char *end;

	if (!isdigit((unsigned char)*text))
		return slo_err_set(err, -EINVAL, "not a whole number");
	errno = 0;
	n = strtoull(text, &end, 10);
	if (errno == ERANGE)
		return out_of_range(err);
	while (*end == ' ')
		end++;
	if (*end == '\0') {
		*ret = n;
		return 0;
	}
	for (; units && units->suffix; units++) {
		if (strcasecmp(end, units->suffix) != 0)
			continue;
		if (n > UINT64_MAX / units->factor)
			return out_of_range(err);
		*ret = n * units->factor;
		return 0;
	}
	return slo_err_set(err, -EINVAL, units ? "unknown unit" : "not a whole number");
}

static int set_uint(const struct slo_config_row *row, void *field, const char *text,
                    const struct unit *units, struct slo_err *err)
{
	uint64_t n;
	int r = parse_uint(text, units, &n, err);

	if (r < 0)
		return r;
	if (!in_range(row, (double)n))
		return out_of_range(err);
	*(uint64_t *)field = n;
	return 0;
}

/* Decimal only: strtod also takes hexadecimal, "inf" and "nan". */
static int set_number(const struct slo_config_row *row, void *field, const char *text,
                      struct slo_err *err)
{
	double v;
	char *end;

	if (*text == '\0' || text[strspn(text, "0123456789+-.eE")] != '\0')
		return slo_err_set(err, -EINVAL, "not a number");
	v = strtod(text, &end);
	if (*end != '\0')
		return slo_err_set(err, -EINVAL, "not a number");
	if (!isfinite(v) || !in_range(row, v))
		return out_of_range(err);
	*(double *)field = v;
	return 0;
}

static int set_bool(void *field, const char *text, struct slo_err *err)
{
	static const char *const words[] = { "off", "on", "false", "true", "no", "yes", "0", "1" };

	for (size_t i = 0; i < SLO_ARRAY_SIZE(words); i++) {
		if (strcasecmp(text, words[i]) == 0) {
			*(bool *)field = i % 2 == 1;
			return 0;
		}
	}
	return slo_err_set(err, -EINVAL, "neither on nor off");
}

/* All our enums have no negative members, so that their type is unsigned int (GCC and clang). */
static int set_enum(const struct slo_config_row *row, void *field, const char *text,
                    struct slo_err *err)
{
	for (unsigned int i = 0; row->names[i]; i++) {
		if (strcmp(text, row->names[i]) == 0) {
			*(unsigned int *)field = i;
			return 0;
		}
	}
	return slo_err_set(err, -EINVAL, "unknown word");
}

static int check_string(const struct slo_config_row *row, const char *text, struct slo_err *err)
{
	size_t len = strlen(text);

	for (size_t i = 0; i < len; i++) {
		if (iscntrl((unsigned char)text[i]))
			return slo_err_set(err, -EINVAL, "control character 0x%02x",
			                   (unsigned char)text[i]);
	}
	if (row->charset && strspn(text, row->charset) != len)
		return slo_err_set(err, -EINVAL, "character '%c' not allowed",
		                   text[strspn(text, row->charset)]);
	if ((double)len < row->min)
		return slo_err_set(err, -ERANGE, len ? "too short" : "empty");
	if ((double)len > row->max)
		return slo_err_set(err, -ERANGE, "too long (%zu characters)", len);
	return 0;
}

/* Of "HOST", "HOST:PORT" or "[IPv6]:PORT" at @host: 1 to 65535, where there is one. */
static bool has_valid_port(const char *host)
{
	const char *end = host + strcspn(host, "/?#");
	const char *at = end, *digit;
	unsigned long port = 0;

	while (at > host && !strchr(":]@", at[-1]))
		at--;
	if (at == host || at[-1] != ':')
		return true;
	for (digit = at; digit < end && isdigit((unsigned char)*digit) && port <= UINT16_MAX;
	     digit++)
		port = port * 10 + (unsigned long)(*digit - '0');
	return digit == end && port >= 1 && port <= UINT16_MAX;
}

static int check_url(const char *text, struct slo_err *err)
{
	const char *host;

	if (*text == '\0')
		return 0;
	if (strncmp(text, "http://", 7) == 0)
		host = text + 7;
	else if (strncmp(text, "https://", 8) == 0)
		host = text + 8;
	else
		return slo_err_set(err, -EINVAL, "not an http:// or https:// URL");
	if (*host == '\0' || strchr("/:?#", *host) || strpbrk(text, " \"<>\\"))
		return slo_err_set(err, -EINVAL, "not a valid URL");
	if (!has_valid_port(host))
		return slo_err_set(err, -EINVAL, "no port of 1 to 65535 after the last ':'");
	return 0;
}

static int set_string(const struct slo_config_row *row, void *field, const char *text,
                      struct slo_err *err)
{
	int r = check_string(row, text, err);

	if (r == 0 && row->type == SLO_CONFIG_URL)
		r = check_url(text, err);
	if (r == 0)
		(void)snprintf(field, SLO_CONFIG_TEXT_LEN, "%s", text);
	return r;
}

/* --- lists -------------------------------------------------------------------------------------------------- */

/* The next comma separated item from *@at, trimmed; false at the end. */
static bool next_item(const char **at, const char **ret_item, size_t *ret_len)
{
	const char *begin = *at, *end;

	if (!begin)
		return false;
	end = begin + strcspn(begin, ",");
	*at = *end == ',' ? end + 1 : NULL;
	while (begin < end && isspace((unsigned char)*begin))
		begin++;
	while (end > begin && isspace((unsigned char)end[-1]))
		end--;
	*ret_item = begin;
	*ret_len = (size_t)(end - begin);
	return true;
}

static int unknown_signal(const char *item, struct slo_err *err)
{
	struct slo_nearest near = { .word = item };

	for (int sig = 0; sig < SLO_SIG_MAX_; sig++)
		slo_nearest_offer(&near, slo_signal_desc((enum slo_signal)sig)->name);
	if (near.best)
		return slo_err_set(err, -EINVAL, "unknown signal, did you mean %s?", near.best);
	return slo_err_set(err, -EINVAL, "unknown signal");
}

static int set_signal(void *field, const char *item, struct slo_err *err)
{
	uint64_t *set = field;
	enum slo_signal sig;

	if (strcmp(item, "all") == 0) {
		*set |= SLO_SIG_ALL;
		return 0;
	}
	if (slo_signal_from_name(item, &sig) < 0)
		return unknown_signal(item, err);
	if (*set & SLO_SIG_BIT(sig))
		return slo_err_set(err, -EINVAL, "given twice");
	*set |= SLO_SIG_BIT(sig);
	return 0;
}

static int set_pid(const struct slo_config_row *row, void *field, const char *item,
                   struct slo_err *err)
{
	struct slo_config_pids *pids = field;
	uint64_t pid;
	int r = set_uint(row, &pid, item, NULL, err);

	if (r < 0)
		return r;
	if (pids->count == SLO_ARRAY_SIZE(pids->pid))
		return slo_err_set(err, -ERANGE, "too many items");
	pids->pid[pids->count++] = (uint32_t)pid;
	return 0;
}

static int set_window(const struct slo_config_row *row, void *field, const char *item,
                      struct slo_err *err)
{
	struct slo_config_windows *windows = field;
	uint64_t ms;
	int r = set_uint(row, &ms, item, durations, err);

	if (r < 0)
		return r;
	if (windows->count == SLO_ARRAY_SIZE(windows->ms))
		return slo_err_set(err, -ERANGE, "too many items");
	windows->ms[windows->count++] = ms;
	return 0;
}

static int set_list_item(const struct slo_config_row *row, void *field, const char *item,
                         struct slo_err *err)
{
	struct slo_config_list *list = field;
	int r = check_string(row, item, err);

	if (r < 0)
		return r;
	if (list->count == SLO_ARRAY_SIZE(list->item))
		return slo_err_set(err, -ERANGE, "too many items");
	(void)snprintf(list->item[list->count++], sizeof(list->item[0]), "%.*s",
	               SLO_CONFIG_ITEM_LEN - 1, item);
	return 0;
}

static int add_item(const struct slo_config_row *row, void *field, const char *item,
                    struct slo_err *err)
{
	if (row->type == SLO_CONFIG_SIGNALS)
		return set_signal(field, item, err);
	if (row->type == SLO_CONFIG_PIDS)
		return set_pid(row, field, item, err);
	if (row->type == SLO_CONFIG_WINDOWS)
		return set_window(row, field, item, err);
	return set_list_item(row, field, item, err);
}

/* One more item than the field holds has to be seen to be refused; items longer than any row allows are cut. */
static int add_items(const struct slo_config_row *row, void *field, const char *text,
                     struct slo_err *err)
{
	const char *at = text, *item;
	size_t len, number = 0;
	int r;

	while (next_item(&at, &item, &len)) {
		char buf[SLO_CONFIG_ITEM_LEN + 1];

		number++;
		(void)snprintf(buf, sizeof(buf), "%.*s",
		               len < sizeof(buf) ? (int)len : (int)sizeof(buf) - 1, item);
		if (*buf == '\0')
			return slo_err_set(err, -EINVAL, "item %zu is empty", number);
		r = add_item(row, field, buf, err);
		if (r < 0)
			return slo_err_wrap(err, r, "item %zu (%.64s)", number, buf);
	}
	return 0;
}

static size_t list_size(enum slo_config_type type)
{
	if (type == SLO_CONFIG_SIGNALS)
		return sizeof(uint64_t);
	if (type == SLO_CONFIG_PIDS)
		return sizeof(struct slo_config_pids);
	if (type == SLO_CONFIG_WINDOWS)
		return sizeof(struct slo_config_windows);
	return sizeof(struct slo_config_list);
}

static bool must_have_items(enum slo_config_type type)
{
	return type == SLO_CONFIG_SIGNALS || type == SLO_CONFIG_WINDOWS;
}

static int set_items(const struct slo_config_row *row, void *field, const char *text, bool append,
                     struct slo_err *err)
{
	union {
		uint64_t signals;
		struct slo_config_pids pids;
		struct slo_config_windows windows;
		struct slo_config_list list;
	} work;
	bool empty = text[strspn(text, " \t")] == '\0';
	int r = 0;

	memset(&work, 0, sizeof(work));
	if (append)
		memcpy(&work, field, list_size(row->type));
	if (empty && must_have_items(row->type))
		return slo_err_set(err, -EINVAL, "empty");
	if (!empty)
		r = add_items(row, &work, text, err);
	if (r == 0)
		memcpy(field, &work, list_size(row->type));
	return r;
}

int slo_config_value_set(const struct slo_config_row *row, void *field, const char *text,
                         bool append, struct slo_err *err)
{
	switch (row->type) {
	case SLO_CONFIG_STRING:
	case SLO_CONFIG_URL:
		return set_string(row, field, text, err);
	case SLO_CONFIG_BOOL:
		return set_bool(field, text, err);
	case SLO_CONFIG_ENUM:
		return set_enum(row, field, text, err);
	case SLO_CONFIG_UINT:
		return set_uint(row, field, text, NULL, err);
	case SLO_CONFIG_DURATION:
		return set_uint(row, field, text, durations, err);
	case SLO_CONFIG_SIZE:
		return set_uint(row, field, text, sizes, err);
	case SLO_CONFIG_NUMBER:
		return set_number(row, field, text, err);
	case SLO_CONFIG_LIST:
	case SLO_CONFIG_PIDS:
	case SLO_CONFIG_WINDOWS:
	case SLO_CONFIG_SIGNALS:
		return set_items(row, field, text, append, err);
	case SLO_CONFIG_TYPE_MAX_:
		break;
	}
	assert(false);
	return -EINVAL;
}

int slo_config_value_check(const struct slo_config_row *row, const char *text, struct slo_err *err)
{
	union {
		uint64_t number;
		double real;
		char text[SLO_CONFIG_TEXT_LEN];
		struct slo_config_list list;
		struct slo_config_pids pids;
		struct slo_config_windows windows;
	} nowhere;

	return slo_config_value_set(row, &nowhere, text, false, err);
}

/* --- value to text ------------------------------------------------------------------------------------------ */

static void uint_text(uint64_t n, const struct unit *units, char *buf, size_t size)
{
	while (units && units->suffix && n != 0 && n % units->factor != 0)
		units++;
	if (!units || n == 0)
		(void)snprintf(buf, size, "%llu", (unsigned long long)n);
	else
		(void)snprintf(buf, size, "%llu%s", (unsigned long long)(n / units->factor),
		               units->suffix);
}

/* The shortest of two forms that reads back as the same number. */
static void number_text(double v, char *buf, size_t size)
{
	(void)snprintf(buf, size, "%.15g", v);
	if (strtod(buf, NULL) != v)
		(void)snprintf(buf, size, "%.17g", v);
}

static void add_text(char *buf, size_t size, const char *item)
{
	size_t at = strlen(buf);

	(void)snprintf(buf + at, size - at, "%s%s", at ? ", " : "", item);
}

static void signals_text(uint64_t set, char *buf, size_t size)
{
	if (set == SLO_SIG_ALL) {
		add_text(buf, size, "all");
		return;
	}
	for (int sig = 0; sig < SLO_SIG_MAX_; sig++) {
		if (set & SLO_SIG_BIT(sig))
			add_text(buf, size, slo_signal_desc((enum slo_signal)sig)->name);
	}
}

static void list_text(const struct slo_config_row *row, const void *field, char *buf, size_t size)
{
	const struct slo_config_list *list = field;
	const struct slo_config_pids *pids = field;
	const struct slo_config_windows *windows = field;
	char item[32];

	buf[0] = '\0';
	if (row->type == SLO_CONFIG_SIGNALS) {
		signals_text(*(const uint64_t *)field, buf, size);
	} else if (row->type == SLO_CONFIG_PIDS) {
		for (size_t i = 0; i < pids->count; i++) {
			uint_text(pids->pid[i], NULL, item, sizeof(item));
			add_text(buf, size, item);
		}
	} else if (row->type == SLO_CONFIG_WINDOWS) {
		for (size_t i = 0; i < windows->count; i++) {
			uint_text(windows->ms[i], durations, item, sizeof(item));
			add_text(buf, size, item);
		}
	} else {
		for (size_t i = 0; i < list->count; i++)
			add_text(buf, size, list->item[i]);
	}
}

void slo_config_value_text(const struct slo_config_row *row, const void *field, char *buf,
                           size_t size)
{
	switch (row->type) {
	case SLO_CONFIG_STRING:
	case SLO_CONFIG_URL:
		(void)snprintf(buf, size, "%s", (const char *)field);
		return;
	case SLO_CONFIG_BOOL:
		(void)snprintf(buf, size, "%s", *(const bool *)field ? "on" : "off");
		return;
	case SLO_CONFIG_ENUM:
		(void)snprintf(buf, size, "%s", row->names[*(const unsigned int *)field]);
		return;
	case SLO_CONFIG_UINT:
	case SLO_CONFIG_DURATION: /* the keys say _ms: plain milliseconds read best */
		uint_text(*(const uint64_t *)field, NULL, buf, size);
		return;
	case SLO_CONFIG_SIZE:
		uint_text(*(const uint64_t *)field, sizes, buf, size);
		return;
	case SLO_CONFIG_NUMBER:
		number_text(*(const double *)field, buf, size);
		return;
	case SLO_CONFIG_LIST:
	case SLO_CONFIG_PIDS:
	case SLO_CONFIG_WINDOWS:
	case SLO_CONFIG_SIGNALS:
		list_text(row, field, buf, size);
		return;
	case SLO_CONFIG_TYPE_MAX_:
		break;
	}
	assert(false);
}
