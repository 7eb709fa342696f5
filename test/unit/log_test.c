/*
 * The mark log loses, tears and repeats nothing, whoever is killed or stopped
 * in it.
 */
#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "store/store_private.h"
#include "tap.h"

#define WRITERS 3
#define BATCH 7

typedef struct Shared
{
	char path[PATH_MAX];
	_Atomic int next;
	_Atomic int stop;
	_Atomic uint64_t
		acknowledged[16]; /* by writer: marks that append said were in */
	_Atomic uint64_t answer;
} Shared;

/* A mark whose fields all follow from writer and number. */
static TviewMark
make_mark(uint64_t writer, uint64_t number)
{
	uint64_t mix = (writer * 1000003 + number) * UINT64_C(0x9e3779b97f4a7c15);

	return (TviewMark){.tag = number,
					   .xid = writer,
					   .pk = (int64_t) mix,
					   .rel = (uint32_t) (mix >> 32),
					   .keyatt = (uint16_t) mix,
					   .flags = (uint16_t) (mix >> 16)};
}

static bool
mark_is_whole(const TviewMark *mark)
{
	TviewMark expected = make_mark(mark->xid, mark->tag);

	return memcmp(mark, &expected, sizeof(expected)) == 0;
}

static void
test_basics(void)
{
	TviewStore *store = tap_store(tap_path("basics"), &tap_config);
	TviewStore *other;
	TviewMark marks[1100];
	TviewMark out[1100];
	uint64_t epoch;
	int wrong = 0;

	for (uint64_t i = 0; i < 1100; i++)
		marks[i] = make_mark(1, i);
	tap_ok(tview_log_head(store) == 0 && tview_log_tail(store) == 0 &&
			   tview_log_capacity(store) == 1024,
		   "an empty log");
	tap_is(tview_log_append(store, marks, 0), TVIEW_STORE_OK,
		   "append of nothing");
	tap_is(tview_log_append(store, marks, 1025), TVIEW_STORE_LOG_FULL,
		   "more than the capacity does not fit");
	tap_is(tview_log_append(store, marks, 1000), TVIEW_STORE_OK, "append 1000");
	tap_is(tview_log_append(store, marks, 25), TVIEW_STORE_LOG_FULL,
		   "25 more do not fit");
	tap_is(tview_log_append(store, marks + 1000, 24), TVIEW_STORE_OK, "24 do");
	tap_is(tview_log_used(store), 1024, "... and the log is full");
	tap_ok(tview_log_read(store, 0, 1024, out) == TVIEW_STORE_OK &&
			   memcmp(out, marks, 1024 * sizeof(TviewMark)) == 0,
		   "read all");
	tap_ok(tview_log_read(store, 1000, 25, out) == TVIEW_STORE_IO &&
			   tview_store_errno(store) == EINVAL,
		   "read past the tail");
	tap_is(tview_log_trim(store, 500, marks, 1), TVIEW_STORE_LOG_FULL,
		   "trim cannot keep what has no room");
	tap_is(tview_log_head(store), 0, "... and changes nothing then");
	tap_is(tview_log_trim(store, 500, NULL, 0), TVIEW_STORE_OK, "trim");
	tap_ok(tview_log_head(store) == 500 && tview_log_tail(store) == 1024,
		   "... moves head");
	tap_is(tview_log_trim(store, 400, marks, 2), TVIEW_STORE_OK,
		   "trim backwards");
	tap_ok(tview_log_head(store) == 500 && tview_log_tail(store) == 1024,
		   "... does nothing");
	tap_is(tview_log_trim(store, 1025, NULL, 0), TVIEW_STORE_IO,
		   "trim past the tail");
	tap_is(tview_log_read(store, 499, 1, out), TVIEW_STORE_RESET,
		   "read of trimmed records");
	tap_is(tview_log_trim(store, 600, marks + 500, 10), TVIEW_STORE_OK,
		   "trim keeping 10");
	tap_ok(tview_log_head(store) == 600 && tview_log_tail(store) == 1034,
		   "... appends them");
	tap_ok(tview_log_read(store, 1020, 14, out) == TVIEW_STORE_OK &&
			   memcmp(out + 4, marks + 500, 10 * sizeof(TviewMark)) == 0,
		   "... across the end of the ring");
	for (int i = 0; i < 5000; i++)
	{
		size_t n = tap_random() % 300 + 1;
		uint64_t tail = tview_log_tail(store);

		wrong += tview_log_trim(store, tail, NULL, 0) != TVIEW_STORE_OK;
		wrong += tview_log_append(store, marks, n) != TVIEW_STORE_OK;
		wrong += tview_log_read(store, tail, n, out) != TVIEW_STORE_OK;
		wrong += memcmp(out, marks, n * sizeof(TviewMark)) != 0;
	}
	tap_is((uint64_t) wrong, 0, "5000 times around the ring");

	if (tview_store_attach(tap_path("basics"), &tap_identity, &other) !=
		TVIEW_STORE_OK)
		tap_bail("attach");
	tap_is(tview_log_append(other, marks, 1), TVIEW_STORE_RESET,
		   "append without entering");
	tap_ok(tview_store_enter_log(other, &epoch) == TVIEW_STORE_OK &&
			   epoch == tview_store_epoch(store),
		   "enter_log");
	tap_ok(tview_log_append(other, marks, 1) == TVIEW_STORE_OK &&
			   tview_log_tail(other) == tview_log_tail(store),
		   "... is enough to append");
	tview_store_reset(store, "test");
	tap_ok(tview_log_append(other, marks, 1) == TVIEW_STORE_RESET &&
			   tview_log_append(other, marks, 0) == TVIEW_STORE_RESET &&
			   tview_log_read(other, 0, 0, out) == TVIEW_STORE_RESET &&
			   tview_log_trim(other, 1, NULL, 0) == TVIEW_STORE_RESET &&
			   tview_log_trylock_settle(other) == TVIEW_STORE_RESET &&
			   tview_store_enter_log(other, &epoch) == TVIEW_STORE_RESET,
		   "after a reset everything says so");
	tview_store_detach(other);
	tview_store_detach(store);
}

