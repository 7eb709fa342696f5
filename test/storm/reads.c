/*
 * reads.c
 *		Reads, each compared with its view in the same statement.
 */
#include "storm.h"

#include <stdio.h>
#include <string.h>

/* ---- what is read ---- */

const View views[] = {
	{"company", COMPANIES, 1, COMPANIES, {0}, {0}, "app"},
	{"user", USERS, 2, USERS, {"fk_company", "fk_manager"}, {COMPANIES, USERS}, "app"},
	{"post", POSTS, 3, POSTS, {"fk_user"}, {USERS}, "app"},
	{"comment", COMMENTS, 4, COMMENTS, {"fk_post", "fk_user"}, {POSTS, USERS}, "app"},
	{"card", POSTS, 3, POSTS, {"fk_user"}, {USERS}, "app"},
	{"stat", USERS, 2, USERS, {"fk_company"}, {COMPANIES}, "app"},
	{"rank", POSTS, 3, POSTS, {"fk_user"}, {USERS}, "app"},
	{"tag", TAGS, 5, TAGS, {0}, {0}, "app"},
	{"event", EVENTS, 6, EVENTS, {"fk_user", "kind"}, {USERS, 4}, "app"},
	{"latest", USERS, 2, USERS, {0}, {0}, "app"},
	{"doc", COMPANIES, 1, COMPANIES, {0}, {0}, "app"},
	{"thread", COMMENTS, 4, COMMENTS, {"fk_parent"}, {COMMENTS}, "app"},
	{"near", POSTS, 3, POSTS, {"fk_user"}, {USERS}, "app"},
	{"chain", USERS, 2, USERS, {0}, {0}, "app"},
	{"local", POSTS, 3, POSTS, {"fk_user"}, {USERS}, "app"},
	{"misc", TAGS, 5, TAGS, {0}, {0}, "app"},
	{"feed", POSTS, 3, POSTS, {"fk_user"}, {USERS}, "oracle"},
	{"deep", COMMENTS, 4, COMMENTS, {"fk_post"}, {POSTS}, "oracle"},
};

const int nviews = sizeof(views) / sizeof(views[0]);

const char *const schemas[2] = {"app", "tiny"};

/* ---- reads ---- */

/* Reports a difference, unless the session's snapshot has a key twice (see schema.sql). */
void
report_difference(Session *s, const char *what, const char *sql, PGresult *result)
{
	PGresult   *doubled;

	take_turn(s);
	doubled = run_raw(s, "SELECT app.doubled_keys()");
	if (PQntuples(doubled) == 1 && !PQgetisnull(doubled, 0, 0))
		COUNT(doubled_keys);
	else
		report(s, what, sql, result);
	PQclear(doubled);
	pass_turn();
}

/*
 * True when it is the view that is not itself, by a plan made under an older
 * snapshot.  While DETACH CONCURRENTLY waits, or was left half done, a plan has
 * the partition when the snapshot under which it was made has it, and nothing
 * makes it anew before the end: one kept from a REPEATABLE READ transaction,
 * or made just before the command committed its first half, reads on what its
 * own snapshot has no more, in plain tables as well (spec
 * detach_pending_plans).  Such a difference stays as long as the plan does, or
 * the command ran meanwhile; and a new plan ends it.
 */
static bool
has_old_plan(Session *s, const View *v, const char *sql, long before)
{
	PGresult   *pending;
	bool		moved;
	bool		old;

	/* the only one over app.tb_reading */
	if (!options.ddl || v == NULL || strcmp(v->name, "misc") != 0)
		return false;
	take_turn(s);
	pending = run_raw(s, "SELECT FROM pg_inherits WHERE inhdetachpending AND inhparent = 'app.tb_reading'::regclass");
	old = PQntuples(pending) == 1 && differs_again(s, sql);
	PQclear(pending);
	/* begun or ended since the read began: there is nothing to be seen again */
	moved = before % 2 == 1 || __atomic_load_n(&detachings, __ATOMIC_RELAXED) != before;
	if (old || moved)
	{
		PQclear(run_raw(s, "DISCARD PLANS"));
		old = !differs_again(s, sql);
	}
	pass_turn();
	if (old)
		COUNT(old_plans);
	return old;
}

