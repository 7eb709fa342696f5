/*
 * Rows written by many processes are seen by all, and survive the death of any.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/store_private.h"
#include "tap.h"

typedef struct Shared
{
	char path[PATH_MAX];
	TviewStoreConfig config;
	_Atomic int ready;
	_Atomic int go;
	_Atomic uint64_t number;
} Shared;

static int
holder_body(void *argument)
{
	Shared *shared = argument;
	TviewStore *store;
	TviewTxn *txn;
	uint64_t epoch;
	TviewStoreStatus status;

	if (tview_store_attach(shared->path, &tap_identity, &store) !=
		TVIEW_STORE_OK)
		return 1;
	status = tview_store_enter(store, &shared->config, &epoch);
	if (status == TVIEW_STORE_OK)
		status = tview_read_begin(store, &txn);
	if (status == TVIEW_STORE_READERS_FULL)
		return 2;
	if (status != TVIEW_STORE_OK)
		return 3;
	raise(SIGSTOP);
	return 0;
}

static void
test_readers_full(void)
{
	Shared *shared = tap_shared(sizeof(Shared));
	TviewStoreStat stat;
	TviewStore *store;
	TviewTxn *txn;
	pid_t holders[200];
	uint32_t n;

	snprintf(shared->path, sizeof(shared->path), "%s", tap_path("readers"));
	shared->config = tap_config;
	shared->config.max_readers = 3;
	store = tap_store(shared->path, &shared->config);
	tview_store_stat(store, &stat);
	tap_ok(stat.max_readers >= 3 && stat.max_readers < 200, "%u reader slots",
		   stat.max_readers);
	/* asking for the size has taken a slot */
	tview_store_detach(store);
	store = tap_store(shared->path, &shared->config);
	for (n = 0; n < stat.max_readers; n++)
	{
		holders[n] = tap_fork(holder_body, shared);
		tap_wait_stopped(holders[n]);
	}
	tap_is(tview_read_begin(store, &txn), TVIEW_STORE_READERS_FULL,
		   "when all are taken, a status");
	tap_is((uint64_t) tap_wait(tap_fork(holder_body, shared)), 2,
		   "... also for who enters");
	tap_ok(tview_write_begin(store, false, &txn) == TVIEW_STORE_OK &&
			   tview_write_commit(txn) == TVIEW_STORE_OK,
		   "... writing needs no slot");
	for (uint32_t i = 0; i < n; i++)
	{
		kill(holders[i], SIGKILL);
		tap_wait(holders[i]);
	}
	tap_is(tview_read_begin(store, &txn), TVIEW_STORE_OK,
		   "the slots of the dead are taken back");
	tview_store_stat(store, &stat);
	tap_is(stat.readers, 1, "... and counted no more");
	tview_store_detach(store);
}

/* A dead reader's snapshot must not keep the file growing. */
static void
test_dead_reader(void)
{
	Shared *shared = tap_shared(sizeof(Shared));
	TviewStore *store;
	TviewStoreStat stat;
	TviewTxn *txn;
	TviewStoreStatus status = TVIEW_STORE_OK;
	pid_t pid;

	snprintf(shared->path, sizeof(shared->path), "%s", tap_path("dead_reader"));
	shared->config = tap_config;
	store = tap_store(shared->path, &shared->config);
	pid = tap_fork(holder_body, shared);
	tap_wait_stopped(pid);
	kill(pid, SIGKILL);
	tap_wait(pid);
	for (uint64_t i = 0; status == TVIEW_STORE_OK && i < 5000; i++)
	{
		uint64_t key = i % 10;
		void *room;

		status = tview_write_begin(store, true, &txn);
		if (status == TVIEW_STORE_OK)
			status =
				tview_put_reserve(txn, TVIEW_DB_ROWS, 1, &key, 8, 4000, &room);
		if (status == TVIEW_STORE_OK)
			memset(room, 0, 4000);
		if (status == TVIEW_STORE_OK)
			status = tview_write_commit(txn);
	}
	tview_store_stat(store, &stat);
	tap_ok(
		status == TVIEW_STORE_OK && stat.file_size < 8 << 20,
		"a reader killed in its transaction does not make the file grow (status %d, %" PRIu64
		" kB)",
		status, stat.file_size / 1024);
	tview_store_detach(store);
}

/*
 * Answers each number with the next one, by rows alone; every third is a
 * database of its own.
 */
