/* SPDX-License-Identifier: ISC */
/* Running a command with the message on its standard input. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/byteset.h"
#include "base/clock.h"
#include "base/why.h"
#include "local/exit_status.h"
#include "local/mailbox.h"
#include "local/worker.h"
#include "rt/loop.h"
#include "rt/run.h"

#define OUTPUT_MAX ((size_t)4096)
#define IN_MEMORY ((uint64_t)4 << 20) /* bytes of a message */

bool worker_split_command(struct str command, struct arena *a,
			  struct str **words, size_t *count)
{
	struct byteset plain = byteset_alnum;
	struct str word;

	byteset_add(&plain, STR("!@%-_=+:,./ \t\r\n"));
	*count = 0;
	for (size_t i = 0; i < command.n; i++)
		if (!byteset_has(&plain, command.p[i]))
			return false;
	*words = arena_array(a, command.n + 1, sizeof(struct str));
	while (*words != NULL && str_next_word(&command, &byteset_space, &word))
		(*words)[(*count)++] = word;
	/* A first word such as A=b is the shell's. */
	return *count > 0 && str_find_byte((*words)[0], '=') == SIZE_MAX;
}

/* ---- arguments ----------------------------------------------------------- */

/* C strings, NULL at the end; NULL when memory is out or there is a NUL. */
static char **c_strings(const struct str *words, size_t count, struct arena *a)
{
	char **out = arena_array(a, count + 1, sizeof(char *));

	for (size_t i = 0; i < count && out != NULL; i++) {
		char *copy = arena_alloc(a, words[i].n + 1);

		if (copy == NULL || !str_to_c(words[i], copy, words[i].n + 1))
			return NULL;
		out[i] = copy;
	}
	return out;
}

/* The program `name` of the default path; NULL: none. */
static char *search_path(const char *name, struct arena *a)
{
	static const char *const folders[] = {"/usr/bin", "/bin"};

	for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
		size_t n = strlen(folders[i]) + strlen(name) + 2;
		char *path = arena_alloc(a, n);

		if (path == NULL)
			return NULL;
		(void)snprintf(path, n, "%s/%s", folders[i], name);
		if (access(path, X_OK) == 0)
			return path;
	}
	return NULL;
}

static char **with_shell(struct str command, struct arena *a)
{
	const struct str words[] = {STR("/bin/sh"), STR("-c"), command};

	return c_strings(words, ARRAY_LEN(words), a);
}

static char **make_argv(const struct task *t, struct arena *a)
{
	struct str *words = t->words;
	size_t count = t->word_count;
	bool ready = count > 0;
	char **argv;
	char *path;

	if (!ready && !worker_split_command(t->command, a, &words, &count))
		return with_shell(t->command, a);
	argv = c_strings(words, count, a);
	if (argv == NULL || strchr(argv[0], '/') != NULL)
		return argv;
	path = search_path(argv[0], a);
	if (path == NULL) /* perhaps the shell has it built in */
		return ready ? argv : with_shell(t->command, a);
	argv[0] = path;
	return argv;
}

/* ---- input --------------------------------------------------------------- */

struct input {
	struct mailbox_job job;
	int fd;
};

/* For offload(): the message as the command wants it, in memory or in a file
 * without a name. */
static int make_input(void *arg)
{
	struct input *in = arg;

	in->fd = -1;
	if (in->job.length > IN_MEMORY)
		in->fd = open("/tmp", O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC,
			      0600);
	if (in->fd < 0)
		in->fd = memfd_create("message", MFD_CLOEXEC);
	if (in->fd < 0)
		return mailbox_fail(&in->job, -errno, "prepare message", "");
	return mailbox_write(&in->job, in->fd, 0);
}

/* ---- the run ------------------------------------------------------------- */

static void judge(const struct exit_status *s, struct arena *a,
		  struct task_result *result)
{
	BUF_SCOPED text = BUF_INIT(OUTPUT_MAX * 2);

	result->action = exit_status_judge(s, &result->dsn, &text);
	result->dsn = arena_str(a, result->dsn);
	result->text =
		arena_str(a, str_first(buf_str(&text), OUTCOME_TEXT_MAX));
}

static void run(const struct task *t, char **argv, char **envp, int input,
		struct arena *a, struct task_result *result)
{
	BUF_SCOPED output = BUF_INIT(OUTPUT_MAX);
	off_t length = lseek(input, 0, SEEK_END);
	char directory[TARGET_MAX + 1];
	struct exit_status s = {.command = t->command};
	struct why why = {.text = ""};

	if (t->directory.n > 0 &&
	    (!str_to_c(t->directory, directory, sizeof(directory)) ||
	     access(directory, X_OK) < 0)) {
		worker_fail(result, a, OUTCOME_DEFERRED, STR("4.3.0"),
			    "cannot change to directory " STR_FMT,
			    STR_ARG(t->directory));
		return;
	}
	s.error = run_program(
		&(struct run_opts){
			.argv = argv,
			.envp = envp,
			.directory = t->directory.n > 0 ? directory : NULL,
			.input_fd = input,
			.input_length = length > 0 ? (uint64_t)length : 0,
			.output_max = OUTPUT_MAX,
			.deadline = clock_deadline(t->time_ms),
		},
		&s.status, &output, &why);
	s.output = buf_str(&output);
	s.why = why.text;
	judge(&s, a, result);
}

void worker_command(const struct task *t, struct arena *a,
		    struct task_result *result)
{
	char **argv = make_argv(t, a);
	char **envp = c_strings(t->variables, t->variable_count, a);
	struct input in = {.job = {
				   .fd = t->fd,
				   .offset = t->offset,
				   .length = t->length,
				   .head = t->head,
				   .flags = t->flags & 0xffu,
				   .eol = t->eol,
			   }};

	if (argv == NULL || envp == NULL) {
		worker_fail(result, a, OUTCOME_DEFERRED, STR("4.3.0"),
			    "cannot make the arguments of the command");
		return;
	}
	if (offload(make_input, &in) == 0)
		run(t, argv, envp, in.fd, a, result);
	else
		worker_fail(result, a, OUTCOME_DEFERRED, STR("4.3.0"), "%s",
			    in.job.why.text);
	if (in.fd >= 0)
		(void)close(in.fd);
}
