/*
 * Damage in data.mdb is found before it can have a consequence: a read is right
 * or says CORRUPT, a write does not make damage look whole, and a crash is the
 * last one.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files.h"

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
		status = files_put_row(txn, rel, which, 2);
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

/* ---- data.mdb ---- */

typedef struct Tally
{
	uint64_t whole;
	uint64_t found;
	uint64_t wrong;
	uint64_t crashed;
	uint64_t again; /* crashed, and would again */
} Tally;

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

	files_silence();
	store = files_attach(trial->files, &status);
	if (status == TVIEW_STORE_OK &&
		(trial->changed == 0 || change(store, trial->changed)))
		result = files_read(store, trial->changed);
	tview_store_detach(store);
	return result;
}

/* 1 when the store is used after a crash. */
static int
again_body(void *argument)
{
	const Trial *trial = argument;
	TviewStoreStatus status;
	TviewStore *store = files_attach(trial->files, &status);
	int result = tview_store_epoch(store) != 0;

	tview_store_detach(store);
	return result;
}

static void
run_trial(const Files *files, uint64_t changed, Tally *tally)
{
	Trial trial = {files, changed};
	int result = tap_wait(tap_fork(trial_body, &trial));

	tally->whole += result == 0;
	tally->found += result == 1;
	tally->wrong += result == 2 || result == 3;
	if (result > 3)
	{
		tally->crashed++;
		tally->again += tap_wait(tap_fork(again_body, &trial)) != 0;
	}
	files_restore(files);
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
		file_flip(&files->data, at);
		run_trial(files, 0, &reads);
		file_flip(&files->data, at);
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

		file_overwrite(&files->data, i * 4096, zeros, sizeof(zeros));
		run_trial(files, i % 2 * 5, &tally);
		file_overwrite(&files->data, i * 4096, files->data.bytes + other * 4096,
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
			file_flip(&files->data, (page * 4096 + at) * 8 + tap_random() % 16);
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
		file_flip(&files->sums, at * 8 + tap_random() % 8);
		/* a commit that seems to be without sums is waited for, two seconds */
		if (at < 32 || at >= 40)
			run_trial(files, at % 2 * 3, &tally);
		files_restore(files);
	}
	for (size_t at = 4096; at < 4096 + 4 * files->data.size / 4096; at += 4)
	{
		file_flip(&files->sums, at * 8 + tap_random() % 32);
		run_trial(files, at % 8 == 0 ? 3 : 0, &tally);
	}
	report("bits of the sums", &tally);
}

/* Changes a row again and again, so that most pages have another state. */
static int
change_body(void *argument)
{
	TviewStoreStatus status;
	TviewStore *store = files_attach(argument, &status);
	bool changed = status == TVIEW_STORE_OK;

	for (uint64_t i = 1; i < 40 && changed; i++)
		changed = change(store, 5);
	tview_store_detach(store);
	return changed ? 0 : 1;
}

/* An old state of a page, with its own sum once, is not taken for the new. */
static void
test_old_page(Files *files)
{
	Files newer = *files;
	Tally tally = {0};
	size_t changed = 0;

	if (tap_wait(tap_fork(change_body, files)) != 0)
		tap_bail("change");
	file_load(&newer.data, files->data.path);
	file_load(&newer.sums, files->sums.path);
	file_load(&newer.marks, files->marks.path);
	file_load(&newer.control, files->control.path);
	for (size_t i = 2; i < files->data.size / 4096; i++)
	{
		if (memcmp(files->data.bytes + i * 4096, newer.data.bytes + i * 4096,
				   4096) == 0)
			continue;
		changed++;
		file_overwrite(&newer.data, i * 4096, files->data.bytes + i * 4096,
					   4096);
		run_trial(&newer, 5, &tally);
	}
	tap_ok(changed > 5, "%zu pages have another state", changed);
	report("old states of pages", &tally);
	files_free(&newer);
	files_restore(files);
}

/* Changes something, as a writer does that dies before it sums its pages. */
static void
change_unsummed(TviewStore *store)
{
	TviewPages *pages = store->pages;
	uint64_t *sums = calloc(pages->count, sizeof(uint64_t));
	uint64_t txn = atomic_load(&pages->sums->txn);

	if (sums == NULL)
		tap_bail("calloc");
	for (uint64_t i = 0; i < pages->count; i++)
		sums[i] = atomic_load(&pages->sum[i]);
	if (!change(store, 5) || atomic_load(&pages->sums->txn) != txn + 1)
		tap_bail("change");
	for (uint64_t i = 0; i < pages->count; i++)
		atomic_store(&pages->sum[i], sums[i]);
	atomic_store(&pages->sums->txn, txn);
	files_distrust();
	memset(pages->known, 0, sizeof(pages->known));
	store->read.roots.valid = false;
	free(sums);
}

