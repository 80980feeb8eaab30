/* SPDX-License-Identifier: ISC */
/* master/ctl/postconf.c — postconf(1): shows and changes main.cf and master.cf.
 *
 * Options and output are Postfix's, so that what people and installers know
 * goes on working. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/why.h"
#include "conf/logical.h"
#include "ctl/postconf.h"
#include "table/table.h"

static const char usage[] =
	"usage: postconf [-aAdfhHlmnpx] [-c config_dir] [-C class] "
	"[-o name=value] [name ...]\n"
	"       postconf [-c config_dir] -e name=value ...\n"
	"       postconf [-c config_dir] -X|-# name ...\n"
	"       postconf [-c config_dir] -M [-efxX#] [service[/type][=value] "
	"...]\n"
	"       postconf [-c config_dir] -F [-efhHx] "
	"[service[/type[/field]][=value] ...]\n"
	"       postconf [-c config_dir] -P [-efhHxX] "
	"[service[/type[/name]][=value] ...]\n"
	"       postconf --reasons [name ...]\n";

static const struct {
	char letter;
	unsigned option;
} letters[] = {
	{'d', OPT_DEFAULTS},	 {'e', OPT_EDIT},	 {'f', OPT_FOLD},
	{'F', OPT_FIELDS},	 {'h', OPT_NO_NAME},	 {'H', OPT_NO_VALUE},
	{'M', OPT_MASTER},	 {'n', OPT_SET},	 {'o', OPT_OVERRIDE},
	{'P', OPT_MASTER_PARAM}, {'x', OPT_EXPAND},	 {'X', OPT_REMOVE},
	{'#', OPT_COMMENT},	 {'C', OPT_CLASS},	 {'m', OPT_TABLES},
	{'l', OPT_LOCKS},	 {'a', OPT_SASL_SERVER}, {'A', OPT_SASL_CLIENT},
	{'p', OPT_MAIN},
};

/* Options that do not go together: the first with any of the others. */
static const struct {
	unsigned one, others;
} conflicts[] = {
	{OPT_EDIT, OPT_DEFAULTS | OPT_FOLD | OPT_NO_NAME | OPT_NO_VALUE |
			   OPT_SET | OPT_OVERRIDE | OPT_EXPAND | OPT_REMOVE |
			   OPT_COMMENT},
	{OPT_DEFAULTS, OPT_SET | OPT_REMOVE | OPT_COMMENT},
	{OPT_NO_NAME, OPT_NO_VALUE | OPT_REMOVE | OPT_COMMENT},
	{OPT_NO_VALUE, OPT_REMOVE | OPT_COMMENT},
	{OPT_FOLD, OPT_REMOVE | OPT_COMMENT},
	{OPT_SET, OPT_REMOVE | OPT_COMMENT},
	{OPT_EXPAND, OPT_REMOVE | OPT_COMMENT},
	{OPT_REMOVE, OPT_COMMENT},
	{OPT_FIELDS, OPT_MASTER | OPT_MASTER_PARAM},
	{OPT_MASTER, OPT_MASTER_PARAM},
};

/* What does not go with one of the master.cf modes. */
static const struct {
	unsigned mode, others;
} forbidden[] = {
	{OPT_MASTER,
	 OPT_DEFAULTS | OPT_NO_NAME | OPT_NO_VALUE | OPT_SET | OPT_CLASS},
	{OPT_FIELDS,
	 OPT_DEFAULTS | OPT_SET | OPT_REMOVE | OPT_COMMENT | OPT_CLASS},
	{OPT_MASTER_PARAM, OPT_DEFAULTS | OPT_SET | OPT_COMMENT | OPT_CLASS},
};

/* ---- the command line ---------------------------------------------------- */

static char letter_of(unsigned option)
{
	for (size_t i = 0; i < ARRAY_LEN(letters); i++) {
		if (letters[i].option & option)
			return letters[i].letter;
	}
	return '?';
}

