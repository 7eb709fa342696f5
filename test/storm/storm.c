/*
 * storm.c
 *		Many sessions run random transactions and compare every read of a tv_*
 *		with its view in the same statement.  See --help.
 *
 * Each session is a thread with a connection and a random stream of its own,
 * derived from the seed.  With --serial only one session runs at a time, one
 * statement each, in an order that the seed decides, and a row lock that is
 * taken is an error at once: a run is repeated by its seed.  Otherwise the
 * statements are repeated, but not how they interleave.
 *
 * A mismatch, an error that the view would not have had, a read that waits for
 * anything but a base table's lock: each stops the storm and prints what the
 * session and the others did last.
 */
#include <errno.h>
#include <getopt.h>
#include <libpq-fe.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#define SQL_MAX		8192
#define HISTORY		40
#define SESSIONS_MAX 400
#define GIDS_MAX	24
#define GID_SIZE	40

/* ---- what is read ---- */

/* A view: its key's domain, and columns that the store may be asked for. */
typedef struct View
{
	const char *name;
	int			domain;			/* keys are 1..domain */
	int			id_kind;		/* first argument of uid() */
	int			id_domain;
	const char *fks[4];			/* integer columns with their domains */
	int			fk_domains[4];
	const char *oracle;			/* schema of the view to compare with */
} View;

enum
{
	COMPANIES = 8, USERS = 20, POSTS = 60, COMMENTS = 150, TAGS = 10, EVENTS = 60
};

static const View views[] = {
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
	{"feed", POSTS, 3, POSTS, {"fk_user"}, {USERS}, "oracle"},
	{"deep", COMMENTS, 4, COMMENTS, {"fk_post"}, {POSTS}, "oracle"},
};

#define NVIEWS ((int) (sizeof(views) / sizeof(views[0])))

static const char *const schemas[] = {"app", "tiny"};

/* ---- sessions ---- */

typedef struct Entry
{
	double		at;
	double		took;
	char		text[700];
	char		result[90];
} Entry;

typedef struct Session
{
	int			id;
	pthread_t	thread;
	PGconn	   *conn;
	uint64_t	random;
	bool		in_transaction;
	bool		serializable;
	bool		fixed_snapshot;
	bool		read_only;
	int			savepoints;
	bool		wrote_ddl;
	bool		holds_cursor;	/* a WITH HOLD cursor: no PREPARE TRANSACTION */
	Entry		history[HISTORY];
	int			nhistory;
	uint64_t	prepared[2][NVIEWS];	/* bits: PREPARE has been sent */
	bool		ended;
	int			pid;
} Session;

static struct
{
	const char *database;
	int			sessions;
	double		duration;
	long		steps;
	uint64_t	seed;
	bool		serial;
	bool		ddl;
	int			terminate;		/* a backend every so many milliseconds */
	int			crash;			/* likewise, with SIGKILL: the server restarts */
	bool		keep_going;
	bool		tap;
	const char *trace;
} options = {.database = "storm", .sessions = 12, .duration = 60};

static Session sessions[SESSIONS_MAX];
static volatile bool stop = false;
static volatile bool failed = false;
static double started;
static pthread_mutex_t print_lock = PTHREAD_MUTEX_INITIALIZER;
static FILE *trace;

static long compared[2][NVIEWS];
static long other_compared;		/* joins, cursors, reads in triggers' statements */

static long statements, commits, rollbacks, prepares, expected_errors, doubled_keys, ended_backends;
static long slowest_read_us;
static char slowest_read[600];

#define COUNT(x) __atomic_fetch_add(&(x), 1, __ATOMIC_RELAXED)

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

