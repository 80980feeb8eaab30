/* SPDX-License-Identifier: ISC */
/* lib/conf/check.c — the sanity checks before a start.
 *
 * One function per rule; a rule stops the start, or warns. */
#include "conf/check.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>

#include "base/buf.h"
#include "base/byteset.h"
#include "base/log.h"
#include "base/why.h"
#include "conf/conf.h"
#include "conf/mastercf.h"
#include "conf/param.h"
#include "conf/uses.h"
#include "mail/domain.h"

struct check {
	const struct conf *conf;
	const struct conf_common *common;
	const struct mastercf *master;
	unsigned flags;
	struct why *why;
};

static int stop(const struct check *k, const char *name, struct str value,
		const char *what)
{
	return why_fail(k->why, -EINVAL, "%s/main.cf: %s = " STR_FMT ": %s",
			conf_dir(k->conf), name, STR_ARG(value), what);
}

/* ---- names --------------------------------------------------------------- */

static int check_names(const struct check *k)
{
	struct str host = k->common->myhostname;
	struct str hop = k->common->relayhost;

	if (!domain_is_hostname(host))
		return stop(k, "myhostname", host,
			    "a fully qualified host name is wanted");
	if (!domain_is_fqdn(host))
		log_warning("myhostname = " STR_FMT
			    " has no domain: other sites may not like it",
			    STR_ARG(host));
	if (str_eat(&hop, STR("[")))
		(void)str_cut(hop, ']', &hop, NULL);
	if (hop.n > 0 && str_eq_nocase(hop, host))
		return stop(k, "relayhost", k->common->relayhost,
			    "that is this machine (myhostname)");
	if (str_eq_nocase(k->common->mydomain, k->common->relayhost) &&
	    hop.n > 0 && str_eq_nocase(k->common->myorigin, hop))
		log_warning("relayhost = " STR_FMT " is also myorigin",
			    STR_ARG(hop));
	return 0;
}

/* ---- accounts ------------------------------------------------------------ */

static const struct passwd *account(struct str name)
{
	char text[256];

	return str_to_c(name, text, sizeof(text)) ? getpwnam(text) : NULL;
}

static int check_owner(const struct check *k, uid_t *owner)
{
	const struct passwd *pw = account(k->common->mail_owner), *other;

	if (pw == NULL)
		return stop(k, "mail_owner", k->common->mail_owner,
			    "there is no such user");
	*owner = pw->pw_uid;
	if (*owner == 0)
		return stop(k, "mail_owner", k->common->mail_owner,
			    "an unprivileged user is wanted");
	other = getpwuid(*owner);
	if (other != NULL &&
	    !str_eq(str_of_c(other->pw_name), k->common->mail_owner))
		return stop(k, "mail_owner", k->common->mail_owner,
			    "another user has the same user id");
	return 0;
}

static int check_group(const struct check *k)
{
	char text[256];
	const struct group *gr =
		str_to_c(k->common->setgid_group, text, sizeof(text))
			? getgrnam(text)
			: NULL;
	const struct passwd *owner;

	if (gr == NULL)
		return stop(k, "setgid_group", k->common->setgid_group,
			    "there is no such group");
	if (gr->gr_gid == 0)
		return stop(k, "setgid_group", k->common->setgid_group,
			    "an unprivileged group is wanted");
	owner = account(k->common->mail_owner);
	if (owner != NULL && owner->pw_gid == gr->gr_gid)
		return stop(k, "setgid_group", k->common->setgid_group,
			    "mail_owner has the same group");
	return 0;
}

static int check_accounts(const struct check *k)
{
	const struct passwd *nobody;
	uid_t owner = 0;
	int error;

	if (k->flags & CONF_CHECK_SINGLE_UID)
		return 0;
	error = check_owner(k, &owner);
	if (error == 0)
		error = check_group(k);
	if (error < 0)
		return error;
	nobody = account(k->common->default_privs);
	if (nobody == NULL)
		return stop(k, "default_privs", k->common->default_privs,
			    "there is no such user");
	if (nobody->pw_uid == 0 || nobody->pw_uid == owner)
		return stop(k, "default_privs", k->common->default_privs,
			    "a user that is neither root nor mail_owner is "
			    "wanted");
	return 0;
}

/* ---- limits -------------------------------------------------------------- */

/* A site that does not use the delivery agent which reads `name` is not
 * concerned, so this does not stop the system. */
static int check_mailbox_limit(const struct check *k, const char *name,
			       uint64_t limit)
{
	uint64_t message = k->common->message_size_limit;

	if (limit != 0 && (message == 0 || message > limit))
		log_warning("%s/main.cf: %s (%llu) is smaller than "
			    "message_size_limit (%llu): larger messages will "
			    "bounce from these mailboxes",
			    conf_dir(k->conf), name, (unsigned long long)limit,
			    (unsigned long long)message);
	return 0;
}

