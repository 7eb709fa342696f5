/*
 * empty.c
 *		See empty.h.
 *
 * A mark on a whole relation concerns every row of its dependents.  Where
 * more than WILD_ROWS_MAX rows miss it, the TVIEW is emptied altogether.
 */
#include "postgres.h"

#include "cache/empty.h"
#include "cache/index.h"
#include "cache/stop.h"
#include "meta/tag.h"
#include "utils/memutils.h"

#define WILD_ROWS_MAX 10000
#define ROWS_PER_TXN 1000 /* other writers wait no longer than for so many */
#define FEW_ROWS 16

static TviewStoreStatus
copy_state(const TviewState *state, void *arg)
{
	TviewDependents *dependents = arg;
	Size size = offsetof(TviewState, sources) +
		state->nsources * sizeof(TviewStateSource);

	if (dependents->n == dependents->allocated)
	{
		int wanted = Max(dependents->allocated * 2, 16);
		TviewState **bigger = MemoryContextAllocExtended(
			dependents->context, wanted * sizeof(TviewState *),
			MCXT_ALLOC_NO_OOM);

		if (bigger == NULL)
			return TVIEW_STORE_NO_MEMORY;
		if (dependents->n > 0)
			memcpy(bigger, dependents->states,
				   dependents->n * sizeof(TviewState *));
		dependents->states = bigger;
		dependents->allocated = wanted;
	}
	dependents->states[dependents->n] = MemoryContextAllocExtended(
		dependents->context, size, MCXT_ALLOC_NO_OOM);
	if (dependents->states[dependents->n] == NULL)
		return TVIEW_STORE_NO_MEMORY;
	memcpy(dependents->states[dependents->n++], state, size);
	return TVIEW_STORE_OK;
}

bool
tview_empty_begin(TviewEmptier *emptier, TviewHandle *handle,
				  const TviewSettleBudget *budget)
{
	TviewTxn *txn;
	TviewStoreStatus status = tview_read_begin(handle->store, &txn);

	memset(emptier, 0, sizeof(TviewEmptier));
	emptier->handle = handle;
	emptier->budget = budget;
	emptier->dependents.context = CurrentMemoryContext;
	if (status == TVIEW_STORE_OK)
	{
		status = tview_state_visit(txn, copy_state, &emptier->dependents);
		tview_read_end(txn);
	}
	if (status != TVIEW_STORE_OK)
		tview_handle_note(handle, status, "settling marks");
	emptier->keys = palloc((WILD_ROWS_MAX + 1) * sizeof(int64));
	return status == TVIEW_STORE_OK;
}

/* The source of a TVIEW with this oid, or NULL. */
static const TviewStateSource *
find_source(const TviewState *state, Oid relid)
{
	for (uint32 i = 0; i < state->nsources; i++)
		if (state->sources[i].relid == relid)
			return &state->sources[i];
	return NULL;
}

static TviewStoreStatus
begin_txn(TviewEmptier *emptier)
{
	TviewStoreStatus status;

	if (emptier->txn)
		return TVIEW_STORE_OK;
	status = tview_write_begin(emptier->handle->store,
							   emptier->budget->pressure, &emptier->txn);
	if (status != TVIEW_STORE_OK)
		emptier->txn = NULL;
	emptier->rows_in_txn = 0;
	return status;
}

TviewStoreStatus
tview_empty_commit(TviewEmptier *emptier)
{
	TviewTxn *txn = emptier->txn;

	emptier->txn = NULL;
	if (txn)
		TVIEW_STOP("settle.write");
	return txn ? tview_write_commit(txn) : TVIEW_STORE_OK;
}

void
tview_empty_abort(TviewEmptier *emptier)
{
	if (emptier->txn)
		tview_write_abort(emptier->txn);
	emptier->txn = NULL;
}

