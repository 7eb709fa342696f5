/*
 * values.c
 *		Evaluates a scan's pushed conditions; see state.h.
 */
#include "postgres.h"

#include "access/stratnum.h"
#include "catalog/pg_type_d.h"
#include "common/int.h"
#include "executor/executor.h"
#include "fdw/state.h"
#include "meta/order.h"
#include "meta/tag.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"

int
tview_values_elements(Datum value, Datum **elements)
{
	ArrayType *array = DatumGetArrayTypeP(value);
	Oid type = ARR_ELEMTYPE(array);
	int16 typlen;
	bool typbyval;
	char typalign;
	bool *nulls;
	int n;
	int kept = 0;

	get_typlenbyvalalign(type, &typlen, &typbyval, &typalign);
	deconstruct_array(array, type, typlen, typbyval, typalign, elements, &nulls,
					  &n);
	for (int i = 0; i < n; i++)
		if (!nulls[i])
			(*elements)[kept++] = (*elements)[i];
	return kept;
}

/* Narrows the bounds by a comparison of the key. */
static void
narrow_bounds(TviewScanState *state, int strategy, int64 value)
{
	switch (strategy)
	{
		case BTLessStrategyNumber:
			if (value == PG_INT64_MIN)
				state->lower = PG_INT64_MAX, state->upper = PG_INT64_MIN;
			else
				state->upper = Min(state->upper, value - 1);
			break;
		case BTLessEqualStrategyNumber:
			state->upper = Min(state->upper, value);
			break;
		case BTEqualStrategyNumber:
			state->lower = Max(state->lower, value);
			state->upper = Min(state->upper, value);
			break;
		case BTGreaterEqualStrategyNumber:
			state->lower = Max(state->lower, value);
			break;
		case BTGreaterStrategyNumber:
			if (value == PG_INT64_MAX)
				state->lower = PG_INT64_MAX, state->upper = PG_INT64_MIN;
			else
				state->lower = Max(state->lower, value + 1);
			break;
		default:
			elog(ERROR, "unexpected strategy %d", strategy);
	}
}

/*
 * Takes the keys of "key = ANY(array)", or keeps those of before that are
 * among them.
 */
static void
take_keys(TviewScanState *state, const TviewCondition *condition, Datum array,
		  bool first)
{
	Datum *elements;
	int n = tview_values_elements(array, &elements);
	int64 *keys = palloc(Max(n, 1) * sizeof(int64));
	int kept = 0;

	for (int i = 0; i < n; i++)
		keys[i] = tview_meta_integer(condition->valtype, elements[i]);
	n = tview_order_keys(keys, n);
	for (int i = 0; i < n; i++)
		if (first ||
			bsearch(&keys[i], state->keys, state->nkeys, sizeof(int64),
					tview_order_compare_keys))
			keys[kept++] = keys[i];
	state->keys = keys;
	state->nkeys = kept;
}

/* Keys that an integer type cannot hold cannot be in the view. */
static void
clamp_bounds(TviewScanState *state)
{
	if (state->desc->keytype == INT2OID)
	{
		state->lower = Max(state->lower, PG_INT16_MIN);
		state->upper = Min(state->upper, PG_INT16_MAX);
	}
	else if (state->desc->keytype == INT4OID)
	{
		state->lower = Max(state->lower, PG_INT32_MIN);
		state->upper = Min(state->upper, PG_INT32_MAX);
	}
}

/* Turns the conditions on the key into a list of keys or bounds. */
static bool
apply_key_conditions(TviewScanState *state)
{
	bool first = true;
	int kept = 0;

	state->lower = PG_INT64_MIN;
	state->upper = PG_INT64_MAX;
	for (int i = 0; i < state->plan->nconditions; i++)
	{
		const TviewCondition *condition = &state->plan->conditions[i];

		if (condition->attno != state->desc->key)
		{
			state->recheck = true;
			continue;
		}
		if (condition->is_array)
		{
			take_keys(state, condition, state->values[i].value, first);
			first = false;
		}
		else
			narrow_bounds(
				state, condition->strategy,
				tview_meta_integer(condition->valtype, state->values[i].value));
	}
	clamp_bounds(state);
	if (state->lower > state->upper)
		return false;
	if (state->plan->kind != TVIEW_SCAN_KEYS)
	{
		state->recheck = state->recheck || !first;
		return true;
	}
	if (first)
	{
		state->keys = &state->one_key;
		state->keys[0] = state->lower;
		state->nkeys = 1;
		return state->lower == state->upper;
	}
	for (int i = 0; i < state->nkeys; i++)
		if (state->keys[i] >= state->lower && state->keys[i] <= state->upper)
			state->keys[kept++] = state->keys[i];
	state->nkeys = kept;
	return kept > 0;
}

