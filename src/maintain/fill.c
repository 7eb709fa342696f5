/*
 * fill.c
 *		See fill.h.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "cache/contents.h"
#include "cache/estimate.h"
#include "cache/handle.h"
#include "cache/reader.h"
#include "cache/stop.h"
#include "cache/writer.h"
#include "compute/compute.h"
#include "maintain/fill.h"
#include "maintain/xact.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"

#define BATCH_ROWS 1000
#define BATCH_BYTES (1024 * 1024)

/* A build under way. */
typedef struct Fill
{
	TviewDesc *desc;
	Snapshot snapshot;
	int flags;
	bool storing;  /* the store still takes rows */
	bool complete; /* it has taken all */
	MemoryContext batch_context;
	TviewFillBatch batch;
	TviewHandle *handle;
	TviewProgress *progress;
	uint64 attachment; /* of the handle, as long as which progress is there */
	int64 rows;
	/* only these keys, ascending; NULL: all */
	const int64 *wanted;
	int nwanted;
	int next; /* the first of them that has not come yet */
} Fill;

/*
 * Where progress is shown, NULL when nowhere: storing rows may open the store
 * anew, as when the server's options have changed.
 */
static TviewProgress *
progress_of(const Fill *fill)
{
	if (fill->progress == NULL || fill->handle->attachment != fill->attachment)
		return NULL;
	return fill->progress;
}

/* Copies what a key came to into the batch. */
static void
add_item(Fill *fill, const TviewComputed *computed)
{
	MemoryContext old = MemoryContextSwitchTo(fill->batch_context);

	tview_compute_item(computed, &fill->batch.items[fill->batch.n++]);
	MemoryContextSwitchTo(old);
}

static void
store_batch(Fill *fill, bool last)
{
	MemoryContext old = MemoryContextSwitchTo(fill->batch_context);
	TviewProgress *progress;

	fill->batch.flags = fill->flags | TVIEW_WRITER_WAIT;
	if (last && fill->complete)
		fill->batch.flags |= TVIEW_WRITER_COMPLETE;
	if (tview_writer_store(fill->desc, fill->snapshot, &fill->batch) !=
		TVIEW_WRITTEN)
		fill->storing = fill->complete = false;
	else
	{
		fill->rows += fill->batch.rows;
		if (fill->batch.skipped > 0 ||
			(last && !(fill->batch.flags & TVIEW_WRITER_COMPLETE)))
			fill->complete = false;
	}
	progress = progress_of(fill);
	if (progress)
		progress->rows_done = fill->rows;
	MemoryContextSwitchTo(old);
	MemoryContextReset(fill->batch_context);
	fill->batch.n = 0;
	TVIEW_STOP("build.batch");
}

/* Stores what is left of the rows, and then the index of them all. */
static void
write_bulk(Fill *fill)
{
	store_batch(fill, false);
	if (fill->storing && !tview_bulk_write(fill->batch.bulk, fill->desc))
		fill->storing = fill->complete = false;
}

/* Adds what a key came to; stores the batch when it is large enough. */
static void
add_and_store(Fill *fill, const TviewComputed *computed)
{
	add_item(fill, computed);
	if (fill->batch.n == BATCH_ROWS ||
		MemoryContextMemAllocated(fill->batch_context, true) > BATCH_BYTES)
		store_batch(fill, false);
}

/* Adds the wanted keys before this one (NULL: all), which no query knows. */
static void
add_gone(Fill *fill, const int64 *key)
{
	while (fill->storing && fill->next < fill->nwanted &&
		   (key == NULL || fill->wanted[fill->next] < *key))
	{
		TviewComputed gone = {.key = fill->wanted[fill->next++]};

		add_and_store(fill, &gone);
	}
}

/* Runs the view for the wanted keys; false when it raised an error. */
static bool
run_wanted(Fill *fill)
{
	TviewBuild *build =
		tview_build_open(fill->desc, fill->snapshot, TVIEW_STREAM_GUARDED);
	TviewComputed *computed;
	bool failed;

	while (fill->storing && (computed = tview_build_next(build)) != NULL)
	{
		CHECK_FOR_INTERRUPTS();
		add_gone(fill, &computed->key);
		if (fill->next == fill->nwanted)
			break;
		if (fill->wanted[fill->next] != computed->key)
			continue;
		fill->next++;
		add_and_store(fill, computed);
	}
	failed = tview_build_failed(build);
	if (!failed)
		add_gone(fill, NULL);
	if (fill->storing && fill->batch.n > 0)
		store_batch(fill, false);
	tview_build_close(build);
	return !failed;
}

/* Runs the build to its end, or until the store takes no more. */
static void
run_fill(Fill *fill, bool strict)
{
	TviewBuild *build = tview_build_open(fill->desc, fill->snapshot, 0);
	TviewComputed *computed;

	while (fill->storing && (computed = tview_build_next(build)) != NULL)
	{
		CHECK_FOR_INTERRUPTS();
		if (strict && computed->nrows > 1)
			ereport(
				ERROR,
				(errcode(ERRCODE_CARDINALITY_VIOLATION),
				 errmsg("view %s yields %d rows for key %s = " INT64_FORMAT,
						fill->desc->viewname, computed->nrows,
						fill->desc->key_name, computed->key),
				 errdetail(
					 "A TVIEW has at most one row for each value of its key."),
				 errhint(
					 "Change the view so that its joins do not multiply rows of the root table.")));
		add_and_store(fill, computed);
	}
	if (fill->storing && fill->batch.bulk)
		write_bulk(fill);
	if (fill->storing)
		store_batch(fill, true);
	tview_build_close(build);
}

