/* SPDX-License-Identifier: ISC */
/* The decision table of routing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/why.h"
#include "conf/conf.h"
#include "conf/param.h"
#include "route/route.h"

static char folder[] = "/tmp/malote-route-XXXXXX";

static const char base_conf[] =
	"compatibility_level = 3.6\n"
	"myhostname = mail.own.example\n"
	"mydomain = own.example\n"
	"myorigin = own.example\n"
	"mydestination = own.example, localhost\n"
	"inet_interfaces = 127.0.0.1\n"
	"recipient_delimiter = +\n"
	"relay_domains = relay.example\n"
	"virtual_alias_domains = alias.example\n"
	"virtual_mailbox_domains = box.example\n"
	"local_recipient_maps = inline:{joe=x, ann@own.example=y}\n"
	"virtual_mailbox_maps = inline:{jane@box.example=x}\n"
	"virtual_alias_maps = inline:{sales@alias.example=joe, "
	"va@own.example=x}\n"
	"relay_recipient_maps = inline:{bob@relay.example=x}\n"
	"alias_maps =\n";

/* One configuration, open. */
struct setup {
	struct conf *conf;
	struct conf_common common;
	struct route *route;
};

static void open_with(struct setup *s, const char *more)
{
	char path[256];
	struct why why = {""};
	struct conf_opts opts = {.dir = folder, .quiet = true};
	FILE *f;

	snprintf(path, sizeof(path), "%s/main.cf", folder);
	f = fopen(path, "w");
	assert_non_null(f);
	fprintf(f, "%s%s", base_conf, more);
	fclose(f);
	if (conf_load(&opts, &s->conf, &why) < 0 ||
	    conf_fill_common(s->conf, &s->common, &why) < 0 ||
	    route_open(s->conf, &s->common, &s->route, &why) < 0)
		fail_msg("%s", why.text);
}

static void close_setup(struct setup *s)
{
	route_close(s->route);
	conf_free(s->conf);
}