static int
ping_body(void *argument)
{
	Shared *shared = argument;
	TviewStore *store;
	TviewTxn *txn;
	TviewValue value;
	uint64_t epoch;
	uint64_t key = 1;

	if (tview_store_attach(shared->path, &tap_identity, &store) !=
			TVIEW_STORE_OK ||
		tview_store_enter(store, &tap_config, &epoch) != TVIEW_STORE_OK)
		return 1;
	while (shared->go < 3000)
	{
		uint64_t number = (uint64_t) shared->go;

		if (number % 2 == 0)
		{
			sched_yield();
			continue;
		}
		if (tview_read_begin(store, &txn) != TVIEW_STORE_OK)
			return 2;
		if (tview_get(txn, TVIEW_DB_ROWS, (uint32_t) (number / 3), &key, 8,
					  &value) != TVIEW_STORE_OK ||
			*(const uint64_t *) value.data != number)
			return 3;
		tview_read_end(txn);
		number++;
		if (tview_write_begin(store, true, &txn) != TVIEW_STORE_OK ||
			tview_put(txn, TVIEW_DB_ROWS, (uint32_t) (number / 3), &key, 8,
					  &number, 8) != TVIEW_STORE_OK ||
			tview_write_commit(txn) != TVIEW_STORE_OK)
			return 4;
		shared->go = (int) number;
	}
	tview_store_detach(store);
	return 0;
}

static void
test_ping(void)
{
	Shared *shared = tap_shared(sizeof(Shared));
	TviewStore *store;
	TviewTxn *txn;
	TviewValue value;
	uint64_t key = 1;
	uint64_t number = 1;
	int wrong = 0;
	pid_t pid;

	snprintf(shared->path, sizeof(shared->path), "%s", tap_path("ping"));
	store = tap_store(shared->path, &tap_config);
	pid = tap_fork(ping_body, shared);
	for (; number < 3000; number += 2)
	{
		wrong += tview_write_begin(store, true, &txn) != TVIEW_STORE_OK ||
			tview_put(txn, TVIEW_DB_ROWS, (uint32_t) (number / 3), &key, 8,
					  &number, 8) != TVIEW_STORE_OK ||
			tview_write_commit(txn) != TVIEW_STORE_OK;
		shared->go = (int) number;
		while (shared->go == (int) number && tap_lives(pid) && wrong == 0)
			sched_yield();
		wrong += tview_read_begin(store, &txn) != TVIEW_STORE_OK ||
			tview_get(txn, TVIEW_DB_ROWS, (uint32_t) ((number + 1) / 3), &key,
					  8, &value) != TVIEW_STORE_OK ||
			*(const uint64_t *) value.data != number + 1;
		tview_read_end(txn);
		if (wrong)
			break;
	}
	shared->go = 3000;
	tap_ok(
		wrong == 0 && tap_wait(pid) == 0,
		"two processes: each sees the other's last commit and its new databases, 3000 times");
	tview_store_detach(store);
}

/* Keeps pairs of rows equal until killed. */
static int
pairs_body(void *argument)
{
	Shared *shared = argument;
	TviewStore *store;
	uint64_t epoch;

	if (tview_store_attach(shared->path, &tap_identity, &store) !=
			TVIEW_STORE_OK ||
		tview_store_enter(store, &tap_config, &epoch) != TVIEW_STORE_OK)
		return 1;
	for (;;)
	{
		TviewStoreStatus status;
		TviewTxn *txn;
		uint64_t number = tap_random();
		uint64_t key = tap_random() % 1000 * 2;
		void *room;

		if (tview_write_begin(store, true, &txn) != TVIEW_STORE_OK)
			return 2;
		for (int i = 0; i < 2; i++, key++)
		{
			status = tview_put_reserve(txn, TVIEW_DB_ROWS, 1, &key, 8,
									   8 + number % 200 * 8, &room);
			if (status != TVIEW_STORE_OK)
				return 50 + (int) status;
			memset(room, 0, 8 + number % 200 * 8);
			memcpy(room, &number, 8);
		}
		status = tview_write_commit(txn);
		if (status != TVIEW_STORE_OK)
			return 100 + (int) status;
		shared->number++;
	}
}

/* Number of pairs that differ. */
static int
check_pairs(TviewStore *store)
{
	TviewTxn *txn;
	TviewCursor *cursor;
	TviewValue key;
	TviewValue value;
	int wrong = 0;

	if (tview_read_begin(store, &txn) != TVIEW_STORE_OK ||
		tview_cursor_open(txn, TVIEW_DB_ROWS, 1, &cursor) != TVIEW_STORE_OK)
		return 1;
	while (tview_cursor_move(cursor, TVIEW_SEEK_NEXT, &key, &value) ==
		   TVIEW_STORE_OK)
	{
		uint64_t first = *(const uint64_t *) value.data;
		uint64_t number = *(const uint64_t *) key.data;

		wrong += tview_cursor_move(cursor, TVIEW_SEEK_NEXT, &key, &value) !=
				TVIEW_STORE_OK ||
			*(const uint64_t *) value.data != first ||
			*(const uint64_t *) key.data != number + 1 ||
			value.size != 8 + first % 200 * 8;
	}
	tview_read_end(txn);
	return wrong;
}

