/*
 * stream.c
 *		Streams over a view and over its tag query; see compute.h.
 *
 * A stream is an executor run of its own, in batches, and not an SPI portal:
 * what it holds belongs to the resource owner that is current when it is
 * opened (the outer portal's), so that a cursor on a TVIEW survives a
 * savepoint in which it was first fetched from.
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "compute/compute.h"
#include "compute/query.h"
#include "compute/tags.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "tcop/dest.h"
#include "utils/memutils.h"
#include "utils/plancache.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"

#define BATCH_ROWS_MAX 256
#define BATCH_BYTES_MAX (256 * 1024)

/* Receives rows into the batch. */
typedef struct BatchReceiver
{
	DestReceiver pub;
	TviewStream *stream;
} BatchReceiver;

struct TviewStream
{
	MemoryContext context;
	MemoryContext batch_context;
	TviewDesc *desc;
	Snapshot snapshot; /* registered */
	ResourceOwner owner;
	CachedPlan *plan;
	QueryDesc *query;
	BatchReceiver receiver;
	MinimalTuple *rows;
	Size bytes;
	int nrows;
	int next;
	uint64 batch_rows; /* grows, so that a LIMIT costs little */
	bool finished;
};

static bool
receive_row(TupleTableSlot *slot, DestReceiver *self)
{
	TviewStream *stream = ((BatchReceiver *) self)->stream;
	MemoryContext old = MemoryContextSwitchTo(stream->batch_context);
	MinimalTuple tuple = ExecCopySlotMinimalTuple(slot);

	stream->rows[stream->nrows++] = tuple;
	stream->bytes += tuple->t_len;
	MemoryContextSwitchTo(old);
	return true;
}

static void
receive_start(DestReceiver *self, int operation, TupleDesc tupdesc)
{
}

static void
receive_end(DestReceiver *self)
{
}

/*
 * Plans the query and starts the executor; everything is owned by the current
 * resource owner.
 */
static void
start_query(TviewStream *stream, const char *sql, int nparams, const Oid *types,
			const Datum *values, const bool *nulls)
{
	SPIPlanPtr prepared;
	CachedPlanSource *source;
	ParamListInfo params = NULL;

	prepared = tview_query_prepare(stream->desc, sql, nparams, types);
	source = (CachedPlanSource *) linitial(SPI_plan_get_plan_sources(prepared));
	if (nparams > 0)
	{
		params = makeParamList(nparams);
		for (int i = 0; i < nparams; i++)
		{
			params->params[i].value = values[i];
			params->params[i].isnull = nulls ? nulls[i] : false;
			params->params[i].pflags = PARAM_FLAG_CONST;
			params->params[i].ptype = types[i];
		}
	}
	stream->owner = CurrentResourceOwner;
	stream->plan = GetCachedPlan(source, params, stream->owner, NULL);
	stream->query =
		CreateQueryDesc(linitial_node(PlannedStmt, stream->plan->stmt_list),
						sql, stream->snapshot, InvalidSnapshot,
						&stream->receiver.pub, params, NULL, 0);
	ExecutorStart(stream->query, 0);
}

