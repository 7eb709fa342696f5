/*
 * A new epoch never shows what was in an old one, and damaged files are
 * noticed before they are used.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/store_private.h"
#include "tap.h"

#define PROCESSES 4

typedef struct Shared
{
	char path[PATH_MAX];
	_Atomic int stop;
	_Atomic uint64_t epochs;
	_Atomic uint64_t rows;
} Shared;

static int
count_epoch_directories(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	int n = 0;

	while ((entry = readdir(dir)) != NULL)
		n += entry->d_name[0] == 'e';
	closedir(dir);
	return n;
}

/* One round of a process in test_lives; 0 or what went wrong. */
static int
live_once(Shared *shared, TviewStore *store, uint64_t *last)
{
	TviewStoreStatus status;
	TviewMark mark = {0};
	TviewTxn *txn;
	TviewValue value;
	uint64_t epoch;
	uint64_t key = 1;

	status = tap_enter(store, &tap_config, &epoch);
	if (status != TVIEW_STORE_OK)
		return 100 + (int) status;
	if (epoch < *last)
		return 2;
	shared->epochs += epoch > *last;
	*last = epoch;
	mark.xid = epoch;
	status = tview_log_append(store, &mark, 1);
	if (status == TVIEW_STORE_LOG_FULL)
		tview_store_reset(store, "full");
	else if (status != TVIEW_STORE_OK && status != TVIEW_STORE_RESET)
		return 3;
	for (uint64_t p = tview_log_head(store); p < tview_log_tail(store) && p < 3;
		 p++)
	{
		status = tview_log_read(store, p, 1, &mark);
		if (status == TVIEW_STORE_OK && mark.xid != epoch)
			return 4;
	}
	status = tview_read_begin(store, &txn);
	if (status == TVIEW_STORE_OK)
	{
		status = tview_get(txn, TVIEW_DB_ROWS, 7, &key, sizeof(key), &value);
		if (status != TVIEW_STORE_NOTFOUND &&
			(status != TVIEW_STORE_OK || value.size != 8 ||
			 *(const uint64_t *) value.data != epoch))
			return 5;
		shared->rows += status == TVIEW_STORE_OK;
		tview_read_end(txn);
	}
	else if (status != TVIEW_STORE_RESET)
		return 6;
	status = tview_write_begin(store, true, &txn);
	if (status == TVIEW_STORE_OK)
	{
		if (tview_put(txn, TVIEW_DB_ROWS, 7, &key, sizeof(key), &epoch,
					  sizeof(epoch)) != TVIEW_STORE_OK)
			return 7;
		status = tview_write_commit(txn);
	}
	if (status != TVIEW_STORE_OK && status != TVIEW_STORE_RESET)
		return 8;
	if (tap_random() % 20 == 0)
		tview_store_reset(store, "test");
	return 0;
}

static int
live_body(void *argument)
{
	Shared *shared = argument;
	TviewStore *store;
	uint64_t last = 0;
	int result = 0;

	if (tview_store_attach(shared->path, &tap_identity, &store) !=
		TVIEW_STORE_OK)
		return 20;
	while (result == 0 && !shared->stop)
	{
		result = live_once(shared, store, &last);
		if (result == 0 && tap_random() % 50 == 0)
		{
			tview_store_detach(store);
			if (tview_store_attach(shared->path, &tap_identity, &store) !=
				TVIEW_STORE_OK)
				return 21;
		}
	}
	tview_store_detach(store);
	return result;
}

static void
test_lives(void)
{
	Shared *shared = tap_shared(sizeof(Shared));
	pid_t pids[PROCESSES];
	int failed = 0;

	snprintf(shared->path, sizeof(shared->path), "%s", tap_path("lives"));
	for (int i = 0; i < PROCESSES; i++)
		pids[i] = tap_fork(live_body, shared);
	sleep(2);
	/* longer on a machine that is busy with other things */
	for (int i = 0; i < 60 && (shared->epochs <= 50 || shared->rows <= 50); i++)
		sleep(1);
	shared->stop = 1;
	for (int i = 0; i < PROCESSES; i++)
	{
		int result = tap_wait(pids[i]);

		if (result != 0)
			tap_note("process %d: %d", i, result);
		failed += result != 0;
	}
	tap_note("%" PRIu64 " epochs entered, %" PRIu64 " rows read",
			 shared->epochs, shared->rows);
	tap_is(
		(uint64_t) failed, 0,
		"4 processes reset, revive, enter, read and write: nothing leaks between epochs");
	tap_ok(shared->epochs > 50 && shared->rows > 50, "... in many epochs");
	tap_ok(count_epoch_directories(shared->path) <= 2,
		   "... and the old ones' directories are gone");
}

