/* SPDX-License-Identifier: ISC */
/* postlog: log lines for scripts, as the mail system's own programs do.
 *
 * The text is taken from the command line, else line by line from standard
 * input. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"
#include "base/why.h"
#include "conf/conf.h"
#include "conf/param.h"
#include "service/logging.h"

static const struct {
	const char *name;
	enum log_level level;
} levels[] = {
	{"info", LOG_LEVEL_INFO},	{"warn", LOG_LEVEL_WARNING},
	{"warning", LOG_LEVEL_WARNING}, {"error", LOG_LEVEL_ERROR},
	{"fatal", LOG_LEVEL_FATAL},	{"panic", LOG_LEVEL_FATAL},
};

struct postlog {
	const char *dir;
	const char *tag;
	enum log_level level;
	bool with_pid; /* lines have the number anyway */
	bool verbose;
};

static bool find_level(const char *name, enum log_level *level)
{
	for (size_t i = 0; i < ARRAY_LEN(levels); i++)
		if (strcmp(levels[i].name, name) == 0) {
			*level = levels[i].level;
			return true;
		}
	return false;
}

static int usage(void)
{
	(void)fputs("usage: postlog [-iv] [-c config_dir] [-p priority] "
		    "[-t tag] [text...]\n",
		    stderr);
	return EXIT_FAILURE;
}

static bool parse(struct postlog *p, int argc, char **argv)
{
	int option;

	while ((option = getopt(argc, argv, "c:ip:t:v")) != -1) {
		switch (option) {
		case 'c':
			p->dir = optarg;
			break;
		case 'i':
			p->with_pid = true;
			break;
		case 'p':
			if (!find_level(optarg, &p->level))
				return false;
			break;
		case 't':
			p->tag = optarg;
			break;
		case 'v':
			p->verbose = true;
			break;
		default:
			return false;
		}
	}
	return true;
}

/* "postfix/postfix-script" names both parts; without a / it is the role. */
static void begin(const struct postlog *p, struct conf_common *common)
{
	struct str role = STR("postlog"), tag;
	static char text[256];

	if (p->tag != NULL) {
		size_t slash;

		tag = str_of_c(p->tag);
		slash = str_find_last_byte(tag, '/');
		role = slash == SIZE_MAX ? tag : str_after(tag, slash + 1);
		if (slash != SIZE_MAX)
			common->syslog_name = str_first(tag, slash);
	}
	if (!str_to_c(role, text, sizeof(text)))
		text[0] = '\0';
	logging_open(&(struct logging){
		.common = common,
		.role = text,
		.fd = -1,
		.verbose = p->verbose,
		.to_stderr = isatty(STDERR_FILENO) == 1,
	});
}

static void log_words(const struct postlog *p, int count, char **words)
{
	char text[LOG_LINE_MAX];
	size_t n = 0;

	for (int i = 0; i < count && n < sizeof(text); i++) {
		int m = snprintf(text + n, sizeof(text) - n, "%s%s",
				 i > 0 ? " " : "", words[i]);

		n += m > 0 ? (size_t)m : 0;
	}
	log_line(p->level, NULL, "%s", text);
}

static void log_input(const struct postlog *p)
{
	char text[LOG_LINE_MAX];

	while (fgets(text, sizeof(text), stdin) != NULL) {
		text[strcspn(text, "\n")] = '\0';
		log_line(p->level, NULL, "%s", text);
	}
}

int main(int argc, char **argv)
{
	struct postlog p = {.level = LOG_LEVEL_INFO};
	struct conf_common common;
	struct conf *conf = NULL;
	struct why why;

	if (!parse(&p, argc, argv))
		return usage();
	if (conf_load(&(struct conf_opts){.dir = p.dir, .quiet = true}, &conf,
		      &why) < 0 ||
	    conf_fill_common(conf, &common, &why) < 0) {
		(void)fprintf(stderr, "postlog: fatal: %s\n", why.text);
		return EXIT_FAILURE;
	}
	begin(&p, &common);
	if (optind < argc)
		log_words(&p, argc - optind, argv + optind);
	else
		log_input(&p);
	conf_free(conf);
	return EXIT_SUCCESS;
}
