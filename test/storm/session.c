/*
 * session.c
 *		Random streams, turns, connections, statements, and what is printed when
 *		something is wrong.
 */
#include "storm.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static pthread_mutex_t print_lock = PTHREAD_MUTEX_INITIALIZER;
static FILE *trace;

double
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

int
pick(Session *s, int n)
{
	return 1 + (int) (next_random(s) % (uint64_t) n);
}

bool
chance(Session *s, int percent)
{
	return (int) (next_random(s) % 100) < percent;
}

/* ---- turns: --serial lets one session run at a time ---- */

static pthread_mutex_t turn_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t turn_conds[SESSIONS_MAX];
static int	turn = 0;
static Session scheduler;		/* for its random stream only */

void
turns_begin(void)
{
	scheduler.random = options.seed;
	for (int i = 0; i < options.sessions; i++)
		pthread_cond_init(&turn_conds[i], NULL);
}

void
take_turn(Session *s)
{
	if (!options.serial)
		return;
	pthread_mutex_lock(&turn_lock);
	while (turn != s->id)
		pthread_cond_wait(&turn_conds[s->id], &turn_lock);
	pthread_mutex_unlock(&turn_lock);
}

void
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

/* ---- what is sent and printed ---- */

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

PGresult *
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

void
trace_to(const char *path)
{
	trace = fopen(path, "w");
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

void
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

void
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

/* ---- connections ---- */

static void
ignore_notice(void *arg, const char *message)
{
	(void) arg;
	(void) message;
}

void
connect_session(Session *s)
{
	char		connection[200];
	char		setting[60];

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
	s->savepoints = 0;
	snprintf(setting, sizeof(setting), "SET lock_timeout = %d", options.serial ? 1 : LOCK_TIMEOUT_MS);
	PQclear(PQexec(s->conn, setting));
	PQclear(PQexec(s->conn, "SET jit = off; SET client_min_messages = error"));
	/* planning is most of what a read costs: two of three sessions do it once */
	if (s->id % 3 != 0)
		PQclear(PQexec(s->conn, "SET plan_cache_mode = force_generic_plan"));
}

/* ---- errors ---- */

/* How often each error came, by what raised it. */
static struct
{
	char		state[6];
	long		count[3];
}			errors[40];
static pthread_mutex_t errors_lock = PTHREAD_MUTEX_INITIALIZER;

static void
count_error(const char *state, Kind kind)
{
	pthread_mutex_lock(&errors_lock);
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
	{
		if (errors[i].state[0] == '\0')
			snprintf(errors[i].state, sizeof(errors[i].state), "%s", state[0] ? state : "-----");
		if (strncmp(errors[i].state, state[0] ? state : "-----", 5) == 0)
		{
			errors[i].count[kind]++;
			break;
		}
	}
	pthread_mutex_unlock(&errors_lock);
}

void
print_errors(void)
{
	printf("# errors (SQLSTATE: in reads, writes, DDL):");
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]) && errors[i].state[0]; i++)
		printf(" %s: %ld, %ld, %ld;", errors[i].state, errors[i].count[READ], errors[i].count[WRITE], errors[i].count[DDL]);
	printf("\n");
}

static bool
is_one_of(const char *state, const char *const *states)
{
	for (; *states; states++)
		if (strcmp(state, *states) == 0)
			return true;
	return false;
}

/* What base rows and the storm's own limits may raise. */
static bool
is_expected(const Session *s, const char *state, Kind kind)
{
	static const char *const always[] = {"57014", "55P03", "34000", NULL};	/* 34000: a savepoint's end closes cursors */
	static const char *const writes[] = {"40001", "40P01", "23505", "23503", "23514", "55006", NULL};
	/* objects that another session has moved, detached or is using */
	static const char *const ddl[] = {"42P01", "42809", "55000", "42701", "42703", "3F000", "42P06", NULL};

	if (is_one_of(state, always))
		return true;
	/* a lost connection, and what was prepared in it */
	if ((options.terminate || options.crash) &&
		(strncmp(state, "57P", 3) == 0 || state[0] == '\0' || strcmp(state, "42704") == 0 || strcmp(state, "55000") == 0))
		return true;
	if (kind == READ)
		return (s->serializable && strcmp(state, "40001") == 0) ||
			(options.ddl && strcmp(state, "40P01") == 0);
	return is_one_of(state, writes) || (kind == DDL && is_one_of(state, ddl));
}

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

/*
 * A deadlock over a table's lock, with another session's TRUNCATE and a row
 * that the own transaction has written: the view's read ends in it as well.
 */
