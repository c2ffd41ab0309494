/* SPDX-License-Identifier: Apache-2.0 */
/* Webhooks with the n-th allocation failing in turn: an error and nothing left, or the notice is kept; never neither. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/net/webhook.h"
#include "test/unit/base/fail_alloc.h"
#include "test/unit/base/remove_dir.h"
#include "test/unit/net/notice.h"

static struct slo_http_client *client;
static char dir[64];

static struct slo_webhook_config config_of(enum slo_webhook_format format, bool on_disk)
{
	return (struct slo_webhook_config){
		.format = format,
		.url = "http://127.0.0.1:9/in", /* nobody */
		.secret = format == SLO_WEBHOOK_GENERIC ? "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
		                                        : TEST_NOTICE_KEY,
		.legacy_signature = true,
		.timeout_ms = 1000,
		.dir = on_disk ? dir : "",
		.spool_bytes = 1 << 20,
		.client = client,
	};
}

static void clean(void)
{
	char queue[80];

	(void)snprintf(queue, sizeof(queue), "%s/queue", dir);
	empty_dir(queue);
}

static int make(void **state)
{
	const struct slo_http_client_config cfg = { .max_requests = 4, .user_agent = "test/1" };

	(void)state;
	(void)snprintf(dir, sizeof(dir), "/tmp/slo_webhook_alloc.XXXXXX");
	return !mkdtemp(dir) || slo_http_client_new(&client, &cfg, NULL) < 0;
}

static int unmake(void **state)
{
	char queue[80];

	(void)state;
	slo_http_client_freep(&client);
	clean();
	(void)snprintf(queue, sizeof(queue), "%s/queue", dir);
	(void)rmdir(queue);
	empty_dir(dir);
	return rmdir(dir);
}

static void making_one_may_fail(void **state)
{
	(void)state;
	if (!FAIL_ALLOC)
		skip();
	for (int format = 0; format < SLO_WEBHOOK_MAX_; format++) {
		struct slo_webhook_config cfg =
			config_of((enum slo_webhook_format)format, format % 2);
		struct slo_webhook *w = NULL;
		int n = 0;

		for (; !w; n++) {
			struct slo_err err = { 0 };
			int r;

			assert_true(n < 200);
			fail_alloc_after = n;
			r = slo_webhook_new(&w, &cfg, &err);
			/* What curl or libc asks for by itself may fail and be done without. */
			if (fail_alloc_after >= 0)
				assert_int_equal(r, 0);
			fail_alloc_after = -1;
			assert_true(r == 0 ? w != NULL : !w && *err.msg);
		}
		assert_true(n > 3);
		slo_webhook_freep(&w);
		clean();
	}
}

/* One notice, the @n-th allocation failing: kept or counted. False: none failed. */
static bool send_one(struct slo_webhook_config *cfg, int n)
{
	const struct slo_notice notice = notice_of(SLO_NOTICE_OPEN, "inc-1-1");
	struct slo_webhook *w = NULL;
	struct slo_webhook_stats st;
	struct slo_err err = { 0 };
	bool failed;
	int r;

	assert_int_equal(slo_webhook_new(&w, cfg, NULL), 0);
	fail_alloc_after = n;
	r = slo_webhook_send(w, &notice, &err);
	failed = fail_alloc_after < 0;
	fail_alloc_after = -1;
	slo_webhook_stats(w, &st);
	assert_int_equal(st.waiting + st.dropped, 1);
	assert_true(r == 0 ? st.waiting == 1 : *err.msg != '\0');
	slo_webhook_freep(&w);
	clean();
	return failed;
}

static void a_notice_is_kept_or_counted(void **state)
{
	(void)state;
	if (!FAIL_ALLOC)
		skip();
	for (int on_disk = 0; on_disk < 2; on_disk++) {
		for (int format = 0; format < SLO_WEBHOOK_MAX_; format++) {
			struct slo_webhook_config cfg =
				config_of((enum slo_webhook_format)format, on_disk);
			int n = 0;

			while (send_one(&cfg, n))
				assert_true(++n < 500);
			assert_true(n > 3);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(making_one_may_fail),
		cmocka_unit_test(a_notice_is_kept_or_counted),
	};

	return cmocka_run_group_tests_name("webhook_alloc", tests, make, unmake);
}
