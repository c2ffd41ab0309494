/* SPDX-License-Identifier: Apache-2.0 */
/* Names, trace ids and connections of records as numbers. */
#include <errno.h>
#include <string.h>

#include "core/engine/correlate_records.h"

/* 0 where a name finds no room. */
static uint32_t number(struct slo_correlator *c, uint32_t hash, const char *s, size_t len)
{
	uint32_t n = slo_names_get_hashed(c->names, hash, s, len, c->order, NULL);

	if (n == 0 && c->order >= c->next_sweep) {
		slo_corr_sweep_names(c);
		n = slo_names_get_hashed(c->names, hash, s, len, c->order, NULL);
	}
	return n;
}

/* Service and node together are one name: none of theirs begins with a 0. */
static uint32_t place(struct slo_correlator *c, const uint32_t of[2], uint32_t latest)
{
	char key[1 + 2 * sizeof(uint32_t)] = "";

	memcpy(key + 1, of, 2 * sizeof(*of));
	if (latest && slo_names_again(c->names, latest, key, sizeof(key), c->order))
		return latest;
	return number(c, slo_names_hash(c->names, key, sizeof(key)), key, sizeof(key));
}

/*
 * Trace ids are of one span or a few, so as names they would be most of all names. False: @id is no 32 hex digits as
 * OpenTelemetry writes them, or one that looks as a name's number does.
 */
static bool read_trace(const char *id, uint64_t ret[2])
{
	uint64_t part[2] = { 0 };

	for (size_t i = 0; i < 32; i++) {
		unsigned char c = (unsigned char)id[i];
		unsigned int digit = (unsigned int)c - '0';

		if (digit > 9) {
			digit = (unsigned int)c - 'a';
			if (digit > 5)
				return false;
			digit += 10;
		}
		part[i / 16] = part[i / 16] << 4 | digit;
	}
	if (id[32] || !part[0])
		return false;
	ret[0] = part[0];
	ret[1] = part[1];
	return true;
}

/* A number without zeros before it, up to @max: what comes behind it, or NULL. */
static const char *read_number(const char *s, uint32_t max, uint32_t *ret)
{
	uint32_t digit = (uint32_t)(unsigned char)*s - '0', n = digit;

	if (digit > 9)
		return NULL;
	for (s++; n && (digit = (uint32_t)(unsigned char)*s - '0') <= 9; s++) {
		n = 10 * n + digit;
		if (n > max)
			return NULL;
	}
	*ret = n;
	return s;
}

/* "10.1.0.7:443" */
static const char *read_end(const char *s, uint32_t *ret_address, uint32_t *ret_port)
{
	uint32_t part, address = 0;

	for (int i = 0; i < 4; i++) {
		s = read_number(s, UINT8_MAX, &part);
		if (!s || *s++ != (i < 3 ? '.' : ':'))
			return NULL;
		address = address << 8 | part;
	}
	*ret_address = address;
	return read_number(s, UINT16_MAX, ret_port);
}

/*
 * Each request may have a connection of its own, so as names they would be most of all names, too. False: @text is no
 * "A.B.C.D:PORT->A.B.C.D:PORT/tcp" (udp) to the letter, or one that looks as a name's number does.
 */
static bool read_conn(const char *text, uint64_t ret[2])
{
	uint32_t from, to, from_port, to_port;
	bool udp;

	text = read_end(text, &from, &from_port);
	if (!text || text[0] != '-' || text[1] != '>')
		return false;
	text = read_end(text + 2, &to, &to_port);
	if (!text || !(from | to))
		return false;
	udp = strcmp(text, "/udp") == 0;
	if (!udp && strcmp(text, "/tcp") != 0)
		return false;
	ret[0] = (uint64_t)from << 32 | to;
	ret[1] = (uint64_t)from_port << 32 | (uint64_t)to_port << 16 | (udp ? 2 : 1);
	return true;
}

int slo_corr_number_all(struct slo_correlator *c, const struct slo_corr_who *from,
                        struct slo_corr_latest *latest, struct slo_corr_numbers *ret)
{
	uint64_t trace[2] = { 0 }, conn[2] = { 0 };
	bool is_id = from->trace_id && read_trace(from->trace_id, trace);
	bool is_v4 = from->conn && read_conn(from->conn, conn);
	const char *name[SLO_CORR_NAME_MAX_] = { is_id ? NULL : from->trace_id, from->pod,
		                                 is_v4 ? NULL : from->conn, from->service,
		                                 from->node };
	struct slo_corr_latest now = { 0 };
	size_t len[SLO_ARRAY_SIZE(name)] = { 0 };
	uint32_t hash[SLO_ARRAY_SIZE(name)];

	for (size_t i = 0; i < SLO_ARRAY_SIZE(name); i++) {
		len[i] = name[i] ? strlen(name[i]) : 0;
		if (len[i] && latest->name[i] &&
		    slo_names_again(c->names, latest->name[i], name[i], len[i], c->order))
			now.name[i] = latest->name[i];
		else if (len[i])
			hash[i] = slo_names_hash(c->names, name[i], len[i]);
	}
	for (size_t i = 0; i < SLO_ARRAY_SIZE(name); i++) {
		if (len[i] && !now.name[i])
			slo_names_fetch(c->names, hash[i]);
	}
	for (size_t i = 0; i < SLO_ARRAY_SIZE(name); i++) {
		if (len[i] && !now.name[i] && !(now.name[i] = number(c, hash[i], name[i], len[i])))
			return -ENOSPC;
	}
	if (now.name[SLO_CORR_NAME_SERVICE] && now.name[SLO_CORR_NAME_NODE] &&
	    !(now.place = place(c, now.name + SLO_CORR_NAME_SERVICE, latest->place)))
		return -ENOSPC;
	*latest = now;
	*ret = (struct slo_corr_numbers){
		.trace = { trace[0], is_id ? trace[1] : now.name[SLO_CORR_NAME_TRACE] },
		.pod = now.name[SLO_CORR_NAME_POD],
		.conn = { conn[0], is_v4 ? conn[1] : now.name[SLO_CORR_NAME_CONN] },
		.place = now.place,
		.pid = from->pid,
	};
	return 0;
}
