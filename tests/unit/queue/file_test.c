/* SPDX-License-Identifier: ISC */
/* Queue files: what was committed is read back; cut or flipped bytes never
 * give another message, at most fewer outcomes. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "in_spool.h"
#include "queue/inside.h"

static struct queue *queue;

static int set_up(void **state)
{
	const struct queue_opts opts = {.memory_limit = 8192, .no_sync = true};

	spool_make();
	queue = spool_open_with(&opts);
	return 0;
}

static int tear_down(void **state)
{
	queue_close(queue);
	return spool_remove();
}

static void check_envelope(const struct queue_message *m)
{
	const struct envelope e = spool_envelope(), *f = &m->envelope;

	assert_int_equal(f->arrived_us, e.arrived_us);
	assert_int_equal(f->flags, e.flags);
	assert_int_equal(f->ret, e.ret);
	assert_true(str_eq(f->sender, e.sender));
	assert_true(str_eq(f->envid, e.envid));
	assert_int_equal(f->attr_count, 2);
	assert_true(str_eq(envelope_attr(f, STR("client_address")),
			   STR("192.0.2.7")));
	assert_true(f->recipient_count >= 2);
	assert_true(str_eq(f->recipients[0].address, STR("a@example.com")));
	assert_true(str_eq(f->recipients[0].original, STR("list@example.com")));
	assert_int_equal(f->recipients[0].notify, NOTIFY_SUCCESS);
	assert_int_equal(f->recipients[1].number, 1);
	assert_true(
		str_eq(f->recipients[1].orcpt, STR("rfc822;b c@example.com")));
}

static void what_was_committed_is_read(void **state)
{
	static const size_t sizes[] = {0, 1, 4096, 8192, 8193, 100000};

	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		struct queue_place place = spool_commit(queue, sizes[i]);
		CLEANUP(arena_free) struct arena *a = arena_new(1 << 20);
		struct queue_message m;
		struct why why;
		struct stat st;
		char last;

		assert_int_equal(queue_read(place.fd, a, &m, &why), 0);
		assert_string_equal(m.id.text, place.id.text);
		assert_int_equal(m.length, sizes[i]);
		assert_int_equal(m.offset, place.offset);
		assert_false(m.torn);
		check_envelope(&m);
		assert_int_equal(queue_check_content(place.fd, &m), 0);
		if (sizes[i] > 0) {
			assert_int_equal(
				pread(place.fd, &last, 1,
				      (off_t)(m.offset + m.length - 1)),
				1);
			assert_int_equal(last,
					 spool_byte(sizes[i], sizes[i] - 1));
		}
		assert_int_equal(fstat(place.fd, &st), 0);
		assert_int_equal(st.st_mode & 07777, 0600);
		close(place.fd);
		assert_int_equal(queue_file_remove(queue, QUEUE_INCOMING,
						   queue_id_str(&place.id)),
				 0);
	}
}

static void nothing_is_left_of_what_was_abandoned(void **state)
{
	static char big[20000];
	struct queue_scan *scan;
	struct queue_entry entry;
	struct queue_draft *d;

	assert_int_equal(queue_begin(queue, &d), 0);
	assert_int_equal(queue_put(d, str_of(big, sizeof(big))), 0);
	queue_abandon(d);
	assert_int_equal(queue_scan_begin(queue, QUEUE_INCOMING, false, &scan),
			 0);
	assert_int_equal(queue_scan_next(scan, &entry), 1);
	queue_scan_end(scan);
}

/* The file with two outcomes, one of them a replacement, and a mark. */
static void append_some(struct queue_place *place, uint64_t *end)
{
	const struct recipient new[] = {
		{.address = STR_INIT("x@example.net"), .depth = 1},
		{.address = STR_INIT("y@example.net"), .depth = 1},
	};
	const struct outcome replaced = {
		.recipient = 0,
		.action = OUTCOME_REPLACED,
		.dsn = STR("2.0.0"),
		.replaced_by = new,
		.replaced_count = 2,
	};
	const struct outcome deferred = {
		.recipient = 1,
		.action = OUTCOME_DEFERRED,
		.dsn = STR("4.4.1"),
		.text = STR("connect to mx: Connection refused"),
	};
	BUF_SCOPED b = BUF_INIT(1 << 16);
	uint32_t n = queue_outcome_record(&b, &replaced, 2);

	assert_int_equal(n, 4);
	assert_int_equal(queue_outcome_record(&b, &deferred, n), 4);
	queue_mark_record(&b, MARK_DELAY_WARNED);
	assert_int_equal(queue_append(place->fd, end, buf_str(&b)), 0);
}

