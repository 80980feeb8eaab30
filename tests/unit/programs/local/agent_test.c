/* SPDX-License-Identifier: ISC */
/* Whole deliveries: the daemon runs as master would start it, the test is
 * qmgr.  As root, mail goes to real and different uids. */
#include "daemon.h"

#define MESSAGE "Subject: hello\r\n\r\nFrom me to you\r\n.dot\r\nlast line\r\n"

static bool is_root(void)
{
	return geteuid() == 0;
}

static char *const local_words[] = {(char *)(uintptr_t) "local", NULL};
static char *const virtual_words[] = {(char *)(uintptr_t) "virtual", NULL};

/* ---- virtual
 * -----------------------------------------------------------------------------
 */

static void virtual_to_two_uids(void **state)
{
	struct daemon d;
	struct stat st;
	char text[4096], path[256];
	int fd;

	(void)state;
	if (!is_root()) {
		print_message("SKIP: delivering as somebody else takes root\n");
		skip();
	}
	prepare(&d, "virtual_mailbox_base = %/v\n"
		    "virtual_mailbox_maps = inline:{{a@v.test=a/},"
		    "{b@v.test=b.mbox},{c@v.test=c/},{d@v.test=d/}}\n"
		    "virtual_uid_maps = inline:{{a@v.test=5000},"
		    "{b@v.test=5001},{c@v.test=50}}\n"
		    "virtual_gid_maps = static:5002\n"
		    "virtual_mailbox_limit = 1000\n");
	make_folder(d.dir, "v", 01777);
	start(&d, 0, virtual_words);
	expect_only(&d, to("A@v.test"), MESSAGE, OUTCOME_SENT, "2.0.0",
		    "delivered to maildir");
	expect_only(&d, to("b@v.test"), MESSAGE, OUTCOME_SENT, "2.0.0",
		    "delivered to mailbox");
	expect_only(&d, to("b@v.test"), MESSAGE, OUTCOME_SENT, "2.0.0",
		    "delivered to mailbox");
	expect_only(&d, to("x@v.test"), MESSAGE, OUTCOME_BOUNCED, "5.1.1",
		    "unknown user: \"x@v.test\"");
	/* 50 is below virtual_minimum_uid, d has no uid */
	expect_only(&d, to("c@v.test"), MESSAGE, OUTCOME_DEFERRED, "4.3.5",
		    "mail system configuration error");
	expect_only(&d, to("d@v.test"), MESSAGE, OUTCOME_DEFERRED, "4.3.5",
		    "mail system configuration error");
	snprintf(path, sizeof(path), "%s/v/a/new", d.dir);
	read_only_file(path, text, sizeof(text), &st);
	assert_string_equal(text, "Return-Path: <\"jo smith\"@example.com>\n"
				  "X-Original-To: A@v.test\n"
				  "Delivered-To: A@v.test\n"
				  "Subject: hello\n\nFrom me to you\n.dot\n"
				  "last line\n");
	assert_int_equal(st.st_uid, 5000);
	assert_int_equal(st.st_gid, 5002);
	assert_int_equal(st.st_mode & 0777, 0600);
	snprintf(path, sizeof(path), "%s/v/b.mbox", d.dir);
	read_path(path, text, sizeof(text));
	assert_int_equal(strncmp(text, "From \"jo smith\"@example.com  ", 28),
			 0);
	assert_non_null(strstr(text, "\n\n>From me to you\n.dot\nlast line\n\n"
				     "From \"jo"));
	assert_return_code(stat(path, &st), 0);
	assert_int_equal(st.st_uid, 5001);
	assert_int_equal(st.st_mode & 0777, 0600);
	/* nothing fits into the last 100 of 1000 bytes */
	assert_return_code(truncate(path, 898), 0);
	fd = open(path, O_WRONLY | O_APPEND);
	assert_int_equal(write(fd, "\n\n", 2), 2); /* zeros would not stay */
	close(fd);
	expect_only(&d, to("b@v.test"), MESSAGE, OUTCOME_BOUNCED, "5.2.2",
		    "error writing message: File too large");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 900);
	snprintf(path, sizeof(path), "%s/v/b.mbox.lock", d.dir);
	assert_int_equal(access(path, F_OK), -1);
	stop(&d);
}