/* splitmix64 */
static uint64_t
next_random(Session *s)
{
	uint64_t	z = (s->random += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* 1..n */
static int
pick(Session *s, int n)
{
	return 1 + (int) (next_random(s) % (uint64_t) n);
}

static bool
chance(Session *s, int percent)
{
	return (int) (next_random(s) % 100) < percent;
}

/* ---- turns: --serial lets one session run at a time ---- */

static pthread_mutex_t turn_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t turn_conds[SESSIONS_MAX];
static int	turn = 0;
static Session scheduler;		/* for its random stream only */

static void
take_turn(Session *s)
{
	if (!options.serial)
		return;
	pthread_mutex_lock(&turn_lock);
	while (turn != s->id)
		pthread_cond_wait(&turn_conds[s->id], &turn_lock);
	pthread_mutex_unlock(&turn_lock);
}

static void
pass_turn(void)
{
	int			live = 0;
	int			chosen;

	if (!options.serial)
		return;
	pthread_mutex_lock(&turn_lock);
	for (int i = 0; i < options.sessions; i++)
		live += !sessions[i].ended;
	if (live > 0)
	{
		chosen = pick(&scheduler, live);
		for (turn = 0; turn < options.sessions; turn++)
			if (!sessions[turn].ended && --chosen == 0)
				break;
		pthread_cond_signal(&turn_conds[turn]);
	}
	pthread_mutex_unlock(&turn_lock);
}

/* ---- statements ---- */

static Entry *
note(Session *s, const char *sql)
{
	Entry	   *entry = &s->history[s->nhistory++ % HISTORY];

	entry->at = now() - started;
	entry->took = -1;
	snprintf(entry->text, sizeof(entry->text), "%s", sql);
	entry->result[0] = '\0';
	if (trace)
		fprintf(trace, "%d\t%s\n", s->id, sql);
	return entry;
}

static PGresult *
run_raw(Session *s, const char *sql)
{
	Entry	   *entry = note(s, sql);
	double		begun = now();
	PGresult   *result = PQexec(s->conn, sql);

	COUNT(statements);
	entry->took = now() - begun;
	if (PQresultStatus(result) == PGRES_TUPLES_OK)
		snprintf(entry->result, sizeof(entry->result), "%d rows", PQntuples(result));
	else
		snprintf(entry->result, sizeof(entry->result), "%s", PQresultStatus(result) == PGRES_COMMAND_OK ?
				 PQcmdStatus(result) : PQresultErrorMessage(result));
	return result;
}

static void
print_result(PGresult *result)
{
	for (int i = 0; i < PQntuples(result); i++)
		for (int j = 0; j < PQnfields(result); j++)
			printf("# %c %s: %s\n", j == 0 ? '-' : ' ', PQfname(result, j), PQgetvalue(result, i, j));
	if (PQresultStatus(result) == PGRES_FATAL_ERROR)
		printf("# %s\n", PQresultErrorMessage(result));
}

static void
print_query(PGconn *conn, const char *title, const char *sql)
{
	PGresult   *result = PQexec(conn, sql);

	printf("# ---- %s\n", title);
	print_result(result);
	PQclear(result);
}

static void
print_session(const Session *s)
{
	int			n = s->nhistory < HISTORY ? s->nhistory : HISTORY;

	for (int i = s->nhistory - n; i < s->nhistory; i++)
	{
		const Entry *e = &s->history[i % HISTORY];

		printf("# %8.3f s%d %7.2f ms %s\n#          -> %s\n", e->at, s->id, e->took * 1000, e->text, e->result);
	}
}

/* Prints everything and stops the storm; sql may be run again to look closer. */
static void
report(Session *s, const char *what, const char *sql, PGresult *result)
{
	PGconn	   *conn;
	char		connection[200];

	pthread_mutex_lock(&print_lock);
	if (failed && !options.keep_going)
	{
		pthread_mutex_unlock(&print_lock);
		return;
	}
	failed = true;
	stop = !options.keep_going || stop;
	printf("# ======== %s\n# seed %llu, session %d (pid %d), %.3f s after the start%s\n# %s\n", what,
		   (unsigned long long) options.seed, s->id, PQbackendPID(s->conn), now() - started,
		   options.serial ? ", serial" : "", sql);
	if (result)
		print_result(result);
	if (result && PQresultStatus(result) == PGRES_TUPLES_OK)
	{
		for (int i = 0; i < 3; i++)
		{
			char		again[SQL_MAX + 100];

			print_query(s->conn, "once more", sql);
			snprintf(again, sizeof(again), "EXPLAIN (ANALYZE, TIMING OFF, COSTS OFF) %s", sql);
			if (i == 2)
				print_query(s->conn, "explained", again);
		}
		print_query(s->conn, "snapshot and settings",
					"SELECT pg_current_snapshot(), pg_current_xact_id_if_assigned(),"
					" current_setting('transaction_isolation'), current_setting('tview.max_marks_per_transaction', true),"
					" current_setting('synchronous_commit')");
	}
	snprintf(connection, sizeof(connection), "dbname=%s application_name=report", options.database);
	conn = PQconnectdb(connection);
	print_query(conn, "tview.store", "SELECT * FROM tview.store");
	print_query(conn, "prepared transactions", "SELECT * FROM pg_prepared_xacts");
	PQfinish(conn);
	printf("# ---- this session's last statements\n");
	print_session(s);
	printf("# ---- the others'\n");
	for (int i = 0; i < options.sessions; i++)
		if (i != s->id && sessions[i].conn && options.sessions < 40)
			print_session(&sessions[i]);
	fflush(stdout);
	pthread_mutex_unlock(&print_lock);
}

/* What base rows and the storm's own limits may raise, for a read or a write. */
static bool
is_expected(const Session *s, const char *state, bool is_read)
{
	static const char *const always[] = {"57014", "55P03", "34000", NULL};	/* 34000: a savepoint's end closes cursors */
	static const char *const writes[] = {"40001", "40P01", "23505", "23503", "23514", "55006", NULL};

	for (int i = 0; always[i]; i++)
		if (strcmp(state, always[i]) == 0)
			return true;
	/* a lost connection, and what was prepared in it */
	if ((options.terminate || options.crash) &&
		(strncmp(state, "57P", 3) == 0 || state[0] == '\0' || strcmp(state, "42704") == 0 || strcmp(state, "55000") == 0))
		return true;
	if (is_read)
		return (s->serializable && strcmp(state, "40001") == 0) ||
			(options.ddl && strcmp(state, "40P01") == 0);
	for (int i = 0; writes[i]; i++)
		if (strcmp(state, writes[i]) == 0)
			return true;
	return false;
}

static void connect_session(Session *s);

/* After an error: back to the last savepoint or out of the transaction. */
static void
recover(Session *s)
{
	if (PQstatus(s->conn) != CONNECTION_OK)
	{
		PQfinish(s->conn);
		connect_session(s);
		return;
	}
	if (PQtransactionStatus(s->conn) != PQTRANS_INERROR)
	{
		if (PQtransactionStatus(s->conn) == PQTRANS_IDLE)
			s->in_transaction = false;
		return;
	}
	if (s->savepoints > 0 && chance(s, 70))
	{
		char		sql[60];

		snprintf(sql, sizeof(sql), "ROLLBACK TO s%d", s->savepoints);
		PQclear(run_raw(s, sql));
		if (PQtransactionStatus(s->conn) == PQTRANS_INTRANS)
			return;
	}
	PQclear(run_raw(s, "ROLLBACK"));
	COUNT(rollbacks);
	s->in_transaction = false;
}

/* Runs a statement in its turn; NULL after an error, from which it has recovered. */
static PGresult *
run_kind(Session *s, const char *sql, bool is_read)
{
	PGresult   *result;
	ExecStatusType status;
	double		begun;

	take_turn(s);
	begun = now();
	result = run_raw(s, sql);
	status = PQresultStatus(result);
	if (is_read)
	{
		long		us = (long) ((now() - begun) * 1e6);

		if (us > slowest_read_us)
		{
			slowest_read_us = us;
			snprintf(slowest_read, sizeof(slowest_read), "%.3f s%d %s", now() - started, s->id, sql);
		}
	}
	if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK)
	{
		const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);

		if (state == NULL)
			state = "";
		if (is_expected(s, state, is_read))
			COUNT(expected_errors);
		else if (!stop || !failed)
			report(s, is_read ? "a read failed" : "a write failed", sql, result);
		PQclear(result);
		result = NULL;
		recover(s);
	}
	pass_turn();
	return result;
}

static bool __attribute__((format(printf, 2, 3)))
run(Session *s, const char *format, ...)
{
	char		sql[SQL_MAX];
	va_list		args;
	PGresult   *result;

	va_start(args, format);
	vsnprintf(sql, sizeof(sql), format, args);
	va_end(args);
	result = run_kind(s, sql, false);
	PQclear(result);
	return result != NULL;
}

/* ---- reads ---- */

/* Reports a difference, unless the session's snapshot has a key twice (see schema.sql). */
static void
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

/* Runs a statement that returns the differences. */
static bool
compare(Session *s, const char *sql, long *count)
{
	PGresult   *result = run_kind(s, sql, true);

	if (result == NULL)
		return false;
	if (PQntuples(result) > 0)
	{
		report_difference(s, "MISMATCH (1: too much in the tview, -1: missing)", sql, result);
	}
	PQclear(result);
	__atomic_fetch_add(count, 1, __ATOMIC_RELAXED);
	return true;
}

/* The statement that compares: multisets of rows, each side read once. */
static void
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

static void
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

static int
random_view(Session *s)
{
	return pick(s, NVIEWS) - 1;
}

static void
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
				snprintf(columns, sizeof(columns), "count(*), min(pk_%s)", v->name);
				break;
			}
			/* FALLTHROUGH */
		default:
			snprintf(columns, sizeof(columns), "*");
	}
	compare_sql(sql, sizeof(sql), v, schemas[schema], columns, rest);
	compare(s, sql, &compared[schema][i]);
}

