/*
 * Damage in the mark log is found by whoever reads it, and a process that
 * crashes in the store's files ends the epoch.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files.h"
#include "store/checksum.h"

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
		TviewStore *store = files_attach(files, &status);
		TviewMark out[MARKS];
		size_t at = i % 4 == 0 ? sums * 8 + tap_random() % (MARKS * 32)
							   : marks * 8 + tap_random() % (MARKS * 256);

		file_flip(&files->marks, at);
		missed += tview_log_read(store, 0, MARKS, out) != TVIEW_STORE_CORRUPT ||
			tview_store_epoch(store) != 0;
		tview_store_detach(store);
		files_restore(files);
	}
	tap_is(missed, 0, "no bit of a mark can change unnoticed");
}

/* Reads the words that readers act upon. */
static void
read_words(TviewStore *store)
{
	uint64_t epoch;

	(void) tview_log_head(store);
	(void) tview_log_tail(store);
	(void) tview_store_floor(store);
	(void) tview_store_enter(store, &files_config, &epoch);
}

/*
 * The words of the ring's header that readers and writers act upon, damaged
 * after they were right: a bit of them, or all (bit 64), or all before anyone
 * has seen them (bit 65).
 */
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

		for (size_t bit = 0; bit <= 65; bit++)
		{
			TviewStoreStatus status;
			TviewStore *store = files_attach(files, &status);
			uint64_t zero = 0;

			tview_store_set_floor(store, 77);
			if (bit <= 64)
				read_words(store);
			if (bit < 64)
				file_flip(&files->marks, words[w].at * 8 + bit);
			else
				file_overwrite(&files->marks, words[w].at, &zero, 8);
			(void) tview_log_head(store);
			(void) tview_log_tail(store);
			if (w == 2 && bit < 64)
			{
				uint64_t damaged = tview_checksum_seal(77) ^ UINT64_C(1) << bit;

				file_overwrite(&files->marks, words[w].at, &damaged, 8);
			}
			read_words(store);
			missed += tview_store_epoch(store) != 0;
			tview_store_detach(store);
			files_restore(files);
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

		file_flip(&files->marks, at * 8 + tap_random() % 8);
		store = files_attach(files, &status);
		/* padding and the end of the boot id's text are covered, too */
		missed += status != TVIEW_STORE_CORRUPT &&
			at < offsetof(TviewRing, sum) + sizeof(uint32_t);
		tview_store_detach(store);
		files_restore(files);
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

	files_silence();
	store = files_attach(files, &status);
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
	return files_read(store, 0);
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
		files_restore(files);
}

int
main(void)
{
	Files files;

	files_config = tap_config;
	files_config.map_size = 4 << 20;
	tap_seed(4711);
	signal(SIGBUS, leave);
	test_checksum();
	files_load(&files, tap_path("store"));
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
	files_free(&files);
	return tap_done();
}