/* Many deliveries to one mbox and one maildir at a time: every message whole,
 * none twice. */
static void side_by_side(void **state)
{
	enum { COUNT = 60 };
	struct recipient list[2] = {to("a@v.test"), to("b@v.test")};
	uid_t uid = is_root() ? 65534 : geteuid();
	struct delivery_request r = {
		.id = STR("4abcDEF0123z"),
		.sender = STR("jo@example.com"),
		.transport = STR("virtual"),
		.nexthop = STR(""),
		.envid = STR(""),
		.length = sizeof(MESSAGE) - 1,
		.recipients = list,
		.recipient_count = 2,
	};
	struct burst b = {.request = &r, .count = COUNT};
	char path[256], command[600];
	struct daemon d;
	struct stat st;
	FILE *f;

	(void)state;
	prepare(&d, "virtual_mailbox_base = %/v\n"
		    "virtual_mailbox_maps = inline:{{a@v.test=a/},"
		    "{b@v.test=b}}\nvirtual_uid_maps = static:5000\n"
		    "virtual_gid_maps = static:5000\n"
		    "deliver_lock_delay = 1s\n");
	list[1].number = 4;
	write_file(d.dir, "content", MESSAGE);
	snprintf(path, sizeof(path), "%s/content", d.dir);
	r.fd = open(path, O_RDONLY);
	assert_return_code(r.fd, 0);
	make_folder(d.dir, "v", 01777);
	start(&d, is_root() ? uid : 0, virtual_words);
	b.daemon = &d;
	assert_int_equal(loop_open(NULL), 0);
	assert_non_null(fiber_spawn(burst, &b));
	loop_run();
	loop_close();
	close(r.fd);
	assert_int_equal(b.error, 0);
	assert_int_equal(b.sent, 2 * COUNT);
	snprintf(command, sizeof(command),
		 "echo $(ls %s/v/a/new | wc -l) $(grep -c '^From ' %s/v/b) "
		 "$(grep -c '^last line$' %s/v/b) > %s/counts",
		 d.dir, d.dir, d.dir, d.dir);
	assert_int_equal(system(command), 0);
	snprintf(path, sizeof(path), "%s/counts", d.dir);
	f = fopen(path, "r");
	assert_non_null(f);
	assert_non_null(fgets(command, sizeof(command), f));
	fclose(f);
	assert_string_equal(command, "60 60 60\n");
	snprintf(path, sizeof(path), "%s/v/a/tmp", d.dir);
	assert_return_code(stat(path, &st), 0);
	assert_int_equal(rmdir(path), 0); /* it is empty */
	stop(&d);
}

/* ---- local
 * -------------------------------------------------------------------------------
 */