/* Runs a statement that returns the differences. */
bool
compare(Session *s, const View *v, const char *sql, long *count)
{
	long		before = __atomic_load_n(&detachings, __ATOMIC_RELAXED);
	PGresult   *result = run_kind(s, sql, READ);

	if (result == NULL)
		return false;
	if (PQntuples(result) > 0 && !has_old_plan(s, v, sql, before))
	{
		report_difference(s, "MISMATCH (1: too much in the tview, -1: missing)", sql, result);
	}
	PQclear(result);
	__atomic_fetch_add(count, 1, __ATOMIC_RELAXED);
	return true;
}

/* The statement that compares: multisets of rows, each side read once. */
void
compare_sql(char *sql, size_t size, const View *v, const char *schema, const char *columns, const char *rest)
{
	snprintf(sql, size,
			 "SELECT sum(w), x FROM (SELECT 1 AS w, t::text AS x FROM (SELECT %s FROM %s.tv_%s t %s) t"
			 " UNION ALL SELECT -1, t::text FROM (SELECT %s FROM %s.v_%s t %s) t) u GROUP BY x HAVING sum(w) <> 0",
			 columns, schema, v->name, rest, columns, v->oracle, v->name, rest);
}

static const char *
key_list(Session *s, char *buffer, size_t size, int domain)
{
	int			n = pick(s, 6);
	size_t		used = 0;

	buffer[0] = '\0';
	for (int i = 0; i < n; i++)
		used += (size_t) snprintf(buffer + used, size - used, "%s%d", i ? "," : "", pick(s, domain + 2));
	return buffer;
}

void
random_condition(Session *s, const View *v, char *rest, size_t size)
{
	char		list[100];
	int			f;
	int			nfks = 0;
	int			key = pick(s, v->domain + 1);

	while (nfks < 4 && v->fks[nfks])
		nfks++;
	f = nfks > 0 ? pick(s, nfks) - 1 : 0;
	switch (pick(s, nfks > 0 ? 22 : 15))
	{
		case 1:
		case 2:
			rest[0] = '\0';
			break;
		case 3:
		case 4:
			snprintf(rest, size, "WHERE pk_%s = %d", v->name, key);
			break;
		case 5:
			snprintf(rest, size, "WHERE pk_%s IN (%s)", v->name, key_list(s, list, sizeof(list), v->domain));
			break;
		case 6:
			snprintf(rest, size, "WHERE pk_%s = ANY ('{%s}'::bigint[])", v->name, key_list(s, list, sizeof(list), v->domain));
			break;
		case 7:
			snprintf(rest, size, "WHERE pk_%s BETWEEN %d AND %d", v->name, key, key + pick(s, v->domain));
			break;
		case 8:
			snprintf(rest, size, "WHERE pk_%s %s %d", v->name, chance(s, 50) ? ">" : "<=", key);
			break;
		case 9:
		case 10:
			snprintf(rest, size, "WHERE id = app.uid(%d, %d)", v->id_kind, pick(s, v->id_domain));
			break;
		case 11:
			snprintf(rest, size, "WHERE id IN (app.uid(%d, %d), app.uid(%d, %d))",
					 v->id_kind, pick(s, v->id_domain), v->id_kind, pick(s, v->id_domain));
			break;
		case 12:
			snprintf(rest, size, "ORDER BY pk_%s %s LIMIT %d", v->name, chance(s, 60) ? "DESC" : "ASC", pick(s, 8));
			break;
		case 13:
			snprintf(rest, size, "WHERE pk_%s > %d ORDER BY pk_%s LIMIT %d", v->name, key, v->name, pick(s, 5));
			break;
		case 14:
			snprintf(rest, size, "WHERE pk_%s < %d ORDER BY pk_%s DESC LIMIT %d OFFSET %d",
					 v->name, key, v->name, pick(s, 5), pick(s, 3) - 1);
			break;
		case 15:
			snprintf(rest, size, "WHERE data::text LIKE '%%%d%%'", pick(s, 9));
			break;
		case 16:
		case 17:
		case 18:
			snprintf(rest, size, "WHERE %s = %d", v->fks[f], pick(s, v->fk_domains[f]));
			break;
		case 19:
			snprintf(rest, size, "WHERE %s IN (%s)", v->fks[f], key_list(s, list, sizeof(list), v->fk_domains[f]));
			break;
		case 20:
			snprintf(rest, size, "WHERE %s IS %s NULL", v->fks[f], chance(s, 70) ? "" : "NOT");
			break;
		case 21:
			snprintf(rest, size, "WHERE %s = %d AND pk_%s > %d", v->fks[f], pick(s, v->fk_domains[f]), v->name, key);
			break;
		default:
			snprintf(rest, size, "WHERE %s = %d ORDER BY pk_%s LIMIT 2", v->fks[f], pick(s, v->fk_domains[f]), v->name);
			break;
	}
}

