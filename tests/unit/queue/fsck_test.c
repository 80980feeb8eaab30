/* SPDX-License-Identifier: ISC */
/* fsck: each kind of damage is found, is put right without anything being
 * deleted, and is then not found again; what is good stays where it is. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "queue/drop.h"
#include "queue/fsck.h"
#include "queue/journal.h"
#include "in_spool.h"

#define MOST 64

/* ---- what fsck tells -------------------------------------------------------
 */

struct told {
	unsigned count;
	char lines[MOST][1024]; /* "path: what: remedy" */
	bool notes[MOST];
	bool done[MOST];
};

static void tell(const struct fsck_finding *finding, void *arg)
{
	struct told *t = arg;

	assert_true(t->count < MOST);
	(void)snprintf(t->lines[t->count], sizeof(t->lines[0]), "%s: %s: %s",
		       finding->path, finding->what, finding->remedy);
	t->notes[t->count] = finding->is_note;
	t->done[t->count++] = finding->is_done;
}

static struct queue *open_queue(bool journal)
{
	const struct queue_opts opts = {.memory_limit = 256 * 1024,
					.no_sync = true,
					.journal_segment_size =
						journal ? 1u << 20 : 0,
					.journal_segments = 2};

	return spool_open_with(&opts);
}

static struct fsck look(struct told *t, bool fix, bool running, int result)
{
	struct queue *q = open_queue(false);
	struct fsck f = {.q = q,
			 .fix = fix,
			 .running = running,
			 .owner = geteuid(),
			 .tell = tell,
			 .arg = t};
	char path[128];
	struct why why = {""};

	*t = (struct told){.count = 0};
	(void)snprintf(path, sizeof(path), "%s/maildrop", spool);
	f.maildrop = open(path, O_RDONLY | O_DIRECTORY);
	assert_true(f.maildrop >= 0);
	assert_int_equal(queue_fsck(&f, &why), result);
	(void)close(f.maildrop);
	queue_close(q);
	return f;
}

/* The one line that begins with `path`; it says `what`. */
static unsigned line_of(const struct told *t, const char *path,
			const char *what)
{
	unsigned at = MOST;

	for (unsigned i = 0; i < t->count; i++) {
		if (strncmp(t->lines[i], path, strlen(path)) != 0 ||
		    strstr(t->lines[i], what) == NULL)
			continue;
		assert_int_equal(at, MOST);
		at = i;
	}
	if (at == MOST) {
		for (unsigned i = 0; i < t->count; i++)
			print_message("told: %s\n", t->lines[i]);
		fail_msg("not told: %s: %s", path, what);
	}
	return at;
}

static void is_problem(const struct told *t, const char *path, const char *what)
{
	assert_false(t->notes[line_of(t, path, what)]);
}

static void is_note(const struct told *t, const char *path, const char *what)
{
	assert_true(t->notes[line_of(t, path, what)]);
}

/* ---- a spool ---------------------------------------------------------------
 */

static int set_up(void **state)
{
	spool_make();
	return 0;
}

static int tear_down(void **state)
{
	return spool_remove();
}

static struct queue_place commit(struct queue *q)
{
	static struct recipient to[] = {{.address = STR_INIT("a@example.com")}};
	const struct envelope e = {.sender = STR("s@example.org"),
				   .envid = STR(""),
				   .recipients = to,
				   .recipient_count = 1};
	struct queue_draft *d;
	struct queue_place place;

	assert_int_equal(queue_begin(q, &d), 0);
	assert_int_equal(queue_put(d, STR("Subject: x\r\n\r\nbody\r\n")), 0);
	assert_int_equal(queue_commit(d, &e, &place), 0);
	return place;
}

/* "deferred/3/ID" of a new message in queue `in`; below the spool: `full`. */
struct made {
	struct queue_id id;
	char path[128];
	char full[256];
};

static struct made make(enum queue_name in)
{
	struct queue *q = open_queue(false);
	struct queue_place p = commit(q);
	struct made m = {.id = p.id};
	char hex[6];

	if (in != QUEUE_INCOMING)
		assert_int_equal(queue_file_move(q, QUEUE_INCOMING, in,
						 queue_id_str(&p.id)),
				 0);
	queue_id_hash_name(queue_id_str(&p.id), hex);
	if (in == QUEUE_DEFERRED)
		(void)snprintf(m.path, sizeof(m.path), "deferred/%c/%s", hex[0],
			       p.id.text);
	else
		(void)snprintf(m.path, sizeof(m.path), STR_FMT "/%s",
			       STR_ARG(queue_name_str(in)), p.id.text);
	(void)snprintf(m.full, sizeof(m.full), "%s/%s", spool, m.path);
	queue_place_close(&p);
	queue_close(q);
	return m;
}

