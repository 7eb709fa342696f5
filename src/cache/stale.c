/*
 * stale.c
 *		See stale.h.
 *
 * How dense keys are cannot be told from the keys alone: their rows may be
 * neighbours with numbers far apart.  So the store's keys are walked through,
 * as long as not too many of them are of no interest.
 */
#include "postgres.h"

#include "cache/row.h"
#include "cache/stale.h"

/* So few keys are looked up one by one in any case. */
#define DENSE_FROM 32

/* A walk through the store's keys. */
typedef struct Walk
{
	TviewCursor *cursor;
	Oid relid;
	TviewStoreStatus status;
	int64 at; /* the key at hand, when the status is OK */
	TviewValue value;
} Walk;

static void
move(Walk *walk, TviewSeek seek, TviewValue key)
{
	uint64 k;

	walk->status = tview_cursor_move(walk->cursor, seek, &key, &walk->value);
	if (walk->status != TVIEW_STORE_OK)
		return;
	memcpy(&k, key.data, sizeof(k));
	walk->at = TVIEW_PK_OF(k);
}

/* True when the key's row, if there is one, cannot be served. */
static bool
is_stale(Walk *walk, int64 key)
{
	TviewRow row;

	if (walk->status != TVIEW_STORE_OK || walk->at != key)
		return true;
	return !tview_row_decode(walk->value, walk->relid, key, &row) ||
		(row.flags & TVIEW_ROW_HOLLOW);
}

/* Walks from the first key on until there are too many holes. */
static void
walk_keys(Walk *walk, const int64 *keys, int n, TviewStale *stale)
{
	uint64 first = TVIEW_KEY_OF(keys[0]);
	int holes = 0; /* up to the key at hand */

	move(walk, TVIEW_SEEK_GE, (TviewValue){&first, sizeof(first)});
	for (int i = 0; i < n; i++)
	{
		while (walk->status == TVIEW_STORE_OK && walk->at < keys[i])
		{
			if (stale->n > 0 && holes == n)
				return;
			if (stale->n > 0)
				stale->holes[holes++] = walk->at;
			move(walk, TVIEW_SEEK_NEXT, (TviewValue){0});
		}
		stale->seen = i + 1;
		if (is_stale(walk, keys[i]))
		{
			stale->nholes = holes;
			stale->keys[stale->n++] = keys[i];
		}
		else if (stale->n > 0 && holes < n)
			stale->holes[holes++] = keys[i];
		if (walk->status == TVIEW_STORE_OK && walk->at == keys[i])
			move(walk, TVIEW_SEEK_NEXT, (TviewValue){0});
	}
}

/* Looks the keys up one by one. */
static void
get_keys(TviewTxn *txn, Oid relid, const int64 *keys, int n, TviewStale *stale)
{
	stale->n = 0;
	for (int i = 0; i < n; i++)
	{
		TviewRow row;

		if (tview_row_get(txn, relid, keys[i], &row) != TVIEW_STORE_OK ||
			(row.flags & TVIEW_ROW_HOLLOW))
			stale->keys[stale->n++] = keys[i];
	}
	stale->seen = n;
}

void
tview_stale_find(TviewHandle *handle, Oid relid, const int64 *keys, int n,
				 TviewStale *stale)
{
	Walk walk = {.relid = relid};
	TviewTxn *txn;

	memset(stale, 0, sizeof(TviewStale));
	stale->keys = palloc(n * sizeof(int64));
	stale->holes = palloc(n * sizeof(int64));
	if (tview_read_begin(handle->store, &txn) != TVIEW_STORE_OK)
	{
		memcpy(stale->keys, keys, n * sizeof(int64));
		stale->n = stale->seen = n;
		return;
	}
	if (n >= DENSE_FROM &&
		tview_cursor_open(txn, TVIEW_DB_ROWS, relid, &walk.cursor) ==
			TVIEW_STORE_OK)
	{
		walk_keys(&walk, keys, n, stale);
		tview_cursor_close(walk.cursor);
		stale->is_dense = stale->seen >= n / 2 && stale->n >= DENSE_FROM &&
			stale->nholes <= stale->n;
	}
	if (!stale->is_dense)
		get_keys(txn, relid, keys, n, stale);
	tview_read_end(txn);
}
