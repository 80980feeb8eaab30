/* SPDX-License-Identifier: ISC */
/* master/program.h — what stands behind a command of master.cf. */
#ifndef MASTER_PROGRAM_H
#define MASTER_PROGRAM_H

#include "base/str.h"

enum program_kind {
	PROGRAM_ONE,
	PROGRAM_MANY,
	PROGRAM_ALONE,
	PROGRAM_INSIDE,
	PROGRAM_JOINS,
	PROGRAM_ABSENT,
	PROGRAM_FOREIGN, /* not in the table: run it as it is */
};

struct program {
	const char *command;
	const char *binary; /* or the host (JOINS), or a sentence */
	enum program_kind kind;
};

/* The row of `command`; one of kind PROGRAM_FOREIGN when it has none. */
const struct program *program_find(struct str command);

#endif
