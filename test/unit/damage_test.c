/*
 * Damage in the store's files is found before it can have a consequence: a read
 * is right or says CORRUPT, a write does not make damage look whole, and a
 * crash is the last one.
 */
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/checksum.h"
#include "store/store_private.h"
#include "tap.h"

#define ROWS 900
#define LONG_EVERY 100 /* such a row has pages of its own */
#define DATABASES 4
#define MARKS 40

static TviewStoreConfig config;

/* ---- checksums ---- */

static void
test_checksum(void)
{
	unsigned char data[700];
	uint64_t missed = 0;
	uint64_t number;

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (unsigned char) tap_random();
	for (size_t size = 1; size < sizeof(data); size += 1 + size / 8)
	{
		uint32_t sum = tview_checksum(7, data, size);

		missed += tview_checksum(8, data, size) == sum;
		missed += tview_checksum(7, data, size - 1) == sum;
		for (size_t bit = 0; bit < size * 8; bit++)
		{
			data[bit / 8] ^= (unsigned char) (1 << bit % 8);
			missed += tview_checksum(7, data, size) == sum;
			data[bit / 8] ^= (unsigned char) (1 << bit % 8);
		}
	}
	tap_is(missed, 0, "a checksum knows every bit, the size and the seed");
	missed = 0;
	for (uint64_t n = 0; n < UINT64_C(1) << 47; n = n * 3 + 1)
		for (int bit = 0; bit < 64; bit++)
			missed += tview_checksum_open(
				tview_checksum_seal(n) ^ UINT64_C(1) << bit, &number);
	tap_is(missed, 0, "a sealed number knows every bit");
	tap_ok(tview_checksum_open(tview_checksum_seal(123456), &number) &&
			   number == 123456 &&
			   tview_checksum_open(tview_checksum_seal(UINT64_MAX), &number) &&
			   number == UINT64_MAX,
		   "... and opens");
}

/* ---- a store with known contents ---- */

static uint32_t
size_of(uint64_t i, uint64_t version)
{
	return i % LONG_EVERY == 0 ? 9000 : 40 + 8 * (uint32_t) ((i + version) % 9);
}

static void
fill(void *room, uint64_t i, uint64_t version)
{
	memset(room, (int) (i * 7 + version), size_of(i, version));
}

static bool
is_filled(const TviewValue *value, uint64_t i, uint64_t version)
{
	const unsigned char *bytes = value->data;

	if (value->size != size_of(i, version))
		return false;
	for (size_t k = 0; k < value->size; k++)
		if (bytes[k] != (unsigned char) (i * 7 + version))
			return false;
	return true;
}

static TviewStoreStatus
put_row(TviewTxn *txn, uint32_t rel, uint64_t i, uint64_t version)
{
	uint64_t index[2] = {__builtin_bswap64(i * 31), __builtin_bswap64(i)};
	uint64_t key = i;
	void *room;
	TviewStoreStatus status = tview_put_reserve(
		txn, TVIEW_DB_ROWS, rel, &key, 8, size_of(i, version), &room);

	if (status == TVIEW_STORE_OK)
	{
		fill(room, i, version);
		status = tview_put(txn, TVIEW_DB_INDEX, rel, index, 16, NULL, 0);
	}
	return status;
}

static TviewStore *
make_store(const char *path)
{
	TviewStore *store = tap_store(path, &config);
	TviewMark marks[MARKS];
	TviewTxn *txn;

	/* twice: the second time makes pages free */
	for (int round = 0; round < 2; round++)
		for (uint32_t rel = 1; rel <= DATABASES; rel++)
		{
			if (tview_write_begin(store, true, &txn) != TVIEW_STORE_OK)
				tap_bail("write_begin");
			for (uint64_t i = 0; i < ROWS; i++)
				if (put_row(txn, rel, i, 1) != TVIEW_STORE_OK)
					tap_bail("put");
			if (tview_write_commit(txn) != TVIEW_STORE_OK)
				tap_bail("commit");
		}
	memset(marks, 0, sizeof(marks));
	for (uint64_t i = 0; i < MARKS; i++)
		marks[i].tag = i * 1000;
	if (tview_log_append(store, marks, MARKS) != TVIEW_STORE_OK)
		tap_bail("append");
	return store;
}