static uint64_t file_size(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	return (uint64_t)st.st_size;
}

static void outcomes_are_applied(void **state)
{
	struct queue_place place = spool_commit(queue, 10);
	CLEANUP(arena_free) struct arena *a = arena_new(1 << 20);
	uint64_t end = file_size(place.fd);
	struct queue_message m;
	struct why why;

	append_some(&place, &end);
	assert_int_equal(end, file_size(place.fd));
	assert_int_equal(queue_read(place.fd, a, &m, &why), 0);
	assert_int_equal(m.outcomes_end, end);
	assert_int_equal(m.envelope.recipient_count, 4);
	assert_true(
		str_eq(m.envelope.recipients[3].address, STR("y@example.net")));
	assert_int_equal(m.envelope.recipients[3].number, 3);
	assert_int_equal(m.states[0].action, OUTCOME_REPLACED);
	assert_true(recipient_is_final(&m.states[0]));
	assert_int_equal(m.states[1].action, OUTCOME_DEFERRED);
	assert_true(str_eq(m.states[1].last.dsn, STR("4.4.1")));
	assert_int_equal(m.states[1].attempts, 1);
	assert_int_equal(m.states[2].action, 0);
	assert_int_equal(m.marks, MARK_DELAY_WARNED);
	close(place.fd);
	assert_int_equal(queue_file_remove(queue, QUEUE_INCOMING,
					   queue_id_str(&place.id)),
			 0);
}

/* The bytes of a message with outcomes. */
static void make_image(struct buf *image, uint64_t *envelope_end)
{
	struct queue_place place = spool_commit(queue, 50);
	uint64_t end = file_size(place.fd);
	ssize_t got;

	*envelope_end = end;
	append_some(&place, &end);
	got = pread(place.fd, buf_room(image, end), end, 0);
	assert_int_equal(got, end);
	buf_added(image, end);
	close(place.fd);
	assert_int_equal(queue_file_remove(queue, QUEUE_INCOMING,
					   queue_id_str(&place.id)),
			 0);
}

static void a_torn_tail_is_cut(void **state)
{
	BUF_SCOPED image = BUF_INIT(1 << 20);
	uint64_t envelope_end;

	make_image(&image, &envelope_end);
	for (size_t n = 0; n <= image.n; n++) {
		CLEANUP(arena_free) struct arena *a = arena_new(1 << 20);
		struct queue_message m;
		struct why why;
		int error = queue_read_image(str_of(image.p, n), a, &m, &why);

		if (n < envelope_end) {
			assert_int_equal(error, -EBADMSG);
			continue;
		}
		assert_int_equal(error, 0);
		check_envelope(&m);
		assert_true(m.outcomes_end <= n);
		assert_int_equal(m.torn, m.outcomes_end < n);
		/* a replacement is there with all of its recipients or not at
		 * all */
		assert_int_equal(m.envelope.recipient_count,
				 m.states[0].action == OUTCOME_REPLACED ? 4
									: 2);
	}
}

static void a_flipped_bit_is_noticed(void **state)
{
	BUF_SCOPED image = BUF_INIT(1 << 20);
	uint64_t envelope_end;

	make_image(&image, &envelope_end);
	for (size_t bit = 0; bit < image.n * 8; bit++) {
		CLEANUP(arena_free) struct arena *a = arena_new(1 << 20);
		struct queue_message m;
		struct why why;
		int error;

		image.p[bit / 8] = (char)(image.p[bit / 8] ^ 1 << bit % 8);
		error = queue_read_image(buf_str(&image), a, &m, &why);
		if (bit / 8 < envelope_end) {
			assert_int_equal(error, -EBADMSG);
		} else {
			assert_int_equal(error, 0);
			check_envelope(&m);
			assert_true(m.torn);
			assert_true(m.outcomes_end <= bit / 8);
		}
		image.p[bit / 8] = (char)(image.p[bit / 8] ^ 1 << bit % 8);
	}
}

