/* SPDX-License-Identifier: ISC */
/* Runs a fuzz target over the files named on the command line, once each, for
 * builds without libFuzzer. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay(const char *path)
{
	FILE *f = fopen(path, "rb");
	uint8_t *bytes = malloc(1 << 20);
	size_t n;

	if (f == NULL || bytes == NULL) {
		perror(path);
		return 1;
	}
	n = fread(bytes, 1, 1 << 20, f);
	fclose(f);
	LLVMFuzzerTestOneInput(bytes, n);
	free(bytes);
	return 0;
}

int main(int argc, char **argv)
{
	int failed = 0;

	for (int i = 1; i < argc; i++)
		failed |= replay(argv[i]);
	printf("%d inputs replayed\n", argc - 1);
	return failed;
}
