/* SPDX-License-Identifier: ISC */
/* Every bit flipped and every length cut, in all that lies in the spool: the
 * readers never crash, never take what is damaged for good, never lose what is
 * good beside it, and tell of what cannot be read. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/crc.h"
#include "queue/journal.h"
#include "in_spool.h"

#define HEADER 64u	/* of a record */
#define FILE_HEADER 96u /* of the image behind it */

static struct queue *queue;

static struct queue *open_queue(void)
{
	const struct queue_opts opts = {.memory_limit = 256 * 1024,
					.no_sync = true,
					.journal_segment_size = 1u << 20,
					.journal_segments = 2};

	return spool_open_with(&opts);
}

static int set_up(void **state)
{
	spool_make();
	queue = open_queue();
	return 0;
}

static int tear_down(void **state)
{
	queue_close(queue);
	return spool_remove();
}

static int open_journal(const char *name, const char *suffix)
{
	char path[256];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/journal/%s%s", spool, name,
		       suffix);
	fd = open(path, O_RDWR);
	assert_true(fd >= 0);
	return fd;
}

static void read_bytes(int fd, uint64_t at, char *to, size_t n)
{
	assert_int_equal(pread(fd, to, n, (off_t)at), n);
}

static void write_bytes(int fd, uint64_t at, const char *from, size_t n)
{
	assert_int_equal(pwrite(fd, from, n, (off_t)at), n);
}

static void flip(int fd, uint64_t bit)
{
	char byte;

	read_bytes(fd, bit / 8, &byte, 1);
	byte = (char)(byte ^ 1 << bit % 8);
	write_bytes(fd, bit / 8, &byte, 1);
}

/* ---- segments --------------------------------------------------------------
 */

/* What a reader gives: the ids of the good ones, and the damaged stretches. */
struct given {
	unsigned good;
	struct queue_id ids[16];
	unsigned damaged;
	uint64_t from[16], to[16];
	struct queue_id named[16];
};

static struct given read_segment(int fd, const char *name, uint64_t released)
{
	CLEANUP(segment_read_end) struct segment_reader *r = NULL;
	struct given g = {.good = 0};
	struct segment_record one;
	int error;

	assert_int_equal(segment_read_begin(fd, str_of_c(name), released,
					    SEGMENT_SIZE_MAX, &r),
			 0);
	while ((error = segment_read_next(r, &one)) == 0) {
		CLEANUP(arena_free) struct arena *a = arena_new(SIZE_MAX);
		struct queue_message m;

		if (one.damaged > 0) {
			assert_true(g.damaged < 16);
			assert_int_equal(one.record % 512, 0);
			g.from[g.damaged] = one.record;
			g.named[g.damaged] = one.id;
			g.to[g.damaged++] = one.record + one.damaged;
			continue;
		}
		assert_int_equal(queue_read_image(one.image, a, &m, NULL), 0);
		assert_string_equal(m.id.text, one.id.text);
		assert_true(g.good < 16);
		g.ids[g.good++] = one.id;
	}
	assert_int_equal(error, 1);
	return g;
}

static bool has(const struct given *g, const struct queue_id *id)
{
	for (unsigned i = 0; i < g->good; i++)
		if (strcmp(g->ids[i].text, id->text) == 0)
			return true;
	return false;
}

static bool is_told(const struct given *g, const struct queue_place *p)
{
	for (unsigned i = 0; i < g->damaged; i++)
		if (g->from[i] <= p->record && p->record < g->to[i])
			return true;
	return false;
}

/* Exactly `bad` of the three is damaged. */
static void check_three(int fd, const struct queue_place p[3], unsigned bad)
{
	struct given g = read_segment(fd, p[0].segment, 0);

	assert_int_equal(g.good, 2);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(has(&g, &p[i].id), i != bad);
		assert_int_equal(is_told(&g, &p[i]), i == bad);
	}
}