static void files_move_and_are_found(void **state)
{
	struct queue_place place = spool_commit(queue, 10);
	struct str id = queue_id_str(&place.id);
	enum queue_name where;
	struct queue_scan *scan;
	struct queue_entry entry;
	char hex[6], path[160];

	assert_int_equal(queue_file_find(queue, id, &where), 0);
	assert_int_equal(where, QUEUE_INCOMING);
	assert_int_equal(queue_file_set_time(place.fd, 2000000000), 0);
	assert_int_equal(
		queue_file_move(queue, QUEUE_INCOMING, QUEUE_DEFERRED, id), 0);
	queue_id_hash_name(id, hex);
	(void)snprintf(path, sizeof(path), "%s/deferred/%c/%s", spool, hex[0],
		       place.id.text);
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(queue_file_find(queue, id, &where), 0);
	assert_int_equal(where, QUEUE_DEFERRED);
	assert_int_equal(queue_scan_begin(queue, QUEUE_DEFERRED, true, &scan),
			 0);
	assert_int_equal(queue_scan_next(scan, &entry), 0);
	assert_string_equal(entry.id.text, place.id.text);
	assert_int_equal(entry.when_s, 2000000000);
	assert_int_equal(queue_scan_next(scan, &entry), 1);
	queue_scan_end(scan);
	assert_int_equal(queue_file_remove(queue, QUEUE_DEFERRED, id), 0);
	assert_int_equal(queue_file_find(queue, id, &where), -ENOENT);
	close(place.fd);
}

static void a_file_in_the_wrong_place_is_put_right(void **state)
{
	struct queue_place place = spool_commit(queue, 10);
	struct queue_scan *scan;
	struct queue_entry entry;
	enum queue_name where;
	char from[160], to[160];

	(void)snprintf(from, sizeof(from), "%s/incoming/%s", spool,
		       place.id.text);
	(void)snprintf(to, sizeof(to), "%s/deferred/%s", spool, place.id.text);
	assert_int_equal(rename(from, to), 0);
	assert_int_equal(queue_scan_begin(queue, QUEUE_DEFERRED, false, &scan),
			 0);
	assert_int_equal(queue_scan_next(scan, &entry), 0);
	queue_scan_end(scan);
	assert_int_equal(
		queue_file_find(queue, queue_id_str(&place.id), &where), 0);
	assert_int_equal(where, QUEUE_DEFERRED);
	assert_int_equal(queue_file_remove(queue, QUEUE_DEFERRED,
					   queue_id_str(&place.id)),
			 0);
	close(place.fd);
}

static void a_link_or_a_foreign_name_is_not_opened(void **state)
{
	char path[160];

	(void)snprintf(path, sizeof(path), "%s/incoming/AAAAAAAA", spool);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	assert_int_equal(
		queue_file_open(queue, QUEUE_INCOMING, STR("AAAAAAAA"), false),
		-EINVAL);
	assert_int_equal(queue_file_open(queue, QUEUE_INCOMING,
					 STR("../../etc/passwd"), false),
			 -EINVAL);
	assert_int_equal(unlink(path), 0);
}

/* A power cut may bring a name back, where the file system has no journal. */
static void a_second_name_of_the_queues_owner_is_no_harm(void **state)
{
	char path[160], other[160];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/incoming/BBBBBBBB", spool);
	(void)snprintf(other, sizeof(other), "%s/hold/BBBBBBBB", spool);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	assert_true(fd >= 0);
	(void)close(fd);
	assert_int_equal(link(path, other), 0);
	fd = queue_file_open(queue, QUEUE_INCOMING, STR("BBBBBBBB"), false);
	assert_true(fd >= 0);
	(void)close(fd);
	if (geteuid() == 0) {
		/* What others have linked there is not read for them. */
		assert_int_equal(chown(path, 12345, (gid_t)-1), 0);
		assert_int_equal(queue_file_open(queue, QUEUE_INCOMING,
						 STR("BBBBBBBB"), false),
				 -EINVAL);
	}
	assert_int_equal(unlink(path), 0);
	assert_int_equal(unlink(other), 0);
}