/* Appends batches of consecutive numbers until told to stop. */
static int
writer_body(void *argument)
{
	Shared *shared = argument;
	int me = shared->next++;
	uint64_t number = shared->acknowledged[me];
	TviewStore *store;
	uint64_t epoch;

	if (tview_store_attach(shared->path, &tap_identity, &store) !=
			TVIEW_STORE_OK ||
		tview_store_enter_log(store, &epoch) != TVIEW_STORE_OK)
		return 1;
	while (!shared->stop)
	{
		TviewMark marks[BATCH];
		size_t n = tap_random() % BATCH + 1;
		TviewStoreStatus status;

		for (size_t i = 0; i < n; i++)
			marks[i] = make_mark((uint64_t) me, number + i);
		status = tview_log_append(store, marks, n);
		if (status == TVIEW_STORE_LOG_FULL)
		{
			sched_yield();
			continue;
		}
		if (status != TVIEW_STORE_OK)
			return 2;
		number += n;
		shared->acknowledged[me] = number;
	}
	tview_store_detach(store);
	return 0;
}

/* Reads at random places without locks: what it gets must be whole. */
static int
reader_body(void *argument)
{
	Shared *shared = argument;
	TviewStore *store;
	TviewMark out[200];
	uint64_t epoch;
	uint64_t reads = 0;

	if (tview_store_attach(shared->path, &tap_identity, &store) !=
			TVIEW_STORE_OK ||
		tview_store_enter_log(store, &epoch) != TVIEW_STORE_OK)
		return 1;
	while (!shared->stop)
	{
		uint64_t head = tview_log_head(store);
		uint64_t tail = tview_log_tail(store);
		size_t n;
		uint64_t from;
		TviewStoreStatus status;

		if (tail < head)
			return 2;
		if (tail == head)
			continue;
		n = tap_random() % 200 + 1;
		n = n > tail - head ? (size_t) (tail - head) : n;
		from = head + tap_random() % (tail - head - n + 1);
		status = tview_log_read(store, from, n, out);
		if (status == TVIEW_STORE_RESET)
			continue;
		if (status != TVIEW_STORE_OK)
			return 3;
		for (size_t i = 0; i < n; i++)
			if (!mark_is_whole(&out[i]))
				return 4;
		reads++;
	}
	shared->answer = reads;
	tview_store_detach(store);
	return 0;
}

