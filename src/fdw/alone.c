/*
 * alone.c
 *		Rows that the view cannot compute as a whole; see state.h.
 *
 * A column that the statement does not read, or a row that it leaves out, may
 * raise an error that the view alone would not raise.  So what is computed
 * for the store is computed under a guard (compute/guard.h); a key with which
 * that fails becomes a gap among the rows to be returned.  When the scan comes
 * to the gap, and not before, it asks the view for that key and for what it
 * needs: the columns of one local condition after the other, and then the
 * columns that are returned.  An error that comes now is the view's own.  A
 * row that is not to be stored is a gap from the start (stale.c).
 *
 * A build or a view that fails as a whole goes on here as well: the view tells
 * the keys, and their rows are computed batch by batch like stale ones.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/sysattr.h"
#include "compat.h"
#include "executor/executor.h"
#include "fdw/state.h"
#include "miscadmin.h"
#include "optimizer/optimizer.h"
#include "utils/memutils.h"

#define KEYS_PER_BATCH 256
#define RUNS_MAX 65536

/* A row of which only some columns are known. */
typedef struct Partial
{
	int64 key;
	Bitmapset *known; /* attribute numbers */
	Datum *values;
	bool *nulls;
	MinimalTuple *rows; /* the one row, or all rows of the key */
} Partial;

/* Attribute numbers, of what pull_varattnos has found. */
static Bitmapset *
to_columns(const TviewScanState *state, const Bitmapset *found)
{
	Bitmapset *columns = bms_make_singleton(state->desc->key);
	int i = -1;

	while ((i = bms_next_member(found, i)) >= 0)
	{
		int attno = i + FirstLowInvalidHeapAttributeNumber;

		if (attno > 0)
			columns = bms_add_member(columns, attno);
		else if (attno == 0)
			columns = bms_add_range(columns, 1, state->desc->tupdesc->natts);
	}
	return columns;
}

const Bitmapset *
tview_alone_columns(TviewScanState *state)
{
	const AttrNumber *numbers = tview_plan_columns(state->plan);
	MemoryContext old;

	if (state->columns)
		return state->columns;
	old = MemoryContextSwitchTo(state->context);
	state->columns = bms_make_singleton(state->desc->key);
	if (state->plan->natts == 0)
		state->columns =
			bms_add_range(state->columns, 1, state->desc->tupdesc->natts);
	for (int i = 0; i < state->plan->ncolumns; i++)
		state->columns = bms_add_member(state->columns, numbers[i]);
	MemoryContextSwitchTo(old);
	return state->columns;
}

/* The conditions that the plan checks itself, each by itself. */
static void
init_locals(TviewScanState *state)
{
	PlanState *ps = &state->node->ss.ps;
	MemoryContext old = MemoryContextSwitchTo(state->context);
	Index scanrelid = ((Scan *) ps->plan)->scanrelid;
	ListCell *lc;

	state->locals =
		palloc0(list_length(ps->plan->qual) * sizeof(TviewLocalCondition));
	foreach(lc, ps->plan->qual)
	{
		TviewLocalCondition *local = &state->locals[foreach_current_index(lc)];
		Bitmapset *found = NULL;

		pull_varattnos(lfirst(lc), scanrelid, &found);
		local->columns = to_columns(state, found);
		local->expr = ExecInitQual(list_make1(lfirst(lc)), ps);
	}
	MemoryContextSwitchTo(old);
}

static MinimalTuple
form_row(const TviewScanState *state, const Partial *partial)
{
	return tview_compat_form_tuple(state->desc->tupdesc, partial->values,
								   partial->nulls);
}

/*
 * Raises what the scan's query of the view raises before it has a row, such as
 * a lack of privileges: asked for fewer columns, the view may name another
 * table.
 */
static void
check_query(TviewScanState *state)
{
	TviewViewPart part = {.columns = tview_alone_columns(state),
						  .flags = TVIEW_STREAM_SINGLE};

	if (!state->query_checked)
		tview_stream_close(tview_runview_open(state, &part));
	state->query_checked = true;
}

/*
 * Adds columns that are not known; returns how many rows the key has.  Where
 * these are several, they are in partial->rows, and nothing gets known.
 */
