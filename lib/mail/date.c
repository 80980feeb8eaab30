/* SPDX-License-Identifier: ISC */
/* Dates in messages and listings. */
#include "base/buf.h"
#include "base/byteset.h"
#include "mail/date.h"
#include "mail/token.h"

static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed",
				"Thu", "Fri", "Sat"};
static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
				   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

/* ---- writing ------------------------------------------------------------- */

/* The zone's name in parentheses, when it is one that needs no quoting. */
static void put_zone_name(struct buf *b, const char *name)
{
	struct str zone = str_of_c(name), rest = zone;
	struct byteset allowed = byteset_alnum;

	byteset_add(&allowed, STR("+-"));
	(void)str_eat_while(&rest, &allowed);
	if (zone.n == 0 || rest.n > 0)
		return;
	buf_put(b, STR(" ("));
	buf_put(b, zone);
	buf_put_byte(b, ')');
}

bool date_put(struct buf *b, time_t when)
{
	struct tm tm;
	long offset, minutes;

	if (localtime_r(&when, &tm) == NULL)
		return false;
	offset = tm.tm_gmtoff;
	minutes = (offset < 0 ? -offset : offset) / 60;
	buf_putf(b, "%s, %2d %s %ld %02d:%02d:%02d %c%02ld%02ld",
		 days[tm.tm_wday], tm.tm_mday, months[tm.tm_mon],
		 1900L + tm.tm_year, tm.tm_hour, tm.tm_min, tm.tm_sec,
		 offset < 0 ? '-' : '+', minutes / 60, minutes % 60);
	put_zone_name(b, tm.tm_zone);
	return !b->failed;
}

bool date_put_short(struct buf *b, time_t when)
{
	struct tm tm;

	if (localtime_r(&when, &tm) == NULL)
		return false;
	return buf_putf(b, "%s %s %2d %02d:%02d:%02d", days[tm.tm_wday],
			months[tm.tm_mon], tm.tm_mday, tm.tm_hour, tm.tm_min,
			tm.tm_sec);
}

/* ---- reading ------------------------------------------------------------- */

/* The next token that is neither space nor comment. */
static struct token next(struct str *s)
{
	struct token t;

	do
		t = token_next(s);
	while (t.kind == TOKEN_SPACE || t.kind == TOKEN_COMMENT);
	return t;
}

static bool eat_number(struct str *s, uint64_t max, int *value)
{
	struct token t = next(s);
	uint64_t number;

	if (t.kind != TOKEN_ATOM || !str_to_u64(t.raw, max, &number))
		return false;
	*value = (int)number;
	return true;
}

static bool eat_month(struct str *s, int *month)
{
	struct token t = next(s);

	for (int i = 0; i < 12; i++) {
		if (t.kind == TOKEN_ATOM &&
		    str_eq_nocase(t.raw, str_of_c(months[i]))) {
			*month = i;
			return true;
		}
	}
	return false;
}

/* "hh:mm" or "hh:mm:ss" */
static bool eat_time(struct str *s, struct tm *tm)
{
	struct str before;

	if (!eat_number(s, 23, &tm->tm_hour) || !token_is(next(s), ':') ||
	    !eat_number(s, 59, &tm->tm_min))
		return false;
	before = *s;
	if (token_is(next(s), ':'))
		return eat_number(s, 60, &tm->tm_sec);
	*s = before;
	return true;
}

/* Seconds east of Greenwich; 0 for what we do not know (RFC 5322 4.3). */
static long zone_offset(struct str zone)
{
	static const struct {
		char name[4];
		int hours;
	} names[] = {{"EST", -5}, {"EDT", -4}, {"CST", -6}, {"CDT", -5},
		     {"MST", -7}, {"MDT", -6}, {"PST", -8}, {"PDT", -7}};
	uint64_t digits;
	long seconds;

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (str_eq_nocase(zone, str_of_c(names[i].name)))
			return names[i].hours * 3600L;
	if (zone.n != 5 || (zone.p[0] != '+' && zone.p[0] != '-') ||
	    !str_to_u64(str_after(zone, 1), 9959, &digits))
		return 0;
	seconds = (long)(digits / 100 * 3600 + digits % 100 * 60);
	return zone.p[0] == '-' ? -seconds : seconds;
}

bool date_parse(struct str text, time_t *when)
{
	struct tm tm = {0};
	struct str s = text, before;
	struct token t;
	int year;

	/* "Sat," says nothing that the date does not. */
	t = next(&s);
	if (t.kind == TOKEN_ATOM && byteset_has(&byteset_alpha, t.raw.p[0])) {
		before = s;
		if (!token_is(next(&s), ','))
			s = before;
	} else {
		s = text;
	}
	if (!eat_number(&s, 31, &tm.tm_mday) || !eat_month(&s, &tm.tm_mon) ||
	    !eat_number(&s, 9999, &year) || !eat_time(&s, &tm) ||
	    tm.tm_mday == 0)
		return false;
	if (year < 1000) /* RFC 5322 4.3 */
		year += year < 50 ? 2000 : 1900;
	tm.tm_year = year - 1900;
	t = next(&s);
	*when = timegm(&tm) - zone_offset(t.raw);
	return true;
}
