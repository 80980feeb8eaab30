/* SPDX-License-Identifier: ISC */
/* master/ctl/postmap.h — what postmap and postalias share: everything but the
 * format of a line. */
#ifndef CTL_POSTMAP_H
#define CTL_POSTMAP_H

#include <stdbool.h>

#include "base/buf.h"
#include "table/build.h"
#include "table/entry.h"

struct conf;

/* How the two differ. */
struct postmap_style {
	const char *usage;     /* for `usage: postmap %s` */
	const char *options;   /* for getopt() */
	const char *separator; /* between key and value in output */

	/* Take one logical line apart; both bufs are empty. */
	enum entry_trouble (*split)(struct str line, struct buf *key,
				    struct buf *value);
	/* Whether to say that a line looks like one of the other format. */
	bool (*odd)(struct str key, struct str value);
	/* Add what every such table has.  Returns 0 or -errno. */
	int (*finish)(struct build *b, const struct conf *conf);
};

extern const struct postmap_style postmap_style;
extern const struct postmap_style postalias_style;

struct postmap {
	const struct postmap_style *style;
	const char *program; /* argv[0]'s last part */
	struct conf *conf;

	const char *dir;   /* -c */
	const char *ask;   /* -q */
	const char *erase; /* -d */
	bool dump;	   /* -s */
	bool update;	   /* -i */
	bool replace;	   /* -r */
	bool ignore;	   /* -w */
	bool keep_case;	   /* -f */
	bool nul_known;	   /* -n, -N */
	bool with_nul;	   /* -N */
	bool stay_root;	   /* -o */
	bool plain_mode;   /* -p */
	bool ask_body;	   /* -b */
	bool ask_headers;  /* -h */
};

/* The whole command. */
int postmap_main(const struct postmap_style *style, int argc, char **argv);

/* Make or update the table `spec` from its source file, or with -i from
 * standard input.  Ends the process when it cannot. */
void postmap_build(const struct postmap *p, struct str spec);

/* Remove key(s) from each of `specs`.  Returns whether one was there. */
bool postmap_erase(const struct postmap *p, char **specs, int count);

/* Ask `specs` for the key(s).  Returns whether one was found. */
bool postmap_ask(const struct postmap *p, char **specs, int count);

/* Print all of `spec`. */
void postmap_dump(const struct postmap *p, struct str spec);

/* "type:name" of an argument: default_database_type is put in front of a bare
 * name.  Into `out`, which is emptied. */
struct str postmap_spec(const struct postmap *p, const char *argument,
			struct buf *out);

/* Read the next line of standard input, without its end.  Returns false at
 * the end. */
bool postmap_read_line(struct buf *line);

#endif