/*
 * Takes all marks out; returns false at the first that is torn, lost or
 * repeated.
 */
static bool
drain(TviewStore *store, uint64_t *expected)
{
	TviewMark out[1024];
	uint64_t head = tview_log_head(store);
	uint64_t tail = tview_log_tail(store);
	size_t n = (size_t) (tail - head);

	if (tview_log_read(store, head, n, out) != TVIEW_STORE_OK)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!mark_is_whole(&out[i]) || out[i].xid >= 16 ||
			out[i].tag != expected[out[i].xid]++)
			return false;
	return tview_log_trim(store, tail, NULL, 0) == TVIEW_STORE_OK;
}

static void
test_writers(void)
{
	Shared *shared = tap_shared(sizeof(Shared));
	uint64_t expected[16] = {0};
	pid_t pids[WRITERS + 1];
	TviewStore *store;
	double end;
	uint64_t total = 0;
	bool good = true;
	int failed = 0;
	bool all = true;

	snprintf(shared->path, sizeof(shared->path), "%s", tap_path("writers"));
	store = tap_store(shared->path, &tap_config);
	for (int i = 0; i < WRITERS; i++)
		pids[i] = tap_fork(writer_body, shared);
	pids[WRITERS] = tap_fork(reader_body, shared);
	end = tap_now() + 2;
	/* longer on a machine that is busy with other things */
	while (good &&
		   tap_now() < (total > 10000 ? end : end + 60))
	{
		good = drain(store, expected);
		total = 0;
		for (int i = 0; i < WRITERS; i++)
			total += expected[i];
	}
	total = 0;
	shared->stop = 1;
	for (int i = 0; i <= WRITERS; i++)
	{
		int result = tap_wait(pids[i]);

		if (result != 0)
			tap_note("process %d: %d", i, result);
		failed += result != 0;
	}
	good = good && drain(store, expected);
	for (int i = 0; i < WRITERS; i++)
	{
		total += expected[i];
		all = all && expected[i] == shared->acknowledged[i];
	}
	tap_note("%llu marks, %llu reads beside them", (unsigned long long) total,
			 (unsigned long long) shared->answer);
	tap_ok(
		good,
		"3 writers, a trimmer: no mark is torn, lost or repeated, in each writer's order");
	tap_ok(all && total > 10000, "... and all that were acknowledged came out");
	tap_is((uint64_t) failed, 0,
		   "... and a reader without locks never sees a torn one");
	tview_store_detach(store);
}

static void
test_kill(void)
{
	Shared *shared = tap_shared(sizeof(Shared));
	uint64_t expected[16] = {0};
	TviewStore *store;
	bool good = true;
	int died = 0;
	double slowest = 0;

	snprintf(shared->path, sizeof(shared->path), "%s", tap_path("kill"));
	store = tap_store(shared->path, &tap_config);
	for (int round = 0; good && round < 200; round++)
	{
		uint64_t before = expected[0];
		double begin;
		double until;
		pid_t pid;

		shared->next = 0;
		/* an append may be in though its writer died before it could say so */
		shared->acknowledged[0] = expected[0];
		pid = tap_fork(writer_body, shared);
		while (expected[0] == before && good)
			good = drain(store, expected) && tap_lives(pid);
		until = tap_now() + (double) (tap_random() % 1000) / 1e6;
		while (good && tap_now() < until)
			good = drain(store, expected);
		kill(pid, SIGKILL);
		died += tap_wait(pid) == 1000 + SIGKILL;
		begin = tap_now();
		good = good && drain(store, expected) &&
			expected[0] >= shared->acknowledged[0];
		slowest = tap_now() - begin > slowest ? tap_now() - begin : slowest;
	}
	tap_ok(good && died == 200,
		   "200 writers killed at work: no mark is torn, lost or repeated");
	/* who waits for a lock in vain resets the store */
	tap_ok(tview_store_epoch(store) != 0,
		   "... nobody is stuck (slowest %.3f ms), no reset", slowest * 1000);
	tap_note("%llu marks", (unsigned long long) expected[0]);
	tview_store_detach(store);
}

