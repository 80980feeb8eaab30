/* SPDX-License-Identifier: ISC */
/* texthash:/file — a postmap source file, read into memory. */
#include <errno.h>

#include "base/log.h"
#include "base/why.h"
#include "table/entry.h"
#include "table/pairs.h"
#include "table/text.h"
#include "table/type.h"

struct texthash_table {
	struct table base;
	struct text text;
	struct pairs *pairs;
};

static struct texthash_table *texthash_of(struct table *t)
{
	return CONTAINER_OF(t, struct texthash_table, base);
}

/* Add what one line says; a line that says nothing is warned about. */
static int add_line(struct texthash_table *h, struct pairs *pairs,
		    struct str line, unsigned number)
{
	const char *path = h->text.watch.path;
	struct str key, value;
	BUF_SCOPED folded = BUF_INIT(line.n + 1);
	enum entry_trouble trouble = entry_split(line, &key, &value);
	int r;

	if (trouble == ENTRY_UNBALANCED) {
		log_warning("%s, line %u: unbalanced '\"' in '" STR_FMT
			    "' -- ignoring this line",
			    path, number, STR_ARG(str_first(line, 100)));
		return 0;
	}
	if (trouble != ENTRY_OK) {
		log_warning("%s, line %u: %s -- ignoring this line", path,
			    number, entry_words(trouble));
		return 0;
	}
	if (entry_looks_like_alias(key, value))
		log_warning("%s, line %u: record is in \"key: value\" format; "
			    "is this an alias file?",
			    path, number);
	if (h->base.opts.fold_key) {
		if (!entry_fold(&folded, key))
			return -ENOMEM;
		key = buf_str(&folded);
	}
	r = pairs_add(pairs, key, value);
	if (r == PAIRS_DUPLICATE)
		log_warning("%s, line %u: duplicate entry: \"" STR_FMT "\"",
			    path, number, STR_ARG(key));
	return r < 0 ? r : 0;
}

static int load(struct texthash_table *h)
{
	CLEANUP(pairs_free) struct pairs *pairs = pairs_new();
	BUF_SCOPED line = BUF_INIT(LINES_LENGTH_MAX);
	struct lines lines = text_lines(&h->text, h->text.watch.path);
	unsigned number = 0;
	int r = pairs == NULL ? -ENOMEM : 0;

	while (r == 0 && lines_next(&lines, &line, &number))
		r = add_line(h, pairs, buf_str(&line), number);
	text_done(&h->text);
	if (r < 0)
		return r;
	pairs_free(h->pairs);
	h->pairs = pairs;
	pairs = NULL;
	return 0;
}

static int texthash_open(struct table *t, struct str name, struct why *why)
{
	struct texthash_table *h = texthash_of(t);
	int r;

	if (name.p[0] == '{')
		return why_fail(why, -EINVAL, "texthash: needs a file");
	r = text_open(&h->text, name, why);
	if (r < 0)
		return r;
	r = load(h);
	if (r < 0) {
		text_close(&h->text);
		return why_fail(why, r, "texthash: out of memory");
	}
	return 0;
}

static enum table_answer texthash_ask(struct table *t, struct str key,
				      struct buf *value)
{
	struct texthash_table *h = texthash_of(t);

	switch (text_check(&h->text)) {
	case TEXT_SAME:
		break;
	case TEXT_NEW:
		if (load(h) < 0)
			return TABLE_LATER;
		break;
	case TEXT_GONE:
		return TABLE_LATER;
	}
	return pairs_ask(h->pairs, key, value);
}

static int texthash_walk(struct table *t,
			 int (*visit)(void *arg, struct str key,
				      struct str value),
			 void *arg, struct why *why)
{
	(void)why;
	return pairs_walk(texthash_of(t)->pairs, visit, arg);
}

static void texthash_close(struct table *t)
{
	struct texthash_table *h = texthash_of(t);

	pairs_free(h->pairs);
	text_close(&h->text);
}

const struct table_type table_type_texthash = {
	.name = STR_INIT("texthash"),
	.summary = STR_INIT("A text file of keys and values, read whole."),
	.size = sizeof(struct texthash_table),
	.open = texthash_open,
	.ask = texthash_ask,
	.close = texthash_close,
	.walk = texthash_walk,
};