void
tview_values_init(TviewScanState *state)
{
	PlanState *ps = &state->node->ss.ps;
	ForeignScan *plan = (ForeignScan *) ps->plan;

	for (int i = 0; i < state->plan->nconditions; i++)
	{
		Expr *expr = list_nth(plan->fdw_exprs, i);

		if (tview_plan_is_value(expr))
			continue;
		if (state->exprs == NULL)
			state->exprs =
				palloc0(state->plan->nconditions * sizeof(ExprState *));
		state->exprs[i] = ExecInitExpr(expr, ps);
	}
	/* a look-up of one row has none yet: see start.c */
	if (state->exprs && ps->ps_ExprContext == NULL)
		ExecAssignExprContext(ps->state, ps);
}

/* The value of a parameter of the statement. */
static Datum
external_parameter(ParamListInfo params, const Param *param, bool *isnull)
{
	ParamExternData room;
	ParamExternData *value = NULL;

	if (params && param->paramid > 0 && param->paramid <= params->numParams)
		value = params->paramFetch
			? params->paramFetch(params, param->paramid, false, &room)
			: &params->params[param->paramid - 1];
	if (value == NULL || !OidIsValid(value->ptype))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("no value found for parameter %d", param->paramid)));
	if (value->ptype != param->paramtype)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("type of parameter %d (%s) does not match that when "
						"preparing the plan (%s)",
						param->paramid, format_type_be(value->ptype),
						format_type_be(param->paramtype))));
	*isnull = value->isnull;
	return value->value;
}

/*
 * The value of a condition.  Constants and parameters, which is what nearly
 * all look-ups have, are fetched without an expression being set up for them.
 */
static Datum
evaluate(TviewScanState *state, int i, bool *isnull)
{
	PlanState *ps = &state->node->ss.ps;
	Expr *expr;

	if (state->exprs && state->exprs[i])
		return ExecEvalExprSwitchContext(state->exprs[i], ps->ps_ExprContext,
										 isnull);
	expr = list_nth(((ForeignScan *) ps->plan)->fdw_exprs, i);
	if (IsA(expr, Param))
		return external_parameter(ps->state->es_param_list_info,
								  (Param *) expr, isnull);
	*isnull = ((Const *) expr)->constisnull;
	return ((Const *) expr)->constvalue;
}

static void
evaluate_condition(TviewScanState *state, int i)
{
	TviewScanValue *value = &state->values[i];
	const TviewCondition *condition = &state->plan->conditions[i];
	Datum datum = evaluate(state, i, &value->isnull);

	value->type = condition->type;
	if (value->isnull)
		return;
	value->value = condition->typbyval
		? datum
		: datumCopy(datum, false, condition->typlen);
}

bool
tview_values_evaluate(TviewScanState *state)
{
	bool possible = true;

	state->recheck = false;
	memset(state->values, 0,
		   state->plan->nconditions * sizeof(TviewScanValue));
	for (int i = 0; i < state->plan->nconditions; i++)
	{
		evaluate_condition(state, i);
		possible = possible && !state->values[i].isnull;
	}
	return possible && apply_key_conditions(state);
}

/* The look-up of a column of the TVIEW. */
static TviewLookup *
find_lookup(TviewDesc *desc, AttrNumber attno)
{
	for (int i = 0; i < desc->nlookups; i++)
		if (desc->lookups[i].attno == attno)
			return &desc->lookups[i];
	return NULL;
}

int
tview_values_lookup_tags(TviewScanState *state, uint64 **tags, uint16 *column)
{
	const TviewCondition *condition = &state->plan->conditions[0];
	TviewLookup *lookup = find_lookup(state->desc, condition->attno);
	TviewTagger *tagger = lookup ? &lookup->tagger : NULL;
	TviewTagger other;
	Datum single = state->values[0].value;
	Datum *elements = &single;
	int n = 1;

	if (lookup == NULL)
		return -1;
	/* a value of another type of the family has another hash function */
	if (condition->valtype != lookup->tagger.valtype)
	{
		if (!tview_meta_fill_tagger(
				&other, lookup->tagger.relid, lookup->tagger.attno,
				lookup->tagger.opfamily, condition->valtype,
				lookup->tagger.collation))
			return -1;
		tagger = &other;
	}
	*column =
		tagger->is_integer ? (uint16) (lookup - state->desc->lookups + 1) : 0;
	state->view_if_none = lookup->is_unique && !condition->is_array;
	if (condition->is_array)
		n = tview_values_elements(state->values[0].value, &elements);
	*tags = palloc(Max(n, 1) * sizeof(uint64));
	for (int i = 0; i < n; i++)
		(*tags)[i] = tview_meta_tag(tagger, elements[i]);
	return tview_order_tags(*tags, n);
}
