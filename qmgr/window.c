/* SPDX-License-Identifier: ISC */
/* Concurrency feedback: see qmgr/window.h. */
#include <stdlib.h>

#include "base/byteset.h"
#include "qmgr/window.h"

/* ---- the rules ---------------------------------------------------------- */

/* A number such as 1, 0.5, .25. */
static bool number_parse(struct str s, double *out)
{
	char text[32];
	char *end;

	s = str_trim(s, &byteset_space);
	if (s.n == 0 || !str_to_c(s, text, sizeof(text)))
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (!byteset_has(&byteset_digit, s.p[i]) && s.p[i] != '.')
			return false;
	*out = strtod(text, &end);
	return *end == '\0';
}

bool feedback_parse(struct str text, struct feedback *out)
{
	struct str amount, scale;
	double divisor = 1;

	out->scale = FEEDBACK_CONSTANT;
	if (str_cut(text, '/', &amount, &scale)) {
		scale = str_trim(scale, &byteset_space);
		if (str_eq_nocase(scale, STR("concurrency")))
			out->scale = FEEDBACK_CONCURRENCY;
		else if (str_eq_nocase(scale, STR("sqrt_concurrency")))
			out->scale = FEEDBACK_SQRT;
		else if (!number_parse(scale, &divisor) || divisor <= 0)
			return false;
	}
	if (!number_parse(amount, &out->amount))
		return false;
	out->amount /= divisor;
	return out->amount >= 0 && out->amount <= 1;
}

/* The square root of a small number, without libm: three steps of Newton from
 * above are plenty for a share of a place. */
static double root(double value)
{
	double guess = value;

	for (int i = 0; i < 12 && guess > 1; i++)
		guess = (guess + value / guess) / 2;
	return guess < 1 ? 1 : guess;
}

static double share(const struct feedback *f, unsigned places)
{
	double n = places < 1 ? 1 : places;

	switch (f->scale) {
	case FEEDBACK_CONCURRENCY:
		return f->amount / n;
	case FEEDBACK_SQRT:
		return f->amount / root(n);
	case FEEDBACK_CONSTANT:
		break;
	}
	return f->amount;
}

/* ---- a window ----------------------------------------------------------- */

static unsigned first_places(const struct window_rules *rules)
{
	unsigned n = rules->initial < 1 ? 1 : rules->initial;

	return rules->most > 0 && n > rules->most ? rules->most : n;
}

void window_init(struct window *w, const struct window_rules *rules)
{
	*w = (struct window){.places = first_places(rules)};
}

void window_revive(struct window *w, const struct window_rules *rules)
{
	window_init(w, rules);
}

void window_success(struct window *w, const struct window_rules *rules,
		    unsigned busy)
{
	double step;

	w->cohorts = 0;
	if (window_is_dead(w)) { /* it was only asleep */
		window_init(w, rules);
		if (busy > 0)
			w->places = busy;
		return;
	}
	if (rules->most > 0 && w->places >= rules->most)
		return;
	/* Keep near to what is really used, so that failures bite. */
	if (w->places >= busy + rules->initial)
		return;
	step = share(&rules->positive, w->places);
	w->success += step;
	while (w->success + step / 2 >= 1) {
		w->places++;
		w->success -= 1;
		w->failure = 0;
	}
	if (rules->most > 0 && w->places > rules->most)
		w->places = rules->most;
}

bool window_failure(struct window *w, const struct window_rules *rules)
{
	double step;

	if (window_is_dead(w))
		return false;
	w->cohorts += 1.0 / w->places;
	/* A hair below, because thirds do not add up to one. */
	if (rules->cohort_limit > 0 &&
	    w->cohorts >= rules->cohort_limit - 0.000001) {
		w->places = 0;
		return true;
	}
	step = share(&rules->negative, w->places);
	w->failure -= step;
	while (w->failure - step / 2 < 0) {
		w->places = w->places > 1 ? w->places - 1 : 1;
		w->success = 0;
		w->failure += 1;
	}
	return false;
}
