/* SPDX-License-Identifier: ISC */
/* A segment made by a small program: good records of some generations, noise,
 * flipped bits, gaps.  Whatever comes of it, the reader ends, gives places in
 * their order, never one twice, and good records only whole. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/crc.h"
#include "base/parse.h"
#include "queue/inside.h"
#include "queue/reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SIZE ((size_t)64 * 1024)
#define STEPS 64

static const struct str name = STR_INIT("5f0-1-1-0123456789abcdef");

enum op { OP_RECORD, OP_NOISE, OP_FLIP, OP_SKIP, OP_BATCH, OPS };

/* A good image with `n` bytes of content. */
static void put_image(struct buf *to, size_t n)
{
	struct recipient r[] = {{.address = STR_INIT("a@b")}};
	const struct envelope e = {.arrived_us = 1,
				   .sender = STR("s@t"),
				   .recipients = r,
				   .recipient_count = 1};
	struct file_header h = {.generation = 1,
				.content_offset = FILE_HEADER_SIZE,
				.content_length = n,
				.envelope_offset = FILE_HEADER_SIZE + n};
	BUF_SCOPED envelope = BUF_INIT(65536), content = BUF_INIT(65536);

	memcpy(h.id.text, "4CkvZ51jKYzF8gX", sizeof("4CkvZ51jKYzF8gX"));
	envelope_pack(&envelope, &e);
	while (content.n < n)
		(void)buf_put_byte(&content, 'x');
	h.envelope_length = (uint32_t)envelope.n;
	h.envelope_crc = crc32c(0, buf_str(&envelope));
	h.content_crc = crc32c(0, buf_str(&content));
	file_header_pack(to, &h);
	(void)buf_put(to, buf_str(&content));
	(void)buf_put(to, buf_str(&envelope));
}

/* Put a record at `at`.  Returns where the next may begin. */
static size_t put_record(char *segment, size_t at, uint8_t generation, size_t n)
{
	BUF_SCOPED image = BUF_INIT(65536);
	struct record_header h = {.nonce = segment_nonce(name),
				  .generation = generation,
				  .offset = at};

	put_image(&image, n);
	if (at + RECORD_HEADER_SIZE + image.n > SIZE)
		return at;
	h.length = (uint32_t)image.n;
	record_header_pack(segment + at, &h);
	memcpy(segment + at + RECORD_HEADER_SIZE, image.p, image.n);
	return (size_t)round_up(at + RECORD_HEADER_SIZE + image.n,
				RECORD_ALIGN);
}

/* One step of the program.  Returns the next place. */
static size_t step(char *segment, size_t at, struct parse *p)
{
	uint8_t op = parse_u8(p) % OPS;
	uint16_t a = parse_u16(p);
	uint8_t b = parse_u8(p);
	struct str noise;

	if (at >= SIZE)
		at = 0;
	switch ((enum op)op) {
	case OP_RECORD:
		return put_record(segment, at, b % 4, a % 6000);
	case OP_NOISE:
		noise = parse_bytes(p, b % (p->rest.n + 1));
		if (noise.n > 0 && noise.n <= SIZE - at)
			memcpy(segment + at, noise.p, noise.n);
		break;
	case OP_FLIP:
		segment[a % SIZE] = (char)(segment[a % SIZE] ^ 1 << b % 8);
		break;
	case OP_SKIP:
		return at + RECORD_ALIGN * b;
	case OP_BATCH:
	case OPS:
		return (size_t)round_up(at, BATCH_ALIGN);
	}
	return at;
}

static void read_all(int fd, uint64_t released, uint64_t end)
{
	struct segment_reader *r;
	struct segment_record one;
	uint64_t before = 0;
	int error = segment_read_begin(fd, name, released, end, &r);

	assert(error == 0);
	while ((error = segment_read_next(r, &one)) == 0) {
		struct arena *a = arena_new((size_t)16 << 20);
		struct queue_message m;

		assert(one.record >= before && one.record % RECORD_ALIGN == 0);
		if (one.damaged == 0) {
			assert(one.generation > released);
			assert(queue_read_image(one.image, a, &m, NULL) !=
			       -ENOMEM);
			before = one.record + RECORD_HEADER_SIZE + one.image.n;
		} else {
			before = one.record + one.damaged;
		}
		assert(before <= SIZE && before <= end);
		arena_free(a);
	}
	assert(error == 1);
	segment_read_end(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int fd = -1;
	static char segment[SIZE];
	struct parse p = parse_of(str_of(data, size));
	uint8_t released = parse_u8(&p) % 4;
	uint16_t end = parse_u16(&p);
	size_t at = 0;

	if (fd < 0)
		fd = memfd_create("segment", MFD_CLOEXEC);
	memset(segment, 0, sizeof(segment));
	for (unsigned i = 0; i < STEPS && p.rest.n > 0; i++)
		at = step(segment, at, &p);
	if (pwrite(fd, segment, SIZE, 0) != (ssize_t)SIZE)
		abort();
	read_all(fd, released, SEGMENT_SIZE_MAX);
	read_all(fd, released, end);
	return 0;
}