static void spool_mailboxes(void **state)
{
	struct daemon d;
	struct stat st;
	char text[4096], path[256];

	(void)state;
	if (!is_root()) {
		print_message("SKIP: delivering as somebody else takes root\n");
		skip();
	}
	prepare(&d, "alias_maps =\nmail_spool_directory = %/mail\n");
	make_folder(d.dir, "mail", 02775);
	snprintf(path, sizeof(path), "%s/mail", d.dir);
	assert_return_code(chown(path, 0, 8), 0); /* group mail, as Debian */
	assert_return_code(chmod(path, 02775), 0);
	start(&d, 0, local_words);
	expect_only(&d, to("games@test"), MESSAGE, OUTCOME_SENT, "2.0.0",
		    "delivered to mailbox");
	expect_only(&d, to("Nobody+x@test"), MESSAGE, OUTCOME_SENT, "2.0.0",
		    "delivered to mailbox");
	expect_only(&d, to("no-such-user+x@test"), MESSAGE, OUTCOME_BOUNCED,
		    "5.1.1", "unknown user: \"no-such-user\"");
	expect_only(&d, to("postmaster@test"), MESSAGE, OUTCOME_SENT, "2.0.0",
		    "discarded");
	expect_only(&d, to("games@test"),
		    "Delivered-To: Games@Test\r\n\r\nbody\r\n", OUTCOME_BOUNCED,
		    "5.4.6", "mail forwarding loop for games@test");
	/* the owner of the queue is not a user that gets mail */
	expect_only(&d, to("news@test"), MESSAGE, OUTCOME_DEFERRED, "4.3.0",
		    "delivery process");
	snprintf(path, sizeof(path), "%s/mail/games", d.dir);
	assert_return_code(stat(path, &st), 0);
	assert_int_equal(st.st_uid, 5);
	assert_int_equal(st.st_mode & 0777, 0600);
	snprintf(path, sizeof(path), "%s/mail/nobody", d.dir);
	assert_return_code(stat(path, &st), 0);
	assert_int_equal(st.st_uid, 65534);
	read_path(path, text, sizeof(text));
	assert_non_null(strstr(text, "\nDelivered-To: Nobody+x@test\n"));
	/* root's mail is delivered, but not as root */
	expect_only(&d, to("root@test"), MESSAGE, OUTCOME_SENT, "2.0.0",
		    "delivered to mailbox");
	snprintf(path, sizeof(path), "%s/mail/root", d.dir);
	assert_return_code(stat(path, &st), 0);
	assert_int_equal(st.st_uid, 65534);
	stop(&d);
}

static const struct recipient *find(const struct answer *a, const char *address)
{
	for (size_t i = 0; i < a->replaced_count; i++)
		if (str_eq(a->replaced[i].address, str_of_c(address)))
			return &a->replaced[i];
	fail_msg("%s is not among the new recipients", address);
	return NULL;
}

static void aliases(void **state)
{
	struct recipient again;
	const struct recipient *r;
	struct answer a;
	struct daemon d;
	struct stat st;
	char text[4096], path[256];

	(void)state;
	if (!is_root()) {
		print_message("SKIP: delivering as somebody else takes root\n");
		skip();
	}
	prepare(&d, "alias_maps = texthash:%/aliases\n"
		    "mail_spool_directory = %/mail\n");
	make_folder(d.dir, "out", 01777);
	snprintf(text, sizeof(text),
		 "team boss, \"x y\"@far.test, list\nboss games\n"
		 "list ann@far.test, \\games, list\nowner-list boss\n"
		 "a b\nb a\n"
		 "mixed ann@far.test, \"|cat >> %s/out/$LOCAL.$USER\"\n"
		 "quiet /dev/null\nmany :include:%s/members\n"
		 "gone :include:%s/nowhere\nfails |exit 67\n"
		 "late \"|echo try later; exit 75\"\n"
		 "crash \"|kill -9 $PPID\"\n",
		 d.dir, d.dir, d.dir);
	write_file(d.dir, "aliases", text);
	snprintf(path, sizeof(path), "%s/aliases", d.dir);
	assert_return_code(chown(path, 5, 60), 0); /* commands run as games */
	write_file(d.dir, "members",
		   "# who\nann@far.test, bob@far.test\n"
		   "games # not a comment\n");
	start(&d, 0, local_words);
	expect(&d, to("Team+x@test"), MESSAGE, OUTCOME_REPLACED, "2.0.0",
	       "alias expanded", &a);
	assert_int_equal(a.replaced_count, 5);
	assert_int_equal(find(&a, "x y@far.test")->flags, 0);
	r = find(&a, "ann@far.test");
	assert_int_equal(r->flags, RECIPIENT_OWN_SENDER);
	assert_true(str_eq(r->sender, STR("owner-list@test")));
	assert_true(str_eq(r->original, STR("Team+x@test")));
	assert_int_equal(find(&a, "list@test")->flags,
			 RECIPIENT_OWN_SENDER | RECIPIENT_NO_ALIASES);
	arena_free(a.arena);
	expect_only(&d, to("a@test"), MESSAGE, OUTCOME_BOUNCED, "5.4.6",
		    "alias database loop for a@test");
	expect_only(&d, to("quiet@test"), MESSAGE, OUTCOME_SENT, "2.0.0",
		    "delivered to file: /dev/null");
	expect_only(&d, to("gone@test"), MESSAGE, OUTCOME_BOUNCED, "5.2.4",
		    "cannot include file");
	expect_only(&d, to("fails@test"), MESSAGE, OUTCOME_BOUNCED, "5.1.1",
		    "user unknown");
	expect_only(&d, to("late@test"), MESSAGE, OUTCOME_DEFERRED, "4.3.0",
		    "temporary failure. Command output: try later");
	/* a delivery process that dies takes nobody along */
	expect_only(&d, to("crash@test"), MESSAGE, OUTCOME_DEFERRED, "4.3.0",
		    "the delivery process has ended unexpectedly");
	expect(&d, to("many@test"), MESSAGE, OUTCOME_REPLACED, "2.0.0",
	       "alias expanded", &a);
	(void)find(&a, "games@test");
	arena_free(a.arena);
	/* both kinds: the command is done for a recipient of its own */
	expect(&d, to("mixed@test"), MESSAGE, OUTCOME_REPLACED, "2.0.0",
	       "alias expanded", &a);
	assert_int_equal(a.replaced_count, 2);
	again = to("mixed@test");
	again.flags = find(&a, "mixed@test")->flags;
	assert_int_equal(again.flags, RECIPIENT_ACTIONS);
	arena_free(a.arena);
	expect_only(&d, again, MESSAGE, OUTCOME_SENT, "2.0.0",
		    "delivered to command: cat >> ");
	snprintf(path, sizeof(path), "%s/out/mixed.mixed", d.dir);
	read_path(path, text, sizeof(text));
	assert_non_null(strstr(text, "\nDelivered-To: mixed@test\nSubject"));
	assert_return_code(stat(path, &st), 0);
	assert_int_equal(st.st_uid, 5);
	stop(&d);
}

