/* SPDX-License-Identifier: ISC */
/* Where this process's log lines go. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "base/log.h"
#include "conf/param.h"
#include "service/logging.h"

enum { TEXT_MAX = 1024 };

static const struct {
	struct str name;
	int number;
} facilities[] = {
	{STR_INIT("auth"), LOG_AUTH},	  {STR_INIT("authpriv"), LOG_AUTHPRIV},
	{STR_INIT("cron"), LOG_CRON},	  {STR_INIT("daemon"), LOG_DAEMON},
	{STR_INIT("ftp"), LOG_FTP},	  {STR_INIT("kern"), LOG_KERN},
	{STR_INIT("lpr"), LOG_LPR},	  {STR_INIT("mail"), LOG_MAIL},
	{STR_INIT("news"), LOG_NEWS},	  {STR_INIT("syslog"), LOG_SYSLOG},
	{STR_INIT("user"), LOG_USER},	  {STR_INIT("uucp"), LOG_UUCP},
	{STR_INIT("local0"), LOG_LOCAL0}, {STR_INIT("local1"), LOG_LOCAL1},
	{STR_INIT("local2"), LOG_LOCAL2}, {STR_INIT("local3"), LOG_LOCAL3},
	{STR_INIT("local4"), LOG_LOCAL4}, {STR_INIT("local5"), LOG_LOCAL5},
	{STR_INIT("local6"), LOG_LOCAL6}, {STR_INIT("local7"), LOG_LOCAL7},
};

int logging_facility(struct str name)
{
	for (size_t i = 0; i < ARRAY_LEN(facilities); i++)
		if (str_eq_nocase(facilities[i].name, name))
			return facilities[i].number;
	return LOG_MAIL;
}

int logging_file(struct str path)
{
	char text[TEXT_MAX];
	int fd;

	if (str_eq(path, STR("/dev/stdout"))) {
		fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
		return fd < 0 ? -errno : fd;
	}
	if (!str_to_c(path, text, sizeof(text)))
		return -EINVAL;
	fd = open(text, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY,
		  0640);
	return fd < 0 ? -errno : fd;
}

void logging_open(const struct logging *how)
{
	char tag[TEXT_MAX];
	struct log_opts opts = {
		.tag = tag,
		.role = how->role,
		.facility = logging_facility(how->common->syslog_facility),
		.fd = how->fd,
		.to_stderr = how->to_stderr,
		.debug = how->verbose,
	};
	int error = 0;

	if (!str_to_c(how->common->syslog_name, tag, sizeof(tag)))
		opts.tag = "postfix";
	if (opts.fd < 0 && how->common->maillog_file.n != 0) {
		opts.fd = logging_file(how->common->maillog_file);
		error = opts.fd < 0 ? opts.fd : 0;
	}
	opts.to_syslog = opts.fd < 0;
	log_open(&opts);
	if (error != 0)
		log_warning("open maillog_file " STR_FMT ": %s",
			    STR_ARG(how->common->maillog_file),
			    strerror(-error));
}
