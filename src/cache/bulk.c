/*
 * bulk.c
 *		See bulk.h.
 *
 * An index entry is sorted as a bytea, whose order is that of its bytes: its
 * key, and then the column where it has one.
 */
#include "postgres.h"

#include "cache/bulk.h"
#include "cache/handle.h"
#include "cache/index.h"
#include "cache/stop.h"
#include "catalog/pg_type_d.h"
#include "compat.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/typcache.h"

#define ENTRIES_PER_TXN 8192

struct TviewBulk
{
	Tuplesortstate *sort;
	MemoryContext context; /* of one transaction's entries */
};

/* An entry as a bytea. */
typedef struct BulkEntry
{
	char header[VARHDRSZ];
	char key[sizeof(TviewIndexKey)];
	char column[sizeof(uint16)]; /* left away where it is none */
} BulkEntry;

TviewBulk *
tview_bulk_begin(void)
{
	TviewBulk *bulk = palloc0(sizeof(TviewBulk));
	TypeCacheEntry *type = lookup_type_cache(BYTEAOID, TYPECACHE_LT_OPR);

	bulk->sort =
		tuplesort_begin_datum(BYTEAOID, type->lt_opr, InvalidOid, false,
							  maintenance_work_mem, NULL, TUPLESORT_NONE);
	bulk->context = AllocSetContextCreate(CurrentMemoryContext, "tview bulk",
										  ALLOCSET_DEFAULT_SIZES);
	return bulk;
}

/* Adds one entry. */
static void
add_entry(TviewBulk *bulk, uint64 tag, int64 key, uint16 column)
{
	TviewIndexKey stored = tview_index_key(tag, key);
	Size size = offsetof(BulkEntry, column);
	BulkEntry entry;

	memcpy(entry.key, &stored, sizeof(entry.key));
	memcpy(entry.column, &column, sizeof(entry.column));
	if (column != TVIEW_INDEX_NO_COLUMN)
		size = sizeof(entry);
	SET_VARSIZE(&entry, size);
	tuplesort_putdatum(bulk->sort, PointerGetDatum(&entry), false);
}

void
tview_bulk_add(TviewBulk *bulk, int64 key, const TviewRow *row)
{
	int n;
	const TviewIndexWord *words = tview_index_words(row, &n);

	if (words == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	for (int i = 0; i < n; i++)
		add_entry(bulk, words[i].tag, key, words[i].column);
	if (row->flags & TVIEW_ROW_HOLLOW)
		add_entry(bulk, TVIEW_INDEX_HOLLOW, key, TVIEW_INDEX_NO_COLUMN);
	if (row->flags & TVIEW_ROW_ABSENT)
		add_entry(bulk, TVIEW_INDEX_ABSENTEES, key, TVIEW_INDEX_NO_COLUMN);
}

/* An entry taken out of the sort. */
typedef struct SortedEntry
{
	TviewIndexKey key;
	uint16 column;
} SortedEntry;

/* The next entries in order; returns how many there are. */
static int
next_entries(TviewBulk *bulk, SortedEntry *entries)
{
	MemoryContext old = MemoryContextSwitchTo(bulk->context);
	Datum datum;
	bool isnull;
	int n = 0;

	CHECK_FOR_INTERRUPTS();
	while (n < ENTRIES_PER_TXN &&
		   tview_compat_sort_next(bulk->sort, &datum, &isnull))
	{
		SortedEntry *entry = &entries[n++];
		const char *bytes = VARDATA_ANY(DatumGetPointer(datum));

		memcpy(&entry->key, bytes, sizeof(entry->key));
		entry->column = TVIEW_INDEX_NO_COLUMN;
		if (VARSIZE_ANY_EXHDR(DatumGetPointer(datum)) > sizeof(entry->key))
			memcpy(&entry->column, bytes + sizeof(entry->key),
				   sizeof(entry->column));
	}
	MemoryContextSwitchTo(old);
	MemoryContextReset(bulk->context);
	return n;
}

/* One write transaction: no palloc, no ereport. */
static TviewStoreStatus
write_entries(TviewHandle *handle, Oid relid, const SortedEntry *entries, int n)
{
	TviewTxn *txn;
	TviewStoreStatus status = tview_write_begin(handle->store, true, &txn);

	if (status != TVIEW_STORE_OK)
		return status;
	for (int i = 0; i < n && status == TVIEW_STORE_OK; i++)
		status = tview_index_append(txn, relid, &entries[i].key,
									entries[i].column);
	if (status != TVIEW_STORE_OK)
	{
		tview_write_abort(txn);
		return status;
	}
	TVIEW_STOP("bulk.write");
	return tview_write_commit(txn);
}

bool
tview_bulk_write(TviewBulk *bulk, TviewDesc *desc)
{
	const char *failure;
	TviewHandle *handle = tview_handle_open(desc->serverid, &failure);
	SortedEntry *entries = palloc(ENTRIES_PER_TXN * sizeof(SortedEntry));
	TviewStoreStatus status = TVIEW_STORE_OK;
	int n = ENTRIES_PER_TXN;

	if (handle == NULL)
		return false;
	tuplesort_performsort(bulk->sort);
	while (status == TVIEW_STORE_OK && n == ENTRIES_PER_TXN)
	{
		n = next_entries(bulk, entries);
		HOLD_INTERRUPTS();
		status = write_entries(handle, desc->relid, entries, n);
		RESUME_INTERRUPTS();
	}
	pfree(entries);
	if (status == TVIEW_STORE_MAP_FULL)
		tview_handle_note_full(handle);
	else if (status != TVIEW_STORE_OK)
		tview_handle_note(handle, status, "storing an index");
	return status == TVIEW_STORE_OK;
}

void
tview_bulk_end(TviewBulk *bulk)
{
	tuplesort_end(bulk->sort);
	MemoryContextDelete(bulk->context);
	pfree(bulk);
}
