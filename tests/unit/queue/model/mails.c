/* SPDX-License-Identifier: ISC */
/* The messages of a sequence, as they must be: see mails.h. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "disk.h"
#include "mails.h"

static struct mail all[MAILS_MOST];
struct mail *const mails = all;
unsigned mail_count;
static unsigned texts;

/* ---- words -----------------------------------------------------------------
 */

static char failure[600];
static struct buf story = {.max = (size_t)1 << 20};

void model_fail(const char *fmt, ...)
{
	va_list args;

	if (failure[0] != '\0')
		return;
	va_start(args, fmt);
	(void)vsnprintf(failure, sizeof(failure), fmt, args);
	va_end(args);
}

void model_say(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	(void)buf_vputf(&story, fmt, args);
	va_end(args);
	(void)buf_put_byte(&story, '\n');
}

bool model_failed(void)
{
	return failure[0] != '\0';
}

void model_print(void)
{
	(void)fprintf(stderr, "%s%s\n", buf_cstr(&story), failure);
}

void model_reset(void)
{
	failure[0] = '\0';
	buf_release(&story);
}

/* ---- messages --------------------------------------------------------------
 */

void mails_forget(void)
{
	while (mail_count > 0)
		buf_release(&all[--mail_count].unsaved);
	texts = 0;
}

struct mail *mail_new(size_t size)
{
	struct mail *m;

	if (mail_count == MAILS_MOST)
		return NULL;
	m = &all[mail_count++];
	*m = (struct mail){.seed = chance(), .size = size, .fd = -1};
	buf_init(&m->unsaved, (size_t)1 << 20);
	m->recipients = 1 + (uint32_t)(m->seed % 4);
	if (m->seed % 29 == 0)
		m->recipients = 60;
	return m;
}

struct mail *mail_find(struct str id)
{
	for (unsigned i = 0; i < mail_count; i++)
		if (str_eq(queue_id_str(&all[i].id), id))
			return &all[i];
	return NULL;
}

static uint32_t first_recipients(const struct mail *m)
{
	return m->seed % 29 == 0 ? 60 : 1 + (uint32_t)(m->seed % 4);
}

struct envelope mail_envelope(const struct mail *m, struct arena *a)
{
	struct envelope e = {
		.flags = m->seed % 7 == 0 ? ENVELOPE_HOLD : 0,
		.ret = (uint32_t)(m->seed % 3),
		.sender = m->seed % 11 == 0
				  ? STR("")
				  : arena_strf(a, "s%llu@example.org",
					       (unsigned long long)m->seed),
		.envid = arena_strf(a, "e%llu", (unsigned long long)m->seed),
		.attr_count = m->seed % 3,
		.recipient_count = first_recipients(m),
	};

	e.attrs = arena_array(a, e.attr_count + 1, sizeof(*e.attrs));
	e.recipients = arena_array(a, e.recipient_count, sizeof(*e.recipients));
	for (size_t i = 0; i < e.attr_count; i++)
		e.attrs[i] = (struct attr){arena_strf(a, "name%zu", i),
					   arena_strf(a, "value %zu", i)};
	for (size_t i = 0; i < e.recipient_count; i++)
		e.recipients[i] = (struct recipient){
			.number = (uint32_t)i,
			.notify = (uint32_t)((m->seed + i) % 8),
			.address = arena_strf(a, "r%zu.%llu@example.com", i,
					      (unsigned long long)m->seed),
			.original = STR(""),
			.orcpt = STR(""),
			.sender = STR(""),
		};
	return e;
}

void mail_content(const struct mail *m, size_t at, char *to, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t x =
			(m->seed + (at + i) / 8) * UINT64_C(0x9e3779b97f4a7c15);

		to[i] = (char)(x >> ((at + i) % 8 * 8));
	}
}

/* ---- items -----------------------------------------------------------------
 */

static void put_outcome(const struct item *item, uint32_t recipients,
			struct buf *to)
{
	CLEANUP(arena_free) struct arena *a = arena_new(1 << 16);
	struct recipient *joined = arena_array(a, 4, sizeof(*joined));
	struct outcome o = {
		.recipient = item->recipient,
		.action = item->action,
		.when_s = 1700000000,
		.dsn = STR("2.0.0"),
		.relay = STR("none"),
		.text = arena_strf(a, "text %05u", item->text),
		.remote = STR(""),
		.diagnostic_type = STR(""),
		.diagnostic = STR(""),
		.replaced_by = joined,
		.replaced_count = item->joined,
	};

