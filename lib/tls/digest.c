/* SPDX-License-Identifier: ISC */
/* SHA-256 by OpenSSL: see digest.h. */
#include "tls/digest.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdlib.h>

struct digest {
	EVP_MD_CTX *ctx;
	bool failed;
};

static void begin(struct digest *d)
{
	d->failed = EVP_DigestInit_ex(d->ctx, EVP_sha256(), NULL) != 1;
}

int digest_new(struct digest **out)
{
	struct digest *d = calloc(1, sizeof(*d));

	*out = NULL;
	if (d == NULL)
		return -ENOMEM;
	d->ctx = EVP_MD_CTX_new();
	if (d->ctx == NULL) {
		free(d);
		return -ENOMEM;
	}
	begin(d);
	*out = d;
	return 0;
}

void digest_free(struct digest *d)
{
	if (d == NULL)
		return;
	EVP_MD_CTX_free(d->ctx);
	free(d);
}

void digest_put(struct digest *d, struct str bytes)
{
	if (!d->failed && bytes.n > 0 &&
	    EVP_DigestUpdate(d->ctx, bytes.p, bytes.n) != 1)
		d->failed = true;
}

int digest_take(struct digest *d, unsigned char out[DIGEST_BYTES])
{
	bool failed = d->failed || EVP_DigestFinal_ex(d->ctx, out, NULL) != 1;

	begin(d);
	return failed ? -EIO : 0;
}
