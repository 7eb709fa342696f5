/*
 * compute.c
 *		Computes rows and tags of given keys; see compute.h.
 */
#include "postgres.h"

#include "cache/row.h"
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

/*
 * From so many keys on a list is planned for itself: a plan for any list takes
 * it for a short one, and looks rows up one by one.
 */
#define MANY_KEYS 256

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

Datum
tview_compute_key_datum(const TviewDesc *desc, int64 key)
{
	return key_datum(desc->keytype, key);
}

/* An array of keys as a Datum. */
static Datum
keys_datum(Oid type, const int64 *keys, int n)
{
	Datum *elements = palloc(Max(n, 1) * sizeof(Datum));
	int16 typlen;
	bool typbyval;
	char typalign;

	get_typlenbyvalalign(type, &typlen, &typbyval, &typalign);
	for (int i = 0; i < n; i++)
		elements[i] = key_datum(type, keys[i]);
	return PointerGetDatum(
		construct_array(elements, n, type, typlen, typbyval, typalign));
}

/* How the keys are asked for. */
typedef enum Way
{
	WAY_ONE,
	WAY_SEVERAL, /* a list of any length may get the same plan */
	WAY_MANY,
	WAY_RANGE
} Way;

/* What is asked for: keys; in a range, but for the holes. */
typedef struct Wish
{
	const int64 *keys;
	int n;
	bool is_range;
	const int64 *holes;
	int nholes;
} Wish;

static Way
choose_way(const Wish *wish)
{
	if (wish->n == 1)
		return WAY_ONE;
	if (wish->is_range)
		return WAY_RANGE;
	return wish->n < MANY_KEYS ? WAY_SEVERAL : WAY_MANY;
}

static const struct
{
	TviewQueryKind rows;
	TviewQueryKind tags;
	int options; /* PostgreSQL's, of the plan */
} ways[] = {
	[WAY_ONE] = {TVIEW_QUERY_ROW, TVIEW_QUERY_ROW_TAGS,
				 CURSOR_OPT_GENERIC_PLAN},
	[WAY_SEVERAL] = {TVIEW_QUERY_ROWS, TVIEW_QUERY_ROWS_TAGS, 0},
	[WAY_MANY] = {TVIEW_QUERY_MANY, TVIEW_QUERY_MANY_TAGS,
				  CURSOR_OPT_CUSTOM_PLAN},
	[WAY_RANGE] = {TVIEW_QUERY_RANGE, TVIEW_QUERY_RANGE_TAGS,
				   CURSOR_OPT_CUSTOM_PLAN},
};

/* Prepares a query of the keys: "<sql> WHERE <column> ...", as the way has it. */
static SPIPlanPtr
prepare_for_keys(TviewDesc *desc, Way way, bool tags, int nargs,
				 const Oid *types)
{
	const char *column =
		tags ? "q.key" : psprintf("v.%s", desc->key_name);
	const char *select = tags ? tview_tags_query(desc) : desc->view_query;
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfo(&text, "%s WHERE %s OPERATOR(pg_catalog.", select,
					 column);
	if (way == WAY_RANGE)
		appendStringInfo(&text,
						 ">=) $1 AND %s OPERATOR(pg_catalog.<=) $2"
						 " AND %s OPERATOR(pg_catalog.<>) ALL ($3)",
						 column, column);
	else
		appendStringInfoString(&text, way == WAY_ONE ? "=) $1" : "=) ANY ($1)");
	return tview_query_make(desc, tags ? ways[way].tags : ways[way].rows,
							text.data, nargs, types, ways[way].options);
}

