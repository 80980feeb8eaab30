/* SPDX-License-Identifier: ISC */
/* Any bytes as a ledger, as they are, and as entries with checksums made right:
 * it is read, and what it says stays as it is when it is read again after
 * something was noted. */
#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/crc.h"
#include "base/parse.h"
#include "queue/journal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct str name = STR_INIT("5f0-1-1-0123456789abcdef");
static char spool[64];

static void remove_spool(void)
{
	char command[128];

	(void)snprintf(command, sizeof(command), "rm -rf %s", spool);
	(void)!system(command);
}

static struct queue *make_spool(void)
{
	const struct queue_opts opts = {.no_sync = true};
	struct queue *q;

	memcpy(spool, "/tmp/ledger_fuzz.XXXXXX",
	       sizeof("/tmp/ledger_fuzz.XXXXXX"));
	if (mkdtemp(spool) == NULL ||
	    queue_make_tree(spool, (uid_t)-1, (gid_t)-1, (gid_t)-1, NULL) !=
		    0 ||
	    queue_open(spool, &opts, &q, NULL) != 0)
		abort();
	(void)atexit(remove_spool);
	return q;
}

static void write_ledger(struct str bytes)
{
	char path[160];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/journal/" STR_FMT ".o", spool,
		       STR_ARG(name));
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (fd < 0 || write(fd, bytes.p, bytes.n) != (ssize_t)bytes.n)
		abort();
	(void)close(fd);
}

static void put_entries(struct buf *to, struct str in)
{
	while (in.n > 2) {
		size_t n = (size_t)(unsigned char)in.p[0] % 64 + 1;
		struct str body = str_first(str_after(in, 1), n);

		put_u32(to, (uint32_t)(body.n - 1));
		put_u32(to, crc32c(0, body));
		(void)buf_put(to, body);
		in = str_after(in, 1 + n);
	}
}

static void try(struct queue *q, struct str bytes)
{
	struct ledger *l;
	uint64_t released, done, lost;

	write_ledger(bytes);
	assert(ledger_open(q, name, &l) == 0);
	released = ledger_released(l);
	done = ledger_done_count(l);
	lost = ledger_lost_bytes(l);
	assert(lost <= bytes.n);
	done += !ledger_is_done(l, 512);
	assert(ledger_done(l, 512) == 0 && ledger_write(l) == 0);
	ledger_close(l);
	assert(ledger_open(q, name, &l) == 0);
	assert(ledger_released(l) == released);
	if (released < UINT64_MAX)
		assert(ledger_done_count(l) == done);
	ledger_close(l);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct queue *q;
	BUF_SCOPED entries = BUF_INIT((size_t)1 << 20);

	if (q == NULL)
		q = make_spool();
	try(q, str_of(data, size));
	put_entries(&entries, str_of(data, size));
	try(q, buf_str(&entries));
	return 0;
}
