/* SPDX-License-Identifier: ISC */
/* The table of master.cf commands. */
#include "master/program.h"

static const struct program rows[] = {
#define PROGRAM(name, binary, kind) {#name, #binary, PROGRAM_##kind},
#define JOINS(name, host) {#name, #host, PROGRAM_JOINS},
#define INSIDE(name, where) {#name, where, PROGRAM_INSIDE},
#define ABSENT(name, sentence) {#name, sentence, PROGRAM_ABSENT},
#include "master/programs.def"
#undef PROGRAM
#undef JOINS
#undef INSIDE
#undef ABSENT
};

static const struct program foreign = {"", "", PROGRAM_FOREIGN};

const struct program *program_find(struct str command)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (str_eq(str_of_c(rows[i].command), command))
			return &rows[i];
	return &foreign;
}
