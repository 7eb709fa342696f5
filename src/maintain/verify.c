/*
 * verify.c
 *		tview.verify: every row that the store would serve to the present
 *		snapshot, compared with the view under that snapshot.
 *
 * First the view is streamed and each row is looked up; then the store is
 * walked for rows that the view does not have.
 */
#include "postgres.h"

#include "cache/reader.h"
#include "compat.h"
#include "compute/compute.h"
#include "executor/tuptable.h"
#include "fmgr.h"
#include "funcapi.h"
#include "maintain/functions.h"
#include "meta/meta.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

PG_FUNCTION_INFO_V1(tview_verify);

typedef struct Verification
{
	ReturnSetInfo *result;
	TviewDesc *desc;
	TupleDesc tupdesc; /* blessed copy, for the rows shown */
	TviewReader reader;
	HTAB *keys; /* that the view has */
} Verification;

/* The row as jsonb, NULL for none. */
static Datum
row_to_jsonb(Verification *v, MinimalTuple tuple)
{
	Datum composite = heap_copy_tuple_as_datum(
		heap_tuple_from_minimal_tuple(tuple), v->tupdesc);
	Datum json = DirectFunctionCall1(row_to_json, composite);

	return DirectFunctionCall1(jsonb_in,
							   CStringGetDatum(TextDatumGetCString(json)));
}

static void
report(Verification *v, int64 key, const char *problem, MinimalTuple stored,
	   MinimalTuple expected)
{
	Datum values[4] = {Int64GetDatum(key), CStringGetTextDatum(problem)};
	bool nulls[4] = {false, false, stored == NULL, expected == NULL};

	if (stored)
		values[2] = row_to_jsonb(v, stored);
	if (expected)
		values[3] = row_to_jsonb(v, expected);
	tuplestore_putvalues(v->result->setResult, v->result->setDesc, values,
						 nulls);
}

/* Looks a key up; a valid row is copied. */
static TviewFound
look_up(Verification *v, int64 key, MinimalTuple *stored)
{
	TviewReason reason = tview_reader_begin(&v->reader);
	TviewRow row;
	TviewFound found;

	*stored = NULL;
	if (reason.code != TVIEW_BYPASS_NONE)
		return TVIEW_FOUND_INVALID;
	found = tview_reader_get(&v->reader, key, &row);
	if (found == TVIEW_FOUND_VALID)
	{
		*stored = palloc(row.size);
		memcpy(*stored, row.tuple, row.size);
	}
	tview_reader_end(&v->reader);
	return found;
}

/* Compares each of the view's rows with what the store would serve. */
static void
verify_view(Verification *v, Snapshot snapshot, MemoryContext row_context)
{
	TviewStreamQuery everything = {0};
	TviewStream *stream = tview_stream_open(v->desc, snapshot, &everything);
	MinimalTuple expected;

	while ((expected = tview_stream_next(stream)) != NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(row_context);
		MinimalTuple stored;
		bool isnull;
		int64 key = tview_compute_key_of(v->desc, expected, &isnull);

		CHECK_FOR_INTERRUPTS();
		if (!isnull)
		{
			TviewFound found = look_up(v, key, &stored);

			(void) hash_search(v->keys, &key, HASH_ENTER, NULL);
			if (found == TVIEW_FOUND_ABSENT)
				report(v, key, "the store says that there is no such row", NULL,
					   expected);
			else if (found == TVIEW_FOUND_VALID &&
					 !tview_compute_same_row(v->desc, stored, expected))
				report(v, key, "the stored row differs", stored, expected);
		}
		MemoryContextSwitchTo(old);
		MemoryContextReset(row_context);
	}
	tview_stream_close(stream);
}

/* The next stored key after the given one; false at the end. */
static bool
next_stored_key(Verification *v, bool first, int64 after, int64 *key)
{
	TviewReason reason = tview_reader_begin(&v->reader);
	uint64 k = first ? 0 : TVIEW_KEY_OF(after) + 1;
	TviewValue found = {&k, sizeof(k)};
	TviewValue value;
	TviewCursor *cursor;
	TviewStoreStatus status;
	bool result = false;

	if (reason.code != TVIEW_BYPASS_NONE || (!first && after == PG_INT64_MAX))
	{
		tview_reader_end(&v->reader);
		return false;
	}
	status = tview_cursor_open(v->reader.txn, TVIEW_DB_ROWS, v->desc->relid,
							   &cursor);
	if (status == TVIEW_STORE_OK)
	{
		status = tview_cursor_move(cursor, TVIEW_SEEK_GE, &found, &value);
		if (status == TVIEW_STORE_OK)
		{
			memcpy(&k, found.data, sizeof(k));
			*key = TVIEW_PK_OF(k);
			result = true;
		}
		tview_cursor_close(cursor);
	}
	tview_reader_note(&v->reader, status);
	tview_reader_end(&v->reader);
	return result;
}

/* Finds stored rows that the view does not have. */
static void
verify_store(Verification *v, MemoryContext row_context)
{
	int64 key = 0;
	bool first = true;

	while (next_stored_key(v, first, key, &key))
	{
		MemoryContext old;
		MinimalTuple stored;

		first = false;
		CHECK_FOR_INTERRUPTS();
		if (hash_search(v->keys, &key, HASH_FIND, NULL))
			continue;
		old = MemoryContextSwitchTo(row_context);
		if (look_up(v, key, &stored) == TVIEW_FOUND_VALID)
			report(v, key, "the view has no such row", stored, NULL);
		MemoryContextSwitchTo(old);
		MemoryContextReset(row_context);
	}
}

Datum
tview_verify(PG_FUNCTION_ARGS)
{
	Oid relid = PG_GETARG_OID(0);
	Verification v = {.result = (ReturnSetInfo *) fcinfo->resultinfo};
	HASHCTL ctl = {.keysize = sizeof(int64), .entrysize = sizeof(int64)};
	MemoryContext row_context;
	Snapshot snapshot = GetActiveSnapshot();

	InitMaterializedSRF(fcinfo, 0);
	v.desc = tview_meta_get(relid, false);
	if (!tview_compat_owns_class(relid))
		aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_FOREIGN_TABLE,
					   get_rel_name(relid));
	for (int i = 0; i < v.desc->nbases; i++)
		LockRelationOid(v.desc->bases[i], AccessShareLock);
	v.tupdesc = BlessTupleDesc(CreateTupleDescCopy(v.desc->tupdesc));
	if (tview_reader_check(v.desc, snapshot).code != TVIEW_BYPASS_NONE ||
		tview_compute_foreign_setting(v.desc) != NULL)
		PG_RETURN_VOID(); /* nothing would be served */
	row_context = AllocSetContextCreate(
		CurrentMemoryContext, "tview verify row", ALLOCSET_DEFAULT_SIZES);
	v.keys =
		hash_create("tview verify keys", 1024, &ctl, HASH_ELEM | HASH_BLOBS);
	tview_reader_init(&v.reader, v.desc, snapshot);
	verify_view(&v, snapshot, row_context);
	verify_store(&v, row_context);
	hash_destroy(v.keys);
	MemoryContextDelete(row_context);
	PG_RETURN_VOID();
}