static int
add_columns(TviewScanState *state, Partial *partial, const Bitmapset *columns)
{
	TupleDesc tupdesc = state->desc->tupdesc;
	Bitmapset *missing = bms_difference(columns, partial->known);
	Datum *values;
	bool *nulls;
	int attno = -1;
	int n;

	if (partial->rows && bms_is_empty(missing))
		return 1;
	n = tview_runview_fetch(state, partial->key, missing, &partial->rows);
	if (n != 1)
		return n;
	values = palloc(tupdesc->natts * sizeof(Datum));
	nulls = palloc(tupdesc->natts * sizeof(bool));
	heap_deform_tuple(heap_tuple_from_minimal_tuple(partial->rows[0]), tupdesc,
					  values, nulls);
	while ((attno = bms_next_member(missing, attno)) >= 0)
	{
		partial->values[attno - 1] = values[attno - 1];
		partial->nulls[attno - 1] = nulls[attno - 1];
	}
	partial->known = bms_add_members(partial->known, missing);
	partial->rows[0] = form_row(state, partial);
	return 1;
}

/* True when the columns that a row has meet the local condition. */
static bool
meets(TviewScanState *state, MinimalTuple row, const TviewLocalCondition *local)
{
	ExprContext *econtext = state->node->ss.ps.ps_ExprContext;
	TupleTableSlot *outer = econtext->ecxt_scantuple;
	/* has the relation's columns, as there are local conditions */
	TupleTableSlot *slot = state->node->ss.ss_ScanTupleSlot;
	bool result;

	ExecForceStoreMinimalTuple(row, slot, false);
	slot->tts_tableOid = state->relid;
	econtext->ecxt_scantuple = slot;
	result = ExecQual(local->expr, econtext);
	econtext->ecxt_scantuple = outer;
	ExecClearTuple(slot);
	return result;
}

/*
 * The rows of a key that may meet the local conditions, to be checked again;
 * returns how many.  Several rows of a key are left out together.
 */
static int
rows_of(TviewScanState *state, int64 key, MinimalTuple **rows)
{
	const Bitmapset *columns = tview_alone_columns(state);
	int nlocals = list_length(state->node->ss.ps.plan->qual);
	int natts = state->desc->tupdesc->natts;
	Partial partial = {.key = key};
	int n;

	if (nlocals == 0)
	{
		n = tview_runview_fetch(state, key, columns, rows);
		for (int i = 0; i < n; i++)
			(*rows)[i] = tview_copy_minimal(state, (*rows)[i]);
		return n;
	}
	check_query(state);
	if (state->locals == NULL)
		init_locals(state);
	partial.values = palloc0(natts * sizeof(Datum));
	partial.nulls = palloc(natts * sizeof(bool));
	memset(partial.nulls, true, natts * sizeof(bool));
	for (int i = 0; i < nlocals; i++)
	{
		bool some = false;

		n = add_columns(state, &partial, state->locals[i].columns);
		/* there is such a row, even if the plan would leave it out */
		state->returned = state->returned || n > 0;
		for (int j = 0; j < n && !some; j++)
			some = meets(state, partial.rows[j], &state->locals[i]);
		if (!some)
		{
			InstrCountFiltered1(&state->node->ss.ps, n);
			return 0;
		}
	}
	n = add_columns(state, &partial, columns);
	for (int i = 0; i < n; i++)
		partial.rows[i] = tview_copy_minimal(state, partial.rows[i]);
	*rows = partial.rows;
	return n;
}

void
tview_alone_fill_gap(TviewScanState *state)
{
	/* as long-lived as the rows that it is put among */
	MemoryContext old =
		MemoryContextSwitchTo(GetMemoryChunkContext(state->rows));
	int at = state->next_row;
	int behind = state->nrows - at - 1;
	MinimalTuple *found;
	int n = rows_of(state, state->row_keys[at], &found);

	if (n > 1)
	{
		int nrows = at + n + behind;

		state->rows = repalloc(state->rows, nrows * sizeof(MinimalTuple));
		state->row_keys = repalloc(state->row_keys, nrows * sizeof(int64));
		state->served = repalloc(state->served, nrows * sizeof(bool));
	}
	if (n == 0)
		state->next_row++;
	else
	{
		memmove(&state->rows[at + n], &state->rows[at + 1],
				behind * sizeof(MinimalTuple));
		memmove(&state->row_keys[at + n], &state->row_keys[at + 1],
				behind * sizeof(int64));
		memmove(&state->served[at + n], &state->served[at + 1],
				behind * sizeof(bool));
		for (int i = 0; i < n; i++)
		{
			state->rows[at + i] = found[i];
			state->row_keys[at + i] = state->row_keys[at];
			state->served[at + i] = false;
		}
		state->nrows = at + n + behind;
	}
	MemoryContextSwitchTo(old);
}

/* ---- the rest of a view that has failed as a whole ---- */