/* Prepared statements with parameters, also under generic plans. */
static void
read_prepared(Session *s)
{
	static const char *const types[] = {"int", "bigint", "text", "int[]", "int, int", "int, int", "int"};
	int			i = random_view(s);
	int			schema = pick(s, 2) - 1;
	int			kind = pick(s, 7) - 1;
	const View *v = &views[i];
	char		rest[200];
	char		sql[SQL_MAX];
	char		prepare[SQL_MAX + 200];
	char		list[100];

	if (kind == 6 && v->fks[0] == NULL)
		kind = 0;
	if (!(s->prepared[schema][i] & (UINT64_C(1) << kind)))
	{
		switch (kind)
		{
			case 0:
			case 1:
				snprintf(rest, sizeof(rest), "WHERE pk_%s = $1", v->name);
				break;
			case 2:
				snprintf(rest, sizeof(rest), "WHERE id = $1::text::uuid");
				break;
			case 3:
				snprintf(rest, sizeof(rest), "WHERE pk_%s = ANY ($1)", v->name);
				break;
			case 4:
				snprintf(rest, sizeof(rest), "WHERE pk_%s > $1 ORDER BY pk_%s LIMIT $2", v->name, v->name);
				break;
			case 5:
				snprintf(rest, sizeof(rest), "WHERE pk_%s < $1 ORDER BY pk_%s DESC LIMIT $2", v->name, v->name);
				break;
			default:
				snprintf(rest, sizeof(rest), "WHERE %s = $1", v->fks[0]);
				break;
		}
		compare_sql(sql, sizeof(sql), v, schemas[schema], "*", rest);
		snprintf(prepare, sizeof(prepare), "PREPARE p_%d_%d_%d (%s) AS %s", schema, i, kind, types[kind], sql);
		if (!run(s, "%s", prepare))
			return;
		s->prepared[schema][i] |= UINT64_C(1) << kind;
	}
	switch (kind)
	{
		case 2:
			snprintf(list, sizeof(list), "app.uid(%d, %d)::text", v->id_kind, pick(s, v->id_domain));
			break;
		case 3:
			list[0] = '\'';
			list[1] = '{';
			key_list(s, list + 2, sizeof(list) - 5, v->domain);
			strcat(list, "}'");
			break;
		case 4:
		case 5:
			snprintf(list, sizeof(list), "%d, %d", pick(s, v->domain), pick(s, 5));
			break;
		default:
			snprintf(list, sizeof(list), "%d", pick(s, kind == 6 ? v->fk_domains[0] : v->domain));
	}
	snprintf(sql, sizeof(sql), "EXECUTE p_%d_%d_%d (%s)", schema, i, kind, list);
	compare(s, sql, &compared[schema][i]);
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
	compare(s, sql, &other_compared);
}

static void write_something(Session *s);

static int
compare_strings(const void *a, const void *b)
{
	return strcmp(*(char *const *) a, *(char *const *) b);
}

/*
 * A cursor over both, fetched piecewise while others commit and this session
 * writes; the rows are compared here.
 */
static void
read_cursor(Session *s)
{
	int			i = random_view(s);
	int			schema = pick(s, 2) - 1;
	const View *v = &views[i];
	char		rest[400];
	char		sql[SQL_MAX];
	bool		scroll = chance(s, 20);
	int			name = pick(s, 1000000);
	char	  **sides[2] = {NULL, NULL};
	int			n[2] = {0, 0};
	bool		good = true;
	PGresult   *result;

	random_condition(s, v, rest, sizeof(rest));
	snprintf(sql, sizeof(sql), "DECLARE c%d %s CURSOR FOR SELECT 0 AS side, t::text FROM (SELECT * FROM %s.tv_%s t %s) t"
			 " UNION ALL SELECT 1, t::text FROM (SELECT * FROM %s.v_%s t %s) t", name, scroll ? "SCROLL" : "",
			 schemas[schema], v->name, rest, v->oracle, v->name, rest);
	if (!run(s, "%s", sql))
		return;
	while (good)
	{
		int			wanted = pick(s, 12);

		snprintf(sql, sizeof(sql), "FETCH %d FROM c%d", wanted, name);
		result = run_kind(s, sql, true);
		if (result == NULL)
		{
			good = false;
			break;
		}
		for (int r = 0; r < PQntuples(result); r++)
		{
			int			side = PQgetvalue(result, r, 0)[0] - '0';

			sides[side] = realloc(sides[side], (size_t) (n[side] + 1) * sizeof(char *));
			sides[side][n[side]++] = strdup(PQgetvalue(result, r, 1));
		}
		if (PQntuples(result) < wanted)
		{
			PQclear(result);
			break;
		}
		PQclear(result);
		if (chance(s, 25) && !s->read_only)
			write_something(s);
		if (!s->in_transaction || stop || PQtransactionStatus(s->conn) != PQTRANS_INTRANS)
			good = false;
		if (chance(s, 20) && !options.serial)
			usleep((useconds_t) pick(s, 20000));
	}
	if (good)
	{
		qsort(sides[0], (size_t) n[0], sizeof(char *), compare_strings);
		qsort(sides[1], (size_t) n[1], sizeof(char *), compare_strings);
		for (int r = 0; r < n[0] || r < n[1]; r++)
		{
			if (r < n[0] && r < n[1] && strcmp(sides[0][r], sides[1][r]) == 0)
				continue;
			snprintf(sql, sizeof(sql), "cursor over %s.tv_%s %s: %d rows, %d expected, first difference at %d\n# tview %.2000s\n# view  %.2000s",
					 schemas[schema], v->name, rest, n[0], n[1], r,
					 r < n[0] ? sides[0][r] : "-", r < n[1] ? sides[1][r] : "-");
			report_difference(s, "MISMATCH in a cursor", sql, NULL);
			break;
		}
		COUNT(other_compared);
		/* a savepoint's rollback may have closed it; then recover() repairs */
		run(s, "CLOSE c%d", name);
	}
	for (int side = 0; side < 2; side++)
	{
		for (int r = 0; r < n[side]; r++)
			free(sides[side][r]);
		free(sides[side]);
	}
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
	result = run_kind(s, sql, false);
	if (result == NULL)
		return;
	if (PQntuples(result) > 0)
	{
		report_difference(s, "MISMATCH beside a write", sql, result);
	}
	PQclear(result);
	COUNT(compared[schema][i]);
}

static void
read_something(Session *s)
{
	int			dice = pick(s, 100);

	if (dice <= 55)
		read_condition(s);
	else if (dice <= 82)
		read_prepared(s);
	else if (dice <= 92)
		read_joined(s);
	else if (dice <= 96 && !s->read_only)
		read_beside_write(s);
	else if (s->in_transaction)
		read_cursor(s);
}

/* ---- writes ---- */

