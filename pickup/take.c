/* SPDX-License-Identifier: ISC */
/* One file of maildrop/ becomes a message: see take.h.
 *
 * The file belongs to whoever wrote it, by way of postdrop: its form is
 * checked record by record (queue/drop.h), what it says of itself counts
 * little, and the user id that counts is the owner's of the file. */
#include "pickup/take.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/why.h"
#include "conf/param.h"
#include "mail/address.h"
#include "queue/drop.h"
#include "queue/message.h"
#include "rewrite/intake.h"
#include "stats/stats.h"

#define RECEIVED_MAX ((size_t)128)

/* What the records before the content say. */
struct drop_head {
	uint64_t uid;
	struct buf sender;
	struct buf full_name;
	uint32_t notify;
	uint32_t ret;
	struct buf envid;
	bool eight_bit;
	bool remote;
};

static void head_init(struct drop_head *h)
{
	*h = (struct drop_head){.ret = RETURN_UNSAID};
	buf_init(&h->sender, DROP_FIELD_MAX);
	buf_init(&h->full_name, DROP_FIELD_MAX);
	buf_init(&h->envid, DROP_FIELD_MAX);
}

static void head_release(struct drop_head *h)
{
	buf_release(&h->sender);
	buf_release(&h->full_name);
	buf_release(&h->envid);
}

/* "never", or some of "success,failure,delay". */
static uint32_t read_notify(struct str list)
{
	static const struct {
		struct str word;
		uint32_t bit;
	} words[] = {
		{STR_INIT("never"), NOTIFY_NEVER},
		{STR_INIT("success"), NOTIFY_SUCCESS},
		{STR_INIT("failure"), NOTIFY_FAILURE},
		{STR_INIT("delay"), NOTIFY_DELAY},
	};
	uint32_t bits = 0;
	struct str word;

	while (str_cut(list, ',', &word, &list) || word.n > 0) {
		for (size_t i = 0; i < ARRAY_LEN(words); i++)
			if (str_eq_nocase(word, words[i].word))
				bits |= words[i].bit;
		if (list.n == 0)
			break;
	}
	return bits;
}

static void read_attr(struct drop_head *h, struct str text)
{
	struct str name;
	struct str value;

	(void)str_cut(text, '=', &name, &value);
	if (str_eq(name, STR("body")))
		h->eight_bit = str_eq_nocase(value, STR("8BITMIME"));
	else if (str_eq(name, STR("notify")))
		h->notify = read_notify(value);
	else if (str_eq(name, STR("ret")))
		h->ret = str_eq_nocase(value, STR("full")) ? RETURN_FULL
							   : RETURN_HEADERS;
	else if (str_eq(name, STR("envid")))
		(void)buf_put(&h->envid, value);
	else if (str_eq(name, STR("rewrite_context")))
		h->remote = str_eq(value, STR("remote"));
}

static int begin(const struct pickup_taker *t, const struct drop_head *h,
		 struct intake **in)
{
	BUF_SCOPED by = BUF_INIT(RECEIVED_MAX);
	struct intake_origin origin = {
		.flags = (h->remote ? 0u : (unsigned)INTAKE_LOCAL) |
			 (h->eight_bit ? (unsigned)INTAKE_8BITMIME : 0u) |
			 t->override_flags,
		.filter = t->filter,
		.full_name = buf_str(&h->full_name),
		.size_limit = t->common->message_size_limit,
	};
	int rc;

	(void)buf_putf(&by, ", from userid %llu", (unsigned long long)h->uid);
	origin.received_by_comment = buf_str(&by);
	rc = intake_begin(t->intake, &origin, in);
	if (rc < 0)
		return rc;
	BUF_SCOPED shown = BUF_INIT(2 * DROP_FIELD_MAX + 2);

	(void)mail_address_quote(&shown, buf_str(&h->sender));
	log_info(STR_FMT ": uid=%llu from=<" STR_FMT ">",
		 STR_ARG(intake_id(*in)), (unsigned long long)h->uid,
		 STR_ARG(buf_str(&shown)));
	return intake_sender(*in, buf_str(&h->sender), h->ret,
			     buf_str(&h->envid));
}

/* LF line ends become CRLF. */
static int put_content(struct intake *in, struct str text)
{
	BUF_SCOPED out = BUF_INIT(2 * DROP_CHUNK_MAX);

	while (text.n > 0) {
		size_t lf = str_find_byte(text, '\n');
		struct str line = str_first(text, lf);

		(void)buf_put(&out, line);
		if (lf != SIZE_MAX)
			(void)buf_put(&out, STR("\r\n"));
		text = str_after(text, lf == SIZE_MAX ? text.n : lf + 1);
	}
	return out.failed ? -ENOMEM : intake_data(in, buf_str(&out));
}

