/* SPDX-License-Identifier: ISC */
/* The texts of a new instance's files. */
#include "base/buf.h"
#include "ctl/init.h"

static void put_site(const struct init *i, struct buf *out)
{
	(void)buf_putf(out,
		       "# Made by `malote init`.  Every parameter of Postfix "
		       "means here what it means there;\n"
		       "# `postconf -n` lists what is set.\n"
		       "compatibility_level = 3.6\n\n"
		       "# Who we are.\n"
		       "myhostname = %s\n"
		       "mydomain = %s\n"
		       "myorigin = $mydomain\n"
		       "mydestination = %slocalhost.$mydomain, localhost\n"
		       "mynetworks = 127.0.0.0/8 [::1]/128\n"
		       "inet_interfaces = %s\n"
		       "inet_protocols = all\n\n",
		       i->hostname, i->domain,
		       str_eq_nocase(str_of_c(i->hostname), str_of_c(i->domain))
			       ? ""
			       : "$myhostname, ",
		       i->loopback ? "loopback-only" : "all");
	(void)buf_putf(out,
		       "# Where things are.\n"
		       "queue_directory = %s/spool\n"
		       "data_directory = %s/data\n"
		       "daemon_directory = %s\n"
		       "command_directory = %s\n"
		       "maillog_file = %s/log/mail.log\n"
		       "maillog_file_prefixes = /var, /dev/stdout, %s/log\n"
		       "mail_owner = %s\n"
		       "setgid_group = %s\n\n",
		       i->dir, i->dir, i->ctl->libexec, i->ctl->sbin, i->dir,
		       i->dir, i->owner, i->group);
}

static void put_users(const struct init *i, struct buf *out)
{
	(void)buf_putf(out,
		       "# Users of the system: aliases, then mailboxes below "
		       "mail/local.\n"
		       "alias_maps = hash:%s/aliases\n"
		       "alias_database = $alias_maps\n"
		       "mail_spool_directory = %s/mail/local\n"
		       "recipient_delimiter = +\n"
		       "biff = no\n\n"
		       "# Users of `malote user`: addresses in $mydomain, "
		       "mailboxes below mail/.\n"
		       "virtual_mailbox_domains = $mydomain\n"
		       "virtual_mailbox_maps = hash:%s/vmailbox\n"
		       "virtual_alias_maps = hash:%s/virtual\n"
		       "virtual_mailbox_base = %s/mail\n"
		       "virtual_uid_maps = static:%lu\n"
		       "virtual_gid_maps = static:%lu\n"
		       "virtual_minimum_uid = %lu\n\n",
		       i->dir, i->dir, i->dir, i->dir, i->dir,
		       (unsigned long)i->mail.uid, (unsigned long)i->mail.gid,
		       (unsigned long)(i->mail.uid < 100 ? i->mail.uid : 100));
	(void)buf_putf(
		out,
		"# Passwords are checked by auth(8), from the file users "
		"and the system's accounts.\n"
		"smtpd_sasl_type = dovecot\n"
		"smtpd_sasl_path = private/auth\n"
		"smtpd_tls_auth_only = yes\n"
		"smtpd_relay_restrictions = permit_mynetworks, "
		"permit_sasl_authenticated, defer_unauth_destination\n\n"
		"# Encryption.  Put a certificate of your own here.\n"
		"smtpd_tls_cert_file = %s/tls/cert.pem\n"
		"smtpd_tls_key_file = %s/tls/key.pem\n"
		"smtpd_tls_security_level = may\n"
		"smtp_tls_security_level = may\n",
		i->dir, i->dir);
}

void init_main_cf(const struct init *i, struct buf *out)
{
	put_site(i, out);
	put_users(i, out);
}

static const char columns[] =
	"# "
	"======================================================================"
	"====\n"
	"# service type  private unpriv  chroot  wakeup  maxproc command + "
	"args\n"
	"#               (yes)   (yes)   (no)    (never) (100)\n"
	"# "
	"======================================================================"
	"====\n";

