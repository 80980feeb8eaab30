/* SPDX-License-Identifier: ISC */
/* A disk whose power can be cut at any moment, afterwards.
 *
 *	crash_disk record [--log LOG] [--flush-delay-ms N] IMAGE FOLDER
 *
 * shows the file IMAGE as FOLDER/disk, runs until FOLDER is unmounted, and
 * appends every write and every flush to LOG.  FOLDER/position holds, as a
 * number, how many records there are at this moment.  A loop device makes a
 * disk of it:
 *
 *	truncate -s 256M image && mkfs.ext4 -q image && cp image base
 *	crash_disk record --log log image folder &
 *	loop=$(losetup --find --show --direct-io=on folder/disk)
 *	mount $loop /mnt
 *	...
 *	umount /mnt; losetup -d $loop; umount folder
 *
 * What the file system asks to be flushed arrives as fsync, FUA writes as a
 * write and an fsync, and no cache lies between (the file is opened for direct
 * I/O; check that `losetup -l -O DIO` says 1).  A flush puts nothing on the
 * real disk: it costs its record, and --flush-delay-ms.
 *
 *	crash_disk replay LOG BASE OUT AT SEED
 *
 * makes OUT, the disk as it may be when the power goes once there are AT
 * records: all writes that were there when the last completed flush began, and
 * of the later ones what SEED (a number) chooses: some, none, all, whole or
 * torn between sectors.
 *
 *	crash_disk list LOG
 *
 * says what was recorded.
 *
 * A slow disk for measurements: `crash_disk record --flush-delay-ms 2 image
 * folder`, without --log, then losetup and mount as above.  While a flush
 * waits, writes wait too (one file, one at a time), as on a disk without a
 * queue. */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "recorder.h"

static int usage(void)
{
	(void)fprintf(
		stderr,
		"usage: crash_disk record [--log LOG] [--flush-delay-ms N] "
		"IMAGE FOLDER\n"
		"       crash_disk replay LOG BASE OUT AT SEED\n"
		"       crash_disk list LOG\n");
	return 64;
}

static bool number(const char *text, uint64_t *out)
{
	char *end;

	*out = strtoull(text, &end, 10);
	return end != text && *end == '\0';
}

static int record(int argc, char **argv)
{
	struct disk_options o = {0};
	int i = 0;

	for (; i + 1 < argc && strncmp(argv[i], "--", 2) == 0; i += 2) {
		if (strcmp(argv[i], "--log") == 0)
			o.log = argv[i + 1];
		else if (strcmp(argv[i], "--flush-delay-ms") != 0 ||
			 !number(argv[i + 1], &o.flush_delay_ms))
			return usage();
	}
	if (argc - i != 2)
		return usage();
	o.image = argv[i];
	o.folder = argv[i + 1];
	return disk_record(&o);
}

static int replay(int argc, char **argv)
{
	struct replay_options o;

	if (argc != 5)
		return usage();
	o.log = argv[0];
	o.base = argv[1];
	o.out = argv[2];
	if (!number(argv[3], &o.at) || !number(argv[4], &o.seed))
		return usage();
	return disk_replay(&o);
}

int main(int argc, char **argv)
{
	if (argc >= 2 && strcmp(argv[1], "record") == 0)
		return record(argc - 2, argv + 2);
	if (argc >= 2 && strcmp(argv[1], "replay") == 0)
		return replay(argc - 2, argv + 2);
	if (argc == 3 && strcmp(argv[1], "list") == 0)
		return disk_list(argv[2]);
	return usage();
}