static void
write_company(Session *s)
{
	int			n = pick(s, COMPANIES);

	switch (pick(s, 7))
	{
		case 1:
			run(s, "INSERT INTO app.tb_company VALUES (%d, app.uid(1, %d), 'company %d', 'de')", n, pick(s, COMPANIES), pick(s, 99));
			break;
		case 2:
			run(s, "DELETE FROM app.tb_company WHERE pk_company = %d", n);
			break;
		case 3:
			run(s, "UPDATE app.tb_company SET pk_company = %d WHERE pk_company = %d", pick(s, COMPANIES), n);
			break;
		case 4:
			run(s, "UPDATE app.tb_company SET country = '%s' WHERE pk_company = %d", chance(s, 50) ? "nowhere" : "fr", n);
			break;
		case 5:
			run(s, "UPDATE app.tb_company SET unused = unused + 1 WHERE pk_company = %d", n);
			break;
		default:
			run(s, "UPDATE app.tb_company SET name = 'renamed %d' WHERE pk_company = %d", pick(s, 99), n);
	}
}

static void
write_user(Session *s)
{
	int			n = pick(s, USERS);

	switch (pick(s, 10))
	{
		case 1:
			run(s, "INSERT INTO app.tb_user VALUES (%d, app.uid(2, %d), %d, %d, 'u%d', 'user %d', 'u@%d', %s)",
				n, pick(s, USERS), pick(s, COMPANIES), pick(s, USERS), pick(s, 30), pick(s, 99), pick(s, 9), chance(s, 80) ? "true" : "false");
			break;
		case 2:
			run(s, "DELETE FROM app.tb_user WHERE pk_user = %d", n);
			break;
		case 3:
			run(s, "UPDATE app.tb_user SET pk_user = %d WHERE pk_user = %d", pick(s, USERS), n);
			break;
		case 4:
			run(s, "UPDATE app.tb_user SET id = app.uid(2, %d) WHERE pk_user = %d", pick(s, USERS), n);
			break;
		case 5:
			run(s, "UPDATE app.tb_user SET fk_company = %s%d WHERE pk_user IN (%d, %d)",
				chance(s, 20) ? "NULL --" : "", pick(s, COMPANIES), n, pick(s, USERS));
			break;
		case 6:
			run(s, "UPDATE app.tb_user SET active = NOT active WHERE fk_company = %d", pick(s, COMPANIES));
			break;
		case 7:
			run(s, "UPDATE app.tb_user SET fk_manager = %d, unused = 3 WHERE pk_user = %d", pick(s, USERS), n);
			break;
		case 8:
			run(s, "INSERT INTO app.tb_user AS u VALUES (%d, app.uid(2, %d), %d, NULL, 'u%d', 'upsert', 'x', true)"
				" ON CONFLICT (pk_user) DO UPDATE SET name = excluded.name || u.name, identifier = excluded.identifier",
				n, pick(s, USERS), pick(s, COMPANIES), pick(s, 30));
			break;
		default:
			run(s, "UPDATE app.tb_user SET name = 'name %d' WHERE pk_user = %d", pick(s, 99), n);
	}
}

static void
write_post(Session *s)
{
	int			n = pick(s, POSTS);

	switch (pick(s, 13))
	{
		case 1:
		case 2:
			run(s, "INSERT INTO app.tb_post VALUES (%d, app.uid(3, %d), %d, 'title %d', '', %s, %d)",
				n, pick(s, POSTS), pick(s, USERS), pick(s, 99), chance(s, 70) ? "true" : "false", pick(s, 12));
			break;
		case 3:
		case 4:
			run(s, "DELETE FROM app.tb_post WHERE pk_post = %d", n);
			break;
		case 5:
			run(s, "UPDATE app.tb_post SET pk_post = %d WHERE pk_post = %d", pick(s, POSTS), n);
			break;
		case 6:
			run(s, "UPDATE app.tb_post SET id = app.uid(3, %d) WHERE pk_post = %d", pick(s, POSTS), n);
			break;
		case 7:
			run(s, "UPDATE app.tb_post SET fk_user = %d WHERE pk_post = %d", pick(s, USERS), n);
			break;
		case 8:
			run(s, "UPDATE app.tb_post SET fk_user = %d WHERE fk_user = %d", pick(s, USERS), pick(s, USERS));
			break;
		case 9:
			run(s, "UPDATE app.tb_post SET published = NOT published WHERE pk_post BETWEEN %d AND %d", n, n + pick(s, 5));
			break;
		case 10:
			run(s, "UPDATE app.tb_post SET body = (SELECT string_agg(md5(g::text), '') FROM generate_series(1, %d) g) WHERE pk_post = %d",
				pick(s, 200), n);
			break;
		case 11:
			run(s, "MERGE INTO app.tb_post p USING (VALUES (%d), (%d)) v(n) ON p.pk_post = v.n"
				" WHEN MATCHED AND p.score > 5 THEN DELETE WHEN MATCHED THEN UPDATE SET score = p.score + 2"
				" WHEN NOT MATCHED THEN INSERT (pk_post, id, fk_user, title, score) VALUES (v.n, app.uid(3, v.n), %d, 'merged', 4)",
				n, n % POSTS + 1, pick(s, USERS));
			break;
		default:
			run(s, "UPDATE app.tb_post SET title = 'title %d', score = %d WHERE pk_post = %d", pick(s, 99), pick(s, 12), n);
	}
}

static void
write_comment(Session *s)
{
	int			n = pick(s, COMMENTS);

	switch (pick(s, 11))
	{
		case 1:
		case 2:
		case 3:
			run(s, "INSERT INTO app.tb_comment VALUES (%d, app.uid(4, %d), %d, %d, %d, 'said %d', %d)",
				n, pick(s, COMMENTS), pick(s, POSTS), pick(s, USERS), pick(s, COMMENTS), pick(s, 99), pick(s, 10));
			break;
		case 4:
			run(s, "DELETE FROM app.tb_comment WHERE pk_comment = %d", n);
			break;
		case 5:
			run(s, "UPDATE app.tb_comment SET fk_post = %d WHERE pk_comment = %d", pick(s, POSTS), n);
			break;
		case 6:
			run(s, "UPDATE app.tb_comment SET pk_comment = %d, fk_parent = %d WHERE pk_comment = %d", pick(s, COMMENTS), pick(s, COMMENTS), n);
			break;
		case 7:
			run(s, "UPDATE app.tb_comment SET likes = likes + 1 WHERE fk_post = %d", pick(s, POSTS));
			break;
		case 8:
			run(s, "DELETE FROM app.tb_comment WHERE fk_post = %d", pick(s, POSTS));
			break;
		case 9:
			run(s, "INSERT INTO app.tb_comment SELECT g, app.uid(4, g), g %% %d + 1, g %% %d + 1, NULL, 'bulk', g %% 10"
				" FROM generate_series(%d, %d) g ON CONFLICT DO NOTHING",
				pick(s, POSTS), pick(s, USERS), n, n + pick(s, 20));
			break;
		default:
			run(s, "UPDATE app.tb_comment SET body = 'said %d', id = app.uid(4, %d) WHERE pk_comment = %d", pick(s, 99), pick(s, COMMENTS), n);
	}
}