/* Dies with the append lock held. */
static int
die_locked_body(void *argument)
{
	TviewStore *store;
	uint64_t epoch;

	if (tview_store_attach(argument, &tap_identity, &store) != TVIEW_STORE_OK ||
		tview_store_enter(store, &tap_config, &epoch) != TVIEW_STORE_OK ||
		tview_log_trylock_settle(store) != TVIEW_STORE_OK ||
		tview_mutex_lock(&store->ring->append_mutex, 100) != 0 ||
		tview_mutex_lock(&store->ring->write_mutex, 100) != 0)
		return 1;
	kill(getpid(), SIGKILL);
	return 0;
}

static int
settle_body(void *argument)
{
	TviewStore *store;
	uint64_t epoch;

	if (tview_store_attach(argument, &tap_identity, &store) != TVIEW_STORE_OK ||
		tview_store_enter_log(store, &epoch) != TVIEW_STORE_OK)
		return 1;
	return tview_log_trylock_settle(store) == TVIEW_STORE_BUSY ? 0 : 2;
}

static void
test_dead_owner(void)
{
	char path[PATH_MAX];
	TviewStore *store;
	TviewTxn *txn;
	TviewMark mark = make_mark(1, 1);

	snprintf(path, sizeof(path), "%s", tap_path("dead"));
	store = tap_store(path, &tap_config);
	tap_is((uint64_t) tap_wait(tap_fork(die_locked_body, path)), 1000 + SIGKILL,
		   "a process dies with all locks held");
	tap_is(tview_log_append(store, &mark, 1), TVIEW_STORE_OK,
		   "... others append");
	tap_is(tview_log_trylock_settle(store), TVIEW_STORE_OK, "... settle");
	tap_ok(tview_write_begin(store, false, &txn) == TVIEW_STORE_OK &&
			   tview_write_commit(txn) == TVIEW_STORE_OK,
		   "... and write");
	tap_is(tview_log_trylock_settle(store), TVIEW_STORE_BUSY,
		   "the settle lock is not had twice");
	tap_is((uint64_t) tap_wait(tap_fork(settle_body, path)), 0,
		   "... nor by another process");
	tview_log_unlock_settle(store);
	tview_log_unlock_settle(store);
	tap_is(tview_log_trylock_settle(store), TVIEW_STORE_OK,
		   "... but again after unlocking");
	tview_store_detach(store);
	store = tap_store(path, &tap_config);
	tap_is(tview_log_trylock_settle(store), TVIEW_STORE_OK,
		   "... and after its owner detached");
	tview_store_detach(store);
}

typedef struct Stopped
{
	char path[PATH_MAX];
	_Atomic int result;
} Stopped;

/*
 * Stops with the append lock held, then goes on in what is an old epoch by
 * then.
 */
static int
stop_locked_body(void *argument)
{
	Stopped *stopped = argument;
	TviewMark mark = make_mark(2, 2);
	TviewStore *store;
	uint64_t epoch;

	if (tview_store_attach(stopped->path, &tap_identity, &store) !=
			TVIEW_STORE_OK ||
		tview_store_enter(store, &tap_config, &epoch) != TVIEW_STORE_OK ||
		tview_mutex_lock(&store->ring->append_mutex, 100) != 0)
		return 1;
	raise(SIGSTOP);
	tview_store_set_floor(store, 3);
	tview_mutex_unlock(&store->ring->append_mutex);
	if (tview_log_append(store, &mark, 1) != TVIEW_STORE_RESET)
		return 2;
	tview_store_detach(store);
	return 0;
}