static void
note_hollowed(TviewHollowed *hollowed, Oid relid, int64 key)
{
	if (hollowed == NULL)
		return;
	if (hollowed->n == TVIEW_HOLLOWED_MAX)
	{
		hollowed->overflow = true;
		return;
	}
	hollowed->rows[hollowed->n].relid = relid;
	hollowed->rows[hollowed->n++].key = key;
}

static bool
covers_all(const TviewRow *row, const TviewXids *xids)
{
	if (xids->too_many)
		return false;
	for (int i = 0; i < xids->n; i++)
		if (!tview_row_covers(row, xids->list[i]))
			return false;
	return true;
}

/* What makes a row hollow; see tview_row_hollow. */
typedef struct Cause
{
	const TviewXids *xids; /* or the only one: */
	uint64 xid;
	uint64 lookup;
	uint64 tag;
} Cause;

/* Empties one entry, unless it covers the xids; commits from time to time. */
static TviewStoreStatus
hollow(TviewEmptier *emptier, Oid relid, int64 key, Cause cause)
{
	TviewCounters *counters;
	TviewRow row = {0};
	bool changed;
	TviewStoreStatus status = begin_txn(emptier);

	if (status != TVIEW_STORE_OK)
		return status;
	status = tview_row_get(emptier->txn, relid, key, &row);
	if (status == TVIEW_STORE_OK && !(row.flags & TVIEW_ROW_HOLLOW) &&
		(cause.xids ? covers_all(&row, cause.xids)
					: tview_row_covers(&row, cause.xid)))
		return TVIEW_STORE_OK;
	if (status != TVIEW_STORE_OK && status != TVIEW_STORE_NOTFOUND)
		return status;
	status = tview_row_hollow(emptier->txn, relid, key, &row, cause.lookup,
							  cause.tag, &changed);
	if (!changed)
		return status;
	emptier->rows++;
	note_hollowed(emptier->budget->hollowed, relid, key);
	counters = tview_store_counters(emptier->handle->store, relid);
	if (counters)
		__atomic_fetch_add(&counters->hollowed, 1, __ATOMIC_RELAXED);
	if (status == TVIEW_STORE_OK && ++emptier->rows_in_txn >= ROWS_PER_TXN)
		status = tview_empty_commit(emptier);
	return status;
}

/*
 * Empties the rows of one TVIEW that have the mark's tag; BUSY when the
 * budget is used up.  Where they are many, the next mark shall not find them
 * again before they are computed; where they are few, that is not worth a
 * change of the index.
 */
static TviewStoreStatus
settle_tag(TviewEmptier *emptier, const TviewState *state,
		   const TviewMark *mark)
{
	TviewIndexWalk walk =
		tview_index_walk(state->relid, mark->tag, PG_INT64_MIN);
	int64 pks[256];
	bool few = true;
	int n;
	TviewStoreStatus status;

	do
	{
		status = begin_txn(emptier);
		if (status == TVIEW_STORE_OK)
			status = tview_index_next(emptier->txn, &walk, pks, NULL,
									  lengthof(pks), &n);
		if (status != TVIEW_STORE_OK)
			return status;
		few = few && n <= FEW_ROWS;
		for (int i = 0; i < n; i++)
		{
			Cause cause = {.xids = &emptier->xids,
						   .tag = few ? 0 : mark->tag};

			status = hollow(emptier, state->relid, pks[i], cause);
			if (status != TVIEW_STORE_OK)
				return status;
		}
		if (emptier->rows >= emptier->budget->rows && !walk.ended)
			return TVIEW_STORE_BUSY;
	} while (!walk.ended);
	return TVIEW_STORE_OK;
}

/*
 * Counts the rows that do not cover the xids, collecting their keys up to the
 * limit; more than that many means "empty it all".
 */
