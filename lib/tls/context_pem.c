/* SPDX-License-Identifier: ISC */
/* lib/tls/context_pem.c — certificates, keys, issuers and DH parameters, out
 * of PEM files.
 *
 * Keys are read into memory that is wiped.  Keys with a pass phrase are
 * refused: there is nobody to ask. */
#include <errno.h>
#include <limits.h>
#include <openssl/pem.h>

#include "base/buf.h"
#include "base/byteset.h"
#include "base/why.h"
#include "tls/context.h"

enum { PEM_FILE_MAX = 4 * 1024 * 1024 };

static int no_phrase(char *p, int size, int writing, void *arg)
{
	(void)p;
	(void)size;
	(void)writing;
	(void)arg;
	return -1;
}

static bool is_named(struct str file)
{
	return file.n > 0 && !str_eq(file, STR("none"));
}

/* ---- a certificate with its key ------------------------------------------ */

/* What is being gathered: a key, its certificate, the chain above that. */
struct pair {
	EVP_PKEY *key;
	X509 *leaf;
	STACK_OF(X509) * chain;
};

static void pair_release(struct pair *p)
{
	EVP_PKEY_free(p->key);
	X509_free(p->leaf);
	sk_X509_pop_free(p->chain, X509_free);
	*p = (struct pair){NULL, NULL, NULL};
}

/* Give the pair to the context. */
static int pair_use(SSL_CTX *context, struct pair *p, struct str file,
		    size_t *loaded, struct why *why)
{
	if (p->leaf == NULL)
		return why_fail(why, -EINVAL, STR_FMT ": no certificate",
				STR_ARG(file));
	if (p->key == NULL)
		return why_fail(why, -EINVAL, STR_FMT ": no usable key: %s",
				STR_ARG(file), openssl_words());
	if (SSL_CTX_use_cert_and_key(context, p->leaf, p->key, p->chain, 1) !=
	    1)
		return why_fail(why, -EINVAL, STR_FMT ": %s", STR_ARG(file),
				openssl_words());
	++*loaded;
	return 0;
}

static int pair_take_cert(struct pair *p, X509_INFO *info)
{
	X509 *cert = info->x509;

	info->x509 = NULL;
	if (p->leaf == NULL) {
		p->leaf = cert;
		return 0;
	}
	if (p->chain == NULL)
		p->chain = sk_X509_new_null();
	if (p->chain == NULL || sk_X509_push(p->chain, cert) == 0) {
		X509_free(cert);
		return -ENOMEM;
	}
	return 0;
}

/* Gives: the key of the block; NULL when there is none. */
static EVP_PKEY *take_key(X509_INFO *info)
{
	EVP_PKEY *key = NULL;

	if (info->x_pkey != NULL) {
		key = info->x_pkey->dec_pkey;
		info->x_pkey->dec_pkey = NULL;
	}
	return key;
}

enum { TAKE_CERTS = 1 << 0, TAKE_KEYS = 1 << 1 };

/* The PEM blocks of a file that was read.
 * Gives: *out.  Returns: 0 or -EINVAL with words. */
static int parse_blocks(const struct buf *pem, struct str file,
			STACK_OF(X509_INFO) * *out, struct why *why)
{
	BIO *bio = BIO_new_mem_buf(pem->p, (int)pem->n);

	*out = bio == NULL ? NULL
			   : PEM_X509_INFO_read_bio(bio, NULL, no_phrase, NULL);
	BIO_free(bio);
	if (*out == NULL)
		return why_fail(why, -EINVAL, STR_FMT ": %s", STR_ARG(file),
				openssl_words());
	return 0;
}

/* Add what `file` has to the pair; the first key counts. */
static int gather(struct pair *p, const struct files *files, struct str file,
		  int what, struct why *why)
{
	struct buf pem = BUF_INIT(PEM_FILE_MAX);
	STACK_OF(X509_INFO) *blocks = NULL;
	int error = files_read(files, file, &pem, why);

	if (error == 0)
		error = parse_blocks(&pem, file, &blocks, why);
	buf_wipe(&pem);
	for (int i = 0; error == 0 && i < sk_X509_INFO_num(blocks); i++) {
		X509_INFO *info = sk_X509_INFO_value(blocks, i);

		if ((what & TAKE_KEYS) != 0 && p->key == NULL)
			p->key = take_key(info);
		if ((what & TAKE_CERTS) != 0 && info->x509 != NULL)
			error = pair_take_cert(p, info);
	}
	sk_X509_INFO_pop_free(blocks, X509_INFO_free);
	return error;
}

static int load_pair(SSL_CTX *context, struct str cert_file,
		     struct str key_file, const struct files *files,
		     size_t *loaded, struct why *why)
{
	struct pair p = {NULL, NULL, NULL};
	bool apart = is_named(key_file) && !str_eq(key_file, cert_file);
	int error = 0;

	if (!is_named(cert_file))
		return 0;
	if (apart)
		error = gather(&p, files, key_file, TAKE_KEYS, why);
	if (error == 0)
		error = gather(&p, files, cert_file,
			       apart ? TAKE_CERTS : TAKE_CERTS | TAKE_KEYS,
			       why);
	if (error == 0)
		error = pair_use(context, &p, cert_file, loaded, why);
	pair_release(&p);
	return error;
}