static void
test_words(void)
{
	TviewStore *store = tap_store(tap_path("words"), &tap_config);
	uint64_t epoch;

	tap_ok(tview_store_floor(store) == UINT64_MAX &&
			   tview_store_floor_lsn(store) == 0 &&
			   !tview_store_floor_is_flushed(store) &&
			   tview_store_wal(store) == 0,
		   "a new epoch knows no floor");
	tview_store_set_floor(store, 100);
	tview_store_set_floor(store, 90);
	tap_is(tview_store_floor(store), 100,
		   "the floor gets a value and is not lowered");
	tview_store_set_floor(store, 110);
	tap_is(tview_store_floor(store), 110, "... but raised");
	tview_store_set_floor_lsn(store, 77);
	tview_store_set_floor_flushed(store);
	tview_store_note_wal(store, 50);
	tview_store_note_wal(store, 40);
	tap_ok(tview_store_floor_lsn(store) == 77 &&
			   tview_store_floor_is_flushed(store) &&
			   tview_store_wal(store) == 50,
		   "its flush position, and the contents' WAL");
	tview_store_reset(store, "test");
	tap_is(tap_enter(store, &tap_config, &epoch), TVIEW_STORE_OK,
		   "another epoch");
	tap_ok(tview_store_floor(store) == UINT64_MAX &&
			   tview_store_floor_lsn(store) == 0 &&
			   !tview_store_floor_is_flushed(store) &&
			   tview_store_wal(store) == 0,
		   "... begins without them");
	tview_store_detach(store);
}

static void
put_rows(TviewStore *store, uint64_t n, size_t size)
{
	TviewTxn *txn;
	void *room;
	TviewStoreStatus status = tview_write_begin(store, true, &txn);

	for (uint64_t key = 0; status == TVIEW_STORE_OK && key < n; key++)
	{
		status = tview_put_reserve(txn, TVIEW_DB_ROWS, 1, &key, sizeof(key),
								   size, &room);
		if (status == TVIEW_STORE_OK)
			memset(room, 'r', size);
	}
	if (status != TVIEW_STORE_OK || tview_write_commit(txn) != TVIEW_STORE_OK)
		tap_bail("put_rows: %s", tview_store_message(status));
}

static int
grow_body(void *argument)
{
	TviewStoreConfig config = tap_config;
	TviewStore *store;
	uint64_t epoch;

	config.map_size = 64 << 20;
	if (tview_store_attach(argument, &tap_identity, &store) != TVIEW_STORE_OK ||
		tview_store_enter(store, &config, &epoch) != TVIEW_STORE_OK)
		return 1;
	put_rows(store, 10000, 4000);
	tview_store_detach(store);
	return 0;
}

static void
test_options(void)
{
	char path[PATH_MAX];
	TviewStoreConfig config = tap_config;
	TviewStoreStat stat;
	TviewStore *store;
	TviewTxn *txn;
	TviewValue value;
	uint64_t epoch;
	uint64_t before;
	uint64_t key = 9999;

	snprintf(path, sizeof(path), "%s", tap_path("options"));
	store = tap_store(path, &config);
	before = tview_store_epoch(store);
	put_rows(store, 3, 100);
	tap_ok(tview_read_begin(store, &txn) == TVIEW_STORE_OK,
		   "read with a small map");
	tview_read_end(txn);
	tap_is((uint64_t) tap_wait(tap_fork(grow_body, path)), 0,
		   "another process makes the map larger and fills it");
	tap_is(tview_read_begin(store, &txn), TVIEW_STORE_OK,
		   "the first one adopts it");
	tap_ok(tview_get(txn, TVIEW_DB_ROWS, 1, &key, 8, &value) ==
				   TVIEW_STORE_OK &&
			   value.size == 4000,
		   "... and reads what is there");
	tap_is(tview_store_enter(store, NULL, &epoch), TVIEW_STORE_OK,
		   "entering without options keeps them");
	tview_read_end(txn);
	tap_ok(tview_store_stat(store, &stat) == TVIEW_STORE_OK &&
			   stat.map_size == 64 << 20 && stat.map_used > 36 << 20,
		   "... and so the stat says");
	tap_is(tview_store_enter(store, &config, &epoch), TVIEW_STORE_RESET,
		   "a smaller map resets");
	tview_store_stat(store, &stat);
	tap_ok(strcmp(stat.reset_reason, "options changed") == 0,
		   "... with a reason");
	tap_ok(tap_enter(store, &config, &epoch) == TVIEW_STORE_OK &&
			   epoch > before,
		   "... and is revived with it");
	config.map_size = 32 << 20;
	tap_ok(tview_store_enter(store, &config, &epoch) == TVIEW_STORE_OK &&
			   tview_store_stat(store, &stat) == TVIEW_STORE_OK &&
			   stat.map_size == 32 << 20,
		   "a larger map is adopted");
	config.mark_log_size *= 2;
	tap_is(tview_store_enter(store, &config, &epoch), TVIEW_STORE_RESET,
		   "another size of the mark log resets");
	tap_ok(tap_enter(store, &config, &epoch) == TVIEW_STORE_OK &&
			   tview_log_capacity(store) == 2048,
		   "... and is what the next epoch has");
	tview_store_detach(store);
}

