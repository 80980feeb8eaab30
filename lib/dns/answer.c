/* SPDX-License-Identifier: ISC */
/* lib/dns/answer.c — reading a name server's message.
 *
 * The answer section is walked twice: first for the aliases, to know the name
 * that the records must have, then for the records. */
#include <arpa/inet.h>
#include <errno.h>

#include "base/arena.h"
#include "base/parse.h"
#include "dns/answer.h"

enum {
	HEADER_SIZE = 12,
	CLASS_IN = 1,
	TYPE_CNAME = 5,
	TYPE_SOA = 6,
	ALIASES_MAX = 16,
	LABEL_MAX = 63,
};

/* A place in the message. */
struct walk {
	struct str message;
	size_t at;
	bool failed;
};

/* A resource record; data is message[data_at .. data_at + data.n). */
struct record {
	char owner[DNS_NAME_MAX]; /* "" when it cannot be written */
	uint16_t type;
	uint16_t class_;
	uint32_t ttl;
	size_t data_at;
	struct str data;
};

/* ---- names --------------------------------------------------------------- */

static bool is_plain(char c)
{
	return c > ' ' && c < 0x7f && c != '.' && c != '\\';
}

bool dns_name_is_askable(struct str name)
{
	size_t label = 0;

	if (name.n == 0 || name.n >= DNS_NAME_MAX)
		return false;
	for (size_t i = 0; i < name.n; i++) {
		if (name.p[i] == '.') {
			if (label == 0)
				return false;
			label = 0;
		} else if (!is_plain(name.p[i]) || ++label > LABEL_MAX) {
			return false;
		}
	}
	return label > 0;
}

/* The byte at `at`, or -1 beyond the end. */
static int byte_at(const struct walk *w, size_t at)
{
	return at < w->message.n ? (unsigned char)w->message.p[at] : -1;
}

/* Append a label to the text.  Returns false when the text is of no use. */
static bool put_label(char *text, size_t *n, const char *label, size_t length)
{
	if (*n + length + 1 >= DNS_NAME_MAX)
		return false;
	if (*n > 0)
		text[(*n)++] = '.';
	for (size_t i = 0; i < length; i++) {
		if (!is_plain(label[i]))
			return false;
		text[(*n)++] = label[i];
	}
	return true;
}

/* Read the name at w->at and go behind it.  RFC 1035 4.1.4: a pointer leads
 * to a place before the one where it stands, so this ends.
 * Returns: whether `text` holds it; the root is "".  w->failed when it is
 * not a name at all. */
static bool read_name(struct walk *w, char text[DNS_NAME_MAX])
{
	size_t at = w->at;
	size_t limit = at;
	size_t n = 0;
	bool jumped = false;
	bool usable = true;

	text[0] = '\0';
	for (;;) {
		int length = byte_at(w, at);

		if (length < 0 || (length & 0xc0) == 0x40 ||
		    (length & 0xc0) == 0x80) {
			w->failed = true;
			return false;
		}
		if ((length & 0xc0) == 0xc0) {
			int low = byte_at(w, at + 1);
			size_t to = (size_t)(length & 0x3f) << 8 | (size_t)low;

			if (low < 0 || to >= limit) {
				w->failed = true;
				return false;
			}
			if (!jumped)
				w->at = at + 2;
			jumped = true;
			at = to;
			limit = to;
			continue;
		}
		if (length == 0)
			break;
		if (at + 1 + (size_t)length > w->message.n) {
			w->failed = true;
			return false;
		}
		usable = usable && put_label(text, &n, w->message.p + at + 1,
					     (size_t)length);
		at += 1 + (size_t)length;
	}
	if (!jumped)
		w->at = at + 1;
	text[usable ? n : 0] = '\0';
	return usable;
}

/* ---- records ------------------------------------------------------------- */

