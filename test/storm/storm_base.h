/*
 * storm_base.h
 *		What is read, sessions, turns and statements.
 *		A part of storm.c, which includes it: one program, four files.
 */
#ifndef STORM_BASE_H
#define STORM_BASE_H

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

/*
 * A deadlock over a table's lock, with another session's TRUNCATE and a row
 * that the own transaction has written: the view's read ends in it as well.
 */
static bool
waited_for_table(const PGresult *result, const char *state)
{
	const char *detail = PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL);
	const char *found = detail ? strstr(detail, "waits for AccessShareLock on relation") : NULL;

	/* the first line is about the process that the error came to */
	return strcmp(state, "40P01") == 0 && found && found < detail + strcspn(detail, "\n");
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
		if (is_expected(s, state, is_read) || waited_for_table(result, state))
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

#endif