/* Adds a key to the runs of keys; they are those of neighbours as a rule. */
static void
add_to_runs(TviewScanState *state, int64 key)
{
	TviewKeyRun *run =
		state->nruns > 0 ? &state->runs[state->nruns - 1] : NULL;

	if (run && key > run->last && key - 1 == run->last)
		run->last = key;
	else if (run && key < run->first && key + 1 == run->first)
		run->first = key;
	else if (state->nruns <= RUNS_MAX)
	{
		if (state->runs == NULL || state->nruns == state->runs_allocated)
		{
			MemoryContext old = MemoryContextSwitchTo(state->scan_context);

			state->runs_allocated = Max(state->runs_allocated * 2, 64);
			state->runs = state->runs
				? repalloc(state->runs,
						   state->runs_allocated * sizeof(TviewKeyRun))
				: palloc(state->runs_allocated * sizeof(TviewKeyRun));
			MemoryContextSwitchTo(old);
		}
		state->runs[state->nruns++] = (TviewKeyRun){key, key};
	}
}

void
tview_alone_note(TviewScanState *state, MinimalTuple tuple)
{
	bool isnull;
	int64 key = tview_compute_key_of(state->desc, tuple, &isnull);

	if (isnull)
		return;
	if (state->plan->direction == 0)
		add_to_runs(state, key);
	else
	{
		state->has_last = true;
		state->last = key;
	}
}

static int
compare_runs(const void *a, const void *b)
{
	int64 x = ((const TviewKeyRun *) a)->first;
	int64 y = ((const TviewKeyRun *) b)->first;

	return (x > y) - (x < y);
}

static bool
was_returned(const TviewScanState *state, int64 key)
{
	int low = 0;
	int high = state->nruns;

	while (low < high)
	{
		int middle = (low + high) / 2;

		if (state->runs[middle].first <= key)
			low = middle + 1;
		else
			high = middle;
	}
	return low > 0 && state->runs[low - 1].last >= key;
}

/*
 * Raises the view's error.  So many rows were returned in no order that nobody
 * knows which ones are left.
 */
static void
raise_view_error(TviewScanState *state)
{
	TviewViewPart part = {.columns = tview_alone_columns(state),
						  .keys_only = state->keys_only};
	TviewStream *stream = tview_runview_open(state, &part);

	while (tview_stream_next(stream) != NULL)
	{
		CHECK_FOR_INTERRUPTS();
	}
	elog(ERROR, "view %s has raised an error once", state->desc->viewname);
}

/* Opens the view's keys, past those that were returned. */
static void
open_keys(TviewScanState *state, int flags)
{
	MemoryContext old = MemoryContextSwitchTo(state->scan_context);
	TviewViewPart part = {.columns = bms_make_singleton(state->desc->key),
						  .keys_only = state->keys_only,
						  .direction = state->plan->direction < 0 ? -1 : 1,
						  .flags = flags};

	state->stream = tview_runview_open(state, &part);
	MemoryContextSwitchTo(old);
}

void
tview_alone_start(TviewScanState *state)
{
	state->phase = TVIEW_PHASE_ALONE;
	state->nrows = state->next_row = 0;
	check_query(state);
	if (state->nruns > RUNS_MAX)
		raise_view_error(state);
	if (state->nruns > 1)
		qsort(state->runs, state->nruns, sizeof(TviewKeyRun), compare_runs);
	open_keys(state, TVIEW_STREAM_GUARDED);
}

/* The next keys of the view, distinct; returns how many. */
static int
next_keys(TviewScanState *state, int64 *keys, int limit)
{
	MinimalTuple tuple;
	int n = 0;

	while (n < limit && (tuple = tview_stream_next(state->stream)) != NULL)
	{
		bool isnull;
		int64 key = tview_compute_key_of(state->desc, tuple, &isnull);

		if (isnull || (state->has_last && state->last == key))
			continue;
		state->has_last = true;
		state->last = key;
		if (!was_returned(state, key))
			keys[n++] = key;
	}
	return n;
}

void
tview_alone_batch(TviewScanState *state)
{
	MemoryContext old;
	int64 *keys;
	int n;

	old = MemoryContextSwitchTo(tview_scan_batch_context(state));
	keys = palloc(KEYS_PER_BATCH * sizeof(int64));
	n = next_keys(state, keys, state->key_by_key ? 1 : KEYS_PER_BATCH);
	/* even a key raises an error: it is the statement's once it gets there */
	if (tview_stream_failed(state->stream))
	{
		tview_stream_close(state->stream);
		state->stream = NULL;
		state->key_by_key = true;
		open_keys(state, TVIEW_STREAM_SINGLE);
	}
	else if (n == 0)
		state->phase = TVIEW_PHASE_DONE;
	tview_serve_computed(state, keys, n);
	MemoryContextSwitchTo(old);
}