/*
 * 0: all is as it should be; 1: damage was found; 2: something is wrong.
 * The row "changed" has version 2, if not 0.
 */
static int
read_all(TviewStore *store, uint64_t changed)
{
	TviewTxn *txn;
	TviewCursor *cursor;
	TviewValue key;
	TviewValue value;
	int result = 0;

	if (tview_read_begin(store, &txn) != TVIEW_STORE_OK)
		return 1;
	for (uint32_t rel = 1; rel <= DATABASES && result == 0; rel++)
	{
		for (uint64_t i = 0; i < ROWS && result == 0; i++)
		{
			TviewStoreStatus status =
				tview_get(txn, TVIEW_DB_ROWS, rel, &i, 8, &value);

			if (status == TVIEW_STORE_CORRUPT)
				result = 1;
			else if (status != TVIEW_STORE_OK ||
					 !is_filled(&value, i, changed != 0 && i == changed ? 2 : 1))
				result = 2;
		}
		for (int kind = TVIEW_DB_ROWS; kind <= TVIEW_DB_INDEX; kind++)
		{
			TviewStoreStatus status =
				tview_cursor_open(txn, (TviewDbKind) kind, rel, &cursor);
			uint64_t n = 0;

			if (status == TVIEW_STORE_OK)
			{
				while ((status = tview_cursor_move(cursor, TVIEW_SEEK_NEXT,
												   &key, &value)) ==
					   TVIEW_STORE_OK)
					n++;
				tview_cursor_close(cursor);
			}
			if (status == TVIEW_STORE_CORRUPT)
				result = result == 0 ? 1 : result;
			else if (n != ROWS)
				result = 2;
		}
	}
	tview_read_end(txn);
	return result;
}

/* Changes things; false when the store knows that it has not. */
static bool
change(TviewStore *store, uint64_t which)
{
	TviewTxn *txn;
	TviewCursor *cursor;
	TviewValue key;
	TviewValue value;
	TviewStoreStatus status = tview_write_begin(store, true, &txn);

	if (status != TVIEW_STORE_OK)
		return false;
	for (uint32_t rel = 1; rel <= DATABASES && status == TVIEW_STORE_OK; rel++)
	{
		status = put_row(txn, rel, which, 2);
		if (status == TVIEW_STORE_OK)
			status = tview_cursor_open(txn, TVIEW_DB_INDEX, rel, &cursor);
		if (status == TVIEW_STORE_OK)
		{
			uint64_t n = 0;

			while ((status = tview_cursor_move(cursor, TVIEW_SEEK_NEXT, &key,
											   &value)) == TVIEW_STORE_OK)
				n++;
			tview_cursor_close(cursor);
			if (status == TVIEW_STORE_NOTFOUND)
				status = TVIEW_STORE_OK;
			/* the settler would leave rows as they are */
			if (status == TVIEW_STORE_OK && n != ROWS)
				_exit(3);
		}
	}
	if (status == TVIEW_STORE_OK)
		return tview_write_commit(txn) == TVIEW_STORE_OK;
	tview_write_abort(txn);
	return false;
}

/* ---- files that are changed and put back ---- */

typedef struct File
{
	char path[PATH_MAX];
	unsigned char *bytes;
	size_t size;
} File;

static void
load(File *file, const char *path)
{
	struct stat status;
	int fd = open(path, O_RDONLY);

	snprintf(file->path, sizeof(file->path), "%s", path);
	if (fd < 0 || fstat(fd, &status) != 0)
		tap_bail("open %s", path);
	file->size = (size_t) status.st_size;
	file->bytes = malloc(file->size);
	if (file->bytes == NULL ||
		read(fd, file->bytes, file->size) != (ssize_t) file->size)
		tap_bail("read %s", path);
	close(fd);
}

