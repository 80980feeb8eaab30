/* SPDX-License-Identifier: ISC */
/* lib/esmtp/xtext.c — see xtext.h. */
#include "esmtp/xtext.h"

#include "base/buf.h"

/* xchar: any printable ASCII byte but "+" and "=". */
static bool is_xchar(char c)
{
	return c > 32 && c < 127 && c != '+' && c != '=';
}

/* hexchar digits are upper case; lower case is understood as well. */
static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

bool xtext_decode(struct str text, struct buf *out)
{
	size_t before = out->n;

	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];

		if (c == '+') {
			int high =
				i + 1 < text.n ? hex_value(text.p[i + 1]) : -1;
			int low =
				i + 2 < text.n ? hex_value(text.p[i + 2]) : -1;

			if (high < 0 || low < 0)
				goto refuse;
			c = (char)(unsigned char)(high * 16 + low);
			i += 2;
		} else if (!is_xchar(c)) {
			goto refuse;
		}
		if (!buf_put_byte(out, c))
			goto refuse;
	}
	return true;
refuse:
	buf_truncate(out, before);
	return false;
}

bool xtext_encode(struct str bytes, struct buf *out)
{
	static const char digits[] = "0123456789ABCDEF";
	size_t before = out->n;

	for (size_t i = 0; i < bytes.n; i++) {
		unsigned char c = (unsigned char)bytes.p[i];

		if (is_xchar((char)c)) {
			buf_put_byte(out, (char)c);
			continue;
		}
		buf_put_byte(out, '+');
		buf_put_byte(out, digits[c >> 4]);
		buf_put_byte(out, digits[c & 15]);
	}
	if (!out->failed)
		return true;
	buf_truncate(out, before);
	return false;
}
