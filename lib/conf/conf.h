/* SPDX-License-Identifier: ISC */
/* lib/conf/conf.h — main.cf: read, expanded, asked.
 *
 * A `struct conf` is what DIR/main.cf said at one moment, with the overrides
 * of a command line on top and the built-in default of every known parameter
 * beneath.  It never changes: to read the file again, load another one.
 * Values are expanded when they are asked for, so order in the file does not
 * matter and a default may name a parameter that is set later.
 *
 * Programs do not ask by name: they fill a struct from their params.def
 * (conf/param.h).  Names that are made at run time (smtp_destination_…, the
 * restriction classes) are asked for here.
 */
#ifndef CONF_CONF_H
#define CONF_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct buf;
struct byteset;
struct conf;
struct param;
struct why;

#define CONF_VALUE_MAX ((size_t)1 << 20) /* bytes of one expanded value */
#define CONF_NESTING_MAX 100		 /* $names within $names */

/* One -o name=value. */
struct conf_override {
	struct str name;
	struct str value; /* not expanded */
};

struct conf_opts {
	const char *dir;		       /* NULL: conf_default_dir() */
	const struct conf_override *overrides; /* later ones win */
	size_t override_count;
	bool quiet;	    /* log no warnings */
	bool defaults_only; /* do not read main.cf (postconf -d) */
};

/* Read DIR/main.cf.
 *
 * Gives:   *out, to be freed with conf_free(); NULL on failure.
 * Borrows: opts, until return.
 * Returns: 0; -ENOENT, -EACCES, … the file cannot be read; -EINVAL a line is
 *          neither comment nor assignment; -EFBIG; -ENOMEM.  `why` has it in
 *          words, with file and line.
 * Logs:    a warning for an entry that overrides an earlier one.
 */
MUST_USE int conf_load(const struct conf_opts *opts, struct conf **out,
		       struct why *why);

void conf_free(struct conf *c);
DEFINE_CLEANUP(struct conf *, conf_free)

/* The folder of main.cf and master.cf when nobody names one: $MAIL_CONFIG,
 * else the built-in one. */
const char *conf_default_dir(void);

/* The folder that `c` was read from, as a C string. */
const char *conf_dir(const struct conf *c);

/* Split what stands after -o: "name=value" or "name = value", perhaps within
 * braces.  Fills: *out, which borrows from `text`.
 * Returns: 0 or -EINVAL. */
MUST_USE int conf_override_parse(struct str text, struct conf_override *out,
				 struct why *why);

/* Whether main.cf or an override sets `name` (also to nothing). */
bool conf_is_set(const struct conf *c, struct str name);

/* The text of `name` as it is written, not expanded: as set, else the default.
 * Borrows from `c` for its life.
 * Returns: false when `name` is neither set nor known. */
bool conf_raw(const struct conf *c, struct str name, struct str *value);

/* The value of `name`, expanded.
 *
 * Fills:   *out, replacing what it held.
 * Returns: 0; -ENOENT: neither set nor known, and *out is empty; -EINVAL: a
 *          ${…} is misspelt; -ELOOP: too deep; -ENOMEM; -EMSGSIZE.
 */
MUST_USE int conf_value(const struct conf *c, struct str name, struct buf *out);

/* The same, with words; the str lives as long as `c`. */
MUST_USE int conf_str(const struct conf *c, struct str name, struct str *out,
		      struct why *why);

/* Expand every $name in `text`.  As conf_value(), but a name that is not known
 * is empty. */
MUST_USE int conf_expand(const struct conf *c, struct str text, struct buf *out,
			 struct why *why);

/* ---- names that are made at run time --------------------------------------
 *
 * The number called `name`, or `fallback` when it is not set (or empty).
 * What is not a number, or is beyond `least`..`most` (most < least: no upper
 * limit), is warned about and answered with `fallback`. */
int64_t conf_int(const struct conf *c, struct str name, int64_t fallback,
		 int64_t least, int64_t most);

