/* SPDX-License-Identifier: ISC */
/* What needs no process: targets, exit statuses, message text, names, macros.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/why.h"
#include "local/content.h"
#include "local/exit_status.h"
#include "local/include.h"
#include "local/mailbox.h"
#include "local/pass.h"
#include "local/pipe.h"
#include "local/target.h"
#include "local/worker.h"
#include "mail/address.h"

/* ---- targets
 * ------------------------------------------------------------------------------
 */

/* "kind:text|kind:text" of what `text` names. */
static void check_targets(const char *text, bool lines, const char *expected)
{
	CLEANUP(arena_free) struct arena *a = arena_new((size_t)1 << 20);
	BUF_SCOPED got = BUF_INIT(65536);
	struct targets t = {.list = NULL};

	assert_int_equal(targets_parse(str_of_c(text), lines, a, &t), 0);
	for (size_t i = 0; i < t.count; i++)
		buf_putf(&got, "%s%c:" STR_FMT, i > 0 ? "|" : "",
			 (int)t.list[i].kind, STR_ARG(t.list[i].text));
	assert_string_equal(buf_cstr(&got), expected);
}

static void targets(void **state)
{
	(void)state;
	check_targets("", false, "");
	check_targets(" , ,\n,", false, "");
	check_targets("ann, bob@far.test,\"c d\"@e.test", false,
		      "a:ann|a:bob@far.test|a:c d@e.test");
	check_targets("Ann Lee <ann@x.test>, bob (his, name)", false,
		      "a:ann@x.test|a:bob");
	check_targets("|cmd a b, x", false, "c:cmd a b|a:x");
	check_targets("\"|cmd \\\"a, b\\\" (c\", x", false,
		      "c:cmd \"a, b\" (c|a:x");
	check_targets("|\"cmd a, b\"", false, "c:cmd a, b");
	check_targets("/var/x, \"/var/y z\", /dir/", false,
		      "f:/var/x|f:/var/y z|f:/dir/");
	check_targets(":include:/a/b, \":include: /c d\"", false,
		      "i:/a/b|i:/c d");
	check_targets("\\ann, \"\\bob\"", false, "u:ann|u:bob");
	check_targets("# no\nann\r\n # no address\n|x # y\n", true,
		      "a:ann|a:#|a:no|a:address|c:x # y");
	check_targets("\"never closed, x\nann", true, "a:ann");
	check_targets("|", false, "");
	check_targets("\"|\"", false, "");
	check_targets("\\", false, "");
}

/* ---- exit statuses ------------------------------------------------------- */

static void check_exit(int error, int status, const char *output,
		       enum outcome_action action, const char *dsn,
		       const char *words)
{
	const struct exit_status s = {
		.error = error,
		.status = status,
		.command = STR("cmd"),
		.output = str_of_c(output),
		.why = "no such thing",
	};
	BUF_SCOPED text = BUF_INIT(4096);
	struct str got;

	assert_int_equal(exit_status_judge(&s, &got, &text), action);
	assert_true(str_eq(got, str_of_c(dsn)));
	assert_string_equal(buf_cstr(&text), words);
}

