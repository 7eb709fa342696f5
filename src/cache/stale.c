/*
 * stale.c
 *		See stale.h.
 *
 * How dense keys are cannot be told from the keys alone: their rows may be
 * neighbours with numbers far apart.  So the store's keys are walked through,
 * as long as not too many of them are of no interest.
 */
#include "postgres.h"

#include "cache/reader.h"
#include "cache/stale.h"

/* So few keys are looked up one by one in any case. */
#define DENSE_FROM 32

/* A walk through the store's keys. */
typedef struct Walk
{
	TviewReader *reader;
	TviewCursor *cursor;
	TviewStoreStatus status;
	int64 at; /* the key at hand, when the status is OK */
	TviewValue value;
} Walk;

static void
move(Walk *walk, TviewSeek seek, TviewValue key)
{
	uint64 k;

	walk->status = tview_cursor_move(walk->cursor, seek, &key, &walk->value);
	tview_reader_note(walk->reader, walk->status);
	if (walk->status != TVIEW_STORE_OK)
		return;
	memcpy(&k, key.data, sizeof(k));
	walk->at = TVIEW_PK_OF(k);
}

/* True when what is stored for the key cannot be served. */
static bool
is_stale(Walk *walk, int64 key)
{
	TviewRow row;

	if (walk->status == TVIEW_STORE_OK && walk->at == key)
		return tview_reader_validate(walk->reader, key, walk->value, &row) ==
			TVIEW_FOUND_INVALID;
	return tview_reader_get(walk->reader, key, &row) == TVIEW_FOUND_INVALID;
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
get_keys(TviewReader *reader, const int64 *keys, int n, TviewStale *stale)
{
	stale->n = 0;
	for (int i = 0; i < n; i++)
	{
		TviewRow row;

		if (tview_reader_get(reader, keys[i], &row) == TVIEW_FOUND_INVALID)
			stale->keys[stale->n++] = keys[i];
	}
	stale->seen = n;
}

void
tview_stale_find(TviewDesc *desc, Snapshot snapshot, const int64 *keys, int n,
				 TviewStale *stale)
{
	TviewReader reader;
	Walk walk = {.reader = &reader};

	memset(stale, 0, sizeof(TviewStale));
	stale->keys = palloc(n * sizeof(int64));
	stale->holes = palloc(n * sizeof(int64));
	tview_reader_init(&reader, desc, snapshot);
	if (tview_reader_begin(&reader).code != TVIEW_BYPASS_NONE)
	{
		tview_reader_end(&reader);
		memcpy(stale->keys, keys, n * sizeof(int64));
		stale->n = stale->seen = n;
		return;
	}
	if (n >= DENSE_FROM &&
		tview_cursor_open(reader.txn, TVIEW_DB_ROWS, desc->relid,
						  &walk.cursor) == TVIEW_STORE_OK)
	{
		walk_keys(&walk, keys, n, stale);
		tview_cursor_close(walk.cursor);
		stale->is_dense = stale->seen >= n / 2 && stale->n >= DENSE_FROM &&
			stale->nholes <= stale->n;
	}
	if (!stale->is_dense)
		get_keys(&reader, keys, n, stale);
	tview_reader_end(&reader);
}