static void a_flipped_bit_in_a_segment_is_told(void **state)
{
	const struct queue_place p[3] = {spool_commit(queue, 10),
					 spool_commit(queue, 20),
					 spool_commit(queue, 30)};
	int fd = open_journal(p[0].segment, "");

	/* Reading its empty rest takes long. */
	assert_int_equal(ftruncate(fd, (off_t)p[2].record + 8192), 0);
	for (unsigned n = 0; n < 3; n++) {
		uint64_t end = p[n].image + p[n].image_length;

		for (uint64_t bit = p[n].record * 8; bit < end * 8; bit++) {
			flip(fd, bit);
			check_three(fd, p, n);
			flip(fd, bit);
		}
	}
	assert_int_equal(read_segment(fd, p[0].segment, 0).good, 3);
	assert_int_equal(read_segment(fd, p[0].segment, 0).damaged, 0);
	(void)close(fd);
}

/* Whole stretches: any of the first two with zeros or with noise over all or a
 * part of it. */
static void a_lost_block_in_a_segment_is_told(void **state)
{
	const struct queue_place p[3] = {spool_commit(queue, 10),
					 spool_commit(queue, 1500),
					 spool_commit(queue, 30)};
	int fd = open_journal(p[0].segment, "");
	char before[4096], bad[4096];

	for (unsigned n = 0; n < 2; n++) {
		read_bytes(fd, p[n].record, before, sizeof(before));
		for (size_t length = 512; length <= 4096; length += 512) {
			memset(bad, 0, sizeof(bad));
			write_bytes(fd, p[n].record, bad, length);
			check_three(fd, p, n);
			for (size_t i = 0; i < sizeof(bad); i++)
				bad[i] = (char)(i * 7 + length);
			write_bytes(fd, p[n].record, bad, length);
			check_three(fd, p, n);
			write_bytes(fd, p[n].record, before, sizeof(before));
		}
	}
	assert_int_equal(read_segment(fd, p[0].segment, 0).good, 3);
	(void)close(fd);
}

/* Where the header is damaged and the image is not, its id is known. */
static void a_damaged_record_keeps_its_id(void **state)
{
	const struct queue_place p[2] = {spool_commit(queue, 10),
					 spool_commit(queue, 20)};
	int fd = open_journal(p[0].segment, "");
	char kept[KEPT_NAME_MAX + 1], path[512];
	struct segment_record r = {.record = p[1].record};
	struct given g;
	struct stat st;

	flip(fd, (p[1].record + 33) * 8); /* the length */
	g = read_segment(fd, p[0].segment, 0);
	assert_int_equal(g.damaged, 1);
	assert_string_equal(g.named[0].text, p[1].id.text);
	r.id = g.named[0];
	r.damaged = g.to[0] - g.from[0];
	for (int i = 1; i <= 3; i++) {
		char expected[64];

		(void)snprintf(expected, sizeof(expected),
			       i == 1 ? "%s" : "%s.%d", p[1].id.text, i);
		assert_int_equal(segment_keep_damaged(queue, fd,
						      str_of_c(p[0].segment),
						      &r, kept),
				 0);
		assert_string_equal(kept, expected);
		(void)snprintf(path, sizeof(path), "%s/corrupt/%s", spool,
			       kept);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_size, r.damaged - HEADER);
	}
	(void)close(fd);
}

/* Of the last one not even the length is known: from there on, to where
 * nothing was ever written. */
static void a_last_record_with_little_left_is_told(void **state)
{
	const struct queue_place p[2] = {spool_commit(queue, 10),
					 spool_commit(queue, 1500)};
	int fd = open_journal(p[0].segment, "");
	struct given g;

	flip(fd, (p[1].record + 33) * 8); /* the length */
	flip(fd, p[1].image * 8);	  /* the magic of the image */
	g = read_segment(fd, p[0].segment, 0);
	assert_int_equal(g.good, 1);
	assert_int_equal(g.damaged, 1);
	assert_int_equal(g.from[0], p[1].record);
	assert_int_equal(g.to[0], p[1].record + 4096);
	assert_int_equal(g.named[0].text[0], '\0');
	/* Up to the end, too. */
	assert_int_equal(ftruncate(fd, (off_t)p[1].record + 1024), 0);
	g = read_segment(fd, p[0].segment, 0);
	assert_int_equal(g.damaged, 1);
	assert_int_equal(g.to[0], p[1].record + 1024);
	(void)close(fd);
}

