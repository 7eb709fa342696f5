/*
 * append.c
 *		Many sessions run random transactions that append to lists and read
 *		them through tv_*, and write down what they saw.  check.py judges it.
 *
 * A history has a line for each transaction,
 *
 *		T session level begin end outcome op;op;...
 *
 * with microseconds of one clock, begin from before BEGIN is sent and end from
 * after the commit has returned; outcome c (committed), a (aborted) or u
 * (nobody knows).  An op is "a key value", "r key value,value,..." of a list
 * as it was read, "s" for a savepoint, and "x" for the way back to it.  Lines
 * "F key values" are the lists in the end, by the base tables.
 */
#include "append_base.h"

/* ---- operations ---- */

/* The first key of those that are appended to now; a multiple of SHELF. */
static int
window(void)
{
	long		n = __atomic_load_n(&appends, __ATOMIC_RELAXED) / (PER_LIST * WINDOW);

	return (int) (n % 2900) * SHELF;
}

static bool
append_value(Session *s)
{
	int			k = window() + pick(s, WINDOW);
	long		v = COUNT(values);
	PGresult   *result;

	add(&s->ops, "a %d %ld;", k, v);
	COUNT(appends);
	if (k % 2 == 1)
		result = run(s, "INSERT INTO tb_array AS t VALUES (%d, %d, ARRAY[%ld::bigint])"
					 " ON CONFLICT (pk_array) DO UPDATE SET items = t.items || %ld::bigint", k, k / SHELF, v, v);
	else if (chance(s, 60))
		result = run(s, "WITH l AS (INSERT INTO tb_list AS t VALUES (%d, %d, 1)"
					 " ON CONFLICT (pk_list) DO UPDATE SET n = t.n + 1 RETURNING t.n)"
					 " INSERT INTO tb_entry (fk_list, pos, value) SELECT %d, n, %ld FROM l", k, k / SHELF, k, v);
	else
	{
		int			n;

		result = run(s, "INSERT INTO tb_list AS t VALUES (%d, %d, 1)"
					 " ON CONFLICT (pk_list) DO UPDATE SET n = t.n + 1 RETURNING t.n", k, k / SHELF);
		if (result == NULL)
			return false;
		n = atoi(PQgetvalue(result, 0, 0));
		PQclear(result);
		if (!options.terminate && chance(s, 30))
			usleep((useconds_t) pick(s, 2000));
		result = run(s, "INSERT INTO tb_entry (fk_list, pos, value) VALUES (%d, %d, %ld)", k, n, v);
	}
	PQclear(result);
	return result != NULL;
}

/*
 * Notes the lists from..to out of rows (key, "[1, 2]"); those that are not
 * there are empty.
 */
static void
note_lists(Session *s, PGresult *result, const char *sql, int from, int to, int step)
{
	for (int k = from; k <= to; k += step)
	{
		const char *items = "";
		int			found = 0;

		for (int i = 0; i < PQntuples(result); i++)
			if (atoi(PQgetvalue(result, i, 0)) == k)
			{
				items = PQgetvalue(result, i, 1);
				found++;
			}
		if (found > 1)
			fail("a row is there twice", sql, items);
		add(&s->ops, "r %d ", k);
		for (; *items; items++)
			if (*items != ' ' && *items != '[' && *items != ']')
				add(&s->ops, "%c", *items);
		add(&s->ops, ";");
	}
}

