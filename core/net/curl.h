/* SPDX-License-Identifier: Apache-2.0 */
/* The functions of libcurl that are used, through a table: see library.h. */
#ifndef SLO_NET_CURL_H
#define SLO_NET_CURL_H

#include <curl/curl.h>

#include "core/base/err.h"

#define SLO_CURL_FUNCTIONS(X)  \
	X(easy_cleanup)        \
	X(easy_getinfo)        \
	X(easy_init)           \
	X(easy_setopt)         \
	X(easy_strerror)       \
	X(free)                \
	X(global_cleanup)      \
	X(global_init)         \
	X(multi_add_handle)    \
	X(multi_cleanup)       \
	X(multi_info_read)     \
	X(multi_init)          \
	X(multi_remove_handle) \
	X(multi_setopt)        \
	X(multi_socket_action) \
	X(slist_append)        \
	X(slist_free_all)      \
	X(url)                 \
	X(url_cleanup)         \
	X(url_get)             \
	X(url_set)

struct slo_curl {
#define X(name) __typeof__(curl_##name) *name;
	SLO_CURL_FUNCTIONS(X)
#undef X
	void *library; /* owned */
};

/* As slo_library_open(). */
int slo_curl_open(struct slo_curl *ret, struct slo_err *err);
/* Zeroed is as good as open. */
void slo_curl_close(struct slo_curl *c);

/*
 * curl.h looks at the type of what is set or asked for in macros of its functions' names, that end in a call by this name:
 * a local of the same name takes the call, and the check stays.
 */
#define slo_curl_checked(function, pointer, ...)                \
	__extension__({                                         \
		_Pragma("GCC diagnostic push");                 \
		_Pragma("GCC diagnostic ignored \"-Wshadow\""); \
		__typeof__(function) *function = (pointer);     \
		_Pragma("GCC diagnostic pop");                  \
		function(__VA_ARGS__);                          \
	})
#define slo_curl_set(c, easy, option, value) \
	slo_curl_checked(curl_easy_setopt, (c)->easy_setopt, easy, option, value)
#define slo_curl_ask(c, easy, info, ret) \
	slo_curl_checked(curl_easy_getinfo, (c)->easy_getinfo, easy, info, ret)
#define slo_curl_set_multi(c, multi, option, value) \
	slo_curl_checked(curl_multi_setopt, (c)->multi_setopt, multi, option, value)

#endif