/* Receives rows of the view or of the tag query. */
typedef struct KeyReceiver
{
	DestReceiver pub;
	TviewDesc *desc;
	MemoryContext context; /* of the results */
	TviewComputed *computed;
	int n;
	int next; /* whose row probably comes next */
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
	TviewComputed *found;
	int64 key;

	if (isnull)
		return NULL;
	key = tview_meta_integer(receiver->desc->keytype, value);
	if (receiver->next < receiver->n &&
		receiver->computed[receiver->next].key == key)
		found = &receiver->computed[receiver->next];
	else
		found = find_key(receiver->computed, receiver->n, key);
	if (found)
		receiver->next = (int) (found - receiver->computed) + 1;
	return found;
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

/* Runs the view or the tag query for the keys. */
static void
run_for_keys(KeyReceiver *receiver, Snapshot snapshot, bool tags,
			 const Wish *wish)
{
	TviewDesc *desc = receiver->desc;
	Oid keytype = desc->keytype;
	Way way = choose_way(wish);
	bool by_array = way == WAY_SEVERAL || way == WAY_MANY;
	int nargs = way == WAY_RANGE ? 3 : 1;
	Oid types[3] = {by_array ? get_array_type(keytype) : keytype, keytype};
	Datum values[3] = {0};
	SPIPlanPtr plan =
		tview_query_find(desc, tags ? ways[way].tags : ways[way].rows);

	if (by_array)
		values[0] = keys_datum(keytype, wish->keys, wish->n);
	else
		values[0] = key_datum(keytype, wish->keys[0]);
	if (way == WAY_RANGE)
	{
		values[1] = key_datum(keytype, wish->keys[wish->n - 1]);
		types[2] = get_array_type(keytype);
		values[2] = keys_datum(keytype, wish->holes, wish->nholes);
	}
	if (plan == NULL)
		plan = prepare_for_keys(desc, way, tags, nargs, types);
	receiver->pub.rStartup = tags ? start_tags : start_rows;
	receiver->pub.receiveSlot = tags ? receive_tags : receive_row;
	receiver->next = 0;
	tview_query_run(plan, snapshot, nargs, types, values, &receiver->pub);
}

/* Runs the tag query for the keys whose tags are not known yet. */
static void
complete_tags(KeyReceiver *receiver, Snapshot snapshot, const Wish *wish)
{
	int64 *keys = palloc(receiver->n * sizeof(int64));
	Wish rest = {.keys = keys};

	for (int i = 0; i < receiver->n; i++)
		if (!receiver->computed[i].root_exists)
			keys[rest.n++] = receiver->computed[i].key;
	if (rest.n == wish->n)
		run_for_keys(receiver, snapshot, true, wish);
	else if (rest.n > 0)
		run_for_keys(receiver, snapshot, true, &rest);
}

static TviewComputed *
compute_wish(TviewDesc *desc, Snapshot snapshot, const Wish *wish,
			 bool with_tags)
{
	int n = wish->n;
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
		receiver.computed[i].key = wish->keys[i];
	if (n == 0)
		return receiver.computed;
	if (with_tags && desc->row_tags)
	{
		int columns = 1 + desc->ntagspecs + desc->nlookups;

		receiver.values = palloc0(columns * sizeof(Datum));
		receiver.nulls = palloc0(columns * sizeof(bool));
	}
	tview_query_enter(desc, &saved);
	run_for_keys(&receiver, snapshot, false, wish);
	if (with_tags)
		complete_tags(&receiver, snapshot, wish);
	tview_query_leave(&saved);
	return receiver.computed;
}

TviewComputed *
tview_compute_keys(TviewDesc *desc, Snapshot snapshot, const int64 *keys, int n,
				   bool with_tags)
{
	Wish wish = {.keys = keys, .n = n};

	return compute_wish(desc, snapshot, &wish, with_tags);
}

/* What is computed under a guard. */
typedef struct Attempt
{
	TviewDesc *desc;
	Snapshot snapshot;
	Wish wish;
	bool with_tags;
	TviewComputed *computed;
} Attempt;

static void
attempt(void *arg)
{
	Attempt *it = arg;

	it->computed =
		compute_wish(it->desc, it->snapshot, &it->wish, it->with_tags);
}

/* What the attempt comes to, NULL when it raises an error. */
static TviewComputed *
run_guarded(Attempt *it)
{
	return tview_guard_run(attempt, it) ? it->computed : NULL;
}

TviewComputed *
tview_compute_try(TviewDesc *desc, Snapshot snapshot, const int64 *keys, int n,
				  bool with_tags)
{
	Attempt it = {desc, snapshot, {.keys = keys, .n = n}, with_tags, NULL};

	return run_guarded(&it);
}

TviewComputed *
tview_compute_range_try(TviewDesc *desc, Snapshot snapshot, const int64 *keys,
						int n, const int64 *holes, int nholes)
{
	Attempt it = {desc, snapshot, {keys, n, true, holes, nholes}, true, NULL};

	return run_guarded(&it);
}

TviewFillItem
tview_compute_lend_item(TviewComputed *computed)
{
	return (TviewFillItem){
		.key = computed->key,
		.root_exists = computed->root_exists,
		.storable = computed->nrows <= 1,
		.tuple = computed->nrows == 1 ? computed->rows[0] : NULL,
		.ntags = computed->ntags,
		.tags = computed->tags,
		.nlookups = computed->nlookups,
		.lookups = computed->lookups,
	};
}

void
tview_compute_item(const TviewComputed *computed, TviewFillItem *item)
{
	TviewComputed lender = *computed;

	*item = tview_compute_lend_item(&lender);
	if (item->tuple)
		item->tuple = tview_compat_copy_tuple(item->tuple);
	item->tags = tview_row_copy_words(item->tags, item->ntags);
	item->lookups = tview_row_copy_words(item->lookups, item->nlookups);
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

		/* a row that was stored before still has its value */
		if (att->attisdropped)
			continue;
		if (null_x[i] != null_y[i])
			return false;
		if (!null_x[i] &&
			!datum_image_eq(x[i], y[i], att->attbyval, att->attlen))
			return false;
	}
	return true;
}
