/* SPDX-License-Identifier: ISC */
/* Finding messages: see mbox_scan.h.
 *
 * The file is read once, in pieces.  At the beginning of every line enough of
 * it is in memory to decide what kind of line it is; the rest of the line may
 * be of any length and is only counted and hashed. */
#include "pop3d/mbox_scan.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "tls/digest.h"

#define PIECE ((size_t)64 * 1024)
#define LOOK_AHEAD ((size_t)32) /* the longest of volatile_fields fits */
#define MESSAGES_MAX ((size_t)4000000)

/* What mail readers write into messages that they have seen. */
static const struct str volatile_fields[] = {
	STR_INIT("Status:"),	     STR_INIT("X-Status:"),
	STR_INIT("X-Keywords:"),     STR_INIT("X-UID:"),
	STR_INIT("X-IMAP:"),	     STR_INIT("X-IMAPbase:"),
	STR_INIT("Content-Length:"), STR_INIT("Lines:"),
};

enum where {
	AT_START,
	IN_FROM, /* the line is a "From " line */
	IN_HEADER,
	IN_BODY,
};

struct scan {
	int fd;
	off_t size; /* to read up to here */
	off_t at;   /* of the first unread byte */
	char *piece;
	size_t begin, end; /* unread bytes in it */
	struct digest *digest;
	struct mbox_list *out;
	struct mbox_message now;
	enum where where;
	bool skipping;	  /* this header field is not hashed */
	uint64_t body;	  /* bytes of the body, raw */
	size_t empty_n;	  /* bytes of the body's last line, if it is empty */
	bool after_empty; /* the line before was empty */
	bool cr;
};

void mbox_list_release(struct mbox_list *l)
{
	free(l->list);
	*l = (struct mbox_list){0};
}

static struct str unread(const struct scan *s)
{
	return str_of(s->piece + s->begin, s->end - s->begin);
}

/* Have LOOK_AHEAD unread bytes, or all there are. */
static int fill(struct scan *s)
{
	if (s->end - s->begin >= LOOK_AHEAD)
		return 0;
	memmove(s->piece, s->piece + s->begin, s->end - s->begin);
	s->end -= s->begin;
	s->begin = 0;
	while (s->end < LOOK_AHEAD) {
		off_t at = s->at + (off_t)s->end;
		size_t n = PIECE - s->end;
		ssize_t got;

		if (s->size - at < (off_t)n)
			n = (size_t)(s->size - at);
		if (n == 0)
			return 0;
		got = pread(s->fd, s->piece + s->end, n, at);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got < 0 ? -errno : -EIO;
		s->end += (size_t)got;
	}
	return 0;
}

/* ---- messages ------------------------------------------------------------ */

static int append(struct mbox_list *l, const struct mbox_message *m)
{
	if (l->count == l->room) {
		size_t room = l->room == 0 ? 64 : l->room * 2;
		struct mbox_message *more =
			room > MESSAGES_MAX
				? NULL
				: realloc(l->list, room * sizeof(*more));

		if (more == NULL)
			return -ENOMEM;
		l->list = more;
		l->room = room;
	}
	l->list[l->count++] = *m;
	return 0;
}

static int end_message(struct scan *s)
{
	unsigned char sum[DIGEST_BYTES];
	int error;

	if (s->where == AT_START)
		return 0;
	s->now.next = s->at;
	s->now.end = s->at - (off_t)s->empty_n;
	if (s->empty_n > 0) {
		s->now.size -= 2;
		s->body -= s->empty_n;
	}
	digest_put(s->digest, str_of(&s->body, sizeof(s->body)));
	error = digest_take(s->digest, sum);
	if (error < 0)
		return error;
	memcpy(s->now.hash, sum, sizeof(s->now.hash));
	return append(s->out, &s->now);
}

static int begin_message(struct scan *s)
{
	int error = end_message(s);

	s->now = (struct mbox_message){.begin = s->at};
	s->where = IN_FROM;
	s->skipping = false;
	s->body = 0;
	s->empty_n = 0;
	return error;
}

/* ---- lines --------------------------------------------------------------- */

static bool is_volatile(struct str line)
{
	for (size_t i = 0; i < ARRAY_LEN(volatile_fields); i++)
		if (str_begins_nocase(line, volatile_fields[i]))
			return true;
	return false;
}

/* What the line is that begins here.  Fills: *empty_n, its bytes when it is
 * empty, else 0. */
static int begin_line(struct scan *s, size_t *empty_n)
{
	struct str line = unread(s);

	*empty_n = str_begins(line, STR("\n"))	   ? 1
		   : str_begins(line, STR("\r\n")) ? 2
						   : 0;
	if (str_begins(line, STR("From ")) &&
	    (s->where == AT_START || s->after_empty))
		return begin_message(s);
	if (s->where == AT_START)
		return -EINVAL;
	if (s->where == IN_FROM) {
		s->now.content = s->at;
		s->where = IN_HEADER;
	}
	if (s->where == IN_HEADER && line.p[0] != ' ' && line.p[0] != '\t')
		s->skipping = is_volatile(line);
	return 0;
}

static void take_bytes(struct scan *s, size_t n)
{
	struct str bytes = str_first(unread(s), n);

	if (s->where == IN_BODY)
		s->body += n;
	else if (!s->skipping)
		digest_put(s->digest, bytes);
	if (s->where != IN_FROM)
		s->now.size += n;
	s->begin += n;
	s->at += (off_t)n;
}

/* The rest of the line.  The last one of the file may have no end. */
static int take_line(struct scan *s)
{
	s->cr = false;
	for (;;) {
		struct str rest = unread(s);
		size_t at = str_find_byte(rest, '\n');
		int error;

		if (at != SIZE_MAX) {
			if (at > 0)
				s->cr = rest.p[at - 1] == '\r';
			if (!s->cr && s->where != IN_FROM)
				s->now.size++;
			take_bytes(s, at + 1);
			return 0;
		}
		if (rest.n > 0)
			s->cr = rest.p[rest.n - 1] == '\r';
		take_bytes(s, rest.n);
		if (s->at == s->size) {
			if (s->where != IN_FROM)
				s->now.size += s->cr ? 1 : 2;
			return 0;
		}
		error = fill(s);
		if (error < 0)
			return error;
	}
}

static int scan_line(struct scan *s)
{
	size_t empty_n;
	int error = begin_line(s, &empty_n);

	if (error == 0)
		error = take_line(s);
	if (error < 0)
		return error;
	s->after_empty = empty_n > 0;
	s->empty_n = s->where == IN_BODY ? empty_n : 0;
	if (s->where == IN_HEADER && empty_n > 0)
		s->where = IN_BODY;
	return 0;
}

static int scan_all(struct scan *s)
{
	int error = fill(s);

	while (error == 0 && s->at < s->size) {
		error = scan_line(s);
		if (error == 0)
			error = fill(s);
	}
	if (error < 0)
		return error;
	if (s->where == IN_FROM)
		s->now.content = s->at;
	return end_message(s);
}

int mbox_scan(int fd, off_t size, struct mbox_list *out)
{
	struct scan s = {.fd = fd, .size = size, .out = out};
	int error = digest_new(&s.digest);

	if (error < 0)
		return error;
	s.piece = malloc(PIECE);
	error = s.piece == NULL ? -ENOMEM : scan_all(&s);
	free(s.piece);
	digest_free(s.digest);
	return error;
}
