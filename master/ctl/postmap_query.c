/* SPDX-License-Identifier: ISC */
/* postmap -q and -s: asking and listing. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/byteset.h"
#include "base/log.h"
#include "base/why.h"
#include "ctl/postmap.h"
#include "table/table.h"

#define LINE_MAX_BYTES ((size_t)16 << 20)

/* The tables of the command line, opened once. */
struct tables {
	const struct postmap *p;
	struct table **list;
	int count;
};

static struct table *open_table(const struct postmap *p, struct str spec)
{
	struct table_opts opts = {.fold_key = !p->keep_case,
				  .value_max = LINE_MAX_BYTES};
	struct why why = {""};
	struct table *t;

	if (table_open(spec, &opts, &t, &why) < 0)
		log_fatal("%s", why.text);
	return t;
}

static void put(struct str s)
{
	if (s.n > 0)
		fwrite(s.p, 1, s.n, stdout);
}

static void put_pair(const struct postmap *p, struct str key, struct str value)
{
	put(key);
	fputs(p->style->separator, stdout);
	put(value);
	putchar('\n');
}

/* Ask the tables in turn.  Returns whether one has the key. */
static bool ask(const struct tables *t, struct str key, struct buf *value)
{
	for (int i = 0; i < t->count; i++) {
		struct str spec = table_spec(t->list[i]);

		switch (table_ask(t->list[i], key, value)) {
		case TABLE_FOUND:
			if (value->n > 0)
				return true;
			log_warning("table " STR_FMT ": key " STR_FMT
				    ": empty string result is not allowed",
				    STR_ARG(spec), STR_ARG(key));
			log_warning("table " STR_FMT " should return NO RESULT "
				    "in case of NOT FOUND",
				    STR_ARG(spec));
			return true;
		case TABLE_ABSENT:
			break;
		case TABLE_LATER:
			log_fatal("table " STR_FMT ": query error",
				  STR_ARG(spec));
		}
	}
	return false;
}

static bool ask_and_print(const struct tables *t, struct str key)
{
	BUF_SCOPED value = BUF_INIT(LINE_MAX_BYTES);

	if (!ask(t, key, &value))
		return false;
	put_pair(t->p, key, buf_str(&value));
	return true;
}

static bool ask_lines(const struct tables *t)
{
	BUF_SCOPED line = BUF_INIT(LINE_MAX_BYTES);
	bool found = false;

	while (postmap_read_line(&line))
		found |= ask_and_print(t, buf_str(&line));
	return found;
}

/* Standard input is a message: ask for each logical header, with -h, and for
 * each line of the body, with -b. */
static bool ask_message(const struct tables *t)
{
	BUF_SCOPED line = BUF_INIT(LINE_MAX_BYTES);
	BUF_SCOPED header = BUF_INIT(LINE_MAX_BYTES);
	bool found = false;
	bool more = postmap_read_line(&line);

	while (more && line.n > 0) {
		bool continues = byteset_has(&byteset_blank, line.p[0]);

		if (!continues && header.n > 0) {
			if (t->p->ask_headers)
				found |= ask_and_print(t, buf_str(&header));
			buf_reset(&header);
		}
		if (!continues &&
		    str_find_byte(buf_str(&line), ':') == SIZE_MAX)
			break; /* no header: the body begins here */
		if (continues)
			buf_put_byte(&header, '\n');
		buf_put(&header, buf_str(&line));
		more = postmap_read_line(&line);
	}
	if (header.n > 0 && t->p->ask_headers)
		found |= ask_and_print(t, buf_str(&header));
	while (more && t->p->ask_body) {
		found |= ask_and_print(t, buf_str(&line));
		more = postmap_read_line(&line);
	}
	return found;
}

static bool ask_once(const struct tables *t, struct str key)
{
	BUF_SCOPED value = BUF_INIT(LINE_MAX_BYTES);

	if (!ask(t, key, &value))
		return false;
	put(buf_str(&value));
	putchar('\n');
	return true;
}

bool postmap_ask(const struct postmap *p, char **specs, int count)
{
	struct tables t = {.p = p, .count = count};
	BUF_SCOPED spec = BUF_INIT(65536);
	bool found;

	t.list = calloc((size_t)count, sizeof(struct table *));
	if (t.list == NULL)
		log_fatal("out of memory");
	for (int i = 0; i < count; i++)
		t.list[i] = open_table(p, postmap_spec(p, specs[i], &spec));
	if (strcmp(p->ask, "-") != 0)
		found = ask_once(&t, str_of_c(p->ask));
	else if (p->ask_headers || p->ask_body)
		found = ask_message(&t);
	else
		found = ask_lines(&t);
	for (int i = 0; i < count; i++)
		table_close(t.list[i]);
	free(t.list);
	return found;
}

static int print_pair(void *arg, struct str key, struct str value)
{
	const struct postmap *p = arg;

	put_pair(p, key, value);
	return ferror(stdout) ? -EIO : 0;
}

void postmap_dump(const struct postmap *p, struct str spec)
{
	struct table *t = open_table(p, spec);
	struct postmap copy = *p;
	struct why why = {""};

	if (table_walk(t, print_pair, &copy, &why) < 0)
		log_fatal("table " STR_FMT ": %s", STR_ARG(spec), why.text);
	table_close(t);
}