static void exits(void **state)
{
	(void)state;
	check_exit(0, 0, "", OUTCOME_SENT, "2.0.0", "");
	check_exit(0, 0, "2.1.5 done\nwell\n", OUTCOME_SENT, "2.1.5",
		   "done well");
	check_exit(0, 67 << 8, "", OUTCOME_BOUNCED, "5.1.1", "user unknown");
	check_exit(0, 75 << 8, " full\n", OUTCOME_DEFERRED, "4.3.0",
		   "temporary failure. Command output: full");
	check_exit(0, 71 << 8, "", OUTCOME_DEFERRED, "4.3.0",
		   "system resource problem");
	check_exit(0, 1 << 8, "4.2.2 full", OUTCOME_DEFERRED, "4.2.2", "full");
	check_exit(0, 75 << 8, "5.7.2", OUTCOME_BOUNCED, "5.7.2", "");
	check_exit(0, 1 << 8, "5.7.2x", OUTCOME_BOUNCED, "5.3.0",
		   "Command died with status 1: \"cmd\". Command output: "
		   "5.7.2x");
	check_exit(0, 3 << 8, "", OUTCOME_BOUNCED, "5.3.0",
		   "Command died with status 3: \"cmd\"");
	check_exit(0, 9, "", OUTCOME_DEFERRED, "4.3.0",
		   "Command died with signal 9: \"cmd\"");
	check_exit(-ETIMEDOUT, 9, "", OUTCOME_BOUNCED, "5.3.0",
		   "Command time limit exceeded: \"cmd\"");
	check_exit(-ENOENT, 0, "", OUTCOME_DEFERRED, "4.3.0",
		   "temporary failure. Command output: no such thing");
}

/* ---- message text
 * -----------------------------------------------------------------------------
 */

/* The same in pieces of every size. */
static void check_content(unsigned flags, const char *eol, const char *in,
			  const char *expected)
{
	size_t n = strlen(in);

	for (size_t piece = 1; piece <= n + 1; piece++) {
		BUF_SCOPED out = BUF_INIT(4096);
		struct content c;

		content_init(&c, flags, str_of_c(eol));
		for (size_t i = 0; i < n; i += piece)
			content_feed(&c,
				     str_first(str_of(in + i, n - i), piece),
				     &out);
		content_end(&c, &out);
		assert_string_equal(buf_cstr(&out), expected);
		assert_true(out.n <= content_most(n, strlen(eol)));
	}
}

static void content(void **state)
{
	(void)state;
	check_content(0, "\n", "", "");
	check_content(0, "\n", "a\r\nb", "a\nb\n");
	check_content(0, "\n", "a\rb\r\r\n\nFrom x\r\n", "a\rb\r\n\nFrom x\n");
	check_content(CONTENT_QUOTE_FROM, "\n",
		      "From a\r\n>From b\r\nFrom\r\nFro From \r\nFrom ",
		      ">From a\n>From b\nFrom\nFro From \n>From \n");
	check_content(CONTENT_QUOTE_FROM, "\n", "From\rx\r\nF", "From\rx\nF\n");
	check_content(CONTENT_QUOTE_DOT, "\r\n", ".\r\n..a\r\nb.\r\n",
		      "..\r\n...a\r\nb.\r\n");
	check_content(CONTENT_BLANK_END | CONTENT_QUOTE_FROM, "\n", "a\r\n",
		      "a\n\n");
}

static void delivered_to(void **state)
{
	const struct str text = STR("A: b\r\nDelivered-to: <Ann@X.test>\r\n\r\n"
				    "Delivered-To: bob@x.test\r\n");

	(void)state;
	assert_int_equal(content_was_delivered_to(text, STR("ann@x.test")), 1);
	assert_int_equal(content_was_delivered_to(text, STR("bob@x.test")), 0);
	assert_int_equal(content_was_delivered_to(STR(""), STR("a")), 0);
	assert_int_equal(
		content_was_delivered_to(STR("Delivered-To: a@b"), STR("a@b")),
		1);
	assert_int_equal(
		content_was_delivered_to(STR("Delivered-To: \"x y\"@b\r\n\r\n"),
					 STR("x y@b")),
		1);
}

static void head(void **state)
{
	BUF_SCOPED out = BUF_INIT(4096);

	(void)state;
	content_put_head(&out, &(struct content_head){
				       .from_line = true,
				       .return_path = true,
				       .sender = STR(""),
				       .null_sender = STR("MAILER-DAEMON"),
				       .original = STR("a b@c"),
				       .delivered_to = STR("d@e"),
				       .eol = STR("\n"),
				       .now_s = 0,
			       });
	assert_int_equal(strncmp(buf_cstr(&out), "From MAILER-DAEMON  ", 20),
			 0);
	assert_non_null(strstr(buf_cstr(&out),
			       " 19")); /* 1970, or 1969 west of Greenwich */
	assert_non_null(strstr(buf_cstr(&out),
			       "\nReturn-Path: <>\nX-Original-To: \"a b\"@c\n"
			       "Delivered-To: d@e\n"));
}

