/* SPDX-License-Identifier: ISC */
/* The command line of sendmail(1): see options.h. */
#include "submit/options.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "submit/site.h"

#define OPTION_LETTERS "A:B:C:F:GIL:N:O:R:UV:X:b:ce:f:h:imno:p:r:q:tvx"

static const char help_text[] =
	"usage: sendmail [option ...] [recipient ...]\n"
	"Takes a message from standard input and queues it.\n"
	"  -t          take recipients from To, Cc and Bcc as well\n"
	"  -f ADDRESS  envelope sender ('<>' for none); -F NAME its full name\n"
	"  -i          a line with a single dot is text (as -oi)\n"
	"  -bs         speak SMTP on standard input and output\n"
	"  -bp         list the queue (mailq); -bi rebuild aliases "
	"(newaliases)\n"
	"  -q          try to deliver what is queued; -qIID, -qRSITE a part\n"
	"  -N never|success,failure,delay   -R full|hdrs   -V ENVID   -B BODY\n"
	"  -v          mail a report of the delivery to the sender\n"
	"  -C DIR      another configuration directory\n"
	"  -G          the message comes from a gateway: complete no "
	"addresses\n"
	"Others of Sendmail's options are accepted and do nothing.\n";

/* argv[0] may say what is wanted. */
static enum submit_mode mode_of_name(const char *argv0)
{
	const char *slash = strrchr(argv0, '/');
	const char *name = slash == NULL ? argv0 : slash + 1;

	if (strcmp(name, "mailq") == 0)
		return SUBMIT_MAILQ;
	if (strcmp(name, "newaliases") == 0)
		return SUBMIT_NEWALIASES;
	if (strcmp(name, "smtpd") == 0)
		return SUBMIT_SMTP;
	return SUBMIT_ENQUEUE;
}