static void write_forward(const char *dir, const char *name, const char *text,
			  uid_t uid)
{
	char path[256];

	write_file(dir, name, text);
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_return_code(chown(path, uid, uid), 0);
}

static void forward_files(void **state)
{
	struct answer a;
	struct daemon d;
	char path[256];

	(void)state;
	if (!is_root()) {
		print_message("SKIP: delivering as somebody else takes root\n");
		skip();
	}
	prepare(&d, "alias_maps =\nmail_spool_directory = %/mail/\n"
		    "forward_path = %/f/$user${recipient_delimiter}$extension,"
		    " %/f/$user\n");
	make_folder(d.dir, "f", 0755);
	make_folder(d.dir, "mail", 01777);
	write_forward(d.dir, "f/games", "\\games, ann@far.test\n", 5);
	write_forward(d.dir, "f/games+x", "games\nbob@far.test\n", 5);
	write_forward(d.dir, "f/games+own", "\"|exit 0\"\n", 5);
	write_forward(d.dir, "f/nobody", "", 65534);
	write_forward(d.dir, "f/irc", "ann@far.test\n", 5); /* not irc's */
	start(&d, 0, local_words);
	expect(&d, to("games@test"), MESSAGE, OUTCOME_REPLACED, "2.0.0",
	       "forwarded", &a);
	assert_int_equal(find(&a, "games@test")->flags,
			 RECIPIENT_NO_ALIASES | RECIPIENT_NO_FORWARD);
	assert_int_equal(find(&a, "ann@far.test")->flags, 0);
	arena_free(a.arena);
	expect(&d, to("games+x@test"), MESSAGE, OUTCOME_REPLACED, "2.0.0",
	       "forwarded", &a);
	assert_int_equal(find(&a, "games@test")->flags,
			 RECIPIENT_NO_ALIASES | RECIPIENT_NO_FORWARD);
	(void)find(&a, "bob@far.test");
	arena_free(a.arena);
	expect_only(&d, to("games+own@test"), MESSAGE, OUTCOME_SENT, "2.0.0",
		    "delivered to command: exit 0");
	expect_only(&d, to("nobody@test"), MESSAGE, OUTCOME_SENT, "2.0.0",
		    "delivered to maildir");
	expect_only(&d, to("irc@test"), MESSAGE, OUTCOME_SENT, "2.0.0",
		    "delivered to maildir");
	snprintf(path, sizeof(path), "%s/mail/irc/new", d.dir);
	assert_int_equal(access(path, F_OK), 0);
	stop(&d);
}

