/* SPDX-License-Identifier: ISC */
/* Host names, domain names, and addresses written as text. */
#include <arpa/inet.h>
#include <errno.h>
#include <idn2.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/byteset.h"
#include "mail/address.h"
#include "mail/domain.h"

static bool label_is_valid(struct str label)
{
	if (label.n == 0 || label.n > DOMAIN_LABEL_MAX || label.p[0] == '-' ||
	    label.p[label.n - 1] == '-')
		return false;
	for (size_t i = 0; i < label.n; i++)
		if (!byteset_has(&byteset_alnum, label.p[i]) &&
		    label.p[i] != '-' && label.p[i] != '_')
			return false;
	return true;
}

bool domain_is_hostname(struct str name)
{
	bool numeric = true, more = true;

	if (name.n == 0 || name.n > DOMAIN_MAX)
		return false;
	while (more) {
		struct str label, digits;

		more = str_cut(name, '.', &label, &name);
		if (!label_is_valid(label))
			return false;
		digits = label;
		(void)str_eat_while(&digits, &byteset_digit);
		numeric = numeric && digits.n == 0;
	}
	return !numeric;
}

bool domain_is_valid(struct str name, bool utf8)
{
	if (name.n > 0 && name.p[0] == '[')
		return domain_literal_parse(name, true, NULL);
	if (utf8 && name.n <= DOMAIN_MAX * 2 && !mail_is_ascii(name)) {
		BUF_SCOPED ascii = BUF_INIT(DOMAIN_MAX + 1);

		return domain_to_ascii(&ascii, name) == 0 &&
		       domain_is_hostname(buf_str(&ascii));
	}
	return domain_is_hostname(name);
}

bool domain_is_fqdn(struct str name)
{
	return domain_is_hostname(name) && str_find_byte(name, '.') != SIZE_MAX;
}

bool ip_parse(struct str text, struct ip *ip)
{
	char z[INET6_ADDRSTRLEN];
	struct ip got = {.n = 0};

	if (!str_to_c(text, z, sizeof(z)))
		return false;
	if (inet_pton(AF_INET, z, got.bytes) == 1)
		got.n = 4;
	else if (inet_pton(AF_INET6, z, got.bytes) == 1)
		got.n = 16;
	else
		return false;
	if (ip != NULL)
		*ip = got;
	return true;
}

bool domain_literal_parse(struct str text, bool lenient, struct ip *ip)
{
	struct ip got;
	bool tagged;

	if (!str_eat(&text, STR("[")) || !str_ends(text, STR("]")))
		return false;
	text.n--;
	tagged = str_eat_nocase(&text, STR("IPv6:"));
	if (!ip_parse(text, &got))
		return false;
	/* RFC 5321 4.1.3: the tag belongs to IPv6 and to nothing else. */
	if (tagged ? got.n != 16 : got.n == 16 && !lenient)
		return false;
	if (ip != NULL)
		*ip = got;
	return true;
}

bool ip_put(struct buf *b, const struct ip *ip)
{
	char z[INET6_ADDRSTRLEN];

	if (inet_ntop(ip->n == 4 ? AF_INET : AF_INET6, ip->bytes, z,
		      sizeof(z)) == NULL)
		return false;
	return buf_put(b, str_of_c(z));
}

struct str domain_parent(struct str name)
{
	struct str parent;

	(void)str_cut(name, '.', NULL, &parent);
	return parent;
}

bool domain_matches(struct str name, struct str domain, bool below)
{
	if (str_eq_nocase(name, domain))
		return true;
	return below && domain.n > 0 && name.n > domain.n &&
	       name.p[name.n - domain.n - 1] == '.' &&
	       str_ends_nocase(name, domain);
}

/* What libidn2 answers, as an outcome; frees what it gave. */
static int put_idn(struct buf *b, int rc, char *z)
{
	bool fitted = rc == IDN2_OK && buf_put(b, str_of_c(z));

	if (rc == IDN2_OK)
		idn2_free(z);
	if (rc == IDN2_MALLOC)
		return -ENOMEM;
	if (rc != IDN2_OK)
		return -EINVAL;
	return fitted ? 0 : -ENOMEM;
}

int domain_to_ascii(struct buf *b, struct str name)
{
	char z[DOMAIN_MAX * 2 + 1], *ascii = NULL;
	int rc;

	if (mail_is_ascii(name))
		return mail_address_fold(b, name, true) ? 0 : -ENOMEM;
	if (!mail_is_utf8(name) || !str_to_c(name, z, sizeof(z)))
		return -EINVAL;
	rc = idn2_to_ascii_8z(z, &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
	return put_idn(b, rc, ascii);
}

int domain_to_utf8(struct buf *b, struct str name)
{
	char z[DOMAIN_MAX * 2 + 1], *utf8 = NULL;
	int rc;

	if (!str_to_c(name, z, sizeof(z)) || !mail_is_utf8(name))
		return -EINVAL;
	rc = idn2_to_unicode_8z8z(z, &utf8, 0);
	/* IDNA has no words for it: it is what it is. */
	if (rc != IDN2_OK && rc != IDN2_MALLOC && mail_is_ascii(name))
		return buf_put(b, name) ? 0 : -ENOMEM;
	return put_idn(b, rc, utf8);
}
