/* SPDX-License-Identifier: ISC */
/* master/ctl/postconf_line.c — an entry of master.cf as it is printed.
 *
 * The columns begin where they always do, one blank at least between them.
 * With -f, each option with a value has a line of its own, and so have the
 * arguments behind the options. */
#include <errno.h>
#include <stdlib.h>

#include "base/byteset.h"
#include "base/log.h"
#include "ctl/postconf.h"

#define COMMAND_COLUMN ((size_t)57)

static bool is_option(struct str word)
{
	return word.n > 1 && word.p[0] == '-' && !str_eq(word, STR("--"));
}

/* ---- from the file ------------------------------------------------------- */

/* Copy `word` without its braces; "name = value" becomes "name=value". */
static struct str copy_word(struct str word, bool is_setting)
{
	BUF_SCOPED joined = BUF_INIT(SIZE_MAX / 2);
	struct str name, value;
	char *copy;

	if (word.n > 0 && word.p[0] == '{' && !conf_unbrace(&word)) {
		log_warning("master.cf: missing '}' in \"" STR_FMT "\"",
			    STR_ARG(word));
		word = str_trim(str_after(word, 1), &byteset_space);
	}
	if (is_setting && conf_split_assignment(word, &name, &value) == 0) {
		buf_put(&joined, name);
		buf_put_byte(&joined, '=');
		buf_put(&joined, value);
		word = buf_str(&joined);
	}
	copy = str_dup_c(word);
	if (copy == NULL)
		log_fatal("out of memory");
	return str_of(copy, word.n);
}

int line_of(const struct master_entry *e, struct line *out)
{
	bool options = true, setting = false;

	*out = (struct line){
		.words = calloc(e->word_count + 1, sizeof(*out->words))};
	if (out->words == NULL)
		return -ENOMEM;
	memcpy(out->columns, e->columns, sizeof(out->columns));
	for (size_t i = 0; i < e->word_count; i++) {
		struct str word = e->words[i];
		/* the first word that is no option loses its braces as well */
		bool bare = i > 0 && options;

		if (i > 0 && !setting)
			options = options && is_option(word);
		out->words[out->count++] =
			bare ? copy_word(word, setting)
			     : str_of(str_dup_c(word), word.n);
		if (out->words[i].p == NULL)
			return -ENOMEM;
		setting =
			i > 0 && options && !setting && str_eq(word, STR("-o"));
	}
	return 0;
}

void line_free(struct line *l)
{
	for (size_t i = 0; i < l->count; i++)
		free((char *)(uintptr_t)l->words[i].p);
	free(l->words);
}

/* ---- to the output ------------------------------------------------------- */

struct printer {
	const struct postconf *p;
	const struct master_entry *entry; /* for -x */
	struct buf *out;
	size_t column;
	bool fold;
	bool options; /* no other word has come yet */
};

static void put(struct printer *w, struct str text)
{
	buf_put(w->out, text);
	w->column += text.n;
}

/* Begin an item of `width` bytes: a blank or a new line before it. */
static void separate(struct printer *w, size_t width, bool new_line)
{
	if (!w->fold || (!new_line && w->column + 1 + width < FOLD_WIDTH)) {
		put(w, STR(" "));
		return;
	}
	buf_put(w->out, STR("\n    "));
	w->column = FOLD_INDENT;
}

static bool has_blank(struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (byteset_has(&byteset_space, s.p[i]))
			return true;
	}
	return false;
}

static void put_grouped(struct printer *w, struct str word)
{
	if (has_blank(word) && word.p[0] != '{') {
		put(w, STR("{"));
		put(w, word);
		put(w, STR("}"));
	} else {
		put(w, word);
	}
}

/* An option and its value. */
static void put_setting(struct printer *w, struct str value)
{
	BUF_SCOPED expanded = BUF_INIT(CONF_VALUE_MAX);

	if (w->entry != NULL && postconf_has(w->p, OPT_EXPAND)) {
		expand_in(w->p, w->entry, value, &expanded);
		value = buf_str(&expanded);
	}
	separate(w, 0, true);
	put(w, STR("-o "));
	put_grouped(w, value);
}

static void put_arguments(struct printer *w, const struct line *l)
{
	bool new_line = false;

	put_grouped(w, l->words[0]);
	for (size_t i = 1; i < l->count; i++) {
		struct str word = l->words[i];

		if (w->options && str_eq(word, STR("-o")) && i + 1 < l->count) {
			put_setting(w, l->words[++i]);
			new_line = true;
			continue;
		}
		separate(w, word.n + (has_blank(word) ? 2 : 0), new_line);
		if (w->options && !is_option(word)) {
			w->options = false;
			put(w, word);
		} else {
			put_grouped(w, word);
		}
		new_line = false;
	}
}

static struct printer printer_of(const struct postconf *p, bool fold,
				 const struct master_entry *e, struct buf *out)
{
	return (struct printer){
		.p = p, .entry = e, .out = out, .fold = fold, .options = true};
}

void line_print(const struct postconf *p, const struct line *l, bool fold,
		const struct master_entry *e, struct buf *out)
{
	static const size_t columns[MASTER_COMMAND] = {0,  11, 17, 25,
						       33, 41, 49};
	struct printer w = printer_of(p, fold, e, out);

	for (size_t i = 0; i < MASTER_COMMAND; i++) {
		if (i > 0) {
			do
				put(&w, STR(" "));
			while (w.column < columns[i]);
		}
		put(&w, l->columns[i]);
	}
	do
		put(&w, STR(" "));
	while (w.column < COMMAND_COLUMN);
	put_arguments(&w, l);
	buf_put_byte(out, '\n');
}

void line_command(const struct postconf *p, const struct line *l,
		  const struct master_entry *e, struct buf *out)
{
	struct printer w = printer_of(p, false, e, out);

	put_arguments(&w, l);
}