static int check_limits(const struct check *k)
{
	uint64_t free_bytes = k->common->queue_minfree;
	uint64_t message = k->common->message_size_limit;
	int error = check_mailbox_limit(k, "mailbox_size_limit",
					k->common->mailbox_size_limit);

	if (error == 0)
		error = check_mailbox_limit(k, "virtual_mailbox_limit",
					    k->common->virtual_mailbox_limit);
	if (error == 0 && free_bytes > 0 && free_bytes / 3 * 2 < message)
		log_warning("queue_minfree (%llu) should be at least 1.5 times "
			    "message_size_limit (%llu)",
			    (unsigned long long)free_bytes,
			    (unsigned long long)message);
	return error;
}

/* ---- restrictions -------------------------------------------------------- */

static int check_classes(const struct check *k)
{
	BUF_SCOPED classes = BUF_INIT(CONF_VALUE_MAX);
	struct str rest, word;
	int error =
		conf_value(k->conf, STR("smtpd_restriction_classes"), &classes);

	rest = buf_str(&classes);
	while (error == 0 && conf_list_next(&rest, &word)) {
		if (!conf_is_set(k->conf, word))
			return stop(k, "smtpd_restriction_classes", word,
				    "the class has no definition");
	}
	return 0;
}

/* Whether some element of the list `name` refuses what is not ours. */
static bool refuses(const struct check *k, struct str name)
{
	static const struct str words[] = {
		STR_INIT("reject"),
		STR_INIT("defer"),
		STR_INIT("defer_if_permit"),
		STR_INIT("reject_unauth_destination"),
		STR_INIT("defer_unauth_destination"),
		STR_INIT("check_relay_domains"),
	};
	BUF_SCOPED list = BUF_INIT(CONF_VALUE_MAX);
	struct str rest, word;

	if (conf_value(k->conf, name, &list) < 0)
		return false;
	rest = buf_str(&list);
	while (conf_list_next(&rest, &word)) {
		(void)conf_unbrace(&word);
		for (size_t i = 0; i < ARRAY_LEN(words); i++) {
			if (str_eq_nocase(word, words[i]))
				return true;
		}
	}
	return false;
}

static int check_relaying(const struct check *k)
{
	if (conf_known(k->conf, STR("smtpd_relay_restrictions"))->row == NULL ||
	    refuses(k, STR("smtpd_relay_restrictions")) ||
	    refuses(k, STR("smtpd_recipient_restrictions")))
		return 0;
	return why_fail(k->why, -EINVAL,
			"%s/main.cf: in smtpd_relay_restrictions or "
			"smtpd_recipient_restrictions specify at least one of: "
			"reject_unauth_destination, defer_unauth_destination, "
			"reject, defer, defer_if_permit",
			conf_dir(k->conf));
}

/* ---- odd things ---------------------------------------------------------- */

static void warn_entry(const struct check *k, const struct conf_entry *e)
{
	const struct known *known = conf_known(k->conf, e->name);

	if (known != NULL && known->because != NULL)
		log_info("%s/main.cf, line %d: " STR_FMT " has no effect: %s",
			 conf_dir(k->conf), e->line, STR_ARG(e->name),
			 known->because);
}

static int check_entries(const struct check *k)
{
	struct uses *uses;
	const struct conf_entry *e;
	size_t cursor = 0;
	int error = uses_find(k->conf, k->master, &uses);

	if (error < 0)
		return why_fail(k->why, error, "out of memory");
	while ((e = conf_next_entry(k->conf, &cursor)) != NULL) {
		if (e->line == 0)
			continue;
		if (uses_has(uses, e->name))
			warn_entry(k, e);
		else
			log_warning("%s/main.cf, line %d: unused "
				    "parameter: " STR_FMT "=" STR_FMT,
				    conf_dir(k->conf), e->line,
				    STR_ARG(e->name), STR_ARG(e->value));
	}
	uses_free(uses);
	return 0;
}

int conf_check(const struct conf *c, const struct conf_common *common,
	       const struct mastercf *m, unsigned flags, struct why *why)
{
	static int (*const rules[])(const struct check *) = {
		check_names,   check_accounts, check_limits,
		check_classes, check_relaying, check_entries,
	};
	const struct check k = {c, common, m, flags, why};
	int error = 0;

	for (size_t i = 0; i < ARRAY_LEN(rules) && error == 0; i++)
		error = rules[i](&k);
	return error;
}