static const struct {
	const char *more; /* lines of main.cf */
	const char *sender, *recipient;
	const char *transport, *nexthop; /* NULL: LATER */
} hops[] = {
	{"", "", "joe@own.example", "local", "mail.own.example"},
	{"", "", "joe", "local", "mail.own.example"},
	{"", "", "joe@OWN.Example.", "local", "mail.own.example"},
	{"", "", "joe@[127.0.0.1]", "local", "mail.own.example"},
	{"", "", "", "local", "mail.own.example"},
	{"local_transport = lmtp:unix:x\n", "", "joe@own.example", "lmtp",
	 "unix:x"},
	{"local_transport = foo\n", "", "joe@own.example", "foo",
	 "own.example"},
	{"", "", "x@alias.example", "error",
	 "5.1.1 User unknown in virtual alias table"},
	{"show_user_unknown_table_name = no\n", "", "x@alias.example", "error",
	 "5.1.1 User unknown"},
	{"", "", "jane@box.example", "virtual", "box.example"},
	{"virtual_transport = lmtp:unix:private/dovecot-lmtp\n", "",
	 "jane@box.example", "lmtp", "unix:private/dovecot-lmtp"},
	{"", "", "bob@relay.example", "relay", "relay.example"},
	{"", "", "bob@sub.relay.example", "relay", "sub.relay.example"},
	{"relayhost = [hub.example]:25\n", "", "bob@relay.example", "relay",
	 "[hub.example]:25"},
	{"relay_transport = relay:[in.example]\nrelayhost = hub\n", "",
	 "bob@relay.example", "relay", "[in.example]"},
	{"", "", "x@Far.Example", "smtp", "far.example"},
	{"", "", "x@[192.0.2.1]", "smtp", "[192.0.2.1]"},
	{"relayhost = hub.example\n", "", "x@far.example", "smtp",
	 "hub.example"},
	{"default_transport = smtp:out.example\nrelayhost = hub\n", "",
	 "x@far.example", "smtp", "out.example"},
	{"default_transport = error:no mail\n", "", "x@far.example", "error",
	 "no mail"},
	/* by sender */
	{"sender_dependent_relayhost_maps = inline:{a@own.example=ra, "
	 "@b.example=rb, c@own.example=DUNNO, <>=rnull}\nrelayhost = hub\n",
	 "a+x@own.example", "x@far.example", "smtp", "ra"},
	{"sender_dependent_relayhost_maps = inline:{@b.example=rb}\n",
	 "a@b.example", "x@relay.example", "relay", "rb"},
	{"sender_dependent_relayhost_maps = inline:{c@own.example=DUNNO}\n"
	 "relayhost = hub\n",
	 "c@own.example", "x@far.example", "smtp", "hub"},
	{"sender_dependent_relayhost_maps = inline:{<>=rnull}\n", "",
	 "x@far.example", "smtp", "rnull"},
	{"sender_dependent_relayhost_maps = fail:x\n", "", "x@far.example",
	 NULL, NULL},
	{"sender_dependent_relayhost_maps = fail:x\n", "", "joe@own.example",
	 "local", "mail.own.example"},
	{"sender_dependent_default_transport_maps = "
	 "inline:{@b.example=slow:}\nrelayhost = hub\n",
	 "a@b.example", "x@far.example", "slow", "hub"},
	{"sender_dependent_default_transport_maps = "
	 "inline:{@b.example=slow:q.example}\nrelayhost = hub\n",
	 "a@b.example", "x@far.example", "slow", "q.example"},
	{"sender_dependent_default_transport_maps = fail:x\n", "a@b.example",
	 "x@far.example", NULL, NULL},
	/* transport_maps */
	{"transport_maps = inline:{far.example=uucp:gate}\n", "",
	 "x@far.example", "uucp", "gate"},
	{"transport_maps = inline:{.far.example=uucp:gate}\n", "",
	 "x@a.b.far.example", "uucp", "gate"},
	{"transport_maps = inline:{far.example=uucp:gate}\n", "",
	 "x@a.far.example", "smtp", "a.far.example"},
	{"transport_maps = inline:{far.example=uucp:gate}\n"
	 "parent_domain_matches_subdomains = transport_maps\n",
	 "", "x@a.far.example", "uucp", "gate"},
	{"transport_maps = inline:{far.example=slow:}\nrelayhost = hub\n", "",
	 "x@far.example", "slow", "far.example"},
	{"transport_maps = inline:{far.example=:[other]}\nrelayhost = hub\n",
	 "", "x@far.example", "smtp", "[other]"},
	{"transport_maps = inline:{far.example=:, *=slow:gate}\n"
	 "relayhost = hub\n",
	 "", "x@far.example", "smtp", "hub"},
	{"transport_maps = inline:{*=slow:gate}\n", "", "x@far.example", "slow",
	 "gate"},
	{"transport_maps = inline:{*=slow:gate}\n", "", "joe@own.example",
	 "slow", "gate"},
	{"transport_maps = inline:{*=slow:gate}\n", "", "x@alias.example",
	 "error", "5.1.1 User unknown in virtual alias table"},
	{"transport_maps = inline:{joe@own.example=lmtp:unix:y, "
	 "own.example=slow:}\n",
	 "", "joe+tag@own.example", "lmtp", "unix:y"},
	{"transport_maps = inline:{ { far.example = error:5.1.2 gone } }\n", "",
	 "x@far.example", "error", "5.1.2 gone"},
	{"transport_maps = inline:{far.example=error:}\n", "", "x@far.example",
	 "error", "Address is undeliverable"},
	{"transport_maps = inline:{<>=retry:}\n", "", "", "retry",
	 "Address is undeliverable"},
	{"transport_maps = fail:x\n", "", "x@far.example", NULL, NULL},
	{"transport_maps = hash:/nonexistent/x\n", "", "joe@own.example", NULL,
	 NULL},
	/* relocated_maps */
	{"relocated_maps = inline:{ joe=new@far.example }\n", "",
	 "joe@own.example", "error", "5.1.6 User has moved to new@far.example"},
	{"relocated_maps = inline:{ { @far.example = moon } }\n", "",
	 "x@far.example", "error", "5.1.6 User has moved to moon"},
	{"relocated_maps = fail:x\n", "", "x@far.example", NULL, NULL},
	/* classes that cannot tell */
	{"mydestination = fail:x\n", "", "x@far.example", NULL, NULL},
	{"virtual_alias_domains = fail:x\n", "", "x@far.example", NULL, NULL},
	{"virtual_alias_domains = fail:x\n", "", "joe@own.example", "local",
	 "mail.own.example"},
	{"relay_domains = fail:x\n", "", "x@far.example", NULL, NULL},
	{"relay_domains = fail:x\n", "", "jane@box.example", "virtual",
	 "box.example"},
	/* two classes: the first counts */
	{"virtual_mailbox_domains = own.example\n", "", "joe@own.example",
	 "local", "mail.own.example"},
	{"virtual_mailbox_domains = alias.example\n", "", "x@alias.example",
	 "error", "5.1.1 User unknown in virtual alias table"},
	/* routes within local parts */
	{"", "", "x%far.example@own.example", "smtp", "far.example"},
	{"", "", "far.example!x@own.example", "smtp", "far.example"},
	{"", "", "x@far.example@own.example", "smtp", "far.example"},
	{"allow_percent_hack = no\n", "", "x%far.example@own.example", "local",
	 "mail.own.example"},
	{"", "", "x%far.example@other.example", "smtp", "other.example"},
};

static void test_hops(void **state)
{
	struct route_result result;

	(void)state;
	route_result_init(&result);
	for (size_t i = 0; i < ARRAY_LEN(hops); i++) {
		enum route_answer answer;
		struct setup s;

		open_with(&s, hops[i].more);
		answer = route_resolve(s.route, str_of_c(hops[i].sender),
				       str_of_c(hops[i].recipient), &result);
		if (hops[i].transport == NULL) {
			assert_int_equal(answer, ROUTE_LATER);
		} else {
			assert_int_equal(answer, ROUTE_OK);
			assert_string_equal(buf_cstr(&result.transport),
					    hops[i].transport);
			assert_string_equal(buf_cstr(&result.nexthop),
					    hops[i].nexthop);
		}
		close_setup(&s);
	}
	route_result_release(&result);
}

