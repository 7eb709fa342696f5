/*
 * append_base.h
 *		Options, sessions and statements.
 *		A part of append.c, which includes it.
 */
#ifndef APPEND_BASE_H
#define APPEND_BASE_H

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
#include <time.h>
#include <unistd.h>

#define SESSIONS_MAX	200
#define SQL_MAX			2000
#define SHELF			6		/* lists of a shelf */
#define WINDOW			12		/* lists that are appended to at a time */
#define PER_LIST		10		/* appends for each list of it until the window moves on */
#define QUEUE			12

typedef struct Text
{
	char	   *data;
	size_t		used;
	size_t		size;
} Text;

typedef struct Session
{
	int			id;
	pthread_t	thread;
	PGconn	   *conn;
	uint64_t	random;
	const char *level;
	bool		in_transaction;
	Text		ops;			/* of the transaction */
	Text		history;
} Session;

/* A prepared transaction whose end anybody may decide. */
typedef struct Prepared
{
	char		gid[40];
	char	   *ops;			/* its line, up to the end; NULL: free */
	char	   *head;
} Prepared;

static struct
{
	const char *database;
	const char *output;
	const char *level;
	int			sessions;
	double		duration;
	uint64_t	seed;
	int			reset;			/* the stores, every so many milliseconds */
	int			terminate;		/* a backend, likewise */
	int			compare;		/* percentage of reads compared with the view at once */
} options = {.database = "history", .output = "history.txt", .level = "mixed", .sessions = 10, .duration = 5, .compare = 50};

static Session sessions[SESSIONS_MAX];
static Prepared queue[QUEUE];
static pthread_mutex_t queue_lock = PTHREAD_MUTEX_INITIALIZER;
static volatile bool failed = false;
static long values, appends, commits, aborts, prepares, reads, compared, resets, ended;
static double started;

#define COUNT(x) __atomic_add_fetch(&(x), 1, __ATOMIC_RELAXED)

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static long
microseconds(void)
{
	return (long) ((now() - started) * 1e6);
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

/* 0..n-1 */
static int
pick(Session *s, int n)
{
	return (int) (next_random(s) % (uint64_t) n);
}

static bool
chance(Session *s, int percent)
{
	return pick(s, 100) < percent;
}

static void __attribute__((format(printf, 2, 3)))
add(Text *text, const char *format, ...)
{
	va_list		args;
	int			n;

	for (;;)
	{
		va_start(args, format);
		n = vsnprintf(text->data ? text->data + text->used : NULL, text->size - text->used, format, args);
		va_end(args);
		if (text->used + (size_t) n < text->size)
			break;
		text->size = (text->used + (size_t) n + 1000) * 2;
		text->data = realloc(text->data, text->size);
		if (text->data == NULL)
			abort();
	}
	text->used += (size_t) n;
}

/* ---- sessions ---- */

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

	snprintf(connection, sizeof(connection), "dbname=%s application_name=history%d", options.database, s->id);
	for (int attempt = 0; attempt < 300; attempt++)
	{
		s->conn = PQconnectdb(connection);
		if (PQstatus(s->conn) == CONNECTION_OK)
			break;
		if (attempt == 299)
		{
			fprintf(stderr, "append: %s\n", PQerrorMessage(s->conn));
			exit(2);
		}
		PQfinish(s->conn);
		usleep(50000);
	}
	PQsetNoticeProcessor(s->conn, ignore_notice, NULL);
	PQclear(PQexec(s->conn, "SET jit = off; SET client_min_messages = error; SET lock_timeout = '300ms'; SET search_path = app"));
	if (chance(s, 30))
		PQclear(PQexec(s->conn, "SET synchronous_commit = off"));
	if (chance(s, 20))
		PQclear(PQexec(s->conn, "SET tview.max_marks_per_transaction = 3"));
}

/* What two transactions may do to each other; and lost connections. */
static bool
is_expected(const char *state)
{
	return strcmp(state, "40001") == 0 || strcmp(state, "40P01") == 0 || strcmp(state, "55P03") == 0 ||
		(options.terminate && (strncmp(state, "57P", 3) == 0 || state[0] == '\0'));
}

static void
fail(const char *what, const char *sql, const char *message)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

	pthread_mutex_lock(&lock);
	if (!failed)
		printf("# %s: %s\n# %s\n", what, sql, message);
	failed = true;
	pthread_mutex_unlock(&lock);
}

/* Runs a statement; NULL after an error, with the transaction rolled back. */
static PGresult *__attribute__((format(printf, 2, 3)))
run(Session *s, const char *format, ...)
{
	char		sql[SQL_MAX];
	va_list		args;
	PGresult   *result;
	const char *state;

	va_start(args, format);
	vsnprintf(sql, sizeof(sql), format, args);
	va_end(args);
	result = PQexec(s->conn, sql);
	if (PQresultStatus(result) == PGRES_TUPLES_OK || PQresultStatus(result) == PGRES_COMMAND_OK)
		return result;
	state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	if (!is_expected(state ? state : ""))
		fail("an error that the view would not have had", sql, PQresultErrorMessage(result));
	PQclear(result);
	s->in_transaction = false;
	if (PQstatus(s->conn) != CONNECTION_OK)
	{
		PQfinish(s->conn);
		connect_session(s);
	}
	else
		PQclear(PQexec(s->conn, "ROLLBACK"));
	return NULL;
}

#endif