static bool
read_lists(Session *s)
{
	const char *schema = chance(s, 60) ? "app" : "tiny";
	int			from = window() + (chance(s, 10) ? -SHELF : pick(s, 2) * SHELF);
	int			k;
	int			to;
	int			step = 2;
	char		tv[300];
	char		v[300];
	PGresult   *result;

	if (from < 0)
		from = 0;
	k = from + pick(s, SHELF);
	to = from + SHELF - 1;
	switch (pick(s, 6))
	{
		case 0:
		case 1:
		{
			const char *what = k % 2 ? "array" : "list";

			snprintf(tv, sizeof(tv), "SELECT pk_%s AS k, data->>'items' AS items FROM %s.tv_%s WHERE pk_%s = %d", what, schema, what, what, k);
			snprintf(v, sizeof(v), "SELECT pk_%s AS k, data->>'items' AS items FROM app.v_%s WHERE pk_%s = %d", what, what, what, k);
			from = to = k;
			break;
		}
		case 2:
		case 3:
			snprintf(tv, sizeof(tv), "SELECT k, items FROM %s.shelf WHERE pk_shelf = %d", schema, from / SHELF);
			snprintf(v, sizeof(v), "SELECT k, items FROM oracle.shelf WHERE pk_shelf = %d", from / SHELF);
			step = 1;
			break;
		default:
		{
			static const char *const conditions[] = {
				"fk_shelf = %2$d", "pk_%1$s BETWEEN %3$d AND %4$d", "fk_shelf = ANY (ARRAY[%2$d, %2$d + 1])",
				"fk_shelf + 0 = %2$d"
			};
			const char *what = pick(s, 2) ? "array" : "list";
			char		condition[100];

			snprintf(condition, sizeof(condition), conditions[pick(s, chance(s, 20) ? 4 : 3)], what, from / SHELF, from, to);
			snprintf(tv, sizeof(tv), "SELECT pk_%s AS k, data->>'items' AS items FROM %s.tv_%s WHERE %s", what, schema, what, condition);
			snprintf(v, sizeof(v), "SELECT pk_%s AS k, data->>'items' AS items FROM app.v_%s WHERE %s", what, what, condition);
			from += what[0] == 'a';
		}
	}
	COUNT(reads);
	/* the view would leave predicate locks of its own */
	if (strcmp(s->level, "S") == 0 || !chance(s, options.compare))
		result = run(s, "%s", tv);
	else
	{
		result = run(s, "SELECT k, t.items, t.items IS NOT DISTINCT FROM v.items AS same FROM (%s) t FULL JOIN (%s) v USING (k)", tv, v);
		COUNT(compared);
		for (int i = 0; result && i < PQntuples(result); i++)
			if (PQgetvalue(result, i, 2)[0] != 't')
				fail("differs from the view", tv, PQgetvalue(result, i, 1));
	}
	if (result == NULL)
		return false;
	note_lists(s, result, tv, from, to, step);
	PQclear(result);
	return true;
}

/* ---- transactions ---- */

/* Ends a prepared transaction that somebody has left. */
static void
end_prepared(Session *s)
{
	Prepared	mine = {.ops = NULL};
	bool		commit = chance(s, 75);
	PGresult   *result;

	pthread_mutex_lock(&queue_lock);
	for (int i = 0, from = pick(s, QUEUE); i < QUEUE && mine.ops == NULL; i++)
	{
		mine = queue[(from + i) % QUEUE];
		queue[(from + i) % QUEUE].ops = NULL;
	}
	pthread_mutex_unlock(&queue_lock);
	if (mine.ops == NULL)
		return;
	result = run(s, "%s PREPARED '%s'", commit ? "COMMIT" : "ROLLBACK", mine.gid);
	add(&s->history, "%s %ld %c %s\n", mine.head, microseconds(), result == NULL ? 'u' : commit ? 'c' : 'a', mine.ops);
	PQclear(result);
	free(mine.ops);
	free(mine.head);
}

/* Prepares the transaction for somebody to end; false when there is no place. */
static bool
leave_prepared(Session *s, const char *head)
{
	static long gids;
	char		gid[40];
	PGresult   *result;
	bool		left = false;

	snprintf(gid, sizeof(gid), "h%ld", COUNT(gids));
	result = run(s, "PREPARE TRANSACTION '%s'", gid);
	if (result == NULL)
		return false;
	PQclear(result);
	COUNT(prepares);
	pthread_mutex_lock(&queue_lock);
	for (int i = 0; i < QUEUE && !left; i++)
		if (queue[i].ops == NULL)
		{
			strcpy(queue[i].gid, gid);
			queue[i].ops = strdup(s->ops.data);
			queue[i].head = strdup(head);
			left = true;
		}
	pthread_mutex_unlock(&queue_lock);
	if (!left)
	{
		result = run(s, "COMMIT PREPARED '%s'", gid);
		add(&s->history, "%s %ld %c %s\n", head, microseconds(), result ? 'c' : 'u', s->ops.data);
		PQclear(result);
	}
	return true;
}