static void test_routed_flag(void **state)
{
	static const struct {
		const char *recipient, *becomes;
		bool routed;
	} rows[] = {
		{"x@far.example", "x@far.example", false},
		{"x%far.example@relay.example", "x%far.example@relay.example",
		 true},
		{"a!x@box.example", "a!x@box.example", true},
		{"x@y@relay.example", "x@y@relay.example", true},
		{"x%far.example@own.example", "x@far.example", false},
		{"x%y.example%relay.example@own.example",
		 "x%y.example@relay.example", true},
		{"", "MAILER-DAEMON@own.example", false},
		{"joe@own.example", "joe@own.example", false},
	};
	struct route_result result;
	struct setup s;

	(void)state;
	open_with(&s, "");
	route_result_init(&result);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_int_equal(route_resolve(s.route, STR(""),
					       str_of_c(rows[i].recipient),
					       &result),
				 ROUTE_OK);
		assert_string_equal(buf_cstr(&result.recipient),
				    rows[i].becomes);
		assert_int_equal(result.routed, rows[i].routed);
	}
	route_result_release(&result);
	close_setup(&s);
}

static void test_bad_addresses(void **state)
{
	static const char *const bad[] = {
		"x@",	       "x@far..example", "-x@far.example",
		"x@-.example", "x@far example",	 "x@[300.1.1.1]",
	};
	struct route_result result;
	struct setup s;

	(void)state;
	open_with(&s, "");
	route_result_init(&result);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(route_resolve(s.route, STR(""),
					       str_of_c(bad[i]), &result),
				 ROUTE_BAD);
		assert_string_equal(buf_cstr(&result.nexthop),
				    "5.1.3 bad address syntax");
	}
	route_result_release(&result);
	close_setup(&s);
}

static void test_known(void **state)
{
	static const struct {
		const char *more, *recipient;
		enum table_answer answer;
		const char *table;
	} rows[] = {
		{"", "joe@own.example", TABLE_FOUND, NULL},
		{"", "JOE@own.example", TABLE_FOUND, NULL},
		{"", "joe+tag@own.example", TABLE_FOUND, NULL},
		{"", "ann@own.example", TABLE_FOUND, NULL},
		{"", "ann@localhost", TABLE_ABSENT, "local recipient table"},
		{"", "nobody@own.example", TABLE_ABSENT,
		 "local recipient table"},
		{"", "va@own.example", TABLE_FOUND, NULL},
		{"", "Postmaster@own.example", TABLE_FOUND, NULL},
		{"", "double-bounce@own.example", TABLE_FOUND, NULL},
		{"", "mailer-daemon@own.example", TABLE_FOUND, NULL},
		{"local_recipient_maps =\n", "nobody@own.example", TABLE_FOUND,
		 NULL},
		{"local_recipient_maps = fail:x\n", "nobody@own.example",
		 TABLE_LATER, NULL},
		{"canonical_maps = inline:{nobody=x}\n", "nobody@own.example",
		 TABLE_FOUND, NULL},
		{"recipient_canonical_maps = fail:x\n", "joe@own.example",
		 TABLE_LATER, NULL},
		{"", "sales@alias.example", TABLE_FOUND, NULL},
		{"", "sales+x@alias.example", TABLE_FOUND, NULL},
		{"", "nobody@alias.example", TABLE_ABSENT,
		 "virtual alias table"},
		{"", "postmaster@alias.example", TABLE_ABSENT,
		 "virtual alias table"},
		{"", "jane@box.example", TABLE_FOUND, NULL},
		{"", "nobody@box.example", TABLE_ABSENT,
		 "virtual mailbox table"},
		{"virtual_mailbox_maps =\n", "nobody@box.example", TABLE_FOUND,
		 NULL},
		{"", "bob@relay.example", TABLE_FOUND, NULL},
		{"", "nobody@relay.example", TABLE_ABSENT,
		 "relay recipient table"},
		{"relay_recipient_maps =\n", "nobody@relay.example",
		 TABLE_FOUND, NULL},
		{"relay_recipient_maps = hash:/nonexistent/x\n",
		 "nobody@relay.example", TABLE_LATER, NULL},
		{"", "anybody@far.example", TABLE_FOUND, NULL},
		{"", "", TABLE_FOUND, NULL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct str table;
		struct setup s;

		open_with(&s, rows[i].more);
		assert_int_equal(
			route_recipient_known(
				s.route, str_of_c(rows[i].recipient), &table),
			rows[i].answer);
		if (rows[i].table != NULL)
			assert_true(str_eq(table, str_of_c(rows[i].table)));
		close_setup(&s);
	}
}

static int make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) == NULL ? -1 : 0;
}

static int remove_folder(void **state)
{
	char command[64];

	(void)state;
	snprintf(command, sizeof(command), "rm -r %s", folder);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hops),
		cmocka_unit_test(test_routed_flag),
		cmocka_unit_test(test_bad_addresses),
		cmocka_unit_test(test_known),
	};

	log_open(&(struct log_opts){.tag = "test", .role = "route", .fd = -1});
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
