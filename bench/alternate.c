/*
 * alternate.c
 *		Times the variants of one case in turns, over warm connections.
 *
 * alternate FILE: the file is a case (see spec.c).  First the variants run on
 * the same parameters, and must return the same rows.  Then every round gives
 * each variant a slice of time, beginning with another one each round; what
 * disturbs the machine meets all of them alike.  A slice is as many executions
 * as fit, one at the least.  Prints JSON: per round and variant the number of
 * executions, the seconds they took, and the seconds of processor time that the
 * backends had; percentiles of latency; what was read.
 *
 * Several clients are threads, each with a connection per variant of its own.
 */
#define _GNU_SOURCE
#include "session.h"

#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WARM_SLICES 5

static Spec spec;
static Session *sessions; /* [client][variant] */
static int clients;		  /* with companions */

/* what the threads are to do: written between two waits at the barrier */
static pthread_barrier_t barrier;
static int slice_variant; /* -1: end */
static uint64_t slice_nanoseconds;

static Session *
session_of(int client, int variant)
{
	return &sessions[client * spec.nvariants + variant];
}

static PGresult *
read_keys(void)
{
	PGconn *connection;
	PGresult *result;

	if (!spec.keys)
		return NULL;
	connection = PQconnectdb(spec.variants[0].connect);
	result = PQexec(connection, spec.keys);
	if (PQresultStatus(result) != PGRES_TUPLES_OK || PQntuples(result) == 0)
		die("no keys: %s in: %s", PQerrorMessage(connection), spec.keys);
	PQfinish(connection);
	return result;
}

static void
open_sessions(void)
{
	PGresult *keys = read_keys();

	clients = spec.clients + spec.companions;
	sessions =
		calloc((size_t) clients * (size_t) spec.nvariants, sizeof(Session));
	if (!sessions)
		die("out of memory");
	for (int c = 0; c < clients; c++)
		for (int v = 0; v < spec.nvariants; v++)
		{
			Session *session = session_of(c, v);

			session->spec = &spec;
			session->variant = &spec.variants[v];
			session->keys = keys;
			session->companion = c >= spec.clients;
			session->random = spec.seed * 1000003 + (uint64_t) c;
			/* no value that an earlier run has written already */
			session->number = session_clock() / 1000 * 1000 + (uint64_t) c;
			session->stride = (uint64_t) clients;
			session_open(session);
		}
}

/*
 * Puts the client and its backends on one processor, where the case has one
 * client: a request then costs what is computed for it, and not what waking an
 * idle processor takes, which differs by a factor from slice to slice on
 * virtual machines.  False when the system does not let us.
 */
static bool
pin(void)
{
	cpu_set_t set;

	if (!spec.pinned || clients > 1)
		return false;
	CPU_ZERO(&set);
	CPU_SET((size_t) sysconf(_SC_NPROCESSORS_ONLN) - 1, &set);
	for (int v = 0; v < spec.nvariants; v++)
	{
		pid_t backend = PQbackendPID(session_of(0, v)->connection);

		if (sched_setaffinity(backend, sizeof(set), &set) != 0)
			return false;
	}
	return sched_setaffinity(0, sizeof(set), &set) == 0;
}

/* Compares what the variants return for the same parameters. */
static void
verify(void)
{
	for (int i = 0; i < spec.verify; i++)
	{
		Session *first = session_of(0, 0);
		Answer expected = {0, 0, 0};

		session_draw(first);
		session_run(first, &expected, true);
		for (int v = 1; v < spec.nvariants; v++)
		{
			Session *session = session_of(0, v);
			Answer answer = {0, 0, 0};

			memcpy(session->values, first->values, sizeof(session->values));
			session_run(session, &answer, true);
			if (answer.rows != expected.rows || answer.hash != expected.hash)
				die("%s and %s differ (%" PRIu64 " and %" PRIu64 " rows, hash %" PRIx64
					" and %" PRIx64 ") for %s, %s",
					first->variant->name, session->variant->name, expected.rows,
					answer.rows, expected.hash, answer.hash, spec.nparams > 0 ? first->values[0] : "all",
					spec.nparams > 1 ? first->values[1] : "-");
			memset(session->histogram, 0, sizeof(session->histogram));
		}
		memset(first->histogram, 0, sizeof(first->histogram));
	}
}

static void
run_slice(Session *session, uint64_t duration)
{
	uint64_t used = session_processor(session);
	uint64_t end = session_clock() + duration;

	session->count = 0;
	session->nanoseconds = 0;
	do
	{
		session_draw(session);
		session->nanoseconds += session_run(session, &session->total, false);
		session->count++;
	} while (session_clock() < end);
	session->processor = session_processor(session) - used;
	session->total_count += session->count;
}

static void *
work(void *arg)
{
	int client = (int) (intptr_t) arg;

	for (;;)
	{
		pthread_barrier_wait(&barrier);
		if (slice_variant < 0)
			return NULL;
		run_slice(session_of(client, slice_variant), slice_nanoseconds);
		pthread_barrier_wait(&barrier);
	}
}

