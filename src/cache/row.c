/*
 * row.c
 *		See row.h.  Nothing here pallocs or throws: it runs inside LMDB
 *		transactions.
 */
#include "postgres.h"

#include "cache/index.h"
#include "cache/row.h"
#include "store/checksum.h"

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
	TviewStoreStatus status = tview_row_get(txn, relid, key, &old);

	if (status == TVIEW_STORE_OK)
		status = tview_index_change(txn, relid, key, &old, row);
	else if (status == TVIEW_STORE_NOTFOUND)
		status = tview_index_change(txn, relid, key, NULL, row);
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
tview_row_delete(TviewTxn *txn, Oid relid, int64 key)
{
	uint64 k = TVIEW_KEY_OF(key);
	TviewRow old;
	TviewStoreStatus status = tview_row_get(txn, relid, key, &old);

	if (status == TVIEW_STORE_OK)
		status = tview_index_change(txn, relid, key, &old, NULL);
	if (status == TVIEW_STORE_OK)
		status = tview_del(txn, TVIEW_DB_ROWS, relid, &k, sizeof(k));
	return status == TVIEW_STORE_NOTFOUND ? TVIEW_STORE_OK : status;
}

/* Memory for words, used again; NULL when there is not enough. */
static uint64 *
scratch_words(Size n)
{
	static uint64 *scratch = NULL;
	static Size allocated = 0;

	if (n > allocated)
	{
		Size wanted = Max(n * 2, 256);
		uint64 *bigger = realloc(scratch, wanted * sizeof(uint64));

		if (bigger == NULL)
			return NULL;
		scratch = bigger;
		allocated = wanted;
	}
	return scratch;
}

static bool
has_word(const uint64 *words, uint32 n, uint64 word)
{
	for (uint32 i = 0; i < n; i++)
		if (words[i] == word)
			return true;
	return false;
}

TviewStoreStatus
tview_row_hollow(TviewTxn *txn, Oid relid, int64 key, const TviewRow *old,
				 uint64 lookup, uint64 tag, bool *changed)
{
	uint32 own = (old->flags & TVIEW_ROW_OWN_KEY) ? 1 : 0;
	TviewRow hollow = {.flags = TVIEW_ROW_HOLLOW |
						   (old->flags & TVIEW_ROW_OWN_KEY)};
	uint64 *words = scratch_words((Size) old->ntags + old->nlookups + 1);
	uint64 *lookups;
	TviewStoreStatus status;

	if (words == NULL)
		return TVIEW_STORE_NO_MEMORY;
	hollow.tags = words;
	for (uint32 i = 0; i < old->ntags; i++)
		if (i < own || tag == 0 || old->tags[i] != tag)
			words[hollow.ntags++] = old->tags[i];
	hollow.lookups = lookups = words + hollow.ntags;
	for (uint32 i = 0; i < old->nlookups; i++)
		lookups[hollow.nlookups++] = old->lookups[i];
	if (lookup != TVIEW_ROW_NO_LOOKUP &&
		!has_word(lookups, hollow.nlookups, lookup))
		lookups[hollow.nlookups++] = lookup;
	*changed = !(old->flags & TVIEW_ROW_HOLLOW) ||
		hollow.ntags != old->ntags || hollow.nlookups != old->nlookups;
	if (!*changed)
		return TVIEW_STORE_OK;
	status = tview_index_change(txn, relid, key, old, &hollow);
	if (status == TVIEW_STORE_OK)
		status = put_entry(txn, relid, key, &hollow, false);
	return status;
}
