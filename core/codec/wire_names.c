/* SPDX-License-Identifier: Apache-2.0 */
#include "core/codec/wire_names.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/base/base.h"

struct row {
	unsigned int value;
	const char *name;
};

/* clang-format off */
#define ERRNO(name) { name, #name }

static const struct row errnos[] = {
	ERRNO(EPERM), ERRNO(ENOENT), ERRNO(ESRCH), ERRNO(EINTR), ERRNO(EIO), ERRNO(ENXIO),
	ERRNO(E2BIG), ERRNO(ENOEXEC), ERRNO(EBADF), ERRNO(ECHILD), ERRNO(EAGAIN), ERRNO(ENOMEM),
	ERRNO(EACCES), ERRNO(EFAULT), ERRNO(ENOTBLK), ERRNO(EBUSY), ERRNO(EEXIST), ERRNO(EXDEV),
	ERRNO(ENODEV), ERRNO(ENOTDIR), ERRNO(EISDIR), ERRNO(EINVAL), ERRNO(ENFILE),
	ERRNO(EMFILE), ERRNO(ENOTTY), ERRNO(ETXTBSY), ERRNO(EFBIG), ERRNO(ENOSPC), ERRNO(ESPIPE),
	ERRNO(EROFS), ERRNO(EMLINK), ERRNO(EPIPE), ERRNO(EDOM), ERRNO(ERANGE), ERRNO(EDEADLK),
	ERRNO(ENAMETOOLONG), ERRNO(ENOLCK), ERRNO(ENOSYS), ERRNO(ENOTEMPTY), ERRNO(ELOOP),
	ERRNO(ENOMSG), ERRNO(EIDRM), ERRNO(ECHRNG), ERRNO(EL2NSYNC), ERRNO(EL3HLT),
	ERRNO(EL3RST), ERRNO(ELNRNG), ERRNO(EUNATCH), ERRNO(ENOCSI), ERRNO(EL2HLT), ERRNO(EBADE),
	ERRNO(EBADR), ERRNO(EXFULL), ERRNO(ENOANO), ERRNO(EBADRQC), ERRNO(EBADSLT),
	ERRNO(EBFONT), ERRNO(ENOSTR), ERRNO(ENODATA), ERRNO(ETIME), ERRNO(ENOSR), ERRNO(ENONET),
	ERRNO(ENOPKG), ERRNO(EREMOTE), ERRNO(ENOLINK), ERRNO(EADV), ERRNO(ESRMNT), ERRNO(ECOMM),
	ERRNO(EPROTO), ERRNO(EMULTIHOP), ERRNO(EDOTDOT), ERRNO(EBADMSG), ERRNO(EOVERFLOW),
	ERRNO(ENOTUNIQ), ERRNO(EBADFD), ERRNO(EREMCHG), ERRNO(ELIBACC), ERRNO(ELIBBAD),
	ERRNO(ELIBSCN), ERRNO(ELIBMAX), ERRNO(ELIBEXEC), ERRNO(EILSEQ), ERRNO(ERESTART),
	ERRNO(ESTRPIPE), ERRNO(EUSERS), ERRNO(ENOTSOCK), ERRNO(EDESTADDRREQ), ERRNO(EMSGSIZE),
	ERRNO(EPROTOTYPE), ERRNO(ENOPROTOOPT), ERRNO(EPROTONOSUPPORT), ERRNO(ESOCKTNOSUPPORT),
	ERRNO(EOPNOTSUPP), ERRNO(EPFNOSUPPORT), ERRNO(EAFNOSUPPORT), ERRNO(EADDRINUSE),
	ERRNO(EADDRNOTAVAIL), ERRNO(ENETDOWN), ERRNO(ENETUNREACH), ERRNO(ENETRESET),
	ERRNO(ECONNABORTED), ERRNO(ECONNRESET), ERRNO(ENOBUFS), ERRNO(EISCONN), ERRNO(ENOTCONN),
	ERRNO(ESHUTDOWN), ERRNO(ETOOMANYREFS), ERRNO(ETIMEDOUT), ERRNO(ECONNREFUSED),
	ERRNO(EHOSTDOWN), ERRNO(EHOSTUNREACH), ERRNO(EALREADY), ERRNO(EINPROGRESS),
	ERRNO(ESTALE), ERRNO(EUCLEAN), ERRNO(ENOTNAM), ERRNO(ENAVAIL), ERRNO(EISNAM),
	ERRNO(EREMOTEIO), ERRNO(EDQUOT), ERRNO(ENOMEDIUM), ERRNO(EMEDIUMTYPE), ERRNO(ECANCELED),
	ERRNO(ENOKEY), ERRNO(EKEYEXPIRED), ERRNO(EKEYREVOKED), ERRNO(EKEYREJECTED),
	ERRNO(EOWNERDEAD), ERRNO(ENOTRECOVERABLE), ERRNO(ERFKILL), ERRNO(EHWPOISON),
};

