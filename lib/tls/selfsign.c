/* SPDX-License-Identifier: ISC */
/* lib/tls/selfsign.c — make a key and a certificate that it signed itself. */
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/why.h"
#include "tls/context.h"
#include "tls/selfsign.h"

enum { TEN_YEARS = 3652 };

/* ---- the certificate ----------------------------------------------------- */

static bool add_extension(X509 *cert, int nid, const char *value)
{
	X509_EXTENSION *e;
	X509V3_CTX ctx;
	bool ok;

	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, cert, cert, NULL, NULL, 0);
	e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	ok = e != NULL && X509_add_ext(cert, e, -1) == 1;
	X509_EXTENSION_free(e);
	return ok;
}

static bool add_names(X509 *cert, const struct selfsign_opts *opts)
{
	GENERAL_NAMES *names = GENERAL_NAMES_new();
	bool ok = names != NULL;

	for (size_t i = 0; ok && i < opts->name_count; i++) {
		GENERAL_NAME *name = GENERAL_NAME_new();
		ASN1_IA5STRING *text = ASN1_IA5STRING_new();

		ok = name != NULL && text != NULL &&
		     ASN1_STRING_set(text, opts->names[i].p,
				     (int)opts->names[i].n) == 1;
		if (ok) {
			GENERAL_NAME_set0_value(name, GEN_DNS, text);
			text = NULL;
			ok = sk_GENERAL_NAME_push(names, name) > 0;
			if (ok)
				name = NULL;
		}
		ASN1_IA5STRING_free(text);
		GENERAL_NAME_free(name);
	}
	ok = ok && X509_add1_ext_i2d(cert, NID_subject_alt_name, names, 0,
				     X509V3_ADD_DEFAULT) == 1;
	GENERAL_NAMES_free(names);
	return ok;
}

static bool set_serial(X509 *cert)
{
	unsigned char bytes[16];
	BIGNUM *number;
	bool ok;

	if (RAND_bytes(bytes, sizeof(bytes)) != 1)
		return false;
	bytes[0] &= 0x7f;
	number = BN_bin2bn(bytes, sizeof(bytes), NULL);
	ok = number != NULL &&
	     BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert)) != NULL;
	BN_free(number);
	return ok;
}

/* RFC 5280 A.1: a CN has 64 characters at most; the rest is in the names. */
static bool set_subject(X509 *cert, struct str name)
{
	X509_NAME *subject = X509_get_subject_name(cert);
	struct str cn = str_first(name, 64);

	return X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
					  (const unsigned char *)cn.p,
					  (int)cn.n, -1, 0) == 1 &&
	       X509_set_issuer_name(cert, subject) == 1;
}

/* Gives: the certificate; NULL on failure. */
static X509 *make_cert(const struct selfsign_opts *opts, EVP_PKEY *key)
{
	X509 *cert = X509_new();
	long days = opts->days > 0 ? (long)opts->days : TEN_YEARS;

	if (cert != NULL && X509_set_version(cert, 2) == 1 &&
	    set_serial(cert) && set_subject(cert, opts->names[0]) &&
	    X509_gmtime_adj(X509_getm_notBefore(cert), -3600) != NULL &&
	    X509_time_adj_ex(X509_getm_notAfter(cert), (int)days, 0, NULL) !=
		    NULL &&
	    X509_set_pubkey(cert, key) == 1 &&
	    add_extension(cert, NID_basic_constraints, "critical,CA:FALSE") &&
	    add_extension(cert, NID_key_usage, "critical,digitalSignature") &&
	    add_extension(cert, NID_ext_key_usage, "serverAuth,clientAuth") &&
	    add_extension(cert, NID_subject_key_identifier, "hash") &&
	    add_names(cert, opts) && X509_sign(cert, key, EVP_sha256()) > 0)
		return cert;
	X509_free(cert);
	return NULL;
}

/* ---- the files ----------------------------------------------------------- */

static int write_stable(int fd, struct str s)
{
	int error = fd_write_all(fd, s);

	return error != 0 || fsync(fd) == 0 ? error : -errno;
}

/* Make the file `path`, which must not exist. */
static int make_file(const char *path, mode_t mode, struct str bytes,
		     struct why *why)
{
	int fd =
		open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
		     mode);
	int error = fd < 0 ? -errno : write_stable(fd, bytes);

	if (fd >= 0 && fchmod(fd, mode) != 0 && error == 0)
		error = -errno;
	if (fd >= 0 && close(fd) != 0 && error == 0)
		error = -errno;
	if (error == 0)
		return 0;
	if (fd >= 0)
		(void)unlink(path);
	return why_fail(why, error, "cannot make %s: %s", path,
			strerror(-error));
}

static int write_files(const struct selfsign_opts *opts, struct str key,
		       struct str cert, struct str both, struct why *why)
{
	int error;

	if (strcmp(opts->key_path, opts->cert_path) == 0)
		return make_file(opts->key_path, 0600, both, why);
	error = make_file(opts->key_path, 0600, key, why);
	if (error != 0)
		return error;
	error = make_file(opts->cert_path, 0644, cert, why);
	if (error != 0)
		(void)unlink(opts->key_path);
	return error;
}

/* The bytes of a memory BIO; borrowed from it. */
static struct str bio_bytes(BIO *bio)
{
	char *p = NULL;
	long n = BIO_get_mem_data(bio, &p);

	return str_of(p, n > 0 ? (size_t)n : 0);
}

int tls_selfsign(const struct selfsign_opts *opts, struct why *why)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = key == NULL || opts->name_count == 0
			     ? NULL
			     : make_cert(opts, key);
	BIO *both = BIO_new(BIO_s_secmem());
	int error;

	if (cert == NULL || both == NULL ||
	    PEM_write_bio_PrivateKey(both, key, NULL, NULL, 0, NULL, NULL) !=
		    1) {
		error = why_fail(why, -EIO, "cannot make a certificate: %s",
				 openssl_words());
	} else {
		size_t key_size = bio_bytes(both).n;

		error = PEM_write_bio_X509(both, cert) == 1 ? 0 : -EIO;
		if (error == 0)
			error = write_files(
				opts, str_first(bio_bytes(both), key_size),
				str_after(bio_bytes(both), key_size),
				bio_bytes(both), why);
	}
	BIO_free(both);
	X509_free(cert);
	EVP_PKEY_free(key);
	return error;
}
