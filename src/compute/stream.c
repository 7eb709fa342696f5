/*
 * stream.c
 *		Streams over a view and over its tag query; see compute.h.
 *
 * A stream is an executor run of its own, in batches, and not an SPI portal:
 * what it holds belongs to the resource owner that is current when it is
 * opened (the outer portal's), so that a cursor on a TVIEW survives a
 * savepoint in which it was first fetched from.
 *
 * A guarded stream has a resource owner of its own below that one.  When the
 * view raises an error, the subtransaction of the guard sets everything back
 * that belongs to a transaction, and the owner gives up what the executor
 * holds, which is not shut down then: PostgreSQL does the same to a portal
 * that has failed.
 */
#include "postgres.h"

#include "cache/row.h"
#include "catalog/pg_type_d.h"
#include "compat.h"
#include "compute/compute.h"
#include "compute/guard.h"
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
	int flags;
	ResourceOwner owner;
	bool failed; /* what the executor held is given up */
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
start_query(TviewStream *stream, const char *sql, const TviewStreamQuery *query)
{
	int nparams = query->nparams;
	SPIPlanPtr prepared;
	CachedPlanSource *source;
	ParamListInfo params = NULL;

	prepared = tview_query_prepare(stream->desc, sql, nparams, query->types);
	source = (CachedPlanSource *) linitial(SPI_plan_get_plan_sources(prepared));
	if (nparams > 0)
	{
		params = makeParamList(nparams);
		for (int i = 0; i < nparams; i++)
		{
			params->params[i].value = query->values[i];
			params->params[i].isnull = false;
			params->params[i].pflags = PARAM_FLAG_CONST;
			params->params[i].ptype = query->types[i];
		}
	}
	stream->plan = GetCachedPlan(source, params, stream->owner, NULL);
	stream->query =
		CreateQueryDesc(linitial_node(PlannedStmt, stream->plan->stmt_list),
						sql, stream->snapshot, InvalidSnapshot,
						&stream->receiver.pub, params, NULL, 0);
	ExecutorStart(stream->query, 0);
}

/* Ends the owner of a guarded stream. */
static void
end_owner(TviewStream *stream)
{
	bool good = !stream->failed;

	if (!(stream->flags & TVIEW_STREAM_GUARDED))
		return;
	ResourceOwnerRelease(stream->owner, RESOURCE_RELEASE_BEFORE_LOCKS, good,
						 false);
	ResourceOwnerRelease(stream->owner, RESOURCE_RELEASE_LOCKS, good, false);
	ResourceOwnerRelease(stream->owner, RESOURCE_RELEASE_AFTER_LOCKS, good,
						 false);
	ResourceOwnerDelete(stream->owner);
	stream->owner = NULL;
}

/* Does a part of the stream's work, under a guard if it has one. */
static void
run_guarded(TviewStream *stream, void (*work)(void *), void *arg)
{
	if (!(stream->flags & TVIEW_STREAM_GUARDED))
		work(arg);
	else if (!tview_guard_run(work, arg))
	{
		stream->failed = stream->finished = true;
		stream->nrows = stream->next = 0;
		end_owner(stream);
	}
}

typedef struct Opening
{
	TviewStream *stream;
	const char *sql;
	const TviewStreamQuery *query;
	bool of_view; /* and not of the tag query */
} Opening;

static void
open_query(void *arg)
{
	Opening *opening = arg;
	TviewStream *stream = opening->stream;
	ResourceOwner outer = CurrentResourceOwner;
	TviewIdentity saved;

	tview_query_enter(stream->desc, &saved);
	PushActiveSnapshot(stream->snapshot);
	CurrentResourceOwner = stream->owner;
	start_query(stream, opening->sql, opening->query);
	CurrentResourceOwner = outer;
	if (opening->of_view)
		tview_query_check_columns(stream->desc, stream->query->tupDesc,
								  opening->query->columns);
	PopActiveSnapshot();
	tview_query_leave(&saved);
}

