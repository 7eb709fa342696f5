/*
 * writer.c
 *		See writer.h.
 *
 * Everything that may allocate or throw happens before the write transaction
 * begins: the mark log is read, covers are computed, tuples are freed of
 * TOAST pointers.  The marks may be read at any time after the snapshot was
 * taken: an xid that the snapshot sees had published before.  What may change
 * until the transaction is ours - epoch, floor, definition - is checked
 * inside.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "cache/flat.h"
#include "cache/handle.h"
#include "cache/pending.h"
#include "cache/reader.h"
#include "cache/row.h"
#include "cache/state.h"
#include "cache/statement.h"
#include "cache/stop.h"
#include "meta/tag.h"
#include "cache/visibility.h"
#include "cache/writer.h"
#include "compat.h"
#include "miscadmin.h"
#include "utils/inval.h"

/*
 * So many items are worth waiting for the disk: without that they would all
 * be computed again by the next reader, and emptied when their marks settle.
 */
#define FLUSH_FROM 64

/* A row ready to be put. */
typedef struct Prepared
{
	int64 key;
	enum
	{
		PREPARED_PUT,
		PREPARED_DELETE,
		PREPARED_SKIP
	} action;
	TviewRow row;
} Prepared;

/* The xids that rows must cover for a set of tags. */
typedef struct Covers
{
	uint64 *xids;
	uint32 n;
	uint32 allocated;
} Covers;

typedef struct Writer
{
	TviewDesc *desc;
	TviewHandle *handle;
	TviewSnapshot snapshot;
	TviewPending *pending;
	uint64 head;
	int flags;
	bool bulk;	/* index entries come later */
	bool flush; /* waits for commits that are not on disk yet */
	uint32 clears;
	Covers wild; /* of marks on whole relations: every row's */
} Writer;

/* Adds an xid unless it is there; false when there are too many. */
static bool
add_cover(Covers *covers, uint64 xid)
{
	for (uint32 i = 0; i < covers->n; i++)
		if (covers->xids[i] == xid)
			return true;
	if (covers->n == TVIEW_ROW_COVERS_MAX)
		return false;
	if (covers->n == covers->allocated)
	{
		covers->allocated = Max(covers->allocated * 2, 8);
		if (covers->xids == NULL)
			covers->xids = palloc(covers->allocated * sizeof(uint64));
		else
			covers->xids =
				repalloc(covers->xids, covers->allocated * sizeof(uint64));
	}
	covers->xids[covers->n++] = xid;
	return true;
}

/*
 * Adds the xids that the snapshot sees among one tag's marks; of a relation
 * tag only those marks that have one of the flags.  False when they are too
 * many, and when one of these commits is not on disk (yet): its xid might be
 * given out again.
 */
static bool
cover_tag(Writer *writer, Covers *covers, uint64 tag, uint16 flags)
{
	const TviewMarkSet *marks = writer->handle->marks;
	const TviewMarkEntry *entry;

	for (entry = tview_markset_first(marks, tag, writer->head); entry;
		 entry = tview_markset_next(marks, entry, writer->head))
	{
		uint64 xid = entry->mark.xid;

		if (flags != 0 && !(entry->mark.flags & flags))
			continue;
		if (!tview_visibility_sees(&writer->snapshot, xid))
			continue;
		if (writer->flush ? !tview_visibility_make_flushed(xid)
						  : !tview_visibility_flushed(xid))
			return false;
		if (!add_cover(covers, xid))
			return false; /* too many */
	}
	return true;
}

/*
 * Covers the marks on whole relations.  False when nothing may be stored: own
 * changes of a whole relation, a command that is not MVCC-safe, a commit that
 * is not flushed, or more commits than a row can cover.
 */