/* Moved to where it is, as by postsuper -r, with and without a journal below.
 */
static void a_file_stays_where_it_is(void **state)
{
	char path[160];

	(void)snprintf(path, sizeof(path), "%s/incoming/CCCCCCCC", spool);
	for (int i = 0; i < 2; i++) {
		int fd = open(path, O_WRONLY | O_CREAT, 0600);

		assert_true(fd >= 0);
		(void)close(fd);
		queue->sync_moves = i > 0;
		assert_int_equal(queue_file_move(queue, QUEUE_INCOMING,
						 QUEUE_INCOMING,
						 STR("CCCCCCCC")),
				 0);
		assert_int_equal(access(path, F_OK), 0);
		assert_int_equal(queue_file_move(queue, QUEUE_INCOMING,
						 QUEUE_HOLD, STR("CCCCCCCC")),
				 0);
		assert_int_equal(access(path, F_OK), -1);
		assert_int_equal(queue_file_move(queue, QUEUE_HOLD,
						 QUEUE_INCOMING,
						 STR("CCCCCCCC")),
				 0);
		assert_int_equal(access(path, F_OK), 0);
		assert_int_equal(unlink(path), 0);
	}
	queue->sync_moves = false;
}

/* postsuper is run by root while the queue manager is away. */
static void what_root_makes_is_the_mail_owners(void **state)
{
	struct queue_place place;
	struct stat st;
	char hex[6], path[160];

	if (geteuid() != 0) {
		print_message("SKIP: giving files away takes root\n");
		return;
	}
	place = spool_commit(queue, 10);
	(void)snprintf(path, sizeof(path), "%s/deferred", spool);
	assert_int_equal(chown(path, 1234, 1235), 0);
	queue_id_hash_name(queue_id_str(&place.id), hex);
	(void)snprintf(path, sizeof(path), "%s/deferred/%c", spool, hex[0]);
	(void)rmdir(path); /* of the tests before */
	assert_int_not_equal(access(path, F_OK), 0);
	assert_int_equal(queue_file_move(queue, QUEUE_INCOMING, QUEUE_DEFERRED,
					 queue_id_str(&place.id)),
			 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_uid, 1234);
	assert_int_equal(st.st_gid, 1235);
	assert_int_equal(queue_file_remove(queue, QUEUE_DEFERRED,
					   queue_id_str(&place.id)),
			 0);
	queue_place_close(&place);
}

static void check_hashed(unsigned depth, bool there)
{
	struct queue *q = spool_open_with(
		&(struct queue_opts){.hash_queue_depth = depth});
	char path[160];

	q->sync_moves = there;
	assert_int_equal(queue_make_hashed(q), 0);
	assert_int_equal(queue_make_hashed(q), 0);
	for (unsigned i = 0; i < 16; i++) {
		(void)snprintf(path, sizeof(path),
			       depth > 1 ? "%s/deferred/A/%X"
					 : "%s/deferred/%X",
			       spool, i);
		assert_int_equal(access(path, F_OK), there ? 0 : -1);
	}
	queue_close(q);
}

static void hashed_queues_are_made_at_once(void **state)
{
	check_hashed(2, false);
	check_hashed(2, true);
	check_hashed(1, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_committed_is_read),
		cmocka_unit_test(nothing_is_left_of_what_was_abandoned),
		cmocka_unit_test(outcomes_are_applied),
		cmocka_unit_test(a_torn_tail_is_cut),
		cmocka_unit_test(a_flipped_bit_is_noticed),
		cmocka_unit_test(files_move_and_are_found),
		cmocka_unit_test(a_file_in_the_wrong_place_is_put_right),
		cmocka_unit_test(a_link_or_a_foreign_name_is_not_opened),
		cmocka_unit_test(a_second_name_of_the_queues_owner_is_no_harm),
		cmocka_unit_test(a_file_stays_where_it_is),
		cmocka_unit_test(what_root_makes_is_the_mail_owners),
		cmocka_unit_test(hashed_queues_are_made_at_once),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
