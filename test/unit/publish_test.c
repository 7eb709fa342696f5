/*
 * Proves: every page of a commit is summed, whatever the commit has done to
 * its trees: pages that were changed, split and joined, in trees of several
 * heights, near one another and far apart.
 */
#include <string.h>

#include "store/store_private.h"
#include "tap.h"

#define KEYS 40000
#define ROUNDS 160

/* The rows' sizes, 0 for none. */
static uint16_t size[KEYS];

static TviewTxn *txn;

static bool
put_row(int i, size_t wanted)
{
	uint64_t key = TVIEW_KEY_OF(i);
	void *room;

	if (wanted == 0)
	{
		TviewStoreStatus status =
			tview_del(txn, TVIEW_DB_ROWS, 9, &key, sizeof(key));

		if (status != (size[i] > 0 ? TVIEW_STORE_OK : TVIEW_STORE_NOTFOUND))
			return false;
	}
	else
	{
		if (tview_put_reserve(txn, TVIEW_DB_ROWS, 9, &key, sizeof(key), wanted,
							  &room) != TVIEW_STORE_OK)
			return false;
		memset(room, i % 251, wanted);
	}
	size[i] = (uint16_t) wanted;
	return true;
}

/* A size that pages hold many of, few of, or (now and then) none. */
static size_t
any_size(bool large)
{
	return large && tap_random() % 8 == 0 ? 3000 + tap_random() % 6000
										  : 16 + tap_random() % 300;
}

/* Changes n rows, at random or in a run. */
static bool
change(int n, bool run, bool delete, bool large)
{
	int from = (int) (tap_random() % KEYS);

	for (int k = 0; k < n; k++)
	{
		int i = run ? (from + k) % KEYS : (int) (tap_random() % KEYS);

		if (!put_row(i, delete ? 0 : any_size(large)))
			return false;
	}
	return true;
}

/* Reads all rows, every page of which is verified anew. */
static bool
all_rows_are_right(TviewStore *store, uint64_t start)
{
	TviewCursor *cursor;
	TviewValue key;
	TviewValue value;
	TviewStoreStatus status;
	int i = 0;
	bool right = true;

	tview_store_trust(start, 3600);
	if (tview_read_begin(store, &txn) != TVIEW_STORE_OK)
		return false;
	if (tview_cursor_open(txn, TVIEW_DB_ROWS, 9, &cursor) != TVIEW_STORE_OK)
		right = false;
	status = right
		? tview_cursor_move(cursor, TVIEW_SEEK_FIRST, &key, &value)
		: TVIEW_STORE_IO;
	while (right && status == TVIEW_STORE_OK)
	{
		uint64_t k;

		for (; i < KEYS && size[i] == 0; i++)
			;
		memcpy(&k, key.data, sizeof(k));
		right = i < KEYS && k == TVIEW_KEY_OF(i) && value.size == size[i] &&
			*(const uint8_t *) value.data == i % 251;
		i++;
		status = tview_cursor_move(cursor, TVIEW_SEEK_NEXT, &key, &value);
	}
	for (; right && i < KEYS; i++)
		right = size[i] == 0;
	tview_read_end(txn);
	return right && status == TVIEW_STORE_NOTFOUND;
}

/* Rounds of changes; how many of them went wrong. */
static int
run_rounds(TviewStore *store, uint64_t start, bool large)
{
	int wrong = 0;

	for (int round = 0; round < ROUNDS; round++)
	{
		int n = (int) (tap_random() % (round % 3 == 0 ? 2000 : 20)) + 1;
		bool done;

		if (tview_write_begin(store, true, &txn) != TVIEW_STORE_OK)
			tap_bail("write_begin");
		done = change(n, tap_random() % 2, tap_random() % 3 == 0, large) &&
			change(n / 8, tap_random() % 2, tap_random() % 3 == 0, large);
		if (tview_write_commit(txn) != TVIEW_STORE_OK || !done ||
			!all_rows_are_right(store, start + (uint64_t) round))
			wrong++;
		if (tview_store_epoch(store) == 0)
			break;
	}
	return wrong;
}

static void
test_trees(const char *name, bool large)
{
	TviewStoreConfig config = tap_config;
	TviewStore *store;
	uint64_t start = large ? 1000000 : 1;

	config.map_size = 256 << 20;
	store = tap_store(tap_path(name), &config);
	memset(size, 0, sizeof(size));
	if (tview_write_begin(store, true, &txn) != TVIEW_STORE_OK)
		tap_bail("write_begin");
	for (int i = 0; i < KEYS; i += 2)
		if (!put_row(i, any_size(large)))
			tap_bail("put");
	tap_ok(tview_write_commit(txn) == TVIEW_STORE_OK &&
			   all_rows_are_right(store, start),
		   "%s: a tree is summed", name);
	tap_is((uint64_t) run_rounds(store, start + 1, large), 0,
		   "... and so is what changes, splits and joins make of it");
	if (tview_write_begin(store, true, &txn) != TVIEW_STORE_OK ||
		tview_clear(txn, TVIEW_DB_ROWS, 9, false) != TVIEW_STORE_OK)
		tap_bail("clear");
	memset(size, 0, sizeof(size));
	tap_ok(change(10, false, false, large) &&
			   tview_write_commit(txn) == TVIEW_STORE_OK &&
			   all_rows_are_right(store, start + ROUNDS + 1),
		   "... a small one in its place");
	tap_ok(tview_write_begin(store, true, &txn) == TVIEW_STORE_OK &&
			   change(20000, true, false, large) &&
			   tview_write_commit(txn) == TVIEW_STORE_OK &&
			   all_rows_are_right(store, start + ROUNDS + 2),
		   "... and one that grows by two heights at once");
	tview_store_detach(store);
}

int
main(void)
{
	test_trees("short values", false);
	test_trees("long values", true);
	return tap_done();
}
