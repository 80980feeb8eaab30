/* SPDX-License-Identifier: ISC */
/* master/ctl/postconf_print.c — names and values on standard output. */
#include <stdio.h>

#include "base/byteset.h"
#include "base/log.h"
#include "base/why.h"
#include "ctl/postconf.h"

void flush(struct buf *out)
{
	if (out->failed || fwrite(out->p, 1, out->n, stdout) != out->n)
		log_fatal("cannot write standard output");
	buf_reset(out);
}

void print_words(struct buf *out, bool fold, struct str text)
{
	struct str word;
	size_t column = 0;

	while (str_next_word(&text, &byteset_space, &word)) {
		if (column == 0) {
			/* first on its line */
		} else if (!fold || column + 1 + word.n <= FOLD_WIDTH) {
			buf_put_byte(out, ' ');
			column++;
		} else {
			buf_put(out, STR("\n    "));
			column = FOLD_INDENT;
		}
		buf_put(out, word);
		column += word.n;
	}
	buf_put_byte(out, '\n');
}

void print_pair(const struct postconf *p, struct str name, struct str value)
{
	BUF_SCOPED text = BUF_INIT(SIZE_MAX / 2);
	BUF_SCOPED out = BUF_INIT(SIZE_MAX / 2);

	if (!postconf_has(p, OPT_NO_NAME))
		buf_put(&text, name);
	if (!postconf_has(p, OPT_NO_NAME | OPT_NO_VALUE))
		buf_put(&text, STR(" = "));
	if (!postconf_has(p, OPT_NO_VALUE))
		buf_put(&text, value);
	print_words(&out, postconf_has(p, OPT_FOLD), buf_str(&text));
	if (text.failed)
		out.failed = true;
	flush(&out);
}

bool find_raw(const struct postconf *p, struct str name, struct str *value)
{
	return conf_raw(p->conf, name, value) ||
	       uses_service_default(p->uses, name, value);
}

/* ---- expansion ----------------------------------------------------------- */

struct scope {
	const struct postconf *p;
	const struct master_entry *entry;
};

static enum expand_answer find_in_scope(void *arg, struct str name,
					struct str *value)
{
	const struct scope *s = arg;

	if (s->entry != NULL) {
		for (size_t i = s->entry->override_count; i > 0; i--) {
			*value = s->entry->overrides[i - 1].value;
			if (str_eq(s->entry->overrides[i - 1].name, name))
				return EXPAND_FOUND;
		}
		*value = s->entry->name;
		if (str_eq(name, STR("service_name")))
			return EXPAND_FOUND;
		*value = s->entry->command;
		if (str_eq(name, STR("process_name")))
			return EXPAND_FOUND;
	}
	return find_raw(s->p, name, value) ? EXPAND_FOUND : EXPAND_ABSENT;
}

void expand_in(const struct postconf *p, const struct master_entry *e,
	       struct str value, struct buf *out)
{
	struct scope scope = {p, e};
	const struct expand_names names = {
		.arg = &scope, .find = find_in_scope, .recurse = true};
	struct why why;

	if (conf_expand_with(&names, value, out, &why) < 0)
		log_fatal("macro processing error: %s: \"" STR_FMT "\"",
			  why.text, STR_ARG(value));
}

void print_parameter(const struct postconf *p, struct str name)
{
	BUF_SCOPED expanded = BUF_INIT(CONF_VALUE_MAX);
	const struct known *known = conf_known(p->conf, name);
	struct str value = STR("");

	(void)find_raw(p, name, &value);
	if (postconf_has(p, OPT_EXPAND) && !(known != NULL && known->raw)) {
		expand_in(p, NULL, value, &expanded);
		value = buf_str(&expanded);
	}
	print_pair(p, name, value);
}