/* Opens a stream over any query of the TVIEW. */
static TviewStream *
open_stream(TviewDesc *desc, Snapshot snapshot, const char *sql, int nparams,
			const Oid *types, const Datum *values, const bool *nulls)
{
	MemoryContext context = AllocSetContextCreate(
		CurrentMemoryContext, "tview stream", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	TviewStream *stream = palloc0(sizeof(TviewStream));
	TviewIdentity saved;

	stream->context = context;
	stream->batch_context = AllocSetContextCreate(context, "tview stream batch",
												  ALLOCSET_DEFAULT_SIZES);
	stream->desc = desc;
	stream->snapshot = snapshot;
	stream->rows = palloc(BATCH_ROWS_MAX * sizeof(MinimalTuple));
	stream->batch_rows = 1;
	stream->receiver.pub.receiveSlot = receive_row;
	stream->receiver.pub.rStartup = receive_start;
	stream->receiver.pub.rShutdown = receive_end;
	stream->receiver.pub.rDestroy = receive_end;
	stream->receiver.pub.mydest = DestNone;
	stream->receiver.stream = stream;
	tview_query_enter(desc, &saved);
	PushActiveSnapshot(snapshot);
	start_query(stream, sql, nparams, types, values, nulls);
	PopActiveSnapshot();
	tview_query_leave(&saved);
	MemoryContextSwitchTo(old);
	return stream;
}

TviewStream *
tview_stream_open(TviewDesc *desc, Snapshot snapshot, const char *where,
				  int nparams, const Oid *types, const Datum *values,
				  const bool *nulls, int direction)
{
	TviewStream *stream;
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfoString(&sql, desc->view_query);
	if (where)
		appendStringInfo(&sql, " WHERE %s", where);
	if (direction != 0)
		appendStringInfo(&sql, " ORDER BY v.%s %s", desc->key_name,
						 direction > 0 ? "ASC" : "DESC");
	stream =
		open_stream(desc, snapshot, sql.data, nparams, types, values, nulls);
	tview_query_check_columns(desc, stream->query->tupDesc);
	return stream;
}

/* Runs the executor for the next batch. */
static void
fill_batch(TviewStream *stream)
{
	TviewIdentity saved;
	MemoryContext old = MemoryContextSwitchTo(stream->context);

	MemoryContextReset(stream->batch_context);
	stream->nrows = stream->next = 0;
	stream->bytes = 0;
	tview_query_enter(stream->desc, &saved);
	PushActiveSnapshot(stream->snapshot);
	ExecutorRun(stream->query, ForwardScanDirection, stream->batch_rows, false);
	PopActiveSnapshot();
	tview_query_leave(&saved);
	MemoryContextSwitchTo(old);
	if ((uint64) stream->nrows < stream->batch_rows)
		stream->finished = true;
	else if (stream->bytes * 4 < BATCH_BYTES_MAX &&
			 stream->batch_rows * 4 <= BATCH_ROWS_MAX)
		stream->batch_rows *= 4;
}

MinimalTuple
tview_stream_next(TviewStream *stream)
{
	if (stream->next == stream->nrows)
	{
		if (stream->finished)
			return NULL;
		fill_batch(stream);
		if (stream->nrows == 0)
			return NULL;
	}
	return stream->rows[stream->next++];
}

void
tview_stream_close(TviewStream *stream)
{
	TviewIdentity saved;

	tview_query_enter(stream->desc, &saved);
	ExecutorFinish(stream->query);
	ExecutorEnd(stream->query);
	FreeQueryDesc(stream->query);
	tview_query_leave(&saved);
	ReleaseCachedPlan(stream->plan, stream->owner);
	MemoryContextDelete(stream->context);
}

/*
 * ---- builds: the view and the tag query side by side, both in key order
 * ----
 */

struct TviewBuild
{
	TviewDesc *desc;
	MemoryContext context; /* of the key at hand */
	TviewStream *rows;
	TviewStream *tags;
	TupleDesc tags_desc;
	MinimalTuple row; /* the view's next row */
	MinimalTuple tag; /* the tag query's next row */
	Datum *values;
	bool *nulls;
};

/* The key in a row at the attribute, PG_INT64_MAX + "none" for NULL rows. */
static int64
tuple_key(MinimalTuple tuple, TupleDesc tupdesc, AttrNumber attno, Oid type,
		  bool *isnull)
{
	HeapTupleData heap;
	Datum value;

	heap.t_len = tuple->t_len + MINIMAL_TUPLE_OFFSET;
	heap.t_data = (HeapTupleHeader) ((char *) tuple - MINIMAL_TUPLE_OFFSET);
	value = heap_getattr(&heap, attno, tupdesc, isnull);
	if (*isnull)
		return 0;
	return tview_meta_integer(type, value);
}

/* Moves to the view's next row that has a key. */
static void
next_row(TviewBuild *build, int64 *key)
{
	bool isnull = true;

	while (isnull && (build->row = tview_stream_next(build->rows)) != NULL)
		*key = tuple_key(build->row, build->desc->tupdesc, build->desc->key,
						 build->desc->keytype, &isnull);
}

static void
next_tag(TviewBuild *build, int64 *key)
{
	bool isnull = true;

	while (isnull && (build->tag = tview_stream_next(build->tags)) != NULL)
		*key = tuple_key(build->tag, build->tags_desc, 1, build->desc->keytype,
						 &isnull);
}

TviewBuild *
tview_build_open(TviewDesc *desc, Snapshot snapshot)
{
	TviewBuild *build = palloc0(sizeof(TviewBuild));
	int64 ignored;

	build->desc = desc;
	build->context = AllocSetContextCreate(CurrentMemoryContext, "tview build",
										   ALLOCSET_DEFAULT_SIZES);
	build->rows =
		tview_stream_open(desc, snapshot, NULL, 0, NULL, NULL, NULL, 1);
	build->tags = open_stream(
		desc, snapshot, psprintf("%s ORDER BY q.key", tview_tags_query(desc)),
		0, NULL, NULL, NULL);
	build->tags_desc = build->tags->query->tupDesc;
	build->values = palloc(build->tags_desc->natts * sizeof(Datum));
	build->nulls = palloc(build->tags_desc->natts * sizeof(bool));
	next_row(build, &ignored);
	next_tag(build, &ignored);
	return build;
}

/* Deforms the tag query's row at hand and adds its tags. */
static void
add_tags(TviewBuild *build, TviewComputed *computed)
{
	HeapTupleData heap;

	heap.t_len = build->tag->t_len + MINIMAL_TUPLE_OFFSET;
	heap.t_data =
		(HeapTupleHeader) ((char *) build->tag - MINIMAL_TUPLE_OFFSET);
	heap_deform_tuple(&heap, build->tags_desc, build->values, build->nulls);
	computed->root_exists = true;
	tview_tags_add(build->desc, computed, build->values, build->nulls);
}

static void
add_row(TviewBuild *build, TviewComputed *computed)
{
	if (computed->rows == NULL)
		computed->rows = palloc(sizeof(MinimalTuple));
	else
		computed->rows = repalloc(computed->rows,
								  (computed->nrows + 1) * sizeof(MinimalTuple));
	computed->rows[computed->nrows++] = heap_copy_minimal_tuple(build->row);
}

TviewComputed *
tview_build_next(TviewBuild *build)
{
	MemoryContext old;
	TviewComputed *computed;
	TviewDesc *desc = build->desc;
	bool isnull;
	int64 row_key = 0;
	int64 tag_key = 0;

	if (build->row == NULL && build->tag == NULL)
		return NULL;
	if (build->row)
		row_key = tuple_key(build->row, desc->tupdesc, desc->key, desc->keytype,
							&isnull);
	if (build->tag)
		tag_key =
			tuple_key(build->tag, build->tags_desc, 1, desc->keytype, &isnull);
	MemoryContextReset(build->context);
	old = MemoryContextSwitchTo(build->context);
	computed = palloc0(sizeof(TviewComputed));
	if (build->row == NULL || (build->tag && tag_key < row_key))
		computed->key = tag_key;
	else
		computed->key = row_key;
	while (build->row && row_key == computed->key)
	{
		add_row(build, computed);
		next_row(build, &row_key);
	}
	while (build->tag && tag_key == computed->key)
	{
		add_tags(build, computed);
		next_tag(build, &tag_key);
	}
	MemoryContextSwitchTo(old);
	return computed;
}

void
tview_build_close(TviewBuild *build)
{
	tview_stream_close(build->rows);
	tview_stream_close(build->tags);
	MemoryContextDelete(build->context);
	pfree(build);
}