static bool
cover_relations(Writer *writer)
{
	TviewDesc *desc = writer->desc;

	for (int i = 0; i < desc->nsources; i++)
	{
		Oid relid = desc->sources[i];
		uint64 tag = tview_tag_relation(relid);
		uint16 flags = TVIEW_MARK_ALL;
		const TviewMarkSet *marks = writer->handle->marks;
		const TviewMarkEntry *entry;

		if (tview_meta_has_relation_tag(desc, relid))
			flags |= TVIEW_MARK_TOUCH;
		if (writer->pending &&
			(tview_pending_is_all(writer->pending, relid) ||
			 ((flags & TVIEW_MARK_TOUCH) &&
			  tview_markset_first(writer->pending->marks, tag, 0))))
			return false;
		for (entry = tview_markset_first(marks, tag, writer->head); entry;
			 entry = tview_markset_next(marks, entry, writer->head))
			if ((entry->mark.flags & TVIEW_MARK_GONE) &&
				!tview_visibility_aborted(entry->mark.xid))
				return false;
		if (!cover_tag(writer, &writer->wild, tag, flags))
			return false;
	}
	return true;
}

bool
tview_writer_is_allowed(TviewDesc *desc, Snapshot snapshot)
{
	TviewSnapshot wide;
	TviewHandle *handle;
	const char *failure;

	if (tview_reader_check(desc, snapshot).code != TVIEW_BYPASS_NONE ||
		tview_statement_changes_any(desc->bases, desc->nbases))
		return false;
	handle = tview_handle_open(desc->serverid, &failure);
	if (handle == NULL)
		return false;
	if (tview_handle_is_full(handle))
		return false;
	tview_visibility_init(&wide, snapshot);
	return wide.xmin >= tview_store_floor(handle->store);
}

/* Opens the store and computes what concerns every row. */
static TviewWritten
begin_writer(Writer *writer, TviewDesc *desc, Snapshot snapshot,
			 const TviewFillBatch *batch)
{
	int flags = batch->flags;
	const char *failure;
	TviewReason reason = tview_reader_check(desc, snapshot);

	memset(writer, 0, sizeof(Writer));
	writer->desc = desc;
	writer->flags = flags;
	writer->flush = batch->n >= FLUSH_FROM;
	if (reason.code == TVIEW_BYPASS_OWN_DDL && (flags & TVIEW_WRITER_CREATING))
		reason.code = TVIEW_BYPASS_NONE;
	if (reason.code != TVIEW_BYPASS_NONE ||
		tview_statement_changes_any(desc->bases, desc->nbases))
		return TVIEW_WRITTEN_NOT_ALLOWED;
	/*
	 * as a reader does (see handle.c): in files that writers whom the snapshot
	 * sees have left, no mark tells that our rows are of the future
	 */
	AcceptInvalidationMessages();
	writer->handle = tview_handle_open(desc->serverid, &failure);
	if (writer->handle == NULL)
		return TVIEW_WRITTEN_FAILED;
	tview_visibility_init(&writer->snapshot, snapshot);
	writer->pending = tview_pending_find(desc->serverid);
	writer->head = tview_log_head(writer->handle->store);
	if (!(flags & TVIEW_WRITER_CREATING) &&
		writer->snapshot.xmin < tview_store_floor(writer->handle->store))
		return TVIEW_WRITTEN_NOT_ALLOWED;
	if (!tview_handle_read_log(writer->handle, writer->head,
							   tview_log_tail(writer->handle->store)))
		return TVIEW_WRITTEN_BUSY;
	if (!cover_relations(writer))
		return TVIEW_WRITTEN_NOT_ALLOWED;
	return TVIEW_WRITTEN;
}

/* True when the own transaction has changed something that the row reads. */
static bool
is_own_change(const Writer *writer, const TviewFillItem *item)
{
	if (writer->pending == NULL)
		return false;
	for (int i = 0; i < item->ntags; i++)
		if (tview_markset_first(writer->pending->marks, item->tags[i], 0))
			return true;
	return !item->root_exists &&
		tview_markset_first(writer->pending->marks,
							tview_reader_key_tag(writer->desc, item->key),
							0) != NULL;
}

