/* SPDX-License-Identifier: ISC */
/* Completing addresses, and virtual aliases, against tables in the text. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/why.h"
#include "conf/conf.h"
#include "conf/param.h"
#include "rewrite/address.h"
#include "rewrite/maps.h"

struct site_of {
	char dir[64];
	struct conf *conf;
	struct conf_common common;
	struct rewrite_maps *maps;
};

/* A configuration made of `text`. */
static void open_site(struct site_of *s, const char *text)
{
	struct why why = {""};
	char path[128];
	FILE *f;

	strcpy(s->dir, "/tmp/malote-rewrite-XXXXXX");
	assert_non_null(mkdtemp(s->dir));
	snprintf(path, sizeof(path), "%s/main.cf", s->dir);
	f = fopen(path, "w");
	assert_non_null(f);
	fprintf(f,
		"myhostname = host.example.test\nmydomain = example.test\n"
		"myorigin = example.test\nmydestination = example.test\n"
		"alias_maps =\nrecipient_delimiter = +\n%s",
		text);
	fclose(f);
	if (conf_load(&(struct conf_opts){.dir = s->dir}, &s->conf, &why) < 0 ||
	    conf_fill_common(s->conf, &s->common, &why) < 0 ||
	    rewrite_maps_open(s->conf, &s->common, &s->maps, &why) < 0)
		fail_msg("%s", why.text);
}

static void close_site(struct site_of *s)
{
	char path[128];

	rewrite_maps_close(s->maps);
	conf_free(s->conf);
	snprintf(path, sizeof(path), "%s/main.cf", s->dir);
	unlink(path);
	rmdir(s->dir);
}

static void completes(void **state)
{
	static const struct {
		const char *in;
		const char *out;
	} rows[] = {
		{"", ""},
		{"ana", "ana@example.test"},
		{"ana@", "ana@example.test"},
		{"ana@other.test", "ana@other.test"},
		{"ana@other.test.", "ana@other.test"},
		{"ana@short", "ana@short.example.test"},
		{"ana@[192.0.2.1]", "ana@[192.0.2.1]"},
		{"ana%other.test", "ana@other.test"},
		{"a%b%other.test", "a%b@other.test"},
		{"other.test!ana", "ana@other.test"},
		{"a!b!ana", "b!ana@a.example.test"},
		{"%", "%@example.test"},
		{"!", "!@example.test"},
		{"a@b@other.test", "a@b@other.test"},
	};
	struct site_of s;
	BUF_SCOPED out = BUF_INIT(1024);

	(void)state;
	open_site(&s, "append_dot_mydomain = yes\n");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(address_complete(&s.common, s.common.myorigin,
						  str_of_c(rows[i].in), &out),
				 0);
		assert_string_equal(buf_cstr(&out), rows[i].out);
	}
	close_site(&s);
}

/* All results of one address, separated by blanks. */
static int expand(struct site_of *s, const char *address, struct buf *out)
{
	struct rewrite_expansion x;
	CLEANUP(arena_free) struct arena *a = arena_new(1 << 22);
	int rc = rewrite_expand(s->maps, str_of_c(address), a, &x);

	buf_reset(out);
	for (size_t i = 0; rc == 0 && i < x.count; i++) {
		if (i > 0)
			buf_put_byte(out, ' ');
		buf_put(out, x.addresses[i]);
	}
	return rc;
}

static void expands_virtual_aliases(void **state)
{
	static const struct {
		const char *in;
		const char *out;
	} rows[] = {
		{"x@other.test", "x@other.test"},
		{"info@v.test", "ana@example.test"},
		{"info+tag@v.test", "ana+tag@example.test"},
		{"both@v.test", "ana@example.test rui@far.test"},
		{"chain@v.test", "ana@example.test"},
		{"self@v.test", "self@v.test rui@far.test"},
		{"any@whole.test", "any@far.test"},
		{"any+x@whole.test", "any+x@far.test"},
		{"bare@example.test", "eva@far.test"},
	};
	struct site_of s;
	BUF_SCOPED out = BUF_INIT(65536);

	(void)state;
	open_site(&s, "virtual_alias_maps = inline:{"
		      " {info@v.test = ana} {both@v.test = ana, rui@far.test}"
		      " {chain@v.test = info@v.test}"
		      " {self@v.test = self@v.test, rui@far.test}"
		      " {@whole.test = @far.test} {bare = eva@far.test} }\n");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(expand(&s, rows[i].in, &out), 0);
		assert_string_equal(buf_cstr(&out), rows[i].out);
	}
	close_site(&s);
}

static void loops_end(void **state)
{
	struct site_of s;
	BUF_SCOPED out = BUF_INIT(65536);

	(void)state;
	open_site(&s, "virtual_alias_maps = inline:{"
		      " {a@v.test = b@v.test} {b@v.test = a@v.test}"
		      " {bomb@v.test = bomb+x@v.test, bomb+y@v.test} }\n");
	assert_int_equal(expand(&s, "a@v.test", &out), -E2BIG);
	assert_int_equal(expand(&s, "bomb@v.test", &out), -E2BIG);
	close_site(&s);
}

static void a_broken_table_defers(void **state)
{
	struct site_of s;
	BUF_SCOPED out = BUF_INIT(1024);

	(void)state;
	open_site(&s, "virtual_alias_maps = hash:/nonexistent/malote/x\n"
		      "sender_bcc_maps = hash:/nonexistent/malote/x\n");
	assert_int_equal(expand(&s, "a@v.test", &out), -EAGAIN);
	assert_int_equal(rewrite_sender_bcc(s.maps, STR("a@v.test"), &out),
			 -EAGAIN);
	close_site(&s);
}

static void maps_and_masquerades(void **state)
{
	static const struct {
		enum rewrite_class place;
		const char *in;
		const char *out;
	} rows[] = {
		{REWRITE_ENVELOPE_SENDER, "ana", "Ana.B@example.test"},
		{REWRITE_ENVELOPE_RECIPIENT, "ana", "Ana.B@example.test"},
		{REWRITE_ENVELOPE_SENDER, "s", "sender@example.test"},
		{REWRITE_ENVELOPE_RECIPIENT, "s", "s@example.test"},
		{REWRITE_ENVELOPE_SENDER, "x@a.b.example.org", "x@example.org"},
		{REWRITE_HEADER_RECIPIENT, "x@a.example.org", "x@example.org"},
		{REWRITE_ENVELOPE_RECIPIENT, "x@a.example.org",
		 "x@a.example.org"},
		{REWRITE_ENVELOPE_SENDER, "root@a.example.org",
		 "root@a.example.org"},
		{REWRITE_ENVELOPE_SENDER, "x@keep.example.org",
		 "x@keep.example.org"},
		{REWRITE_ENVELOPE_SENDER, "", ""},
	};
	struct site_of s;
	BUF_SCOPED out = BUF_INIT(1024);

	(void)state;
	open_site(&s, "canonical_maps = inline:{ {ana = Ana.B} }\n"
		      "sender_canonical_maps = inline:{ {s = sender} }\n"
		      "masquerade_domains = !keep.example.org example.org\n"
		      "masquerade_exceptions = root\n");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(rewrite_address(s.maps, rows[i].place, true,
						 str_of_c(rows[i].in), &out),
				 0);
		assert_string_equal(buf_cstr(&out), rows[i].out);
	}
	close_site(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(completes),
		cmocka_unit_test(expands_virtual_aliases),
		cmocka_unit_test(loops_end),
		cmocka_unit_test(a_broken_table_defers),
		cmocka_unit_test(maps_and_masquerades),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
