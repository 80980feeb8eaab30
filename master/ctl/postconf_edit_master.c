/* SPDX-License-Identifier: ISC */
/* master/ctl/postconf_edit_master.c — changing master.cf: whole entries (-M),
 * columns (-F), parameters (-P).
 *
 * One request at a time is applied to the text, which is read again for the
 * next one; the file is written once, at the end. */
#include <errno.h>
#include <stdlib.h>

#include "base/byteset.h"
#include "base/log.h"
#include "base/why.h"
#include "conf/edit.h"
#include "conf/logical.h"
#include "ctl/postconf.h"

/* A request, taken apart. */
struct request {
	const struct postconf *p;
	const char *text;
	struct str parts[REQUEST_PARTS];
	struct str value;
};

static enum edit_mode mode_of(const struct postconf *p)
{
	return postconf_has(p, OPT_EDIT)     ? EDIT_SET
	       : postconf_has(p, OPT_REMOVE) ? EDIT_REMOVE
					     : EDIT_COMMENT;
}

static struct request request_of(const struct postconf *p, const char *text)
{
	struct request r = {.p = p, .text = text};
	struct str name = str_of_c(text);
	bool edit = postconf_has(p, OPT_EDIT);
	size_t n;

	if (str_find_byte(name, '\n') != SIZE_MAX)
		log_fatal("-e, -X, or -# accepts no multi-line input");
	if (edit && conf_split_assignment(name, &name, &r.value) < 0)
		log_fatal("missing '=' after attribute name: \"%s\"", text);
	n = request_split(name, r.parts);
	if (postconf_has(p, OPT_MASTER) && n != 2)
		log_fatal("-Me, -MX or -M# requires service_name/type");
	if (postconf_has(p, OPT_FIELDS) && n != 3)
		log_fatal("-Fe requires service_name/type/field");
	if (postconf_has(p, OPT_MASTER_PARAM) && n != 3)
		log_fatal("-Pe or -PX requires service_name/type/parameter");
	if (postconf_has(p, OPT_FIELDS) &&
	    column_by_name(r.parts[2]) == MASTER_COLUMNS)
		log_fatal("invalid service attribute name: \"" STR_FMT "\"",
			  STR_ARG(r.parts[2]));
	if (postconf_has(p, OPT_MASTER_PARAM) &&
	    str_find_byte(r.parts[2], '*') != SIZE_MAX)
		log_fatal(
			"-Pe or -PX does not accept wild-card parameter name");
	return r;
}

/* ---- a new form of an entry ---------------------------------------------- */

/* Check one logical line, and write it as it is printed, folded. */
static void put_line(const struct request *r, struct str text, struct buf *out)
{
	struct mastercf *m;
	struct why why;
	struct line l;

	if (mastercf_parse(text, "(request)", NULL,
			   MASTERCF_QUIET | MASTERCF_AS_WRITTEN, &m, &why) < 0)
		log_fatal("%s: %s", r->text, why.text);
	if (mastercf_count(m) != 1 || line_of(mastercf_entry(m, 0), &l) < 0)
		log_fatal("bad field count: \"%s\"", r->text);
	line_print(r->p, &l, true, NULL, out);
	line_free(&l);
	mastercf_free(m);
}

/* The entry with one column changed. */
static void put_with_column(const struct request *r,
			    const struct master_entry *e, struct buf *out)
{
	BUF_SCOPED text = BUF_INIT(CONF_FILE_MAX);
	enum master_column column = column_by_name(r->parts[2]);

	for (unsigned i = 0; i < MASTER_COMMAND; i++) {
		buf_put(&text, i == column ? r->value : e->columns[i]);
		buf_put_byte(&text, ' ');
	}
	if (column == MASTER_COMMAND)
		buf_put(&text, r->value);
	for (size_t i = 0; column != MASTER_COMMAND && i < e->word_count; i++) {
		buf_put(&text, e->words[i]);
		buf_put_byte(&text, ' ');
	}
	put_line(r, buf_str(&text), out);
}

static bool sets(struct str word, struct str name)
{
	struct str left, right;

	(void)conf_unbrace(&word);
	return conf_split_assignment(word, &left, &right) == 0 &&
	       str_eq(left, name);
}

static void put_setting(const struct request *r, struct buf *text)
{
	buf_putf(text, "-o {" STR_FMT "=" STR_FMT "} ", STR_ARG(r->parts[2]),
		 STR_ARG(r->value));
}