/* Puts the tag of the item's own key first; false when it has none. */
static bool
put_own_key_first(TviewDesc *desc, const TviewFillItem *item)
{
	uint64 own = tview_reader_key_tag(desc, item->key);

	for (int i = 0; i < item->ntags; i++)
	{
		if (item->tags[i] != own)
			continue;
		memmove(&item->tags[1], &item->tags[0], i * sizeof(uint64));
		item->tags[0] = own;
		return true;
	}
	return false;
}

/* Decides what to do with an item. */
static void
prepare_item(Writer *writer, const TviewFillItem *item, Prepared *prepared)
{
	Covers covers = {0};

	memset(prepared, 0, sizeof(Prepared));
	prepared->key = item->key;
	prepared->action = PREPARED_SKIP;
	if (is_own_change(writer, item))
		return;
	if (!item->root_exists)
	{
		/* a crash must not bring back a row that has lost its entry */
		if (cover_tag(writer, &covers,
					  tview_reader_key_tag(writer->desc, item->key), 0))
			prepared->action = PREPARED_DELETE;
		return;
	}
	if (!item->storable)
	{
		/* several rows: the key and its look-ups are kept, to be computed */
		prepared->row.flags = TVIEW_ROW_HOLLOW;
		prepared->row.nlookups = item->nlookups;
		prepared->row.lookups = item->lookups;
		prepared->action = PREPARED_PUT;
		return;
	}
	for (int i = 0; i < item->ntags; i++)
		if (!cover_tag(writer, &covers, item->tags[i], 0))
			return;
	for (uint32 i = 0; i < writer->wild.n; i++)
		if (!add_cover(&covers, writer->wild.xids[i]))
			return;
	if (put_own_key_first(writer->desc, item))
		prepared->row.flags |= TVIEW_ROW_OWN_KEY;
	prepared->row.ntags = item->ntags;
	prepared->row.tags = item->tags;
	prepared->row.ncovers = covers.n;
	prepared->row.covers = covers.xids;
	prepared->row.nlookups = item->nlookups;
	prepared->row.lookups = item->lookups;
	if (item->tuple)
	{
		MinimalTuple flat = tview_flat_tuple(writer->desc, item->tuple);

		prepared->row.tuple = flat;
		prepared->row.size = flat->t_len;
	}
	else
		prepared->row.flags |= TVIEW_ROW_ABSENT;
	prepared->action = PREPARED_PUT;
}

TviewStoreStatus
tview_writer_check_state(TviewHandle *handle, const TviewOrigin *origin,
						 int flags, TviewTxn *txn, TviewState *state,
						 bool *allowed)
{
	TviewStore *store = handle->store;
	TviewStoreStatus status = tview_state_get(txn, origin->relid, state);

	*allowed = false;
	if (status == TVIEW_STORE_NOTFOUND)
		return TVIEW_STORE_OK;
	if (status != TVIEW_STORE_OK)
		return status;
	if (tview_store_epoch(store) != handle->epoch)
		return TVIEW_STORE_RESET;
	*allowed = tview_state_generation_equals(state->generation,
											 origin->generation) &&
		((flags & TVIEW_WRITER_CREATING) ||
		 (origin->xmin >= tview_store_floor(store) &&
		  origin->xmin >= state->floor));
	return TVIEW_STORE_OK;
}

