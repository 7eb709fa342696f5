/*
 * match.c
 *		Tests a row against a scan's pushed conditions; see state.h.
 *
 * The operators are called directly: setting up an expression costs more than
 * testing the one row that a look-up finds.  They are members of btree or hash
 * operator families, hence strict.
 */
#include "postgres.h"

#include "access/stratnum.h"
#include "executor/executor.h"
#include "fdw/state.h"
#include "utils/array.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"

/* Looks the operators up; they stay for all rescans. */
static void
init_operators(TviewScanState *state)
{
	MemoryContext context = state->node->ss.ps.state->es_query_cxt;
	int n = state->plan->nconditions;

	state->operators = MemoryContextAllocZero(context, n * sizeof(FmgrInfo));
	for (int i = 0; i < n; i++)
		fmgr_info_cxt(get_opcode(state->plan->conditions[i].opno),
					  &state->operators[i], context);
}

/* Compares values of a fixed width by their bytes, in any order. */
static int
compare_bytes(const void *a, const void *b, void *arg)
{
	Datum x = *(const Datum *) a;
	Datum y = *(const Datum *) b;
	int width = *(int *) arg;

	if (width == 0)
		return (x > y) - (x < y);
	return memcmp(DatumGetPointer(x), DatumGetPointer(y), width);
}

/*
 * The elements of an array condition, taken apart once per (re)scan; sorted
 * by their bytes where those have a fixed width.
 */
static void
take_elements(TviewScanState *state, int i, Form_pg_attribute att)
{
	TviewScanValue *value = &state->values[i];
	MemoryContext old;

	if (value->elements)
		return;
	old = MemoryContextSwitchTo(state->scan_context);
	value->nelements = tview_values_elements(value->value, &value->elements);
	value->sorted = att->atttypid == state->plan->conditions[i].valtype &&
		att->attlen > 0;
	value->width = att->attbyval ? 0 : att->attlen;
	if (value->sorted)
		qsort_arg(value->elements, value->nelements, sizeof(Datum),
				  compare_bytes, &value->width);
	MemoryContextSwitchTo(old);
}

/* True when one of the sorted elements has the value's bytes. */
static bool
is_among(TviewScanValue *value, Datum wanted)
{
	int low = 0;
	int high = value->sorted ? value->nelements : 0;

	while (low < high)
	{
		int middle = low + (high - low) / 2;
		int order = compare_bytes(&wanted, &value->elements[middle],
								  &value->width);

		if (order == 0)
			return true;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return false;
}

/*
 * True when the value has the very bytes that an equality asks for: bytes that
 * are equal are equal in every type that can be looked up.
 */
static bool
is_same(const TviewCondition *condition, Form_pg_attribute att, Datum value,
		Datum wanted)
{
	return condition->strategy == BTEqualStrategyNumber &&
		att->atttypid == condition->valtype &&
		datum_image_eq(value, wanted, att->attbyval, att->attlen);
}

static bool
holds(TviewScanState *state, int i, Form_pg_attribute att, Datum value,
	  Datum wanted)
{
	const TviewCondition *condition = &state->plan->conditions[i];

	if (is_same(condition, att, value, wanted))
		return true;
	if (state->operators == NULL)
		init_operators(state);
	return DatumGetBool(FunctionCall2Coll(
		&state->operators[i], condition->collation, value, wanted));
}

static bool
match_condition(TviewScanState *state, int i, HeapTuple tuple)
{
	const TviewCondition *condition = &state->plan->conditions[i];
	TupleDesc tupdesc = state->desc->tupdesc;
	Form_pg_attribute att = TupleDescAttr(tupdesc, condition->attno - 1);
	bool isnull;
	Datum value = heap_getattr(tuple, condition->attno, tupdesc, &isnull);

	if (isnull || state->values[i].isnull)
		return false;
	if (!condition->is_array)
		return holds(state, i, att, value, state->values[i].value);
	take_elements(state, i, att);
	if (is_among(&state->values[i], value))
		return true;
	for (int j = 0; j < state->values[i].nelements; j++)
		if (holds(state, i, att, value, state->values[i].elements[j]))
			return true;
	return false;
}

bool
tview_match_row(TviewScanState *state, MinimalTuple row)
{
	ExprContext *econtext = state->node->ss.ps.ps_ExprContext;
	HeapTupleData tuple = tview_row_heap_tuple(row);
	MemoryContext old;
	bool result = true;

	/* a look-up of one row may have none: see start.c */
	if (econtext)
		ResetExprContext(econtext);
	old = MemoryContextSwitchTo(econtext ? econtext->ecxt_per_tuple_memory
										 : state->scan_context);
	for (int i = 0; result && i < state->plan->nconditions; i++)
		result = match_condition(state, i, &tuple);
	MemoryContextSwitchTo(old);
	return result;
}