/* The same for a time, in milliseconds; `unit` (s m h d w) is for a number
 * without one. */
int64_t conf_time_ms(const struct conf *c, struct str name, int64_t fallback_ms,
		     char unit);

/* The same for yes and no. */
bool conf_bool(const struct conf *c, struct str name, bool fallback);

/* ---- expansion with other names ------------------------------------------ */

enum expand_answer {
	EXPAND_FOUND,  /* *value is set */
	EXPAND_ABSENT, /* no such name: reads as empty */
	EXPAND_FAILED, /* stop */
};

/* Where conf_expand_with() finds names: $name, ${name}, $(name), and the
 * conditionals and comparisons of ${…}. */
struct expand_names {
	void *arg;
	/* The value of `name`, borrowed until the next call. */
	enum expand_answer (*find)(void *arg, struct str name,
				   struct str *value);
	bool recurse; /* expand what is found, too: it must then stay valid
			 until the whole expansion ends */
	const struct byteset *allowed; /* bytes outside of it become '_' in
					  what find() gave; NULL: all */
};

/* Expand `text` onto the end of `out`.  Returns: as conf_value(). */
MUST_USE int conf_expand_with(const struct expand_names *names, struct str text,
			      struct buf *out, struct why *why);

/* ---- values ---------------------------------------------------------------
 *
 * Strict as Postfix.  Return 0 or -EINVAL, -ERANGE. */
MUST_USE int conf_parse_bool(struct str text, bool *out); /* yes, no */
MUST_USE int conf_parse_int(struct str text, int64_t *out);

/* Digits and one of s m h d w; what follows the letter does not matter.
 * `unit` is for a number without one. */
MUST_USE int conf_parse_time(struct str text, char unit, int64_t *ms);

/* The unit of a default such as "300s" or "${stress?{10}:{300}}s"; 's' when
 * it has none. */
char conf_time_unit(struct str def);

/* Take the next element of a list: blanks, newlines and commas separate, but
 * not within { }.  A group is given with its braces.
 * Returns: false when nothing is left. */
MUST_USE bool conf_list_next(struct str *rest, struct str *element);

/* When *element is one whole { … } group, strip the braces and the blanks
 * inside them.  Returns whether it was. */
bool conf_unbrace(struct str *element);

/* Split "name = value" (blanks around = do not matter, both sides trimmed).
 * Returns: 0, or -EINVAL when there is no = or no name. */
MUST_USE int conf_split_assignment(struct str text, struct str *name,
				   struct str *value);

/* Compare two compatibility levels ("2", "3.6", "3.6.1").
 * Fills: *order (<0, 0, >0).  Returns 0 or -EINVAL. */
MUST_USE int conf_compare_levels(struct str a, struct str b, int *order);

/* ---- looking at all of it (postconf, check) ------------------------------ */

/* What we know about a name without reading any file. */
struct known {
	const char *name;
	const char *def;	 /* NULL: no built-in default */
	const char *because;	 /* why it has no effect; NULL: it has */
	const struct param *row; /* NULL unless a params.def has it */
	bool raw;		 /* its $names are filled in when it is used */
};

/* The row of `name`, NULL when we do not know it. */
const struct known *conf_known(const struct conf *c, struct str name);

/* Visit every known name in alphabetical order.  Start with *cursor = 0. */
const struct known *conf_next_known(const struct conf *c, size_t *cursor);

/* One assignment in main.cf or on the command line. */
struct conf_entry {
	struct str name;
	struct str value;
	int line; /* first line in main.cf; 0: an override or computed */
};

/* Visit what is set, in the file's order (each name once, as it counts).
 * Start with *cursor = 0.  Returns NULL at the end. */
const struct conf_entry *conf_next_entry(const struct conf *c, size_t *cursor);

/* The built-in default of `name`, not expanded; what is computed (myhostname,
 * mydomain, mynetworks, …) is computed.  Returns false when there is none. */
bool conf_default(const struct conf *c, struct str name, struct str *value);

#endif