static void
test_stopped_owner(void)
{
	Stopped *stopped = tap_shared(sizeof(Stopped));
	TviewMark mark = make_mark(1, 1);
	TviewStoreStat stat;
	TviewStore *store;
	uint64_t epoch;
	double begin;
	double took;
	pid_t pid;

	snprintf(stopped->path, sizeof(stopped->path), "%s", tap_path("stopped"));
	store = tap_store(stopped->path, &tap_config);
	pid = tap_fork(stop_locked_body, stopped);
	tap_wait_stopped(pid);
	begin = tap_now();
	tap_is(tview_log_append(store, &mark, 1), TVIEW_STORE_RESET,
		   "a stopped owner of the log's lock: reset");
	took = tap_now() - begin;
	tap_ok(took > 0.8, "... after a second, and not before (%.2f s)", took);
	tview_store_stat(store, &stat);
	tap_ok(strcmp(stat.reset_reason, "mark log lock not released") == 0,
		   "... with a reason");
	tap_is(tap_enter(store, &tap_config, &epoch), TVIEW_STORE_OK,
		   "others go on in a new epoch");
	tap_is(tview_log_append(store, &mark, 1), TVIEW_STORE_OK, "... and append");
	kill(pid, SIGCONT);
	tap_is((uint64_t) tap_wait(pid), 0, "who was stopped finds its epoch gone");
	tap_ok(tview_store_floor(store) == UINT64_MAX &&
			   tview_log_tail(store) == 1 && tview_store_epoch(store) == epoch,
		   "... and has not disturbed the new one");
	tview_store_detach(store);
}

static void
test_sync(void)
{
	TviewStoreConfig config = tap_config;
	TviewStoreIdentity durable = tap_identity;
	TviewMark marks[300];
	TviewMark out[300];
	TviewStore *store;
	TviewTxn *txn;
	uint64_t epoch;
	uint64_t key = 1;
	int wrong = 0;

	config.sync = true;
	durable.boot_id[0] = '\0';
	for (uint64_t i = 0; i < 300; i++)
		marks[i] = make_mark(1, i);
	if (tview_store_attach(tap_path("sync"), &durable, &store) !=
			TVIEW_STORE_OK ||
		tap_enter(store, &config, &epoch) != TVIEW_STORE_OK)
		tap_bail("sync store");
	for (int i = 0; i < 10; i++)
	{
		wrong += tview_log_append(store, marks, 300) != TVIEW_STORE_OK;
		wrong += tview_log_read(store, tview_log_tail(store) - 300, 300, out) !=
			TVIEW_STORE_OK;
		wrong += memcmp(marks, out, sizeof(marks)) != 0;
		wrong += tview_log_trim(store, tview_log_tail(store) - 5, marks, 3) !=
			TVIEW_STORE_OK;
	}
	wrong += tview_write_begin(store, true, &txn) != TVIEW_STORE_OK;
	wrong +=
		tview_put(txn, TVIEW_DB_META, 0, &key, 8, &key, 8) != TVIEW_STORE_OK;
	wrong += tview_write_commit(txn) != TVIEW_STORE_OK;
	tap_is((uint64_t) wrong, 0, "sync: append, trim and commit reach the disk");

	/* a boot later, locks are held by nobody who lives */
	memset(store->ring->boot_id, 'b', 10);
	tview_ring_seal(store->ring);
	*(int *) &store->ring->append_mutex = 12345;
	*(int *) &store->ring->settle_mutex = 12345;
	*(int *) &store->ring->write_mutex = 12345;
	tview_store_detach(store);
	if (tview_store_attach(tap_path("sync"), &durable, &store) !=
			TVIEW_STORE_OK ||
		tview_store_enter(store, &config, &epoch) != TVIEW_STORE_OK)
		tap_bail("sync store again");
	tap_ok(tview_log_append(store, marks, 1) == TVIEW_STORE_OK &&
			   tview_log_trylock_settle(store) == TVIEW_STORE_OK &&
			   tview_write_begin(store, false, &txn) == TVIEW_STORE_OK,
		   "locks of an earlier boot are taken back");
	tview_store_detach(store);
}

int
main(void)
{
	test_basics();
	test_writers();
	test_kill();
	test_dead_owner();
	test_stopped_owner();
	test_sync();
	return tap_done();
}