static void a_cut_segment_gives_what_is_whole(void **state)
{
	const struct queue_place p[3] = {spool_commit(queue, 10),
					 spool_commit(queue, 600),
					 spool_commit(queue, 30)};
	int fd = open_journal(p[0].segment, "");
	uint64_t end = p[2].image + p[2].image_length;
	static char all[3 * 4096];

	read_bytes(fd, 0, all, sizeof(all));
	for (uint64_t size = 0; size <= end; size++) {
		struct given g;

		assert_int_equal(ftruncate(fd, 0), 0);
		write_bytes(fd, 0, all, size);
		g = read_segment(fd, p[0].segment, 0);
		for (unsigned i = 0; i < 3; i++) {
			uint64_t whole = p[i].image + p[i].image_length;

			assert_int_equal(has(&g, &p[i].id), size >= whole);
			assert_int_equal(is_told(&g, &p[i]),
					 size < whole &&
						 size >= p[i].record + HEADER);
		}
	}
	(void)close(fd);
}

/* The last one over the front of a segment that was full of others: what of
 * these is still there is not owed, with a ledger or without. */
static void an_older_generation_is_not_given(void **state)
{
	const struct queue_place old[3] = {spool_commit(queue, 10),
					   spool_commit(queue, 20),
					   spool_commit(queue, 30)};
	struct queue_place new;
	struct segment_news news;
	struct queue_place p = old[0];
	int fd = open_journal(old[0].segment, "");
	struct given g;

	while (p.segment != NULL && strcmp(p.segment, old[0].segment) == 0)
		p = spool_commit(queue, 2000);
	assert_true(queue_segment_news(queue, &news));
	queue_segment_released(queue, str_of_c(old[0].segment), 1);
	while (p.segment != NULL && strcmp(p.segment, old[0].segment) != 0)
		p = spool_commit(queue, 2000);
	new = p;
	assert_int_equal(new.generation, 2);
	assert_int_equal(new.record, 0);
	for (uint64_t released = 0; released < 2; released++) {
		g = read_segment(fd, old[0].segment, released);
		assert_int_equal(g.good, 1);
		assert_string_equal(g.ids[0].text, new.id.text);
		assert_int_equal(g.damaged, 0);
	}
	/* Damaged, it hides them too, as long as there is a ledger. */
	for (uint64_t bit = 0; bit < (uint64_t)HEADER * 8; bit++) {
		flip(fd, bit);
		g = read_segment(fd, old[0].segment, 1);
		assert_int_equal(g.good, 0);
		assert_true(is_told(&g, &new));
		flip(fd, bit);
	}
	(void)close(fd);
}

/* ---- ledgers ---------------------------------------------------------------
 */

static const char ledger_name[] = "5f0-1-1-0123456789abcdef";

/* What a ledger says. */
struct said {
	uint64_t released;
	uint64_t done;
	size_t tail;
};

static struct said ask_ledger(void)
{
	CLEANUP(ledger_close) struct ledger *l = NULL;
	struct said s;

	assert_int_equal(ledger_open(queue, str_of_c(ledger_name), &l), 0);
	s.released = ledger_released(l);
	s.done = ledger_done_count(l);
	s.tail = ledger_tail(l, 1024).n;
	assert_int_equal(ledger_is_done(l, 512), s.done > 0);
	return s;
}

/* G, D, T: their ends in the file. */
static int make_ledger(uint64_t ends[3], struct said said[4])
{
	CLEANUP(ledger_close) struct ledger *l = NULL;
	BUF_SCOPED mark = BUF_INIT(64);
	struct stat st;
	int fd;

	queue_mark_record(&mark, MARK_EXPIRED);
	said[0] = (struct said){.released = 0};
	assert_int_equal(ledger_open(queue, str_of_c(ledger_name), &l), 0);
	assert_int_equal(ledger_release(l, 7), 0);
	fd = open_journal(ledger_name, ".o");
	for (int i = 0; i < 3; i++) {
		if (i == 1)
			assert_int_equal(ledger_done(l, 512), 0);
		if (i == 2)
			assert_int_equal(ledger_add(l, 1024, buf_str(&mark)),
					 0);
		assert_int_equal(ledger_write(l), 0);
		assert_int_equal(fstat(fd, &st), 0);
		ends[i] = (uint64_t)st.st_size;
		said[i + 1] = ask_ledger();
	}
	assert_int_equal(said[3].released, 7);
	assert_int_equal(said[3].done, 1);
	assert_int_equal(said[3].tail, mark.n);
	return fd;
}

