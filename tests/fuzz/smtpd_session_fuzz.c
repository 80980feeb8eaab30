/* SPDX-License-Identifier: ISC */
/* A session that is sent anything.  The first byte chooses the configuration
 * and the portions; a zero byte in the input stands for "TLS has begun" where
 * STARTTLS was accepted. */
#include <stdint.h>

#include "../unit/programs/smtpd/world.h"

static struct world *make_world(const char *more)
{
	struct world *w = calloc(1, sizeof(*w));
	struct why why = {""};

	if (w == NULL)
		abort();
	w->arena = arena_new(1 << 20);
	w->main_cf = BUF_INIT(65536);
	w->out = BUF_INIT(1 << 20);
	w->message = BUF_INIT(1 << 20);
	w->content = BUF_INIT(1 << 20);
	w->committed = BUF_INIT(1 << 20);
	w->committed_content = BUF_INIT(1 << 20);
	w->tls_ready = true;
	w->mechs = STR("PLAIN LOGIN");
	world_users(w);
	snprintf(w->dir, sizeof(w->dir), "/tmp/smtpd-fuzz-XXXXXX");
	if (mkdtemp(w->dir) == NULL)
		abort();
	buf_put(&w->main_cf, STR(WORLD_MAIN_CF));
	buf_put(&w->main_cf, str_of_c(more));
	if (world_open(w, &why) != 0)
		abort();
	return w;
}

static struct world *worlds[2];

static void close_worlds(void)
{
	for (size_t i = 0; i < 2; i++) {
		world_close(worlds[i]);
		free(worlds[i]);
		worlds[i] = NULL;
	}
}

static void open_worlds(void)
{
	log_open(&(struct log_opts){.tag = "t", .role = "smtpd", .fd = -1});
	worlds[0] = make_world("smtpd_sasl_auth_enable = yes\n"
			       "smtpd_tls_security_level = may\n"
			       "smtpd_forbid_unauth_pipelining = no\n"
			       "message_size_limit = 5000\n");
	worlds[1] = make_world(
		"smtpd_delay_reject = no\n"
		"smtpd_helo_restrictions = reject_invalid_helo_hostname\n"
		"smtpd_sender_restrictions = reject_non_fqdn_sender, "
		"reject_unknown_sender_domain, "
		"inline:{a@b.example=HOLD, c@b.example=DEFER_IF_PERMIT}\n"
		"smtpd_end_of_data_restrictions = "
		"inline:{joe@example.org=REJECT}\n"
		"smtpd_forbid_bare_newline = note\n"
		"strict_rfc821_envelopes = yes\n");
	atexit(close_worlds);
}

static void send_output(struct session *s)
{
	session_output_sent(s, session_output(s).n);
}

/* Returns what the session wants. */
static enum session_want feed(struct session *s, struct buf *pending)
{
	enum session_want want;
	size_t used;

	do {
		want = session_feed(s, buf_str(pending), &used);
		if (used > pending->n || (want == SESSION_AGAIN && used == 0))
			abort();
		buf_eat(pending, used);
		send_output(s);
	} while (want == SESSION_AGAIN);
	return want;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct session_tls tls = {.protocol = STR_INIT("TLSv1.3"),
					       .cipher = STR_INIT("X")};
	BUF_SCOPED pending = BUF_INIT(1 << 20);
	struct session_peer peer = {.name = STR("unknown"),
				    .reverse_name = STR("unknown"),
				    .address = STR("192.0.2.9"),
				    .name_status = PEER_NAME_ABSENT};
	enum session_want want;
	struct world *w;
	struct str in;
	size_t step;

	if (worlds[0] == NULL)
		open_worlds();
	if (size < 1 || size > 1 << 15)
		return 0;
	w = worlds[data[0] & 1];
	step = 1 + (size_t)(data[0] >> 1) * 8;
	in = str_of(data + 1, size - 1);
	buf_reset(&w->committed);
	if (session_new(w->server, &peer, &asks, w, &w->session) != 0)
		abort();
	want = session_begin(w->session);
	while (want != SESSION_END && in.n > 0) {
		buf_put(&pending, str_first(in, step));
		in = str_after(in, step);
		want = feed(w->session, &pending);
		if (want == SESSION_STARTTLS) {
			buf_reset(&pending);
			if (session_tls_began(w->session, &tls) != 0)
				abort();
		}
	}
	if (want != SESSION_END)
		session_lost(w->session);
	session_free(w->session);
	return 0;
}