/* The common ones first: the search is linear. */
static const struct row qtypes[] = {
	{ 1, "A" }, { 28, "AAAA" }, { 33, "SRV" }, { 65, "HTTPS" }, { 12, "PTR" }, { 16, "TXT" },
	{ 5, "CNAME" }, { 15, "MX" }, { 2, "NS" }, { 6, "SOA" }, { 64, "SVCB" }, { 35, "NAPTR" },
	{ 39, "DNAME" }, { 41, "OPT" }, { 43, "DS" }, { 46, "RRSIG" }, { 47, "NSEC" },
	{ 48, "DNSKEY" }, { 50, "NSEC3" }, { 52, "TLSA" }, { 250, "TSIG" }, { 251, "IXFR" }, { 252, "AXFR" },
	{ 255, "ANY" }, { 257, "CAA" },
};

static const struct row rcodes[] = {
	{ 0, "NOERROR" }, { 1, "FORMERR" }, { 2, "SERVFAIL" }, { 3, "NXDOMAIN" }, { 4, "NOTIMP" },
	{ 5, "REFUSED" }, { 6, "YXDOMAIN" }, { 7, "YXRRSET" }, { 8, "NXRRSET" }, { 9, "NOTAUTH" },
	{ 10, "NOTZONE" }, { 16, "BADVERS" },
};

static const struct row tcp_states[] = {
	{ 1, "ESTABLISHED" }, { 2, "SYN_SENT" }, { 3, "SYN_RECV" }, { 4, "FIN_WAIT1" },
	{ 5, "FIN_WAIT2" }, { 6, "TIME_WAIT" }, { 7, "CLOSE" }, { 8, "CLOSE_WAIT" },
	{ 9, "LAST_ACK" }, { 10, "LISTEN" }, { 11, "CLOSING" }, { 12, "NEW_SYN_RECV" },
};

static const struct row protos[] = {
	{ IPPROTO_TCP, "tcp" }, { IPPROTO_UDP, "udp" }, { IPPROTO_ICMP, "icmp" },
	{ IPPROTO_ICMPV6, "icmpv6" }, { IPPROTO_SCTP, "sctp" }, { IPPROTO_DCCP, "dccp" },
	{ IPPROTO_UDPLITE, "udplite" },
};

static const struct {
	const struct row *rows;
	size_t count;
	const char *prefix; /* before the number of a value without name */
} sets[] = {
	[SLO_WIRE_ERRNO]     = { errnos, SLO_ARRAY_SIZE(errnos), "" },
	[SLO_WIRE_QTYPE]     = { qtypes, SLO_ARRAY_SIZE(qtypes), "TYPE" },
	[SLO_WIRE_RCODE]     = { rcodes, SLO_ARRAY_SIZE(rcodes), "" },
	[SLO_WIRE_TCP_STATE] = { tcp_states, SLO_ARRAY_SIZE(tcp_states), "" },
	[SLO_WIRE_PROTO]     = { protos, SLO_ARRAY_SIZE(protos), "" },
};
/* clang-format on */
SLO_TABLE_COMPLETE(sets, SLO_WIRE_SET_MAX_);

const char *slo_wire_name(enum slo_wire_set set, unsigned int value)
{
	assert((unsigned int)set < SLO_WIRE_SET_MAX_);
	for (size_t i = 0; i < sets[set].count; i++) {
		if (sets[set].rows[i].value == value)
			return sets[set].rows[i].name;
	}
	return NULL;
}

const char *slo_wire_text(enum slo_wire_set set, unsigned int value, char buf[SLO_WIRE_TEXT_SIZE])
{
	const char *name = slo_wire_name(set, value);

	if (name)
		return name;
	(void)snprintf(buf, SLO_WIRE_TEXT_SIZE, "%s%u", sets[set].prefix, value);
	return buf;
}

static int parse_number(const char *digits)
{
	int v = 0;

	if (!*digits)
		return -ENOENT;
	for (; *digits; digits++) {
		if (*digits < '0' || *digits > '9')
			return -ENOENT;
		v = v * 10 + (*digits - '0');
		if (v > UINT16_MAX)
			return -ENOENT;
	}
	return v;
}

int slo_wire_value(enum slo_wire_set set, const char *text)
{
	size_t prefix;

	assert((unsigned int)set < SLO_WIRE_SET_MAX_);
	for (size_t i = 0; i < sets[set].count; i++) {
		if (strcasecmp(sets[set].rows[i].name, text) == 0)
			return (int)sets[set].rows[i].value;
	}
	prefix = strlen(sets[set].prefix);
	if (strncasecmp(text, sets[set].prefix, prefix) != 0)
		return -ENOENT;
	return parse_number(text + prefix);
}
