/* SPDX-License-Identifier: ISC */
/* malote: make, start, stop, look at and look after a mail system.  Under the
 * name `postfix` it is Postfix's command. */
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/why.h"
#include "ctl/malote.h"
#include "service/logging.h"

enum needs { NEEDS_NONE, NEEDS_CONF };

static const struct verb {
	const char *name;
	int (*run)(struct ctl *c, int argc, char **argv);
	enum needs needs;
	const char *arguments;
	const char *sentence;
} verbs[] = {
#define COMMAND(name, function, needs, arguments, sentence)                    \
	{name, function, NEEDS_##needs, arguments, sentence},
#include "ctl/commands.def"
#undef COMMAND
};

/* ---- saying things ------------------------------------------------------- */

static void say(enum log_level level, const char *fmt, va_list args)
	PRINTF_LIKE(2, 0);

static void say(enum log_level level, const char *fmt, va_list args)
{
	char text[LOG_LINE_MAX];

	(void)vsnprintf(text, sizeof(text), fmt, args);
	log_line(level, NULL, "%s", text);
}

void ctl_info(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say(LOG_LEVEL_INFO, fmt, args);
	va_end(args);
}

void ctl_warn(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say(LOG_LEVEL_WARNING, fmt, args);
	va_end(args);
}

int ctl_fatal(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say(LOG_LEVEL_FATAL, fmt, args);
	va_end(args);
	return EXIT_FAILURE;
}

static void print_usage(FILE *to, const char *program)
{
	(void)fprintf(to,
		      "usage: %s [-c DIR] [-v] VERB [ARGUMENTS]\n"
		      "       %s --version | -h\n\n"
		      "DIR is the folder of main.cf and master.cf; without -c "
		      "it is $MAIL_CONFIG, else %s.\n\n",
		      program, program, conf_default_dir());
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
		(void)fprintf(to, "  %s%s%s\n", verbs[i].name,
			      *verbs[i].arguments != '\0' ? " " : "",
			      verbs[i].arguments);
		(void)fprintf(to, "        %s\n", verbs[i].sentence);
	}
}

/* ---- helpers
 * -----------------------------------------------------------------------------
 */

void ctl_path(char *path, struct str folder, const char *name)
{
	int n = snprintf(path, CTL_PATH_MAX, STR_FMT "%s%s", STR_ARG(folder),
			 *name != '\0' ? "/" : "", name);

	if (n < 0 || n >= CTL_PATH_MAX) {
		(void)fputs("a path is too long\n", stderr);
		exit(EXIT_FAILURE);
	}
}

int ctl_exec(char *const *argv)
{
	(void)execv(argv[0], argv);
	ctl_warn("run %s: %s", argv[0], strerror(errno));
	return 127;
}

int ctl_run(char *const *argv)
{
	pid_t pid = fork();
	int status;

	if (pid < 0) {
		ctl_warn("fork: %s", strerror(errno));
		return 127;
	}
	if (pid == 0)
		_exit(ctl_exec(argv));
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return 127;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Our own folder, and the daemons': in the build tree they are neighbours,
 * installed they are /usr/sbin and /usr/lib/malote. */
static void find_folders(struct ctl *c)
{
	static const char *const places[] = {"/../libexec", "/../lib/malote"};
	char path[CTL_PATH_MAX + 64];
	ssize_t n = readlink("/proc/self/exe", c->sbin, sizeof(c->sbin) - 1);
	char *slash;
	struct stat st;

	if (n < 0)
		n = 0;
	c->sbin[n] = '\0';
	slash = strrchr(c->sbin, '/');
	if (slash != NULL)
		*slash = '\0';
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		(void)snprintf(path, sizeof(path), "%s%s/master", c->sbin,
			       places[i]);
		if (stat(path, &st) < 0)
			continue;
		*strrchr(path, '/') = '\0';
		if (realpath(path, c->libexec) != NULL)
			return;
	}
	(void)snprintf(c->libexec, sizeof(c->libexec), "/usr/lib/malote");
}

/* ---- running a verb ------------------------------------------------------ */

static int load(struct ctl *c)
{
	char real[PATH_MAX];
	struct why why;

	/* Children look for the configuration in the same place. */
	if (c->dir != NULL) {
		if (realpath(c->dir, real) == NULL) {
			(void)fprintf(stderr,
				      "%s: fatal: open %s/main.cf: %s\n",
				      c->program, c->dir, strerror(errno));
			return EXIT_FAILURE;
		}
		(void)setenv("MAIL_CONFIG", real, 1);
	}
	if (conf_load(&(struct conf_opts){.dir = NULL}, &c->conf, &why) < 0 ||
	    conf_fill_common(c->conf, &c->common, &why) < 0) {
		(void)fprintf(stderr, "%s: fatal: %s\n", c->program, why.text);
		return EXIT_FAILURE;
	}
	logging_open(&(struct logging){
		.common = &c->common,
		.role = "postfix-script",
		.fd = -1,
		.verbose = c->verbose > 0,
		.to_stderr = true,
	});
	return EXIT_SUCCESS;
}

static int run_verb(struct ctl *c, int argc, char **argv)
{
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
		int status;

		if (strcmp(verbs[i].name, argv[0]) != 0)
			continue;
		if (verbs[i].needs == NEEDS_CONF &&
		    (status = load(c)) != EXIT_SUCCESS)
			return status;
		status = verbs[i].run(c, argc, argv);
		conf_free(c->conf);
		return status;
	}
	(void)fprintf(stderr, "%s: unknown verb \"%s\"; try %s -h\n",
		      c->program, argv[0], c->program);
	return EXIT_FAILURE;
}

/* Take -c DIR out of the words behind the verb, too. */
static int take_dir(struct ctl *c, int argc, char **argv)
{
	int kept = 0;

	for (int i = 0; i < argc; i++) {
		if (i > 0 && strcmp(argv[i], "-c") == 0 && i + 1 < argc)
			c->dir = argv[++i];
		else
			argv[kept++] = argv[i];
	}
	argv[kept] = NULL;
	return kept;
}

static int options(struct ctl *c, int argc, char **argv)
{
	int option;

	if (argc > 1 && strcmp(argv[1], "--version") == 0) {
		(void)printf("malote %s\n", MALOTE_VERSION);
		return EXIT_SUCCESS;
	}
	if (argc > 1 && strcmp(argv[1], "--help") == 0) {
		print_usage(stdout, c->program);
		return EXIT_SUCCESS;
	}
	while ((option = getopt(argc, argv, "+c:Dhv")) != -1) {
		switch (option) {
		case 'c':
			c->dir = optarg;
			break;
		case 'v':
			c->verbose++;
			break;
		case 'D':
			break;
		case 'h':
			print_usage(stdout, c->program);
			return EXIT_SUCCESS;
		default:
			print_usage(stderr, c->program);
			return EXIT_FAILURE;
		}
	}
	return -1;
}

int main(int argc, char **argv)
{
	static struct ctl c;
	const char *slash = strrchr(argv[0], '/');
	int status;

	c.program = slash != NULL ? slash + 1 : argv[0];
	c.root = sandbox_is_root();
	find_folders(&c);
	log_open(&(struct log_opts){.tag = "postfix",
				    .role = "postfix-script",
				    .fd = -1,
				    .to_stderr = true});
	status = options(&c, argc, argv);
	if (status >= 0)
		return status;
	if (optind >= argc) {
		print_usage(stderr, c.program);
		return EXIT_FAILURE;
	}
	argc = take_dir(&c, argc - optind, argv + optind);
	return run_verb(&c, argc, argv + optind);
}