static void check_said(const struct said *is, const struct said *should)
{
	assert_int_equal(is->released, should->released);
	assert_int_equal(is->done, should->done);
	assert_int_equal(is->tail, should->tail);
}

static void a_damaged_ledger_says_less(void **state)
{
	uint64_t ends[3];
	struct said said[4], is;
	int fd = make_ledger(ends, said);

	for (uint64_t bit = 0; bit < ends[2] * 8; bit++) {
		unsigned whole = 0;

		while (bit / 8 >= ends[whole])
			whole++;
		flip(fd, bit);
		is = ask_ledger();
		check_said(&is, &said[whole]);
		flip(fd, bit);
	}
	for (uint64_t size = ends[2]; size > 0; size--) {
		unsigned whole = 3;

		while (whole > 0 && size < ends[whole - 1])
			whole--;
		assert_int_equal(ftruncate(fd, (off_t)size), 0);
		is = ask_ledger();
		check_said(&is, &said[whole]);
	}
	(void)close(fd);
}

/* What could not be read is not read later either, when something of its
 * length has been written in its place. */
static void the_end_of_a_ledger_is_cut(void **state)
{
	struct ledger *l;
	struct stat st;
	int fd;

	assert_int_equal(ledger_open(queue, str_of_c(ledger_name), &l), 0);
	for (uint64_t record = 512; record <= 3 * 512; record += 512)
		assert_int_equal(ledger_done(l, record), 0);
	assert_int_equal(ledger_write(l), 0);
	ledger_close(l);
	fd = open_journal(ledger_name, ".o");
	assert_int_equal(fstat(fd, &st), 0);
	flip(fd, (uint64_t)st.st_size / 3 * 8); /* of the second */
	assert_int_equal(ask_ledger().done, 1);
	assert_int_equal(ledger_open(queue, str_of_c(ledger_name), &l), 0);
	assert_int_equal(ledger_done(l, 4096), 0);
	assert_int_equal(ledger_write(l), 0);
	ledger_close(l);
	assert_int_equal(ask_ledger().done, 2);
	(void)close(fd);
}

/* ---- queue files -----------------------------------------------------------
 */

static void store_u32(char *to, uint32_t value)
{
	for (unsigned i = 0; i < 4; i++)
		to[i] = (char)(value >> (24 - 8 * i) & 0xff);
}

static uint64_t load(const char *from, unsigned bytes)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < bytes; i++)
		value = value << 8 | (unsigned char)from[i];
	return value;
}

/* The image of a message, and where its envelope is. */
static struct str make_image(struct buf *to, size_t *envelope)
{
	struct queue_place p = spool_commit(queue, 40);
	char *bytes = buf_room(to, p.image_length);

	assert_non_null(bytes);
	read_bytes(p.fd, p.image, bytes, p.image_length);
	buf_added(to, p.image_length);
	*envelope = (size_t)load(to->p + 72, 8);
	return buf_str(to);
}

/* Make the checksums right that damage has made wrong. */
static void make_right(struct buf *image, size_t envelope)
{
	store_u32(image->p + 88,
		  crc32c(0, str_of(image->p + envelope, image->n - envelope)));
	store_u32(image->p + 92, crc32c(0, str_of(image->p, FILE_HEADER - 4)));
}

static int try_image(struct str image)
{
	CLEANUP(arena_free) struct arena *a = arena_new((size_t)16 << 20);
	struct queue_message m;
	struct why why;
	int error = queue_read_image(image, a, &m, &why);

	if (error == 0) {
		assert_true(m.offset + m.length <= image.n);
		assert_true(m.outcomes_end <= image.n);
		for (size_t i = 0; i < m.envelope.recipient_count; i++)
			assert_int_equal(m.envelope.recipients[i].number, i);
	} else {
		assert_int_equal(error, -EBADMSG);
		assert_true(strlen(why.text) > 5);
	}
	return error;
}

/* With checksums that are right, so that the insides are read: each bit of the
 * header and of each record of the envelope, and each length. */