static void
overwrite(const File *file, size_t at, const void *bytes, size_t n)
{
	int fd = open(file->path, O_WRONLY);

	if (fd < 0 || pwrite(fd, bytes, n, (off_t) at) != (ssize_t) n)
		tap_bail("write %s", file->path);
	close(fd);
}

static void
restore(const File *file)
{
	overwrite(file, 0, file->bytes, file->size);
	if (truncate(file->path, (off_t) file->size) != 0)
		tap_bail("truncate %s", file->path);
}

static void
flip(const File *file, size_t bit)
{
	unsigned char byte = file->bytes[bit / 8] ^ (unsigned char) (1 << bit % 8);

	overwrite(file, bit / 8, &byte, 1);
}

/* The files of the one store that the tests below damage. */
typedef struct Files
{
	char path[PATH_MAX];
	char epoch[PATH_MAX];
	File control;
	File data;
	File sums;
	File marks;
} Files;

static void
load_files(Files *files, const char *path)
{
	TviewStore *store = make_store(path);
	char name[2 * PATH_MAX];

	snprintf(files->path, sizeof(files->path), "%s", path);
	tview_epoch_path(store, store->entered, NULL, files->epoch);
	tview_store_detach(store);
	snprintf(name, sizeof(name), "%s/control", path);
	load(&files->control, name);
	snprintf(name, sizeof(name), "%s/data.mdb", files->epoch);
	load(&files->data, name);
	snprintf(name, sizeof(name), "%s/sums", files->epoch);
	load(&files->sums, name);
	snprintf(name, sizeof(name), "%s/marks", files->epoch);
	load(&files->marks, name);
}

static void
restore_files(const Files *files)
{
	restore(&files->control);
	restore(&files->data);
	restore(&files->sums);
	restore(&files->marks);
}

static void
free_files(Files *files)
{
	free(files->control.bytes);
	free(files->data.bytes);
	free(files->sums.bytes);
	free(files->marks.bytes);
}

static TviewStore *
attach(const Files *files, TviewStoreStatus *status)
{
	TviewStore *store;
	uint64_t epoch;

	if (tview_store_attach(files->path, &tap_identity, &store) !=
		TVIEW_STORE_OK)
		tap_bail("attach");
	*status = tview_store_enter(store, NULL, &epoch);
	return store;
}

/* ---- data.mdb ---- */

typedef struct Tally
{
	uint64_t whole;
	uint64_t found;
	uint64_t wrong;
	uint64_t crashed;
	uint64_t again; /* crashed, and would again */
} Tally;

/* The sanitizer need not report the crash. */
static void
silence(void)
{
	int fd = open("/dev/null", O_WRONLY);

	if (fd < 0 || dup2(fd, STDERR_FILENO) < 0)
		_exit(50);
}

/* What a child makes of the store; it changes row "changed" if not 0. */
typedef struct Trial
{
	const Files *files;
	uint64_t changed;
} Trial;

static int
trial_body(void *argument)
{
	const Trial *trial = argument;
	TviewStoreStatus status;
	TviewStore *store;
	int result = 1;

	silence();
	store = attach(trial->files, &status);
	if (status == TVIEW_STORE_OK &&
		(trial->changed == 0 || change(store, trial->changed)))
		result = read_all(store, trial->changed);
	tview_store_detach(store);
	return result;
}

static void
run_trial(const Files *files, uint64_t changed, Tally *tally)
{
	Trial trial = {files, changed};
	int result = tap_wait(tap_fork(trial_body, &trial));
	TviewStoreStatus status;

	tally->whole += result == 0;
	tally->found += result == 1;
	tally->wrong += result == 2 || result == 3;
	if (result > 3)
	{
		TviewStore *store = attach(files, &status);

		tally->crashed++;
		tally->again += tview_store_epoch(store) != 0;
		tview_store_detach(store);
	}
	restore_files(files);
}