/*
 * Empties a TVIEW whose rows may lack index entries.  Where the store is not
 * to be had any more, other sessions do not have it either: its files or the
 * server's options have changed.
 */
static void
discard_rows(const Fill *fill)
{
	const TviewDesc *desc = fill->desc;

	if (!tview_contents_clear(desc->serverid, desc->relid, false) &&
		fill->handle->store)
		tview_store_reset(fill->handle->store, "a build could not be undone");
}

int64
tview_fill_build(TviewDesc *desc, Snapshot snapshot, int flags, bool strict,
				 bool *complete)
{
	Fill fill = {.desc = desc,
				 .snapshot = snapshot,
				 .flags = flags,
				 .storing = true,
				 .complete = true};
	const char *failure;
	double expected;

	*complete = false;
	if (!tview_contents_prepare(desc, true, &fill.batch.clears))
		return 0;
	TVIEW_STOP("build.begin");
	expected = tview_estimate_rows(desc, false);
	fill.handle = tview_handle_open(desc->serverid, &failure);
	if (fill.handle == NULL)
		return 0;
	fill.attachment = fill.handle->attachment;
	fill.batch_context = AllocSetContextCreate(
		CurrentMemoryContext, "tview fill", ALLOCSET_DEFAULT_SIZES);
	fill.batch.items = palloc(BATCH_ROWS * sizeof(TviewFillItem));
	fill.progress =
		tview_store_progress_begin(fill.handle->store, desc->relid, desc->name,
								   Max(expected, 0));
	if (flags & TVIEW_WRITER_CREATING)
		fill.batch.bulk = tview_bulk_begin();
	PG_TRY();
	{
		run_fill(&fill, strict);
	}
	PG_CATCH();
	{
		if (fill.batch.bulk)
			discard_rows(&fill);
		tview_store_progress_end(progress_of(&fill));
		PG_RE_THROW();
	}
	PG_END_TRY();
	tview_store_progress_end(progress_of(&fill));
	if (fill.batch.bulk)
	{
		tview_bulk_end(fill.batch.bulk);
		if (!fill.storing)
			discard_rows(&fill);
	}
	MemoryContextDelete(fill.batch_context);
	*complete = fill.complete;
	return fill.rows;
}

TviewFilled
tview_fill_keys(TviewDesc *desc, Snapshot snapshot, const int64 *keys, int n)
{
	Fill fill = {.desc = desc,
				 .snapshot = snapshot,
				 .storing = true,
				 .complete = true,
				 .wanted = keys,
				 .nwanted = n};
	bool done;

	fill.batch_context = AllocSetContextCreate(
		CurrentMemoryContext, "tview fill", ALLOCSET_DEFAULT_SIZES);
	fill.batch.items = palloc(BATCH_ROWS * sizeof(TviewFillItem));
	done = run_wanted(&fill);
	MemoryContextDelete(fill.batch_context);
	if (!done)
		return TVIEW_FILLED_ERROR;
	if (!fill.storing)
		return TVIEW_FILLED_REFUSED;
	return fill.complete ? TVIEW_FILLED : TVIEW_FILLED_PARTLY;
}

/*
 * True when no other transaction can have changed a base, or can change it
 * now.
 */
static bool
bases_are_locked(const TviewDesc *desc)
{
	for (int i = 0; i < desc->nbases; i++)
	{
		Relation base = table_open(desc->bases[i], NoLock);
		bool locked =
			CheckRelationLockedByMe(base, ShareRowExclusiveLock, true);

		table_close(base, NoLock);
		if (!locked)
			return false;
	}
	return true;
}

static void
populate(TviewDesc *desc)
{
	Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
	bool complete;

	PushActiveSnapshot(snapshot);
	(void) tview_fill_build(desc, snapshot,
							TVIEW_WRITER_CREATING, true,
							&complete);
	PopActiveSnapshot();
	UnregisterSnapshot(snapshot);
}

/* What the error of a failed build means for the creating command. */
static void
handle_failure(const TviewDesc *desc, ErrorData *error)
{
	if (error->sqlerrcode == ERRCODE_CARDINALITY_VIOLATION ||
		error->sqlerrcode == ERRCODE_ADMIN_SHUTDOWN ||
		error->sqlerrcode == ERRCODE_CRASH_SHUTDOWN)
		ReThrowError(error);
	ereport(
		WARNING,
		(errcode(error->sqlerrcode),
		 errmsg("%s was created, but could not be filled: %s", desc->name,
				error->message),
		 errhint(
			 "Its rows are computed when they are read; tview.refresh fills it.")));
	FreeErrorData(error);
}

void
tview_fill_populate(Oid relid)
{
	TviewDesc *desc = tview_meta_get(relid, false);
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	TviewReason reason = tview_reader_check(desc, GetLatestSnapshot());

	if (reason.code != TVIEW_BYPASS_NONE && reason.code != TVIEW_BYPASS_OWN_DDL)
		return;
	if (!bases_are_locked(desc) || tview_compute_foreign_setting(desc) != NULL)
		return;
	tview_xact_drop_rows_on_abort(desc->serverid, relid);
	BeginInternalSubTransaction(NULL);
	PG_TRY();
	{
		populate(desc);
		ReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(context);
		CurrentResourceOwner = owner;
	}
	PG_CATCH();
	{
		ErrorData *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(context);
		CurrentResourceOwner = owner;
		handle_failure(desc, error);
	}
	PG_END_TRY();
}