static void
end_transaction(Session *s, const char *head)
{
	int			dice = pick(s, 100);
	char		outcome = 'a';
	PGresult   *result;

	/* not where a lost connection would leave one behind that nobody knows */
	if (s->in_transaction && dice < 8 && !options.terminate && leave_prepared(s, head))
		return;
	if (s->in_transaction && dice < 90)
	{
		result = run(s, "COMMIT");
		outcome = result && strcmp(PQcmdStatus(result), "COMMIT") == 0 ? 'c' : options.terminate && !result ? 'u' : 'a';
		PQclear(result);
	}
	else if (s->in_transaction)
		PQclear(run(s, "ROLLBACK"));
	if (outcome == 'c')
		COUNT(commits);
	else
		COUNT(aborts);
	add(&s->history, "%s %ld %c %s\n", head, microseconds(), outcome, s->ops.data);
}

static void
run_transaction(Session *s)
{
	static const char *const levels[] = {"C", "R", "S"};
	static const char *const names[] = {"READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"};
	int			level = pick(s, 3);
	int			n = 1 + pick(s, 6);
	bool		read_only = chance(s, 15);
	bool		savepoint = false;
	char		head[100];
	PGresult   *result;

	for (int i = 0; i < 3; i++)
		if (strcmp(options.level, levels[i]) == 0)
			level = i;
	s->level = levels[level];
	s->ops.used = 0;
	add(&s->ops, "%s", "");
	snprintf(head, sizeof(head), "T %d %s %ld", s->id, s->level, microseconds());
	result = run(s, "BEGIN ISOLATION LEVEL %s%s", names[level], read_only ? " READ ONLY" : "");
	if (result == NULL)
		return;
	PQclear(result);
	s->in_transaction = true;
	for (int i = 0; i < n && s->in_transaction; i++)
	{
		int			dice = pick(s, 100);

		if (dice < 5 && !savepoint)
		{
			PQclear(run(s, "SAVEPOINT s"));
			add(&s->ops, "s;");
			savepoint = true;
		}
		else if (dice < 15 && savepoint)
		{
			PQclear(run(s, "ROLLBACK TO s; RELEASE s"));
			add(&s->ops, "x;");
			savepoint = false;
		}
		else if (dice < 55 && !read_only)
			append_value(s);
		else
			read_lists(s);
		if (chance(s, 5))
			usleep((useconds_t) pick(s, 5000));
	}
	end_transaction(s, head);
}

static void *
session_main(void *arg)
{
	Session    *s = arg;

	while (!failed && now() - started < options.duration)
	{
		if (chance(s, 40))
			end_prepared(s);
		run_transaction(s);
	}
	return NULL;
}

/* Resets and refreshes stores, and ends backends. */
static void *
disturb(void *arg)
{
	static const char *const commands[] = {
		"SELECT tview.reset('roomy')", "SELECT tview.reset('tiny')", "SELECT tview.reset('app.tv_shelf')",
		"SELECT tview.reset('tiny.tv_list')", "SELECT tview.refresh('app.tv_list')", "SELECT tview.refresh('app.tv_shelf')"
	};
	static Session s = {.id = -1};
	double		next_end = now();

	(void) arg;
	s.random = options.seed;
	connect_session(&s);
	while (!failed && now() - started < options.duration)
	{
		if (options.reset)
		{
			PQclear(run(&s, "%s", commands[pick(&s, 6)]));
			COUNT(resets);
		}
		if (options.terminate && now() > next_end)
		{
			PQclear(run(&s, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
						" WHERE application_name LIKE 'history%%' AND pid <> pg_backend_pid() ORDER BY random() LIMIT 1"));
			next_end = now() + options.terminate / 1000.0;
			COUNT(ended);
		}
		usleep((useconds_t) (options.reset ? options.reset : 50) * 1000);
	}
	PQfinish(s.conn);
	return NULL;
}

/* ---- the end ---- */

static void
write_history(void)
{
	FILE	   *file = fopen(options.output, "w");
	Session    *s = &sessions[0];
	PGresult   *result;

	if (file == NULL)
	{
		perror(options.output);
		exit(2);
	}
	for (int i = 0; i < options.sessions; i++)
		if (sessions[i].history.data)
			fputs(sessions[i].history.data, file);
	result = run(s, "SELECT fk_list, string_agg(value::text, ',' ORDER BY pos) FROM tb_entry GROUP BY 1"
				 " UNION ALL SELECT pk_array, array_to_string(items, ',') FROM tb_array");
	for (int i = 0; result && i < PQntuples(result); i++)
		fprintf(file, "F %s %s\n", PQgetvalue(result, i, 0), PQgetvalue(result, i, 1));
	PQclear(result);
	if (fclose(file) != 0)
		exit(2);
}