static void
report(const char *what, const Tally *tally)
{
	tap_ok(tally->wrong == 0 && tally->again == 0,
		   "%s: nothing is wrong, a crash is the last", what);
	tap_note("%llu without consequence, %llu found, %llu wrong, %llu crashes",
			 (unsigned long long) tally->whole,
			 (unsigned long long) tally->found,
			 (unsigned long long) tally->wrong,
			 (unsigned long long) tally->crashed);
}

/* Single bits all over the file, but the meta pages. */
static void
test_data_bits(const Files *files)
{
	Tally reads = {0};
	Tally writes = {0};
	size_t begin = 2 * 4096 * 8;
	size_t bits = files->data.size * 8 - begin;

	for (int i = 0; i < 250; i++)
	{
		size_t at = begin + tap_random() % bits;

		/* every other one in a page's header or offsets */
		if (i % 2 == 0)
			at = at / 32768 * 32768 + at % (64 * 8);
		flip(&files->data, at);
		run_trial(files, 0, &reads);
		flip(&files->data, at);
		run_trial(files, 1 + (uint64_t) i % (ROWS - 1), &writes);
	}
	report("bits of data.mdb, reading", &reads);
	tap_ok(reads.crashed == 0 && reads.found > 0, "... without any crash");
	report("bits of data.mdb, writing", &writes);
	tap_ok(writes.found > 0, "... and damage was met");
}

/* Pages that were lost, zeroed, or stand in each other's place. */
static void
test_data_pages(const Files *files)
{
	Tally tally = {0};
	unsigned char zeros[4096] = {0};
	size_t pages = files->data.size / 4096;

	for (size_t i = 2; i < pages; i += 1 + pages / 60)
	{
		size_t other = 2 + tap_random() % (pages - 2);

		overwrite(&files->data, i * 4096, zeros, sizeof(zeros));
		run_trial(files, i % 2 * 5, &tally);
		overwrite(&files->data, i * 4096, files->data.bytes + other * 4096,
				  4096);
		run_trial(files, i % 2 * 7, &tally);
	}
	report("pages of data.mdb", &tally);
}

/* Two meta pages: trees that begin elsewhere. */
static void
test_meta_bits(const Files *files)
{
	Tally tally = {0};

	for (size_t page = 0; page < 2; page++)
		for (size_t at = 16 + 24; at < 16 + 24 + 104; at += 8)
		{
			flip(&files->data, (page * 4096 + at) * 8 + tap_random() % 16);
			run_trial(files, at % 16 == 0 ? 9 : 0, &tally);
		}
	report("bits of the meta pages", &tally);
}

static void
test_sums(const Files *files)
{
	Tally tally = {0};

	for (size_t at = 0; at < 64; at++)
	{
		flip(&files->sums, at * 8 + tap_random() % 8);
		/* a commit that seems to be without sums is waited for, two seconds */
		if (at < 32 || at >= 40)
			run_trial(files, at % 2 * 3, &tally);
		restore_files(files);
	}
	for (size_t at = 4096; at < 4096 + 4 * files->data.size / 4096; at += 4)
	{
		flip(&files->sums, at * 8 + tap_random() % 32);
		run_trial(files, at % 8 == 0 ? 3 : 0, &tally);
	}
	report("bits of the sums", &tally);
}

/* An old state of a page, with its own sum once, is not taken for the new. */
static void
test_old_page(const Files *files)
{
	TviewStoreStatus status;
	TviewStore *store = attach(files, &status);
	Files newer = *files;
	Tally tally = {0};
	size_t changed = 0;

	for (uint64_t i = 1; i < 40; i++)
		if (!change(store, 5))
			tap_bail("change");
	tview_store_detach(store);
	load(&newer.data, files->data.path);
	load(&newer.sums, files->sums.path);
	load(&newer.marks, files->marks.path);
	load(&newer.control, files->control.path);
	for (size_t i = 2; i < files->data.size / 4096; i++)
	{
		if (memcmp(files->data.bytes + i * 4096, newer.data.bytes + i * 4096,
				   4096) == 0)
			continue;
		changed++;
		overwrite(&newer.data, i * 4096, files->data.bytes + i * 4096, 4096);
		run_trial(&newer, 5, &tally);
	}
	tap_ok(changed > 5, "%zu pages have another state", changed);
	report("old states of pages", &tally);
	free_files(&newer);
	restore_files(files);
}

