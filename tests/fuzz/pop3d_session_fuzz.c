/* SPDX-License-Identifier: ISC */
/* Any commands, on a mailbox of any messages: the input up to the first "\1"
 * is one message, what is behind it are the commands. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cc.h"
#include "base/log.h"
#include "pop3d/mailbox.h"
#include "pop3d/session.h"
#include "pop3d/wire.h"

struct box {
	struct mailbox base;
	struct str text;
	struct str left;
	bool fails;
};

static struct box *box_of(struct mailbox *m)
{
	return CONTAINER_OF(m, struct box, base);
}

static int box_size(struct mailbox *m, size_t i, uint64_t *size)
{
	struct wire w;

	wire_init(&w, WIRE_ALL);
	wire_put(&w, box_of(m)->text, NULL);
	wire_end(&w, NULL);
	*size = w.octets;
	return i == 4 ? -ENOENT : 0;
}

static int box_id(struct mailbox *m, size_t i, struct buf *out)
{
	(void)m;
	return buf_putf(out, "id%zu", i) ? 0 : -ENOMEM;
}

static int box_open(struct mailbox *m, size_t i)
{
	box_of(m)->left = box_of(m)->text;
	return i == 4 ? -ENOENT : 0;
}

static ssize_t box_read(struct mailbox *m, char *p, size_t n)
{
	struct box *b = box_of(m);
	struct str piece = str_first(b->left, n < 100 ? n : 100);

	if (b->fails && b->left.n < 50)
		return -EIO;
	if (piece.n > 0)
		memcpy(p, piece.p, piece.n);
	b->left = str_after(b->left, piece.n);
	return (ssize_t)piece.n;
}

static int box_remove(struct mailbox *m, const bool *deleted, size_t *removed)
{
	*removed = 0;
	for (size_t i = 0; i < m->count; i++)
		*removed += deleted[i];
	return 0;
}

static void box_close(struct mailbox *m)
{
	(void)m;
}

static const struct mailbox_type type = {box_size, box_id,     box_open,
					 box_read, box_remove, box_close};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	BUF_SCOPED in = BUF_INIT(1 << 20);
	struct box box = {.base = {.type = &type, .count = 6}};
	size_t step = size > 0 ? 1 + data[0] % 61u : 1;
	struct str rest = str_after(str_of(data, size), 1);
	enum session_wants wants = SESSION_READ;
	struct session *s;
	size_t used;

	log_open(&(struct log_opts){.tag = "fuzz", .role = "fuzz", .fd = -1});
	box.fails = step > 50;
	(void)str_cut(rest, '\1', &box.text, &rest);
	s = session_new(&box.base, 20);
	while (s != NULL && wants != SESSION_END) {
		wants = session_step(s, buf_str(&in), &used);
		if (used > in.n)
			abort();
		buf_eat(&in, used);
		if (wants == SESSION_SEND) {
			session_sent(s, 1 + session_output(s).n / 2);
		} else if (wants == SESSION_READ) {
			if (rest.n == 0)
				break;
			(void)buf_put(&in, str_first(rest, step));
			rest = str_after(rest, step);
		}
	}
	session_free(s);
	return 0;
}
