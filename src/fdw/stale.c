/*
 * stale.c
 *		See stale.h.
 *
 * Rows are computed as a whole, under a guard, and stored where they may be:
 * at once, by the worker, or together with others that wait (cache/later.h).
 */
#include "postgres.h"

#include "cache/later.h"
#include "cache/stop.h"
#include "cache/wake.h"
#include "compute/guard.h"
#include "fdw/stale.h"
#include "miscadmin.h"
#include "portability/instr_time.h"

/*
 * A row that takes longer to compute than some rows to store is stored.  Time
 * stands still where tests hold a backend.
 */
#ifdef TVIEW_STOP_POINTS
#define SOON_US PG_INT64_MAX
#else
#define SOON_US 500
#endif

/*
 * True when the row of a look-up is kept to be stored with others.  Where a
 * worker is wanted it has had its chance: what it takes is not computed to be
 * stored.
 */
static bool
may_wait(const TviewScanState *state, TviewFillBatch *fill)
{
	TviewHandle *handle = state->reader.handle;

	return fill->n == 1 && state->phase == TVIEW_PHASE_KEYS && handle &&
		!tview_wake_is_wanted(handle) &&
		tview_later_take(state->desc, state->snapshot,
						 state->reader.state.clears, &fill->items[0]);
}

/*
 * Offers computed rows to the store; it takes them or not.  One row that was
 * computed soon may wait for others.
 */
static void
store_computed(TviewScanState *state, TviewBatchEntry **waiting, int n,
			   bool soon)
{
	TviewFillBatch fill = {.items = palloc(n * sizeof(TviewFillItem)), .n = 0};

	for (int i = 0; i < n; i++)
	{
		TviewComputed *computed = waiting[i]->computed;

		if (computed == NULL)
			continue;
		if (!computed->root_exists)
			state->computed_in_vain = true;
		fill.items[fill.n++] = tview_compute_lend_item(computed);
	}
	if (fill.n == 0 || (soon && may_wait(state, &fill)))
		return;
	(void) tview_writer_store(state->desc, state->snapshot, &fill);
	for (int i = 0; i < fill.n; i++)
		tview_later_forget(state->desc->relid, fill.items[i].key);
}

/*
 * Computes whole rows of the keys, all at once, or one by one where that
 * raises an error.
 */
static void
compute_keys(TviewScanState *state, TviewBatchEntry **waiting,
			 const int64 *keys, int n, bool storing)
{
	TviewComputed *computed =
		tview_compute_try(state->desc, state->snapshot, keys, n, storing);

	for (int i = 0; i < n; i++)
	{
		if (computed)
			waiting[i]->computed = &computed[i];
		else if (n > 1 && tview_guard_is_possible())
			waiting[i]->computed = tview_compute_try(
				state->desc, state->snapshot, &keys[i], 1, storing);
		CHECK_FOR_INTERRUPTS();
	}
}

/*
 * True when what is computed for these keys may be stored, and nobody else is
 * to do that.
 */
static bool
may_store(const TviewScanState *state, const int64 *keys, int n)
{
	return !state->viewing &&
		!tview_wake_takes_rows(state->desc->serverid, state->desc->relid, keys,
							   n) &&
		tview_guard_is_possible() &&
		tview_compute_foreign_setting(state->desc) == NULL &&
		tview_writer_is_allowed(state->desc, state->snapshot);
}

/*
 * Serves rows that wait to be stored, where one of these is the latest: they
 * are stored, and then read like any other ones.  Returns how many are left to
 * be computed.
 */
static int
serve_waiting(TviewScanState *state, TviewBatchEntry **entries, int64 *keys,
			  int n)
{
	bool some = false;
	int left = 0;

	for (int i = 0; i < n && !some && !state->viewing; i++)
		some = tview_later_is_fresh(state->reader.handle, state->desc->relid,
									keys[i]);
	if (!some)
		return n;
	tview_later_store();
	if (tview_serve_begin(state).code != TVIEW_BYPASS_NONE)
		left = n;
	for (int i = left; i < n; i++)
	{
		TviewRow row;

		if (tview_reader_get(&state->reader, keys[i], &row) ==
			TVIEW_FOUND_VALID)
			entries[i]->tuple = tview_copy_stored(state, &row);
		else
		{
			entries[left] = entries[i];
			keys[left++] = keys[i];
		}
	}
	tview_reader_end(&state->reader);
	return left;
}

/* True when the time since then is short. */
static bool
is_soon(instr_time start)
{
	instr_time now;

	INSTR_TIME_SET_CURRENT(now);
	INSTR_TIME_SUBTRACT(now, start);
	return (int64) INSTR_TIME_GET_MICROSEC(now) < SOON_US;
}

void
tview_stale_compute(TviewScanState *state, TviewBatchEntry **entries,
					int64 *keys, int n)
{
	instr_time start;
	bool storing;

	TVIEW_STOP("compute.begin");
	n = serve_waiting(state, entries, keys, n);
	if (n == 0)
		return;
	storing = may_store(state, keys, n);
	INSTR_TIME_SET_CURRENT(start);
	/*
	 * One row that is not stored stays a gap, which is filled with what the
	 * scan reads, at once: that takes no guard.  Under local conditions it
	 * would take a query for each of them.
	 */
	if (storing || n > 1 || state->node->ss.ps.plan->qual != NIL)
		compute_keys(state, entries, keys, n, storing);
	TVIEW_STOP("compute.end");
	state->figures.recomputed += n;
	if (storing)
		store_computed(state, entries, n, is_soon(start));
}
