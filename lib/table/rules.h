/* SPDX-License-Identifier: ISC */
/* lib/table/rules.h — ordered rules with if … endif: what cidr:, regexp: and
 * pcre: have in common.
 *
 * A rule is `pattern result`, `!pattern result`, `if pattern`, `if !pattern` or
 * `endif`.  The first rule that matches answers.  A rule that makes no sense
 * is passed over with a warning; its neighbours work.
 *
 * Results of the two regular expression types may hold $1, ${1}, $(1), and $$
 * for a dollar; they are cut into pieces when the rules are read. */
#ifndef TABLE_RULES_H
#define TABLE_RULES_H

#include "table/text.h"
#include "table/type.h"

#define RULES_GROUPS_MAX 100u /* highest $number */

struct rules_group {
	size_t start, end; /* in the key; SIZE_MAX: took no part */
};

/* A key of another kind than the pattern: the rule does not match, and neither
 * does its negation. */
enum { RULES_NEITHER = 2 };

/* What a type does with its patterns. */
struct rules_kind {
	const char *name; /* "regexp", for warnings: `NAME map FILE, line N` */

	/* Eat the pattern and its flags from the front of *rest.
	 * Fills:   *pattern; *groups, how many $numbers it has.
	 * Returns: 0, or -errno with `why`: the rule is passed over. */
	int (*compile)(struct str *rest, void **pattern, unsigned *groups,
		       struct why *why);
	void (*free)(void *pattern);

	/* Match the whole of `key`.
	 * Fills:   groups[0..count), when it matches; count may be 0.
	 * Returns: 1, 0, RULES_NEITHER, or -errno: nobody can tell. */
	int (*match)(const void *pattern, struct str key,
		     struct rules_group *groups, unsigned count);

	bool substitutes;   /* results may hold $numbers */
	bool text_required; /* a rule without result is an error */
};

struct rules_table {
	struct table base;
	const struct rules_kind *kind;
	struct text text;
	struct rule *rules; /* owned array */
	size_t count;
};

int rules_open(struct table *t, const struct rules_kind *kind, struct str name,
	       struct why *why);
enum table_answer rules_ask(struct table *t, struct str key, struct buf *value);
void rules_close(struct table *t);

#endif
