/*
 * row.c
 *		See row.h.  Nothing here pallocs or throws: it runs inside LMDB
 *		transactions.
 */
#include "postgres.h"

#include "cache/row.h"
#include "port/pg_bswap.h"
#include "store/checksum.h"

TviewIndexKey
tview_row_index_key(uint64 tag, int64 pk)
{
	TviewIndexKey key = {pg_hton64(tag), pg_hton64(TVIEW_KEY_OF(pk))};

	return key;
}

/* The checksum of an entry of some size. */
static inline uint32
entry_sum(const void *entry, Size size, Oid relid, int64 key)
{
	return tview_checksum((uint64) key ^ ((uint64) relid << 32),
						  (const char *) entry + sizeof(uint32),
						  size - sizeof(uint32));
}

bool
tview_row_decode(TviewValue value, Oid relid, int64 key, TviewRow *row)
{
	const TviewRowHeader *header = value.data;
	const uint64 *arrays;
	uint64 words;

	if (value.size < sizeof(TviewRowHeader) ||
		header->sum != entry_sum(header, value.size, relid, key))
		return false;
	words = (uint64) header->ntags + header->ncovers + header->nlookups;
	if (value.size !=
		sizeof(TviewRowHeader) + words * 8 + TYPEALIGN(8, header->size))
		return false;
	arrays = (const uint64 *) (header + 1);
	row->flags = header->flags;
	row->ntags = header->ntags;
	row->ncovers = header->ncovers;
	row->nlookups = header->nlookups;
	row->tags = arrays;
	row->covers = arrays + header->ntags;
	row->lookups = row->covers + header->ncovers;
	row->tuple = (const MinimalTupleData *) (arrays + words);
	row->size = header->size;
	return true;
}

TviewStoreStatus
tview_row_get(TviewTxn *txn, Oid relid, int64 key, TviewRow *row)
{
	uint64 k = TVIEW_KEY_OF(key);
	TviewValue value;
	TviewStoreStatus status =
		tview_get(txn, TVIEW_DB_ROWS, relid, &k, sizeof(k), &value);

	if (status == TVIEW_STORE_OK && !tview_row_decode(value, relid, key, row))
		status = TVIEW_STORE_CORRUPT;
	return status;
}

bool
tview_row_covers(const TviewRow *row, uint64 xid)
{
	for (uint32 i = 0; i < row->ncovers; i++)
		if (row->covers[i] == xid)
			return true;
	return false;
}

/*
 * Copies an entry's words out of the map, because a change of the index may
 * move them; with room for one more.  The copy lives until the next call.
 */
static TviewStoreStatus
copy_words(TviewRow *row)
{
	static uint64 *scratch = NULL;
	static Size allocated = 0;
	Size n = (Size) row->ntags + row->ncovers + row->nlookups;

	if (scratch == NULL || n + 1 > allocated)
	{
		Size wanted = Max((n + 1) * 2, 256);
		uint64 *bigger = realloc(scratch, wanted * 8);

		if (bigger == NULL)
			return TVIEW_STORE_NO_MEMORY;
		/* nothing undefined is ever indexed, whatever an entry claims */
		memset(bigger, 0, wanted * 8);
		scratch = bigger;
		allocated = wanted;
	}
	if (n > 0)
		memcpy(scratch, row->tags, n * 8);
	row->tags = scratch;
	row->covers = scratch + row->ntags;
	row->lookups = row->covers + row->ncovers;
	return TVIEW_STORE_OK;
}

/* Deletes the index entries of words. */
static TviewStoreStatus
unindex(TviewTxn *txn, Oid relid, int64 pk, const uint64 *words, uint32 n)
{
	for (uint32 i = 0; i < n; i++)
	{
		TviewIndexKey key = tview_row_index_key(words[i], pk);
		TviewStoreStatus status =
			tview_del(txn, TVIEW_DB_INDEX, relid, &key, sizeof(key));

		if (status != TVIEW_STORE_OK && status != TVIEW_STORE_NOTFOUND)
			return status;
	}
	return TVIEW_STORE_OK;
}

