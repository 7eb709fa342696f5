/*
 * settle.c
 *		See settle.h.
 *
 * A mark (t, x) may go when every snapshot, now and later, sees x ended, and
 * x has aborted or its commit is on disk.  For a committed one, first every
 * row with tag t that does not cover x is emptied, and for every pk that the
 * mark carries an entry (if only a hollow one) and its look-up index entry are
 * made sure of.  The rows are committed to LMDB before the head moves.
 *
 * Under pressure the floor is raised to a fresh snapshot's xmin first: older
 * snapshots run the view from then on, and marks below the floor may go
 * whatever old snapshots there are.  Writers check the floor inside their
 * transactions, so a row of an older snapshot is either emptied here or not
 * stored at all.
 *
 * A mark on a whole relation concerns every row of its dependents.  Where
 * more than WILD_ROWS_MAX rows miss it, the TVIEW is emptied altogether.
 *
 * Marks on one tag are settled with the first of them: its rows are looked for
 * once, however often it was changed.
 */
#include "postgres.h"

#include "cache/index.h"
#include "cache/row.h"
#include "cache/settle.h"
#include "cache/state.h"
#include "cache/stop.h"
#include "cache/visibility.h"
#include "meta/tag.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#define WILD_ROWS_MAX 10000
#define ROWS_PER_TXN 1000 /* other writers wait no longer than for so many */
#define SOME_MARKS 256	  /* readers let this many marks wait */
#define SOME_PAUSE_MS 100
#define FEW_ROWS 16

typedef struct Dependents
{
	TviewState **states;
	int n;
	int allocated;
	MemoryContext context;
} Dependents;

/* The xids that a row must cover to stay. */
typedef struct Xids
{
	uint64 list[TVIEW_ROW_COVERS_MAX];
	int n;
	bool too_many; /* for any row */
} Xids;

typedef struct Settler
{
	TviewHandle *handle;
	const TviewSettleBudget *budget;
	uint64 horizon;
	Dependents dependents;
	TviewTxn *txn; /* NULL between transactions */
	int rows_in_txn;
	int rows;		 /* emptied so far */
	TviewMark *keep; /* marks to be carried along */
	int nkeep;
	Xids xids; /* of the tag's marks */
} Settler;