static void check_options(const struct postconf *p)
{
	for (size_t i = 0; i < ARRAY_LEN(conflicts); i++) {
		unsigned both = p->options & conflicts[i].others;

		if ((p->options & conflicts[i].one) && both)
			log_fatal("specify one of -%c -%c",
				  letter_of(conflicts[i].one), letter_of(both));
	}
	for (size_t i = 0; i < ARRAY_LEN(forbidden); i++) {
		unsigned both = p->options & forbidden[i].others;

		if ((p->options & forbidden[i].mode) && both)
			log_fatal("with option -%c, do not specify -%c",
				  letter_of(forbidden[i].mode),
				  letter_of(both));
	}
}

static void take_override(struct postconf *p, const char *text)
{
	struct conf_override *more = realloc(
		p->overrides, (p->override_count + 1) * sizeof(*p->overrides));
	struct why why;

	if (more == NULL)
		log_fatal("out of memory");
	p->overrides = more;
	if (conf_override_parse(str_of_c(text), &more[p->override_count],
				&why) < 0)
		log_fatal("invalid parameter override: %s: missing '=' after "
			  "attribute name",
			  text);
	p->override_count++;
}

static void take_classes(struct postconf *p, const char *text)
{
	static const struct {
		struct str name;
		unsigned bit;
	} classes[] = {
		{STR_INIT("builtin"), CLASS_BUILTIN},
		{STR_INIT("service"), CLASS_SERVICE},
		{STR_INIT("user"), CLASS_USER},
		{STR_INIT("all"), CLASS_ALL},
	};
	struct str rest = str_of_c(text), word;

	p->classes = 0;
	while (conf_list_next(&rest, &word)) {
		unsigned bit = 0;

		for (size_t i = 0; i < ARRAY_LEN(classes); i++) {
			if (str_eq_nocase(word, classes[i].name))
				bit = classes[i].bit;
		}
		if (bit == 0)
			log_fatal("unknown -C option value \"" STR_FMT
				  "\" in \"%s\"",
				  STR_ARG(word), text);
		p->classes |= bit;
	}
}

static void take_letter(struct postconf *p, int letter)
{
	for (size_t i = 0; i < ARRAY_LEN(letters); i++) {
		if (letters[i].letter == letter) {
			p->options |= letters[i].option;
			return;
		}
	}
	if (letter == 'v')
		return;
	(void)fputs(usage, stderr);
	exit(64);
}

static bool take_word(struct postconf *p, int argc, char **argv)
{
	if (argc < 2 || strncmp(argv[1], "--", 2) != 0)
		return false;
	if (strcmp(argv[1], "--reasons") == 0) {
		p->options = OPT_REASONS | OPT_DEFAULTS;
	} else if (strcmp(argv[1], "--manual") == 0) {
		p->options = OPT_MANUAL | OPT_DEFAULTS;
	} else if (strcmp(argv[1], "--help") == 0) {
		(void)fputs(usage, stdout);
		exit(0);
	} else if (strcmp(argv[1], "--version") == 0) {
		(void)puts("malote " MALOTE_VERSION);
		exit(0);
	} else {
		return false;
	}
	p->names = argv + 2;
	p->name_count = (size_t)(argc - 2);
	return true;
}

static void take_arguments(struct postconf *p, int argc, char **argv)
{
	int letter;

	if (take_word(p, argc, argv))
		return;
	/* "+": an argument ends the options, so that names may begin with - */
	while ((letter = getopt(argc, argv, "+aAc:C:deEfFhHlmMno:pPvxX#")) >
	       0) {
		if (letter == 'c')
			p->dir = optarg;
		else if (letter == 'o')
			take_override(p, optarg);
		else if (letter == 'C')
			take_classes(p, optarg);
		if (letter != 'c')
			take_letter(p, letter);
	}
	p->names = argv + optind;
	p->name_count = (size_t)(argc - optind);
	/* name=value means -e */
	if (!postconf_has(p, ANY_EDIT) && p->name_count > 0 &&
	    strchr(p->names[0], '=') != NULL)
		p->options |= OPT_EDIT;
	check_options(p);
	if (postconf_has(p, ANY_EDIT) && p->name_count == 0)
		log_fatal("-%c requires %s argument",
			  letter_of(p->options & ANY_EDIT),
			  postconf_has(p, OPT_EDIT) ? "name=value" : "name");
}

