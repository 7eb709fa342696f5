/*
 * cursors.c
 *		Cursors over a TVIEW and its view, fetched piecewise while others commit
 *		and this session writes, also back and forth, also after the commit.
 *		The rows are compared here.
 */
#include "storm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What a cursor has returned so far, in its order. */
typedef struct Fetched
{
	char	  **rows;			/* the side, 0 or 1, then the row */
	int			n;
	bool		ended;
} Fetched;

static int
compare_strings(const void *a, const void *b)
{
	return strcmp(*(char *const *) a, *(char *const *) b);
}

static void
free_rows(Fetched *f)
{
	for (int i = 0; i < f->n; i++)
		free(f->rows[i]);
	free(f->rows);
}

/* DECLARE, with a random condition; title says what it is over. */
static bool
declare_cursor(Session *s, const char *kind, int name, char *title, size_t size)
{
	const View *v = &views[random_view(s)];
	const char *schema = schemas[pick(s, 2) - 1];
	char		rest[400];

	random_condition(s, v, rest, sizeof(rest));
	snprintf(title, size, "cursor over %s.tv_%s %s", schema, v->name, rest);
	return run(s, "DECLARE c%d %s FOR SELECT '0' || t::text FROM (SELECT * FROM %s.tv_%s t %s) t"
			   " UNION ALL SELECT '1' || t::text FROM (SELECT * FROM %s.v_%s t %s) t",
			   name, kind, schema, v->name, rest, v->oracle, v->name, rest);
}

/* Fetches some rows; false after an error. */
static bool
fetch_some(Session *s, int name, Fetched *f)
{
	int			wanted = pick(s, 12);
	char		sql[100];
	PGresult   *result;

	snprintf(sql, sizeof(sql), "FETCH %d FROM c%d", wanted, name);
	result = run_kind(s, sql, READ);
	if (result == NULL)
		return false;
	for (int r = 0; r < PQntuples(result); r++)
	{
		f->rows = realloc(f->rows, (size_t) (f->n + 1) * sizeof(char *));
		f->rows[f->n++] = strdup(PQgetvalue(result, r, 0));
	}
	f->ended = PQntuples(result) < wanted;
	PQclear(result);
	return true;
}

/* Both sides have the same rows. */
static void
compare_sides(Session *s, const char *title, Fetched *f)
{
	char	  **sorted = malloc((size_t) (f->n + 1) * sizeof(char *));
	char		text[SQL_MAX];
	int			half = 0;

	if (f->n > 0)
		memcpy(sorted, f->rows, (size_t) f->n * sizeof(char *));
	qsort(sorted, (size_t) f->n, sizeof(char *), compare_strings);
	while (half < f->n && sorted[half][0] == '0')
		half++;
	for (int r = 0; r < half || half + r < f->n; r++)
	{
		const char *mine = r < half ? sorted[r] + 1 : "-";
		const char *theirs = half + r < f->n ? sorted[half + r] + 1 : "-";

		if (r < half && half + r < f->n && strcmp(mine, theirs) == 0)
			continue;
		snprintf(text, sizeof(text), "%s: %d rows, %d expected, first difference at %d\n# tview %.2000s\n# view  %.2000s",
				 title, half, f->n - half, r, mine, theirs);
		report_difference(s, "MISMATCH in a cursor", text, NULL);
		break;
	}
	free(sorted);
	COUNT(other_compared);
}

/* The rows at from, from + step ... are what a FETCH has just returned. */
static void
compare_again(Session *s, const char *title, const Fetched *f, int from, int step, PGresult *result)
{
	char		text[SQL_MAX];

	for (int r = 0; r < PQntuples(result); r++)
	{
		int			at = from + r * step;

		if (at >= 1 && at <= f->n && strcmp(PQgetvalue(result, r, 0), f->rows[at - 1]) == 0)
			continue;
		snprintf(text, sizeof(text), "%s: row %d of %d\n# first %.2000s\n# then  %.2000s", title, at, f->n,
				 at >= 1 && at <= f->n ? f->rows[at - 1] : "-", PQgetvalue(result, r, 0));
		report_difference(s, "MISMATCH: a cursor's row has changed", text, NULL);
		return;
	}
	COUNT(other_compared);
}