int
random_view(Session *s)
{
	return pick(s, nviews) - 1;
}

void
read_condition(Session *s)
{
	int			i = random_view(s);
	int			schema = pick(s, 2) - 1;
	const View *v = &views[i];
	char		rest[400];
	char		columns[100];
	char		sql[SQL_MAX];

	random_condition(s, v, rest, sizeof(rest));
	switch (pick(s, 8))
	{
		case 1:
			snprintf(columns, sizeof(columns), "pk_%s", v->name);
			break;
		case 2:
			snprintf(columns, sizeof(columns), "data, id");
			break;
		case 3:
			if (strstr(rest, "ORDER BY") == NULL)
			{
				if (chance(s, 70))
					snprintf(columns, sizeof(columns), "count(*)");
				else
					snprintf(columns, sizeof(columns), "count(*), min(pk_%s)", v->name);
				break;
			}
			/* FALLTHROUGH */
		default:
			snprintf(columns, sizeof(columns), "*");
	}
	compare_sql(sql, sizeof(sql), v, schemas[schema], columns, rest);
	compare(s, v, sql, &compared[schema][i]);
}

/* ---- prepared statements with parameters, mostly under generic plans ---- */

/* What they look for; the number is a bit in Session.prepared. */
enum
{
	BY_KEY, BY_BIGINT, BY_ID, BY_KEYS, FORWARD, BACKWARD, BY_FK, RANGE, NKINDS
};

/* Prepares a statement, unless it is; false after an error. */
static bool
prepare_read(Session *s, int schema, int i, int kind)
{
	static const char *const types[NKINDS] = {"int", "bigint", "text", "int[]", "int, int", "int, int", "int", "int, int"};
	const View *v = &views[i];
	char		rest[200];
	char		sql[SQL_MAX];

	if (s->prepared[schema][i] & (UINT64_C(1) << kind))
		return true;
	switch (kind)
	{
		case BY_KEY:
		case BY_BIGINT:
			snprintf(rest, sizeof(rest), "WHERE pk_%s = $1", v->name);
			break;
		case BY_ID:
			snprintf(rest, sizeof(rest), "WHERE id = $1::text::uuid");
			break;
		case BY_KEYS:
			snprintf(rest, sizeof(rest), "WHERE pk_%s = ANY ($1)", v->name);
			break;
		case FORWARD:
			snprintf(rest, sizeof(rest), "WHERE pk_%s > $1 ORDER BY pk_%s LIMIT $2", v->name, v->name);
			break;
		case BACKWARD:
			snprintf(rest, sizeof(rest), "WHERE pk_%s < $1 ORDER BY pk_%s DESC LIMIT $2", v->name, v->name);
			break;
		case RANGE:
			snprintf(rest, sizeof(rest), "WHERE pk_%s >= $1 AND pk_%s < $1 + $2", v->name, v->name);
			break;
		default:
			snprintf(rest, sizeof(rest), "WHERE %s = $1", v->fks[0]);
			break;
	}
	compare_sql(sql, sizeof(sql), v, schemas[schema], "*", rest);
	if (!run(s, "PREPARE p_%d_%d_%d (%s) AS %s", schema, i, kind, types[kind], sql))
		return false;
	s->prepared[schema][i] |= UINT64_C(1) << kind;
	return true;
}