static bool
waited_for_table(const char *state, const char *detail)
{
	const char *found = detail ? strstr(detail, "waits for AccessShareLock on relation") : NULL;

	/* the first line is about the process that the error came to */
	return strcmp(state, "40P01") == 0 && found && found < detail + strcspn(detail, "\n");
}

/* Counts or reports an error, and recovers from it. */
static void
take_error(Session *s, const char *sql, PGresult *result, Kind kind)
{
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *detail = PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL);

	if (state == NULL)
		state = "";
	count_error(state, kind);
	if (strcmp(state, "40P01") == 0 && !options.ddl && deadlock_is_ours(detail))
		report(s, "A DEADLOCK OF OUR OWN", sql, result);
	/* a TRUNCATE that waits for the tables of a reader: --control has it, too */
	else if (is_expected(s, state, kind) ||
			 (strcmp(state, "40P01") == 0 && detail && strstr(detail, "AccessExclusiveLock on relation")) ||
			 waited_for_table(state, detail))
		COUNT(expected_errors);
	else if (!stop || !failed)
		report(s, kind == READ ? "a read failed" : kind == WRITE ? "a write failed" : "DDL failed", sql, result);
	recover(s);
}

static void
note_time(Session *s, const char *sql, double begun)
{
	long		us = (long) ((now() - begun) * 1e6);

	if (us <= slowest_read_us)
		return;
	slowest_read_us = us;
	snprintf(slowest_read, sizeof(slowest_read), "%.3f s%d %s", now() - started, s->id, sql);
}

/* ---- statements ---- */

PGresult *
run_kind(Session *s, const char *sql, Kind kind)
{
	PGresult   *result;
	double		begun;

	take_turn(s);
	begun = now();
	result = run_raw(s, sql);
	if (kind == READ)
		note_time(s, sql, begun);
	if (PQresultStatus(result) != PGRES_TUPLES_OK && PQresultStatus(result) != PGRES_COMMAND_OK)
	{
		take_error(s, sql, result, kind);
		PQclear(result);
		result = NULL;
	}
	pass_turn();
	return result;
}

bool
differs_again(Session *s, const char *sql)
{
	bool		differs = false;
	PGresult   *result;

	note(s, sql);
	if (PQsendQuery(s->conn, sql) == 0)
		return true;
	while ((result = PQgetResult(s->conn)) != NULL)
	{
		differs |= PQresultStatus(result) != PGRES_TUPLES_OK || PQntuples(result) > 0;
		PQclear(result);
	}
	return differs;
}

PGresult *
run_several(Session *s, const char *sql, long *count)
{
	PGresult   *found = NULL;
	PGresult   *failure = NULL;
	PGresult   *result;
	Entry	   *entry;
	double		begun;
	int			n = 0;

	take_turn(s);
	entry = note(s, sql);
	begun = now();
	if (PQsendQuery(s->conn, sql) == 0)
		failure = PQmakeEmptyPGresult(s->conn, PGRES_FATAL_ERROR);
	else
		while ((result = PQgetResult(s->conn)) != NULL)
		{
			if (PQresultStatus(result) != PGRES_TUPLES_OK && failure == NULL)
				failure = result;
			else if (PQntuples(result) > 0 && found == NULL)
				found = result;
			else
				PQclear(result);
			n++;
		}
	entry->took = now() - begun;
	note_time(s, sql, begun);
	snprintf(entry->result, sizeof(entry->result), "%d results%s", n, failure ? ", an error" : "");
	COUNT(statements);
	__atomic_fetch_add(count, n - (failure != NULL), __ATOMIC_RELAXED);
	if (failure != NULL)
	{
		take_error(s, sql, failure, READ);
		PQclear(failure);
	}
	pass_turn();
	return found;
}

static bool
run_formatted(Session *s, Kind kind, const char *format, va_list args)
{
	char		sql[SQL_MAX];
	PGresult   *result;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	vsnprintf(sql, sizeof(sql), format, args);
#pragma GCC diagnostic pop
	result = run_kind(s, sql, kind);
	PQclear(result);
	return result != NULL;
}

bool
run(Session *s, const char *format,...)
{
	va_list		args;
	bool		done;

	va_start(args, format);
	done = run_formatted(s, WRITE, format, args);
	va_end(args);
	return done;
}

bool
run_ddl(Session *s, const char *format,...)
{
	va_list		args;
	bool		done;

	va_start(args, format);
	done = run_formatted(s, DDL, format, args);
	va_end(args);
	if (done)
		COUNT(ddl_done);
	return done;
}