static void
write_tag(Session *s)
{
	int			n = pick(s, TAGS);

	switch (pick(s, 8))
	{
		case 1:
			run(s, "INSERT INTO app.tb_tag VALUES (%d, app.uid(5, %d), 'tag %d')", n, pick(s, TAGS), pick(s, 99));
			break;
		case 2:
			run(s, "DELETE FROM app.tb_tag WHERE pk_tag = %d", n);
			break;
		case 3:
			run(s, "UPDATE app.tb_tag SET label = 'label %d' WHERE pk_tag = %d", pick(s, 99), n);
			break;
		case 4:
		case 5:
			run(s, "INSERT INTO app.tb_post_tag VALUES (%d, %d, %d) ON CONFLICT DO NOTHING", pick(s, POSTS), n, pick(s, 9));
			break;
		case 6:
			run(s, "DELETE FROM app.tb_post_tag WHERE fk_post = %d", pick(s, POSTS));
			break;
		default:
			run(s, "UPDATE app.tb_post_tag SET fk_tag = %d, pos = pos + 1 WHERE fk_post = %d AND fk_tag = %d", pick(s, TAGS), pick(s, POSTS), n);
	}
}

static void
write_event(Session *s)
{
	int			n = pick(s, EVENTS);

	switch (pick(s, 8))
	{
		case 1:
			run(s, "INSERT INTO app.tb_event VALUES (%d, app.uid(6, %d), %d, %d, 'event %d')", n, pick(s, EVENTS), pick(s, USERS), pick(s, 4), pick(s, 99));
			break;
		case 2:
			run(s, "DELETE FROM app.tb_event WHERE pk_event = %d", n);
			break;
		case 3:
			run(s, "UPDATE app.tb_event SET pk_event = %d WHERE pk_event = %d", pick(s, EVENTS), n);
			break;
		case 4:
			run(s, "UPDATE app.tb_event_2 SET payload = 'direct %d', fk_user = %d WHERE pk_event > %d", pick(s, 99), pick(s, USERS), 20 + pick(s, 20));
			break;
		case 5:
			run(s, "INSERT INTO app.tb_event_1 VALUES (%d, app.uid(6, %d), %d, 1, 'into a partition')", pick(s, 20), pick(s, EVENTS), pick(s, USERS));
			break;
		case 6:
			run(s, "UPDATE app.tb_event SET id = app.uid(6, %d), kind = %d WHERE fk_user = %d", pick(s, EVENTS), pick(s, 4), pick(s, USERS));
			break;
		default:
			run(s, "UPDATE app.tb_event SET payload = 'event %d' WHERE pk_event IN (%d, %d)", pick(s, 99), n, pick(s, EVENTS));
	}
}

/* TRUNCATE: older snapshots, too, find the table empty, or what came after. */
static void
truncate_and_refill(Session *s)
{
	static const char *const tables[] = {"tb_comment", "tb_post_tag", "tb_event_3", "tb_event", "tb_tag", "tb_company"};
	static const char *const fills[] = {
		"INSERT INTO app.tb_comment SELECT g, app.uid(4, g), g % 60 + 1, g % 20 + 1, NULL, 'again', g % 9 FROM generate_series(1, 90) g",
		"INSERT INTO app.tb_post_tag SELECT g % 60 + 1, g % 10 + 1, g % 7 FROM generate_series(1, 60) g",
		"INSERT INTO app.tb_event SELECT g, app.uid(6, g), g % 20 + 1, 1, 'again' FROM generate_series(41, 60) g",
		"INSERT INTO app.tb_event SELECT g, app.uid(6, g), g % 20 + 1, g % 4, 'again' FROM generate_series(1, 50) g",
		"INSERT INTO app.tb_tag SELECT g, app.uid(5, g), 'again ' || g FROM generate_series(1, 7) g",
		"INSERT INTO app.tb_company SELECT g, app.uid(1, g), 'again ' || g, 'de' FROM generate_series(1, 6) g",
	};
	int			i = pick(s, 6) - 1;

	if (!run(s, "TRUNCATE app.%s", tables[i]))
		return;
	if (chance(s, 40))
		read_something(s);
	if (chance(s, 80) && !stop)
		run(s, "%s ON CONFLICT DO NOTHING", fills[i]);
}

/* Empties a TVIEW, changes what it reads, and has it built by a read of all of it. */
static void
build_over_own_writes(Session *s)
{
	static const char *const deletes[] = {
		"DELETE FROM app.tb_company WHERE pk_company = %d", "DELETE FROM app.tb_user WHERE pk_user = %d",
		"DELETE FROM app.tb_post WHERE pk_post = %d", "DELETE FROM app.tb_comment WHERE pk_comment = %d",
		"DELETE FROM app.tb_tag WHERE pk_tag = %d", "DELETE FROM app.tb_event WHERE pk_event = %d"
	};
	int			i = random_view(s);
	int			schema = pick(s, 2) - 1;
	const View *v = &views[i];
	char		sql[SQL_MAX];

	if (!run(s, "SELECT tview.reset('%s.tv_%s')", schemas[schema], v->name))
		return;
	if (chance(s, 70))
	{
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(sql, sizeof(sql), deletes[v->id_kind - 1], pick(s, v->domain));
#pragma GCC diagnostic pop
		if (!run(s, "%s", sql))
			return;
	}
	compare_sql(sql, sizeof(sql), v, schemas[schema], "*", "");
	compare(s, sql, &compared[schema][i]);
}

/* Statements that touch much, and what concerns the store. */
static void
write_rarely(Session *s)
{
	switch (pick(s, 12))
	{
		case 1:
			run(s, "UPDATE app.tb_user SET name = name || '.'");
			break;
		case 2:
			run(s, "UPDATE app.tb_post SET score = %d - score WHERE pk_post %% %d = 0", pick(s, 12), pick(s, 5));
			break;
		case 3:
			run(s, "DELETE FROM app.tb_post WHERE fk_user = %d", pick(s, USERS));
			break;
		case 4:
			run(s, "UPDATE app.tb_setting SET value = value + 1 WHERE name = 'a'");
			break;
		case 5:
			run(s, "UPDATE app.tb_user SET name = left(name, 8), email = left(email, 5)");
			break;
		case 6:
			run(s, "INSERT INTO app.tb_post SELECT g, app.uid(3, g), g %% 20 + 1, 'bulk', 'b', true, g %% 9"
				" FROM generate_series(1, %d) g ON CONFLICT DO NOTHING", POSTS);
			break;
		case 7:
			truncate_and_refill(s);
			break;
		case 8:
			build_over_own_writes(s);
			break;
		case 9:
			if (chance(s, 8))
				run(s, "SELECT tview.reset('%s')", chance(s, 50) ? "roomy" : "tiny");
			break;
		case 10:
		case 11:
			if (!s->serializable)
				run(s, "SELECT tview.refresh('%s.tv_%s')", schemas[pick(s, 2) - 1], views[random_view(s)].name);
			break;
		default:
			{
				char		sql[200];

				snprintf(sql, sizeof(sql), "SELECT * FROM tview.verify('%s.tv_%s')", schemas[pick(s, 2) - 1], views[random_view(s)].name);
				compare(s, sql, &other_compared);
			}
	}
}