/*
 * What a fresh process gets from entering after its files were spoilt by a
 * command run in the epoch's directory.
 */
static TviewStoreStatus
enter_spoilt(const char *name, const char *command)
{
	char path[PATH_MAX];
	char line[2 * PATH_MAX];
	TviewStore *store;
	TviewStoreStatus status;
	uint64_t epoch;
	uint64_t next;

	snprintf(path, sizeof(path), "%s", tap_path(name));
	store = tap_store(path, &tap_config);
	put_rows(store, 2000, 500);
	tview_store_detach(store);
	snprintf(line, sizeof(line), "cd '%s'/e* && %s", path, command);
	if (system(line) != 0)
		tap_bail("%s", line);
	if (tview_store_attach(path, &tap_identity, &store) != TVIEW_STORE_OK)
		tap_bail("attach");
	status = tview_store_enter(store, &tap_config, &epoch);
	/* the caller's answer; it must work */
	if (status == TVIEW_STORE_CORRUPT)
	{
		tview_store_reset(store, "damaged");
		if (tap_enter(store, &tap_config, &next) != TVIEW_STORE_OK ||
			next <= epoch)
			status = TVIEW_STORE_IO;
		put_rows(store, 10, 500);
	}
	tview_store_detach(store);
	return status;
}

static void
test_damage(void)
{
	static const struct
	{
		const char *what;
		const char *command;
		uint32_t head, tail; /* without a command: put into marks */
	} cases[] = {
		{"no damage", "true"},
		{"truncated data.mdb", "truncate -s -4096 data.mdb"},
		{"data.mdb of one page", "truncate -s 4096 data.mdb"},
		{"empty data.mdb", "truncate -s 0 data.mdb"},
		{"missing data.mdb", "rm data.mdb"},
		{"replaced data.mdb", "cp data.mdb x && mv x data.mdb"},
		{"garbage in data.mdb's meta pages",
		 "head -c 8192 /dev/urandom | dd of=data.mdb conv=notrunc status=none"},
		{"missing lock.mdb", "rm lock.mdb"},
		{"truncated lock.mdb", "truncate -s 100 lock.mdb"},
		{"missing marks", "rm marks"},
		{"empty marks", "truncate -s 0 marks"},
		{"truncated marks", "truncate -s 8192 marks"},
		{"garbage in the header of marks",
		 "head -c 4096 /dev/urandom | dd of=marks conv=notrunc status=none"},
		{"a head behind the tail", NULL, 12345, 12344},
		{"more marks than there is room for", NULL, 1, UINT32_MAX},
		{"missing directory", "rm -r $PWD"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		char name[32];
		char command[200];

		snprintf(name, sizeof(name), "damage%zu", i);
		if (cases[i].command != NULL)
			snprintf(command, sizeof(command), "%s", cases[i].command);
		else
			snprintf(command, sizeof(command),
					 "python3 -c 'f = open(\"marks\", \"r+b\");"
					 " f.seek(%zu); f.write((%u).to_bytes(8, \"little\"));"
					 " f.seek(%zu); f.write((%u).to_bytes(8, \"little\"))'",
					 offsetof(TviewRing, head), cases[i].head,
					 offsetof(TviewRing, tail), cases[i].tail);
		tap_is(enter_spoilt(name, command),
			   i == 0 ? TVIEW_STORE_OK : TVIEW_STORE_CORRUPT, cases[i].what);
	}
}

/* Leaves half an epoch behind: dies within revive. */
static void
test_half_revive(void)
{
	const char *path = tap_path("half");
	TviewStore *store;
	char command[PATH_MAX + 128];
	uint64_t epoch;
	int lock;

	if (tview_store_attach(path, &tap_identity, &store) != TVIEW_STORE_OK)
		tap_bail("attach");
	snprintf(command, sizeof(command),
			 "cd '%s' && mkdir e1 e%" PRIu64
			 " && touch e1/marks e1/data.mdb control.1.tmp",
			 path, atomic_load(&store->control->last_epoch) + 2);
	if (system(command) != 0)
		tap_bail("%s", command);
	tap_is((uint64_t) tview_file_lock(path, 100, &lock), 0,
		   "the lock of the directory");
	tap_is(tview_store_revive(store, &tap_config), TVIEW_STORE_BUSY,
		   "revive while another process is at it");
	tview_file_unlock(lock);
	tap_is(tap_enter(store, &tap_config, &epoch), TVIEW_STORE_OK, "revive");
	tap_is((uint64_t) count_epoch_directories(path), 1,
		   "... clears what a dead process left");
	tview_store_detach(store);
}

int
main(void)
{
	test_lives();
	test_words();
	test_options();
	test_damage();
	test_half_revive();
	return tap_done();
}
