/* SPDX-License-Identifier: ISC */
/* The form of local submissions: see drop.h.  Plain blocking I/O: this runs in
 * commands, and in pickup on small local files. */
#include "queue/drop.h"

#include <errno.h>
#include <unistd.h>

#include "base/crc.h"
#include "base/parse.h"
#include "base/why.h"

#define DROP_MAGIC_STR STR(DROP_MAGIC)
#define HEAD_BYTES ((size_t)5) /* type and length */
#define OUT_MARK ((size_t)128 * 1024)
#define RECIPIENTS_MAX 100000u

/* ---- writing ------------------------------------------------------------- */

static void drop_flush(struct drop_writer *w)
{
	size_t done = 0;

	while (w->error == 0 && done < w->out.n) {
		ssize_t n = write(w->fd, w->out.p + done, w->out.n - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			w->error = -errno;
		else
			done += (size_t)n;
	}
	buf_reset(&w->out);
}

static void drop_raw(struct drop_writer *w, struct str bytes)
{
	w->crc = crc32c(w->crc, bytes);
	w->bytes += bytes.n;
	if (!buf_put(&w->out, bytes) && w->error == 0)
		w->error = -ENOMEM;
}

void drop_writer_init(struct drop_writer *w, int fd)
{
	*w = (struct drop_writer){.fd = fd};
	buf_init(&w->out, OUT_MARK + DROP_CHUNK_MAX + 64);
	drop_raw(w, DROP_MAGIC_STR);
}

void drop_writer_release(struct drop_writer *w)
{
	buf_release(&w->out);
}

static void drop_record(struct drop_writer *w, enum drop_type type,
			struct str bytes)
{
	char head[HEAD_BYTES] = {
		(char)type,
		(char)(bytes.n >> 24),
		(char)(bytes.n >> 16),
		(char)(bytes.n >> 8),
		(char)bytes.n,
	};

	drop_raw(w, str_of(head, sizeof(head)));
	drop_raw(w, bytes);
	if (w->out.n >= OUT_MARK)
		drop_flush(w);
}

void drop_put(struct drop_writer *w, enum drop_type type, struct str bytes)
{
	if (type == DROP_CONTENT) {
		for (; bytes.n > 0; bytes = str_after(bytes, DROP_CHUNK_MAX))
			drop_record(w, type, str_first(bytes, DROP_CHUNK_MAX));
		return;
	}
	if (bytes.n > DROP_FIELD_MAX && w->error == 0)
		w->error = -EMSGSIZE;
	drop_record(w, type, str_first(bytes, DROP_FIELD_MAX));
}

void drop_put_u64(struct drop_writer *w, enum drop_type type, uint64_t value)
{
	BUF_SCOPED b = BUF_INIT(8);

	put_u64(&b, value);
	drop_put(w, type, buf_str(&b));
}

int drop_end(struct drop_writer *w)
{
	BUF_SCOPED b = BUF_INIT(4);

	put_u32(&b, w->crc);
	drop_record(w, DROP_END, buf_str(&b));
	drop_flush(w);
	return w->error;
}

/* ---- reading ------------------------------------------------------------- */

void drop_reader_init(struct drop_reader *r, int fd, bool stamped, uint64_t max)
{
	*r = (struct drop_reader){.fd = fd, .stamped = stamped, .max = max};
	buf_init(&r->in, DROP_CHUNK_MAX + 64);
}

void drop_reader_release(struct drop_reader *r)
{
	buf_release(&r->in);
}

/* Read exactly `n` bytes into r->in, replacing what it held. */
static int drop_read(struct drop_reader *r, size_t n)
{
	buf_reset(&r->in);
	if (r->max > 0 && r->bytes + n > r->max)
		return -EFBIG;
	while (r->in.n < n) {
		char *room = buf_room(&r->in, n - r->in.n);
		ssize_t got;

		if (room == NULL)
			return -ENOMEM;
		got = read(r->fd, room, n - r->in.n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			return -ENODATA;
		buf_added(&r->in, (size_t)got);
	}
	r->bytes += n;
	return 0;
}

/* Which types may follow `last`, and how long each may be: the order of the
 * file as data. */
static const struct drop_rule {
	enum drop_type type;
	size_t max;
	const char *after;	   /* types it may follow */
	const char *after_stamped; /* the same in a maildrop file */
} drop_rules[] = {
	{DROP_TIME, 8, "", "^"},
	{DROP_UID, 8, "", "T"},
	{DROP_SENDER, DROP_FIELD_MAX, "^", "U"},
	{DROP_FULL_NAME, DROP_FIELD_MAX, "S", "S"},
	{DROP_ATTR, DROP_FIELD_MAX, "SFA", "SFA"},
	{DROP_RECIPIENT, DROP_FIELD_MAX, "SFAR", "SFAR"},
	{DROP_CONTENT, DROP_CHUNK_MAX, "RC", "RC"},
	{DROP_END, 4, "RC", "RC"},
};

static const struct drop_rule *drop_rule(char type)
{
	for (size_t i = 0; i < ARRAY_LEN(drop_rules); i++)
		if ((char)drop_rules[i].type == type)
			return &drop_rules[i];
	return NULL;
}

static bool drop_may_follow(const struct drop_reader *r,
			    const struct drop_rule *rule)
{
	const char *after = r->stamped ? rule->after_stamped : rule->after;
	char last = r->last == '\0' ? '^' : r->last;

	return str_find_byte(str_of_c(after), last) != SIZE_MAX;
}

static int drop_begin(struct drop_reader *r, struct why *why)
{
	int rc = drop_read(r, DROP_MAGIC_STR.n);

	if (rc < 0)
		return rc;
	if (!str_eq(buf_str(&r->in), DROP_MAGIC_STR))
		return why_fail(why, -EBADMSG, "not a submission");
	r->crc = crc32c(0, buf_str(&r->in));
	r->begun = true;
	return 0;
}

/* Check the body of a record that has just been read into r->in. */
static int drop_check(struct drop_reader *r, enum drop_type type, uint32_t crc,
		      struct why *why)
{
	struct parse p = parse_of(buf_str(&r->in));

	if (type == DROP_RECIPIENT && ++r->recipients > RECIPIENTS_MAX)
		return why_fail(why, -EFBIG, "too many recipients");
	if ((type == DROP_TIME || type == DROP_UID) && r->in.n != 8)
		return why_fail(why, -EBADMSG, "bad number");
	if (type != DROP_END && type != DROP_CONTENT &&
	    str_find_byte(buf_str(&r->in), '\0') != SIZE_MAX &&
	    type != DROP_TIME && type != DROP_UID)
		return why_fail(why, -EBADMSG, "NUL in record '%c'",
				(char)type);
	if (type == DROP_END && (parse_u32(&p) != crc || p.failed))
		return why_fail(why, -EBADMSG, "wrong checksum");
	return 0;
}

int drop_next(struct drop_reader *r, enum drop_type *type, struct str *bytes,
	      struct why *why)
{
	const struct drop_rule *rule;
	struct parse p;
	uint32_t crc;
	size_t length;
	int rc = r->begun ? 0 : drop_begin(r, why);

	if (rc < 0)
		return rc;
	rc = drop_read(r, HEAD_BYTES);
	if (rc < 0)
		return rc;
	crc = r->crc;
	r->crc = crc32c(r->crc, buf_str(&r->in));
	p = parse_of(buf_str(&r->in));
	rule = drop_rule((char)parse_u8(&p));
	length = parse_u32(&p);
	if (rule == NULL || !drop_may_follow(r, rule) || length > rule->max)
		return why_fail(why, -EBADMSG, "record out of place");
	rc = drop_read(r, length);
	if (rc < 0)
		return rc;
	r->crc = crc32c(r->crc, buf_str(&r->in));
	r->last = (char)rule->type;
	*type = rule->type;
	*bytes = buf_str(&r->in);
	return drop_check(r, rule->type, crc, why);
}

uint64_t drop_u64(struct str bytes)
{
	struct parse p = parse_of(bytes);

	return parse_u64(&p);
}