static TviewStoreStatus
apply(TviewTxn *txn, Oid relid, const Prepared *prepared, bool bulk)
{
	TviewRow old;
	TviewStoreStatus status;

	switch (prepared->action)
	{
		case PREPARED_PUT:
			return bulk
				? tview_row_append(txn, relid, prepared->key, &prepared->row)
				: tview_row_put(txn, relid, prepared->key, &prepared->row);
		case PREPARED_DELETE:
			/*
			 * only what nobody can serve any more: others are found by their
			 * marks
			 */
			status = tview_row_get(txn, relid, prepared->key, &old);
			if (status == TVIEW_STORE_OK && (old.flags & TVIEW_ROW_HOLLOW))
				status = tview_row_delete(txn, relid, prepared->key);
			return status == TVIEW_STORE_NOTFOUND ? TVIEW_STORE_OK : status;
		default:
			return TVIEW_STORE_OK;
	}
}

/* What the store must know of where rows come from. */
static TviewOrigin
origin_of(const Writer *writer)
{
	return (TviewOrigin){.relid = writer->desc->relid,
						 .generation = writer->desc->generation,
						 .xmin = writer->snapshot.xmin};
}

/* The write transaction: no palloc, no ereport. */
static TviewStoreStatus
write_rows(Writer *writer, const Prepared *prepared, int n, bool *allowed)
{
	TviewTxn *txn;
	TviewState state;
	TviewOrigin origin = origin_of(writer);
	TviewStoreStatus status;
	uint32 set = TVIEW_STATE_FLUSHED;

	status = tview_write_begin(writer->handle->store,
							   (writer->flags & TVIEW_WRITER_WAIT) != 0, &txn);
	if (status != TVIEW_STORE_OK)
		return status;
	status = tview_writer_check_state(writer->handle, &origin, writer->flags,
									  txn, &state, allowed);
	if (status != TVIEW_STORE_OK || !*allowed)
	{
		tview_write_abort(txn);
		return status;
	}
	for (int i = 0; i < n && status == TVIEW_STORE_OK; i++)
		status = apply(txn, writer->desc->relid, &prepared[i],
					   writer->bulk);
	if ((writer->flags & TVIEW_WRITER_COMPLETE) &&
		state.clears == writer->clears)
		set |= TVIEW_STATE_COMPLETE;
	if (status == TVIEW_STORE_OK)
		status = tview_state_set_flags(txn, writer->desc->relid, set, 0);
	if (status != TVIEW_STORE_OK)
	{
		tview_write_abort(txn);
		return status;
	}
	TVIEW_STOP("store.write");
	return tview_write_commit(txn);
}

/* True when all commits below the floors are known to be on disk. */
static bool
floors_are_flushed(const Writer *writer)
{
	TviewStore *store = writer->handle->store;
	TviewState state = {0};
	TviewTxn *txn;
	bool flushed = false;

	if (tview_store_floor_is_flushed(store) &&
		tview_read_begin(store, &txn) == TVIEW_STORE_OK)
	{
		flushed = tview_state_get(txn, writer->desc->relid, &state) ==
				TVIEW_STORE_OK &&
			(state.flags & TVIEW_STATE_FLUSHED);
		tview_read_end(txn);
	}
	return flushed;
}

/*
 * Makes sure that commits below the floors are on disk: their marks are lost,
 * so that no row would cover them.  Once per epoch and per definition.
 */
static void
flush_floor(Writer *writer)
{
	TviewStore *store = writer->handle->store;

	if (floors_are_flushed(writer))
		return;
	tview_visibility_flush();
	if (writer->snapshot.xmin >= tview_store_floor(store))
		tview_store_set_floor_flushed(store);
}

/* Counts what was stored. */
static void
count_stored(Writer *writer, const Prepared *prepared, int n)
{
	TviewCounters *counters =
		tview_store_counters(writer->handle->store, writer->desc->relid);
	uint64 stored = 0;

	for (int i = 0; i < n; i++)
		stored += prepared[i].action == PREPARED_PUT;
	if (counters)
		__atomic_fetch_add(&counters->stored, stored, __ATOMIC_RELAXED);
}

/*
 * True when a root row that the snapshot does not see may come back without a
 * mark: the own transaction has removed it, or a commit that a crash would
 * undo.  Such a key has no item that could be skipped.
 */