static TviewStoreStatus
find_uncovered(TviewEmptier *emptier, Oid relid, int *n)
{
	TviewCursor *cursor;
	TviewValue key;
	TviewValue value;
	TviewStoreStatus status =
		tview_cursor_open(emptier->txn, TVIEW_DB_ROWS, relid, &cursor);

	*n = 0;
	if (status != TVIEW_STORE_OK)
		return status == TVIEW_STORE_NOTFOUND ? TVIEW_STORE_OK : status;
	status = tview_cursor_move(cursor, TVIEW_SEEK_FIRST, &key, &value);
	while (status == TVIEW_STORE_OK && *n <= WILD_ROWS_MAX)
	{
		TviewRow row;
		uint64 k;

		memcpy(&k, key.data, sizeof(k));
		if (!tview_row_decode(value, relid, TVIEW_PK_OF(k), &row))
		{
			status = TVIEW_STORE_CORRUPT;
			break;
		}
		if (!(row.flags & TVIEW_ROW_HOLLOW) &&
			!covers_all(&row, &emptier->xids))
			emptier->keys[(*n)++] = TVIEW_PK_OF(k);
		status = tview_cursor_move(cursor, TVIEW_SEEK_NEXT, &key, &value);
	}
	tview_cursor_close(cursor);
	return status == TVIEW_STORE_NOTFOUND ? TVIEW_STORE_OK : status;
}

/* Settles a mark on a whole relation for one TVIEW. */
static TviewStoreStatus
settle_wild(TviewEmptier *emptier, const TviewState *state,
			const TviewMark *mark)
{
	bool all = (mark->flags & TVIEW_MARK_ALL) != 0;
	int n = 0;
	TviewStoreStatus status = begin_txn(emptier);

	if (status == TVIEW_STORE_OK && !(mark->flags & TVIEW_MARK_GONE))
		status = find_uncovered(emptier, state->relid, &n);
	if (status != TVIEW_STORE_OK)
		return status;
	if ((mark->flags & TVIEW_MARK_GONE) || n > WILD_ROWS_MAX)
		return tview_state_clear(emptier->txn, state->relid);
	if (all && state->rootid == mark->rel)
		status = tview_state_set_flags(emptier->txn, state->relid, 0,
									   TVIEW_STATE_COMPLETE);
	for (int i = 0; i < n && status == TVIEW_STORE_OK; i++)
		status = hollow(emptier, state->relid, emptier->keys[i],
						(Cause){.xids = &emptier->xids});
	return status;
}

/*
 * Empties the row of the key that the mark carries, or makes an entry for it,
 * to be found by the value whose tag the mark has.
 */
static TviewStoreStatus
settle_key(TviewEmptier *emptier, Oid relid, const TviewMark *mark)
{
	Cause cause = {.xid = mark->xid};

	if (!(mark->flags & TVIEW_MARK_IS_KEY))
		cause.lookup = tview_tag_lookup(mark->tag);
	return hollow(emptier, relid, mark->pk, cause);
}

TviewStoreStatus
tview_empty_for(TviewEmptier *emptier, const TviewMark *mark, bool by_key)
{
	bool wild = (mark->flags & (TVIEW_MARK_ALL | TVIEW_MARK_TOUCH)) != 0;
	TviewStoreStatus status = TVIEW_STORE_OK;

	for (int i = 0; i < emptier->dependents.n && status == TVIEW_STORE_OK; i++)
	{
		const TviewState *state = emptier->dependents.states[i];
		const TviewStateSource *source = find_source(state, mark->rel);
		bool of_key;

		if (source == NULL)
			continue;
		if (wild)
		{
			if (!by_key &&
				((mark->flags & TVIEW_MARK_ALL) || source->by_relation))
				status = settle_wild(emptier, state, mark);
			continue;
		}
		of_key = tview_mark_has_key_of(mark, state->rootid, state->key_root);
		if (!by_key &&
			!(of_key && (mark->flags & TVIEW_MARK_IS_KEY) &&
			  (state->flags & TVIEW_STATE_OWN_KEY)))
			status = settle_tag(emptier, state, mark);
		if (status == TVIEW_STORE_OK && of_key)
			status = settle_key(emptier, state->relid, mark);
	}
	return status;
}
