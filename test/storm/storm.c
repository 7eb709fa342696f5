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
#include "storm.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

Options		options = {.database = "storm", .sessions = 12, .duration = 60};
Session		sessions[SESSIONS_MAX];
volatile bool stop = false;
volatile bool failed = false;
double		started;

long		compared[2][NVIEWS_MAX];
long		other_compared;
long		statements, commits, rollbacks, prepares, expected_errors, doubled_keys, ended_backends;
long		held_cursors, scrolled_cursors, ddl_done;
long		detachings, old_plans;
long		slowest_read_us;
char		slowest_read[600];

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
	/* a COMMIT that a timeout ends before it begins leaves the transaction */
	if (PQtransactionStatus(s->conn) == PQTRANS_INTRANS ||
		PQtransactionStatus(s->conn) == PQTRANS_INERROR)
		run(s, "ROLLBACK");
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
		else if (dice <= 96 || !options.ddl)
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

/* ---- the end ---- */

/* When all is quiet, everything is compared once more, and again from a warm store. */
static void
compare_everything(Session *s)
{
	for (int round = 0; round < 2; round++)
		for (int schema = 0; schema < 2; schema++)
			for (int i = 0; i < nviews; i++)
			{
				char		sql[SQL_MAX];

				compare_sql(sql, sizeof(sql), &views[i], schemas[schema], "*", "");
				compare(s, &views[i], sql, &compared[schema][i]);
				if (options.control)
					continue;
				snprintf(sql, sizeof(sql), "SELECT * FROM tview.verify('%s.tv_%s')", schemas[schema], views[i].name);
				compare(s, NULL, sql, &other_compared);
			}
}

static void
print_stores(void)
{
	print_query(sessions[0].conn, "use of the stores",
				"SELECT (SELECT srvname FROM pg_foreign_table f JOIN pg_foreign_server s ON s.oid = f.ftserver WHERE ftrelid = tview) AS server,"
				" sum(served) AS served, sum(recomputed) AS recomputed, sum(stored) AS stored,"
				" sum(hollowed) AS hollowed, sum(mismatched) AS mismatched, sum(bypassed) AS bypassed,"
				" (SELECT jsonb_object_agg(k, n) FROM (SELECT k, sum(v::bigint) AS n FROM tview.cache_stats c, jsonb_each_text(c.bypass_reasons) e(k, v) GROUP BY k) x) AS reasons"
				" FROM tview.cache_stats GROUP BY 1");
	print_query(sessions[0].conn, "stores", "SELECT server, epoch, map_used, marks_pending, last_reset, reset_reason, state FROM tview.store");
}

static int
summarise(void)
{
	long		total = other_compared;
	int			n = 0;

	for (int schema = 0; schema < 2; schema++)
		for (int i = 0; i < nviews; i++)
			total += compared[schema][i];
	printf("# %ld compared reads, %ld statements, %ld commits, %ld prepared, %ld rollbacks after errors, %ld expected errors, %ld reads over doubled keys, %ld backends ended\n",
		   total, statements, commits, prepares, rollbacks, expected_errors, doubled_keys, ended_backends);
	printf("# %d sessions, %.1f s, slowest read %.1f ms, seed %llu%s\n# slowest: %s\n", options.sessions, now() - started,
		   slowest_read_us / 1000.0, (unsigned long long) options.seed, options.serial ? ", serial" : "", slowest_read);
	printf("# %ld cursors WITH HOLD, %ld scrolled, %ld DDL commands, %ld reads by plans older than a detaching\n",
		   held_cursors, scrolled_cursors, ddl_done, old_plans);
	print_errors();
	print_waits();
	if (!options.control)
		print_stores();
	for (int schema = 0; schema < 2; schema++)
		for (int i = 0; i < nviews; i++)
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
		 "      [--serial] [--steps N] [--ddl] [--terminate MS] [--crash MS] [--control]\n"
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
		{"ddl", no_argument, NULL, 'x'}, {"control", no_argument, NULL, 'p'}, {"keep-going", no_argument, NULL, 'k'},
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
			case 'p': options.control = true; break;
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
		trace_to(options.trace);
	turns_begin();
	for (int i = 0; i < options.sessions; i++)
	{
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
