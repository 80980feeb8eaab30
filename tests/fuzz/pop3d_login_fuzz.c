/* SPDX-License-Identifier: ISC */
/* Any bytes before the log-in, in portions. */
#include <stdint.h>
#include <stdlib.h>

#include "base/buf.h"
#include "pop3d/login.h"

static void ask_mechs(void *ctx, struct buf *list)
{
	(void)ctx;
	(void)buf_put(list, STR("PLAIN LOGIN"));
}

static enum login_answer ask_begin(void *ctx, struct str mech,
				   struct str initial, struct buf *challenge)
{
	unsigned *turn = ctx;

	(void)mech;
	(void)initial;
	(void)buf_put(challenge, STR("Zm9v"));
	return (enum login_answer)(++*turn % 4);
}

static enum login_answer ask_go_on(void *ctx, struct str response,
				   struct buf *challenge)
{
	return ask_begin(ctx, STR(""), response, challenge);
}

static void ask_cancel(void *ctx)
{
	(void)ctx;
}

static void ask_failed(void *ctx, struct str mech, struct str user,
		       enum login_answer answer)
{
	(void)ctx;
	if (mech.n > 20 || user.n > 512 || answer == LOGIN_YES)
		abort();
}

static const struct login_world world = {ask_mechs, ask_begin, ask_go_on,
					 ask_cancel, ask_failed};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	BUF_SCOPED in = BUF_INIT(1 << 20);
	unsigned turn = size > 0 ? data[0] : 0;
	struct login *l = login_new(
		&(struct login_opts){.world = &world,
				     .ctx = &turn,
				     .banner = STR("ready"),
				     .hard_errors = 20,
				     .tls_offered = (turn & 16) != 0,
				     .tls_auth_only = (turn & 32) != 0});
	struct str rest = str_after(str_of(data, size), 1);
	size_t step = 1 + turn % 61;
	enum login_wants wants = LOGIN_READ;

	while (l != NULL && wants != LOGIN_DONE && wants != LOGIN_END) {
		size_t used;

		wants = login_step(l, buf_str(&in), &used);
		if (used > in.n)
			abort();
		buf_eat(&in, used);
		if (wants == LOGIN_SEND) {
			login_sent(l, 1 + login_output(l).n / 2);
		} else if (wants == LOGIN_TLS) {
			buf_reset(&in);
			login_secured(l);
		} else if (wants == LOGIN_READ) {
			if (rest.n == 0)
				break;
			(void)buf_put(&in, str_first(rest, step));
			rest = str_after(rest, step);
		}
	}
	login_free(l);
	return 0;
}
