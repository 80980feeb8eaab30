/* SPDX-License-Identifier: ISC */
/* One mail address.
 *
 * A path is read in three steps: find where it ends (path_extent), put its
 * meaning together while noting everything unusual (spec_collect), and let the
 * options decide about what was noted (path_judge). */
#include <errno.h>

#include "base/buf.h"
#include "base/byteset.h"
#include "base/why.h"
#include "mail/address.h"
#include "mail/domain.h"
#include "mail/spec.h"
#include "mail/token.h"

/* ---- bytes -------------------------------------------------------------- */

bool mail_is_ascii(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] >= 0x80)
			return false;
	return true;
}

/* Bytes of the UTF-8 sequence at the front of `s`; 0 when it is none. */
static size_t utf8_length(struct str s)
{
	const unsigned char *p = (const unsigned char *)s.p;
	size_t n = p[0] < 0x80 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;

	if (n == 1)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4 || s.n < n)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	/* overlong, surrogates, beyond U+10FFFF */
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
	    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return n;
}

bool mail_is_utf8(struct str s)
{
	while (s.n > 0) {
		size_t n = utf8_length(s);

		if (n == 0)
			return false;
		s = str_after(s, n);
	}
	return true;
}

static bool is_atext(char c)
{
	return (unsigned char)c >= 0x80 || byteset_has(&byteset_atext, c);
}

/* RFC 5321 Dot-string */
static bool is_dot_atom(struct str s)
{
	bool dot = true; /* a dot may not come now */

	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '.' ? dot : !is_atext(s.p[i]))
			return false;
		dot = s.p[i] == '.';
	}
	return !dot;
}

/* ---- the internal form --------------------------------------------------- */

bool mail_address_split(struct str addr, struct str *local, struct str *domain)
{
	size_t at = str_find_last_byte(addr, '@');
	bool found = at != SIZE_MAX;

	if (local != NULL)
		*local = found ? str_first(addr, at) : addr;
	if (domain != NULL)
		*domain = found ? str_after(addr, at + 1) : STR("");
	return found;
}

static void put_quoted(struct buf *b, struct str local)
{
	buf_put_byte(b, '"');
	for (size_t i = 0; i < local.n; i++) {
		char c = local.p[i];

		if (c == '"' || c == '\\' || (unsigned char)c < 0x20 ||
		    c == 0x7f)
			buf_put_byte(b, '\\');
		buf_put_byte(b, c);
	}
	buf_put_byte(b, '"');
}

bool mail_address_quote(struct buf *b, struct str internal)
{
	size_t before = b->n;
	struct str local, domain;

	if (internal.n == 0)
		return !b->failed;
	if (str_find_byte(internal, '\0') != SIZE_MAX ||
	    str_find_byte(internal, '\r') != SIZE_MAX ||
	    str_find_byte(internal, '\n') != SIZE_MAX) {
		b->failed = true;
		return false;
	}
	if (mail_address_split(internal, &local, &domain)) {
		if (is_dot_atom(local))
			buf_put(b, local);
		else
			put_quoted(b, local);
		buf_put_byte(b, '@');
		buf_put(b, domain);
	} else if (is_dot_atom(local)) {
		buf_put(b, local);
	} else {
		put_quoted(b, local);
	}
	if (b->failed)
		buf_truncate(b, before);
	return !b->failed;
}

static bool put_lower(struct buf *b, struct str s)
{
	char *to = buf_room(b, s.n);

	if (to == NULL)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		to[i] = (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
	}
	buf_added(b, s.n);
	return true;
}

bool mail_address_fold(struct buf *b, struct str addr, bool everywhere)
{
	struct str local = STR(""), domain = addr;
	size_t before = b->n;

	if (!everywhere) {
		size_t at = str_find_last_byte(addr, '@');

		local = at == SIZE_MAX ? addr : str_first(addr, at);
		domain = at == SIZE_MAX ? STR("") : str_after(addr, at);
	}
	if (buf_put(b, local) && put_lower(b, domain))
		return true;
	buf_truncate(b, before);
	return false;
}

bool mail_address_eq(struct str a, struct str b)
{
	struct str local_a, local_b, domain_a, domain_b;
	bool at_a = mail_address_split(a, &local_a, &domain_a);
	bool at_b = mail_address_split(b, &local_b, &domain_b);

	return at_a == at_b && str_eq(local_a, local_b) &&
	       str_eq_nocase(domain_a, domain_b);
}

bool mail_address_split_extension(struct str local,
				  const struct mail_delimiter *delimiter,
				  struct str *base, struct str *extension)
{
	struct byteset set = {{0}};
	size_t i = 0;

	*base = local;
	*extension = STR("");
	if (delimiter->set.n == 0 || str_eq_nocase(local, STR("postmaster")) ||
	    str_eq_nocase(local, STR("mailer-daemon")) ||
	    (delimiter->double_bounce.n > 0 &&
	     str_eq_nocase(local, delimiter->double_bounce)))
		return false;
	if (delimiter->owner_request &&
	    str_find_byte(delimiter->set, '-') != SIZE_MAX &&
	    (str_begins_nocase(local, STR("owner-")) ||
	     (local.n > sizeof("-request") - 1 &&
	      str_ends_nocase(local, STR("-request")))))
		return false;
	byteset_add(&set, delimiter->set);
	while (i < local.n && !byteset_has(&set, local.p[i]))
		i++;
	if (i == 0 || i == local.n)
		return false;
	*base = str_first(local, i);
	*extension = str_after(local, i + 1);
	return true;
}