static void
write_something(Session *s)
{
	int			dice = pick(s, 100);

	if (dice <= 12)
		write_company(s);
	else if (dice <= 32)
		write_user(s);
	else if (dice <= 54)
		write_post(s);
	else if (dice <= 76)
		write_comment(s);
	else if (dice <= 85)
		write_tag(s);
	else if (dice <= 95)
		write_event(s);
	else
		write_rarely(s);
}

/* ---- DDL, where asked for ---- */

static void
change_definition(Session *s)
{
	static const char *const tables[] = {"tb_company", "tb_user", "tb_post", "tb_comment", "tb_event"};
	const char *table = tables[pick(s, 5) - 1];
	int			dice = pick(s, 6);

	if (s->in_transaction)
		return;
	if (dice == 1)
		run(s, "ALTER TABLE app.%s ADD COLUMN IF NOT EXISTS extra%d int DEFAULT %d", table, pick(s, 3), pick(s, 9));
	else if (dice == 2)
		run(s, "ALTER TABLE app.%s DROP COLUMN IF EXISTS extra%d", table, pick(s, 3));
	else if (dice == 3)
		run(s, "CREATE OR REPLACE VIEW app.v_company AS SELECT c.pk_company, c.id,"
			" jsonb_build_object('id', c.id, 'name', c.name, 'country', c.country, 'v', %d,"
			" 'users', (SELECT count(*) FROM app.tb_user u WHERE u.fk_company = c.pk_company %s)) AS data FROM app.tb_company c",
			pick(s, 5), chance(s, 50) ? "AND u.active" : "");
	else if (dice == 4)
		run(s, "CREATE OR REPLACE VIEW app.v_latest AS SELECT u.pk_user AS pk_latest, u.id,"
			" jsonb_build_object('name', u.name, 'v', %d, 'n', (SELECT max(k.body) FROM app.tb_comment k WHERE k.fk_user = u.pk_user)) AS data"
			" FROM app.tb_user u", pick(s, 5));
	else if (dice == 5)
	{
		run(s, "ALTER TABLE app.%s ALTER COLUMN unused TYPE %s", tables[pick(s, 4) - 1], chance(s, 50) ? "int8" : "int4");
	}
	else
	{
		if (!run(s, "BEGIN"))
			return;
		s->in_transaction = true;
		if (run(s, "ALTER TABLE app.%s DISABLE TRIGGER ALL", table) && s->in_transaction &&
			run(s, "UPDATE app.%s SET id = id WHERE false", table) && s->in_transaction &&
			run(s, "ALTER TABLE app.%s ENABLE TRIGGER ALL", table) && s->in_transaction)
			read_condition(s);
		if (s->in_transaction)
			run(s, chance(s, 50) ? "COMMIT" : "ROLLBACK");
		s->in_transaction = false;
	}
}

/* ---- prepared transactions, ended by whichever session comes by ---- */

static pthread_mutex_t gid_lock = PTHREAD_MUTEX_INITIALIZER;
static char gids[GIDS_MAX][GID_SIZE];
static int	ngids = 0;
static int	gid_count = 0;

/* Takes one out of the list; false when there is none. */
static bool
take_gid(Session *s, char *gid)
{
	int			i;

	pthread_mutex_lock(&gid_lock);
	if (ngids == 0)
	{
		pthread_mutex_unlock(&gid_lock);
		return false;
	}
	i = pick(s, ngids) - 1;
	memcpy(gid, gids[i], GID_SIZE);
	memcpy(gids[i], gids[--ngids], GID_SIZE);
	pthread_mutex_unlock(&gid_lock);
	return true;
}

/* Where connections get lost the list is not to be trusted: asks the server. */
static bool
find_gid(Session *s, char *gid)
{
	PGresult   *result = run_kind(s, "SELECT gid FROM pg_prepared_xacts WHERE database = current_database()"
								  " ORDER BY random() LIMIT 1", true);
	bool		found = result && PQntuples(result) == 1;

	if (found)
		snprintf(gid, GID_SIZE, "%s", PQgetvalue(result, 0, 0));
	PQclear(result);
	return found;
}

static void
end_prepared(Session *s, bool all)
{
	char		gid[GID_SIZE];

	do
	{
		if (!(options.terminate || options.crash ? find_gid(s, gid) : take_gid(s, gid)))
			return;
		run(s, "%s PREPARED '%s'", chance(s, 70) ? "COMMIT" : "ROLLBACK", gid);
	} while (all);
}

static void
prepare_transaction(Session *s)
{
	char		gid[GID_SIZE];
	bool		room;

	pthread_mutex_lock(&gid_lock);
	room = ngids < GIDS_MAX - 4;
	snprintf(gid, sizeof(gid), "g%d", gid_count++);
	pthread_mutex_unlock(&gid_lock);
	if (!room)
	{
		run(s, "COMMIT");
		return;
	}
	if (!run(s, "PREPARE TRANSACTION '%s'", gid))
		return;
	COUNT(prepares);
	pthread_mutex_lock(&gid_lock);
	if (ngids < GIDS_MAX)
		memcpy(gids[ngids++], gid, GID_SIZE);
	pthread_mutex_unlock(&gid_lock);
}

/* ---- transactions ---- */

static void
use_savepoint(Session *s)
{
	int			dice = pick(s, 10);

	if (s->savepoints == 0 || dice <= 5)
	{
		s->savepoints++;
		if (!run(s, "SAVEPOINT s%d", s->savepoints))
			s->savepoints = s->in_transaction ? s->savepoints - 1 : 0;
	}
	else if (dice <= 8)
		run(s, "ROLLBACK TO s%d", s->savepoints);
	else
	{
		run(s, "RELEASE s%d", s->savepoints);
		s->savepoints--;
	}
}

static void
end_transaction(Session *s)
{
	int			dice = pick(s, 100);

	if (!s->in_transaction)
		return;
	if (dice <= 12 && !s->read_only)
		prepare_transaction(s);
	else if (dice <= 27)
		run(s, "ROLLBACK");
	else if (run(s, "COMMIT"))
		COUNT(commits);
	s->in_transaction = false;
	s->savepoints = 0;
}

