/*
 * copy.c
 *		Copies rows for a batch; see state.h.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/tupmacs.h"
#include "fdw/state.h"
#include "utils/memutils.h"

/* True when a query asks for one key, and did not before. */
static bool
is_only_row(const TviewScanState *state)
{
	return state->phase == TVIEW_PHASE_KEYS && state->nkeys == 1 &&
		tview_scan_is_first(state);
}

/*
 * Room for a tuple of the batch, with what makes it a heap tuple before it.
 * It comes from a buffer that all batches of the scan use in turn: memory
 * that is given back and taken again for each batch would cost more than the
 * copying.
 */
static MinimalTuple
allocate_tuple(TviewScanState *state, Size size)
{
	Size wanted = MAXALIGN(MINIMAL_TUPLE_OFFSET + size);
	char *room;

	if (state->buffer == NULL && !is_only_row(state))
		state->buffer = MemoryContextAlloc(state->context, TVIEW_BATCH_BYTES);
	if (state->buffer && state->buffer_used + wanted <= TVIEW_BATCH_BYTES)
	{
		room = state->buffer + state->buffer_used;
		state->buffer_used += wanted;
	}
	else
		room = palloc(wanted);
	memset(room, 0, MINIMAL_TUPLE_OFFSET);
	return (MinimalTuple) (room + MINIMAL_TUPLE_OFFSET);
}

uint32
tview_copy_size(const TviewDesc *desc, int natts)
{
	Size size = 0;

	if (natts == 0)
		return 0;
	for (int i = 0; i < natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc->tupdesc, i);

		if (att->attlen <= 0)
			return 0;
		size = att_align_nominal(size, att->attalign) + att->attlen;
	}
	return MAXALIGN(SizeofHeapTupleHeader) - MINIMAL_TUPLE_OFFSET + size;
}

MinimalTuple
tview_copy_stored(TviewScanState *state, const TviewRow *row)
{
	MinimalTuple tuple;

	if (state->needed_size > 0 && state->needed_size < row->size &&
		(row->tuple->t_infomask & HEAP_HASNULL) == 0)
	{
		tuple = allocate_tuple(state, state->needed_size);
		memcpy(tuple, row->tuple, state->needed_size);
		tuple->t_len = state->needed_size;
		HeapTupleHeaderSetNatts(tuple, state->plan->natts);
		return tuple;
	}
	tuple = allocate_tuple(state, row->size);
	memcpy(tuple, row->tuple, row->size);
	return tuple;
}

MinimalTuple
tview_copy_minimal(TviewScanState *state, MinimalTuple tuple)
{
	MinimalTuple copy = allocate_tuple(state, tuple->t_len);

	memcpy(copy, tuple, tuple->t_len);
	return copy;
}
