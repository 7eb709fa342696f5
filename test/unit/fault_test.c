/*
 * Whatever call of the system or of LMDB fails, at whichever passage: the store
 * returns a status, keeps no descriptor and no transaction, never gives a wrong
 * value, and works again in the same directory when nothing fails any more.
 *
 * The linker puts the functions below in the place of what they are named for
 * (see FAULTS in the Makefile), in the calls of the store and of this file.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <lmdb.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/store_private.h"
#include "tap.h"

static const char *faulty; /* the function that fails */
static int countdown;	   /* at this passage; 0: not any more */
static int fault;		   /* with this */
static bool again;		   /* and at all later ones */

/* Shall this call of the function fail? */
static bool
fails(const char *name)
{
	if (faulty == NULL || strcmp(faulty, name) != 0 || countdown == 0)
		return false;
	if (countdown == 1)
	{
		countdown -= !again;
		return true;
	}
	countdown--;
	return false;
}

/* A function that returns an error, one that sets errno, one of a pointer. */
#define RETURNS(type, name, parameters, arguments)             \
	extern type __real_##name parameters;                      \
	extern type __wrap_##name parameters;                      \
	type __wrap_##name parameters                              \
	{                                                          \
		return fails(#name) ? fault : __real_##name arguments; \
	}
#define SETS_ERRNO(type, name, parameters, arguments, failure) \
	extern type __real_##name parameters;                      \
	extern type __wrap_##name parameters;                      \
	type __wrap_##name parameters                              \
	{                                                          \
		if (!fails(#name))                                     \
			return __real_##name arguments;                    \
		errno = fault;                                         \
		return failure;                                        \
	}

RETURNS(int, posix_fallocate, (int fd, off_t at, off_t size), (fd, at, size))
SETS_ERRNO(void *, mmap,
		   (void *at, size_t size, int access, int flags, int fd, off_t off),
		   (at, size, access, flags, fd, off), MAP_FAILED)
SETS_ERRNO(void *, calloc, (size_t n, size_t size), (n, size), NULL)
SETS_ERRNO(void *, malloc, (size_t size), (size), NULL)
SETS_ERRNO(void *, realloc, (void *old, size_t size), (old, size), NULL)
SETS_ERRNO(int, fstat, (int fd, struct stat *status), (fd, status), -1)
SETS_ERRNO(int, stat, (const char *path, struct stat *status), (path, status),
		   -1)
SETS_ERRNO(int, mkdir, (const char *path, mode_t mode), (path, mode), -1)
SETS_ERRNO(int, rename, (const char *from, const char *to), (from, to), -1)
SETS_ERRNO(int, msync, (void *at, size_t size, int flags), (at, size, flags),
		   -1)
SETS_ERRNO(int, fsync, (int fd), (fd), -1)
SETS_ERRNO(ssize_t, pwrite, (int fd, const void *data, size_t size, off_t at),
		   (fd, data, size, at), -1)
RETURNS(int, mdb_env_create, (MDB_env * *env), (env))
RETURNS(int, mdb_env_set_mapsize, (MDB_env * env, size_t size), (env, size))
RETURNS(int, mdb_env_info, (MDB_env * env, MDB_envinfo *info), (env, info))
RETURNS(int, mdb_env_open,
		(MDB_env * env, const char *path, unsigned flags, mdb_mode_t mode),
		(env, path, flags, mode))
RETURNS(int, mdb_txn_begin,
		(MDB_env * env, MDB_txn *parent, unsigned flags, MDB_txn **txn),
		(env, parent, flags, txn))
RETURNS(int, mdb_txn_renew, (MDB_txn * txn), (txn))
RETURNS(int, mdb_dbi_open,
		(MDB_txn * txn, const char *name, unsigned flags, MDB_dbi *dbi),
		(txn, name, flags, dbi))
RETURNS(int, mdb_get, (MDB_txn * txn, MDB_dbi dbi, MDB_val *key, MDB_val *data),
		(txn, dbi, key, data))
RETURNS(int, mdb_put,
		(MDB_txn * txn, MDB_dbi dbi, MDB_val *key, MDB_val *data,
		 unsigned flags),
		(txn, dbi, key, data, flags))
RETURNS(int, mdb_del, (MDB_txn * txn, MDB_dbi dbi, MDB_val *key, MDB_val *data),
		(txn, dbi, key, data))
RETURNS(int, mdb_drop, (MDB_txn * txn, MDB_dbi dbi, int del), (txn, dbi, del))
RETURNS(int, mdb_stat, (MDB_txn * txn, MDB_dbi dbi, MDB_stat *stat),
		(txn, dbi, stat))
RETURNS(int, mdb_cursor_open, (MDB_txn * txn, MDB_dbi dbi, MDB_cursor **cursor),
		(txn, dbi, cursor))
RETURNS(int, mdb_cursor_get,
		(MDB_cursor * cursor, MDB_val *key, MDB_val *data, MDB_cursor_op op),
		(cursor, key, data, op))

extern int __real_open(const char *path, int flags, ...);
extern int __wrap_open(const char *path, int flags, ...);
int
__wrap_open(const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list arguments;

	va_start(arguments, flags);
	if (flags & O_CREAT)
		mode = va_arg(arguments, mode_t);
	va_end(arguments);
	if (!fails("open"))
		return __real_open(path, flags, mode);
	errno = fault;
	return -1;
}

/* A commit that fails has ended its transaction. */
extern int __real_mdb_txn_commit(MDB_txn *txn);
extern int __wrap_mdb_txn_commit(MDB_txn *txn);
int
__wrap_mdb_txn_commit(MDB_txn *txn)
{
	if (!fails("mdb_txn_commit"))
		return __real_mdb_txn_commit(txn);
	mdb_txn_abort(txn);
	return fault;
}

/* True for a descriptor of an environment that the store has to leave open. */
static bool
stays_open(int dir, const char *descriptor)
{
	char target[PATH_MAX] = "";

	return tap_lmdb_stays_open() &&
		readlinkat(dir, descriptor, target, sizeof(target) - 1) > 0 &&
		(strstr(target, "/data.mdb") != NULL ||
		 strstr(target, "/lock.mdb") != NULL);
}

/* Open descriptors of this process. */
static int
count_files(void)
{
	DIR *dir = opendir("/proc/self/fd");
	const struct dirent *entry;
	int n = 0;

	while ((entry = readdir(dir)) != NULL)
		n += !stays_open(dirfd(dir), entry->d_name);
	closedir(dir);
	return n;
}

/* What a use of the store has come to. */
typedef struct Outcome
{
	bool done;	/* no step failed */
	bool wrong; /* a value that was not put, a status that is none */
} Outcome;

/* Notes a step; true when it is worth going on. */
static bool
step(Outcome *outcome, TviewStoreStatus status)
{
	if (status < TVIEW_STORE_OK || status > TVIEW_STORE_CORRUPT ||
		tview_store_message(status)[0] == '\0')
		outcome->wrong = true;
	if (status != TVIEW_STORE_OK)
		outcome->done = false;
	return status == TVIEW_STORE_OK;
}

#define ROWS 5

/* The value of a key. */
static uint64_t
value_of(uint64_t key)
{
	return key * 77 + 5;
}

/* Reads in the write transaction, which asks LMDB; true when all is well. */
static bool
read_own(TviewTxn *txn, Outcome *outcome)
{
	uint64_t wanted = TVIEW_KEY_OF(2);
	TviewCursor *cursor;
	TviewValue key;
	TviewValue value;
	TviewStoreStatus status;
	int n = 0;

	status = tview_get(txn, TVIEW_DB_ROWS, 7, &wanted, sizeof(wanted), &value);
	if (!step(outcome, status))
		return false;
	if (value.size != sizeof(uint64_t) ||
		*(const uint64_t *) value.data != value_of(2))
		outcome->wrong = true;
	if (!step(outcome, tview_cursor_open(txn, TVIEW_DB_ROWS, 7, &cursor)))
		return false;
	status = tview_cursor_move(cursor, TVIEW_SEEK_FIRST, &key, &value);
	for (; status == TVIEW_STORE_OK; n++)
		status = tview_cursor_move(cursor, TVIEW_SEEK_NEXT, &key, &value);
	tview_cursor_close(cursor);
	if (status != TVIEW_STORE_NOTFOUND)
		return step(outcome, status);
	if (n != ROWS)
		outcome->wrong = true;
	return true;
}

/* Puts rows of all kinds, changes and removes some. */
static void
write_rows(TviewStore *store, Outcome *outcome)
{
	TviewTxn *txn;
	bool good = true;

	if (!step(outcome, tview_write_begin(store, true, &txn)))
		return;
	good = step(outcome, tview_clear(txn, TVIEW_DB_ROWS, 7, false));
	for (uint64_t pk = 1; pk <= ROWS && good; pk++)
	{
		uint64_t key = TVIEW_KEY_OF(pk);
		uint64_t value = value_of(pk);
		char index[16] = {(char) pk};
		void *room;

		good = step(outcome,
					tview_put_append(txn, TVIEW_DB_ROWS, 7, &key, sizeof(key),
									 sizeof(value), &room));
		if (good)
			memcpy(room, &value, sizeof(value));
		good = good &&
			step(outcome,
				 tview_put(txn, TVIEW_DB_INDEX, 7, index, 16, NULL, 0)) &&
			step(outcome,
				 tview_put(txn, TVIEW_DB_META, 0, &pk, sizeof(pk), &value,
						   sizeof(value)));
	}
	if (good)
	{
		uint64_t last = ROWS;

		good = step(outcome,
					tview_del(txn, TVIEW_DB_META, 0, &last, sizeof(last)));
	}
	good = good && read_own(txn, outcome);
	if (good)
		(void) step(outcome, tview_write_commit(txn));
	else
		tview_write_abort(txn);
}

/* Reads them by key and by cursor. */
static void
read_rows(TviewStore *store, Outcome *outcome)
{
	TviewTxn *txn;
	TviewCursor *cursor;
	TviewValue key;
	TviewValue value;
	TviewStoreStatus status;
	uint64_t entries;
	uint64_t bytes;

	if (!step(outcome, tview_read_begin(store, &txn)))
		return;
	for (uint64_t pk = 1; pk <= ROWS; pk++)
	{
		uint64_t wanted = TVIEW_KEY_OF(pk);

		status = tview_get(txn, TVIEW_DB_ROWS, 7, &wanted, sizeof(wanted),
						   &value);
		if (step(outcome, status) &&
			(value.size != sizeof(uint64_t) ||
			 *(const uint64_t *) value.data != value_of(pk)))
			outcome->wrong = true;
	}
	if (step(outcome, tview_cursor_open(txn, TVIEW_DB_ROWS, 7, &cursor)))
	{
		int n = 0;

		status = tview_cursor_move(cursor, TVIEW_SEEK_FIRST, &key, &value);
		for (; status == TVIEW_STORE_OK; n++)
			status = tview_cursor_move(cursor, TVIEW_SEEK_NEXT, &key, &value);
		if (status != TVIEW_STORE_NOTFOUND)
			(void) step(outcome, status);
		else if (n != ROWS && outcome->done)
			outcome->wrong = true;
		tview_cursor_close(cursor);
	}
	if (step(outcome, tview_stat(txn, TVIEW_DB_ROWS, 7, &entries, &bytes)) &&
		entries != ROWS && outcome->done)
		outcome->wrong = true;
	tview_read_end(txn);
}

/* Appends marks, reads and trims them. */
static void
use_log(TviewStore *store, Outcome *outcome)
{
	TviewMark marks[3] = {{.tag = 1}, {.tag = 2}, {.tag = 3}};
	TviewMark out[3];
	uint64_t from = tview_log_tail(store);

	if (step(outcome, tview_log_append(store, marks, 3)) &&
		step(outcome, tview_log_read(store, from, 3, out)) &&
		(out[0].tag != 1 || out[2].tag != 3))
		outcome->wrong = true;
	if (step(outcome, tview_log_trylock_settle(store)))
	{
		(void) step(outcome, tview_log_trim(store, from + 2, marks, 1));
		tview_log_unlock_settle(store);
	}
}

/* Opens the store, uses it, and closes it. */
static Outcome
use(const char *path, bool sync)
{
	Outcome outcome = {.done = true};
	TviewStoreConfig config = tap_config;
	TviewStore *store;
	TviewStoreStat stat;
	uint64_t epoch;

	config.sync = sync;
	if (!step(&outcome, tview_store_attach(path, &tap_identity, &store)))
		return outcome;
	if (step(&outcome, tap_enter(store, &config, &epoch)))
	{
		write_rows(store, &outcome);
		read_rows(store, &outcome);
		write_rows(store, &outcome);
		read_rows(store, &outcome);
		use_log(store, &outcome);
		config.map_size *= 2;
		if (step(&outcome, tview_store_enter(store, &config, &epoch)))
			read_rows(store, &outcome);
		(void) step(&outcome, tview_store_stat(store, &stat));
		tview_store_reset(store, "a test");
		if (step(&outcome, tap_enter(store, &config, &epoch)))
			write_rows(store, &outcome);
	}
	tview_store_detach(store);
	return outcome;
}

/* Has one function fail, once or from then on, at each of its passages. */
static void
test_function(const char *name, int error, bool sync, bool keeps_on)
{
	int passage = 0;
	int failed = 0;
	int files = count_files();
	bool wrong = false;
	bool recovers = true;
	bool reached;

	do
	{
		char directory[64];
		const char *path;
		Outcome outcome;

		snprintf(directory, sizeof(directory), "%s.%d.%d%d%d", name, error,
				 sync, keeps_on, ++passage);
		path = tap_path(directory);
		faulty = name;
		fault = error;
		countdown = passage;
		again = keeps_on;
		outcome = use(path, sync);
		reached = keeps_on ? countdown == 1 : countdown == 0;
		faulty = NULL;
		failed += !outcome.done;
		wrong = wrong || outcome.wrong;
		outcome = use(path, sync);
		/* what a failure has reset may need a second start */
		if (!outcome.done)
			outcome = use(path, sync);
		recovers = recovers && outcome.done && !outcome.wrong;
		(void) tview_store_remove(path);
	} while (reached && passage < (keeps_on ? 3 : 200));
	tap_ok(!wrong && recovers && count_files() == files && passage > 1,
		   "%s fails %s with %d%s: %d passages, %d uses noticed", name,
		   keeps_on ? "for good" : "once", error, sync ? ", sync" : "",
		   passage - 1, failed);
	if (wrong || !recovers || count_files() != files)
		tap_note("wrong %d, recovers %d, files %d and %d", wrong, recovers,
				 files, count_files());
}

int
main(void)
{
	static const struct
	{
		const char *name;
		int error;
		bool sync;
	} cases[] = {{"open", EMFILE, false},
				 {"open", EACCES, false},
				 {"posix_fallocate", ENOSPC, false},
				 {"posix_fallocate", EOPNOTSUPP, false},
				 {"mmap", ENOMEM, false},
				 {"calloc", ENOMEM, false},
				 {"malloc", ENOMEM, false},
				 {"realloc", ENOMEM, false},
				 {"fstat", EIO, false},
				 {"mkdir", EROFS, false},
				 {"rename", EIO, false},
				 {"msync", EIO, true},
				 {"fsync", EIO, true},
				 {"mdb_env_create", ENOMEM, false},
				 {"mdb_env_set_mapsize", EINVAL, false},
				 {"mdb_env_open", MDB_INVALID, false},
				 {"mdb_env_open", EAGAIN, false},
				 {"mdb_txn_begin", MDB_READERS_FULL, false},
				 {"mdb_txn_begin", MDB_PANIC, false},
				 {"mdb_txn_begin", MDB_MAP_RESIZED, false},
				 {"mdb_txn_renew", EINVAL, false},
				 {"mdb_txn_commit", ENOSPC, false},
				 {"mdb_txn_commit", EIO, true},
				 {"mdb_dbi_open", MDB_DBS_FULL, false},
				 {"mdb_get", MDB_PAGE_NOTFOUND, false},
				 {"mdb_put", MDB_MAP_FULL, false},
				 {"mdb_put", MDB_BAD_VALSIZE, false},
				 {"mdb_del", MDB_CORRUPTED, false},
				 {"mdb_drop", MDB_BAD_TXN, false},
				 {"mdb_stat", EINVAL, false},
				 {"mdb_cursor_open", ENOMEM, false},
				 {"mdb_cursor_get", MDB_CORRUPTED, false}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		test_function(cases[i].name, cases[i].error, cases[i].sync, false);
		/* a map that others have grown is not larger each time one looks */
		if (cases[i].error != MDB_MAP_RESIZED)
			test_function(cases[i].name, cases[i].error, cases[i].sync, true);
	}
	return tap_done();
}