/* The entry with one parameter set or removed. */
static void put_with_parameter(const struct request *r,
			       const struct master_entry *e, struct buf *out)
{
	BUF_SCOPED text = BUF_INIT(CONF_FILE_MAX);
	bool done = !postconf_has(r->p, OPT_EDIT), options = true;

	for (unsigned i = 0; i < MASTER_COMMAND; i++)
		buf_putf(&text, STR_FMT " ", STR_ARG(e->columns[i]));
	for (size_t i = 0; i < e->word_count; i++) {
		struct str word = e->words[i];

		if (i > 0 && options && str_eq(word, STR("-o")) &&
		    i + 1 < e->word_count) {
			i++;
			if (!sets(e->words[i], r->parts[2]))
				buf_putf(&text, "-o " STR_FMT " ",
					 STR_ARG(e->words[i]));
			else if (!done)
				put_setting(r, &text);
			done = done || sets(e->words[i], r->parts[2]);
			continue;
		}
		if (i > 0 && options && (word.n < 2 || word.p[0] != '-')) {
			options = false;
			if (!done)
				put_setting(r, &text);
			done = true;
		}
		buf_putf(&text, STR_FMT " ", STR_ARG(word));
	}
	if (!done)
		put_setting(r, &text);
	put_line(r, buf_str(&text), out);
}

/* ---- applying
 * ---------------------------------------------------------------------------
 */

static int change_entry(const struct request *r, const struct master_entry *e,
			struct str text, struct buf *out)
{
	BUF_SCOPED with = BUF_INIT(CONF_FILE_MAX);
	enum edit_mode mode = EDIT_SET;

	if (postconf_has(r->p, OPT_FIELDS))
		put_with_column(r, e, &with);
	else if (postconf_has(r->p, OPT_MASTER_PARAM))
		put_with_parameter(r, e, &with);
	else if (postconf_has(r->p, OPT_EDIT))
		put_line(r, r->value, &with);
	else
		mode = mode_of(r->p);
	return edit_line(text, mode, e->line, buf_str(&with), out);
}

/* Apply `r` to the last entry before `*below` that it fits; *below becomes its
 * index.  Going up keeps the line numbers of what is still to do.
 * Returns: 1 changed, 0 none left, -errno. */
static int apply_next(const struct request *r, const struct mastercf *m,
		      size_t *below, struct buf *text)
{
	while (*below > 0) {
		const struct master_entry *e = mastercf_entry(m, --*below);
		struct buf changed;
		int error;

		if (!request_matches(r->parts, e))
			continue;
		buf_init(&changed, CONF_FILE_MAX);
		error = change_entry(r, e, buf_str(text), &changed);
		if (error < 0) {
			buf_release(&changed);
			return error;
		}
		buf_release(text);
		*text = changed;
		return 1;
	}
	return 0;
}

static int append(const struct request *r, struct buf *text)
{
	BUF_SCOPED with = BUF_INIT(CONF_FILE_MAX);
	BUF_SCOPED old = *text;

	put_line(r, r->value, &with);
	buf_init(text, CONF_FILE_MAX);
	return edit_line(buf_str(&old), EDIT_SET, 0, buf_str(&with), text);
}

static void apply(const struct request *r, const char *path, struct buf *text)
{
	struct mastercf *m;
	struct why why;
	bool changed = false;
	size_t below;
	int error;

	if (mastercf_parse(buf_str(text), path, NULL,
			   MASTERCF_QUIET | MASTERCF_AS_WRITTEN, &m, &why) < 0)
		log_fatal("%s", why.text);
	below = mastercf_count(m);
	while ((error = apply_next(r, m, &below, text)) > 0)
		changed = true;
	mastercf_free(m);
	if (error == 0 && !changed) {
		if (postconf_has(r->p, OPT_MASTER) &&
		    postconf_has(r->p, OPT_EDIT))
			error = append(r, text);
		else if (!postconf_has(r->p, OPT_MASTER))
			log_warning("unmatched service_name/type: \"%s\"",
				    r->text);
	}
	if (error < 0)
		log_fatal("out of memory");
}

/* What is being edited: a request that cannot be done ends the command, which
 * must leave no temporary file. */
static struct edit_file *file;

static void leave_file(void)
{
	edit_abandon(file);
	file = NULL;
}

int postconf_edit_master(const struct postconf *p)
{
	BUF_SCOPED path = BUF_INIT(4096);
	BUF_SCOPED text = BUF_INIT(CONF_FILE_MAX);
	struct edit_file *done;
	struct why why;

	buf_putf(&path, "%s/master.cf", p->dir);
	for (size_t i = 0; i < p->name_count; i++)
		(void)request_of(p, p->names[i]); /* all are well formed */
	if (atexit(leave_file) != 0 ||
	    edit_begin(buf_cstr(&path), &file, &why) < 0)
		log_fatal("%s", why.text);
	buf_put(&text, edit_text(file));
	for (size_t i = 0; i < p->name_count; i++) {
		struct request r = request_of(p, p->names[i]);

		apply(&r, buf_cstr(&path), &text);
	}
	done = file;
	file = NULL;
	if (edit_commit(done, buf_str(&text), &why) < 0)
		log_fatal("%s", why.text);
	return 0;
}