/* What a slice of a variant came to, all clients together. */
typedef struct Slice
{
	uint64_t count;
	double rate;	  /* executions a second */
	double processor; /* seconds, of the backends */
} Slice;

static Slice
run_variant(int variant, int milliseconds)
{
	Slice slice = {0, 0, 0};

	slice_variant = variant;
	slice_nanoseconds = (uint64_t) milliseconds * 1000000;
	if (clients > 1)
		pthread_barrier_wait(&barrier);
	run_slice(session_of(0, variant), slice_nanoseconds);
	if (clients > 1)
		pthread_barrier_wait(&barrier);
	for (int c = 0; c < spec.clients; c++)
	{
		Session *session = session_of(c, variant);

		slice.count += session->count;
		slice.rate += (double) session->count /
			((double) (session->nanoseconds + 1) / 1e9);
		slice.processor += (double) session->processor / 1e9;
	}
	if (spec.variants[variant].after)
		session_execute(session_of(0, variant), spec.variants[variant].after);
	return slice;
}

static void
print_totals(void)
{
	printf("],\n\"variants\":[");
	for (int v = 0; v < spec.nvariants; v++)
	{
		uint64_t histogram[HISTOGRAM_SIZE] = {0};
		Answer total = {0, 0, 0};
		uint64_t count = 0;
		uint64_t companions = 0;

		for (int c = 0; c < clients; c++)
		{
			Session *session = session_of(c, v);

			if (session->companion)
			{
				companions += session->total_count;
				continue;
			}
			count += session->total_count;
			total.rows += session->total.rows;
			total.bytes += session->total.bytes;
			for (int i = 0; i < HISTOGRAM_SIZE; i++)
				histogram[i] += session->histogram[i];
		}
		printf("%s{\"name\":\"%s\",\"executions\":%" PRIu64 ",\"rows\":%" PRIu64
			   ",\"bytes\":%" PRIu64 ",\"companions\":%" PRIu64
			   ",\"p50_us\":%.2f,\"p90_us\":%.2f,\"p99_us\":%.2f}",
			   v ? "," : "", spec.variants[v].name, count, total.rows, total.bytes,
			   companions, (double) session_percentile(histogram, 0.5) / 1000,
			   (double) session_percentile(histogram, 0.9) / 1000,
			   (double) session_percentile(histogram, 0.99) / 1000);
	}
	printf("]");
}

static void
run_rounds(bool pinned)
{
	uint64_t begin = session_clock();
	uint64_t limit = begin + (uint64_t) spec.limit * 1000000000;

	/* plans become generic and caches warm before anything counts */
	for (int v = 0; v < spec.nvariants; v++)
	{
		(void) run_variant(v, spec.slice * WARM_SLICES);
		for (int c = 0; c < clients; c++)
		{
			memset(session_of(c, v)->histogram, 0, sizeof(sessions->histogram));
			session_of(c, v)->total_count = 0;
			session_of(c, v)->total = (Answer){0, 0, 0};
		}
	}
	printf("{\"verified\":%d,\"pinned\":%s,\n\"rounds\":[", spec.verify, pinned ? "true" : "false");
	for (int r = 0; r < spec.rounds; r++)
	{
		Slice slices[MAX_VARIANTS];

		if (r >= spec.min_rounds && session_clock() > limit)
			break;
		for (int i = 0; i < spec.nvariants; i++)
		{
			int v = (r + i) % spec.nvariants;

			slices[v] = run_variant(v, spec.slice);
		}
		printf("%s[", r ? ",\n" : "");
		for (int v = 0; v < spec.nvariants; v++)
			printf("%s[%" PRIu64 ",%.9g,%.9g]", v ? "," : "",
				   slices[v].count, (double) slices[v].count / slices[v].rate,
				   slices[v].processor);
		printf("]");
	}
	print_totals();
	printf(",\n\"seconds\":%.1f}\n", (double) (session_clock() - begin) / 1e9);
}

int
main(int argc, char **argv)
{
	pthread_t *threads;
	bool pinned;

	if (argc != 2)
		die("usage: alternate FILE");
	spec_read(&spec, argv[1]);
	open_sessions();
	pinned = pin();
	verify();
	threads = calloc((size_t) clients, sizeof(pthread_t));
	if (!threads)
		die("out of memory");
	if (clients > 1)
	{
		pthread_barrier_init(&barrier, NULL, (unsigned) clients);
		for (intptr_t c = 1; c < clients; c++)
			if (pthread_create(&threads[c], NULL, work, (void *) c) != 0)
				die("could not start a thread");
	}
	run_rounds(pinned);
	slice_variant = -1;
	if (clients > 1)
	{
		pthread_barrier_wait(&barrier);
		for (int c = 1; c < clients; c++)
			pthread_join(threads[c], NULL);
	}
	free(threads);
	return 0;
}
