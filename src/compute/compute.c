/*
 * compute.c
 *		Computes rows and tags of given keys; see compute.h.
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "compute/compute.h"
#include "compute/guard.h"
#include "compute/query.h"
#include "compute/tags.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "utils/array.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

static int
compare_keys(const void *a, const void *b)
{
	int64 x = ((const TviewComputed *) a)->key;
	int64 y = ((const TviewComputed *) b)->key;

	return (x > y) - (x < y);
}

static TviewComputed *
find_key(TviewComputed *computed, int n, int64 key)
{
	TviewComputed wanted = {.key = key};

	return bsearch(&wanted, computed, n, sizeof(TviewComputed), compare_keys);
}

/* An integer of the key's type as a Datum. */
static Datum
key_datum(Oid type, int64 key)
{
	switch (type)
	{
		case INT2OID:
			return Int16GetDatum((int16) key);
		case INT4OID:
			return Int32GetDatum((int32) key);
		default:
			return Int64GetDatum(key);
	}
}

/* The parameter for n keys: a scalar, or an array. */
static Datum
keys_parameter(Oid type, const int64 *keys, int n)
{
	Datum *elements;
	int16 typlen;
	bool typbyval;
	char typalign;

	if (n == 1)
		return key_datum(type, keys[0]);
	get_typlenbyvalalign(type, &typlen, &typbyval, &typalign);
	elements = palloc(n * sizeof(Datum));
	for (int i = 0; i < n; i++)
		elements[i] = key_datum(type, keys[i]);
	return PointerGetDatum(
		construct_array(elements, n, type, typlen, typbyval, typalign));
}

/*
 * Runs "<sql> WHERE <column> = $1" for the keys under the snapshot; results
 * in SPI_tuptable.
 */
static void
run_for_keys(TviewDesc *desc, Snapshot snapshot, const char *sql,
			 const char *column, const int64 *keys, int n)
{
	Oid type = n == 1 ? desc->keytype : get_array_type(desc->keytype);
	Datum value = keys_parameter(desc->keytype, keys, n);
	StringInfoData text;
	SPIPlanPtr plan;
	int result;

	initStringInfo(&text);
	appendStringInfo(&text, "%s WHERE %s OPERATOR(pg_catalog.=) %s", sql,
					 column, n == 1 ? "$1" : "ANY ($1)");
	plan = tview_query_prepare(desc, text.data, 1, &type);
	result = SPI_execute_snapshot(plan, &value, NULL, snapshot, InvalidSnapshot,
								  true, false, 0);
	if (result != SPI_OK_SELECT)
		elog(ERROR, "could not execute \"%s\": %s", text.data,
			 SPI_result_code_string(result));
}

/* Takes over the view's rows. */
static void
collect_rows(TviewDesc *desc, TviewComputed *computed, int n)
{
	SPITupleTable *table = SPI_tuptable;

	for (uint64 i = 0; i < table->numvals; i++)
	{
		bool isnull;
		Datum value =
			heap_getattr(table->vals[i], desc->key, table->tupdesc, &isnull);
		TviewComputed *one = isnull
			? NULL
			: find_key(computed, n, tview_meta_integer(desc->keytype, value));

		if (one == NULL)
			continue;
		if (one->rows == NULL)
			one->rows = palloc(sizeof(MinimalTuple));
		else
			one->rows =
				repalloc(one->rows, (one->nrows + 1) * sizeof(MinimalTuple));
		one->rows[one->nrows++] = minimal_tuple_from_heap_tuple(table->vals[i]);
	}
}

/* Takes over the tag query's rows. */
static void
collect_tags(TviewDesc *desc, TviewComputed *computed, int n)
{
	SPITupleTable *table = SPI_tuptable;
	int natts = table->tupdesc->natts;
	Datum *values = palloc(natts * sizeof(Datum));
	bool *nulls = palloc(natts * sizeof(bool));

	for (uint64 i = 0; i < table->numvals; i++)
	{
		TviewComputed *one;

		heap_deform_tuple(table->vals[i], table->tupdesc, values, nulls);
		one = nulls[0] ? NULL
					   : find_key(computed, n,
								  tview_meta_integer(desc->keytype, values[0]));
		if (one == NULL)
			continue;
		one->root_exists = true;
		tview_tags_add(desc, one, values, nulls);
	}
}

