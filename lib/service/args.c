/* SPDX-License-Identifier: ISC */
/* The command line of a worker, as master writes it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/why.h"
#include "service/inside.h"

static int parse_override(const char *text, struct service_args *out,
			  struct why *why)
{
	if (out->override_count >= OVERRIDES_MAX)
		return why_fail(why, -EINVAL, "too many -o options");
	return conf_override_parse(str_of_c(text),
				   &out->overrides[out->override_count++], why);
}

static int parse_sockets(const char *text, struct service_args *out,
			 struct why *why)
{
	uint64_t n;

	if (!str_to_u64(str_of_c(text), LISTENERS_MAX, &n))
		return why_fail(why, -EINVAL, "-s %s: bad number of sockets",
				text);
	out->sockets = (unsigned)n;
	return 0;
}

static int parse_one(int option, const char *value, struct service_args *out,
		     struct why *why)
{
	switch (option) {
	case 'n':
		out->name = value;
		return 0;
	case 't':
		out->type = value;
		return 0;
	case 'D':
		out->debug = value;
		return 0;
	case 'u':
		out->unprivileged = true;
		return 0;
	case 'c':
		out->chroot = true;
		return 0;
	case 'l':
		out->alone = true;
		return 0;
	case 'v':
		out->verbose++;
		return 0;
	case 's':
		return parse_sockets(value, out, why);
	case 'o':
		return parse_override(value, out, why);
	case 'z': /* no limit: MALOTE_MAXPROC says so */
	case 'd': /* datagrams */
	case 'S': /* a stream on standard input: Postfix's, of no use here */
		return 0;
	default:
		return why_fail(why, -EINVAL, "unknown option -%c", optopt);
	}
}

int service_args_parse(int argc, char **argv, struct service_args *out,
		       struct why *why)
{
	const char *slash;
	int option;

	memset(out, 0, sizeof(*out));
	if (argc < 1 || argv[0] == NULL)
		return why_fail(why, -EINVAL, "no program name");
	slash = strrchr(argv[0], '/');
	out->program = slash != NULL ? slash + 1 : argv[0];
	out->name = out->program;
	out->type = "unix";
	opterr = 0;
	optind = 0; /* begin anew */
	while ((option = getopt(argc, argv, "+cdD:ln:o:s:St:uvz")) != -1) {
		int error = parse_one(option, optarg, out, why);

		if (error < 0)
			return error;
	}
	out->rest = argv + optind;
	out->rest_count = (size_t)(argc - optind);
	return 0;
}
