/* SPDX-License-Identifier: ISC */
/* lib/tls/context_words.c — the words of main.cf about protocols, ciphers and
 * curves. */
#include <errno.h>

#include "base/buf.h"
#include "base/byteset.h"
#include "base/why.h"
#include "tls/context.h"

/* What separates the words of all three lists: blanks, commas, colons. */
static bool next_word(struct str *list, struct str *word)
{
	struct byteset separators = byteset_separator;

	byteset_add(&separators, STR(":"));
	return str_next_word(list, &separators, word);
}

/* ---- protocols ----------------------------------------------------------- */

static const struct protocol {
	struct str name;
	int version;
	uint64_t off;
} protocols[] = {
	{STR_INIT("SSLv2"), SSL2_VERSION, SSL_OP_NO_SSLv2},
	{STR_INIT("SSLv3"), SSL3_VERSION, SSL_OP_NO_SSLv3},
	{STR_INIT("TLSv1"), TLS1_VERSION, SSL_OP_NO_TLSv1},
	{STR_INIT("TLSv1.0"), TLS1_VERSION, SSL_OP_NO_TLSv1},
	{STR_INIT("TLSv1.1"), TLS1_1_VERSION, SSL_OP_NO_TLSv1_1},
	{STR_INIT("TLSv1.2"), TLS1_2_VERSION, SSL_OP_NO_TLSv1_2},
	{STR_INIT("TLSv1.3"), TLS1_3_VERSION, SSL_OP_NO_TLSv1_3},
};

static const struct protocol *find_protocol(struct str name)
{
	for (size_t i = 0; i < ARRAY_LEN(protocols); i++) {
		if (str_eq_nocase(protocols[i].name, name))
			return &protocols[i];
	}
	return NULL;
}

struct range {
	int least;
	int most;
	uint64_t off;	/* SSL_OP_NO_… */
	uint64_t named; /* the same, of those that were named to be on */
};

/* Returns: false when the word is not understood. */
static bool take_protocol(struct range *r, struct str word)
{
	bool least = str_eat(&word, STR(">="));
	bool most = !least && str_eat(&word, STR("<="));
	bool off = !least && !most && str_eat(&word, STR("!"));
	const struct protocol *p = find_protocol(word);

	if (p == NULL)
		return (least || most) && str_eq(word, STR("0"));
	if (least)
		r->least = p->version;
	else if (most)
		r->most = p->version;
	else if (off)
		r->off |= p->off;
	else
		r->named |= p->off;
	return true;
}

int context_set_protocols(SSL_CTX *context, struct str list, struct why *why)
{
	struct range r = {0, 0, 0, 0};
	struct str word;
	uint64_t all = 0;

	while (next_word(&list, &word)) {
		if (!take_protocol(&r, word))
			return why_fail(why, -EINVAL,
					"unknown TLS protocol: " STR_FMT,
					STR_ARG(word));
	}
	for (size_t i = 0; i < ARRAY_LEN(protocols); i++)
		all |= protocols[i].off;
	if (r.named != 0)
		r.off |= all & ~r.named;
	if (r.least <= SSL3_VERSION)
		r.least = TLS1_VERSION; /* what is older is long broken */
	(void)SSL_CTX_set_options(context, r.off);
	if (SSL_CTX_set_min_proto_version(context, r.least) != 1 ||
	    (r.most != 0 &&
	     SSL_CTX_set_max_proto_version(context, r.most) != 1))
		return why_fail(why, -EINVAL, "TLS protocols: %s",
				openssl_words());
	return 0;
}

/* ---- ciphers ------------------------------------------------------------- */

static const struct grade {
	struct str name;
	struct str list;
} grades[] = {
	{STR_INIT("high"), STR_INIT("aNULL:-aNULL:HIGH:@STRENGTH")},
	{STR_INIT("medium"),
	 STR_INIT("aNULL:-aNULL:HIGH:MEDIUM:+RC4:@STRENGTH")},
	{STR_INIT("low"), STR_INIT("aNULL:-aNULL:HIGH:MEDIUM:LOW:@STRENGTH")},
	{STR_INIT("export"), STR_INIT("aNULL:-aNULL:ALL:@STRENGTH")},
	{STR_INIT("null"), STR_INIT("eNULL:!aNULL")},
};

int context_set_ciphers(SSL_CTX *context, const struct context_opts *opts,
			struct why *why)
{
	BUF_SCOPED list = BUF_INIT(4096);
	struct str grade = opts->cipher_grade;
	struct str exclude = opts->exclude_ciphers;
	struct str base = STR("");
	struct str word;

	if (grade.n == 0)
		grade = STR("medium");
	for (size_t i = 0; i < ARRAY_LEN(grades); i++) {
		if (str_eq_nocase(grades[i].name, grade))
			base = grades[i].list;
	}
	if (base.n == 0)
		return why_fail(why, -EINVAL,
				"unknown TLS cipher grade: " STR_FMT,
				STR_ARG(grade));
	buf_put(&list, opts->cipher_list.n > 0 ? opts->cipher_list : base);
	while (next_word(&exclude, &word)) {
		buf_put(&list, STR(":!"));
		buf_put(&list, word);
	}
	if (list.failed ||
	    SSL_CTX_set_cipher_list(context, buf_cstr(&list)) != 1)
		return why_fail(why, -EINVAL, "TLS ciphers: %s",
				openssl_words());
	return 0;
}

/* ---- curves -------------------------------------------------------------- */

static const char default_curves[] =
	"X25519:prime256v1:X448:secp384r1:secp521r1:ffdhe2048:ffdhe3072";

/* Whether this OpenSSL knows the group. */
static bool is_group(struct str name)
{
	char text[64];
	SSL_CTX *probe;
	bool known;

	if (!str_to_c(name, text, sizeof(text)))
		return false;
	probe = SSL_CTX_new(TLS_method());
	if (probe == NULL)
		return false;
	known = SSL_CTX_set1_groups_list(probe, text) == 1;
	SSL_CTX_free(probe);
	(void)openssl_words();
	return known;
}

int context_set_curves(SSL_CTX *context, const struct context_opts *opts,
		       struct why *why)
{
	BUF_SCOPED list = BUF_INIT(1023);
	char text[1024];
	struct str names = opts->eecdh_curves;
	struct str word;

	if (str_eq(opts->eecdh_grade, STR("strong")))
		buf_put(&list, STR("prime256v1"));
	else if (str_eq(opts->eecdh_grade, STR("ultra")))
		buf_put(&list, STR("secp384r1"));
	while (list.n == 0 && next_word(&names, &word)) {
		do {
			if (!is_group(word))
				continue;
			if (list.n > 0)
				buf_put_byte(&list, ':');
			buf_put(&list, word);
		} while (next_word(&names, &word));
	}
	if (list.n == 0)
		buf_put(&list, str_of_c(default_curves));
	if (!str_to_c(buf_str(&list), text, sizeof(text)) ||
	    SSL_CTX_set1_groups_list(context, text) != 1)
		return why_fail(why, -EINVAL, "TLS curves: %s",
				openssl_words());
	return 0;
}
