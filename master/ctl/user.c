/* SPDX-License-Identifier: ISC */
/* malote user: mailbox users that are not users of the system.
 *
 * A user is a line in DIR/users (name:hash:uid:gid::home::mail=…, which only
 * root and auth(8) read), a line in DIR/vmailbox (so that its address is known)
 * and a Maildir.  Both files are replaced whole; two of these commands at a
 * time wait for each other. */
#include <crypt.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <termios.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/byteset.h"
#include "base/why.h"
#include "ctl/malote.h"

enum { FILE_MAX = 64 << 20, NAME_MOST = 64, PASSWORD_MOST = 256 };

struct user_ctl {
	struct ctl *ctl;
	const char *name;
	const char *password; /* --password; NULL: ask */
	char users[CTL_PATH_MAX];
	char vmailbox[CTL_PATH_MAX];
	struct sandbox_ids mail;
};

/* ---- files of lines ------------------------------------------------------ */

/* Whether `line` is about `name`: it stands before `end`. */
static bool is_about(struct str line, struct str name, char end)
{
	return line.n > name.n && str_eq(str_first(line, name.n), name) &&
	       (line.p[name.n] == end ||
		(end == ' ' && line.p[name.n] == '\t'));
}

/* Copy `text` to `out` without the lines about `name`.
 * Returns: whether there was one; *line is it. */
static bool copy_without(struct str text, struct str name, char end,
			 struct buf *out, struct str *line)
{
	bool found = false;

	while (text.n > 0) {
		struct str one, rest;

		(void)str_cut(text, '\n', &one, &rest);
		text = rest;
		if (is_about(one, name, end)) {
			found = true;
			*line = one;
			continue;
		}
		(void)buf_put(out, one);
		(void)buf_put_byte(out, '\n');
	}
	return found;
}

/* Replace the file: owner and mode stay as they are made here. */
static int replace(const char *path, const struct buf *text, mode_t mode)
{
	struct why why;

	if (text->failed)
		return ctl_fatal("%s: out of memory, or too long", path);
	if (ctl_write_file(path, buf_str(text), mode, true, NULL, &why) < 0)
		return ctl_fatal("%s", why.text);
	return EXIT_SUCCESS;
}

static int read_file(const char *path, struct buf *out)
{
	struct why why;
	int error = ctl_read_file(path, out, &why);

	if (error < 0 && error != -ENOENT)
		return ctl_fatal("%s", why.text);
	return EXIT_SUCCESS;
}

static int rebuild(const struct user_ctl *u)
{
	char path[CTL_PATH_MAX], table[CTL_PATH_MAX + 8];

	ctl_path(path, str_of_c(u->ctl->sbin), "postmap");
	(void)snprintf(table, sizeof(table), "hash:%s", u->vmailbox);
	if (ctl_run((char *[]){path, table, NULL}) != 0)
		return ctl_fatal("%s could not be rebuilt", table);
	return EXIT_SUCCESS;
}

/* ---- passwords
 * ----------------------------------------------------------------------------
 */

static bool read_line(char *text, size_t max)
{
	if (fgets(text, (int)max, stdin) == NULL)
		return false;
	text[strcspn(text, "\r\n")] = '\0';
	return true;
}

