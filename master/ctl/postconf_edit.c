/* SPDX-License-Identifier: ISC */
/* master/ctl/postconf_edit.c — changing main.cf: -e, -X, -#. */
#include <stdlib.h>

#include "base/log.h"
#include "base/why.h"
#include "conf/edit.h"
#include "conf/logical.h"
#include "ctl/postconf.h"

static void check_text(struct str text)
{
	if (str_find_byte(text, '\n') != SIZE_MAX)
		log_fatal("-e, -X, or -# accepts no multi-line input");
	if (text.n == 0 || text.p[0] == '#')
		log_fatal("-e, -X, or -# accepts no %s input",
			  text.n == 0 ? "empty" : "comment");
}

static struct edit edit_of(const struct postconf *p, struct str text)
{
	struct edit e = {.name = text};

	check_text(text);
	if (postconf_has(p, OPT_EDIT)) {
		if (conf_split_assignment(text, &e.name, &e.value) < 0)
			log_fatal("missing %s: \"" STR_FMT "\"",
				  e.name.n == 0 ? "attribute name"
						: "'=' after attribute name",
				  STR_ARG(text));
	} else if (str_find_byte(text, '=') != SIZE_MAX) {
		log_fatal("-X or -# requires a parameter name without a value");
	}
	return e;
}

/* Fill *edits, the later of two for one name. */
static size_t collect(const struct postconf *p, struct edit *edits)
{
	size_t n = 0;

	for (size_t i = 0; i < p->name_count; i++) {
		struct edit e = edit_of(p, str_of_c(p->names[i]));
		size_t at = 0;

		while (at < n && !str_eq(edits[at].name, e.name))
			at++;
		if (at < n && postconf_has(p, OPT_EDIT))
			log_warning("ignoring earlier request: '" STR_FMT
				    " = " STR_FMT "'",
				    STR_ARG(edits[at].name),
				    STR_ARG(edits[at].value));
		edits[at] = e;
		n += at == n;
	}
	return n;
}

static void apply(const struct postconf *p, const char *path,
		  struct edit *edits, size_t n)
{
	BUF_SCOPED out = BUF_INIT(CONF_FILE_MAX);
	struct edit_file *file;
	enum edit_mode mode = postconf_has(p, OPT_EDIT)	    ? EDIT_SET
			      : postconf_has(p, OPT_REMOVE) ? EDIT_REMOVE
							    : EDIT_COMMENT;
	struct why why;

	if (edit_begin(path, &file, &why) < 0)
		log_fatal("%s", why.text);
	if (edit_main(edit_text(file), mode, edits, n, &out) < 0) {
		edit_abandon(file);
		log_fatal("out of memory");
	}
	for (size_t i = 0; i < n; i++) {
		if (edits[i].found > 1)
			log_warning("%s: multiple entries for \"" STR_FMT "\"",
				    path, STR_ARG(edits[i].name));
	}
	if (str_eq(edit_text(file), buf_str(&out)))
		edit_abandon(file);
	else if (edit_commit(file, buf_str(&out), &why) < 0)
		log_fatal("%s", why.text);
}

int postconf_edit_main(const struct postconf *p)
{
	BUF_SCOPED path = BUF_INIT(4096);
	struct edit *edits = calloc(p->name_count + 1, sizeof(*edits));

	if (edits == NULL)
		log_fatal("out of memory");
	buf_putf(&path, "%s/main.cf", p->dir);
	apply(p, buf_cstr(&path), edits, collect(p, edits));
	free(edits);
	return 0;
}