static void flip(const char *path, off_t at)
{
	int fd = open(path, O_RDWR);
	char byte;

	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &byte, 1, at), 1);
	byte ^= 4;
	assert_int_equal(pwrite(fd, &byte, 1, at), 1);
	(void)close(fd);
}

static void put_file(const char *below, const char *bytes, size_t n,
		     mode_t mode)
{
	char path[256];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", spool, below);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, n), n);
	assert_int_equal(fchmod(fd, mode), 0);
	(void)close(fd);
}

static void copy(const char *from, const char *to)
{
	char command[600];

	(void)snprintf(command, sizeof(command), "cp -p %s %s/%s", from, spool,
		       to);
	assert_int_equal(system(command), 0);
}

static unsigned count_files(void)
{
	char command[128], line[32];
	unsigned n;
	FILE *p;

	(void)snprintf(command, sizeof(command),
		       "find %s ! -type d -printf x | wc -c", spool);
	p = popen(command, "r");
	assert_non_null(p);
	assert_non_null(fgets(line, sizeof(line), p));
	n = (unsigned)atoi(line);
	assert_int_equal(pclose(p), 0);
	return n;
}

static bool exists(const char *below)
{
	char path[512];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s/%s", spool, below);
	return lstat(path, &st) == 0;
}

static bool is_in_corrupt(const char *name)
{
	char path[KEPT_NAME_MAX + 16];

	(void)snprintf(path, sizeof(path), "corrupt/%.255s", name);
	return exists(path);
}

/* Put right; nothing is gone; then there is nothing more to put right. */
static void put_right(unsigned problems)
{
	struct told *t = calloc(1, sizeof(*t));
	unsigned before = count_files();
	struct fsck f = look(t, true, false, 0), again;

	assert_int_equal(f.problems, problems);
	assert_int_equal(f.fixed, problems);
	assert_true(count_files() >= before);
	again = look(t, false, false, 0);
	if (again.problems > 0)
		fail_msg("again: %s", t->lines[0]);
	free(t);
}

/* ---- tests -----------------------------------------------------------------
 */

static void a_good_spool_is_clean(void **state)
{
	struct queue *q = open_queue(true);
	struct told t;
	struct fsck f;

	for (int i = 0; i < QUEUE_CORRUPT; i++)
		for (int n = 0; n <= i; n++)
			(void)make((enum queue_name)i);
	for (int i = 0; i < 7; i++)
		(void)commit(q);
	queue_close(q);
	f = look(&t, false, false, 0);
	assert_int_equal(t.count, 0);
	assert_int_equal(f.messages[QUEUE_INCOMING], 1);
	assert_int_equal(f.messages[QUEUE_ACTIVE], 2);
	assert_int_equal(f.messages[QUEUE_DEFERRED], 3);
	assert_int_equal(f.messages[QUEUE_HOLD], 4);
	assert_int_equal(f.segments, 1);
	assert_int_equal(f.in_journals, 7);
	put_right(0);
}

/* Header, content, envelope of a file in each queue. */
static void damaged_files(void **state)
{
	struct made m[QUEUE_CORRUPT][4];
	struct told t;

	for (int i = 0; i < QUEUE_CORRUPT; i++) {
		for (int n = 0; n < 4; n++)
			m[i][n] = make((enum queue_name)i);
		flip(m[i][0].full, 30);
		flip(m[i][1].full, 100);
		flip(m[i][2].full, 120);
	}
	(void)look(&t, false, false, 0);
	assert_int_equal(t.count, 12);
	for (int i = 0; i < QUEUE_CORRUPT; i++) {
		is_problem(&t, m[i][0].path, "damaged header");
		is_problem(&t, m[i][1].path, "damaged content");
		is_problem(&t, m[i][2].path, "damaged envelope");
	}
	put_right(12);
	for (int i = 0; i < QUEUE_CORRUPT; i++) {
		assert_true(is_in_corrupt(m[i][0].id.text));
		assert_true(exists(m[i][3].path));
	}
}