/* Read the record at w->at and go behind it. */
static bool read_record(struct walk *w, struct record *r)
{
	struct parse p;
	uint16_t length;

	(void)read_name(w, r->owner);
	if (w->failed)
		return false;
	p = parse_of(str_after(w->message, w->at));
	r->type = parse_u16(&p);
	r->class_ = parse_u16(&p);
	r->ttl = parse_u32(&p);
	length = parse_u16(&p);
	r->data = parse_bytes(&p, length);
	if (p.failed) {
		w->failed = true;
		return false;
	}
	if (r->ttl > INT32_MAX) /* RFC 2181 section 8 */
		r->ttl = 0;
	r->data_at = w->at + 10;
	w->at = r->data_at + length;
	return true;
}

/* The name inside the data of `r`, `skip` bytes from its front, which must end
 * where the data ends. */
static bool data_name(const struct walk *w, const struct record *r, size_t skip,
		      char text[DNS_NAME_MAX])
{
	struct walk inner = {.message = w->message, .at = r->data_at + skip};

	text[0] = '\0';
	if (r->data.n <= skip)
		return false;
	return read_name(&inner, text) && !inner.failed &&
	       inner.at == r->data_at + r->data.n;
}

/* Go behind the header and the questions.
 * Fills: the counts of answers and of authority records. */
static void begin_walk(struct walk *w, unsigned *answers, unsigned *authority)
{
	struct parse p = parse_of(w->message);
	unsigned questions;
	char text[DNS_NAME_MAX];

	(void)parse_u32(&p);
	questions = parse_u16(&p);
	*answers = parse_u16(&p);
	*authority = parse_u16(&p);
	(void)parse_u16(&p);
	w->failed = p.failed;
	w->at = HEADER_SIZE;
	while (questions-- > 0 && !w->failed) {
		(void)read_name(w, text);
		w->at += 4;
	}
	if (w->at > w->message.n)
		w->failed = true;
}

static bool is_at(const struct record *r, struct str name)
{
	return r->class_ == CLASS_IN && str_eq_nocase(str_of_c(r->owner), name);
}

/* ---- aliases ------------------------------------------------------------- */

/* Where the alias `name` leads: into `to`.  Returns false when it is none. */
static bool find_alias(struct walk w, unsigned answers, struct str name,
		       char to[DNS_NAME_MAX], uint32_t *ttl)
{
	struct record r;

	while (answers-- > 0 && read_record(&w, &r)) {
		if (r.type != TYPE_CNAME || !is_at(&r, name) ||
		    !data_name(&w, &r, 0, to) || to[0] == '\0')
			continue;
		if (r.ttl < *ttl)
			*ttl = r.ttl;
		return true;
	}
	return false;
}

static int follow_aliases(const struct walk *w, unsigned answers,
			  struct str name, struct arena *a, struct answer *out)
{
	out->name = name;
	for (int i = 0; i < ALIASES_MAX; i++) {
		char to[DNS_NAME_MAX];

		if (!find_alias(*w, answers, out->name, to, &out->ttl))
			return 0;
		out->name = arena_str(a, str_of_c(to));
		if (out->name.p == NULL)
			return -ENOMEM;
	}
	return -EBADMSG; /* a circle */
}

/* ---- the data of each type -------------------------------------------------
 * *
 *
 * Each returns 0, 1 when the data is of no use, or -ENOMEM. */

static int take_address(struct str data, int family, struct arena *a,
			struct dns_record *to)
{
	char text[INET6_ADDRSTRLEN];

	if (data.n != (family == AF_INET ? 4u : 16u))
		return 1;
	to->family = family;
	memcpy(to->address, data.p, data.n);
	if (inet_ntop(family, to->address, text, sizeof(text)) == NULL)
		return 1;
	to->text = arena_str(a, str_of_c(text));
	return to->text.p == NULL ? -ENOMEM : 0;
}

static int take_host(const struct walk *w, const struct record *r, size_t skip,
		     struct arena *a, struct dns_record *to)
{
	char text[DNS_NAME_MAX];

	if (!data_name(w, r, skip, text))
		return 1;
	if (skip == 0 && text[0] == '\0')
		return 1; /* only an exchanger may be the root (RFC 7505) */
	to->text = arena_str(a, str_of_c(text));
	return to->text.p == NULL ? -ENOMEM : 0;
}