/* Once at its end, back and forth: the same rows again. */
static bool
scroll_about(Session *s, const char *title, int name, const Fetched *f)
{
	int			at = f->n + 1;

	for (int i = 0; i < 6; i++)
	{
		int			dice = pick(s, 4);
		int			n = pick(s, f->n + 2);
		int			first;
		int			step = 1;
		char		sql[100];
		PGresult   *result;

		switch (dice)
		{
			case 1:
				snprintf(sql, sizeof(sql), "FETCH ABSOLUTE %d FROM c%d", n, name);
				first = at = n > f->n ? f->n + 1 : n;
				break;
			case 2:
				snprintf(sql, sizeof(sql), "FETCH BACKWARD %d FROM c%d", n, name);
				first = at - 1;
				step = -1;
				at = at - n < 0 ? 0 : at - n;
				break;
			case 3:
				snprintf(sql, sizeof(sql), "FETCH FORWARD %d FROM c%d", n, name);
				first = at + 1;
				at = at + n > f->n ? f->n + 1 : at + n;
				break;
			default:
				snprintf(sql, sizeof(sql), "FETCH %s FROM c%d", n % 2 ? "FIRST" : "LAST", name);
				first = at = n % 2 ? 1 : f->n;
		}
		result = run_kind(s, sql, READ);
		if (result == NULL)
			return false;
		compare_again(s, title, f, first, step, result);
		PQclear(result);
	}
	COUNT(scrolled_cursors);
	return true;
}

void
read_cursor(Session *s)
{
	int			name = pick(s, 1000000);
	bool		scroll = chance(s, 30);
	Fetched		f = {0};
	char		title[600];
	bool		good;

	if (!declare_cursor(s, scroll ? "SCROLL CURSOR" : "CURSOR", name, title, sizeof(title)))
		return;
	do
	{
		good = fetch_some(s, name, &f);
		if (good && chance(s, 25) && !s->read_only)
			write_something(s);
		if (!s->in_transaction || stop || PQtransactionStatus(s->conn) != PQTRANS_INTRANS)
			good = false;
		if (chance(s, 20) && !options.serial)
			usleep((useconds_t) pick(s, 20000));
	} while (good && !f.ended);
	if (good)
	{
		compare_sides(s, title, &f);
		/* a savepoint's rollback may have closed it; then recover() repairs */
		if (!scroll || scroll_about(s, title, name, &f))
			run(s, "CLOSE c%d", name);
	}
	free_rows(&f);
}

/*
 * WITH HOLD: begun in a transaction, read to its end when that commits, which
 * is before the commit and under the cursor's snapshot; fetched afterwards.
 */
void
read_held_cursor(Session *s)
{
	int			name = pick(s, 1000000);
	bool		scroll = chance(s, 50);
	Fetched		f = {0};
	char		title[600];
	bool		good;

	if (s->in_transaction || !run(s, "BEGIN ISOLATION LEVEL %s", chance(s, 50) ? "READ COMMITTED" : "REPEATABLE READ"))
		return;
	s->in_transaction = true;
	s->savepoints = 0;
	if (chance(s, 50))
		write_something(s);
	good = s->in_transaction && !stop &&
		declare_cursor(s, scroll ? "SCROLL CURSOR WITH HOLD" : "CURSOR WITH HOLD", name, title, sizeof(title));
	if (good && chance(s, 50))
		good = fetch_some(s, name, &f);
	if (good && chance(s, 70))
		write_something(s);
	good = good && s->in_transaction && PQtransactionStatus(s->conn) == PQTRANS_INTRANS;
	if (s->in_transaction)
		good = run(s, good ? "COMMIT" : "ROLLBACK") && good;
	s->in_transaction = false;
	while (good && !f.ended && !stop)
	{
		good = fetch_some(s, name, &f);
		if (good && chance(s, 25))
			write_something(s);
		/* a new connection knows no cursor: the FETCH fails then */
	}
	if (good && f.ended)
	{
		compare_sides(s, title, &f);
		COUNT(held_cursors);
		if (!scroll || scroll_about(s, title, name, &f))
			run(s, "CLOSE c%d", name);
	}
	free_rows(&f);
}