/* ---- names
 * --------------------------------------------------------------------------------
 */

static void names(void **state)
{
	char a[128], b[128];

	(void)state;
	assert_true(maildir_name(a, sizeof(a), 1700000000000123, 0x801, 0xabc,
				 "mx.test"));
	assert_string_equal(a, "1700000000.V801IabcM123.mx.test");
	assert_true(maildir_name(b, sizeof(b), 1700000000000123, 0x801, 0xabd,
				 "mx.test"));
	assert_string_not_equal(a, b);
	assert_true(maildir_name(a, sizeof(a), 1, 2, 3, "a/b:c"));
	assert_string_equal(a, "0.V2I3M1.a\\057b\\072c");
	assert_false(maildir_name(a, 12, 1, 2, 3, "mx.test"));
}

static void locks(void **state)
{
	unsigned got;

	(void)state;
	assert_true(mailbox_locks_parse(STR("fcntl, dotlock"), &got));
	assert_int_equal(got, MAILBOX_LOCK_FCNTL | MAILBOX_LOCK_DOT);
	assert_false(mailbox_locks_parse(STR("fcntl lease"), &got));
	assert_false(mailbox_locks_parse(STR(""), &got));
}

static void hosts(void **state)
{
	struct str host;
	uint16_t port;

	(void)state;
	assert_true(pass_parse_host(STR("inet:[::1]:2424"), &host, &port));
	assert_true(str_eq(host, STR("::1")));
	assert_int_equal(port, 2424);
	assert_true(pass_parse_host(STR("mx.test"), &host, &port));
	assert_int_equal(port, 24);
	assert_false(pass_parse_host(STR("[::1"), &host, &port));
	assert_false(pass_parse_host(STR("mx:x"), &host, &port));
	assert_false(pass_parse_host(STR(""), &host, &port));
}

/* ---- pipe
 * ---------------------------------------------------------------------------------
 */

static struct recipient to(struct str address, struct str original)
{
	return (struct recipient){.address = address, .original = original};
}

static void check_words(const char *const *args, size_t count,
			const char *expected)
{
	CLEANUP(arena_free) struct arena *a = arena_new((size_t)1 << 20);
	struct recipient list[] = {
		to(STR("Ann+x@Far.test"), STR("")),
		to(STR("b c@far.test"), STR("orig@x")),
	};
	struct attr attrs[] = {{STR("client_address"), STR("192.0.2.1")}};
	const struct delivery_request r = {
		.id = STR("ABC"),
		.sender = STR(""),
		.nexthop = STR("Far.test"),
		.envid = STR(""),
		.size = 42,
		.attrs = attrs,
		.attr_count = 1,
		.recipients = list,
		.recipient_count = 2,
	};
	const struct mail_delimiter delimiter = {.set = STR("+")};
	BUF_SCOPED got = BUF_INIT(4096);
	struct pipe_attributes p;
	struct str *words;
	struct why why;
	size_t n;
	int error;

	/* argv of a program is not const */
	error = pipe_parse((char *const *)(uintptr_t)args, count, a, &p, &why);
	if (error == 0)
		error = pipe_expand(&p, &r, &delimiter, a, &words, &n, &why);
	if (error != 0) {
		assert_string_equal(why.text, expected);
		return;
	}
	for (size_t i = 0; i < n; i++)
		buf_putf(&got, "[" STR_FMT "]", STR_ARG(words[i]));
	assert_string_equal(buf_cstr(&got), expected);
}

