/*
 * watch.c
 *		Looks on from a connection of its own: who waits, and for what.
 *
 * Maintenance must hold nothing that a session waits for: no heavy-weight lock
 * on a TVIEW or a table of the extension's, no advisory lock, and no reader may
 * wait for a row.  What it does hold are mutexes in shared memory, for
 * microseconds: who is asleep on a futex without a wait event waits for one of
 * them.  Those are counted, and the longest is told.
 */
#include "storm.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EVENTS_MAX	80

static struct
{
	char		name[80];
	long		count;
}			events[EVENTS_MAX];
static long samples, active, asleep;

/* Who was asleep at the last looks, since when. */
static struct
{
	int			pid;
	char		since[40];		/* the statement's start */
	double		first;
	bool		seen;
}			sleepers[SESSIONS_MAX];
static double longest_sleep;
static char longest_statement[200];

/* Oids of our relations, "12,13,". */
static char ours[4000];

bool
is_over(void)
{
	return stop || (options.steps ? statements >= options.steps : now() - started > options.duration);
}

bool
deadlock_is_ours(const char *detail)
{
	while (detail && (detail = strstr(detail, " relation ")) != NULL)
	{
		char		oid[20];

		detail += strlen(" relation ");
		snprintf(oid, sizeof(oid), ",%d,", atoi(detail));
		if (strstr(ours, oid))
			return true;
	}
	return false;
}

/*
 * Statements that wait for what only maintenance could hold: a lock on a tv_*
 * or a table of the extension's, an advisory lock, a worker's lock, or, while
 * reading, a row or a transaction.
 */
static const char watched[] =
"SELECT a.pid, a.query_start, a.wait_event_type, a.wait_event, l.locktype, l.relation::regclass, a.query"
" FROM pg_stat_activity a JOIN pg_locks l ON l.pid = a.pid AND NOT l.granted"
" WHERE a.application_name LIKE 'storm%' AND a.wait_event_type = 'Lock' AND a.state = 'active'"
" AND (l.relation::regclass::text ~ 'tv_|^tview\\.' OR l.locktype = 'advisory'"
"  OR EXISTS (SELECT FROM unnest(pg_blocking_pids(a.pid)) b JOIN pg_stat_activity w ON w.pid = b WHERE w.backend_type LIKE 'tview%')"
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

/* ---- samples of wait events ---- */

static void
count_event(const char *name)
{
	for (int i = 0; i < EVENTS_MAX; i++)
	{
		if (events[i].name[0] == '\0')
			snprintf(events[i].name, sizeof(events[i].name), "%s", name);
		if (strcmp(events[i].name, name) == 0)
		{
			events[i].count++;
			return;
		}
	}
}

/* True when the process is asleep on a futex; false also where nobody may know. */
static bool
on_futex(int pid)
{
	char		path[60];
	char		where[60] = "";
	FILE	   *file;

	snprintf(path, sizeof(path), "/proc/%d/wchan", pid);
	file = fopen(path, "r");
	if (file == NULL)
		return false;
	if (fgets(where, sizeof(where), file) == NULL)
		where[0] = '\0';
	fclose(file);
	return strncmp(where, "futex", 5) == 0;
}

static void
note_sleeper(int pid, const char *since, const char *query)
{
	int			free_slot = -1;

	asleep++;
	for (int i = 0; i < SESSIONS_MAX; i++)
	{
		if (sleepers[i].pid == 0 && free_slot < 0)
			free_slot = i;
		if (sleepers[i].pid != pid || strcmp(sleepers[i].since, since) != 0)
			continue;
		sleepers[i].seen = true;
		if (now() - sleepers[i].first > longest_sleep)
		{
			longest_sleep = now() - sleepers[i].first;
			snprintf(longest_statement, sizeof(longest_statement), "%s", query);
		}
		return;
	}
	if (free_slot < 0)
		return;
	sleepers[free_slot].pid = pid;
	snprintf(sleepers[free_slot].since, sizeof(sleepers[free_slot].since), "%s", since);
	sleepers[free_slot].first = now();
	sleepers[free_slot].seen = true;
}

static void
sample(PGconn *conn)
{
	PGresult   *result = PQexec(conn, "SELECT pid, coalesce(wait_event_type || '/' || wait_event, ''), query_start, left(query, 150)"
								" FROM pg_stat_activity WHERE application_name LIKE 'storm%' AND state = 'active'");

	samples++;
	for (int i = 0; i < SESSIONS_MAX; i++)
		sleepers[i].seen = false;
	for (int i = 0; i < PQntuples(result); i++)
	{
		const char *event = PQgetvalue(result, i, 1);
		int			pid = atoi(PQgetvalue(result, i, 0));

		active++;
		if (event[0])
			count_event(event);
		else if (on_futex(pid))
			note_sleeper(pid, PQgetvalue(result, i, 2), PQgetvalue(result, i, 3));
	}
	for (int i = 0; i < SESSIONS_MAX; i++)
		if (!sleepers[i].seen)
			sleepers[i].pid = 0;
	PQclear(result);
}

void
print_waits(void)
{
	if (samples == 0)
		return;
	printf("# waits: %ld samples, %ld active sessions in them, %ld asleep on a mutex of ours, the longest for %.0f ms %s\n",
		   samples, active, asleep, longest_sleep * 1000, longest_statement);
	printf("# wait events:");
	for (int i = 0; i < EVENTS_MAX && events[i].name[0]; i++)
		printf(" %s %ld;", events[i].name, events[i].count);
	printf("\n");
}

/* ---- the watcher ---- */

static void
learn_ours(PGconn *conn)
{
	PGresult   *result = PQexec(conn, "SELECT ',' || string_agg(oid::text, ',') || ',' FROM pg_class"
								" WHERE relnamespace = to_regnamespace('tview') OR relkind = 'f'");

	if (PQntuples(result) == 1)
		snprintf(ours, sizeof(ours), "%s", PQgetvalue(result, 0, 0));
	PQclear(result);
}

void *
watch(void *arg)
{
	static Session watcher = {.id = -1};
	char		connection[200];
	char		before[60] = "";

	(void) arg;
	snprintf(connection, sizeof(connection), "dbname=%s application_name=watcher", options.database);
	watcher.conn = PQconnectdb(connection);
	learn_ours(watcher.conn);
	while (!is_over())
	{
		PGresult   *result;
		char		found[60] = "";

		if (PQstatus(watcher.conn) != CONNECTION_OK)
			PQreset(watcher.conn);
		end_backend(watcher.conn);
		sample(watcher.conn);
		result = PQexec(watcher.conn, watched);
		/* the two views are not of one moment: it takes two looks at the same statement */
		if (PQntuples(result) > 0)
			snprintf(found, sizeof(found), "%s %s", PQgetvalue(result, 0, 0), PQgetvalue(result, 0, 1));
		if (found[0] && strcmp(found, before) == 0 && !options.ddl)
			report(&watcher, "A SESSION WAITS", watched, result);
		snprintf(before, sizeof(before), "%s", found);
		PQclear(result);
		usleep(found[0] ? 10000 : 100000);
	}
	PQfinish(watcher.conn);
	return NULL;
}