/* Where a mailbox is at home, its user's process looks for the forward file
 * itself, and then goes on. */
static void forward_file_or_home_mailbox(void **state)
{
	char path[256], text[4096];
	struct answer a;
	struct daemon d;

	(void)state;
	if (!is_root()) {
		print_message("SKIP: delivering as somebody else takes root\n");
		skip();
	}
	prepare(&d, "alias_maps =\nhome_mailbox = ../../../..%/box/\n"
		    "require_home_directory = yes\n"
		    "forward_path = %/f/$user${recipient_delimiter}$extension,"
		    " %/f/$user\n");
	make_folder(d.dir, "f", 0755);
	make_folder(d.dir, "box", 01777);
	write_forward(d.dir, "f/games+x", "\\games, ann@far.test\n", 5);
	write_forward(d.dir, "f/games+own", "\"|exit 0\"\n", 5);
	write_forward(d.dir, "f/games+gone", ":include:/no/such\n", 5);
	write_forward(d.dir, "f/games+empty", "", 5);
	start(&d, 0, local_words);
	expect_only(&d, to("games+x@test"), MESSAGE, OUTCOME_REPLACED, "2.0.0",
		    "forwarded");
	expect_only(&d, to("games+own@test"), MESSAGE, OUTCOME_SENT, "2.0.0",
		    "delivered to command: exit 0");
	expect_only(&d, to("games+gone@test"), MESSAGE, OUTCOME_BOUNCED,
		    "5.2.4", "cannot include file: open /no/such");
	snprintf(path, sizeof(path), "%s/box/new", d.dir);
	assert_int_equal(access(path, F_OK), -1);
	expect_only(&d, to("games+empty@test"), MESSAGE, OUTCOME_SENT, "2.0.0",
		    "delivered to maildir");
	read_only_file(path, text, sizeof(text), &(struct stat){0});
	assert_non_null(strstr(text, "Subject: hello\n"));
	/* not "maildir delivery failed": none was tried */
	expect(&d, to("nobody@test"), MESSAGE, OUTCOME_DEFERRED, "4.3.0",
	       "no home directory", &a);
	assert_true(str_begins(a.outcomes[0].text, STR("no home")));
	arena_free(a.arena);
	expect_only(&d, to("man@test"), MESSAGE, OUTCOME_BOUNCED, "5.2.0",
		    "maildir delivery failed: ");
	stop(&d);
}

static void mailbox_command(void **state)
{
	struct daemon d;
	char text[4096], path[256];

	(void)state;
	if (!is_root()) {
		print_message("SKIP: delivering as somebody else takes root\n");
		skip();
	}
	prepare(&d, "alias_maps =\nforward_path =\n"
		    "mailbox_command = env > %/out/\"$USER\"; echo 5.7.9 no "
		    "entry; exit 1\n");
	make_folder(d.dir, "out", 01777);
	start(&d, 0, local_words);
	expect_only(&d, to("games+a$(b)@test"), MESSAGE, OUTCOME_BOUNCED,
		    "5.7.9", "no entry");
	snprintf(path, sizeof(path), "%s/out/games", d.dir);
	read_path(path, text, sizeof(text));
	assert_non_null(strstr(text, "HOME=/usr/games\n"));
	assert_non_null(strstr(text, "EXTENSION=a__b_\n"));
	assert_non_null(strstr(text, "SENDER=jo_smith@example.com\n"));
	assert_non_null(strstr(text, "PATH=/usr/bin:/bin\n"));
	stop(&d);
}

/* ---- pipe
 * --------------------------------------------------------------------------------
 */