/* When all is quiet, everything is compared once more. */
static void
compare_everything(void)
{
	static const char *const pairs[][2] = {
		{"app.tv_list", "app.v_list"}, {"app.tv_array", "app.v_array"}, {"app.tv_shelf", "app.v_shelf"},
		{"tiny.tv_list", "app.v_list"}, {"tiny.tv_array", "app.v_array"}, {"tiny.tv_shelf", "app.v_shelf"},
		{"app.shelf", "oracle.shelf"}, {"tiny.shelf", "oracle.shelf"}
	};
	PGresult   *result;

	for (int i = 0; i < 8; i++)
	{
		result = run(&sessions[0], "(TABLE %s EXCEPT ALL TABLE %s) UNION ALL (TABLE %s EXCEPT ALL TABLE %s)",
					 pairs[i][0], pairs[i][1], pairs[i][1], pairs[i][0]);
		if (result == NULL || PQntuples(result) > 0)
			fail("differs in the end", pairs[i][0], "");
		PQclear(result);
	}
	result = run(&sessions[0], "SELECT sum(served), sum(recomputed), sum(bypassed) FROM tview.cache_stats");
	if (result)
		printf("# rows served %s, recomputed %s, scans bypassed %s\n", PQgetvalue(result, 0, 0),
			   PQgetvalue(result, 0, 1), PQgetvalue(result, 0, 2));
	if (result && strcmp(options.level, "S") != 0 && atol(PQgetvalue(result, 0, 0)) == 0)
		fail("nothing was served", "", "");
	PQclear(result);
}

static int
usage(void)
{
	puts("append [--database NAME] [--output FILE] [--level C|R|S|mixed] [--sessions N]\n"
		 "       [--duration SECONDS] [--seed N] [--reset MS] [--terminate MS]\n"
		 "       [--compare PERCENT]");
	return 2;
}

int
main(int argc, char **argv)
{
	static const struct option longs[] = {
		{"database", required_argument, NULL, 'd'}, {"output", required_argument, NULL, 'o'},
		{"level", required_argument, NULL, 'l'}, {"sessions", required_argument, NULL, 'n'},
		{"duration", required_argument, NULL, 't'}, {"seed", required_argument, NULL, 's'},
		{"reset", required_argument, NULL, 'r'}, {"terminate", required_argument, NULL, 'm'},
		{"compare", required_argument, NULL, 'c'}, {0}
	};
	pthread_t	disturber;
	int			c;

	options.seed = (uint64_t) time(NULL);
	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1)
		switch (c)
		{
			case 'd': options.database = optarg; break;
			case 'o': options.output = optarg; break;
			case 'l': options.level = optarg; break;
			case 'n': options.sessions = atoi(optarg); break;
			case 't': options.duration = atof(optarg); break;
			case 's': options.seed = strtoull(optarg, NULL, 10); break;
			case 'r': options.reset = atoi(optarg); break;
			case 'm': options.terminate = atoi(optarg); break;
			case 'c': options.compare = atoi(optarg); break;
			default: return usage();
		}
	if (options.sessions < 1 || options.sessions > SESSIONS_MAX)
		return usage();
	for (int i = 0; i < options.sessions; i++)
	{
		sessions[i].id = i;
		sessions[i].level = "";
		sessions[i].random = options.seed * UINT64_C(1000003) + (uint64_t) i * UINT64_C(7919);
		connect_session(&sessions[i]);
	}
	started = now();
	for (int i = 0; i < options.sessions; i++)
		pthread_create(&sessions[i].thread, NULL, session_main, &sessions[i]);
	pthread_create(&disturber, NULL, disturb, NULL);
	for (int i = 0; i < options.sessions; i++)
		pthread_join(sessions[i].thread, NULL);
	pthread_join(disturber, NULL);
	options.terminate = 0;
	for (int i = 0; i < QUEUE; i++)
		end_prepared(&sessions[0]);
	if (PQstatus(sessions[0].conn) != CONNECTION_OK)
		connect_session(&sessions[0]);
	write_history();
	compare_everything();
	printf("# level %s, %d sessions, seed %llu: %ld commits, %ld aborts, %ld prepared, %ld appends, %ld reads (%ld compared), %ld resets, %ld backends ended\n",
		   options.level, options.sessions, (unsigned long long) options.seed, commits, aborts, prepares, appends,
		   reads, compared, resets, ended);
	printf("%s 1 - no read differs from the view, no error of our own\n1..1\n", failed ? "not ok" : "ok");
	return failed;
}
