/* SPDX-License-Identifier: ISC */
/* The command line of postmap and postalias. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/why.h"
#include "conf/conf.h"
#include "ctl/postmap.h"

static NO_RETURN void usage(const struct postmap *p)
{
	log_fatal("usage: %s %s", p->program, p->style->usage);
}

/* Returns false when the letter is not ours. */
static bool set_option(struct postmap *p, int letter)
{
	switch (letter) {
	case 'b':
		p->ask_body = true;
		return true;
	case 'c':
		p->dir = optarg;
		return true;
	case 'd':
		p->erase = optarg;
		return true;
	case 'f':
		p->keep_case = true;
		return true;
	case 'h':
		p->ask_headers = true;
		return true;
	case 'i':
		p->update = true;
		return true;
	case 'n':
	case 'N':
		p->nul_known = true;
		p->with_nul = letter == 'N';
		return true;
	case 'o':
		p->stay_root = true;
		return true;
	case 'p':
		p->plain_mode = true;
		return true;
	case 'q':
		p->ask = optarg;
		return true;
	case 'r':
		p->replace = true;
		return true;
	case 's':
		p->dump = true;
		return true;
	case 'w':
		p->ignore = true;
		return true;
	case 'u': /* keys and values are bytes here */
	case 'U':
	case 'v':
		return true;
	default:
		return false;
	}
}

static void read_options(struct postmap *p, int argc, char **argv)
{
	int letter;

	while ((letter = getopt(argc, argv, p->style->options)) > 0) {
		if ((letter == 'd' || letter == 'q' || letter == 's') &&
		    (p->ask != NULL || p->erase != NULL || p->dump))
			log_fatal("specify only one of -s -q or -d");
		if (!set_option(p, letter))
			usage(p);
	}
	if (p->replace && p->ignore)
		log_fatal("specify only one of -r or -w");
	if ((p->ask_body || p->ask_headers) &&
	    (p->ask == NULL || strcmp(p->ask, "-") != 0))
		log_fatal("specify -b or -h only with \"-q -\"");
}

struct str postmap_spec(const struct postmap *p, const char *argument,
			struct buf *out)
{
	buf_reset(out);
	if (strchr(argument, ':') == NULL) {
		if (conf_value(p->conf, STR("default_database_type"), out) < 0)
			log_fatal("default_database_type is not set");
		buf_put_byte(out, ':');
	}
	if (!buf_put(out, str_of_c(argument)))
		log_fatal("table name is too long");
	return buf_str(out);
}

bool postmap_read_line(struct buf *line)
{
	int c = getchar_unlocked();

	buf_reset(line);
	if (c == EOF)
		return false;
	for (; c != EOF && c != '\n'; c = getchar_unlocked())
		buf_put_byte(line, (char)c);
	if (line->failed)
		log_fatal("line on standard input is too long");
	return true;
}

/* Returns the exit status. */
static int run(struct postmap *p, int argc, char **argv)
{
	char **specs = argv + optind;
	int count = argc - optind;
	BUF_SCOPED spec = BUF_INIT(65536);

	if (count == 0)
		usage(p);
	if (p->ask != NULL)
		return postmap_ask(p, specs, count) ? 0 : 1;
	if (p->erase != NULL)
		return postmap_erase(p, specs, count) ? 0 : 1;
	for (int i = 0; i < count; i++) {
		struct str name = postmap_spec(p, specs[i], &spec);

		if (p->dump)
			postmap_dump(p, name);
		else
			postmap_build(p, name);
	}
	return 0;
}

int postmap_main(const struct postmap_style *style, int argc, char **argv)
{
	struct postmap p = {.style = style, .program = "postmap"};
	struct conf_opts opts = {.quiet = true};
	struct why why = {""};
	int status;

	if (argc > 0 && argv[0] != NULL) {
		const char *slash = strrchr(argv[0], '/');

		p.program = slash == NULL ? argv[0] : slash + 1;
	}
	/* Standard descriptors that are closed would be taken by tables. */
	for (int fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) < 0)
			return 1;
	umask(022);
	log_open(&(struct log_opts){.tag = p.program,
				    .role = p.program,
				    .fd = -1,
				    .to_stderr = true});
	read_options(&p, argc, argv);
	opts.dir = p.dir;
	if (conf_load(&opts, &p.conf, &why) < 0)
		log_fatal("%s", why.text);
	status = run(&p, argc, argv);
	conf_free(p.conf);
	if (fflush(stdout) != 0)
		log_fatal("write to standard output failed");
	return status;
}
