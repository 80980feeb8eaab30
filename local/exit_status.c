/* SPDX-License-Identifier: ISC */
/* sysexits(3) and enhanced status codes: see local/exit_status.h. */
#include "local/exit_status.h"

#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>

#include "base/buf.h"
#include "base/byteset.h"

static const struct meaning {
	int status;
	struct str dsn;
	const char *words;
} meanings[] = {
	{EX_USAGE, STR_INIT("5.3.0"), "command line usage error"},
	{EX_DATAERR, STR_INIT("5.6.0"), "data format error"},
	{EX_NOINPUT, STR_INIT("5.3.0"), "cannot open input"},
	{EX_NOUSER, STR_INIT("5.1.1"), "user unknown"},
	{EX_NOHOST, STR_INIT("5.1.2"), "host name unknown"},
	{EX_UNAVAILABLE, STR_INIT("5.3.0"), "service unavailable"},
	{EX_SOFTWARE, STR_INIT("5.3.0"), "internal software error"},
	{EX_OSERR, STR_INIT("4.3.0"), "system resource problem"},
	{EX_OSFILE, STR_INIT("5.3.0"), "critical OS file missing"},
	{EX_CANTCREAT, STR_INIT("5.2.0"), "can't create user output file"},
	{EX_IOERR, STR_INIT("5.3.0"), "input/output error"},
	{EX_TEMPFAIL, STR_INIT("4.3.0"), "temporary failure"},
	{EX_PROTOCOL, STR_INIT("5.5.0"), "remote error in protocol"},
	{EX_NOPERM, STR_INIT("5.7.0"), "permission denied"},
	{EX_CONFIG, STR_INIT("5.3.5"), "local configuration error"},
};

static const struct meaning *find(int status)
{
	for (size_t i = 0; i < ARRAY_LEN(meanings); i++)
		if (meanings[i].status == status)
			return &meanings[i];
	return NULL;
}

/* One to three digits. */
static bool eat_number(struct str *s)
{
	size_t n = 0;

	while (n < s->n && n < 4 && byteset_has(&byteset_digit, s->p[n]))
		n++;
	*s = str_after(*s, n);
	return n >= 1 && n <= 3;
}

bool exit_status_eat_dsn(struct str *s, struct str *code)
{
	struct str rest = *s;
	char class_byte = s->n > 0 ? s->p[0] : '\0';

	if (class_byte != '2' && class_byte != '4' && class_byte != '5')
		return false;
	rest = str_after(rest, 1);
	if (!str_eat(&rest, STR(".")) || !eat_number(&rest) ||
	    !str_eat(&rest, STR(".")) || !eat_number(&rest))
		return false;
	if (rest.n > 0 && !byteset_has(&byteset_space, rest.p[0]))
		return false;
	*code = str_first(*s, s->n - rest.n);
	*s = str_trim(rest, &byteset_space);
	return true;
}

/* Output on one line. */
static void put_output(struct buf *to, struct str output)
{
	for (size_t i = 0; i < output.n; i++) {
		char c = output.p[i];

		buf_put_byte(to, c == '\n' || c == '\r' || c == '\t' ? ' ' : c);
	}
}

static void put_tail(struct buf *to, struct str output)
{
	if (output.n == 0)
		return;
	buf_put(to, STR(". Command output: "));
	put_output(to, output);
}

static enum outcome_action not_run(const struct exit_status *s,
				   struct str output, struct str *dsn,
				   struct buf *text)
{
	if (s->error == -ETIMEDOUT) {
		*dsn = STR("5.3.0");
		buf_putf(text, "Command time limit exceeded: \"" STR_FMT "\"",
			 STR_ARG(s->command));
		put_tail(text, output);
		return OUTCOME_BOUNCED;
	}
	*dsn = STR("4.3.0");
	buf_put(text, STR("temporary failure"));
	if (s->why != NULL && s->why[0] != '\0')
		put_tail(text, str_of_c(s->why));
	return OUTCOME_DEFERRED;
}

static enum outcome_action ended(const struct exit_status *s, struct str output,
				 struct str *dsn, struct buf *text)
{
	const struct meaning *m = find(WEXITSTATUS(s->status));
	struct str words = output;

	/* A code that says "success" does not go with a failure. */
	if (exit_status_eat_dsn(&words, dsn) && dsn->p[0] != '2') {
		put_output(text, words);
	} else if (m != NULL) {
		*dsn = m->dsn;
		buf_put(text, str_of_c(m->words));
		put_tail(text, output);
	} else {
		*dsn = STR("5.3.0");
		buf_putf(text, "Command died with status %d: \"" STR_FMT "\"",
			 WEXITSTATUS(s->status), STR_ARG(s->command));
		put_tail(text, output);
	}
	return dsn->p[0] == '4' ? OUTCOME_DEFERRED : OUTCOME_BOUNCED;
}

enum outcome_action exit_status_judge(const struct exit_status *s,
				      struct str *dsn, struct buf *text)
{
	struct str output = str_trim(s->output, &byteset_space);

	if (s->error != 0)
		return not_run(s, output, dsn, text);
	if (WIFSIGNALED(s->status)) {
		*dsn = STR("4.3.0");
		buf_putf(text, "Command died with signal %d: \"" STR_FMT "\"",
			 WTERMSIG(s->status), STR_ARG(s->command));
		put_tail(text, output);
		return OUTCOME_DEFERRED;
	}
	if (WEXITSTATUS(s->status) != 0)
		return ended(s, output, dsn, text);
	if (!exit_status_eat_dsn(&output, dsn) || dsn->p[0] != '2')
		*dsn = STR("2.0.0");
	put_output(text, output);
	return OUTCOME_SENT;
}