static void
run_transaction(Session *s)
{
	static const char *const levels[] = {"READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"};
	int			dice = pick(s, 100);
	int			level = dice <= 45 ? 0 : dice <= 90 ? 1 : 2;
	int			n = pick(s, 10);
	bool		slow = level == 1 && chance(s, 6);

	s->serializable = level == 2;
	s->savepoints = 0;
	s->read_only = chance(s, 8) || slow;
	if (!run(s, "BEGIN ISOLATION LEVEL %s %s", levels[level], s->read_only ? "READ ONLY" : ""))
		return;
	s->in_transaction = true;
	if (slow)
		n *= 3;
	if (chance(s, 3) && !options.serial)
		run(s, "SET LOCAL statement_timeout = %d", pick(s, 15));
	if (chance(s, 3) && s->in_transaction)
		run(s, "SET LOCAL tview.max_marks_per_transaction = %d", pick(s, 8));
	for (int i = 0; i < n && s->in_transaction && !stop; i++)
	{
		dice = pick(s, 100);
		if (dice <= 52 || s->read_only)
			read_something(s);
		else if (dice <= 88)
			write_something(s);
		else if (dice <= 96)
			use_savepoint(s);
		if (!options.serial && (slow || chance(s, 4)))
			usleep((useconds_t) pick(s, slow ? 300000 : 20000));
	}
	end_transaction(s);
	s->in_transaction = false;
	s->serializable = false;
	s->read_only = false;
}

/* Short transactions for what random ones come to too rarely. */
static void
run_special(Session *s)
{
	if (!run(s, chance(s, 50) ? "BEGIN" : "BEGIN ISOLATION LEVEL REPEATABLE READ"))
		return;
	s->in_transaction = true;
	s->savepoints = 0;
	switch (pick(s, 3))
	{
		case 1:
			build_over_own_writes(s);
			break;
		case 2:
			truncate_and_refill(s);
			break;
		default:

			/* a snapshot that has seen nothing yet while others change everything */
			run(s, "SELECT 1");
			for (int i = 0; i < 6 && s->in_transaction && !stop; i++)
			{
				if (!options.serial)
					usleep((useconds_t) pick(s, 30000));
				read_condition(s);
			}
	}
	if (s->in_transaction)
		run(s, chance(s, 50) ? "COMMIT" : "ROLLBACK");
	s->in_transaction = false;
}

/* Settings that change now and then: plans, limits, durability. */
static void
vary_settings(Session *s)
{
	static const char *const settings[] = {
		"SET tview.max_marks_per_transaction = 200", "RESET tview.max_marks_per_transaction", "SET plan_cache_mode = force_generic_plan",
		"RESET plan_cache_mode", "SET synchronous_commit = off", "RESET synchronous_commit",
		"SET enable_hashjoin = off", "RESET enable_hashjoin", "SET enable_mergejoin = off",
		"RESET enable_mergejoin", "SET enable_nestloop = off", "RESET enable_nestloop",
		"SET storm.trigger = 'on'", "RESET storm.trigger", "SET TimeZone = 'Asia/Tokyo'", "RESET TimeZone",
		"SET work_mem = '64kB'", "RESET work_mem", "SET cursor_tuple_fraction = 1", "DISCARD TEMP",
	};

	run(s, "%s", settings[pick(s, (int) (sizeof(settings) / sizeof(settings[0]))) - 1]);
}

static void
ignore_notice(void *arg, const char *message)
{
	(void) arg;
	(void) message;
}

static void
connect_session(Session *s)
{
	char		connection[200];

	snprintf(connection, sizeof(connection), "dbname=%s application_name=storm%d", options.database, s->id);
	for (int attempt = 0; attempt < 600; attempt++)
	{
		s->conn = PQconnectdb(connection);
		if (PQstatus(s->conn) == CONNECTION_OK)
			break;
		if (attempt == 599)
		{
			fprintf(stderr, "storm: %s\n", PQerrorMessage(s->conn));
			exit(2);
		}
		PQfinish(s->conn);
		usleep(100000);
	}
	PQsetNoticeProcessor(s->conn, ignore_notice, NULL);
	memset(s->prepared, 0, sizeof(s->prepared));
	s->in_transaction = false;
	PQclear(PQexec(s->conn, options.serial ? "SET lock_timeout = '1ms'" : "SET lock_timeout = '500ms'"));
	PQclear(PQexec(s->conn, "SET jit = off; SET client_min_messages = error"));
}

static bool
is_over(void)
{
	return stop || (options.steps ? statements >= options.steps : now() - started > options.duration);
}

static void *
session_main(void *arg)
{
	Session    *s = arg;

	while (!is_over())
	{
		int			dice = pick(s, 100);

		if (dice <= 2)
			run_special(s);
		else if (dice <= 45)
			run_transaction(s);
		else if (dice <= 70)
			read_something(s);
		else if (dice <= 88)
			write_something(s);
		else if (dice <= 95)
			end_prepared(s, chance(s, 30));
		else if (dice <= 98 || !options.ddl)
			vary_settings(s);
		else
			change_definition(s);
	}
	if (options.serial)
	{
		take_turn(s);
		s->ended = true;
		pass_turn();
	}
	s->ended = true;
	return NULL;
}

/* ---- the watcher: nobody who reads waits for anything but a base table ---- */

/*
 * Statements that wait for what only maintenance could hold: a lock on a tv_*,
 * an advisory lock, or, while reading, a row or a transaction.
 */
static const char watched[] =
"SELECT a.pid, a.query_start, a.wait_event_type, a.wait_event, l.locktype, l.relation::regclass, a.query"
" FROM pg_stat_activity a JOIN pg_locks l ON l.pid = a.pid AND NOT l.granted"
" WHERE a.application_name LIKE 'storm%' AND a.wait_event_type = 'Lock' AND a.state = 'active'"
" AND (l.relation::regclass::text LIKE '%tv\\_%' OR l.locktype = 'advisory'"
"  OR l.locktype IN ('transactionid', 'tuple') AND (a.query LIKE 'SELECT sum(w)%' OR a.query LIKE 'EXECUTE%'))";

/* Ends a backend, the hard way too. */
static void
end_backend(PGconn *conn)
{
	static double next = 0;
	int			pause = options.crash ? options.crash : options.terminate;
	PGresult   *result;

	if (pause == 0 || now() < next)
		return;
	if (next > 0)
	{
		result = PQexec(conn, options.crash ?
						"SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'storm%' AND state <> 'idle' ORDER BY random() LIMIT 1" :
						"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'storm%' ORDER BY random() LIMIT 1");
		if (options.crash && PQntuples(result) == 1)
			kill(atoi(PQgetvalue(result, 0, 0)), SIGKILL);
		PQclear(result);
		COUNT(ended_backends);
	}
	next = now() + pause / 1000.0;
}

