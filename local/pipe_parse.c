/* SPDX-License-Identifier: ISC */
/* The attributes of a pipe service in master.cf: see local/pipe.h. */
#include <errno.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/why.h"
#include "local/pipe.h"

static const struct {
	char letter;
	unsigned flag;
} flags[] = {
	{'B', PIPE_BLANK},     {'D', PIPE_DELIVERED},  {'F', PIPE_FROM},
	{'O', PIPE_ORIGINAL},  {'R', PIPE_RETURN},     {'X', PIPE_FINAL},
	{'h', PIPE_FOLD_HOST}, {'u', PIPE_FOLD_USER},  {'q', PIPE_QUOTE},
	{'.', PIPE_DOT},       {'>', PIPE_QUOTE_FROM},
};

static int parse_flags(struct str text, unsigned *out, struct why *why)
{
	for (size_t i = 0; i < text.n; i++) {
		unsigned found = 0;

		for (size_t k = 0; k < ARRAY_LEN(flags); k++)
			if (flags[k].letter == text.p[i])
				found = flags[k].flag;
		if (found == 0)
			return why_fail(why, -EINVAL, "flags=: unknown flag %c",
					text.p[i]);
		*out |= found;
	}
	return 0;
}

/* Up to three octal digits at the front of *s. */
static char eat_octal(struct str *s)
{
	unsigned value = 0;

	for (int i = 0; i < 3 && s->n > 0; i++) {
		char c = s->p[0];

		if (c < '0' || c > '7')
			break;
		value = value * 8 + (unsigned)(c - '0');
		*s = str_after(*s, 1);
	}
	return (char)(value & 0xffu);
}

bool pipe_unescape(struct str text, struct buf *out)
{
	static const char from[] = "abfnrtv\\";
	static const char to[] = "\a\b\f\n\r\t\v\\";

	while (text.n > 0) {
		const char *known;
		char c = text.p[0];

		text = str_after(text, 1);
		if (c != '\\') {
			buf_put_byte(out, c);
			continue;
		}
		if (text.n == 0)
			return false;
		known = memchr(from, text.p[0], sizeof(from) - 1);
		if (known != NULL) {
			buf_put_byte(out, to[known - from]);
			text = str_after(text, 1);
		} else if (text.p[0] >= '0' && text.p[0] <= '7') {
			buf_put_byte(out, eat_octal(&text));
		} else {
			return false;
		}
	}
	return !out->failed;
}

static int parse_eol(struct str text, struct arena *a,
		     struct pipe_attributes *out, struct why *why)
{
	BUF_SCOPED eol = BUF_INIT(64);

	if (!pipe_unescape(text, &eol))
		return why_fail(why, -EINVAL, "eol=: bad value " STR_FMT,
				STR_ARG(text));
	out->eol = arena_str(a, buf_str(&eol));
	return out->eol.p == NULL ? -ENOMEM : 0;
}

/* Everything after argv= belongs to the command. */
static int parse_argv(char *const *args, size_t count, struct str first,
		      struct arena *a, struct pipe_attributes *out)
{
	out->argv = arena_array(a, count + 1, sizeof(struct str));
	if (out->argv == NULL)
		return -ENOMEM;
	out->argv[out->argc++] = first;
	for (size_t i = 1; i < count; i++)
		out->argv[out->argc++] = str_of_c(args[i]);
	return 0;
}

static int parse_one(struct str text, struct arena *a,
		     struct pipe_attributes *out, struct why *why)
{
	if (str_eat(&text, STR("flags=")))
		return parse_flags(text, &out->flags, why);
	if (str_eat(&text, STR("user="))) {
		(void)str_cut(text, ':', &out->user, &out->group);
		return 0;
	}
	if (str_eat(&text, STR("eol=")))
		return parse_eol(text, a, out, why);
	if (str_eat(&text, STR("null_sender="))) {
		out->null_sender = text;
		return 0;
	}
	if (str_eat(&text, STR("directory="))) {
		out->directory = text;
		return 0;
	}
	if (str_eat(&text, STR("size="))) {
		if (!str_to_u64(text, INT64_MAX, &out->size))
			return why_fail(why, -EINVAL, "size=: bad value");
		return 0;
	}
	return why_fail(why, -EINVAL, "attribute not understood: " STR_FMT,
			STR_ARG(text));
}

int pipe_parse(char *const *args, size_t count, struct arena *a,
	       struct pipe_attributes *out, struct why *why)
{
	int error = 0;

	*out = (struct pipe_attributes){
		.eol = STR("\n"),
		.null_sender = STR("MAILER-DAEMON"),
		.directory = STR(""),
	};
	for (size_t i = 0; i < count && error == 0; i++) {
		struct str text = str_of_c(args[i]);

		if (str_eat(&text, STR("argv="))) {
			error = parse_argv(args + i, count - i, text, a, out);
			break;
		}
		error = parse_one(text, a, out, why);
	}
	if (error != 0)
		return error;
	if (out->argc == 0 || out->argv[0].n == 0)
		return why_fail(why, -EINVAL, "missing command: argv=");
	if (out->user.n == 0)
		return why_fail(why, -EINVAL, "missing user=");
	return 0;
}