/* RFC 1035 3.3.14, joined as RFC 7208 3.3 says. */
static int take_strings(struct str data, struct arena *a, struct dns_record *to)
{
	char *joined = arena_alloc(a, data.n + 1);
	size_t n = 0;

	if (joined == NULL)
		return -ENOMEM;
	if (data.n == 0)
		return 1;
	while (data.n > 0) {
		size_t length = (unsigned char)data.p[0];

		if (length > data.n - 1)
			return 1;
		memcpy(joined + n, data.p + 1, length);
		n += length;
		data = str_after(data, 1 + length);
	}
	to->text = str_of(joined, n);
	return 0;
}

static int take_record(const struct walk *w, const struct record *r,
		       struct arena *a, struct dns_record *to)
{
	*to = (struct dns_record){.type = (enum dns_type)r->type};
	switch (to->type) {
	case DNS_A:
		return take_address(r->data, AF_INET, a, to);
	case DNS_AAAA:
		return take_address(r->data, AF_INET6, a, to);
	case DNS_PTR:
		return take_host(w, r, 0, a, to);
	case DNS_TXT:
		return take_strings(r->data, a, to);
	case DNS_MX:
		if (r->data.n < 3)
			return 1;
		to->preference = (uint16_t)((unsigned char)r->data.p[0] << 8 |
					    (unsigned char)r->data.p[1]);
		return take_host(w, r, 2, a, to);
	}
	return 1;
}

/* ---- the message --------------------------------------------------------- */

static int take_answers(struct walk *w, unsigned answers, enum dns_type type,
			struct arena *a, struct answer *out)
{
	size_t most = answers < DNS_RECORDS_MAX ? answers : DNS_RECORDS_MAX;
	struct record r;

	/* No record is shorter than 11 bytes. */
	if (most > w->message.n / 11)
		most = w->message.n / 11;
	out->records = arena_array(a, most + 1, sizeof(*out->records));
	if (out->records == NULL)
		return -ENOMEM;
	while (answers-- > 0 && read_record(w, &r)) {
		int error;

		if (r.type != (uint16_t)type || !is_at(&r, out->name) ||
		    out->count >= most)
			continue;
		error = take_record(w, &r, a, &out->records[out->count]);
		if (error < 0)
			return error;
		if (error > 0) {
			out->unusable++;
			continue;
		}
		out->count++;
		if (r.ttl < out->ttl)
			out->ttl = r.ttl;
	}
	return w->failed ? -EBADMSG : 0;
}

/* RFC 2308 section 5: the smaller of the SOA's TTL and its last field. */
static void take_absent_ttl(struct walk *w, unsigned authority,
			    struct answer *out)
{
	struct record r;

	while (authority-- > 0 && read_record(w, &r)) {
		struct parse p;
		uint32_t minimum;

		if (r.type != TYPE_SOA || r.data.n < 22)
			continue;
		p = parse_of(str_after(r.data, r.data.n - 4));
		minimum = parse_u32(&p);
		out->absent_ttl = minimum < r.ttl ? minimum : r.ttl;
		return;
	}
}

/* The lower preference first; equals stay in their order. */
static void sort_exchangers(struct dns_record *records, size_t count)
{
	for (size_t i = 1; i < count; i++) {
		struct dns_record moving = records[i];
		size_t to = i;

		while (to > 0 &&
		       records[to - 1].preference > moving.preference) {
			records[to] = records[to - 1];
			to--;
		}
		records[to] = moving;
	}
}

int answer_read(struct str message, enum dns_type type, struct str name,
		struct arena *a, struct answer *out)
{
	struct walk w = {.message = message};
	unsigned answers;
	unsigned authority;
	int error;

	*out = (struct answer){.ttl = UINT32_MAX};
	begin_walk(&w, &answers, &authority);
	if (w.failed)
		return -EBADMSG;
	error = follow_aliases(&w, answers, name, a, out);
	if (error == 0)
		error = take_answers(&w, answers, type, a, out);
	if (error != 0)
		return error;
	take_absent_ttl(&w, authority, out);
	if (type == DNS_MX)
		sort_exchangers(out->records, out->count);
	return 0;
}