/* ---- chains: a key, its certificate and chain; then the next ------------- */

static int use_chains(SSL_CTX *context, STACK_OF(X509_INFO) * blocks,
		      struct str files, size_t *loaded, struct why *why)
{
	struct pair p = {NULL, NULL, NULL};
	int error = 0;

	for (int i = 0; error == 0 && i < sk_X509_INFO_num(blocks); i++) {
		X509_INFO *info = sk_X509_INFO_value(blocks, i);
		EVP_PKEY *key = take_key(info);

		if (key != NULL && p.key != NULL) {
			error = pair_use(context, &p, files, loaded, why);
			pair_release(&p);
		}
		if (key != NULL)
			p.key = key;
		if (error == 0 && info->x509 != NULL)
			error = pair_take_cert(&p, info);
	}
	if (error == 0)
		error = pair_use(context, &p, files, loaded, why);
	pair_release(&p);
	return error;
}

static int load_chains(SSL_CTX *context, struct str list,
		       const struct files *files, size_t *loaded,
		       struct why *why)
{
	struct buf pem = BUF_INIT(PEM_FILE_MAX);
	STACK_OF(X509_INFO) *blocks = NULL;
	struct str rest = list;
	struct str file;
	int error = 0;

	while (error == 0 && str_next_word(&rest, &byteset_separator, &file)) {
		error = files_read(files, file, &pem, why);
		buf_put_byte(&pem, '\n');
	}
	if (error == 0)
		error = parse_blocks(&pem, list, &blocks, why);
	buf_wipe(&pem);
	if (error == 0)
		error = use_chains(context, blocks, list, loaded, why);
	sk_X509_INFO_pop_free(blocks, X509_INFO_free);
	return error;
}

int context_load_pairs(SSL_CTX *context, const struct context_opts *opts,
		       const struct files *files, size_t *loaded,
		       struct why *why)
{
	int error;

	*loaded = 0;
	if (is_named(opts->chain_files))
		return load_chains(context, opts->chain_files, files, loaded,
				   why);
	error = load_pair(context, opts->cert_file, opts->key_file, files,
			  loaded, why);
	if (error == 0)
		error = load_pair(context, opts->eccert_file, opts->eckey_file,
				  files, loaded, why);
	return error;
}

/* ---- issuers ------------------------------------------------------------- */

static int add_issuers(SSL_CTX *context, const struct context_opts *opts,
		       const struct buf *pem, struct why *why)
{
	BIO *bio = BIO_new_mem_buf(pem->p, (int)pem->n);
	X509_STORE *store = SSL_CTX_get_cert_store(context);
	X509 *cert;
	size_t count = 0;

	if (bio == NULL)
		return why_fail(why, -ENOMEM, "out of memory");
	while ((cert = PEM_read_bio_X509(bio, NULL, no_phrase, NULL)) != NULL) {
		count += X509_STORE_add_cert(store, cert) == 1;
		if (opts->server && opts->ask_client)
			(void)SSL_CTX_add_client_CA(context, cert);
		X509_free(cert);
	}
	BIO_free(bio);
	(void)openssl_words();
	if (count == 0)
		return why_fail(why, -EINVAL, STR_FMT ": no certificate",
				STR_ARG(opts->ca_file));
	return 0;
}

int context_load_issuers(SSL_CTX *context, const struct context_opts *opts,
			 const struct files *files, struct why *why)
{
	struct buf pem = BUF_INIT(PEM_FILE_MAX);
	char path[PATH_MAX];
	int error = 0;

	if (is_named(opts->ca_file)) {
		error = files_read(files, opts->ca_file, &pem, why);
		if (error == 0)
			error = add_issuers(context, opts, &pem, why);
		buf_release(&pem);
	}
	if (error == 0 && is_named(opts->ca_path) &&
	    (!str_to_c(opts->ca_path, path, sizeof(path)) ||
	     SSL_CTX_load_verify_dir(context, path) != 1))
		error = why_fail(why, -EINVAL, STR_FMT ": %s",
				 STR_ARG(opts->ca_path), openssl_words());
	return error;
}

/* ---- DH parameters ------------------------------------------------------- */

int context_load_dh(SSL_CTX *context, const struct context_opts *opts,
		    const struct files *files, struct why *why)
{
	struct buf pem = BUF_INIT(PEM_FILE_MAX);
	EVP_PKEY *dh = NULL;
	BIO *bio;
	int error;

	if (!is_named(opts->dh_file) || str_eq(opts->dh_file, STR("auto"))) {
		SSL_CTX_set_dh_auto(context, 1);
		return 0;
	}
	error = files_read(files, opts->dh_file, &pem, why);
	if (error != 0)
		return error;
	bio = BIO_new_mem_buf(pem.p, (int)pem.n);
	if (bio != NULL)
		dh = PEM_read_bio_Parameters(bio, NULL);
	BIO_free(bio);
	buf_release(&pem);
	if (dh != NULL && SSL_CTX_set0_tmp_dh_pkey(context, dh) == 1)
		return 0;
	EVP_PKEY_free(dh);
	return why_fail(why, -EINVAL, STR_FMT ": %s", STR_ARG(opts->dh_file),
			openssl_words());
}