static void names_and_kinds(void **state)
{
	struct made m = make(QUEUE_HOLD), two = make(QUEUE_ACTIVE),
		    open_to_all = make(QUEUE_DEFERRED);
	char path[300], link_path[300];
	struct stat st;
	struct told t;

	copy(m.full, "hold/4ZzzzzzzzzzzzzzzA");
	put_file("deferred/READ.ME", "x", 1, 0600);
	put_file("active/a-b", "x", 1, 0600);
	(void)snprintf(path, sizeof(path), "%s/incoming/AAAAAAAA", spool);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	(void)snprintf(path, sizeof(path), "%s/incoming/BBBBBBBB", spool);
	assert_int_equal(mkfifo(path, 0600), 0);
	(void)snprintf(path, sizeof(path), "%s/hold/folder", spool);
	assert_int_equal(mkdir(path, 0700), 0);
	(void)snprintf(path, sizeof(path), "%s/deferred/lost+found", spool);
	assert_int_equal(mkdir(path, 0700), 0);
	(void)snprintf(link_path, sizeof(link_path), "%s/pid/link", spool);
	assert_int_equal(link(two.full, link_path), 0);
	assert_int_equal(chmod(open_to_all.full, 0644), 0);
	(void)look(&t, false, false, 0);
	is_problem(&t, "hold/4ZzzzzzzzzzzzzzzA", "its id is ");
	is_problem(&t, "deferred/READ.ME", "no queue id");
	is_problem(&t, "active/a-b", "no queue id");
	is_problem(&t, "incoming/AAAAAAAA", "not a regular file");
	is_problem(&t, "incoming/BBBBBBBB", "not a regular file");
	is_problem(&t, "hold/folder", "does not belong here");
	is_note(&t, two.path, "has several names");
	is_problem(&t, open_to_all.path, "its mode is 0644");
	assert_int_equal(t.count, 8);
	(void)snprintf(path, sizeof(path), "%s/hold/folder", spool);
	assert_int_equal(rmdir(path), 0);
	put_right(6);
	assert_true(exists(m.path));
	assert_true(exists(two.path));
	assert_int_equal(stat(open_to_all.full, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

static void a_file_of_somebody_else(void **state)
{
	struct made m = make(QUEUE_HOLD);
	struct told t;
	struct fsck f;

	if (geteuid() != 0) {
		print_message("SKIP: a_file_of_somebody_else: needs root\n");
		skip();
	}
	assert_int_equal(chown(m.full, 12345, 12345), 0);
	f = look(&t, true, false, 0);
	is_problem(&t, m.path, "belongs to uid 12345");
	assert_int_equal(f.fixed, 0);
	assert_true(exists(m.path));
}

static void what_a_crash_leaves_is_a_note(void **state)
{
	struct made torn = make(QUEUE_DEFERRED), away = make(QUEUE_DEFERRED);
	char path[300];
	struct stat st;
	struct told t;
	struct fsck f;
	int fd = open(torn.full, O_WRONLY | O_APPEND);

	assert_int_equal(write(fd, "\0\0\0\4torn", 8), 8);
	(void)close(fd);
	(void)snprintf(path, sizeof(path), "%s/deferred/%s", spool,
		       away.id.text);
	assert_int_equal(rename(away.full, path), 0);
	put_file("incoming/CCCCCCCC", "", 0, 0600);
	put_file("journal/4ZzzzzzzzzzzzzzzA.s", "x", 1, 0600);
	put_file("journal/5f0-1-1-0123456789abcdef.n", "x", 1, 0600);
	put_file("journal/5f0-1-1-0123456789abcdef.o", "", 0, 0600);
	f = look(&t, false, false, 0);
	assert_int_equal(f.problems, 0);
	assert_int_equal(f.messages[QUEUE_DEFERRED], 2);
	is_note(&t, torn.path, "torn");
	is_note(&t, "deferred/", "not where hash_queue_depth wants it");
	is_note(&t, "incoming/CCCCCCCC", "empty");
	is_note(&t, "journal/4ZzzzzzzzzzzzzzzA.s", "left over");
	is_note(&t, "journal/5f0-1-1-0123456789abcdef.n", "left over");
	is_note(&t, "journal/5f0-1-1-0123456789abcdef.o", "without a segment");
	assert_int_equal(t.count, 6);
	assert_int_equal(stat(torn.full, &st), 0);
	f = look(&t, true, false, 0);
	assert_true(t.done[line_of(&t, torn.path, "torn")]);
	assert_int_equal(f.problems, 0);
	f = look(&t, false, false, 0);
	assert_int_equal(t.count, 5);
}

static void unfinished_ones(void **state)
{
	static const char zeros[200];
	struct told t;

	put_file("incoming/DDDDDDDD", zeros, sizeof(zeros), 0600);
	put_file("deferred/EEEEEEEE", zeros, sizeof(zeros), 0600);
	put_file("hold/FFFFFFFF", "", 0, 0600);
	(void)look(&t, false, false, 0);
	is_problem(&t, "incoming/DDDDDDDD", "without a header");
	is_problem(&t, "deferred/EEEEEEEE", "not a queue file");
	is_problem(&t, "hold/FFFFFFFF", "too short");
	put_right(3);
	assert_true(is_in_corrupt("DDDDDDDD"));
}

/* The one that knows more stays. */
static void twins(void **state)
{
	struct made a = make(QUEUE_ACTIVE), b = make(QUEUE_ACTIVE);
	char path[128], full[300];
	BUF_SCOPED record = BUF_INIT(256);
	struct told t;
	int fd;

	(void)snprintf(path, sizeof(path), "hold/%s", a.id.text);
	copy(a.full, path);
	(void)snprintf(full, sizeof(full), "%s/hold/%s", spool, b.id.text);
	(void)snprintf(path, sizeof(path), "hold/%s", b.id.text);
	copy(b.full, path);
	queue_mark_record(&record, MARK_EXPIRED);
	fd = open(b.full, O_WRONLY | O_APPEND);
	assert_int_equal(write(fd, record.p, record.n), record.n);
	(void)close(fd);
	(void)look(&t, false, false, 0);
	assert_int_equal(t.count, 2);
	is_problem(&t, a.path, "the same message is hold/");
	is_problem(&t, path, "the same message is active/");
	put_right(2);
	assert_false(exists(a.path));
	assert_true(exists(b.path));
	assert_false(exists(path));
	assert_true(is_in_corrupt(a.id.text) && is_in_corrupt(b.id.text));
}

static void a_name_in_corrupt_is_not_written_over(void **state)
{
	struct made m = make(QUEUE_HOLD);
	char path[128];

	(void)snprintf(path, sizeof(path), "corrupt/%s", m.id.text);
	put_file(path, "older", 5, 0600);
	flip(m.full, 30);
	put_right(1);
	(void)snprintf(path, sizeof(path), "%s.2", m.id.text);
	assert_true(is_in_corrupt(path));
}

/* ---- journals --------------------------------------------------------------
 */

static void damaged_records(void **state)
{
	struct queue *q = open_queue(true);
	struct queue_place p[4] = {commit(q), commit(q), commit(q), commit(q)};
	char full[300], path[128];
	struct told t;
	struct fsck f;

	(void)snprintf(path, sizeof(path), "journal/%s", p[0].segment);
	(void)snprintf(full, sizeof(full), "%s/%s", spool, path);
	queue_close(q);
	flip(full, (off_t)p[1].record + 100); /* the image's header */
	flip(full, (off_t)p[3].record + 33);  /* the record's */
	f = look(&t, false, false, 0);
	assert_int_equal(f.in_journals, 2);
	assert_int_equal(t.count, 2);
	is_problem(&t, path, "at 4096: ");
	is_problem(&t, path, "damaged bytes, message ");
	put_right(2);
	assert_true(is_in_corrupt(p[3].id.text));
	f = look(&t, false, false, 0);
	assert_int_equal(f.in_journals, 2);
}

static void a_record_with_a_file(void **state)
{
	struct queue *q = open_queue(true);
	struct queue_place p = commit(q);
	struct settling s = {.q = q,
			     .from = p.fd,
			     .image = p.image,
			     .length = p.image_length,
			     .id = p.id,
			     .to = QUEUE_DEFERRED};
	struct told t;
	struct fsck f;

	assert_int_equal(queue_settle(&s), 0);
	(void)close(s.fd);
	queue_close(q);
	f = look(&t, false, false, 0);
	assert_int_equal(f.in_journals, 0);
	assert_int_equal(f.messages[QUEUE_DEFERRED], 1);
	is_note(&t, "journal/", "has a file already");
}

static void ledgers(void **state)
{
	struct queue *q = open_queue(true);
	struct queue_place p = commit(q), again;
	char segment[SEGMENT_NAME_MAX + 1], path[128], full[300];
	struct segment_news news;
	struct ledger *l;
	struct told t;
	struct fsck f;

	strcpy(segment, p.segment);
	for (again = p; strcmp(again.segment, segment) == 0;)
		again = commit(q);
	assert_true(queue_segment_news(q, &news));
	assert_int_equal(ledger_open(q, str_of_c(segment), &l), 0);
	assert_int_equal(ledger_release(l, 1), 0);
	queue_segment_released(q, str_of_c(segment), 1);
	while (strcmp(again.segment, segment) != 0)
		again = commit(q);
	assert_int_equal(again.generation, 2);
	assert_int_equal(ledger_done(l, 512), 0);
	assert_int_equal(ledger_write(l), 0);
	ledger_close(l);
	queue_close(q);
	f = look(&t, false, false, 0);
	assert_int_equal(t.count, 0);

	(void)snprintf(path, sizeof(path), "journal/%s.o", segment);
	(void)snprintf(full, sizeof(full), "%s/%s", spool, path);
	flip(full, 30); /* its second entry */
	f = look(&t, false, false, 0);
	assert_int_equal(f.problems, 0);
	is_note(&t, path, "25 bytes at its end cannot be read");

	assert_int_equal(unlink(full), 0);
	f = look(&t, false, false, 0);
	assert_int_equal(t.count, 1);
	is_problem(&t, path, "older than generation 2");
	put_right(1);
}

static void strangers_in_the_journal(void **state)
{
	struct told t;

	put_file("journal/notes.txt", "x", 1, 0600);
	(void)look(&t, false, false, 0);
	is_problem(&t, "journal/notes.txt", "no part of a journal");
	put_right(1);
	assert_true(is_in_corrupt("notes.txt"));
}

/* ---- at work ---------------------------------------------------------------
 */

static void while_others_work(void **state)
{
	struct queue *q = open_queue(true), *manager = open_queue(false);
	struct made bad = make(QUEUE_HOLD);
	struct told t;
	struct fsck f;

	(void)commit(q);
	flip(bad.full, 30);
	(void)look(&t, true, false, -EWOULDBLOCK);
	assert_int_equal(t.count, 0);
	f = look(&t, false, true, 0);
	assert_int_equal(f.in_use, 1);
	assert_int_equal(f.segments, 0);
	is_problem(&t, bad.path, "damaged header");
	queue_close(q);
	assert_int_equal(queue_lock(manager), 0);
	(void)look(&t, true, false, -EWOULDBLOCK);
	(void)look(&t, false, true, 0);
	queue_close(manager);
	put_right(1);
}

/* ---- maildrop --------------------------------------------------------------
 */

static void submissions(void **state)
{
	struct drop_writer w;
	char full[256];
	struct told t;
	struct fsck f;
	int fd;

	(void)snprintf(full, sizeof(full), "%s/maildrop/GGGGGGGG", spool);
	fd = open(full, O_RDWR | O_CREAT, 0744);
	assert_true(fd >= 0);
	drop_writer_init(&w, fd);
	drop_put_u64(&w, DROP_TIME, 1);
	drop_put_u64(&w, DROP_UID, 0);
	drop_put(&w, DROP_SENDER, STR("a@b"));
	drop_put(&w, DROP_RECIPIENT, STR("c@d"));
	drop_put(&w, DROP_CONTENT, STR("x\n"));
	assert_int_equal(drop_end(&w), 0);
	drop_writer_release(&w);
	(void)close(fd);
	assert_int_equal(chmod(full, 0744), 0);
	copy(full, "maildrop/HHHHHHHH");
	put_file("maildrop/JJJJJJJJ", "half", 4, 0600);
	f = look(&t, false, false, 0);
	assert_int_equal(f.in_maildrop, 2);
	assert_int_equal(t.count, 1);
	is_note(&t, "maildrop/JJJJJJJJ", "unfinished");
	flip(full, 60);
	f = look(&t, false, false, 0);
	assert_int_equal(f.in_maildrop, 1);
	is_problem(&t, "maildrop/GGGGGGGG", ": ");
	put_right(1);
	assert_true(is_in_corrupt("GGGGGGGG"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		TEST(a_good_spool_is_clean),
		TEST(damaged_files),
		TEST(names_and_kinds),
		TEST(a_file_of_somebody_else),
		TEST(what_a_crash_leaves_is_a_note),
		TEST(unfinished_ones),
		TEST(twins),
		TEST(a_name_in_corrupt_is_not_written_over),
		TEST(damaged_records),
		TEST(a_record_with_a_file),
		TEST(ledgers),
		TEST(strangers_in_the_journal),
		TEST(while_others_work),
		TEST(submissions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