#define CHECK_WORDS(expected, ...)                                             \
	do {                                                                   \
		const char *const args[] = {__VA_ARGS__};                      \
		check_words(args, ARRAY_LEN(args), expected);                  \
	} while (0)

static void pipe_words(void **state)
{
	(void)state;
	CHECK_WORDS("[/bin/x][-f][MAILER-DAEMON][][Ann+x@Far.test]"
		    "[b c@far.test][--]",
		    "user=nobody", "argv=/bin/x", "-f", "${sender}",
		    "$sasl_username", "$recipient", "--");
	CHECK_WORDS("[x][ann+x@far.test][\"b c\"@far.test][ann][b c][x][]"
		    "[far.test]",
		    "flags=hquFX", "user=nobody", "argv=x", "${recipient}",
		    "${user}", "${extension}", "${nexthop}");
	CHECK_WORDS("[x][<Ann+x@Far.test>192.0.2.1][<orig@x>192.0.2.1][42 $]",
		    "user=nobody", "null_sender=", "argv=x",
		    "<${original_recipient}>$client_address", "${size} $$");
	CHECK_WORDS("unknown macro: nonsense", "user=a", "argv=x",
		    "${nonsense}");
	CHECK_WORDS("missing user=", "argv=x");
	CHECK_WORDS("missing command: argv=", "user=a");
	CHECK_WORDS("flags=: unknown flag z", "flags=z", "user=a", "argv=x");
	CHECK_WORDS("attribute not understood: chroot=/x", "chroot=/x",
		    "user=a", "argv=x");
}

static void unescape(void **state)
{
	BUF_SCOPED out = BUF_INIT(64);

	(void)state;
	assert_true(pipe_unescape(STR("a\\r\\n\\\\\\1010"), &out));
	assert_string_equal(buf_cstr(&out), "a\r\n\\A0");
	assert_false(pipe_unescape(STR("\\"), &out));
	assert_false(pipe_unescape(STR("\\x"), &out));
}

static void split_commands(void **state)
{
	CLEANUP(arena_free) struct arena *a = arena_new((size_t)1 << 20);
	struct str *words;
	size_t n;

	(void)state;
	assert_true(worker_split_command(STR(" /bin/x  -a b "), a, &words, &n));
	assert_int_equal(n, 3);
	assert_true(str_eq(words[2], STR("b")));
	assert_false(worker_split_command(STR("x > y"), a, &words, &n));
	assert_false(worker_split_command(STR("A=b x"), a, &words, &n));
	assert_false(worker_split_command(STR("x $HOME"), a, &words, &n));
	assert_false(worker_split_command(STR("  "), a, &words, &n));
}

/* Only what is known of the file itself may send mail back. */
static void errors_that_may_pass(void **state)
{
	static const int passing[] = {ENOMEM, EIO,    EMFILE,	 ENFILE,
				      ESTALE, EAGAIN, ETIMEDOUT, EINTR};
	static const int lasting[] = {ENOENT, EACCES, ENOTDIR, EPERM,
				      ELOOP,  EINVAL, EFBIG};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(passing); i++)
		assert_true(include_may_pass(-passing[i]));
	for (size_t i = 0; i < ARRAY_LEN(lasting); i++)
		assert_false(include_may_pass(-lasting[i]));
	assert_false(include_may_pass(0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(targets),
		cmocka_unit_test(exits),
		cmocka_unit_test(content),
		cmocka_unit_test(delivered_to),
		cmocka_unit_test(head),
		cmocka_unit_test(names),
		cmocka_unit_test(locks),
		cmocka_unit_test(hosts),
		cmocka_unit_test(pipe_words),
		cmocka_unit_test(unescape),
		cmocka_unit_test(split_commands),
		cmocka_unit_test(errors_that_may_pass),
	};

	return cmocka_run_group_tests_name("local: text", tests, NULL, NULL);
}
