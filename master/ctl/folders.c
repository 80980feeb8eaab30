/* SPDX-License-Identifier: ISC */
/* The folders of an instance: are they there, whose are they, who may enter? */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/why.h"
#include "ctl/malote.h"

enum who { WHO_ROOT, WHO_OWNER, WHO_DROP };

static const struct row {
	const char *name;
	enum who owner;
	enum who group;
	mode_t mode;
} rows[] = {
#define FOLDER(name, owner, group, mode) {name, WHO_##owner, WHO_##group, mode},
#include "ctl/folders.def"
#undef FOLDER
};

static const struct row data_row = {"", WHO_OWNER, WHO_OWNER, 0700};

struct folders {
	bool root;
	enum folders_mode mode;
	struct sandbox_ids owner;
	gid_t drop;
	int wrong;
};

/* Whose the folder of `row` must be.  In single-uid mode: ours. */
static struct sandbox_ids wanted(const struct folders *f, const struct row *row)
{
	struct sandbox_ids ids = {0, 0};

	if (!f->root)
		return (struct sandbox_ids){geteuid(), getegid()};
	if (row->owner == WHO_OWNER)
		ids.uid = f->owner.uid;
	if (row->group == WHO_OWNER)
		ids.gid = f->owner.gid;
	if (row->group == WHO_DROP)
		ids.gid = f->drop;
	return ids;
}

static void complain(struct folders *f, const char *path, const char *what)
{
	ctl_warn("%s: %s", path, what);
	f->wrong++;
}

static void make(struct folders *f, const char *path, mode_t mode,
		 struct sandbox_ids ids)
{
	struct why why;

	if (ctl_make_folder(path, mode, f->root ? &ids : NULL, &why) == 0)
		return;
	ctl_warn("%s", why.text);
	f->wrong++;
}

static void repair(struct folders *f, const char *path, mode_t mode,
		   struct sandbox_ids ids)
{
	if (f->root && lchown(path, ids.uid, ids.gid) < 0)
		complain(f, path, strerror(errno));
	if (chmod(path, mode) < 0)
		complain(f, path, strerror(errno));
}

static void look(struct folders *f, const char *path, const struct row *row)
{
	struct sandbox_ids ids = wanted(f, row);
	struct stat st;

	if (lstat(path, &st) < 0) {
		if (errno != ENOENT || f->mode == FOLDERS_LOOK)
			complain(f, path, strerror(errno));
		else
			make(f, path, row->mode, ids);
		return;
	}
	if (!S_ISDIR(st.st_mode)) {
		complain(f, path, "not a folder");
		return;
	}
	if (f->mode == FOLDERS_REPAIR) {
		repair(f, path, row->mode, ids);
		return;
	}
	if (st.st_uid != ids.uid)
		complain(f, path, "not owned by the user it should belong to");
	if (f->root && st.st_gid != ids.gid && (row->group == WHO_DROP))
		complain(f, path, "not owned by the group it should belong to");
	if ((st.st_mode & 0777 & ~row->mode) != 0)
		complain(f, path, "open to more people than it should be");
	if ((row->mode & ~st.st_mode) != 0)
		complain(f, path, "closed to people who need it");
}

int ctl_folders(const struct conf_common *common, bool root,
		enum folders_mode mode)
{
	struct folders f = {.root = root, .mode = mode};
	char path[CTL_PATH_MAX];
	struct why why;

	if (root &&
	    (sandbox_find_user(common->mail_owner, &f.owner, &why) < 0 ||
	     sandbox_find_group(common->setgid_group, &f.drop, &why) < 0)) {
		ctl_warn("%s", why.text);
		return 1;
	}
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		ctl_path(path, common->queue_directory, rows[i].name);
		look(&f, path, &rows[i]);
	}
	ctl_path(path, common->data_directory, "");
	look(&f, path, &data_row);
	return f.wrong;
}