TviewComputed *
tview_compute_keys(TviewDesc *desc, Snapshot snapshot, const int64 *keys, int n,
				   bool with_tags)
{
	MemoryContext result_context = CurrentMemoryContext;
	TviewComputed *computed = palloc0(Max(n, 1) * sizeof(TviewComputed));
	TviewIdentity saved;
	MemoryContext old;

	for (int i = 0; i < n; i++)
		computed[i].key = keys[i];
	if (n == 0)
		return computed;
	tview_query_enter(desc, &saved);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	run_for_keys(desc, snapshot, desc->view_query,
				 psprintf("v.%s", desc->key_name), keys, n);
	tview_query_check_columns(desc, SPI_tuptable->tupdesc, NULL);
	old = MemoryContextSwitchTo(result_context);
	collect_rows(desc, computed, n);
	MemoryContextSwitchTo(old);
	if (with_tags)
	{
		SPI_freetuptable(SPI_tuptable);
		run_for_keys(desc, snapshot, tview_tags_query(desc), "q.key", keys, n);
		old = MemoryContextSwitchTo(result_context);
		collect_tags(desc, computed, n);
		MemoryContextSwitchTo(old);
	}
	SPI_finish();
	tview_query_leave(&saved);
	return computed;
}

/* What tview_compute_keys is asked for under a guard. */
typedef struct Attempt
{
	TviewDesc *desc;
	Snapshot snapshot;
	const int64 *keys;
	int n;
	bool with_tags;
	TviewComputed *computed;
} Attempt;

static void
attempt(void *arg)
{
	Attempt *it = arg;

	it->computed = tview_compute_keys(it->desc, it->snapshot, it->keys, it->n,
									  it->with_tags);
}

TviewComputed *
tview_compute_try(TviewDesc *desc, Snapshot snapshot, const int64 *keys, int n,
				  bool with_tags)
{
	Attempt it = {desc, snapshot, keys, n, with_tags, NULL};

	return tview_guard_run(attempt, &it) ? it.computed : NULL;
}

/* A copy of words, NULL for none. */
static uint64 *
copy_words(const uint64 *words, int n)
{
	uint64 *copy = n > 0 ? palloc(n * sizeof(uint64)) : NULL;

	if (n > 0)
		memcpy(copy, words, n * sizeof(uint64));
	return copy;
}

void
tview_compute_item(const TviewComputed *computed, TviewFillItem *item)
{
	memset(item, 0, sizeof(TviewFillItem));
	item->key = computed->key;
	item->root_exists = computed->root_exists;
	item->storable = computed->nrows <= 1;
	if (computed->nrows == 1)
		item->tuple = heap_copy_minimal_tuple(computed->rows[0]);
	item->ntags = computed->ntags;
	item->tags = copy_words(computed->tags, computed->ntags);
	item->nlookups = computed->nlookups;
	item->lookups = copy_words(computed->lookups, computed->nlookups);
}

bool
tview_compute_same_row(const TviewDesc *desc, MinimalTuple a, MinimalTuple b)
{
	TupleDesc tupdesc = desc->tupdesc;
	int natts = tupdesc->natts;
	Datum *x = palloc(natts * sizeof(Datum));
	Datum *y = palloc(natts * sizeof(Datum));
	bool *null_x = palloc(natts * sizeof(bool));
	bool *null_y = palloc(natts * sizeof(bool));

	heap_deform_tuple(heap_tuple_from_minimal_tuple(a), tupdesc, x, null_x);
	heap_deform_tuple(heap_tuple_from_minimal_tuple(b), tupdesc, y, null_y);
	for (int i = 0; i < natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(tupdesc, i);

		if (null_x[i] != null_y[i])
			return false;
		if (!null_x[i] &&
			!datum_image_eq(x[i], y[i], att->attbyval, att->attlen))
			return false;
	}
	return true;
}