/* ---- doing it ------------------------------------------------------------ */

static void read_master(struct postconf *p)
{
	BUF_SCOPED path = BUF_INIT(4096);
	BUF_SCOPED text = BUF_INIT(CONF_FILE_MAX);
	struct why why;
	int error;

	buf_putf(&path, "%s/master.cf", p->dir);
	error = conf_read_file(buf_cstr(&path), &text, &why);
	if (error == 0)
		error = mastercf_parse(buf_str(&text), buf_cstr(&path), NULL,
				       MASTERCF_AS_WRITTEN, &p->master, &why);
	else if (postconf_has(p, ANY_MASTER))
		log_fatal("%s", why.text);
	if (error == -EINVAL || postconf_has(p, ANY_MASTER)) {
		if (error < 0)
			log_fatal("%s", why.text);
	} else if (error < 0 && !postconf_has(p, OPT_REASONS | OPT_MANUAL)) {
		log_warning("%s", why.text);
	}
}

static void read_all(struct postconf *p)
{
	const struct conf_opts opts = {
		.dir = p->dir,
		.overrides = p->overrides,
		.override_count = p->override_count,
		.defaults_only = postconf_has(p, OPT_DEFAULTS),
	};
	struct why why;

	if (conf_load(&opts, &p->conf, &why) < 0)
		log_fatal("%s", why.text);
	read_master(p);
	if (uses_find(p->conf, p->master, &p->uses) < 0)
		log_fatal("out of memory");
}

static void release(struct postconf *p)
{
	uses_free(p->uses);
	mastercf_free(p->master);
	conf_free(p->conf);
	free(p->overrides);
}

static int show_tables(void)
{
	struct str name, summary;
	size_t cursor = 0;

	while (table_next_type(&cursor, &name, &summary))
		printf(STR_FMT "\n", STR_ARG(name));
	return 0;
}

static int show(struct postconf *p)
{
	int status;

	read_all(p);
	if (postconf_has(p, OPT_MANUAL))
		return postconf_manual(p);
	if (!postconf_has(p, OPT_DEFAULTS))
		postconf_warn_undefined(p);
	status = postconf_has(p, ANY_MASTER) ? postconf_show_master(p)
					     : postconf_show_main(p);
	if (!postconf_has(p, OPT_DEFAULTS) && !postconf_has(p, ANY_MASTER))
		postconf_warn_unused(p);
	return status;
}

static int run(struct postconf *p)
{
	if (postconf_has(p, OPT_TABLES))
		return show_tables();
	if (postconf_has(p, OPT_LOCKS))
		return puts("flock\nfcntl\ndotlock") < 0;
	if (postconf_has(p, OPT_SASL_SERVER))
		return puts("cyrus\ndovecot") < 0;
	if (postconf_has(p, OPT_SASL_CLIENT))
		return puts("cyrus") < 0;
	if (postconf_has(p, ANY_EDIT))
		return postconf_has(p, ANY_MASTER) ? postconf_edit_master(p)
						   : postconf_edit_main(p);
	return show(p);
}

int main(int argc, char **argv)
{
	struct postconf p = {.classes = CLASS_ALL, .dir = conf_default_dir()};
	int status;

	log_open(&(struct log_opts){.tag = "postfix",
				    .role = "postconf",
				    .fd = -1,
				    .to_stderr = true});
	take_arguments(&p, argc, argv);
	status = run(&p);
	release(&p);
	if (fflush(stdout) != 0)
		log_fatal("cannot write standard output");
	return status;
}
