/*
 * compute.c
 *		Computes rows and tags of given keys; see compute.h.
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "compat.h"
#include "compute/compute.h"
#include "compute/guard.h"
#include "compute/query.h"
#include "compute/tags.h"
#include "lib/stringinfo.h"
#include "utils/array.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

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

/* Prepares a query of the keys: "<sql> WHERE <column> = $1". */
static SPIPlanPtr
prepare_for_keys(TviewDesc *desc, TviewQueryKind kind, Oid type)
{
	bool tags =
		kind == TVIEW_QUERY_ROW_TAGS || kind == TVIEW_QUERY_ROWS_TAGS;
	bool one = kind == TVIEW_QUERY_ROW || kind == TVIEW_QUERY_ROW_TAGS;
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfo(&text, "%s WHERE %s%s OPERATOR(pg_catalog.=) %s",
					 tags ? tview_tags_query(desc) : desc->view_query,
					 tags ? "q." : "v.", tags ? "key" : desc->key_name,
					 one ? "$1" : "ANY ($1)");
	return tview_query_make(desc, kind, text.data, type, one);
}

/* Receives rows of the view or of the tag query. */
typedef struct KeyReceiver
{
	DestReceiver pub;
	TviewDesc *desc;
	MemoryContext context; /* of the results */
	TviewComputed *computed;
	int n;
	/* a row of the tag query, to be put together from the view's; or NULL */
	Datum *values;
	bool *nulls;
} KeyReceiver;

/* The key that a row is of, or NULL. */
static TviewComputed *
receiving_key(KeyReceiver *receiver, TupleTableSlot *slot, AttrNumber attno)
{
	bool isnull;
	Datum value = slot_getattr(slot, attno, &isnull);

	return isnull
		? NULL
		: find_key(receiver->computed, receiver->n,
				   tview_meta_integer(receiver->desc->keytype, value));
}

/* Tells the tags from a row of the view: see meta/rowtag.h. */
static void
tags_from_row(KeyReceiver *receiver, TviewComputed *one, TupleTableSlot *slot)
{
	TviewDesc *desc = receiver->desc;
	int column = 1;

	receiver->nulls[0] = false;
	for (int i = 0; i < desc->ntagspecs; i++, column++)
		receiver->values[column] = slot_getattr(slot, desc->row_tags[i],
												&receiver->nulls[column]);
	for (int i = 0; i < desc->nlookups; i++, column++)
		receiver->values[column] = slot_getattr(slot, desc->lookups[i].attno,
												&receiver->nulls[column]);
	one->root_exists = true;
	tview_tags_add(desc, one, receiver->values, receiver->nulls);
}

/* Takes over a row of the view. */
static bool
receive_row(TupleTableSlot *slot, DestReceiver *self)
{
	KeyReceiver *receiver = (KeyReceiver *) self;
	MemoryContext old = MemoryContextSwitchTo(receiver->context);
	TviewComputed *one =
		receiving_key(receiver, slot, receiver->desc->key);

	if (one)
	{
		if (one->rows == NULL)
			one->rows = palloc(sizeof(MinimalTuple));
		else
			one->rows =
				repalloc(one->rows, (one->nrows + 1) * sizeof(MinimalTuple));
		one->rows[one->nrows++] = ExecCopySlotMinimalTuple(slot);
		if (receiver->values)
			tags_from_row(receiver, one, slot);
	}
	MemoryContextSwitchTo(old);
	return true;
}

/* Takes over a row of the tag query. */
static bool
receive_tags(TupleTableSlot *slot, DestReceiver *self)
{
	KeyReceiver *receiver = (KeyReceiver *) self;
	MemoryContext old = MemoryContextSwitchTo(receiver->context);
	TviewComputed *one = receiving_key(receiver, slot, 1);

	if (one)
	{
		slot_getallattrs(slot);
		one->root_exists = true;
		tview_tags_add(receiver->desc, one, slot->tts_values,
					   slot->tts_isnull);
	}
	MemoryContextSwitchTo(old);
	return true;
}

/* Before the first row of the view. */
static void
start_rows(DestReceiver *self, int operation, TupleDesc tupdesc)
{
	tview_query_check_columns(((KeyReceiver *) self)->desc, tupdesc,
							  NULL);
}

static void
start_tags(DestReceiver *self, int operation, TupleDesc tupdesc)
{
}

static void
receive_end(DestReceiver *self)
{
}

/* Runs the view or the tag query for n keys. */
static void
run_for_keys(KeyReceiver *receiver, Snapshot snapshot, bool tags,
			 const int64 *keys, int n)
{
	TviewDesc *desc = receiver->desc;
	Oid type = n == 1 ? desc->keytype : get_array_type(desc->keytype);
	TviewQueryKind kind = n == 1
		? (tags ? TVIEW_QUERY_ROW_TAGS : TVIEW_QUERY_ROW)
		: (tags ? TVIEW_QUERY_ROWS_TAGS : TVIEW_QUERY_ROWS);
	SPIPlanPtr plan = tview_query_find(desc, kind);

	if (plan == NULL)
		plan = prepare_for_keys(desc, kind, type);
	receiver->pub.rStartup = tags ? start_tags : start_rows;
	receiver->pub.receiveSlot = tags ? receive_tags : receive_row;
	tview_query_run(plan, snapshot, type,
					keys_parameter(desc->keytype, keys, n), &receiver->pub);
}

/* Runs the tag query for the keys whose tags are not known yet. */
static void
complete_tags(KeyReceiver *receiver, Snapshot snapshot)
{
	int64 *keys = palloc(receiver->n * sizeof(int64));
	int n = 0;

	for (int i = 0; i < receiver->n; i++)
		if (!receiver->computed[i].root_exists)
			keys[n++] = receiver->computed[i].key;
	if (n > 0)
		run_for_keys(receiver, snapshot, true, keys, n);
}

TviewComputed *
tview_compute_keys(TviewDesc *desc, Snapshot snapshot, const int64 *keys, int n,
				   bool with_tags)
{
	KeyReceiver receiver = {
		.pub = {.rShutdown = receive_end,
				.rDestroy = receive_end,
				.mydest = DestNone},
		.desc = desc,
		.context = CurrentMemoryContext,
		.computed = palloc0(Max(n, 1) * sizeof(TviewComputed)),
		.n = n,
	};
	TviewIdentity saved;

	for (int i = 0; i < n; i++)
		receiver.computed[i].key = keys[i];
	if (n == 0)
		return receiver.computed;
	if (with_tags && desc->row_tags)
	{
		int columns = 1 + desc->ntagspecs + desc->nlookups;

		receiver.values = palloc0(columns * sizeof(Datum));
		receiver.nulls = palloc0(columns * sizeof(bool));
	}
	tview_query_enter(desc, &saved);
	run_for_keys(&receiver, snapshot, false, keys, n);
	if (with_tags)
		complete_tags(&receiver, snapshot);
	tview_query_leave(&saved);
	return receiver.computed;
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
		item->tuple = tview_compat_copy_tuple(computed->rows[0]);
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