/* Whether the content so far ends in the middle of a line. */
struct content_end {
	bool open;
};

static int take_record(const struct pickup_taker *t, struct drop_head *h,
		       struct content_end *end, enum drop_type type,
		       struct str bytes, struct intake **in)
{
	int rc = 0;

	if ((type == DROP_RECIPIENT || type == DROP_CONTENT) && *in == NULL)
		rc = begin(t, h, in);
	if (rc < 0)
		return rc;
	switch (type) {
	case DROP_SENDER:
		(void)buf_put(&h->sender, bytes);
		break;
	case DROP_FULL_NAME:
		(void)buf_put(&h->full_name, bytes);
		break;
	case DROP_ATTR:
		read_attr(h, bytes);
		break;
	case DROP_RECIPIENT:
		return intake_recipient(*in, bytes, STR(""), STR(""),
					h->notify);
	case DROP_CONTENT:
		end->open = !str_ends(bytes, STR("\n"));
		rc = put_content(*in, bytes);
		/* Its own errors are sticky, and intake_end() says them. */
		return rc == -ENOMEM ? rc : 0;
	case DROP_TIME:
	case DROP_UID: /* the file's owner counts */
	case DROP_END:
		break;
	}
	return 0;
}

static int copy(const struct pickup_taker *t, int fd, uint64_t uid,
		struct intake **in, struct why *why)
{
	struct drop_reader r;
	struct drop_head h;
	struct content_end end = {false};
	enum drop_type type = DROP_TIME;
	struct str bytes;
	int rc;

	head_init(&h);
	h.uid = uid;
	drop_reader_init(&r, fd, true, 0);
	while ((rc = drop_next(&r, &type, &bytes, why)) == 0) {
		rc = take_record(t, &h, &end, type, bytes, in);
		if (rc < 0 || type == DROP_END)
			break;
	}
	if (rc == 0 && end.open)
		(void)intake_data(*in, STR("\r\n"));
	drop_reader_release(&r);
	head_release(&h);
	return rc;
}

/* Out of the way, and nothing is lost: a person may look at it. */
static enum pickup_fate set_aside(const struct pickup_taker *t,
				  const char *name, const char *reason)
{
	BUF_SCOPED to = BUF_INIT(512);

	stats_add(STAT_pickup_corrupt, 1);
	log_warning("maildrop/%s: %s: saving it to corrupt/%s", name, reason,
		    name);
	(void)buf_putf(&to, "../corrupt/%s", name);
	if (renameat(t->drop, name, t->drop, buf_cstr(&to)) < 0)
		log_warning("maildrop/%s: moving it to corrupt/: %s; it stays",
			    name, strerror(errno));
	return PICKUP_BROKEN;
}

static enum pickup_fate finish(const struct pickup_taker *t, const char *name,
			       struct intake *in)
{
	struct intake_result result;
	int rc = intake_end(in, &result);

	if (rc < 0 && result.code >= 500) {
		/* The sender is on this machine and has gone: the message is
		 * kept where a person finds it. */
		return set_aside(t, name, result.text);
	}
	if (rc < 0) {
		log_warning("maildrop/%s: not taken now: %s", name,
			    result.text);
		return PICKUP_KEPT;
	}
	stats_add(STAT_pickup_messages, 1);
	if (unlinkat(t->drop, name, 0) == 0)
		return PICKUP_TAKEN;
	log_warning("maildrop/%s: removing it: %s; if it is still there after "
		    "a restart, it will be delivered again",
		    name, strerror(errno));
	return PICKUP_LEFT;
}

enum pickup_fate pickup_take(const struct pickup_taker *t, const char *name)
{
	struct intake *in = NULL;
	struct why why = {""};
	struct stat st;
	int fd = openat(t->drop, name,
			O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	int rc = 0;

	if (fd < 0 || fstat(fd, &st) < 0)
		rc = errno;
	if (rc != 0 || !S_ISREG(st.st_mode)) {
		if (fd >= 0)
			close(fd);
		if (rc != ENOENT)
			log_warning("maildrop/%s: not a file we can read",
				    name);
		return PICKUP_KEPT;
	}
	rc = copy(t, fd, (uint64_t)st.st_uid, &in, &why);
	close(fd);
	if (rc == 0)
		return finish(t, name, in);
	intake_abandon(in);
	if (rc == -EBADMSG || rc == -ENODATA || rc == -EFBIG)
		return set_aside(t, name,
				 why.text[0] != '\0' ? why.text
						     : "it ends too early");
	log_warning("maildrop/%s: not taken now: %s", name, strerror(-rc));
	return PICKUP_KEPT;
}