/* What was found right: a bit for each. */
#define SUMMED_BY_WRITER 1
#define SUMMED_BY_READER 2
#define NOT_RESET 4

static int
unsummed_body(void *argument)
{
	const Files *files = argument;
	TviewStoreStatus status;
	TviewStore *store = files_attach(files, &status);
	TviewSums *sums = store->pages->sums;
	uint64_t txn = atomic_load(&sums->txn);
	int right = 0;

	change_unsummed(store);
	if (change(store, 5) && atomic_load(&sums->txn) == txn + 2 &&
		files_read(store, 5) == 0)
		right |= SUMMED_BY_WRITER;
	change_unsummed(store);
	if (files_read(store, 5) == 0 && atomic_load(&sums->txn) == txn + 3)
		right |= SUMMED_BY_READER;
	if (tview_store_epoch(store) != 0)
		right |= NOT_RESET;
	tview_store_detach(store);
	return right;
}

/*
 * A writer that dies before its pages are summed is replaced.  In a process of
 * its own: the one that forks the others does not open files which it puts
 * back then.
 */
static void
test_unsummed(Files *files)
{
	int right = tap_wait(tap_fork(unsummed_body, files));

	if (right > (SUMMED_BY_WRITER | SUMMED_BY_READER | NOT_RESET))
		right = 0; /* it has crashed */
	tap_ok(right & SUMMED_BY_WRITER,
		   "a commit without sums is summed by the next writer");
	tap_ok(right & SUMMED_BY_READER, "... or by a reader");
	tap_ok(right & NOT_RESET, "... and nothing is reset");
	files_restore(files);
}

/* Reads all as a process of the server that began then. */
typedef struct Visit
{
	const Files *files;
	uint64_t start;
	unsigned seconds;
} Visit;

static int
visit_body(void *argument)
{
	const Visit *visit = argument;
	TviewStoreStatus status;
	TviewStore *store = files_attach(visit->files, &status);
	int result;

	tview_store_trust(visit->start, visit->seconds);
	result = status == TVIEW_STORE_OK ? files_read(store, 0) : 1;
	tview_store_detach(store);
	return result;
}

static int
visit(const Files *files, uint64_t start, unsigned seconds)
{
	Visit it = {files, start, seconds};

	return tap_wait(tap_fork(visit_body, &it));
}

/* Flips a bit that means nothing in each page of a tree that has such a one. */
static int
damage_gaps(const Files *files)
{
	int damaged = 0;

	for (size_t at = (size_t) 2 * 4096; at < files->data.size; at += 4096)
	{
		const TviewPage *page =
			(const void *) (files->data.bytes + at);

		if ((page->flags & (TVIEW_PAGE_BRANCH | TVIEW_PAGE_LEAF)) == 0 ||
			page->upper <= page->lower)
			continue;
		file_flip(&files->data, (at + page->lower) * 8);
		damaged++;
	}
	return damaged;
}

/* What a process has verified is good for others, and for how long. */
static void
test_trust(const Files *files)
{
	const unsigned hours = 1000000;

	tap_ok(visit(files, 1, hours) == 0 && damage_gaps(files) > 10 &&
			   visit(files, 1, hours) == 0,
		   "pages that one process has verified are good for another");
	tap_ok(visit(files, 2, hours) == 1,
		   "... not after the next start of the server");
	files_restore(files);
	tap_ok(visit(files, 1, hours) == 0 && damage_gaps(files) > 10 &&
			   visit(files, 1, 0) == 1,
		   "... not for one that trusts nobody");
	files_restore(files);
	tap_ok(visit(files, 1, 1) == 0 && damage_gaps(files) > 10,
		   "a period of a second");
	sleep(2);
	tap_ok(visit(files, 1, 1) == 1, "... ends");
	files_restore(files);
}

int
main(void)
{
	Files files;

	files_config = tap_config;
	files_config.map_size = 4 << 20;
	tap_seed(4711);
	files_load(&files, tap_path("store"));
	tap_note("%zu pages", files.data.size / 4096);
	test_data_bits(&files);
	test_data_pages(&files);
	test_meta_bits(&files);
	test_sums(&files);
	test_old_page(&files);
	test_unsummed(&files);
	test_trust(&files);
	files_free(&files);
	return tap_done();
}