static int read_b(const char *arg, struct submit_options *o)
{
	static const struct {
		char letter;
		enum submit_mode mode;
	} rows[] = {
		{'m', SUBMIT_ENQUEUE},	  {'p', SUBMIT_MAILQ},
		{'i', SUBMIT_NEWALIASES}, {'s', SUBMIT_SMTP},
		{'d', SUBMIT_DAEMON},	  {'l', SUBMIT_DAEMON},
		{'v', SUBMIT_VERIFY},	  {'h', SUBMIT_NOTHING},
		{'H', SUBMIT_NOTHING},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (rows[i].letter == arg[0] && arg[1] == '\0') {
			o->mode = rows[i].mode;
			return EX_OK;
		}
	submit_say("fatal", "unsupported: -b%s", arg);
	return EX_USAGE;
}

static int read_q(const char *arg, struct submit_options *o)
{
	if (arg[0] == 'S' || arg[0] == '\0' || arg[0] == 'R' || arg[0] == 'I') {
		if (arg[0] == 'S') {
			submit_say("fatal", "-qS is not supported: name a "
					    "site with -qR or a message with "
					    "-qI");
			return EX_USAGE;
		}
		if (arg[0] == 'R')
			o->flush_site = arg + 1;
		if (arg[0] == 'I')
			o->flush_id = arg + 1;
		o->mode = SUBMIT_FLUSH;
		return EX_OK;
	}
	if (isdigit((unsigned char)arg[0])) {
		/* An interval says how a daemon should work, which main.cf
		 * says here; "0" is what -q alone became. */
		if (o->mode == SUBMIT_ENQUEUE)
			o->mode = strcmp(arg, "0") == 0 ? SUBMIT_FLUSH
							: SUBMIT_NOTHING;
		return EX_OK;
	}
	submit_say("fatal",
		   "-q%c means nothing here: use -q, -qRsite or "
		   "-qIid",
		   arg[0]);
	return EX_USAGE;
}

static int read_o(const char *arg, struct submit_options *o)
{
	if (strcmp(arg, "i") == 0)
		o->dot_is_text = true;
	else if (arg[0] == 'A' && arg[1] != '\0')
		o->alias_source = arg + 1;
	return EX_OK; /* the others are history */
}

/* One of the words in `words` ("|"-separated), letter case aside? */
static bool is_word(const char *value, const char *words)
{
	size_t n = strlen(value);

	for (const char *w = words; *w != '\0';) {
		size_t m = strcspn(w, "|");

		if (m == n && strncasecmp(w, value, n) == 0)
			return true;
		w += m + (w[m] == '|');
	}
	return false;
}

static int read_notify(const char *arg, struct submit_options *o)
{
	char copy[64];
	char *rest = copy;
	char *word;

	o->notify = arg;
	if (is_word(arg, "never"))
		return EX_OK;
	if (strlen(arg) >= sizeof(copy) || arg[0] == '\0')
		goto bad;
	(void)snprintf(copy, sizeof(copy), "%s", arg);
	while ((word = strsep(&rest, ",")) != NULL)
		if (!is_word(word, "success|failure|delay"))
			goto bad;
	return EX_OK;
bad:
	submit_say("fatal", "bad -N option value -- specify \"never\" or a "
			    "comma-separated list of \"success\", \"failure\", "
			    "\"delay\"");
	return EX_USAGE;
}

static int read_envid(const char *arg, struct submit_options *o)
{
	size_t n = strlen(arg);

	/* -V was VERP for older versions: -XV[xy] and -V+= are not an id. */
	o->envid = arg;
	for (size_t i = 0; i < n; i++)
		if (!isprint((unsigned char)arg[i]))
			n = 0;
	if (n == 0 || n > 100) {
		submit_say("fatal", "too long or non-printable ENVID");
		return EX_USAGE;
	}
	return EX_OK;
}

static int read_word_option(int letter, const char *arg,
			    struct submit_options *o)
{
	if (letter == 'B') {
		o->body = arg;
		if (is_word(arg, "7BIT|8BITMIME"))
			return EX_OK;
		submit_say("fatal", "bad -B option value -- specify 7BIT or "
				    "8BITMIME");
		return EX_USAGE;
	}
	o->ret = arg;
	if (is_word(arg, "full|hdrs"))
		return EX_OK;
	submit_say("fatal", "bad -R option value -- specify full or hdrs");
	return EX_USAGE;
}

/* An option that takes an argument. */
static int read_argument(int letter, const char *arg, struct submit_options *o)
{
	switch (letter) {
	case 'B':
	case 'R':
		return read_word_option(letter, arg, o);
	case 'C':
		o->config_dir = arg;
		return EX_OK;
	case 'F':
		o->full_name = arg;
		return EX_OK;
	case 'N':
		return read_notify(arg, o);
	case 'V':
		return read_envid(arg, o);
	case 'X':
		if (arg[0] == 'V') {
			submit_say("fatal", "-XV (VERP) is not supported");
			return EX_USAGE;
		}
		return EX_OK;
	case 'b':
		return read_b(arg, o);
	case 'f':
	case 'r':
		o->sender = arg;
		return EX_OK;
	case 'o':
		return read_o(arg, o);
	case 'q':
		return read_q(arg, o);
	default:
		return EX_OK; /* -A -L -O -e -h -p: accepted, no effect */
	}
}

static int read_option(int letter, const char *arg, struct submit_options *o)
{
	switch (letter) {
	case 'G':
		o->remote_context = true;
		return EX_OK;
	case 'I':
		o->mode = SUBMIT_NEWALIASES;
		return EX_OK;
	case 'i':
		o->dot_is_text = true;
		return EX_OK;
	case 't':
		o->from_header = true;
		return EX_OK;
	case 'v':
		o->verbose++;
		return EX_OK;
	case 'U':
	case 'c':
	case 'm':
	case 'n':
	case 'x':
		return EX_OK; /* history */
	case '?':
		fputs(help_text, stderr);
		return EX_USAGE;
	default:
		return read_argument(letter, arg, o);
	}
}

int submit_options_read(int argc, char **argv, struct submit_options *o)
{
	static char q_alone[] = "-q0";
	int letter;

	*o = (struct submit_options){.mode = mode_of_name(argv[0])};
	if (argc == 2 && strcmp(argv[1], "--help") == 0) {
		fputs(help_text, stdout);
		o->mode = SUBMIT_HELP;
		return EX_OK;
	}
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], "-q") == 0)
			argv[i] = q_alone;
	opterr = 1;
	while ((letter = getopt(argc, argv, OPTION_LETTERS)) != -1) {
		int rc = read_option(letter, optarg, o);

		if (rc != EX_OK)
			return rc;
	}
	o->recipients = argv + optind;
	if (o->mode == SUBMIT_VERIFY &&
	    (o->from_header || o->notify != NULL || o->ret != NULL)) {
		submit_say("fatal", "-t, -N and -R cannot be used with -bv");
		return EX_USAGE;
	}
	return EX_OK;
}