static void
test_kill(void)
{
	Shared *shared = tap_shared(sizeof(Shared));
	TviewStore *store;
	int wrong = 0;
	int died = 0;
	double begin = tap_now();

	snprintf(shared->path, sizeof(shared->path), "%s", tap_path("kill"));
	store = tap_store(shared->path, &tap_config);
	for (int round = 0; round < 80; round++)
	{
		pid_t victims[2];
		uint64_t before = shared->number;
		int result;

		for (int i = 0; i < 2; i++)
			victims[i] = tap_fork(pairs_body, shared);
		while (shared->number == before && tap_lives(victims[0]) &&
			   tap_lives(victims[1]))
			wrong += check_pairs(store);
		usleep((useconds_t) (tap_random() % 2000));
		for (int i = 0; i < 2; i++)
		{
			kill(victims[i], SIGKILL);
			result = tap_wait(victims[i]);
			if (result != 1000 + SIGKILL)
				tap_note("writer %d of round %d: %d", i, round, result);
			died += result == 1000 + SIGKILL;
		}
		wrong += check_pairs(store);
	}
	tap_note("%" PRIu64 " commits in %.1f s", shared->number,
			 tap_now() - begin);
	tap_ok(died == 160 && wrong == 0,
		   "160 writers killed at work: no torn pair, nobody stuck");
	tap_ok(tview_store_epoch(store) != 0, "... and no reset");
	tview_store_detach(store);
}

/*
 * Offset of LMDB's "last transaction id" in lock.mdb: after magic, format and
 * the readers' mutex.
 */
#define LOCK_TXNID_OFFSET (8 + sizeof(pthread_mutex_t))

/* Holds the write lock; then is killed or stopped. */
static int
hold_write_body(void *argument)
{
	Shared *shared = argument;
	TviewStore *store;
	TviewTxn *txn;
	uint64_t epoch;

	if (tview_store_attach(shared->path, &tap_identity, &store) !=
			TVIEW_STORE_OK ||
		tview_store_enter(store, &tap_config, &epoch) != TVIEW_STORE_OK ||
		tview_write_begin(store, true, &txn) != TVIEW_STORE_OK)
		return 1;
	raise(SIGSTOP);
	tview_write_abort(txn);
	return 0;
}

/*
 * Makes the lock file look as if a writer were between its meta page and the
 * announcement.
 */
static int
unannounce_body(void *argument)
{
	Shared *shared = argument;
	char path[PATH_MAX + 64];
	uint64_t *map;
	int fd;

	snprintf(path, sizeof(path), "%s/e%" PRIu64 "/lock.mdb", shared->path,
			 shared->number);
	fd = open(path, O_RDWR);
	map = fd >= 0 ? mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)
				  : MAP_FAILED;
	if (map == MAP_FAILED || map[LOCK_TXNID_OFFSET / 8] == 0 ||
		map[LOCK_TXNID_OFFSET / 8] > 1000)
		return 1;
	map[LOCK_TXNID_OFFSET / 8]--;
	return 0;
}

static void
test_unannounced(void)
{
	Shared *shared = tap_shared(sizeof(Shared));
	TviewStoreStat stat;
	TviewStore *store;
	TviewTxn *txn;
	TviewValue value;
	uint64_t key = 1;
	double begin;
	pid_t pid;

	snprintf(shared->path, sizeof(shared->path), "%s", tap_path("unannounced"));
	store = tap_store(shared->path, &tap_config);
	shared->number = tview_store_epoch(store);
	for (uint64_t i = 0; i < 5; i++)
	{
		tview_write_begin(store, true, &txn);
		tview_put(txn, TVIEW_DB_ROWS, 1, &key, 8, &i, 8);
		tview_write_commit(txn);
	}
	pid = tap_fork(hold_write_body, shared);
	tap_wait_stopped(pid);
	tap_is(tview_write_begin(store, false, &txn), TVIEW_STORE_BUSY,
		   "write_begin without waiting");
	if (tap_wait(tap_fork(unannounce_body, shared)) != 0)
		tap_bail("lock.mdb is not as expected");
	kill(pid, SIGKILL);
	tap_wait(pid);
	tap_ok(
		tview_read_begin(store, &txn) == TVIEW_STORE_OK &&
			tview_get(txn, TVIEW_DB_ROWS, 1, &key, 8, &value) ==
				TVIEW_STORE_OK &&
			*(const uint64_t *) value.data == 4,
		"a writer that died before announcing its commit: readers see the commit");
	tview_read_end(txn);

	pid = tap_fork(hold_write_body, shared);
	tap_wait_stopped(pid);
	if (tap_wait(tap_fork(unannounce_body, shared)) != 0)
		tap_bail("lock.mdb is not as expected");
	begin = tap_now();
	tap_is(tview_read_begin(store, &txn), TVIEW_STORE_RESET,
		   "a writer that is stopped there: reset");
	tview_store_stat(store, &stat);
	/* two seconds of patience, and whatever else the machine has to do */
	tap_ok(tap_now() - begin < 60 &&
			   strcmp(stat.reset_reason,
					  "store writer stopped in its commit") == 0,
		   "... after %.1f s", tap_now() - begin);
	kill(pid, SIGKILL);
	tap_wait(pid);
	tview_store_detach(store);
}

int
main(void)
{
	test_readers_full();
	test_dead_reader();
	test_ping();
	test_kill();
	test_unannounced();
	return tap_done();
}
