/* SPDX-License-Identifier: ISC */
/* Virtual aliases: see rewrite_expand() in maps.h.
 *
 * A list begins with the one address.  Each member is looked up in turn; what
 * is found is put in its place and looked up again, until a member is not in
 * the tables or leads to itself, which ends that branch.  Every member knows
 * how many aliases it came through, so that a loop over several addresses
 * ends at virtual_alias_recursion_limit.  Results that are there already are
 * dropped by the caller, which sees the whole message. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/byteset.h"
#include "base/log.h"
#include "mail/address.h"
#include "mail/list.h"
#include "rewrite/inside.h"
#include "rewrite/maps.h"
#include "table/maps.h"

#define VALUE_MAX ((size_t)256 * 1024)

struct member {
	struct str address; /* in the arena */
	int64_t depth;
};

struct expansion {
	struct rewrite_maps *m;
	struct arena *a;
	struct str start;
	struct member *members; /* those before `done` are final */
	size_t count;
	size_t room;
	size_t done;
};

static int add_member(struct expansion *x, struct str address, int64_t depth)
{
	const struct rewrite_params *p = &x->m->params;

	if (depth > p->virtual_alias_recursion_limit ||
	    (int64_t)x->count >= p->virtual_alias_expansion_limit ||
	    (int64_t)address.n > p->virtual_alias_address_length_limit) {
		log_line(LOG_LEVEL_WARNING, "cleanup",
			 "unreasonable virtual_alias_maps map %s for " STR_FMT
			 " -- message not accepted, try again later",
			 depth > p->virtual_alias_recursion_limit ? "nesting"
			 : (int64_t)x->count >= p->virtual_alias_expansion_limit
				 ? "expansion size"
				 : "result length",
			 STR_ARG(x->start));
		return -E2BIG;
	}
	if (x->count == x->room) {
		size_t room = x->room == 0 ? 8 : 2 * x->room;
		struct member *grown =
			realloc(x->members, room * sizeof(*grown));

		if (grown == NULL)
			return -ENOMEM;
		x->members = grown;
		x->room = room;
	}
	x->members[x->count].address = arena_str(x->a, address);
	x->members[x->count].depth = depth;
	if (x->members[x->count].address.p == NULL)
		return -ENOMEM;
	x->count++;
	return 0;
}

/* Add one result for `old`; *itself is set when it is the same address. */
static int add_result(struct expansion *x, const struct member *old,
		      struct str found, struct str ext, bool *itself)
{
	BUF_SCOPED result = BUF_INIT(2 * REWRITE_ADDRESS_MAX);
	int rc = rewrite_take_result(x->m, found, old->address, ext, &result);

	if (rc < 0)
		return rc;
	if (mail_address_eq(buf_str(&result), old->address)) {
		*itself = true;
		return 0;
	}
	return add_member(x, buf_str(&result), old->depth + 1);
}

/* Put what `value` says in the place of the member x->done.  A result that is
 * the member itself is final. */
static int replace_member(struct expansion *x, struct str value, struct str ext)
{
	struct member old = x->members[x->done];
	struct mail_list list;
	struct mail_list_item item;
	BUF_SCOPED one = BUF_INIT(REWRITE_ADDRESS_MAX);
	struct str word = STR("");
	bool itself = false;
	size_t before = x->count;
	int rc = 0;

	/* Only the first result may be "@other". */
	if (str_begins(value, STR("@")) &&
	    str_next_word(&value, &byteset_separator, &word))
		rc = add_result(x, &old, word, ext, &itself);
	mail_list_init(&list, value);
	while (rc == 0 && mail_list_next(&list, &item, &one))
		if (item.usable)
			rc = add_result(x, &old, buf_str(&one), ext, &itself);
	if (rc < 0)
		return rc;
	if (itself || x->count == before) {
		x->done++; /* it stays, and is final */
	} else {
		/* The first result takes its place. */
		x->members[x->done] = x->members[before];
		memmove(&x->members[before], &x->members[before + 1],
			(x->count - before - 1) * sizeof(*x->members));
		x->count--;
	}
	return 0;
}

static int expand_member(struct expansion *x)
{
	BUF_SCOPED value = BUF_INIT(VALUE_MAX);
	struct str ext = STR("");

	switch (maps_find_address(x->m->aliases, x->m->site,
				  x->members[x->done].address, MAPS_ADDRESS,
				  &value, &ext)) {
	case TABLE_ABSENT:
		x->done++;
		return 0;
	case TABLE_LATER:
		return -EAGAIN;
	case TABLE_FOUND:
		break;
	}
	return replace_member(x, buf_str(&value),
			      x->m->propagate_virtual ? ext : STR(""));
}

int rewrite_expand(struct rewrite_maps *m, struct str address, struct arena *a,
		   struct rewrite_expansion *out)
{
	struct expansion x = {.m = m, .a = a, .start = address};
	int rc = add_member(&x, address, 0);

	while (rc == 0 && x.done < x.count && !maps_is_empty(m->aliases))
		rc = expand_member(&x);
	if (rc == 0) {
		out->count = x.count;
		out->addresses = arena_array(a, x.count, sizeof(struct str));
		if (out->addresses == NULL)
			rc = -ENOMEM;
	}
	for (size_t i = 0; rc == 0 && i < x.count; i++)
		out->addresses[i] = x.members[i].address;
	free(x.members);
	return rc;
}
