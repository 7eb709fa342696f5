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
 * Marks on one tag are settled with the first of them: its rows are looked for
 * once, however often it was changed.
 */
#include "postgres.h"

#include "cache/empty.h"
#include "cache/settle.h"
#include "cache/stop.h"
#include "cache/visibility.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#define SOME_MARKS 256 /* readers let this many marks wait */
#define SOME_PAUSE_MS 100

typedef struct Settler
{
	TviewHandle *handle;
	const TviewSettleBudget *budget;
	uint64 horizon;
	bool flush; /* waits for commits that are not on disk yet */
	TviewEmptier emptier;
	TviewMark *keep; /* marks to be carried along */
	int nkeep;
} Settler;

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
	if (settler->flush ? tview_visibility_make_flushed(mark->xid)
					   : tview_visibility_flushed(mark->xid))
		return FATE_SETTLES;
	return FATE_STAYS;
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
	const uint16 wild = TVIEW_MARK_ALL | TVIEW_MARK_TOUCH | TVIEW_MARK_GONE;

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
	TviewXids *xids = &settler->emptier.xids;
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
settle_range(Settler *settler, uint64 head, uint64 end, const Fate *fates)
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
			status = tview_empty_for(&settler->emptier, mark, repeated);
		}
		if (status == TVIEW_STORE_OK)
			done = head + i + 1;
		if (settler->emptier.rows >= settler->budget->rows)
			break;
	}
	if (status == TVIEW_STORE_OK || status == TVIEW_STORE_BUSY)
	{
		if (tview_empty_commit(&settler->emptier) != TVIEW_STORE_OK)
			return head;
		return done;
	}
	tview_empty_abort(&settler->emptier);
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
	settler->flush = settler->budget->flush_from > 0 &&
		tail - head >= (uint64) settler->budget->flush_from;
	fates = palloc(settler->budget->marks * sizeof(Fate));
	n = plan_range(settler, head, tail, fates);
	if (n == 0 ||
		!tview_empty_begin(&settler->emptier, handle, settler->budget))
		return false;
	TVIEW_STOP("settle.plan");
	settler->keep = palloc(n * sizeof(TviewMark));
	HOLD_INTERRUPTS();
	end = settle_range(settler, head, head + n, fates);
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
