/* SPDX-License-Identifier: ISC */
/* lib/conf/dbms.c — the parameter suffixes of each kind of database. */
#include "conf/dbms.h"

#define SQL                                                                    \
	"additional_conditions dbname domain expansion_limit hosts password "  \
	"query result_format select_field table user where_field "

static const struct {
	struct str type;
	struct str suffixes;
} rows[] = {
	{STR_INIT("ldap"),
	 STR_INIT("bind bind_dn bind_pw cache cache_expiry cache_size "
		  "chase_referrals debuglevel dereference domain "
		  "expansion_limit leaf_result_attribute query_filter "
		  "recursion_limit result_attribute result_filter "
		  "result_format sasl_authz_id sasl_mechs sasl_minssf "
		  "sasl_realm scope search_base server_host server_port "
		  "size_limit special_result_attribute start_tls "
		  "terminal_result_attribute timeout tls_ca_cert_dir "
		  "tls_ca_cert_file tls_cert tls_cipher_suite tls_key "
		  "tls_random_file tls_require_cert version")},
	{STR_INIT("mysql"),
	 STR_INIT(SQL "option_file option_group require_result_set "
		      "tls_CAfile tls_cert_file tls_ciphers tls_key_file "
		      "tls_verify_cert")},
	{STR_INIT("pgsql"), STR_INIT(SQL "select_function")},
	{STR_INIT("sqlite"),
	 STR_INIT("additional_conditions dbpath domain expansion_limit query "
		  "result_format select_field table where_field")},
	{STR_INIT("memcache"),
	 STR_INIT("backup data_size_limit domain flags key_format "
		  "line_size_limit max_try memcache retry_pause timeout ttl")},
};

struct str dbms_suffixes(struct str type)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (str_eq(rows[i].type, type))
			return rows[i].suffixes;
	}
	return STR("");
}
