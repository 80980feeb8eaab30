/* SPDX-License-Identifier: ISC */
/* lib/tls/info.c — what a TLS handshake came to, and how it is written. */
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdio.h>

#include "base/buf.h"
#include "tls/wire.h"

/* ---- writing ------------------------------------------------------------- */

struct str tls_trust_word(enum tls_trust trust)
{
	switch (trust) {
	case TLS_NO_TRUST:
		break;
	case TLS_ANONYMOUS:
		return STR("Anonymous");
	case TLS_UNTRUSTED:
		return STR("Untrusted");
	case TLS_TRUSTED:
		return STR("Trusted");
	case TLS_VERIFIED:
		return STR("Verified");
	}
	return STR("");
}

bool tls_info_put_cipher(struct buf *to, const struct tls_info *info)
{
	return buf_putf(to, "%s with cipher %s (%u/%u bits)", info->protocol,
			info->cipher, info->bits, info->algorithm_bits);
}

bool tls_info_put_details(struct buf *to, const struct tls_info *info)
{
	const struct {
		const char *name;
		const char *value;
	} parts[] = {
		{"key-exchange", info->exchange},
		{"server-signature", info->server_signature},
		{"server-digest", info->server_digest},
		{"client-signature", info->client_signature},
		{"client-digest", info->client_digest},
	};
	const char *blank = "";

	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		if (parts[i].value[0] == '\0')
			continue;
		buf_putf(to, "%s%s %s", blank, parts[i].name, parts[i].value);
		blank = " ";
	}
	return !to->failed;
}

bool tls_info_put_line(struct buf *to, const struct tls_info *info,
		       struct str way, struct str peer)
{
	BUF_SCOPED details = BUF_INIT(512);

	buf_put(to, tls_trust_word(info->trust));
	buf_putf(to, " TLS connection %s " STR_FMT " " STR_FMT ": ",
		 info->resumed ? "reused" : "established", STR_ARG(way),
		 STR_ARG(peer));
	tls_info_put_cipher(to, info);
	if (tls_info_put_details(&details, info) && details.n > 0) {
		buf_put_byte(to, ' ');
		buf_put(to, buf_str(&details));
	}
	return !to->failed;
}

/* ---- reading the handshake ----------------------------------------------- */

/* Copy what is printable, as much as fits. */
static void set_text(char *to, size_t cap, struct str from)
{
	size_t n = from.n < cap - 1 ? from.n : cap - 1;

	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)from.p[i];

		to[i] = (char)(c < ' ' || c == 0x7f ? '?' : c);
	}
	to[n] = '\0';
}

static void set_text_c(char *to, size_t cap, const char *from)
{
	set_text(to, cap, str_of_c(from));
}

/* "ECDSA (prime256v1)", "RSA-PSS (2048 bits)", "ECDHE (prime256v1)", "X25519":
 * `word`, and what is known of the key. */
static void set_key_text(char *to, size_t cap, const char *word, EVP_PKEY *key)
{
	char group[24];
	size_t n;

	if (EVP_PKEY_is_a(key, "EC") &&
	    EVP_PKEY_get_group_name(key, group, sizeof(group), &n) == 1)
		snprintf(to, cap, "%s (%s)", word, group);
	else if (EVP_PKEY_is_a(key, "RSA") || EVP_PKEY_is_a(key, "RSA-PSS") ||
		 EVP_PKEY_is_a(key, "DH"))
		snprintf(to, cap, "%s (%d bits)", word, EVP_PKEY_get_bits(key));
	else
		snprintf(to, cap, "%s", word);
}

static void set_exchange(struct tls_info *info, SSL *ssl)
{
	EVP_PKEY *key = NULL;
	const char *word = "";

	if (SSL_get_peer_tmp_key(ssl, &key) != 1 || key == NULL)
		return;
	if (EVP_PKEY_is_a(key, "EC"))
		word = "ECDHE";
	else if (EVP_PKEY_is_a(key, "DH"))
		word = "DHE";
	else if (EVP_PKEY_get0_type_name(key) != NULL)
		word = EVP_PKEY_get0_type_name(key);
	set_key_text(info->exchange, sizeof(info->exchange), word, key);
	EVP_PKEY_free(key);
}

static const char *signature_word(int type)
{
	switch (type) {
	case EVP_PKEY_RSA:
		return "RSA";
	case EVP_PKEY_RSA_PSS:
		return "RSA-PSS";
	case EVP_PKEY_EC:
		return "ECDSA";
	default:
		return OBJ_nid2sn(type);
	}
}

/* The signature that went with `cert`. */
static void set_signature(char *to, size_t cap, char *digest, size_t digest_cap,
			  X509 *cert, int type, int digest_nid)
{
	EVP_PKEY *key = cert == NULL ? NULL : X509_get0_pubkey(cert);

	if (key == NULL || type == NID_undef)
		return;
	set_key_text(to, cap, signature_word(type), key);
	if (digest_nid != NID_undef)
		set_text_c(digest, digest_cap, OBJ_nid2sn(digest_nid));
}