static void whatever_an_image_says_is_checked(void **state)
{
	BUF_SCOPED image = BUF_INIT(8192);
	size_t envelope;
	struct str whole = make_image(&image, &envelope);
	unsigned refused = 0;

	assert_int_equal(try_image(whole), 0);
	for (size_t bit = 0; bit < whole.n * 8; bit++) {
		char save[FILE_HEADER];

		if (bit / 8 >= FILE_HEADER && bit / 8 < envelope)
			continue; /* of the content */
		memcpy(save, image.p, sizeof(save));
		image.p[bit / 8] = (char)(image.p[bit / 8] ^ 1 << bit % 8);
		if (bit / 8 < 88)
			store_u32(image.p + 92,
				  crc32c(0, str_of(image.p, FILE_HEADER - 4)));
		else if (bit / 8 >= envelope)
			make_right(&image, envelope);
		refused += try_image(buf_str(&image)) != 0;
		if (bit / 8 >= envelope)
			image.p[bit / 8] =
				(char)(image.p[bit / 8] ^ 1 << bit % 8);
		memcpy(image.p, save, sizeof(save));
	}
	assert_true(refused > 400);
	assert_int_equal(try_image(whole), 0);
}

static void a_shorter_envelope_is_refused_or_makes_sense(void **state)
{
	BUF_SCOPED image = BUF_INIT(8192);
	size_t envelope;
	struct str whole = make_image(&image, &envelope);

	for (size_t n = whole.n - 1; n > envelope; n--) {
		image.n = n;
		store_u32(image.p + 80, (uint32_t)(n - envelope));
		make_right(&image, envelope);
		(void)try_image(buf_str(&image));
	}
}

/* What lies in a directory, cut at every length, and bits of it flipped. */
static void a_damaged_file_is_refused(void **state)
{
	BUF_SCOPED image = BUF_INIT(8192), tail = BUF_INIT(4096);
	const struct outcome o = {.recipient = 1,
				  .action = OUTCOME_DEFERRED,
				  .when_s = 1,
				  .dsn = STR("4.4.1")};
	size_t envelope, end;
	int fd = open(spool, O_RDWR | O_TMPFILE, 0600);

	assert_true(fd >= 0);
	end = make_image(&image, &envelope).n;
	(void)queue_outcome_record(&tail, &o, 2);
	queue_mark_record(&tail, MARK_EXPIRED);
	(void)buf_put(&image, buf_str(&tail));
	for (size_t n = 0; n <= image.n; n++) {
		CLEANUP(arena_free) struct arena *a = arena_new(1 << 20);
		struct queue_message m;
		int error;

		assert_int_equal(ftruncate(fd, 0), 0);
		write_bytes(fd, 0, image.p, n);
		error = queue_read(fd, a, &m, NULL);
		assert_int_equal(error, n < end ? -EBADMSG : 0);
		if (error == 0)
			assert_int_equal(m.torn, m.outcomes_end != n);
	}
	for (uint64_t bit = 0; bit < image.n * 8; bit++) {
		CLEANUP(arena_free) struct arena *a = arena_new(1 << 20);
		struct queue_message m;
		int error;

		flip(fd, bit);
		error = queue_read(fd, a, &m, NULL);
		if (error == 0 && bit / 8 < end)
			error = queue_check_content(fd, &m);
		assert_int_equal(error, bit / 8 < end ? -EBADMSG : 0);
		if (error == 0)
			assert_true(m.torn && m.outcomes_end <= bit / 8);
		flip(fd, bit);
	}
	(void)close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		TEST(a_flipped_bit_in_a_segment_is_told),
		TEST(a_lost_block_in_a_segment_is_told),
		TEST(a_damaged_record_keeps_its_id),
		TEST(a_last_record_with_little_left_is_told),
		TEST(a_cut_segment_gives_what_is_whole),
		TEST(an_older_generation_is_not_given),
		TEST(a_damaged_ledger_says_less),
		TEST(the_end_of_a_ledger_is_cut),
		TEST(whatever_an_image_says_is_checked),
		TEST(a_shorter_envelope_is_refused_or_makes_sense),
		TEST(a_damaged_file_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