/* Opens a stream over any query of the TVIEW; sql is its text. */
static TviewStream *
open_stream(TviewDesc *desc, Snapshot snapshot, const char *sql,
			const TviewStreamQuery *query, bool of_view)
{
	MemoryContext context = AllocSetContextCreate(
		CurrentMemoryContext, "tview stream", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	TviewStream *stream = palloc0(sizeof(TviewStream));
	Opening opening = {stream, sql, query, of_view};

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
	stream->flags = query->flags;
	stream->owner = CurrentResourceOwner;
	if (stream->flags & TVIEW_STREAM_GUARDED)
		stream->owner = ResourceOwnerCreate(CurrentResourceOwner, "tview stream");
	run_guarded(stream, open_query, &opening);
	MemoryContextSwitchTo(old);
	return stream;
}

TviewStream *
tview_stream_open(TviewDesc *desc, Snapshot snapshot,
				  const TviewStreamQuery *query)
{
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfoString(&sql, tview_query_columns(desc, query->columns));
	if (query->where)
		appendStringInfo(&sql, " WHERE %s", query->where);
	if (query->direction != 0)
		appendStringInfo(&sql, " ORDER BY v.%s %s", desc->key_name,
						 query->direction > 0 ? "ASC" : "DESC");
	return open_stream(desc, snapshot, sql.data, query, true);
}

static void
run_query(void *arg)
{
	TviewStream *stream = arg;
	ResourceOwner outer = CurrentResourceOwner;
	TviewIdentity saved;

	tview_query_enter(stream->desc, &saved);
	PushActiveSnapshot(stream->snapshot);
	if (stream->flags & TVIEW_STREAM_GUARDED)
		CurrentResourceOwner = stream->owner;
	tview_compat_run(stream->query, stream->batch_rows, false);
	CurrentResourceOwner = outer;
	PopActiveSnapshot();
	tview_query_leave(&saved);
}

/* Runs the executor for the next batch. */
static void
fill_batch(TviewStream *stream)
{
	MemoryContext old = MemoryContextSwitchTo(stream->context);

	MemoryContextReset(stream->batch_context);
	stream->nrows = stream->next = 0;
	stream->bytes = 0;
	run_guarded(stream, run_query, stream);
	MemoryContextSwitchTo(old);
	if ((uint64) stream->nrows < stream->batch_rows)
		stream->finished = true;
	else if (!(stream->flags & TVIEW_STREAM_SINGLE) &&
			 stream->bytes * 4 < BATCH_BYTES_MAX &&
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

bool
tview_stream_failed(const TviewStream *stream)
{
	return stream->failed;
}

void
tview_stream_close(TviewStream *stream)
{
	TviewIdentity saved;
	ResourceOwner outer = CurrentResourceOwner;

	if (!stream->failed)
	{
		tview_query_enter(stream->desc, &saved);
		if (stream->flags & TVIEW_STREAM_GUARDED)
			CurrentResourceOwner = stream->owner;
		ExecutorFinish(stream->query);
		ExecutorEnd(stream->query);
		FreeQueryDesc(stream->query);
		CurrentResourceOwner = outer;
		tview_query_leave(&saved);
		ReleaseCachedPlan(stream->plan, stream->owner);
		end_owner(stream);
	}
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

/* The key in a row at the attribute; 0 where it is NULL. */
static int64
tuple_key(MinimalTuple tuple, TupleDesc tupdesc, AttrNumber attno, Oid type,
		  bool *isnull)
{
	HeapTupleData heap = tview_row_heap_tuple(tuple);
	Datum value = heap_getattr(&heap, attno, tupdesc, isnull);

	if (*isnull)
		return 0;
	return tview_meta_integer(type, value);
}

int64
tview_compute_key_of(const TviewDesc *desc, MinimalTuple row, bool *isnull)
{
	return tuple_key(row, desc->tupdesc, desc->key, desc->keytype, isnull);
}

/* Moves to the view's next row that has a key. */
static void
next_row(TviewBuild *build, int64 *key)
{
	bool isnull = true;

	while (isnull && (build->row = tview_stream_next(build->rows)) != NULL)
		*key = tview_compute_key_of(build->desc, build->row, &isnull);
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
tview_build_open(TviewDesc *desc, Snapshot snapshot, int flags)
{
	TviewBuild *build = palloc0(sizeof(TviewBuild));
	TviewStreamQuery query = {.direction = 1, .flags = flags};
	int64 ignored;

	build->desc = desc;
	build->context = AllocSetContextCreate(CurrentMemoryContext, "tview build",
										   ALLOCSET_DEFAULT_SIZES);
	build->rows = tview_stream_open(desc, snapshot, &query);
	build->tags = open_stream(
		desc, snapshot, psprintf("%s ORDER BY q.key", tview_tags_query(desc)),
		&query, false);
	if (tview_build_failed(build))
		return build;
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
	HeapTupleData heap = tview_row_heap_tuple(build->tag);

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
	computed->rows[computed->nrows++] = tview_compat_copy_tuple(build->row);
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

	if ((build->row == NULL && build->tag == NULL) || tview_build_failed(build))
		return NULL;
	if (build->row)
		row_key = tview_compute_key_of(desc, build->row, &isnull);
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
	/* the key at hand may lack a row or a tag then */
	return tview_build_failed(build) ? NULL : computed;
}

bool
tview_build_failed(const TviewBuild *build)
{
	return build->rows->failed || build->tags->failed;
}

void
tview_build_close(TviewBuild *build)
{
	tview_stream_close(build->rows);
	tview_stream_close(build->tags);
	MemoryContextDelete(build->context);
	pfree(build);
}
