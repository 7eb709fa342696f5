/*
 * Proves: with sync, what a power failure leaves of the mark log has every mark
 * that its header counts, at each moment, and all that an append has returned
 * for; and LMDB is told to flush its commits, too.
 *
 * The linker puts the msync below in the place of the system's.  It copies what
 * is flushed into an image of the disk.  The header may reach the disk at any
 * time by itself, so what it counts must be in the image already.
 */
#include <lmdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "store/store_private.h"
#include "tap.h"

static TviewStore *store;
static char *image; /* of the file: header, records and their checksums */
static size_t image_size;
static int flushes;
static int missing;	  /* records that were counted and not on disk */
static uint64_t tail; /* that is on disk */

/* Notes what the header counts, as it is in memory, and the image has not. */
static void
look_at_image(void)
{
	const char *ring = (const char *) store->ring;
	uint64_t end = tview_log_tail(store);

	for (uint64_t i = tview_log_head(store); i < end; i++)
	{
		uint64_t slot = i % store->capacity;
		size_t mark = TVIEW_RING_HEADER + slot * sizeof(TviewMark);
		size_t sum = (size_t) ((const char *) (store->sums + slot) - ring);

		missing += memcmp(image + mark, ring + mark, sizeof(TviewMark)) != 0;
		missing += memcmp(image + sum, ring + sum, sizeof(uint32_t)) != 0;
	}
}

extern int __real_msync(void *at, size_t size, int flags);
extern int __wrap_msync(void *at, size_t size, int flags);
int
__wrap_msync(void *at, size_t size, int flags)
{
	size_t begin = (size_t) ((char *) at - (char *) store->ring);

	if (image != NULL && begin < image_size)
	{
		look_at_image();
		if (size > image_size - begin)
			size = image_size - begin;
		memcpy(image + begin, at, size);
		flushes++;
		if (begin == 0)
			tail = tview_log_tail(store);
	}
	return __real_msync(at, size, flags);
}

/* Opens a store, and its image when it is one that flushes. */
static void
open_store(const char *name, bool sync)
{
	TviewStoreConfig config = tap_config;
	TviewStoreIdentity identity = tap_identity;
	uint64_t epoch;

	config.sync = sync;
	if (sync)
		identity.boot_id[0] = '\0';
	if (tview_store_attach(tap_path(name), &identity, &store) !=
			TVIEW_STORE_OK ||
		tap_enter(store, &config, &epoch) != TVIEW_STORE_OK)
		tap_bail("%s", name);
	image_size = store->ring_size;
	image = malloc(image_size);
	if (image == NULL)
		tap_bail("malloc");
	memcpy(image, store->ring, image_size);
	flushes = missing = 0;
	tail = 0;
}

static void
close_store(void)
{
	free(image);
	image = NULL;
	tview_store_detach(store);
}

/* True when LMDB leaves its commits to the kernel. */
static bool
is_lax(void)
{
	TviewTxn *txn;
	unsigned flags = 0;

	if (tview_write_begin(store, true, &txn) != TVIEW_STORE_OK)
		tap_bail("write");
	(void) mdb_env_get_flags(store->env, &flags);
	tview_write_abort(txn);
	return (flags & (MDB_NOSYNC | MDB_NOMETASYNC | MDB_MAPASYNC)) != 0;
}

static void
append(size_t n)
{
	static uint64_t made = 0;
	TviewMark *marks = calloc(n, sizeof(TviewMark));

	for (size_t i = 0; marks != NULL && i < n; i++)
		marks[i] = (TviewMark){.xid = 5, .tag = ++made};
	if (marks == NULL || tview_log_append(store, marks, n) != TVIEW_STORE_OK)
		tap_bail("append");
	free(marks);
}

int
main(void)
{
	TviewMark kept = {.xid = 4, .tag = 4};
	uint64_t late = 0;
	size_t most;

	open_store("sync", true);
	tap_ok(!is_lax(), "sync: LMDB flushes its commits");
	most = store->capacity / 3;
	/* three times around, also over the end of the file's slots */
	for (size_t i = 0; i < 12; i++)
	{
		append(i % 3 == 0 ? 1 : most - i);
		late += tail != tview_log_tail(store);
		look_at_image();
		if (tview_log_trim(store, tview_log_tail(store) - i % 2, &kept, 1) !=
			TVIEW_STORE_OK)
			tap_bail("trim");
		late += tail != tview_log_tail(store);
		look_at_image();
	}
	tap_ok(tview_log_tail(store) > 2 * store->capacity && flushes >= 48,
		   "sync: %d flushes", flushes);
	tap_is((uint64_t) missing, 0, "sync: what the header counts is on disk");
	tap_is(late, 0, "sync: the header is on disk when an append returns");
	close_store();

	open_store("lax", false);
	tap_ok(is_lax(), "without: LMDB does not wait for the disk");
	append(10);
	tap_is((uint64_t) flushes, 0, "without: nor does an append");
	close_store();
	return tap_done();
}
