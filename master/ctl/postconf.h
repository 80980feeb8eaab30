/* SPDX-License-Identifier: ISC */
/* master/ctl/postconf.h — what the parts of postconf share. */
#ifndef CTL_POSTCONF_H
#define CTL_POSTCONF_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/str.h"
#include "conf/conf.h"
#include "conf/mastercf.h"
#include "conf/uses.h"

/* The options, each a letter of the command line. */
enum postconf_option {
	OPT_DEFAULTS = 1 << 0,	   /* -d */
	OPT_EDIT = 1 << 1,	   /* -e */
	OPT_FOLD = 1 << 2,	   /* -f */
	OPT_FIELDS = 1 << 3,	   /* -F */
	OPT_NO_NAME = 1 << 4,	   /* -h */
	OPT_NO_VALUE = 1 << 5,	   /* -H */
	OPT_MASTER = 1 << 6,	   /* -M */
	OPT_SET = 1 << 7,	   /* -n */
	OPT_OVERRIDE = 1 << 8,	   /* -o */
	OPT_MASTER_PARAM = 1 << 9, /* -P */
	OPT_EXPAND = 1 << 10,	   /* -x */
	OPT_REMOVE = 1 << 11,	   /* -X */
	OPT_COMMENT = 1 << 12,	   /* -# */
	OPT_CLASS = 1 << 13,	   /* -C */
	OPT_TABLES = 1 << 14,	   /* -m */
	OPT_LOCKS = 1 << 15,	   /* -l */
	OPT_SASL_SERVER = 1 << 16, /* -a */
	OPT_SASL_CLIENT = 1 << 17, /* -A */
	OPT_MAIN = 1 << 18,	   /* -p */
	OPT_REASONS = 1 << 19,	   /* --reasons */
	OPT_MANUAL = 1 << 20,	   /* --manual */
};

#define ANY_EDIT (OPT_EDIT | OPT_REMOVE | OPT_COMMENT)
#define ANY_MASTER (OPT_MASTER | OPT_FIELDS | OPT_MASTER_PARAM)

enum postconf_class {
	CLASS_BUILTIN = 1 << 0,
	CLASS_SERVICE = 1 << 1,
	CLASS_USER = 1 << 2,
	CLASS_ALL = CLASS_BUILTIN | CLASS_SERVICE | CLASS_USER,
};

struct postconf {
	unsigned options; /* enum postconf_option */
	unsigned classes; /* enum postconf_class */
	const char *dir;
	struct conf_override *overrides;
	size_t override_count;
	char *const *names; /* arguments behind the options */
	size_t name_count;

	struct conf *conf;	 /* NULL: not read */
	struct mastercf *master; /* as written; NULL: not read */
	struct uses *uses;
};

static inline bool postconf_has(const struct postconf *p, unsigned options)
{
	return (p->options & options) != 0;
}

/* ---- printing (postconf_print.c) ----------------------------------------- */

#define FOLD_WIDTH ((size_t)80)
#define FOLD_INDENT ((size_t)4)

/* Write the words of `text` with one blank between them, folded with -f, and a
 * newline. */
void print_words(struct buf *out, bool fold, struct str text);

/* Write `name = value`, or half of it with -h and -H. */
void print_pair(const struct postconf *p, struct str name, struct str value);

/* Write the value of `name`, expanded when -x asks for it. */
void print_parameter(const struct postconf *p, struct str name);

/* Expand `value` as in the entry `e` (NULL: main.cf) onto *out.  A value that
 * cannot be expanded ends the command. */
void expand_in(const struct postconf *p, const struct master_entry *e,
	       struct str value, struct buf *out);

/* The raw value of `name` in main.cf or by default.  Returns whether it has
 * one. */
bool find_raw(const struct postconf *p, struct str name, struct str *value);

/* Put `out` on standard output and empty it. */
void flush(struct buf *out);

/* ---- parts --------------------------------------------------------------- */

/* postconf_main.c */
int postconf_show_main(const struct postconf *p);
int postconf_manual(const struct postconf *p);
void postconf_warn_undefined(const struct postconf *p);
void postconf_warn_unused(const struct postconf *p);

/* postconf_line.c: a master.cf entry in the form that is printed. */
struct line {
	struct str columns[MASTER_COMMAND];
	struct str *words; /* command and arguments, braces off; a word behind
			      -o is "name=value" */
	size_t count;
};
int line_of(const struct master_entry *e, struct line *out);
void line_free(struct line *l);

/* Write it as master.cf wants it, with -f folded, and with -x expanded as in
 * the entry `e` (NULL: never). */
void line_print(const struct postconf *p, const struct line *l, bool fold,
		const struct master_entry *e, struct buf *out);

/* The command column as one text. */
void line_command(const struct postconf *p, const struct line *l,
		  const struct master_entry *e, struct buf *out);

/* postconf_master.c */
int postconf_show_master(const struct postconf *p);

#define REQUEST_PARTS 3

/* "service/type/field": split; a part that is missing is empty.
 * Returns: how many parts there are. */
size_t request_split(struct str request, struct str parts[REQUEST_PARTS]);
bool request_matches(const struct str parts[REQUEST_PARTS],
		     const struct master_entry *e);

/* The column of that name; MASTER_COLUMNS: none. */
enum master_column column_by_name(struct str name);
const char *column_name(enum master_column column);

/* postconf_edit.c, postconf_edit_master.c */
int postconf_edit_main(const struct postconf *p);
int postconf_edit_master(const struct postconf *p);

#endif