static TviewStoreStatus
add_index(TviewTxn *txn, Oid relid, int64 pk, const uint64 *words, uint32 n)
{
	for (uint32 i = 0; i < n; i++)
	{
		TviewIndexKey key = tview_row_index_key(words[i], pk);
		TviewStoreStatus status =
			tview_put(txn, TVIEW_DB_INDEX, relid, &key, sizeof(key), NULL, 0);

		if (status != TVIEW_STORE_OK)
			return status;
	}
	return TVIEW_STORE_OK;
}

/*
 * True when both entries stand under the same index keys: the common case of
 * a recomputed row.
 */
static bool
same_index(const TviewRow *a, const TviewRow *b)
{
	return a->ntags == b->ntags && a->nlookups == b->nlookups &&
		memcmp(a->tags, b->tags, a->ntags * 8) == 0 &&
		memcmp(a->lookups, b->lookups, a->nlookups * 8) == 0;
}

/* Deletes all index entries of an entry in the map. */
static TviewStoreStatus
unindex_row(TviewTxn *txn, Oid relid, int64 key, TviewRow *old)
{
	TviewStoreStatus status = copy_words(old);

	if (status == TVIEW_STORE_OK)
		status = unindex(txn, relid, key, old->tags, old->ntags);
	if (status == TVIEW_STORE_OK)
		status = unindex(txn, relid, key, old->lookups, old->nlookups);
	return status;
}

/* Copies size bytes, which may be none at all; returns the place after them. */
static char *
copy_part(char *to, const void *from, Size size)
{
	if (size > 0)
		memcpy(to, from, size);
	return to + size;
}

/* Writes the entry itself. */
static TviewStoreStatus
put_entry(TviewTxn *txn, Oid relid, int64 key, const TviewRow *row, bool append)
{
	uint64 k = TVIEW_KEY_OF(key);
	uint64 words = (uint64) row->ntags + row->ncovers + row->nlookups;
	Size padded = TYPEALIGN(8, row->size);
	Size size = sizeof(TviewRowHeader) + words * 8 + padded;
	TviewRowHeader header = {.flags = row->flags,
							 .ntags = row->ntags,
							 .ncovers = row->ncovers,
							 .nlookups = row->nlookups,
							 .size = row->size};
	void *room;
	char *p;
	TviewStoreStatus status;

	if (append)
		status = tview_put_append(txn, TVIEW_DB_ROWS, relid, &k, sizeof(k),
								  size, &room);
	else
		status = tview_put_reserve(txn, TVIEW_DB_ROWS, relid, &k, sizeof(k),
								   size, &room);
	if (status != TVIEW_STORE_OK)
		return status;
	p = room;
	memcpy(p, &header, sizeof(header));
	p += sizeof(header);
	p = copy_part(p, row->tags, row->ntags * 8);
	p = copy_part(p, row->covers, row->ncovers * 8);
	p = copy_part(p, row->lookups, row->nlookups * 8);
	p = copy_part(p, row->tuple, row->size);
	memset(p, 0, padded - row->size);
	((TviewRowHeader *) room)->sum = entry_sum(room, size, relid, key);
	return TVIEW_STORE_OK;
}

TviewStoreStatus
tview_row_put(TviewTxn *txn, Oid relid, int64 key, const TviewRow *row)
{
	TviewRow old;
	bool indexed = false;
	TviewStoreStatus status = tview_row_get(txn, relid, key, &old);

	if (status == TVIEW_STORE_OK)
	{
		indexed = same_index(&old, row);
		if (!indexed)
			status = unindex_row(txn, relid, key, &old);
	}
	else if (status == TVIEW_STORE_NOTFOUND)
		status = TVIEW_STORE_OK;
	if (status == TVIEW_STORE_OK && !indexed)
		status = add_index(txn, relid, key, row->tags, row->ntags);
	if (status == TVIEW_STORE_OK && !indexed)
		status = add_index(txn, relid, key, row->lookups, row->nlookups);
	if (status == TVIEW_STORE_OK)
		status = put_entry(txn, relid, key, row, false);
	return status;
}

