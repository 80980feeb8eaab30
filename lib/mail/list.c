/* SPDX-License-Identifier: ISC */
/* The addresses in a header field or a command argument.
 *
 * An element reaches to the next "," ";" or stray ">".  When it holds a "<"
 * whose ">" follows before another "<", all before that is a display name and
 * the next element begins behind the ">".  When it holds a ":" and a ";" is
 * still to come, all up to the ":" is the name of a group.  Otherwise the
 * element is addresses without decoration: one ends where two words meet
 * without one of . @ : between them.
 *
 * An element is looked at ahead once: `bare_end` remembers up to where it has
 * been found bare.  So the work is linear in the text. */
#include <errno.h>

#include "base/buf.h"
#include "base/byteset.h"
#include "mail/address.h"
#include "mail/list.h"
#include "mail/spec.h"
#include "mail/token.h"

void mail_list_init(struct mail_list *list, struct str text)
{
	struct str rest = text;
	struct token t;

	*list = (struct mail_list){.text = text};
	while ((t = token_next(&rest)).kind != TOKEN_END)
		if (token_is(t, ';'))
			list->semi_end = text.n - rest.n;
}

static struct str text_between(const struct mail_list *list, size_t from,
			       size_t to)
{
	return str_first(str_after(list->text, from), to - from);
}

/* Where the ">" of the "<" before `from` is, or SIZE_MAX. */
static size_t closing_angle(const struct mail_list *list, size_t from)
{
	struct str rest = str_after(list->text, from);
	struct token t;

	while ((t = token_next(&rest)).kind != TOKEN_END) {
		if (token_is(t, '>'))
			return list->text.n - rest.n - 1;
		if (token_is(t, '<'))
			break;
	}
	return SIZE_MAX;
}

/* Go to the first token that may begin an address.  False: there is none. */
static bool skip_separators(struct mail_list *list)
{
	struct str rest = str_after(list->text, list->at);

	for (;;) {
		struct token t = token_next(&rest);

		if (t.kind == TOKEN_END) {
			list->at = list->text.n;
			return false;
		}
		if (t.kind != TOKEN_SPACE && t.kind != TOKEN_COMMENT &&
		    !token_is(t, ',') && !token_is(t, ';') && !token_is(t, '>'))
			return true;
		list->at = list->text.n - rest.n;
	}
}

enum element { ELEMENT_BARE, ELEMENT_ANGLE, ELEMENT_GROUP };

/* See what begins at list->at, and pass over it unless it is bare. */
static enum element look_ahead(struct mail_list *list,
			       struct mail_list_item *item)
{
	struct str rest = str_after(list->text, list->at);
	size_t at = list->at, close;
	struct token t;

	while ((t = token_next(&rest)).kind != TOKEN_END) {
		if (token_is(t, ',') || token_is(t, ';') || token_is(t, '>'))
			break;
		if (token_is(t, ':') && at < list->semi_end) {
			list->at = at + 1;
			return ELEMENT_GROUP;
		}
		close = token_is(t, '<') ? closing_angle(list, at + 1)
					 : SIZE_MAX;
		if (close != SIZE_MAX) {
			item->name = str_trim(text_between(list, list->at, at),
					      &byteset_space);
			item->spec = text_between(list, at + 1, close);
			item->angle = true;
			list->at = close + 1;
			return ELEMENT_ANGLE;
		}
		at = list->text.n - rest.n;
	}
	list->bare_end = at;
	return ELEMENT_BARE;
}

/* Take the first address of a bare element. */
static void take_bare(struct mail_list *list, struct mail_list_item *item)
{
	struct str rest = text_between(list, list->at, list->bare_end);
	struct token last = {.kind = TOKEN_END};
	size_t start = list->at, at = start, end = start;

	for (;;) {
		struct token t = token_next(&rest);

		if (t.kind == TOKEN_END ||
		    (token_is_word(t) && token_is_word(last)))
			break;
		at = list->bare_end - rest.n;
		if (t.kind == TOKEN_SPACE || t.kind == TOKEN_COMMENT)
			continue;
		last = t;
		end = at;
	}
	item->name = STR("");
	item->spec = text_between(list, start, end);
	item->angle = false;
	list->at = at;
}

/* Put the meaning of item->spec into *addr and judge it. */
static void read_spec(struct mail_list_item *item, struct buf *addr)
{
	const unsigned bad = SPEC_WORDS | SPEC_SPECIAL | SPEC_OPEN |
			     SPEC_QUOTED_DOMAIN | SPEC_CONTROL;
	struct str local, domain;
	unsigned odd;

	buf_reset(addr);
	odd = spec_collect(item->spec, addr);
	item->usable = !addr->failed && (odd & bad) == 0;
	if (addr->failed)
		buf_reset(addr);
	if (mail_address_split(buf_str(addr), &local, &domain) &&
	    (odd & SPEC_DOMAIN) != 0 && domain.n == 0)
		item->usable = false;
	if (local.n == 0)
		item->usable = false;
}

bool mail_list_next(struct mail_list *list, struct mail_list_item *item,
		    struct buf *addr)
{
	while (skip_separators(list)) {
		enum element element = ELEMENT_BARE;

		if (list->at >= list->bare_end)
			element = look_ahead(list, item);
		if (element == ELEMENT_GROUP)
			continue;
		if (element == ELEMENT_BARE)
			take_bare(list, item);
		read_spec(item, addr);
		return true;
	}
	return false;
}

int mail_list_rewrite(struct str text, size_t addr_max, mail_list_rewriter *fn,
		      void *arg, struct buf *out)
{
	BUF_SCOPED addr = BUF_INIT(addr_max);
	BUF_SCOPED to = BUF_INIT(addr_max);
	struct mail_list list;
	struct mail_list_item item;
	size_t copied = 0;
	int changed = 0, rc;

	mail_list_init(&list, text);
	while (mail_list_next(&list, &item, &addr)) {
		size_t start;

		if (!item.usable)
			continue;
		buf_reset(&to);
		rc = fn(arg, buf_str(&addr), &to);
		if (rc < 0)
			return rc;
		if (to.failed)
			return -ENOMEM;
		if (rc == 0 || str_eq(buf_str(&to), buf_str(&addr)))
			continue;
		start = (size_t)(item.spec.p - text.p);
		buf_put(out, text_between(&list, copied, start));
		if (to.n == 0 && !item.angle)
			buf_put(out, STR("<>"));
		if (!mail_address_quote(out, buf_str(&to)))
			return -ENOMEM;
		copied = start + item.spec.n;
		changed++;
	}
	return buf_put(out, str_after(text, copied)) ? changed : -ENOMEM;
}
