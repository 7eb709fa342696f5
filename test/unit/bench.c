/*
 * What the store's operations cost, in nanoseconds: the best of five runs
 * each.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tap.h"

#define ROWS 100000

static TviewStore *store;
static TviewTxn *txn;
static volatile uint64_t sink;

static void
read_begin_end(uint64_t i)
{
	TviewTxn *read;

	if (tview_read_begin(store, &read) != TVIEW_STORE_OK)
		tap_bail("read_begin");
	tview_read_end(read);
}

static void
get_one(uint64_t key)
{
	TviewValue value;

	if (tview_get(txn, TVIEW_DB_ROWS, 1, &key, 8, &value) != TVIEW_STORE_OK)
		tap_bail("get");
	sink += *(const uint64_t *) value.data;
}

static void
get_hot(uint64_t i)
{
	get_one(TVIEW_KEY_OF(i % 16));
}

static void
get_random(uint64_t i)
{
	get_one(TVIEW_KEY_OF(i * 2654435761u % ROWS));
}

static void
point_read(uint64_t i)
{
	sink += tview_log_head(store);
	if (tview_read_begin(store, &txn) != TVIEW_STORE_OK)
		tap_bail("read_begin");
	sink += tview_log_tail(store);
	get_hot(i);
	tview_read_end(txn);
}

static void
scan(uint64_t i)
{
	static TviewCursor *cursor;
	TviewValue key;
	TviewValue value;

	if (cursor == NULL &&
		tview_cursor_open(txn, TVIEW_DB_ROWS, 1, &cursor) != TVIEW_STORE_OK)
		tap_bail("cursor_open");
	if (tview_cursor_move(cursor,
						  i % ROWS == 0 ? TVIEW_SEEK_FIRST : TVIEW_SEEK_NEXT,
						  &key, &value) != TVIEW_STORE_OK)
		tap_bail("cursor_move");
	sink += *(const uint64_t *) value.data;
}

static void
head_and_tail(uint64_t i)
{
	sink += tview_log_head(store) + tview_log_tail(store);
}

static TviewMark marks[64];

static void
append(size_t n)
{
	TviewStoreStatus status = tview_log_append(store, marks, n);

	if (status == TVIEW_STORE_LOG_FULL)
		status = tview_log_trim(store, tview_log_tail(store), NULL, 0);
	if (status != TVIEW_STORE_OK)
		tap_bail("append");
}

static void
append_1(uint64_t i)
{
	append(1);
}

static void
append_4(uint64_t i)
{
	append(4);
}

static void
append_64(uint64_t i)
{
	append(64);
}

static void
commit_one(uint64_t i)
{
	uint64_t key = TVIEW_KEY_OF(i % ROWS);
	TviewTxn *write;
	void *room;

	if (tview_write_begin(store, false, &write) != TVIEW_STORE_OK ||
		tview_put_reserve(write, TVIEW_DB_ROWS, 1, &key, 8, 200, &room) !=
			TVIEW_STORE_OK)
		tap_bail("put");
	memset(room, 1, 200);
	if (tview_write_commit(write) != TVIEW_STORE_OK)
		tap_bail("commit");
}

static void
measure(const char *name, void (*body)(uint64_t i), uint64_t n)
{
	double best = 1e9;

	for (int run = 0; run < 5; run++)
	{
		double begin = tap_now();

		for (uint64_t i = 0; i < n; i++)
			body(i);
		best = tap_now() - begin < best ? tap_now() - begin : best;
	}
	printf("%-28s %8.1f ns\n", name, best / (double) n * 1e9);
}

int
main(void)
{
	TviewStoreConfig config = tap_config;

	config.map_size = 1 << 30;
	config.mark_log_size = 16 << 20;
	store = tap_store(tap_path("bench"), &config);
	if (tview_write_begin(store, true, &txn) != TVIEW_STORE_OK)
		tap_bail("write_begin");
	for (int64_t pk = 0; pk < ROWS; pk++)
	{
		uint64_t key = TVIEW_KEY_OF(pk);
		void *room;

		if (tview_put_append(txn, TVIEW_DB_ROWS, 1, &key, 8, 200, &room) !=
			TVIEW_STORE_OK)
			tap_bail("put");
		memset(room, 1, 200);
	}
	tview_write_commit(txn);
	measure("read begin + end", read_begin_end, 3000000);
	measure("head, begin, tail, get, end", point_read, 1000000);
	if (tview_read_begin(store, &txn) != TVIEW_STORE_OK)
		tap_bail("read_begin");
	measure("get, hot", get_hot, 2000000);
	measure("get, random of 100 k", get_random, 1000000);
	measure("cursor next", scan, ROWS);
	tview_read_end(txn);
	measure("log head + tail", head_and_tail, 10000000);
	measure("append 1", append_1, 3000000);
	measure("append 4", append_4, 3000000);
	measure("append 64", append_64, 300000);
	measure("commit of one row", commit_one, 20000);
	tview_store_detach(store);
	return tap_done();
}