/* EXECUTE with random arguments. */
static void
execute_sql(Session *s, char *sql, size_t size, int schema, int i, int kind)
{
	const View *v = &views[i];
	char		list[100];

	switch (kind)
	{
		case BY_ID:
			snprintf(list, sizeof(list), "app.uid(%d, %d)::text", v->id_kind, pick(s, v->id_domain));
			break;
		case BY_KEYS:
			list[0] = '\'';
			list[1] = '{';
			key_list(s, list + 2, sizeof(list) - 5, v->domain);
			strcat(list, "}'");
			break;
		case FORWARD:
		case BACKWARD:
		case RANGE:
			snprintf(list, sizeof(list), "%d, %d", pick(s, v->domain), pick(s, 5));
			break;
		default:
			snprintf(list, sizeof(list), "%d", pick(s, kind == BY_FK ? v->fk_domains[0] : v->domain));
	}
	snprintf(sql, size, "EXECUTE p_%d_%d_%d (%s)", schema, i, kind, list);
}

static int
random_kind(Session *s, const View *v)
{
	int			kind = pick(s, NKINDS) - 1;

	return kind == BY_FK && v->fks[0] == NULL ? BY_KEY : kind;
}

static void
read_prepared(Session *s)
{
	int			i = random_view(s);
	int			schema = pick(s, 2) - 1;
	int			kind = random_kind(s, &views[i]);
	char		sql[SQL_MAX];

	if (!prepare_read(s, schema, i, kind))
		return;
	execute_sql(s, sql, sizeof(sql), schema, i, kind);
	compare(s, &views[i], sql, &compared[schema][i]);
}

/*
 * Several of one TVIEW in one message: a statement each, with a snapshot of
 * its own in READ COMMITTED.  Most of the reads of a long run are these, for
 * they cost neither planning nor a round trip.
 */
static void
read_several(Session *s)
{
	int			i = random_view(s);
	int			schema = pick(s, 2) - 1;
	int			n = 3 + pick(s, 22);
	char		sql[SQL_MAX] = "";
	size_t		used = 0;
	long		before;
	PGresult   *result;

	for (int k = 0; k < n; k++)
	{
		int			kind = random_kind(s, &views[i]);

		/* another one is prepared now and then */
		if (!(s->prepared[schema][i] & (UINT64_C(1) << kind)))
		{
			if (k > 0 && !chance(s, 20))
				continue;
			if (!prepare_read(s, schema, i, kind))
				return;
		}
		execute_sql(s, sql + used, sizeof(sql) - used, schema, i, kind);
		used += strlen(sql + used);
		sql[used++] = ';';
		sql[used] = '\0';
	}
	before = __atomic_load_n(&detachings, __ATOMIC_RELAXED);
	result = run_several(s, sql, &compared[schema][i]);
	if (result != NULL && !has_old_plan(s, &views[i], sql, before))
		report_difference(s, "MISMATCH in one of several reads", sql, result);
	PQclear(result);
}