static bool
keys_may_return(const Writer *writer)
{
	const TviewDesc *desc = writer->desc;
	const TviewMarkSet *marks = writer->handle->marks;
	const TviewMarkEntry *entry;

	if (writer->pending &&
		tview_markset_first_key(writer->pending->marks, desc->rootid,
								desc->key_root, 0))
		return true;
	for (entry = tview_markset_first_key(marks, desc->rootid, desc->key_root,
										 writer->head);
		 entry; entry = tview_markset_next_key(marks, entry, writer->head))
		if (tview_visibility_sees(&writer->snapshot, entry->mark.xid) &&
			!tview_visibility_flushed(entry->mark.xid))
			return true;
	return false;
}

TviewWritten
tview_writer_store(TviewDesc *desc, Snapshot snapshot, TviewFillBatch *batch)
{
	Writer writer;
	Prepared *prepared;
	TviewWritten result = begin_writer(&writer, desc, snapshot, batch);
	TviewStoreStatus status;
	bool allowed = false;

	batch->skipped = batch->rows = 0;
	if (result != TVIEW_WRITTEN)
		return result;
	writer.clears = batch->clears;
	writer.bulk = batch->bulk != NULL;
	prepared = palloc(Max(batch->n, 1) * sizeof(Prepared));
	for (int i = 0; i < batch->n; i++)
	{
		prepare_item(&writer, &batch->items[i], &prepared[i]);
		batch->skipped += prepared[i].action == PREPARED_SKIP;
		batch->rows += prepared[i].row.tuple != NULL;
		if (batch->bulk && prepared[i].action == PREPARED_PUT)
			tview_bulk_add(batch->bulk, prepared[i].key, &prepared[i].row);
	}
	if ((batch->flags & TVIEW_WRITER_COMPLETE) &&
		(batch->skipped > 0 || keys_may_return(&writer)))
		batch->flags &= ~TVIEW_WRITER_COMPLETE;
	writer.flags = batch->flags;
	flush_floor(&writer);
	TVIEW_STOP("store.marks");
	HOLD_INTERRUPTS();
	status = write_rows(&writer, prepared, batch->n, &allowed);
	RESUME_INTERRUPTS();
	if (status == TVIEW_STORE_BUSY)
		return TVIEW_WRITTEN_BUSY;
	if (status != TVIEW_STORE_OK)
	{
		if (status == TVIEW_STORE_MAP_FULL)
			tview_handle_note_full(writer.handle);
		else
			tview_handle_note(writer.handle, status, "storing rows");
		return TVIEW_WRITTEN_FAILED;
	}
	if (!allowed)
		return TVIEW_WRITTEN_NOT_ALLOWED;
	TVIEW_STOP("store.commit");
	tview_store_note_wal(writer.handle->store, GetFlushRecPtr(NULL));
	count_stored(&writer, prepared, batch->n);
	return TVIEW_WRITTEN;
}

/* ---- rows that wait ---- */

bool
tview_writer_make_ready(TviewDesc *desc, Snapshot snapshot, TviewFillItem *item,
						TviewReadyRow *ready)
{
	TviewFillBatch batch = {.items = item, .n = 1};
	Prepared prepared;
	Writer writer;

	if (!item->root_exists || !item->storable || item->tuple == NULL ||
		desc->detaching ||
		begin_writer(&writer, desc, snapshot, &batch) != TVIEW_WRITTEN ||
		writer.pending != NULL || !floors_are_flushed(&writer))
		return false;
	prepare_item(&writer, item, &prepared);
	if (prepared.action != PREPARED_PUT)
		return false;
	ready->origin = origin_of(&writer);
	ready->handle = writer.handle;
	ready->head = writer.head;
	ready->tail = tview_markset_end(writer.handle->marks);
	ready->key = prepared.key;
	ready->row = prepared.row;
	return true;
}