/* ---- paths --------------------------------------------------------------- */

enum { PATH_ANGLE = 1 }; /* it stood between "<" and ">" */

/* Find the path at the front of *in: *path is it, without "<" and ">", and *in
 * becomes what follows.  Returns 0, PATH_ANGLE or -EINVAL. */
static int path_extent(struct str *in, bool strict, struct str *path,
		       struct why *why)
{
	struct str s = *in;
	bool angle;
	size_t n = 0;

	(void)str_eat_while(&s, &byteset_blank);
	angle = str_eat(&s, STR("<"));
	if (!angle && strict)
		return why_fail(why, -EINVAL, "\"<\" is missing");
	*path = s;
	for (;;) {
		struct token t = token_next(&s);

		if (angle ? token_is(t, '>')
			  : t.kind == TOKEN_END || t.kind == TOKEN_SPACE)
			break;
		if (t.kind == TOKEN_END)
			return why_fail(why, -EINVAL, "\">\" is missing");
		n += t.raw.n;
	}
	if (s.n > 0 && angle && !byteset_has(&byteset_space, s.p[0]))
		return why_fail(why, -EINVAL, "text follows \">\"");
	*path = str_first(*path, n);
	(void)str_eat_while(&s, &byteset_blank);
	*in = s;
	return angle ? PATH_ANGLE : 0;
}

static int path_judge_domain(struct buf *addr, size_t at,
			     const struct mail_path_opts *opts, struct why *why)
{
	struct str domain = str_after(buf_str(addr), at + 1);

	if (!opts->strict && domain.n > 1 && str_ends(domain, STR("."))) {
		domain.n--;
		buf_truncate(addr, addr->n - 1);
	}
	if (domain.n == 0)
		return why_fail(why, -EINVAL, "the domain is missing");
	if (!domain_is_valid(domain, opts->utf8))
		return why_fail(why, -EINVAL, "the domain is not valid");
	return 0;
}

static int path_judge(unsigned odd, struct buf *addr,
		      const struct mail_path_opts *opts, struct why *why)
{
	const unsigned never = SPEC_WORDS | SPEC_SPECIAL | SPEC_AT | SPEC_OPEN |
			       SPEC_QUOTED_DOMAIN | SPEC_CONTROL;
	const unsigned not_strict = SPEC_DECORATION | SPEC_DOTS | SPEC_QUOTING;
	struct str all = buf_str(addr), local, domain;
	int rc;

	if ((odd & never) != 0 || (opts->strict && (odd & not_strict) != 0))
		return why_fail(why, -EINVAL, "not an address");
	if (!mail_is_ascii(all) && (!opts->utf8 || !mail_is_utf8(all)))
		return why_fail(why, -EILSEQ, "bytes beyond ASCII");
	if (mail_address_split(all, &local, &domain) !=
	    ((odd & SPEC_DOMAIN) != 0))
		return why_fail(why, -EINVAL, "\"@\" without a domain");
	if (local.n == 0)
		return why_fail(why, -EINVAL, "the local part is empty");
	if ((odd & SPEC_DOMAIN) != 0) {
		rc = path_judge_domain(addr, local.n, opts, why);
		if (rc < 0)
			return rc;
	}
	if (opts->local_max > 0 && local.n > opts->local_max)
		return why_fail(why, -EMSGSIZE, "the local part is too long");
	if (opts->total_max > 0 && addr->n > opts->total_max)
		return why_fail(why, -EMSGSIZE, "the address is too long");
	return 0;
}

int mail_path_parse(struct str *in, const struct mail_path_opts *opts,
		    struct buf *addr, struct why *why)
{
	struct str rest = *in, path;
	BUF_SCOPED got = BUF_INIT(addr->max);
	unsigned odd;
	bool empty;
	int rc;

	rc = path_extent(&rest, opts->strict, &path, why);
	if (rc < 0)
		return rc;
	odd = spec_collect(path, &got);
	if (got.failed)
		return why_fail(why, path.n > addr->max ? -EMSGSIZE : -ENOMEM,
				"the address is too long");
	empty = str_trim(path, &byteset_space).n == 0 &&
		(path.n == 0 || !opts->strict);
	if (empty && (rc != PATH_ANGLE || !opts->allow_empty))
		return why_fail(why, -EINVAL, "the address is empty");
	if (!empty) {
		rc = path_judge(odd, &got, opts, why);
		if (rc < 0)
			return rc;
	}
	buf_reset(addr);
	if (!buf_put(addr, buf_str(&got)))
		return why_fail(why, -ENOMEM, "out of memory");
	*in = rest;
	return 0;
}

int mail_address_unquote(struct buf *b, struct str external)
{
	BUF_SCOPED got = BUF_INIT(b->max);
	const unsigned never =
		SPEC_WORDS | SPEC_SPECIAL | SPEC_OPEN | SPEC_CONTROL;
	struct str s = str_trim(external, &byteset_space);
	unsigned odd;

	if (s.n >= 2 && s.p[0] == '<' && s.p[s.n - 1] == '>')
		s = str_of(s.p + 1, s.n - 2);
	odd = spec_collect(s, &got);
	if (got.failed)
		return -ENOMEM;
	if (got.n == 0 || (odd & never) != 0)
		return -EINVAL;
	return buf_put(b, buf_str(&got)) ? 0 : -ENOMEM;
}