/* A writer that dies before its pages are summed is replaced. */
static void
test_unsummed(const Files *files)
{
	TviewStoreStatus status;
	TviewStore *store = attach(files, &status);
	TviewSums *sums = store->pages->sums;
	uint64_t txn;

	if (!change(store, 5))
		tap_bail("change");
	txn = atomic_load(&sums->txn);
	atomic_store(&sums->txn, txn - 1);
	tap_ok(change(store, 5) && atomic_load(&sums->txn) == txn + 1,
		   "a commit without sums is summed by the next writer");
	atomic_store(&sums->txn, txn);
	store->read.roots.valid = false;
	tap_is((uint64_t) read_all(store, 5), 0, "... or by a reader");
	tview_store_detach(store);
	restore_files(files);
}

/* ---- marks ---- */

static void
test_mark_bits(const Files *files)
{
	uint64_t missed = 0;
	size_t marks = TVIEW_RING_HEADER;
	size_t sums = files->marks.size - 1024 * 4;

	for (int i = 0; i < 200; i++)
	{
		TviewStoreStatus status;
		TviewStore *store = attach(files, &status);
		TviewMark out[MARKS];
		size_t at = i % 4 == 0 ? sums * 8 + tap_random() % (MARKS * 32)
							   : marks * 8 + tap_random() % (MARKS * 256);

		flip(&files->marks, at);
		missed += tview_log_read(store, 0, MARKS, out) != TVIEW_STORE_CORRUPT ||
			tview_store_epoch(store) != 0;
		tview_store_detach(store);
		restore_files(files);
	}
	tap_is(missed, 0, "no bit of a mark can change unnoticed");
}

/* The words of the ring's header that readers and writers act upon. */
static void
test_ring_words(const Files *files)
{
	static const struct
	{
		const char *name;
		size_t at;
	} words[] = {
		{"head", offsetof(TviewRing, head)},
		{"tail", offsetof(TviewRing, tail)},
		{"floor", offsetof(TviewRing, floor)},
		{"map_size", offsetof(TviewRing, map_size)},
	};

	for (size_t w = 0; w < sizeof(words) / sizeof(words[0]); w++)
	{
		uint64_t missed = 0;

		for (size_t bit = 0; bit < 64; bit++)
		{
			TviewStoreStatus status;
			TviewStore *store = attach(files, &status);
			uint64_t epoch;

			tview_store_set_floor(store, 77);
			flip(&files->marks, words[w].at * 8 + bit);
			(void) tview_log_head(store);
			(void) tview_log_tail(store);
			if (w == 2)
			{
				uint64_t damaged = tview_checksum_seal(77) ^ UINT64_C(1) << bit;

				overwrite(&files->marks, words[w].at, &damaged, 8);
			}
			(void) tview_store_floor(store);
			(void) tview_store_enter(store, &config, &epoch);
			missed += tview_store_epoch(store) != 0;
			tview_store_detach(store);
			restore_files(files);
		}
		tap_is(missed, 0, words[w].name);
	}
}

/* What is fixed is looked at by whoever opens the file. */
static void
test_ring_header(const Files *files)
{
	uint64_t missed = 0;

	for (size_t at = 0; at < offsetof(TviewRing, map_size); at++)
	{
		TviewStoreStatus status;
		TviewStore *store;

		flip(&files->marks, at * 8 + tap_random() % 8);
		store = attach(files, &status);
		/* padding and the end of the boot id's text are covered, too */
		missed += status != TVIEW_STORE_CORRUPT &&
			at < offsetof(TviewRing, sum) + sizeof(uint32_t);
		tview_store_detach(store);
		restore_files(files);
	}
	tap_is(missed, 0, "no bit of the ring's fixed header can change unnoticed");
}

