/* SPDX-License-Identifier: ISC */
/* Who may log in: see user.h. */
#include "auth/user.h"

#include <crypt.h>
#include <errno.h>
#include <pwd.h>
#include <shadow.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "auth/pam.h"
#include "base/byteset.h"
#include "base/log.h"
#include "mail/address.h"

#define ACCOUNT_BYTES ((size_t)16384)

void user_init(struct user *u)
{
	*u = (struct user){0};
	buf_init(&u->name, USER_FIELD_MAX);
	buf_init(&u->home, USER_FIELD_MAX);
	buf_init(&u->mail, USER_FIELD_MAX);
}

void user_release(struct user *u)
{
	buf_release(&u->name);
	buf_release(&u->home);
	buf_release(&u->mail);
}

/* ---- passwords ----------------------------------------------------------- */

/* Equal, in a time that does not depend on where they differ. */
static bool same(const char *a, const char *b)
{
	size_t n = strlen(a);
	unsigned char differ = 0;

	if (strlen(b) != n)
		return false;
	for (size_t i = 0; i < n; i++)
		differ |= (unsigned char)(a[i] ^ b[i]);
	return differ == 0;
}

/* Whether crypt(3) makes `hash` of `password`.  A hash that crypt refuses
 * ("!", "*", empty) matches nothing; crypt without memory cannot tell. */
static enum user_answer match_hash(const char *hash, const char *password)
{
	struct crypt_data *data = calloc(1, sizeof(*data));
	enum user_answer answer = USER_NO;
	const char *made;

	if (data == NULL)
		return USER_LATER;
	errno = 0;
	made = crypt_r(password, hash, data);
	if (made == NULL || made[0] == '*')
		answer = errno == ENOMEM ? USER_LATER : USER_NO;
	else if (hash[0] != '\0' && same(made, hash))
		answer = USER_YES;
	explicit_bzero(data, sizeof(*data));
	free(data);
	return answer;
}

/* An unknown name must not be told by the time it takes. */
static void waste_time(const char *password)
{
	(void)match_hash("$y$j9T$F5Jx5fExrKuPp53xLKQ..1$"
			 "tnSYvahCwPBHKZUspmcxMfb0.WiB9W.zEaKlOBL35rC",
			 password);
}

/* ---- the users file ------------------------------------------------------ */

/* Take the next of the fields that ':' separates. */
static struct str next_field(struct str *line)
{
	struct str field;

	(void)str_cut(*line, ':', &field, line);
	return field;
}

static bool read_id(struct str text, uint32_t *out)
{
	uint64_t value;

	if (!str_to_u64(text, UINT32_MAX - 1, &value) || value == 0)
		return false;
	*out = (uint32_t)value;
	return true;
}

/* The rest of a line, behind the hash: uid:gid:gecos:home:shell:extra. */
static bool read_rest(struct str rest, struct user *out)
{
	struct str word;

	if (!read_id(next_field(&rest), &out->uid) ||
	    !read_id(next_field(&rest), &out->gid))
		return false;
	(void)next_field(&rest); /* gecos */
	(void)buf_put(&out->home, next_field(&rest));
	(void)next_field(&rest); /* shell */
	while (str_next_word(&rest, &byteset_space, &word))
		if (str_eat(&word, STR("mail=")))
			(void)buf_put(&out->mail, word);
	/* Where else would the mail of no account be. */
	if (out->mail.n == 0 && out->home.n > 0) {
		(void)buf_put(&out->mail, STR("maildir:"));
		(void)buf_put(&out->mail, buf_str(&out->home));
	}
	return !out->mail.failed && !out->home.failed;
}

static enum user_answer check_line(const char *path, struct str line,
				   const char *password, struct user *out)
{
	char hash[512];
	struct str text = next_field(&line);
	enum user_answer answer;

	if (str_begins_nocase(text, STR("{CRYPT}")))
		text = str_after(text, 7);
	if (!str_to_c(text, hash, sizeof(hash)))
		return USER_NO;
	answer = match_hash(hash, password);
	explicit_bzero(hash, sizeof(hash));
	if (answer != USER_YES)
		return answer;
	if (!read_rest(line, out)) {
		log_warning("%s: the line of this user has no valid uid and "
			    "gid: " STR_FMT,
			    path, STR_ARG(buf_str(&out->name)));
		return USER_LATER;
	}
	return USER_YES;
}

/* Look for `name` in the file.
 * Fills: *found, whether it has a line there. */