/* Joins of tv_* with base tables and with each other. */
static void
read_joined(Session *s)
{
	static const char *const queries[] = {
		"SELECT p.pk_post, t.data FROM app.tb_post p JOIN %s%suser t ON t.pk_user = p.fk_user",
		"SELECT p.pk_post, t.data, c.data FROM %s%spost p JOIN %s%suser t ON t.pk_user = p.fk_user LEFT JOIN %s%scompany c ON c.pk_company = t.fk_company",
		"SELECT u.pk_user, t.pk_post, t.data FROM app.tb_user u LEFT JOIN %s%spost t ON t.fk_user = u.pk_user WHERE u.active",
		"SELECT k.pk_comment, t.data FROM app.tb_comment k JOIN %s%sthread t ON t.id = k.id WHERE k.likes > 5",
		"SELECT u.pk_user, (SELECT jsonb_agg(e.data ORDER BY e.pk_event) FROM %s%sevent e WHERE e.fk_user = u.pk_user) FROM app.tb_user u",
		"SELECT u.pk_user, x.data FROM app.tb_user u, LATERAL (SELECT c.data FROM %s%scomment c WHERE c.fk_user = u.pk_user ORDER BY c.pk_comment DESC LIMIT 2) x",
		"SELECT s.data FROM %s%sstat s WHERE EXISTS (SELECT 1 FROM %s%slatest l WHERE l.pk_latest = s.pk_stat AND l.data->>'n' > '0')",
		"SELECT c.data, d.data FROM %s%scompany c FULL JOIN %s%sdoc d ON d.pk_doc = c.pk_company",
		"SELECT max(pk_rank), min(pk_rank), count(*) FROM %s%srank t",
		"SELECT t.pk_tag, n.data FROM %s%stag t JOIN app.tb_post_tag pt ON pt.fk_tag = t.pk_tag JOIN %s%snear n ON n.pk_near = pt.fk_post",
	};
	const char *query = queries[pick(s, (int) (sizeof(queries) / sizeof(queries[0]))) - 1];
	const char *a = chance(s, 50) ? "app." : "tiny.";
	const char *b = chance(s, 50) ? "app." : "tiny.";
	char		left[1000];
	char		right[1000];
	char		sql[SQL_MAX];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-extra-args"
	snprintf(left, sizeof(left), query, a, "tv_", b, "tv_", a, "tv_");
	snprintf(right, sizeof(right), query, "app.", "v_", "app.", "v_", "app.", "v_");
#pragma GCC diagnostic pop
	snprintf(sql, sizeof(sql),
			 "SELECT sum(w), x FROM (SELECT 1 AS w, t::text AS x FROM (%s) t UNION ALL SELECT -1, t::text FROM (%s) t) u"
			 " GROUP BY x HAVING sum(w) <> 0", left, right);
	compare(s, NULL, sql, &other_compared);
}

/* A read beside a write in the same statement: it must not see the write. */
static void
read_beside_write(Session *s)
{
	static const char *const writes[] = {
		"UPDATE app.tb_user SET name = name || '+' WHERE pk_user = %d RETURNING 1",
		"DELETE FROM app.tb_comment WHERE pk_comment = %d RETURNING 1",
		"UPDATE app.tb_post SET score = score + 1 WHERE pk_post = %d RETURNING 1",
		"UPDATE app.tb_event SET kind = (kind + 1) %% 4 WHERE pk_event = %d RETURNING 1",
	};
	int			i = random_view(s);
	int			schema = pick(s, 2) - 1;
	char		rest[400];
	char		inner[SQL_MAX / 2];
	char		write[300];
	char		sql[SQL_MAX];
	PGresult   *result;

	random_condition(s, &views[i], rest, sizeof(rest));
	compare_sql(inner, sizeof(inner), &views[i], schemas[schema], "*", rest);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(write, sizeof(write), writes[pick(s, 4) - 1], pick(s, 20));
#pragma GCC diagnostic pop
	snprintf(sql, sizeof(sql), "WITH w AS (%s) SELECT d.* FROM (SELECT count(*) FROM w) w FULL JOIN (%s) d ON true WHERE d.x IS NOT NULL",
			 write, inner);
	result = run_kind(s, sql, WRITE);
	if (result == NULL)
		return;
	if (PQntuples(result) > 0)
	{
		report_difference(s, "MISMATCH beside a write", sql, result);
	}
	PQclear(result);
	COUNT(compared[schema][i]);
}

void
read_something(Session *s)
{
	int			dice = pick(s, 100);

	if (dice <= 34)
		read_condition(s);
	else if (dice <= 52)
		read_prepared(s);
	else if (dice <= 80)
		read_several(s);
	else if (dice <= 91)
		read_joined(s);
	else if (dice <= 96 && !s->read_only)
		read_beside_write(s);
	else if (s->in_transaction)
		read_cursor(s);
	else
		read_held_cursor(s);
}