static void *
watch(void *arg)
{
	static Session watcher = {.id = -1};
	char		connection[200];
	char		before[60] = "";

	(void) arg;
	snprintf(connection, sizeof(connection), "dbname=%s application_name=watcher", options.database);
	watcher.conn = PQconnectdb(connection);
	while (!is_over())
	{
		PGresult   *result;

		if (PQstatus(watcher.conn) != CONNECTION_OK)
			PQreset(watcher.conn);
		end_backend(watcher.conn);
		result = PQexec(watcher.conn, watched);
		char		found[60] = "";

		/* the two views are not of one moment: it takes two looks at the same statement */
		if (PQntuples(result) > 0)
			snprintf(found, sizeof(found), "%s %s", PQgetvalue(result, 0, 0), PQgetvalue(result, 0, 1));
		if (found[0] && strcmp(found, before) == 0 && !options.ddl)
			report(&watcher, "A SESSION WAITS", watched, result);
		strcpy(before, found);
		PQclear(result);
		usleep(found[0] ? 10000 : 100000);
	}
	PQfinish(watcher.conn);
	return NULL;
}

/* ---- the end ---- */

/* When all is quiet, everything is compared once more, and again from a warm store. */
static void
compare_everything(Session *s)
{
	for (int round = 0; round < 2; round++)
		for (int schema = 0; schema < 2; schema++)
			for (int i = 0; i < NVIEWS; i++)
			{
				char		sql[SQL_MAX];

				compare_sql(sql, sizeof(sql), &views[i], schemas[schema], "*", "");
				compare(s, sql, &compared[schema][i]);
				snprintf(sql, sizeof(sql), "SELECT * FROM tview.verify('%s.tv_%s')", schemas[schema], views[i].name);
				compare(s, sql, &other_compared);
			}
}

static int
summarise(void)
{
	long		total = other_compared;
	int			n = 0;

	for (int schema = 0; schema < 2; schema++)
		for (int i = 0; i < NVIEWS; i++)
			total += compared[schema][i];
	printf("# %ld compared reads, %ld statements, %ld commits, %ld prepared, %ld rollbacks after errors, %ld expected errors, %ld reads over doubled keys, %ld backends ended\n",
		   total, statements, commits, prepares, rollbacks, expected_errors, doubled_keys, ended_backends);
	printf("# %d sessions, %.1f s, slowest read %.1f ms, seed %llu%s\n# slowest: %s\n", options.sessions, now() - started,
		   slowest_read_us / 1000.0, (unsigned long long) options.seed, options.serial ? ", serial" : "", slowest_read);
	print_query(sessions[0].conn, "use of the stores",
				"SELECT (SELECT srvname FROM pg_foreign_table f JOIN pg_foreign_server s ON s.oid = f.ftserver WHERE ftrelid = tview) AS server,"
				" sum(served) AS served, sum(recomputed) AS recomputed, sum(stored) AS stored,"
				" sum(hollowed) AS hollowed, sum(mismatched) AS mismatched, sum(bypassed) AS bypassed,"
				" (SELECT jsonb_object_agg(k, n) FROM (SELECT k, sum(v::bigint) AS n FROM tview.cache_stats c, jsonb_each_text(c.bypass_reasons) e(k, v) GROUP BY k) x) AS reasons"
				" FROM tview.cache_stats GROUP BY 1");
	print_query(sessions[0].conn, "stores", "SELECT server, epoch, map_used, marks_pending, last_reset, reset_reason, state FROM tview.store");
	for (int schema = 0; schema < 2; schema++)
		for (int i = 0; i < NVIEWS; i++)
			printf("%s %d - %s.tv_%s equals its view in %ld reads\n",
				   compared[schema][i] > 0 ? "ok" : "not ok", ++n, schemas[schema], views[i].name, compared[schema][i]);
	printf("%s %d - joins, cursors and self-checks agree in %ld reads\n", other_compared > 0 ? "ok" : "not ok", ++n, other_compared);
	printf("%s %d - no difference, no error of our own, no read that waits: seed %llu\n", failed ? "not ok" : "ok", ++n,
		   (unsigned long long) options.seed);
	printf("1..%d\n", n);
	return failed;
}

static void
usage(void)
{
	puts("storm [--database NAME] [--sessions N] [--duration SECONDS] [--seed N]\n"
		 "      [--serial] [--steps N] [--ddl] [--terminate MS] [--crash MS]\n"
		 "      [--keep-going] [--trace FILE]");
}

int
main(int argc, char **argv)
{
	static const struct option longs[] = {
		{"database", required_argument, NULL, 'd'}, {"sessions", required_argument, NULL, 'n'},
		{"duration", required_argument, NULL, 't'}, {"seed", required_argument, NULL, 's'},
		{"serial", no_argument, NULL, '1'}, {"steps", required_argument, NULL, 'c'},
		{"terminate", required_argument, NULL, 'm'}, {"crash", required_argument, NULL, 'K'},
		{"ddl", no_argument, NULL, 'x'}, {"keep-going", no_argument, NULL, 'k'},
		{"trace", required_argument, NULL, 'o'}, {"help", no_argument, NULL, 'h'}, {0}
	};
	pthread_t	watcher;
	int			c;

	options.seed = (uint64_t) time(NULL) * 1000 + (uint64_t) getpid() % 1000;
	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1)
	{
		switch (c)
		{
			case 'd': options.database = optarg; break;
			case 'n': options.sessions = atoi(optarg); break;
			case 't': options.duration = atof(optarg); break;
			case 's': options.seed = strtoull(optarg, NULL, 10); break;
			case '1': options.serial = true; break;
			case 'c': options.steps = atol(optarg); break;
			case 'x': options.ddl = true; break;
			case 'm': options.terminate = atoi(optarg); break;
			case 'K': options.crash = atoi(optarg); break;
			case 'k': options.keep_going = true; break;
			case 'o': options.trace = optarg; break;
			default: usage(); return c == 'h' ? 0 : 2;
		}
	}
	if (options.sessions < 1 || options.sessions > SESSIONS_MAX)
	{
		usage();
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("# seed %llu, %d sessions\n", (unsigned long long) options.seed, options.sessions);
	if (options.trace)
		trace = fopen(options.trace, "w");
	scheduler.random = options.seed;
	for (int i = 0; i < options.sessions; i++)
	{
		pthread_cond_init(&turn_conds[i], NULL);
		sessions[i].id = i;
		sessions[i].random = options.seed * UINT64_C(1000003) + (uint64_t) i * UINT64_C(7919);
		connect_session(&sessions[i]);
	}
	started = now();
	for (int i = 0; i < options.sessions; i++)
		pthread_create(&sessions[i].thread, NULL, session_main, &sessions[i]);
	if (!options.serial)
		pthread_create(&watcher, NULL, watch, NULL);
	for (int i = 0; i < options.sessions; i++)
		pthread_join(sessions[i].thread, NULL);
	if (!options.serial)
		pthread_join(watcher, NULL);
	options.serial = false;
	end_prepared(&sessions[0], true);
	if (!failed || options.keep_going)
		compare_everything(&sessions[0]);
	return summarise();
}