static bool prompt(const char *words, char *text, size_t max)
{
	struct termios old, quiet;
	bool terminal = tcgetattr(STDIN_FILENO, &old) == 0, ok;

	if (!terminal)
		return read_line(text, max);
	quiet = old;
	quiet.c_lflag &= ~(tcflag_t)ECHO;
	(void)fputs(words, stderr);
	(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
	ok = read_line(text, max);
	(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &old);
	(void)fputc('\n', stderr);
	return ok;
}

static int ask_password(const struct user_ctl *u, char *text, size_t max)
{
	char again[PASSWORD_MOST];
	bool same = true;

	if (u->password != NULL) {
		if (strlen(u->password) >= max)
			return ctl_fatal("the password is too long");
		(void)snprintf(text, max, "%s", u->password);
	} else if (!prompt("Password: ", text, max))
		return ctl_fatal("no password was given");
	else if (isatty(STDIN_FILENO) == 1) {
		same = prompt("Again: ", again, sizeof(again)) &&
		       strcmp(text, again) == 0;
		explicit_bzero(again, sizeof(again));
	}
	if (!same)
		return ctl_fatal("that was not the same password");
	if (*text == '\0')
		return ctl_fatal("the password is empty");
	return EXIT_SUCCESS;
}

/* Fills: hash[CRYPT_OUTPUT_SIZE]. */
static int make_hash(const char *password, char *hash)
{
	char salt[CRYPT_GENSALT_OUTPUT_SIZE];
	struct crypt_data *data = calloc(1, sizeof(*data));
	const char *made = NULL;

	if (data == NULL)
		return ctl_fatal("out of memory");
	if (crypt_gensalt_rn("$y$", 0, NULL, 0, salt, sizeof(salt)) != NULL)
		made = crypt_r(password, salt, data);
	if (made != NULL && made[0] != '*')
		(void)snprintf(hash, CRYPT_OUTPUT_SIZE, "%s", made);
	else
		hash[0] = '\0';
	explicit_bzero(data, sizeof(*data));
	free(data);
	if (hash[0] == '\0')
		return ctl_fatal("this system's crypt(3) cannot do yescrypt");
	return EXIT_SUCCESS;
}

static int hash_password(const struct user_ctl *u, char *hash)
{
	char password[PASSWORD_MOST];
	int status = ask_password(u, password, sizeof(password));

	if (status == EXIT_SUCCESS)
		status = make_hash(password, hash);
	explicit_bzero(password, sizeof(password));
	return status;
}

/* ---- verbs
 * --------------------------------------------------------------------------------------
 */

static int make_maildir(const struct user_ctl *u)
{
	static const char *const parts[] = {"", "/tmp", "/new", "/cur"};
	const char *dir = conf_dir(u->ctl->conf);
	char path[CTL_PATH_MAX], name[NAME_MOST + 16];
	struct why why;

	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		(void)snprintf(name, sizeof(name), "mail/%s%s", u->name,
			       parts[i]);
		ctl_path(path, str_of_c(dir), name);
		if (ctl_make_folder(path, 0700, u->ctl->root ? &u->mail : NULL,
				    &why) < 0)
			return ctl_fatal("%s", why.text);
	}
	return EXIT_SUCCESS;
}

