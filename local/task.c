/* SPDX-License-Identifier: ISC */
/* Tasks and answers as messages: see local/task.h. */
#include "local/task.h"

#include <errno.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"

#define TEXT_MAX ((size_t)32 * 1024)

static void put_words(struct msg_writer *w, enum msg_tag tag,
		      const struct str *words, size_t count)
{
	for (size_t i = 0; i < count; i++)
		msg_put(w, tag, words[i]);
}

int task_encode(struct buf *to, const struct task *t)
{
	struct msg_writer w;

	msg_begin(&w, to, MSG_TASK);
	msg_put(&w, TAG_NUMBER, t->number);
	msg_put(&w, TAG_VERB, (uint64_t)t->kind);
	msg_put(&w, TAG_FLAGS, (uint64_t)t->flags);
	msg_put(&w, TAG_OFFSET, t->offset);
	msg_put(&w, TAG_LENGTH, t->length);
	msg_put(&w, TAG_TEXT, t->head);
	msg_put(&w, TAG_KEY, t->eol);
	msg_put(&w, TAG_NAME, t->path);
	msg_put(&w, TAG_DIRECTORY, t->directory);
	msg_put(&w, TAG_SIZE, t->limit);
	msg_put(&w, TAG_HANDED, (uint64_t)t->time_ms);
	msg_put(&w, TAG_USER, t->command);
	put_words(&w, TAG_VALUE, t->words, t->word_count);
	put_words(&w, TAG_ATTR, t->variables, t->variable_count);
	if (t->fd >= 0)
		msg_put_fds(&w, 1);
	return msg_end(&w);
}

/* Read the fields `tag` into *words. */
static int get_words(struct msg *m, enum msg_tag tag, struct arena *a,
		     struct str **words, size_t *count)
{
	size_t cursor = 0, n = 0;
	struct str value;

	while (msg_next(m, tag, TEXT_MAX, &cursor, &value))
		if (++n > TASK_WORDS_MAX)
			return -EBADMSG;
	*words = arena_array(a, n + 1, sizeof(struct str));
	if (*words == NULL)
		return -ENOMEM;
	cursor = 0;
	*count = 0;
	while (*count < n && msg_next(m, tag, TEXT_MAX, &cursor, &value)) {
		(*words)[*count] = arena_str(a, value);
		if ((*words)[(*count)++].p == NULL)
			return -ENOMEM;
	}
	return 0;
}

static struct str get_str(struct msg *m, enum msg_tag tag, struct arena *a,
			  int *error)
{
	struct str copy = arena_str(a, msg_str(m, tag, TEXT_MAX));

	if (copy.p == NULL)
		*error = -ENOMEM;
	return copy;
}

static int check(const struct msg *m, const struct task *t)
{
	if (m->error != 0 || t->kind < TASK_FORWARD || t->kind > TASK_COMMAND)
		return -EBADMSG;
	if ((t->kind != TASK_FORWARD) != (m->fd_count == 1))
		return -EBADMSG;
	if (t->kind == TASK_COMMAND && t->word_count == 0 && t->command.n == 0)
		return -EBADMSG;
	return 0;
}

int task_decode(struct msg *m, struct arena *a, struct task *t)
{
	int error = 0, words;

	*t = (struct task){.fd = -1};
	t->number = msg_u64(m, TAG_NUMBER, UINT64_MAX);
	t->kind = (enum task_kind)msg_u64(m, TAG_VERB, TASK_COMMAND);
	t->flags = (unsigned)msg_u64(m, TAG_FLAGS, UINT32_MAX);
	t->offset = msg_u64(m, TAG_OFFSET, INT64_MAX);
	t->length = msg_u64(m, TAG_LENGTH, INT64_MAX);
	t->head = get_str(m, TAG_TEXT, a, &error);
	t->eol = get_str(m, TAG_KEY, a, &error);
	t->path = get_str(m, TAG_NAME, a, &error);
	t->directory = get_str(m, TAG_DIRECTORY, a, &error);
	t->limit = msg_u64(m, TAG_SIZE, UINT64_MAX);
	t->time_ms = (int64_t)msg_u64(m, TAG_HANDED, INT64_MAX);
	t->command = get_str(m, TAG_USER, a, &error);
	words = get_words(m, TAG_VALUE, a, &t->words, &t->word_count);
	if (words == 0)
		words = get_words(m, TAG_ATTR, a, &t->variables,
				  &t->variable_count);
	if (error == 0)
		error = words;
	if (error == 0)
		error = check(m, t);
	if (error == 0 && t->kind != TASK_FORWARD)
		t->fd = msg_take_fd(m);
	return error;
}

/* ---- answers ------------------------------------------------------------- */

int task_result_encode(struct buf *to, const struct task_result *r)
{
	struct msg_writer w;
	int error = 0;

	msg_begin(&w, to, MSG_TASK_DONE);
	msg_put(&w, TAG_NUMBER, r->number);
	msg_put(&w, TAG_STATUS, (uint64_t)r->action);
	msg_put(&w, TAG_DSN, r->dsn);
	msg_put(&w, TAG_TEXT, str_first(r->text, OUTCOME_TEXT_MAX));
	msg_put(&w, TAG_FLAGS, (uint64_t)r->of_forward);
	for (size_t i = 0; i < r->targets.count && error == 0; i++) {
		BUF_SCOPED one = BUF_INIT(TARGET_MAX + 1);

		buf_put_byte(&one, (char)r->targets.list[i].kind);
		buf_put(&one, r->targets.list[i].text);
		if (one.failed)
			error = -ENOMEM;
		msg_put(&w, TAG_VALUE, buf_str(&one));
	}
	if (error != 0) {
		buf_truncate(to, w.start);
		return error;
	}
	return msg_end(&w);
}

uint64_t task_result_number(struct msg *m)
{
	return msg_u64(m, TAG_NUMBER, UINT64_MAX);
}

static bool is_kind(char c)
{
	return c == TARGET_ADDRESS || c == TARGET_USER || c == TARGET_COMMAND ||
	       c == TARGET_FILE || c == TARGET_INCLUDE;
}

int task_result_decode(struct msg *m, struct arena *a, struct task_result *r)
{
	size_t cursor = 0;
	struct str value;
	int error = 0;

	*r = (struct task_result){.number = task_result_number(m)};
	r->action =
		(enum outcome_action)msg_u64(m, TAG_STATUS, OUTCOME_REPLACED);
	r->dsn = get_str(m, TAG_DSN, a, &error);
	r->text = get_str(m, TAG_TEXT, a, &error);
	r->of_forward = msg_u64(m, TAG_FLAGS, 1) != 0;
	while (error == 0 &&
	       msg_next(m, TAG_VALUE, TARGET_MAX + 1, &cursor, &value)) {
		if (value.n < 2 || !is_kind(value.p[0]))
			return -EBADMSG;
		error = targets_add(&r->targets, a,
				    (enum target_kind)value.p[0],
				    str_after(value, 1));
	}
	if (error == 0 && (m->error != 0 || r->action < OUTCOME_SENT))
		error = -EBADMSG;
	return error;
}