static enum user_answer check_file(const char *path, struct str name,
				   const char *password, struct user *out,
				   bool *found)
{
	FILE *f = fopen(path, "re");
	char *bytes = NULL;
	size_t room = 0;
	ssize_t n;
	enum user_answer answer = USER_NO;

	*found = false;
	if (f == NULL) {
		if (errno == ENOENT)
			return USER_NO;
		log_warning("%s: %s", path, strerror(errno));
		return USER_LATER;
	}
	while (!*found && (n = getline(&bytes, &room, f)) >= 0) {
		struct str line =
			str_trim(str_of(bytes, (size_t)n), &byteset_space);

		if (line.n == 0 || line.p[0] == '#' ||
		    !str_eq_nocase(next_field(&line), name))
			continue;
		*found = true;
		buf_reset(&out->name);
		(void)mail_address_fold(&out->name, name, true);
		answer = check_line(path, line, password, out);
	}
	if (ferror(f)) {
		log_warning("%s: read error", path);
		answer = USER_LATER;
	}
	if (bytes != NULL)
		explicit_bzero(bytes, room);
	free(bytes);
	fclose(f);
	return answer;
}

/* ---- system accounts ----------------------------------------------------- */

static enum user_answer check_shadow(const char *name, const char *password)
{
	char bytes[ACCOUNT_BYTES];
	struct spwd entry;
	struct spwd *found = NULL;
	int error = getspnam_r(name, &entry, bytes, sizeof(bytes), &found);
	long today = (long)(time(NULL) / 86400);
	enum user_answer answer;

	if (found == NULL) {
		waste_time(password);
		if (error == 0 || error == ENOENT)
			return USER_NO;
		log_warning("shadow file: %s", strerror(error));
		return USER_LATER;
	}
	answer = match_hash(found->sp_pwdp, password);
	if (answer == USER_YES && found->sp_expire > 0 &&
	    today >= found->sp_expire)
		answer = USER_NO;
	explicit_bzero(bytes, sizeof(bytes));
	return answer;
}

static enum user_answer check_system(const struct user_sources *s,
				     struct str name, const char *password,
				     struct user *out)
{
	char name_c[256];
	char bytes[ACCOUNT_BYTES];
	struct passwd entry;
	struct passwd *found = NULL;
	enum user_answer answer;
	int error;

	if (!str_to_c(name, name_c, sizeof(name_c)))
		return USER_NO;
	error = getpwnam_r(name_c, &entry, bytes, sizeof(bytes), &found);
	if (found == NULL && error != 0 && error != ENOENT && error != ESRCH) {
		log_warning("password file: %s", strerror(error));
		return USER_LATER;
	}
	if (found == NULL || found->pw_uid == 0 ||
	    (int64_t)found->pw_uid < s->first_uid) {
		waste_time(password);
		return USER_NO;
	}
	answer = s->shadow ? check_shadow(name_c, password)
			   : pam_check(s->pam_service, name_c, password);
	if (answer != USER_YES)
		return answer;
	(void)buf_put(&out->name, name);
	(void)buf_put(&out->home, str_of_c(found->pw_dir));
	out->uid = found->pw_uid;
	out->gid = found->pw_gid;
	return USER_YES;
}

/* ---- both
 * ------------------------------------------------------------------------------
 */

/* `name` without its domain, when that is one of the realms. */
static struct str without_realm(const char *realms, struct str name)
{
	struct str list = str_of_c(realms);
	struct str local;
	struct str domain;
	struct str word;

	if (!mail_address_split(name, &local, &domain))
		return name;
	while (str_next_word(&list, &byteset_separator, &word))
		if (str_eq_nocase(word, domain))
			return local;
	return name;
}

enum user_answer user_check(const struct user_sources *s, struct str name,
			    struct str password, struct user *out)
{
	char secret[1024];
	struct str bare = without_realm(s->realms, name);
	enum user_answer answer = USER_NO;
	bool found = false;

	if (name.n == 0 || name.n > 255 ||
	    str_find_byte(name, ':') != SIZE_MAX ||
	    str_find_byte(name, '\0') != SIZE_MAX ||
	    !str_to_c(password, secret, sizeof(secret)))
		return USER_NO;
	if (s->file != NULL)
		answer = check_file(s->file, name, secret, out, &found);
	if (s->file != NULL && answer == USER_NO && !found && bare.n != name.n)
		answer = check_file(s->file, bare, secret, out, &found);
	if (answer == USER_NO && !found) {
		buf_reset(&out->name);
		if (s->pam_service != NULL || s->shadow)
			answer = check_system(s, bare, secret, out);
		else
			waste_time(secret);
	}
	explicit_bzero(secret, sizeof(secret));
	return answer;
}