static const char submission_options[] =
	"  -o smtpd_sasl_auth_enable=yes\n"
	"  -o smtpd_tls_auth_only=yes\n"
	"  -o smtpd_reject_unlisted_recipient=no\n"
	"  -o smtpd_relay_restrictions=permit_sasl_authenticated,reject\n"
	"  -o milter_macro_daemon_name=ORIGINATING\n";

/* One process does what several did: their rows stay, for those who know
 * them and for tools that look. */
static const char internal[] =
	"pickup    unix  n       -       n       60      1       pickup\n"
	"cleanup   unix  n       -       n       -       0       cleanup\n"
	"qmgr      unix  n       -       n       300     1       qmgr\n"
	"tlsmgr    unix  -       -       n       1000?   1       tlsmgr\n"
	"rewrite   unix  -       -       n       -       -       "
	"trivial-rewrite\n"
	"bounce    unix  -       -       n       -       0       bounce\n"
	"defer     unix  -       -       n       -       0       bounce\n"
	"trace     unix  -       -       n       -       0       bounce\n"
	"verify    unix  -       -       n       -       1       verify\n"
	"flush     unix  n       -       n       1000?   0       flush\n"
	"proxymap  unix  -       -       n       -       -       proxymap\n"
	"proxywrite unix -       -       n       -       1       proxymap\n"
	"smtp      unix  -       -       n       -       -       smtp\n"
	"relay     unix  -       -       n       -       -       smtp\n"
	"showq     unix  n       -       n       -       -       showq\n"
	"error     unix  -       -       n       -       -       error\n"
	"retry     unix  -       -       n       -       -       error\n"
	"discard   unix  -       -       n       -       -       discard\n"
	"local     unix  -       n       n       -       -       local\n"
	"virtual   unix  -       n       n       -       -       virtual\n"
	"lmtp      unix  -       -       n       -       -       lmtp\n"
	"anvil     unix  -       -       n       -       1       anvil\n"
	"scache    unix  -       -       n       -       1       scache\n"
	"postlog   unix-dgram n  -       n       -       1       postlogd\n"
	"auth      unix  -       n       n       -       0       auth\n"
	"auth-master unix -      n       n       -       0       auth-master\n";

static void put_inet(struct buf *out, const char *name, const char *unpriv,
		     const char *command)
{
	(void)buf_putf(
		out, "%-9s inet  n       %s       n       -       -       %s\n",
		name, unpriv, command);
}

void init_master_cf(const struct init *i, struct buf *out)
{
	(void)buf_putf(out, "# Made by `malote init`.\n%s", columns);
	put_inet(out, i->ports[INIT_SMTP], "-", "smtpd");
	put_inet(out, i->ports[INIT_SUBMISSION], "-", "smtpd");
	(void)buf_putf(out,
		       "  -o syslog_name=postfix/submission\n"
		       "  -o smtpd_tls_security_level=encrypt\n%s",
		       submission_options);
	put_inet(out, i->ports[INIT_SUBMISSIONS], "-", "smtpd");
	(void)buf_putf(out,
		       "  -o syslog_name=postfix/smtps\n"
		       "  -o smtpd_tls_wrappermode=yes\n%s",
		       submission_options);
	put_inet(out, i->ports[INIT_POP3], "n", "pop3d");
	put_inet(out, i->ports[INIT_POP3S], "n", "pop3d");
	(void)buf_putf(out, "  -o pop3d_tls_wrappermode=yes\n%s", internal);
}

void init_aliases(const struct init *i, struct buf *out)
{
	(void)i;
	(void)buf_put(out, STR("# Aliases of local users; `newaliases` after a "
			       "change.\n"
			       "mailer-daemon: postmaster\n"
			       "postmaster: root\n"
			       "# Somebody should read this:\n"
			       "# root: you@example.com\n"));
}

/* The addresses that every domain has to have, for people who look after
 * this one. */
void init_virtual(const struct init *i, struct buf *out)
{
	static const char *const names[] = {"postmaster", "abuse", "root",
					    "mailer-daemon"};

	(void)buf_put(out, STR("# Addresses that stand for others; `postmap "
			       "virtual` after a change.\n"));
	for (size_t n = 0; n < ARRAY_LEN(names); n++)
		(void)buf_putf(out, "%s@%s\troot@localhost.%s\n", names[n],
			       i->domain, i->domain);
}
