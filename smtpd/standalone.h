/* SPDX-License-Identifier: ISC */
/* smtpd/standalone.h — `smtpd -S`: SMTP on standard input and output, as the
 * user who runs it.  No restrictions, no AUTH, no TLS; messages go to
 * sendmail. */
#ifndef SMTPD_STANDALONE_H
#define SMTPD_STANDALONE_H

int standalone_main(int argc, char **argv);

#endif