/* ---- crashes ---- */

typedef enum Crash
{
	CRASH_DATA,
	CRASH_RING,
	CRASH_MAP,
	CRASH_CONTROL,
	CRASH_ELSEWHERE,
	CRASH_SENT
} Crash;

typedef struct CrashTrial
{
	const Files *files;
	Crash crash;
} CrashTrial;

#define EXIT_BUS 7
#define EXIT_SANITIZER 99

/* What handled SIGBUS before the store did; SIGSEGV is the sanitizer's. */
static void
leave(int number)
{
	_exit(EXIT_BUS);
}

extern const char *__asan_default_options(void);

const char *
__asan_default_options(void)
{
	return "exitcode=99";
}

static int
crash_body(void *argument)
{
	const CrashTrial *trial = argument;
	const Files *files = trial->files;
	const volatile char *page;
	TviewStoreStatus status;
	TviewStore *store;
	union
	{
		const char *constant;
		void *address;
	} map;

	silence();
	store = attach(files, &status);
	switch (trial->crash)
	{
		case CRASH_DATA:
			if (truncate(files->data.path, 4096) != 0)
				return 50;
			break;
		case CRASH_RING:
			if (truncate(files->marks.path, 0) != 0)
				return 50;
			break;
		case CRASH_MAP:
			map.constant = store->pages->map;
			mprotect(map.address, store->pages->map_size, PROT_NONE);
			break;
		case CRASH_CONTROL:
			if (truncate(files->control.path, 0) != 0)
				return 50;
			break;
		case CRASH_ELSEWHERE:
			page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
						0);
			return page[0];
		case CRASH_SENT:
			raise(SIGSEGV);
			return 51;
	}
	(void) tview_log_tail(store);
	return read_all(store, 0);
}

static void
test_crash(const Files *files, Crash crash, bool resets, const char *what)
{
	CrashTrial trial = {files, crash};
	int result = tap_wait(tap_fork(crash_body, &trial));
	struct stat status;
	bool reset;

	if (crash == CRASH_CONTROL)
		reset = stat(files->control.path, &status) != 0;
	else
	{
		TviewControl control;
		int fd = open(files->control.path, O_RDONLY);

		reset = read(fd, &control, sizeof(control)) ==
				(ssize_t) sizeof(control) &&
			atomic_load(&control.epoch) == 0;
		close(fd);
	}
	if (!tap_ok((result == EXIT_BUS || result == EXIT_SANITIZER) &&
					(result == EXIT_BUS) ==
						(crash == CRASH_DATA || crash == CRASH_RING ||
						 crash == CRASH_CONTROL) &&
					reset == resets,
				"%s, and then the former handler", what))
		tap_note("result %d, reset %d", result, reset);
	if (crash != CRASH_CONTROL)
		restore_files(files);
}

int
main(void)
{
	Files files;

	config = tap_config;
	config.map_size = 4 << 20;
	tap_seed(4711);
	signal(SIGBUS, leave);
	test_checksum();
	load_files(&files, tap_path("store"));
	tap_note("%zu pages", files.data.size / 4096);
	test_data_bits(&files);
	test_data_pages(&files);
	test_meta_bits(&files);
	test_sums(&files);
	test_old_page(&files);
	test_unsummed(&files);
	test_mark_bits(&files);
	test_ring_words(&files);
	test_ring_header(&files);
	test_crash(&files, CRASH_DATA, true, "data.mdb truncated: reset");
	test_crash(&files, CRASH_RING, true, "marks truncated: reset");
	test_crash(&files, CRASH_MAP, true, "SIGSEGV in a map: reset");
	test_crash(&files, CRASH_ELSEWHERE, false,
			   "SIGSEGV elsewhere: none of the store's business");
	test_crash(&files, CRASH_SENT, false, "SIGSEGV sent by somebody: likewise");
	test_crash(&files, CRASH_CONTROL, true,
			   "control truncated: its name is gone");
	free_files(&files);
	return tap_done();
}
