/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of the self test: the state of one run, and what a row of its table consists of. */
#ifndef SLO_SLOCTL_SELFTEST_CASE_H
#define SLO_SLOCTL_SELFTEST_CASE_H

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "backends/session.h"
#include "core/base/clock.h"
#include "core/programs/sloctl/selftest.h"

/* Targets keep strangers out: some hundred, but a thousand more where others keep interrupting on the spinners' CPU. */
#define SLO_SELFTEST_EVENTS 8192
/* Names of the helpers; the first spinner's tells its measurements from the second's. */
#define SLO_SELFTEST_COMM "slo-selftest"
#define SLO_SELFTEST_COMM_SPIN "slo-selftest-1"
#define SLO_SELFTEST_COMM_RIVAL "slo-selftest-2"

struct slo_selftest_child {
	pid_t pid; /* 0: none */
	int ctl; /* our end of a SEQPACKET pair; the child ends when it is closed */
};

/* The address families that network signals are tried over. */
enum slo_selftest_family {
	SLO_SELFTEST_V4,
	SLO_SELFTEST_V6,
	SLO_SELFTEST_FAMILIES,
};

union slo_selftest_addr {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

#define SLO_SELFTEST_DNS_TRIES 5

struct slo_selftest_dns_side {
	bool has; /* the responder is bound */
	union slo_selftest_addr addr;
	unsigned int done; /* tries answered */
	uint16_t sport[SLO_SELFTEST_DNS_TRIES]; /* of the asking socket */
	uint64_t took_ns[SLO_SELFTEST_DNS_TRIES];
};

struct slo_selftest_dns {
	struct slo_selftest_child responder;
	struct slo_selftest_dns_side side[SLO_SELFTEST_FAMILIES];
	bool unfiltered; /* asked again without targets */
};

struct slo_selftest_conn_side {
	bool has;
	uint16_t sport, dport;
	uint64_t took_ns; /* connect() to writable */
	uint32_t retrans; /* TCP_INFO's */
};

struct slo_selftest_conn {
	bool tried; /* one cause serves two signals */
	int result;
	struct slo_err why;
	struct slo_selftest_conn_side side[SLO_SELFTEST_FAMILIES];
};

struct slo_selftest_refused_side {
	bool has;
	uint16_t dport;
	int err; /* connect()'s errno */
};

/* What a spinner tells of itself. */
struct slo_selftest_spun {
	int err; /* negative errno; 0 */
	char step[24]; /* that failed */
	uint64_t begin_ns, end_ns; /* CLOCK_MONOTONIC */
	uint64_t begin_delay_ns, end_delay_ns; /* run_delay of schedstat at those moments */
};

struct slo_selftest_sched {
	struct slo_selftest_child child[2]; /* the first is measured */
	struct slo_selftest_spun spun;
	unsigned int tries;
};

struct slo_selftest_ticks {
	uint64_t total, steal;
};

#define SLO_SELFTEST_READS 16

struct slo_selftest_reads {
	int fd; /* a nameless file on a disk, or a negative errno */
	char *page;
	unsigned int done;
	uint64_t least_ns; /* of one */
};

struct slo_selftest_steal {
	uint64_t begin_ns, end_ns; /* of our readings, and of an interval of the session's */
	struct slo_selftest_ticks begin, end;
};

#define SLO_SELFTEST_CGROUP_PATH 96

/* Of our own, below the root of the hierarchy that has the controller asked for. */
struct slo_selftest_cgroup {
	int base; /* dirfd of that root; -1: none */
	bool v2;
	char name[48]; /* "": not made */
};

/* What the throttled process tells of itself. */
struct slo_selftest_spent {
	uint64_t wall_ns, cpu_ns;
};

struct slo_selftest_throttle {
	struct slo_selftest_cgroup cgroup;
	struct slo_selftest_child child;
	uint64_t id; /* of the cgroup, on v2 */
	struct slo_selftest_spent spent;
	double throttled_ms; /* by our own reading of cpu.stat */
};

/* CLOCK_MONOTONIC about the one write that has to reclaim. */
struct slo_selftest_squeezed {
	uint64_t begin_ns, end_ns;
};

struct slo_selftest_reclaim {
	struct slo_selftest_cgroup cgroup;
	struct slo_selftest_child child;
	struct slo_selftest_squeezed squeezed;
};

struct slo_selftest_tls_side {
	bool has;
	uint16_t sport; /* of the client */
	uint64_t took_ns; /* first byte sent to the last one sent, by the socket */
};

struct slo_selftest_tls {
	struct slo_selftest_child server;
	uint16_t port[SLO_SELFTEST_FAMILIES]; /* 0: does not listen */
	struct slo_selftest_tls_side side[2][SLO_SELFTEST_FAMILIES]; /* good, refused */
};

struct slo_selftest {
	int root; /* dirfd of the host's root, borrowed */
	struct slo_session *session; /* NULL while preparing */
	uint64_t deadline_ns; /* of all waits */
	bool lo_up; /* we brought it up */
	unsigned int count; /* of events */
	unsigned int overflow; /* events that found no room */
	struct slo_selftest_dns dns;
	struct slo_selftest_conn conn;
	struct slo_selftest_refused_side refused[SLO_SELFTEST_FAMILIES];
	struct slo_selftest_sched sched;
	struct slo_selftest_steal steal;
	struct slo_selftest_reads disk;
	struct slo_selftest_throttle throttle;
	struct slo_selftest_reclaim reclaim;
	struct slo_selftest_tls tls;
	struct slo_probe_event events[SLO_SELFTEST_EVENTS]; /* samples and gauges, as they came */
};

/* One row a signal. A negative errno of prepare, cause or finish skips the signal for the reason in @err. */
struct slo_selftest_case {
	enum slo_signal signal;
	bool net; /* needs the loopback interface */
	/* Before the session: what has to be there first, processes above all. Nullable, as cause and finish. */
	int (*prepare)(struct slo_selftest *t, struct slo_err *err);
	/* Makes the event and measures the truth. */
	int (*cause)(struct slo_selftest *t, struct slo_err *err);
	/* After the causes of all signals. */
	int (*finish)(struct slo_selftest *t, struct slo_err *err);
	/* Compares, by slo_selftest_check(), and fills what; called until all is seen. */
	void (*judge)(const struct slo_selftest *t, struct slo_selftest_result *r);
};

extern const struct slo_selftest_case slo_selftest_dns;
extern const struct slo_selftest_case slo_selftest_retransmits;
extern const struct slo_selftest_case slo_selftest_runqueue;
extern const struct slo_selftest_case slo_selftest_connects;
extern const struct slo_selftest_case slo_selftest_refusals;
extern const struct slo_selftest_case slo_selftest_steal;
extern const struct slo_selftest_case slo_selftest_disk;
extern const struct slo_selftest_case slo_selftest_calls;
extern const struct slo_selftest_case slo_selftest_throttle;
extern const struct slo_selftest_case slo_selftest_reclaim;
extern const struct slo_selftest_case slo_selftest_tls;
extern const struct slo_selftest_case slo_selftest_tls_refused;

/* One comparison of several that make a result. */
struct slo_selftest_check {
	const char *which; /* "IPv6"; "" where there is but one */
	bool seen;
	double value, truth, tolerance;
	const char *fault; /* wrong beyond the value; NULL none */
};

void slo_selftest_check(struct slo_selftest_result *r, const struct slo_selftest_check *c);

/* Milliseconds to wait, @max_ms at most, not beyond the run's deadline. */
int slo_selftest_wait_ms(const struct slo_selftest *t, int max_ms);

/* Forks a helper named @comm that calls @run(its end of ctl, @arg) and exits. 0 or negative errno. */
int slo_selftest_fork(struct slo_selftest_child *c, const char *comm,
                      void (*run)(int ctl, void *arg), void *arg, struct slo_err *err);
/* For its @run: @answer(fd) for each of the sockets that has something, until the other end of @ctl is closed. */
struct slo_selftest_sockets {
	int fd[SLO_SELFTEST_FAMILIES]; /* negative: none */
};
void slo_selftest_serve(int ctl, const struct slo_selftest_sockets *s, void (*answer)(int fd));
/* Ends and reaps it; idempotent. */
void slo_selftest_reap(struct slo_selftest_child *c);

/*
 * A cgroup with @controller where the host's configuration gives one as it is. 0 or negative errno, @err with the way out;
 * *@cg wants slo_selftest_cgroup_remove() in either case.
 */
int slo_selftest_cgroup_make(const struct slo_selftest *t, const char *controller,
                             struct slo_selftest_cgroup *cg, struct slo_err *err);
int slo_selftest_cgroup_join(const struct slo_selftest_cgroup *cg,
                             const struct slo_selftest_child *c, struct slo_err *err);
/* Path of one of its files, below cg->base. */
void slo_selftest_cgroup_path(const struct slo_selftest_cgroup *cg, const char *file,
                              char ret[SLO_SELFTEST_CGROUP_PATH]);
int slo_selftest_cgroup_write(const struct slo_selftest_cgroup *cg, const char *file,
                              const char *text, struct slo_err *err);
/* After its processes were reaped; idempotent. */
void slo_selftest_cgroup_remove(struct slo_selftest_cgroup *cg);

/* "IPv4" */
const char *slo_selftest_family_name(enum slo_selftest_family f);
/* "IPv4 and IPv6": of those that @has holds. */
const char *slo_selftest_family_names(bool v4, bool v6);
uint8_t slo_selftest_family_number(enum slo_selftest_family f);
/* 127.0.0.1 or ::1 with @port (host byte order). */
void slo_selftest_loopback(enum slo_selftest_family f, uint16_t port, union slo_selftest_addr *ret);
socklen_t slo_selftest_addr_len(const union slo_selftest_addr *addr);
/* Local port of @fd, host byte order; 0 unknown. */
uint16_t slo_selftest_local_port(int fd);

/* Of a kernel's slowest clock, HZ=100: TCP_INFO's times are counted in these. */
#define SLO_SELFTEST_TICK_NS (10 * SLO_NS_PER_MS)
/* TCP_INFO of @fd, and the CLOCK_MONOTONIC of its reading, to a tick where others let us. 0 or negative errno. */
int slo_selftest_tcp_info(int fd, struct tcp_info *ret_info, uint64_t *ret_now_ns);

/* Brings the loopback interface up where it is down; t->lo_up tells. 0 or negative errno. */
int slo_selftest_lo_begin(struct slo_selftest *t, struct slo_err *err);
/* Takes it down again where we brought it up. */
void slo_selftest_lo_end(struct slo_selftest *t);

/* Closes the file that was read; safe where there is none. */
void slo_selftest_disk_end(struct slo_selftest *t);

/* Asks once more, for a session that is no longer told whom to watch. */
int slo_selftest_dns_again(struct slo_selftest *t, struct slo_err *err);
/* Makes the two processes compete once more. */
int slo_selftest_runqueue_again(struct slo_selftest *t, struct slo_err *err);

#endif
