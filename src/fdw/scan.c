/*
 * scan.c
 *		The executor's callbacks; see scan.h and state.h.
 *
 * No message is sent while rows are returned, no LMDB transaction outlives a
 * call, and rows are handed out in batches of bounded size.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "cache/settle.h"
#include "cache/stop.h"
#include "cache/wake.h"
#include "executor/executor.h"
#include "fdw/check.h"
#include "fdw/scan.h"
#include "fdw/state.h"
#include "foreign/fdwapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/memutils.h"
#include "utils/rel.h"

/*
 * The owner of the TVIEW needs the right to read the view, like the owner of
 * a view of the view.  A descriptor is built anew when privileges change.
 */
static void
check_privilege(TviewDesc *desc)
{
	if (desc->readable)
		return;
	if (pg_class_aclcheck(desc->viewid, desc->owner, ACL_SELECT) !=
		ACLCHECK_OK)
		ereport(
			ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg(
				 "permission denied for view %s: the owner of %s may not read it",
				 desc->viewname, desc->name),
			 errhint("GRANT SELECT ON %s TO the owner of %s.", desc->viewname,
					 desc->name)));
	desc->readable = true;
}

static const char *
kind_name(TviewScanKind kind)
{
	switch (kind)
	{
		case TVIEW_SCAN_FULL:
			return "scan";
		case TVIEW_SCAN_RANGE:
			return "range";
		default:
			return "lookup";
	}
}

void
tviewBeginForeignScan(ForeignScanState *node, int eflags)
{
	const TviewPlan *plan =
		tview_plan_decode((ForeignScan *) node->ss.ps.plan);
	Size size = MAXALIGN(sizeof(TviewScanState)) +
		plan->nconditions * sizeof(TviewScanValue);
	TviewScanState *state = palloc(size);

	memset(state, 0, size); /* faster than palloc0 */
	node->fdw_state = state;
	state->node = node;
	state->context = CurrentMemoryContext;
	state->plan = plan;
	state->values =
		(TviewScanValue *) ((char *) state + MAXALIGN(sizeof(TviewScanState)));
	state->figures.store = kind_name(plan->kind);
	state->relid = OidIsValid(plan->counted)
		? plan->counted
		: exec_rt_fetch(((Scan *) node->ss.ps.plan)->scanrelid,
						node->ss.ps.state)
			  ->relid;
	if (eflags & EXEC_FLAG_EXPLAIN_ONLY)
		return;
	TVIEW_STOP("scan.begin");
	state->snapshot = node->ss.ps.state->es_snapshot;
	tview_lock_begin(state);
	TVIEW_STOP("scan.locked");
	check_privilege(state->desc);
	tview_values_init(state);
	state->phase = TVIEW_PHASE_START;
}

/*
 * Makes the context of a (re)scan empty.  The first one, which is the only one
 * as a rule, takes that of the whole query: one of its own would cost more
 * than all that a look-up allocates.
 */
static void
prepare_scan_context(TviewScanState *state)
{
	if (state->scan_context == NULL)
		state->scan_context = state->context;
	else if (tview_scan_is_first(state))
		state->scan_context = AllocSetContextCreate(
			state->context, "tview scan", ALLOCSET_SMALL_SIZES);
	else
		MemoryContextReset(state->scan_context);
}

MemoryContext
tview_scan_batch_context(TviewScanState *state)
{
	if (state->batch_context == NULL)
		state->batch_context = AllocSetContextCreate(
			state->context, "tview scan batch", ALLOCSET_DEFAULT_SIZES);
	else
		MemoryContextReset(state->batch_context);
	state->buffer_used = 0;
	return state->batch_context;
}

/* Begins with the store, or with the view where that is not to be had. */
static void
start_serving(TviewScanState *state)
{
	TviewReason reason = tview_reader_check(state->desc, state->snapshot);

	state->phase = TVIEW_PHASE_START;
	tview_reader_init(&state->reader, state->desc, state->snapshot);
	if (reason.code != TVIEW_BYPASS_NONE)
	{
		tview_runview_start(state, reason);
		return;
	}
	tview_check_start(state);
	state->needed_size =
		state->check ? 0 : tview_copy_size(state->desc, state->plan->natts);
	switch (state->plan->kind)
	{
		case TVIEW_SCAN_KEYS:
			state->phase = TVIEW_PHASE_KEYS;
			break;
		case TVIEW_SCAN_LOOKUP:
			tview_lookup_start(state);
			break;
		default:
			state->phase = TVIEW_PHASE_STORE;
			break;
	}
}