static TviewStoreStatus
copy_state(const TviewState *state, void *arg)
{
	Dependents *dependents = arg;
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

/* Reads the records of all TVIEWs of the store. */
static bool
load_dependents(Settler *settler)
{
	TviewTxn *txn;
	TviewStoreStatus status = tview_read_begin(settler->handle->store, &txn);

	settler->dependents.context = CurrentMemoryContext;
	if (status == TVIEW_STORE_OK)
	{
		status = tview_state_visit(txn, copy_state, &settler->dependents);
		tview_read_end(txn);
	}
	if (status != TVIEW_STORE_OK)
		tview_handle_note(settler->handle, status, "settling marks");
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
begin_txn(Settler *settler)
{
	TviewStoreStatus status;

	if (settler->txn)
		return TVIEW_STORE_OK;
	status = tview_write_begin(settler->handle->store,
							   settler->budget->pressure, &settler->txn);
	if (status != TVIEW_STORE_OK)
		settler->txn = NULL;
	settler->rows_in_txn = 0;
	return status;
}

static TviewStoreStatus
commit_txn(Settler *settler)
{
	TviewTxn *txn = settler->txn;

	settler->txn = NULL;
	if (txn)
		TVIEW_STOP("settle.write");
	return txn ? tview_write_commit(txn) : TVIEW_STORE_OK;
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
covers_all(const TviewRow *row, const Xids *xids)
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
	const Xids *xids;
	uint64 lookup;
	uint64 tag;
} Cause;

/* Empties one entry, unless it covers the xids; commits from time to time. */
static TviewStoreStatus
hollow(Settler *settler, Oid relid, int64 key, Cause cause)
{
	TviewCounters *counters;
	TviewRow row = {0};
	bool changed;
	TviewStoreStatus status = begin_txn(settler);

	if (status != TVIEW_STORE_OK)
		return status;
	status = tview_row_get(settler->txn, relid, key, &row);
	if (status == TVIEW_STORE_OK && !(row.flags & TVIEW_ROW_HOLLOW) &&
		covers_all(&row, cause.xids))
		return TVIEW_STORE_OK;
	if (status != TVIEW_STORE_OK && status != TVIEW_STORE_NOTFOUND)
		return status;
	status = tview_row_hollow(settler->txn, relid, key, &row, cause.lookup,
							  cause.tag, &changed);
	if (!changed)
		return status;
	settler->rows++;
	note_hollowed(settler->budget->hollowed, relid, key);
	counters = tview_store_counters(settler->handle->store, relid);
	if (counters)
		__atomic_fetch_add(&counters->hollowed, 1, __ATOMIC_RELAXED);
	if (status == TVIEW_STORE_OK && ++settler->rows_in_txn >= ROWS_PER_TXN)
		status = commit_txn(settler);
	return status;
}

/*
 * Empties the rows of one TVIEW that have the mark's tag; BUSY when the
 * budget is used up.  Where they are many, the next mark shall not find them
 * again before they are computed; where they are few, that is not worth a
 * change of the index.
 */
static TviewStoreStatus
settle_tag(Settler *settler, const TviewState *state, const TviewMark *mark)
{
	int64 pks[256];
	int64 after = 0;
	bool first = true;
	int n;
	TviewStoreStatus status;

	do
	{
		status = begin_txn(settler);
		if (status == TVIEW_STORE_OK)
			status =
				tview_index_find(settler->txn, state->relid, mark->tag, first,
								 after, pks, NULL, lengthof(pks), &n);
		if (status != TVIEW_STORE_OK)
			return status;
		for (int i = 0; i < n; i++)
		{
			Cause cause = {.xids = &settler->xids,
						   .tag = first && n <= FEW_ROWS ? 0 : mark->tag};

			status = hollow(settler, state->relid, pks[i], cause);
			if (status != TVIEW_STORE_OK)
				return status;
		}
		if (n > 0)
			after = pks[n - 1];
		first = false;
		if (settler->rows >= settler->budget->rows && n == lengthof(pks))
			return TVIEW_STORE_BUSY;
	} while (n == lengthof(pks));
	return TVIEW_STORE_OK;
}

/*
 * Counts the rows that do not cover the xids, collecting their keys up to the
 * limit; more than that many means "empty it all".
 */
static TviewStoreStatus
find_uncovered(Settler *settler, Oid relid, int64 *keys, int *n)
{
	TviewCursor *cursor;
	TviewValue key;
	TviewValue value;
	TviewStoreStatus status =
		tview_cursor_open(settler->txn, TVIEW_DB_ROWS, relid, &cursor);

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
		if (!(row.flags & TVIEW_ROW_HOLLOW) && !covers_all(&row, &settler->xids))
			keys[(*n)++] = TVIEW_PK_OF(k);
		status = tview_cursor_move(cursor, TVIEW_SEEK_NEXT, &key, &value);
	}
	tview_cursor_close(cursor);
	return status == TVIEW_STORE_NOTFOUND ? TVIEW_STORE_OK : status;
}

/* Settles a mark on a whole relation for one TVIEW. */
static TviewStoreStatus
settle_wild(Settler *settler, const TviewState *state, const TviewMark *mark,
			int64 *keys)
{
	bool all = (mark->flags & TVIEW_MARK_ALL) != 0;
	int n = 0;
	TviewStoreStatus status = begin_txn(settler);

	if (status == TVIEW_STORE_OK && !(mark->flags & TVIEW_MARK_GONE))
		status = find_uncovered(settler, state->relid, keys, &n);
	if (status != TVIEW_STORE_OK)
		return status;
	if ((mark->flags & TVIEW_MARK_GONE) || n > WILD_ROWS_MAX)
		return tview_state_clear(settler->txn, state->relid);
	if (all && state->rootid == mark->rel)
		status = tview_state_set_flags(settler->txn, state->relid, 0,
									   TVIEW_STATE_COMPLETE);
	for (int i = 0; i < n && status == TVIEW_STORE_OK; i++)
		status = hollow(settler, state->relid, keys[i],
						(Cause){.xids = &settler->xids});
	return status;
}

/*
 * Empties the row of the key that the mark carries, or makes an entry for it,
 * to be found by the value whose tag the mark has.
 */
static TviewStoreStatus
settle_key(Settler *settler, Oid relid, const TviewMark *mark)
{
	Xids own = {.list = {mark->xid}, .n = 1};
	Cause cause = {.xids = &own};

	if (!(mark->flags & TVIEW_MARK_IS_KEY))
		cause.lookup = tview_tag_lookup(mark->tag);
	return hollow(settler, relid, mark->pk, cause);
}

/*
 * Brings every dependent TVIEW up to the mark of a committed transaction;
 * by_key: only what the mark's key asks for.
 */
static TviewStoreStatus
settle_mark(Settler *settler, const TviewMark *mark, bool by_key, int64 *keys)
{
	bool wild = (mark->flags & (TVIEW_MARK_ALL | TVIEW_MARK_TOUCH)) != 0;
	TviewStoreStatus status = TVIEW_STORE_OK;

	for (int i = 0; i < settler->dependents.n && status == TVIEW_STORE_OK; i++)
	{
		const TviewState *state = settler->dependents.states[i];
		const TviewStateSource *source = find_source(state, mark->rel);

		if (source == NULL)
			continue;
		if (wild)
		{
			if (!by_key &&
				((mark->flags & TVIEW_MARK_ALL) || source->by_relation))
				status = settle_wild(settler, state, mark, keys);
			continue;
		}
		if (!by_key)
			status = settle_tag(settler, state, mark);
		if (status == TVIEW_STORE_OK && (mark->flags & TVIEW_MARK_HAS_PK) &&
			state->rootid == mark->rel && state->key_root == mark->keyatt)
			status = settle_key(settler, state->relid, mark);
	}
	return status;
}

typedef enum Fate
{
	FATE_STAYS,
	FATE_GOES,	 /* aborted, or lost in a crash */
	FATE_SETTLES /* committed and flushed */
} Fate;

static Fate
decide_fate(const Settler *settler, const TviewMark *mark)
{
	if (mark->xid >= settler->horizon)
		return FATE_STAYS;
	if (!tview_visibility_committed(mark->xid))
		return FATE_GOES;
	return tview_visibility_flushed(mark->xid) ? FATE_SETTLES : FATE_STAYS;
}

/* The marks that are being settled. */
typedef struct Range
{
	const TviewMarkEntry *entries;
	const Fate *fates;
	int n;
	uint64 head;
} Range;

/* True when both marks empty the same rows. */
static bool
is_alike(const TviewMark *a, const TviewMark *b)
{
	const uint16 wild =
		TVIEW_MARK_ALL | TVIEW_MARK_TOUCH | TVIEW_MARK_GONE;

	return a->tag == b->tag && a->rel == b->rel &&
		(a->flags & wild) == (b->flags & wild);
}

/* True when a mark like this one was settled before it. */
static bool
is_repeated(const Settler *settler, const Range *range, int i)
{
	const TviewMarkSet *marks = settler->handle->marks;
	const TviewMarkEntry *entry = &range->entries[i];
	const TviewMark *mark = &entry->mark;

	while ((entry = tview_markset_next(marks, entry, range->head)) != NULL)
		if (range->fates[entry - range->entries] == FATE_SETTLES &&
			is_alike(&entry->mark, mark))
			return true;
	return false;
}

/* Takes the xids of the marks like this one, from it on. */
static void
take_xids(Settler *settler, const Range *range, int i)
{
	const TviewMarkSet *marks = settler->handle->marks;
	const TviewMark *mark = &range->entries[i].mark;
	uint64 lower = range->head + i;
	Xids *xids = &settler->xids;
	const TviewMarkEntry *entry;

	xids->n = 0;
	xids->too_many = false;
	for (entry = tview_markset_first(marks, mark->tag, lower); entry;
		 entry = tview_markset_next(marks, entry, lower))
	{
		uint64 xid = entry->mark.xid;

		if (entry - range->entries >= range->n ||
			range->fates[entry - range->entries] != FATE_SETTLES ||
			!is_alike(&entry->mark, mark) ||
			(xids->n > 0 && xids->list[xids->n - 1] == xid))
			continue;
		xids->too_many = xids->n == TVIEW_ROW_COVERS_MAX;
		if (xids->too_many)
			return;
		xids->list[xids->n++] = xid;
	}
}

/*
 * Works from the head on; returns the position up to which the log may be
 * trimmed.  Decisions are made before anything is written: asking the commit
 * log may throw, and a transaction must not be open then.
 */
static uint64
settle_range(Settler *settler, uint64 head, uint64 end, const Fate *fates,
			 int64 *keys)
{
	Range range = {.entries = tview_markset_at(settler->handle->marks, head),
				   .fates = fates,
				   .n = end - head,
				   .head = head};
	uint64 done = head;
	TviewStoreStatus status = TVIEW_STORE_OK;

	for (int i = 0; i < range.n && status == TVIEW_STORE_OK; i++)
	{
		const TviewMark *mark = &range.entries[i].mark;

		if (fates[i] == FATE_STAYS)
			settler->keep[settler->nkeep++] = *mark;
		else if (fates[i] == FATE_SETTLES)
		{
			bool repeated = is_repeated(settler, &range, i);

			if (!repeated)
				take_xids(settler, &range, i);
			status = settle_mark(settler, mark, repeated, keys);
		}
		if (status == TVIEW_STORE_OK)
			done = head + i + 1;
		if (settler->rows >= settler->budget->rows)
			break;
	}
	if (status == TVIEW_STORE_OK || status == TVIEW_STORE_BUSY)
	{
		if (commit_txn(settler) != TVIEW_STORE_OK)
			return head;
		return done;
	}
	if (settler->txn)
		tview_write_abort(settler->txn);
	settler->txn = NULL;
	tview_handle_note(settler->handle, status, "settling marks");
	return head;
}

/*
 * Moves the floor up to a fresh snapshot's xmin; marks below it need wait for
 * nobody.
 */
static void
raise_floor(Settler *settler)
{
	TviewSnapshot fresh;
	uint64 floor = tview_store_floor(settler->handle->store);

	tview_visibility_init(&fresh, GetLatestSnapshot());
	if (fresh.xmin > floor)
	{
		tview_store_set_floor(settler->handle->store, fresh.xmin);
		floor = fresh.xmin;
	}
	settler->horizon = Max(settler->horizon, Min(floor, fresh.xmin));
}

/* How many marks from the head on can be dealt with now, and how. */
static int
plan_range(Settler *settler, uint64 head, uint64 tail, Fate *fates)
{
	const TviewMarkSet *marks = settler->handle->marks;
	int n = 0;

	for (uint64 position = head; position < tail && n < settler->budget->marks;
		 position++)
	{
		fates[n] =
			decide_fate(settler, &tview_markset_at(marks, position)->mark);
		if (fates[n] == FATE_STAYS && !settler->budget->pressure)
			break;
		n++;
	}
	return n;
}

static bool
settle_locked(Settler *settler)
{
	TviewHandle *handle = settler->handle;
	uint64 head = tview_log_head(handle->store);
	uint64 tail = tview_log_tail(handle->store);
	uint64 end;
	Fate *fates;
	int64 *keys;
	int n;

	if (head == tail || !tview_handle_read_log(handle, head, tail))
		return false;
	settler->horizon = tview_visibility_horizon();
	if (settler->budget->pressure)
	{
		raise_floor(settler);
		TVIEW_STOP("settle.floor");
		tview_visibility_flush();
	}
	fates = palloc(settler->budget->marks * sizeof(Fate));
	n = plan_range(settler, head, tail, fates);
	if (n == 0 || !load_dependents(settler))
		return false;
	TVIEW_STOP("settle.plan");
	keys = palloc((WILD_ROWS_MAX + 1) * sizeof(int64));
	settler->keep = palloc(n * sizeof(TviewMark));
	HOLD_INTERRUPTS();
	end = settle_range(settler, head, head + n, fates, keys);
	TVIEW_STOP("settle.rows");
	if (end > head &&
		tview_log_trim(handle->store, end, settler->keep, settler->nkeep) !=
			TVIEW_STORE_OK)
		end = head;
	TVIEW_STOP("settle.trim");
	RESUME_INTERRUPTS();
	return end > head;
}

bool
tview_settle_run(TviewHandle *handle, const TviewSettleBudget *budget)
{
	Settler settler = {.handle = handle, .budget = budget};
	MemoryContext context;
	MemoryContext old;
	bool moved = false;

	if (handle->epoch == 0 || tview_store_epoch(handle->store) != handle->epoch)
		return false;
	if (tview_log_trylock_settle(handle->store) != TVIEW_STORE_OK)
		return false;
	context = AllocSetContextCreate(CurrentMemoryContext, "tview settling",
									ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);
	PG_TRY();
	{
		TVIEW_STOP("settle.begin");
		moved = settle_locked(&settler);
	}
	PG_FINALLY();
	{
		tview_log_unlock_settle(handle->store);
		MemoryContextSwitchTo(old);
		MemoryContextDelete(context);
	}
	PG_END_TRY();
	return moved;
}

void
tview_settle_some(TviewHandle *handle, bool urgent)
{
	static TimestampTz last = 0;
	static const TviewSettleBudget budget = {.marks = 2048, .rows = 2000};
	uint64 waiting;
	TimestampTz now;

	waiting = tview_log_tail(handle->store) - tview_log_head(handle->store);
	if (waiting < (urgent ? 1 : SOME_MARKS))
		return;
	now = GetCurrentTimestamp();
	if (last != 0 && now - last < SOME_PAUSE_MS * 1000)
		return;
	last = now;
	tview_settle_run(handle, &budget);
}