	for (uint32_t i = 0; i < item->joined; i++)
		joined[i] = (struct recipient){
			.address = arena_strf(a, "j%u.%05u@example.com", i,
					      item->text),
			.original = STR(""),
			.orcpt = STR(""),
			.sender = STR(""),
		};
	(void)queue_outcome_record(to, &o, recipients);
}

bool mail_invent_item(struct mail *m, struct buf *to, bool final)
{
	struct item item = {.text = ++texts};

	if (m->count == ITEMS_MOST || m->recipients > 500)
		return false;
	if (!final && chance_in(8)) {
		item.marks = 1u << chance_below(3);
		queue_mark_record(to, item.marks);
	} else {
		item.recipient = (uint32_t)chance_below(m->recipients);
		item.action = chance_in(2) ? OUTCOME_DEFERRED : OUTCOME_SENT;
		if (chance_in(6)) {
			item.action = OUTCOME_REPLACED;
			item.joined = 1 + (uint32_t)chance_below(3);
		}
		put_outcome(&item, m->recipients, to);
	}
	m->recipients += item.joined;
	m->items[m->count++] = item;
	return true;
}

/* Whether `read` has exactly the first `k` items. */
static bool has_items(const struct mail *m, const struct queue_message *read,
		      unsigned k)
{
	uint32_t recipients = first_recipients(m), marks = 0;
	uint32_t attempts[700] = {0};
	unsigned last[700] = {0};

	for (unsigned i = 0; i < k; i++) {
		const struct item *item = &m->items[i];

		marks |= item->marks;
		if (item->marks != 0)
			continue;
		attempts[item->recipient]++;
		last[item->recipient] = i;
		recipients += item->joined;
	}
	if (read->marks != marks ||
	    read->envelope.recipient_count != recipients)
		return false;
	for (uint32_t i = 0; i < recipients; i++) {
		const struct recipient_state *s = &read->states[i];
		const struct item *item = &m->items[last[i]];
		char text[16];

		(void)snprintf(text, sizeof(text), "text %05u", item->text);
		if (s->attempts != attempts[i] ||
		    (attempts[i] > 0 &&
		     (s->action != item->action ||
		      !str_eq(s->last.text, str_of_c(text)))))
			return false;
	}
	return true;
}

/* ---- comparing -------------------------------------------------------------
 */

static bool same_envelope(const struct envelope *a, const struct envelope *b)
{
	bool same = a->flags == b->flags && a->ret == b->ret &&
		    str_eq(a->sender, b->sender) &&
		    str_eq(a->envid, b->envid) &&
		    a->attr_count == b->attr_count &&
		    a->recipient_count <= b->recipient_count;

	for (size_t i = 0; same && i < a->attr_count; i++)
		same = str_eq(a->attrs[i].name, b->attrs[i].name) &&
		       str_eq(a->attrs[i].value, b->attrs[i].value);
	for (size_t i = 0; same && i < a->recipient_count; i++)
		same = b->recipients[i].number == i &&
		       a->recipients[i].notify == b->recipients[i].notify &&
		       str_eq(a->recipients[i].address,
			      b->recipients[i].address);
	return same;
}

static bool same_content(const struct mail *m, struct str content)
{
	char chunk[1024];

	if (content.n != m->size)
		return false;
	for (size_t at = 0; at < content.n; at += sizeof(chunk)) {
		struct str part =
			str_first(str_after(content, at), sizeof(chunk));

		mail_content(m, at, chunk, part.n);
		if (memcmp(chunk, part.p, part.n) != 0)
			return false;
	}
	return true;
}

void mail_compare(struct mail *m, const struct queue_message *read,
		  struct str content, unsigned least)
{
	CLEANUP(arena_free) struct arena *a = arena_new(SIZE_MAX);
	struct envelope e = mail_envelope(m, a);
	unsigned k = m->count;

	if (!m->doubtful && !same_content(m, content))
		model_fail("%s: its content is not what was committed",
			   m->id.text);
	if (!same_envelope(&e, &read->envelope))
		model_fail("%s: its envelope is not what was committed",
			   m->id.text);
	while (k > least && !has_items(m, read, k))
		k--;
	/* What failed half-way may have left a file with other outcomes. */
	if (!m->blurred && !m->had_trouble && !has_items(m, read, k))
		model_fail("%s: its outcomes are none of the %u to %u that "
			   "were noted",
			   m->id.text, least, m->count);
	m->count = k;
	m->recipients = (uint32_t)read->envelope.recipient_count;
}