static void pipe_command(void **state)
{
	char *words[] = {
		(char *)(uintptr_t) "pipe",
		(char *)(uintptr_t) "flags=DRhu.",
		(char *)(uintptr_t) "user=nobody",
		(char *)(uintptr_t) "eol=\\r\\n",
		(char *)(uintptr_t) "argv=/bin/sh",
		(char *)(uintptr_t) "-c",
		(char *)(uintptr_t) "for i do echo \"[$i]\"; done > out/args; "
				    "cat > out/text; echo fine",
		(char *)(uintptr_t) "sh",
		(char *)(uintptr_t) "${sender}",
		(char *)(uintptr_t) "${sasl_username}",
		(char *)(uintptr_t) "${user}/${extension}@${domain}",
		NULL,
	};
	struct daemon d;
	char text[4096], path[256];

	(void)state;
	if (!is_root()) {
		print_message("SKIP: delivering as somebody else takes root\n");
		skip();
	}
	prepare(&d, "");
	make_folder(d.dir, "out", 01777);
	/* its own $s are not macros */
	words[6] = (char *)(uintptr_t) "for i do echo \"[$$i]\"; done > "
				       "out/args; cat > out/text; echo fine";
	start(&d, 0, words);
	expect_only(&d, to("Ann+X@Far.Test"), MESSAGE, OUTCOME_SENT, "2.0.0",
		    "delivered via pipe service (fine)");
	snprintf(path, sizeof(path), "%s/out/args", d.dir);
	read_path(path, text, sizeof(text));
	assert_string_equal(text, "[jo smith@example.com]\n[]\n"
				  "[ann/x@far.test]\n");
	snprintf(path, sizeof(path), "%s/out/text", d.dir);
	read_path(path, text, sizeof(text));
	assert_string_equal(text,
			    "Return-Path: <\"jo smith\"@example.com>\r\n"
			    "Delivered-To: Ann+X@Far.Test\r\n"
			    "Subject: hello\r\n\r\nFrom me to you\r\n..dot\r\n"
			    "last line\r\n");
	stop(&d);
}

static void pipe_misconfigured(void **state)
{
	char *words[] = {(char *)(uintptr_t) "pipe",
			 (char *)(uintptr_t) "user=root",
			 (char *)(uintptr_t) "argv=/bin/true", NULL};
	struct daemon d;

	(void)state;
	prepare(&d, "");
	start(&d, is_root() ? 65534 : 0, words);
	expect_only(&d, to("a@b"), MESSAGE, OUTCOME_DEFERRED, "4.3.5",
		    "mail system configuration error");
	stop(&d);
}

/* ---- without root's rights ----------------------------------------------- */

static void single_uid(void **state)
{
	uid_t uid = is_root() ? 65534 : geteuid();
	struct daemon d;
	struct stat st;
	char text[4096], path[256];

	(void)state;
	prepare(&d, "virtual_mailbox_base = %/v\n"
		    "virtual_mailbox_maps = static:deep/er/\n"
		    "virtual_uid_maps = static:5000\n"
		    "virtual_gid_maps = static:5000\n");
	start(&d, is_root() ? uid : 0, virtual_words);
	expect_only(&d, to("a@v.test"), MESSAGE, OUTCOME_SENT, "2.0.0",
		    "delivered to maildir");
	snprintf(path, sizeof(path), "%s/v/deep/er/new", d.dir);
	read_only_file(path, text, sizeof(text), &st);
	assert_int_equal(st.st_uid, uid);
	stop(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(virtual_to_two_uids, leave_nothing),
		cmocka_unit_test_teardown(spool_mailboxes, leave_nothing),
		cmocka_unit_test_teardown(aliases, leave_nothing),
		cmocka_unit_test_teardown(forward_files, leave_nothing),
		cmocka_unit_test_teardown(forward_file_or_home_mailbox,
					  leave_nothing),
		cmocka_unit_test_teardown(mailbox_command, leave_nothing),
		cmocka_unit_test_teardown(pipe_command, leave_nothing),
		cmocka_unit_test_teardown(pipe_misconfigured, leave_nothing),
		cmocka_unit_test_teardown(side_by_side, leave_nothing),
		cmocka_unit_test_teardown(single_uid, leave_nothing),
	};

	return cmocka_run_group_tests_name("local: agent", tests, NULL, NULL);
}
