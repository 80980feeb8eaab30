/* SPDX-License-Identifier: ISC */
/* Journals: what was committed is read back from its segment, whatever is cut
 * off or flipped elsewhere; what is done is not; generations; settling. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "queue/journal.h"
#include "rt/fiber.h"
#include "rt/loop.h"
#include "in_spool.h"

#define SEGMENT_SIZE (1u << 20)

/* In place of the C library's. */
static bool fail_flush;

int fdatasync(int fd)
{
	if (!fail_flush)
		return 0;
	errno = EIO;
	return -1;
}

/* qmgr finds a new segment that has no lock yet, and removes it. */
static bool qmgr_is_faster;

static void remove_segments(void)
{
	char path[256];
	struct dirent *entry;
	DIR *dir;

	(void)snprintf(path, sizeof(path), "%s/journal", spool);
	dir = opendir(path);
	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL)
		if (entry->d_name[0] != '.')
			assert_int_equal(unlinkat(dirfd(dir), entry->d_name, 0),
					 0);
	(void)closedir(dir);
}

int flock(int fd, int operation)
{
	if (qmgr_is_faster)
		remove_segments();
	qmgr_is_faster = false;
	return (int)syscall(SYS_flock, fd, operation);
}

static struct queue *queue;

static struct queue *open_queue(void)
{
	const struct queue_opts opts = {.memory_limit = 256 * 1024,
					.journal_segment_size = SEGMENT_SIZE,
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

/* ---- helpers ---------------------------------------------------------------
 */

/* What is owed, in order. */
struct found {
	unsigned count;
	struct queue_id ids[64];
	size_t tails;
};

static int note_found(const struct segment_record *r, void *arg)
{
	CLEANUP(arena_free) struct arena *a = arena_new(SIZE_MAX);
	struct found *f = arg;
	struct queue_message m;
	struct why why;

	assert_int_equal(queue_read_image(r->image, a, &m, &why), 0);
	assert_true(str_eq(queue_id_str(&m.id), queue_id_str(&r->id)));
	assert_true(str_eq(m.envelope.sender, STR("s@example.org")));
	f->tails += m.states[0].attempts;
	assert_true(f->count < 64);
	f->ids[f->count++] = r->id;
	return 0;
}

static struct found look(void)
{
	struct queue *reader = open_queue();
	struct found f = {.count = 0};

	assert_int_equal(queue_journal_each(reader, note_found, &f), 0);
	queue_close(reader);
	return f;
}

static int open_segment(const char *name)
{
	char path[256];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/journal/%s", spool, name);
	fd = open(path, O_RDWR);
	assert_true(fd >= 0);
	return fd;
}

/* ---- tests -----------------------------------------------------------------
 */

static void test_round_trip(void **state)
{
	struct queue_place one = spool_commit(queue, 100),
			   two = spool_commit(queue, 5000);
	struct queue_place large = spool_commit(queue, 300 * 1024);
	struct found f;
	char byte;

	assert_non_null(one.segment);
	assert_string_equal(one.segment, two.segment);
	assert_int_equal(one.record, 0);
	assert_int_equal(two.record % 4096, 0);
	assert_null(large.segment); /* it has a file */
	assert_int_equal(pread(two.fd, &byte, 1, (off_t)two.offset), 1);
	assert_int_equal(byte, spool_byte(5000, 0));
	f = look();
	assert_int_equal(f.count, 2);
	assert_string_equal(f.ids[0].text, one.id.text);
	assert_string_equal(f.ids[1].text, two.id.text);
	queue_place_close(&large);
}

/* Nothing is written to a segment that nobody will find. */
static void test_removed_before_it_was_locked(void **state)
{
	struct queue_place one, two;
	struct stat st;

	qmgr_is_faster = true;
	one = spool_commit(queue, 100);
	assert_false(qmgr_is_faster);
	assert_non_null(one.segment); /* the next one */
	assert_int_equal(fstat(one.fd, &st), 0);
	assert_int_equal(st.st_nlink, 1);
	two = spool_commit(queue, 100);
	assert_int_equal(fstat(two.fd, &st), 0);
	assert_int_equal(st.st_nlink, 1);
	queue_place_close(&one);
	queue_place_close(&two);
}

/* Cut and flipped anywhere, the other messages are read. */
static void test_damage(void **state)
{
	struct queue_place p[3] = {spool_commit(queue, 10),
				   spool_commit(queue, 700),
				   spool_commit(queue, 20)};
	int fd = open_segment(p[1].segment);
	uint64_t end = p[1].image + p[1].image_length;

	for (uint64_t at = p[1].record; at < end; at++) {
		struct found f;
		char byte, bad;

		assert_int_equal(pread(fd, &byte, 1, (off_t)at), 1);
		bad = (char)(byte ^ 1 << at % 8);
		assert_int_equal(pwrite(fd, &bad, 1, (off_t)at), 1);
		f = look();
		assert_int_equal(f.count, 2);
		assert_string_equal(f.ids[0].text, p[0].id.text);
		assert_string_equal(f.ids[1].text, p[2].id.text);
		assert_int_equal(pwrite(fd, &byte, 1, (off_t)at), 1);
	}
	(void)close(fd);
	assert_int_equal(look().count, 3);
}

/* Only the front of the last batch came to the disk. */
static void test_torn_tail(void **state)
{
	struct queue_place first = spool_commit(queue, 10),
			   last = spool_commit(queue, 700);
	int fd = open_segment(first.segment);
	char bytes[8192], zeros[8192] = {0};
	size_t n = (size_t)(last.image + last.image_length - last.record);

	assert_true(n < sizeof(bytes));
	assert_int_equal(pread(fd, bytes, n, (off_t)last.record), n);
	for (size_t cut = 0; cut < n; cut++) {
		assert_int_equal(pwrite(fd, bytes, cut, (off_t)last.record),
				 cut);
		assert_int_equal(
			pwrite(fd, zeros, n - cut, (off_t)(last.record + cut)),
			n - cut);
		/* The rest may have been zeros. */
		if (memcmp(bytes + cut, zeros, n - cut) != 0)
			assert_int_equal(look().count, 1);
	}
	(void)close(fd);
}

static void test_ledger(void **state)
{
	struct queue_place p[3] = {spool_commit(queue, 10),
				   spool_commit(queue, 20),
				   spool_commit(queue, 30)};
	struct ledger *l;
	BUF_SCOPED tail = BUF_INIT(4096);
	const struct outcome o = {.action = OUTCOME_DEFERRED,
				  .dsn = STR("4.0.0"),
				  .relay = STR("none"),
				  .text = STR("later"),
				  .remote = STR(""),
				  .diagnostic_type = STR(""),
				  .diagnostic = STR("")};
	struct str name = str_of_c(p[0].segment);
	struct found f;
	struct stat st;
	int fd;

	assert_int_equal(ledger_open(queue, name, &l), 0);
	assert_int_equal(ledger_done(l, p[1].record), 0);
	assert_int_equal(ledger_done(l, p[1].record), 0);
	assert_int_equal(ledger_done_count(l), 1);
	(void)queue_outcome_record(&tail, &o, 0);
	assert_int_equal(ledger_add(l, p[2].record, buf_str(&tail)), 0);
	assert_int_equal(ledger_add(l, p[2].record, buf_str(&tail)), 0);
	assert_int_equal(look().count, 3); /* not written yet */
	assert_int_equal(ledger_write(l), 0);
	f = look();
	assert_int_equal(f.count, 2);
	assert_string_equal(f.ids[1].text, p[2].id.text);
	assert_int_equal(f.tails, 2);
	ledger_close(l);

	/* Its last entry is torn: one attempt less is known. */
	{
		char ledger[SEGMENT_NAME_MAX + 3];

		(void)snprintf(ledger, sizeof(ledger), "%s.o", p[0].segment);
		fd = open_segment(ledger);
		assert_int_equal(fstat(fd, &st), 0);
		assert_int_equal(ftruncate(fd, st.st_size - 1), 0);
		(void)close(fd);
	}
	f = look();
	assert_int_equal(f.count, 2);
	assert_int_equal(f.tails, 1);
}

/* Fill a segment; release it; its next generation hides the one before. */
static void test_generations(void **state)
{
	struct queue_place first = spool_commit(queue, 100000), p = first;
	struct segment_news news;
	struct ledger *l;
	unsigned n = 1, files = 0;

	while (p.segment != NULL && strcmp(p.segment, first.segment) == 0) {
		assert_false(queue_segment_news(queue, &news));
		p = spool_commit(queue, 100000);
		n++;
	}
	assert_non_null(p.segment); /* the second one */
	assert_true(queue_segment_news(queue, &news));
	assert_string_equal(news.name, first.segment);
	assert_int_equal(news.count, n - 1);
	assert_int_equal(news.flags, SEGMENT_SEALED);
	assert_int_equal(news.generation, 1);
	assert_int_equal(look().count, n);

	/* There may be two: then messages get files. */
	while (p.segment != NULL)
		p = spool_commit(queue, 100000);
	queue_place_close(&p);
	assert_true(queue_segment_news(queue, &news));
	assert_true(news.flags & SEGMENT_SHORT);
	while (queue_segment_news(queue, &news))
		files++;
	assert_int_equal(files, 1);

	assert_int_equal(ledger_open(queue, str_of_c(first.segment), &l), 0);
	assert_int_equal(ledger_release(l, 1), 0);
	assert_int_equal(look().count, n - 1);
	queue_segment_released(queue, str_of_c(first.segment), 2); /* not it */
	queue_segment_released(queue, str_of_c(first.segment), 1);
	p = spool_commit(queue, 10);
	assert_string_equal(p.segment, first.segment);
	assert_int_equal(p.generation, 2);
	assert_int_equal(p.record, 0);
	assert_int_equal(look().count, n);
	assert_int_equal(ledger_done(l, p.record), 0);
	assert_int_equal(ledger_write(l), 0);
	assert_int_equal(look().count, n - 1);
	ledger_close(l);
}

/* The writer's lock says whether it lives; then all become files. */
static void test_settle(void **state)
{
	struct queue *other = open_queue();
	struct queue_place a = spool_commit(queue, 10),
			   b = spool_commit(other, 5000);
	enum queue_name where;
	int fd;

	assert_string_not_equal(a.segment, b.segment);
	assert_int_equal(look().count, 2);
	fd = segment_open(queue, str_of_c(b.segment));
	assert_true(fd >= 0);
	assert_false(segment_adopt(fd));
	(void)close(fd);
	queue_close(other);
	assert_int_equal(queue_settle_all(queue), 0);
	assert_int_equal(look().count, 1);
	assert_int_equal(queue_file_find(queue, queue_id_str(&b.id), &where),
			 0);
	assert_int_equal(where, QUEUE_INCOMING);
	assert_int_equal(queue_file_find(queue, queue_id_str(&a.id), &where),
			 -ENOENT);
}

/* A segment that cannot be written is given up, what was in it is owed. */
static void test_write_error(void **state)
{
	struct queue_place a = spool_commit(queue, 10), b;
	struct segment_news news;
	const struct rlimit none = {0, RLIM_INFINITY};
	struct rlimit before;

	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
	assert_true(spool_try_commit(queue, 10, &b) < 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_true(queue_segment_news(queue, &news));
	assert_int_equal(news.flags, SEGMENT_SEALED | SEGMENT_FAILED);
	assert_int_equal(news.count, 1);
	b = spool_commit(queue, 10);
	assert_string_not_equal(a.segment, b.segment);
	assert_int_equal(look().count, 2);
}

/* The same when it cannot be flushed: the batch is refused. */
static void test_flush_error(void **state)
{
	struct queue_place a = spool_commit(queue, 10), b;
	struct segment_news news;

	fail_flush = true;
	assert_int_equal(spool_try_commit(queue, 10, &b), -EIO);
	fail_flush = false;
	assert_true(queue_segment_news(queue, &news));
	assert_int_equal(news.flags, SEGMENT_SEALED | SEGMENT_FAILED);
	assert_int_equal(news.count, 1);
	assert_true(news.end > a.record);
	b = spool_commit(queue, 10);
	assert_string_not_equal(a.segment, b.segment);
	queue_segment_released(queue, str_of_c(news.name), 1);
	b = spool_commit(queue, 10);
	assert_int_equal(b.generation, 1);
}

/* The same when somebody has removed its file: nobody would find what it has.
 */
static void test_removed_while_in_use(void **state)
{
	struct queue_place a = spool_commit(queue, 10), b;

	remove_segments();
	assert_int_equal(spool_try_commit(queue, 10, &b), -ENOENT);
	b = spool_commit(queue, 10);
	assert_string_not_equal(a.segment, b.segment);
	assert_int_equal(look().count, 1);
}

/* What follows a record, in the next batch, is found without those before. */
static void test_reading_on(void **state)
{
	CLEANUP(segment_read_end) struct segment_reader *reader = NULL;
	struct queue_place a = spool_commit(queue, 10),
			   b = spool_commit(queue, 10);
	struct str name = str_of_c(a.segment);
	struct segment_record r;
	int fd = segment_open(queue, name);

	assert_true(fd >= 0);
	assert_int_equal(
		segment_read_begin(fd, name, 0, SEGMENT_SIZE_MAX, &reader), 0);
	segment_read_on(reader, a.image + a.image_length);
	assert_int_equal(segment_read_next(reader, &r), 0);
	assert_int_equal(r.record, b.record);
	assert_int_equal(segment_read_next(reader, &r), 1);
	(void)close(fd);
}

/* ---- many at once ----------------------------------------------------------
 */

static unsigned committed;

static void committer(void *arg)
{
	(void)spool_commit(queue, *(const size_t *)arg);
	committed++;
}

static void test_batches(void **state)
{
	static const size_t size = 3000;
	struct why why;

	assert_int_equal(loop_open(&why), 0);
	committed = 0;
	for (int i = 0; i < 50; i++) {
		size_t *of;

		memcpy(&of, &(const size_t *){&size}, sizeof(of));
		assert_non_null(fiber_spawn(committer, of));
	}
	loop_run();
	loop_close();
	assert_int_equal(committed, 50);
	assert_true(queue_flushes(queue) < 10);
	assert_int_equal(look().count, 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		TEST(test_round_trip),	TEST(test_removed_before_it_was_locked),
		TEST(test_damage),	TEST(test_torn_tail),
		TEST(test_ledger),	TEST(test_generations),
		TEST(test_settle),	TEST(test_write_error),
		TEST(test_flush_error), TEST(test_removed_while_in_use),
		TEST(test_reading_on),	TEST(test_batches),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