TviewStoreStatus
tview_row_append(TviewTxn *txn, Oid relid, int64 key, const TviewRow *row)
{
	return put_entry(txn, relid, key, row, true);
}

TviewStoreStatus
tview_row_append_index(TviewTxn *txn, Oid relid, const TviewIndexKey *key)
{
	void *room;

	return tview_put_append(txn, TVIEW_DB_INDEX, relid, key, sizeof(*key), 0,
							&room);
}

TviewStoreStatus
tview_row_delete(TviewTxn *txn, Oid relid, int64 key)
{
	uint64 k = TVIEW_KEY_OF(key);
	TviewRow old;
	TviewStoreStatus status = tview_row_get(txn, relid, key, &old);

	if (status == TVIEW_STORE_OK)
		status = unindex_row(txn, relid, key, &old);
	if (status == TVIEW_STORE_OK)
		status = tview_del(txn, TVIEW_DB_ROWS, relid, &k, sizeof(k));
	return status == TVIEW_STORE_NOTFOUND ? TVIEW_STORE_OK : status;
}

TviewStoreStatus
tview_row_hollow(TviewTxn *txn, Oid relid, int64 key, TviewRow *old,
				 uint64 lookup)
{
	TviewRow hollow = {.flags = TVIEW_ROW_HOLLOW};
	uint64 *lookups = NULL;
	bool known = false;
	TviewStoreStatus status = copy_words(old);

	if (status != TVIEW_STORE_OK)
		return status;
	lookups = unconstify(uint64 *, old->lookups);
	for (uint32 i = 0; i < old->nlookups; i++)
		known = known || lookups[i] == lookup;
	hollow.lookups = lookups;
	hollow.nlookups = old->nlookups;
	status = unindex(txn, relid, key, old->tags, old->ntags);
	if (status == TVIEW_STORE_OK && lookup != 0 && !known)
	{
		lookups[hollow.nlookups++] = lookup;
		status = add_index(txn, relid, key, &lookup, 1);
	}
	if (status == TVIEW_STORE_OK)
		status = put_entry(txn, relid, key, &hollow, false);
	return status;
}

TviewStoreStatus
tview_row_find(TviewTxn *txn, Oid relid, uint64 tag, bool first, int64 after,
			   int64 *pks, int limit, int *n)
{
	TviewIndexKey start =
		tview_row_index_key(tag, first ? PG_INT64_MIN : after);
	TviewValue key = {&start, sizeof(start)};
	TviewValue value;
	TviewCursor *cursor;
	TviewStoreStatus status =
		tview_cursor_open(txn, TVIEW_DB_INDEX, relid, &cursor);

	*n = 0;
	if (status != TVIEW_STORE_OK)
		return status == TVIEW_STORE_NOTFOUND ? TVIEW_STORE_OK : status;
	status = tview_cursor_move(cursor, TVIEW_SEEK_GE, &key, &value);
	while (status == TVIEW_STORE_OK && *n < limit)
	{
		TviewIndexKey found;
		int64 pk;

		if (key.size != sizeof(found))
			status = TVIEW_STORE_CORRUPT;
		memcpy(&found, key.data, sizeof(found));
		if (status != TVIEW_STORE_OK || found.tag != start.tag)
			break;
		pk = TVIEW_PK_OF(pg_ntoh64(found.pk));
		if (first || pk != after)
			pks[(*n)++] = pk;
		status = tview_cursor_move(cursor, TVIEW_SEEK_NEXT, &key, &value);
	}
	tview_cursor_close(cursor);
	return status == TVIEW_STORE_NOTFOUND ? TVIEW_STORE_OK : status;
}