/* Evaluates the conditions and decides how to begin. */
static void
start_scan(TviewScanState *state)
{
	MemoryContext old;

	prepare_scan_context(state);
	old = MemoryContextSwitchTo(state->scan_context);
	state->has_last = false;
	state->candidates = NULL;
	state->ncandidates = state->candidates_allocated = 0;
	state->candidates_seen = 0;
	state->batch_size = 32;
	state->nrows = state->next_row = 0;
	state->nkeys = state->next_key = 0;
	state->returned = state->view_if_none = false;
	state->keys_only = state->key_by_key = state->viewing = false;
	state->runs = NULL;
	state->nruns = state->runs_allocated = 0;
	if (!tview_values_evaluate(state))
		state->phase = TVIEW_PHASE_DONE;
	else
		start_serving(state);
	MemoryContextSwitchTo(old);
}

/* Locks what the scan has done without so far. */
static void
take_locks(TviewScanState *state)
{
	tview_lock_take(state);
	check_privilege(state->desc);
}

/* The next row of the phase, NULL at the end; an error in it comes now. */
static MinimalTuple
next_tuple(TviewScanState *state, bool *served, bool *has_room)
{
	MinimalTuple tuple;

	for (;;)
	{
		CHECK_FOR_INTERRUPTS();
		if (state->next_row < state->nrows)
		{
			*served = state->served[state->next_row];
			*has_room = state->rows_have_room;
			if (state->rows[state->next_row] == NULL)
			{
				tview_alone_fill_gap(state);
				continue;
			}
			return state->rows[state->next_row++];
		}
		*served = *has_room = false;
		switch (state->phase)
		{
			case TVIEW_PHASE_START:
				if (state->must_lock)
					take_locks(state);
				start_scan(state);
				break;
			case TVIEW_PHASE_STORE:
				tview_serve_batch(state);
				break;
			case TVIEW_PHASE_KEYS:
				tview_serve_keys(state, false);
				break;
			case TVIEW_PHASE_BUILD:
			case TVIEW_PHASE_VIEW:
				tuple = tview_runview_next(state);
				if (tuple)
					return tuple;
				break;
			case TVIEW_PHASE_ALONE:
				tview_alone_batch(state);
				break;
			case TVIEW_PHASE_DONE:
				return NULL;
		}
	}
}

/* The row as a heap tuple, without its header. */
static HeapTuple
as_heap_tuple(TviewScanState *state, MinimalTuple row)
{
	state->tuple = tview_row_heap_tuple(row);
	ItemPointerSetInvalid(&state->tuple.t_self);
	state->tuple.t_tableOid = state->desc->relid;
	return &state->tuple;
}

/*
 * Puts a row into the scan's slot: the columns that the slot has, or all of
 * them, without a copy where it has the room of a heap tuple's header.
 */
static void
fill_slot(TviewScanState *state, MinimalTuple row, bool has_room)
{
	TupleTableSlot *slot = state->node->ss.ss_ScanTupleSlot;
	const AttrNumber *outputs = tview_plan_outputs(state->plan);
	HeapTuple tuple;

	if (state->plan->noutputs == 0)
	{
		if (has_room)
			ExecStoreHeapTuple(as_heap_tuple(state, row), slot, false);
		else
			ExecForceStoreMinimalTuple(row, slot, false);
		return;
	}
	tuple = as_heap_tuple(state, row);
	ExecClearTuple(slot);
	for (int i = 0; i < state->plan->noutputs; i++)
		slot->tts_values[i] =
			heap_getattr(tuple, outputs[i], state->desc->tupdesc,
						 &slot->tts_isnull[i]);
	ExecStoreVirtualTuple(slot);
}

/* The next row that meets the conditions; NULL at the end. */
static MinimalTuple
next_row(TviewScanState *state, bool *has_room)
{
	for (;;)
	{
		bool served;
		MinimalTuple row = next_tuple(state, &served, has_room);

		if (row == NULL)
			return NULL;
		if (state->recheck && !tview_match_row(state, row))
			continue;
		if (served)
			state->figures.served++;
		state->returned = true;
		return row;
	}
}

/*
 * True when the number of all rows is known: nothing has changed since they
 * were counted.
 */
static bool
is_known(TviewScanState *state, int64 *n)
{
	bool known;

	start_scan(state);
	if (state->phase != TVIEW_PHASE_STORE || state->check)
		return false;
	known = tview_serve_begin(state).code == TVIEW_BYPASS_NONE &&
		tview_reader_known_rows(&state->reader, n);
	tview_reader_end(&state->reader);
	return known;
}

/* Counts the rows, without a look at those that need none. */
static int64
count_rows(TviewScanState *state)
{
	bool all = state->plan->kind == TVIEW_SCAN_FULL;
	int64 n = 0;
	bool has_room;

	state->steady = false;
	state->indexed = 0;
	if (all && is_known(state, &n))
	{
		state->figures.served += n;
		return n;
	}
	while (next_row(state, &has_room))
	{
		n++;
		while (!state->recheck && state->next_row < state->nrows &&
			   state->rows[state->next_row] != NULL)
		{
			state->figures.served += state->served[state->next_row++];
			n++;
		}
	}
	state->figures.served += state->indexed;
	state->figures.indexed += state->indexed;
	n += state->indexed;
	if (all && state->steady)
		tview_reader_note_rows(&state->reader, n);
	return n;
}