static int add_address(const struct user_ctl *u)
{
	BUF_SCOPED old = BUF_INIT(FILE_MAX);
	BUF_SCOPED now = BUF_INIT(FILE_MAX);
	char key[NAME_MOST + 1024];
	struct str line;

	(void)snprintf(key, sizeof(key), "%s@" STR_FMT, u->name,
		       STR_ARG(u->ctl->common.mydomain));
	if (read_file(u->vmailbox, &old) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	(void)copy_without(buf_str(&old), str_of_c(key), ' ', &now, &line);
	(void)buf_putf(&now, "%s\t%s/\n", key, u->name);
	if (replace(u->vmailbox, &now, 0644) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	return rebuild(u);
}

static int user_add(const struct user_ctl *u)
{
	BUF_SCOPED old = BUF_INIT(FILE_MAX);
	BUF_SCOPED now = BUF_INIT(FILE_MAX);
	char hash[CRYPT_OUTPUT_SIZE];
	const char *dir = conf_dir(u->ctl->conf);
	struct str line;

	if (read_file(u->users, &old) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	if (copy_without(buf_str(&old), str_of_c(u->name), ':', &now, &line))
		return ctl_fatal("there is a user %s already", u->name);
	if (hash_password(u, hash) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	(void)buf_putf(&now,
		       "%s:%s:%lu:%lu::%s/mail/%s::mail=maildir:%s/mail/%s\n",
		       u->name, hash, (unsigned long)u->mail.uid,
		       (unsigned long)u->mail.gid, dir, u->name, dir, u->name);
	if (make_maildir(u) != EXIT_SUCCESS ||
	    replace(u->users, &now, 0640) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	return add_address(u);
}

static int user_passwd(const struct user_ctl *u)
{
	BUF_SCOPED old = BUF_INIT(FILE_MAX);
	BUF_SCOPED now = BUF_INIT(FILE_MAX);
	char hash[CRYPT_OUTPUT_SIZE];
	struct str line, rest;

	if (read_file(u->users, &old) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	if (!copy_without(buf_str(&old), str_of_c(u->name), ':', &now, &line))
		return ctl_fatal("there is no user %s", u->name);
	if (hash_password(u, hash) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	(void)str_cut(line, ':', NULL, &rest);
	(void)str_cut(rest, ':', NULL, &rest);
	(void)buf_putf(&now, "%s:%s:" STR_FMT "\n", u->name, hash,
		       STR_ARG(rest));
	return replace(u->users, &now, 0640);
}

static int user_del(const struct user_ctl *u)
{
	BUF_SCOPED old = BUF_INIT(FILE_MAX);
	BUF_SCOPED now = BUF_INIT(FILE_MAX);
	char key[NAME_MOST + 1024];
	struct str line;

	if (read_file(u->users, &old) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	if (!copy_without(buf_str(&old), str_of_c(u->name), ':', &now, &line))
		return ctl_fatal("there is no user %s", u->name);
	if (replace(u->users, &now, 0640) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	buf_reset(&now);
	if (read_file(u->vmailbox, &old) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	(void)snprintf(key, sizeof(key), "%s@" STR_FMT, u->name,
		       STR_ARG(u->ctl->common.mydomain));
	(void)copy_without(buf_str(&old), str_of_c(key), ' ', &now, &line);
	if (replace(u->vmailbox, &now, 0644) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	(void)printf("The mailbox stays: %s/mail/%s\n", conf_dir(u->ctl->conf),
		     u->name);
	return rebuild(u);
}

static int user_list(const struct user_ctl *u)
{
	BUF_SCOPED text = BUF_INIT(FILE_MAX);
	struct str rest, line, name;

	if (read_file(u->users, &text) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	rest = buf_str(&text);
	while (rest.n > 0) {
		(void)str_cut(rest, '\n', &line, &rest);
		if (str_cut(line, ':', &name, NULL) && name.n > 0 &&
		    name.p[0] != '#' &&
		    (u->name == NULL || str_eq(name, str_of_c(u->name))))
			(void)printf(STR_FMT "\n", STR_ARG(name));
	}
	return EXIT_SUCCESS;
}

/* ---- the command line
 * --------------------------------------------------------------------------------
 */

static const struct {
	const char *name;
	int (*run)(const struct user_ctl *u);
	bool wants_name;
	bool changes;
} verbs[] = {
	{"add", user_add, true, true},
	{"passwd", user_passwd, true, true},
	{"del", user_del, true, true},
	{"list", user_list, false, false},
};

/* A name is part of paths, of addresses and of lines with colons. */
static bool is_name(const char *name)
{
	struct byteset allowed = byteset_alnum;

	byteset_add(&allowed, STR("._-"));
	if (strlen(name) > NAME_MOST || name[0] == '.' || name[0] == '-' ||
	    name[0] == '\0' || strcmp(name, "local") == 0)
		return false;
	for (; *name != '\0'; name++)
		if (!byteset_has(&allowed, *name) ||
		    (*name >= 'A' && *name <= 'Z'))
			return false;
	return true;
}

/* Whose the mailboxes are: what virtual_uid_maps says, as init wrote it. */
static void find_ids(struct user_ctl *u)
{
	static const struct {
		struct str name;
		bool group;
	} rows[] = {
		{STR_INIT("virtual_uid_maps"), false},
		{STR_INIT("virtual_gid_maps"), true},
	};

	u->mail = (struct sandbox_ids){geteuid(), getegid()};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		BUF_SCOPED value = BUF_INIT(4096);
		struct str text;
		uint64_t id;

		if (conf_value(u->ctl->conf, rows[i].name, &value) < 0)
			continue;
		text = buf_str(&value);
		if (!str_eat(&text, STR("static:")) ||
		    !str_to_u64(text, UINT32_MAX - 1, &id))
			continue;
		if (rows[i].group)
			u->mail.gid = (gid_t)id;
		else
			u->mail.uid = (uid_t)id;
	}
}

static int lock_users(const struct user_ctl *u)
{
	char path[CTL_PATH_MAX];
	int fd;

	ctl_path(path, str_of_c(conf_dir(u->ctl->conf)), "users.lock");
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0 || flock(fd, LOCK_EX) < 0)
		return ctl_fatal("lock %s: %s", path, strerror(errno));
	return EXIT_SUCCESS;
}

static bool parse(struct user_ctl *u, int argc, char **argv)
{
	for (int i = 2; i < argc; i++) {
		if (strcmp(argv[i], "--password") == 0 && i + 1 < argc)
			u->password = argv[++i];
		else if (u->name == NULL && argv[i][0] != '-')
			u->name = argv[i];
		else
			return false;
	}
	return true;
}

int malote_user(struct ctl *c, int argc, char **argv)
{
	static struct user_ctl u;
	struct str dir = str_of_c(conf_dir(c->conf));

	u.ctl = c;
	ctl_path(u.users, dir, "users");
	ctl_path(u.vmailbox, dir, "vmailbox");
	find_ids(&u);
	for (size_t i = 0; argc > 1 && i < ARRAY_LEN(verbs); i++) {
		if (strcmp(argv[1], verbs[i].name) != 0)
			continue;
		if (!parse(&u, argc, argv) ||
		    (verbs[i].wants_name && u.name == NULL))
			break;
		if (u.name != NULL && !is_name(u.name))
			return ctl_fatal("%s: a user's name has lower case "
					 "letters, digits, dots, - and _",
					 u.name);
		if (verbs[i].changes && lock_users(&u) != EXIT_SUCCESS)
			return EXIT_FAILURE;
		return verbs[i].run(&u);
	}
	(void)fputs("usage: malote user add|passwd|del NAME [--password P]\n"
		    "       malote user list\n",
		    stderr);
	return EXIT_FAILURE;
}