/* Signatures are worth a word since TLS 1.3, where the cipher's name no longer
 * says how the key was agreed and who signed. */
static void set_signatures(struct tls_info *info, SSL *ssl, X509 *peer)
{
	X509 *own = SSL_get_certificate(ssl);
	bool server = SSL_is_server(ssl) == 1;
	int own_type = NID_undef;
	int own_digest = NID_undef;
	int peer_type = NID_undef;
	int peer_digest = NID_undef;

	if (SSL_version(ssl) < TLS1_3_VERSION)
		return;
	set_exchange(info, ssl);
	if (info->resumed)
		return; /* nobody signed */
	if (SSL_get_signature_type_nid(ssl, &own_type) != 1)
		own_type = NID_undef;
	if (SSL_get_signature_nid(ssl, &own_digest) != 1)
		own_digest = NID_undef;
	if (SSL_get_peer_signature_type_nid(ssl, &peer_type) != 1)
		peer_type = NID_undef;
	if (SSL_get_peer_signature_nid(ssl, &peer_digest) != 1)
		peer_digest = NID_undef;
	set_signature(info->server_signature, sizeof(info->server_signature),
		      info->server_digest, sizeof(info->server_digest),
		      server ? own : peer, server ? own_type : peer_type,
		      server ? own_digest : peer_digest);
	set_signature(info->client_signature, sizeof(info->client_signature),
		      info->client_digest, sizeof(info->client_digest),
		      server ? peer : own, server ? peer_type : own_type,
		      server ? peer_digest : own_digest);
}

/* The CN, or what comes instead. */
static void set_name(char *to, size_t cap, X509_NAME *name)
{
	static const int nids[] = {NID_commonName, NID_organizationName,
				   NID_organizationalUnitName};

	for (size_t i = 0; i < ARRAY_LEN(nids); i++) {
		int at = X509_NAME_get_index_by_NID(name, nids[i], -1);
		unsigned char *text = NULL;
		int n;

		if (at < 0)
			continue;
		n = ASN1_STRING_to_UTF8(&text,
					X509_NAME_ENTRY_get_data(
						X509_NAME_get_entry(name, at)));
		if (n > 0)
			set_text(to, cap, str_of(text, (size_t)n));
		OPENSSL_free(text);
		if (n > 0)
			return;
	}
}

static void set_fingerprint(struct tls_info *info, X509 *peer)
{
	unsigned char md[EVP_MAX_MD_SIZE];
	unsigned n = 0;
	size_t used = 0;

	if (X509_digest(peer, EVP_sha256(), md, &n) != 1)
		return;
	for (unsigned i = 0; i < n && used + 4 < sizeof(info->fingerprint);
	     i++) {
		snprintf(info->fingerprint + used,
			 sizeof(info->fingerprint) - used, "%s%02X",
			 i == 0 ? "" : ":", md[i]);
		used += i == 0 ? 2 : 3;
	}
}

static enum tls_trust judge_peer(SSL *ssl, X509 *peer, bool names_match)
{
	if (peer == NULL)
		return TLS_ANONYMOUS;
	if (SSL_get_verify_result(ssl) != X509_V_OK)
		return TLS_UNTRUSTED;
	return names_match ? TLS_VERIFIED : TLS_TRUSTED;
}

void tls_info_fill(struct tls_info *info, SSL *ssl, bool names_match)
{
	X509 *peer = SSL_get1_peer_certificate(ssl);
	const SSL_CIPHER *cipher = SSL_get_current_cipher(ssl);
	int algorithm_bits = 0;

	*info = (struct tls_info){.trust = judge_peer(ssl, peer, names_match)};
	info->resumed = SSL_session_reused(ssl) == 1;
	set_text_c(info->protocol, sizeof(info->protocol),
		   SSL_get_version(ssl));
	if (cipher != NULL) {
		set_text_c(info->cipher, sizeof(info->cipher),
			   SSL_CIPHER_get_name(cipher));
		info->bits =
			(unsigned)SSL_CIPHER_get_bits(cipher, &algorithm_bits);
		info->algorithm_bits = (unsigned)algorithm_bits;
	}
	set_signatures(info, ssl, peer);
	if (peer != NULL) {
		set_name(info->peer_name, sizeof(info->peer_name),
			 X509_get_subject_name(peer));
		set_name(info->issuer_name, sizeof(info->issuer_name),
			 X509_get_issuer_name(peer));
		set_fingerprint(info, peer);
	}
	if (SSL_is_server(ssl) == 1) {
		info->asked_peer =
			(SSL_get_verify_mode(ssl) & SSL_VERIFY_PEER) != 0;
		set_text_c(info->sni, sizeof(info->sni),
			   SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name));
	}
	X509_free(peer);
	ERR_clear_error();
}