static TupleTableSlot *
return_count(TviewScanState *state, TupleTableSlot *slot)
{
	int64 n;

	ExecClearTuple(slot);
	if (state->counted)
		return slot;
	n = count_rows(state);
	slot->tts_values[0] = Int64GetDatum(n);
	slot->tts_isnull[0] = false;
	state->counted = true;
	return ExecStoreVirtualTuple(slot);
}

TupleTableSlot *
tviewIterateForeignScan(ForeignScanState *node)
{
	TviewScanState *state = node->fdw_state;
	TupleTableSlot *slot = node->ss.ss_ScanTupleSlot;
	MinimalTuple row;
	bool has_room;

	if (OidIsValid(state->plan->counted))
		return return_count(state, slot);
	row = next_row(state, &has_room);
	if (row == NULL)
		return ExecClearTuple(slot);
	fill_slot(state, row, has_room);
	return slot;
}

/* True when marks made the scan run the view, or compute rows in vain. */
static bool
suffers_from_marks(const TviewScanState *state)
{
	return state->computed_in_vain || state->bypassed[TVIEW_BYPASS_GONE] > 0 ||
		state->bypassed[TVIEW_BYPASS_ALL_CHANGED] > 0 ||
		state->bypassed[TVIEW_BYPASS_CHEAPER] > 0;
}

/* Adds this scan's figures to the counters that all sessions share. */
static void
flush_counters(TviewScanState *state)
{
	TviewHandle *handle = state->reader.handle;
	const char *failure;
	TviewCounters *counters;

	if (RecoveryInProgress())
		return;
	if (handle == NULL || handle->store == NULL)
		handle = tview_handle_attach(state->desc->serverid, &failure);
	counters =
		handle ? tview_store_counters(handle->store, state->desc->relid) : NULL;
	if (counters)
	{
		if (state->figures.served > 0)
			__atomic_fetch_add(&counters->served, state->figures.served,
							   __ATOMIC_RELAXED);
		if (state->figures.recomputed > 0)
			__atomic_fetch_add(&counters->recomputed, state->figures.recomputed,
							   __ATOMIC_RELAXED);
		for (int i = 0; state->figures.bypass && i < TVIEW_BYPASS_COUNT; i++)
			if (state->bypassed[i] > 0)
				__atomic_fetch_add(&counters->bypassed[i], state->bypassed[i],
								   __ATOMIC_RELAXED);
	}
	if (handle == NULL || handle->epoch == 0 ||
		tview_store_epoch(handle->store) != handle->epoch)
		return;
	if (tview_wake_is_wanted(handle))
	{
		if (state->figures.recomputed > 0 || state->figures.bypass)
			tview_wake(handle->serverid);
	}
	else if (handle != state->reader.handle || state->reader.marked ||
			 state->figures.bypass || state->computed_in_vain)
		tview_settle_some(handle, suffers_from_marks(state));
}

void
tviewReScanForeignScan(ForeignScanState *node)
{
	TviewScanState *state = node->fdw_state;

	tview_runview_close(state);
	if (state->batch_context)
		MemoryContextReset(state->batch_context);
	state->nrows = state->next_row = 0;
	state->counted = false;
	state->must_lock = !state->locked;
	state->must_renew = false;
	state->phase = TVIEW_PHASE_START;
}

void
tviewEndForeignScan(ForeignScanState *node)
{
	TviewScanState *state = node->fdw_state;

	if (state == NULL || state->snapshot == NULL)
		return;
	tview_runview_close(state);
	flush_counters(state);
	tview_check_warn(state);
}

/*
 * For EvalPlanQual: the row in the slot against the conditions with their
 * values of now, which are not those of the scan.
 */
bool
tviewRecheckForeignScan(ForeignScanState *node, TupleTableSlot *slot)
{
	TviewScanState *state = node->fdw_state;
	PlanState *ps = &node->ss.ps;

	if (state->clauses == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(ps->state->es_query_cxt);

		state->clauses = ExecInitQual(
			tview_plan_clauses((ForeignScan *) ps->plan,
							   RelationGetDescr(node->ss.ss_currentRelation)),
			ps);
		MemoryContextSwitchTo(old);
	}
	ps->ps_ExprContext->ecxt_scantuple = slot;
	ResetExprContext(ps->ps_ExprContext);
	return ExecQual(state->clauses, ps->ps_ExprContext);
}

const TviewScanFigures *
tview_scan_figures(ForeignScanState *node)
{
	return &((TviewScanState *) node->fdw_state)->figures;
}
