/*
 * bulk.c
 *		See bulk.h.
 *
 * An index key has the size and the order of a uuid, so that PostgreSQL's sort
 * of uuids, with its abbreviated keys, sorts them.
 */
#include "postgres.h"

#include "cache/bulk.h"
#include "cache/handle.h"
#include "cache/stop.h"
#include "catalog/pg_type_d.h"
#include "compat.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/typcache.h"
#include "utils/uuid.h"

#define KEYS_PER_TXN 8192

struct TviewBulk
{
	Tuplesortstate *sort;
	MemoryContext context; /* of one transaction's keys */
};

StaticAssertDecl(sizeof(TviewIndexKey) == UUID_LEN,
				 "an index key is sorted as a uuid");

TviewBulk *
tview_bulk_begin(void)
{
	TviewBulk *bulk = palloc0(sizeof(TviewBulk));
	TypeCacheEntry *type = lookup_type_cache(UUIDOID, TYPECACHE_LT_OPR);

	bulk->sort =
		tuplesort_begin_datum(UUIDOID, type->lt_opr, InvalidOid, false,
							  maintenance_work_mem, NULL, TUPLESORT_NONE);
	bulk->context = AllocSetContextCreate(CurrentMemoryContext, "tview bulk",
										  ALLOCSET_DEFAULT_SIZES);
	return bulk;
}

static void
add_words(TviewBulk *bulk, int64 key, const uint64 *words, uint32 n)
{
	for (uint32 i = 0; i < n; i++)
	{
		TviewIndexKey entry = tview_row_index_key(words[i], key);

		tuplesort_putdatum(bulk->sort, PointerGetDatum(&entry), false);
	}
}

void
tview_bulk_add(TviewBulk *bulk, int64 key, const TviewRow *row)
{
	add_words(bulk, key, row->tags, row->ntags);
	add_words(bulk, key, row->lookups, row->nlookups);
}

/* The next keys in order; returns how many there are. */
static int
next_keys(TviewBulk *bulk, TviewIndexKey *keys)
{
	MemoryContext old = MemoryContextSwitchTo(bulk->context);
	Datum datum;
	bool isnull;
	int n = 0;

	CHECK_FOR_INTERRUPTS();
	while (n < KEYS_PER_TXN &&
		   tview_compat_sort_next(bulk->sort, &datum, &isnull))
		memcpy(&keys[n++], DatumGetPointer(datum), sizeof(TviewIndexKey));
	MemoryContextSwitchTo(old);
	MemoryContextReset(bulk->context);
	return n;
}

/* One write transaction: no palloc, no ereport. */
static TviewStoreStatus
write_keys(TviewHandle *handle, Oid relid, const TviewIndexKey *keys, int n)
{
	TviewTxn *txn;
	TviewStoreStatus status = tview_write_begin(handle->store, true, &txn);

	if (status != TVIEW_STORE_OK)
		return status;
	for (int i = 0; i < n && status == TVIEW_STORE_OK; i++)
		status = tview_row_append_index(txn, relid, &keys[i]);
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
	TviewIndexKey *keys = palloc(KEYS_PER_TXN * sizeof(TviewIndexKey));
	TviewStoreStatus status = TVIEW_STORE_OK;
	int n = KEYS_PER_TXN;

	if (handle == NULL)
		return false;
	tuplesort_performsort(bulk->sort);
	while (status == TVIEW_STORE_OK && n == KEYS_PER_TXN)
	{
		n = next_keys(bulk, keys);
		HOLD_INTERRUPTS();
		status = write_keys(handle, desc->relid, keys, n);
		RESUME_INTERRUPTS();
	}
	pfree(keys);
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
