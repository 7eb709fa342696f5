/*
 * condition.c
 *		Which clauses of a query the scan of a TVIEW can apply itself.
 *
 * A clause can be pushed when it is "column op e" or "column = ANY (e)", in
 * either order, where the column is the key or a plain root column, the
 * operator belongs to the family that the store orders or hashes by, and e
 * has one value for the whole scan: no column of the own table, nothing
 * volatile, no subplan that is evaluated in place.  Constants, parameters of
 * any kind, stable functions and columns of outer relations all qualify.
 *
 * What is pushed is applied exactly by the scan and is not evaluated again,
 * so a rule here that is too generous gives wrong answers; one that is too
 * strict only costs time.
 */
#include "postgres.h"

#include "fdw/condition.h"

#include "access/stratnum.h"
#include "access/transam.h"
#include "catalog/pg_opfamily_d.h"
#include "catalog/pg_type_d.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "optimizer/restrictinfo.h"
#include "utils/lsyscache.h"

/* Returns the node below relabellings, which keep the value as it is. */
static Node *
skip_relabel(Node *node)
{
	while (node != NULL && IsA(node, RelabelType))
		node = (Node *) ((RelabelType *) node)->arg;
	return node;
}

/*
 * Returns the user column of the relation that the node is, or NULL; never
 * throws.
 */
Var *
tview_condition_column(Node *node, Index relid)
{
	Var *var = (Var *) skip_relabel(node);

	if (var == NULL || !IsA(var, Var) ||
		var->varno != (int) relid || var->varlevelsup != 0 ||
		var->varattno <= 0)
		return NULL;
	return var;
}

/* True when the expression has one value for a whole scan of the relation. */
static bool
value_is_stable(PlannerInfo *root, Index relid, Node *node)
{
	node = skip_relabel(node);
	if (IsA(node, Const) || IsA(node, Param))
		return true;
	return !contain_volatile_functions(node) &&
		!contain_subplans(node) &&
		!bms_is_member(relid, pull_varnos(root, node));
}

/*
 * True when the hash that finds values of the look-up column agrees with an
 * equality under the given collation: collations without surprises compare
 * bytes, all others must be the column's own.
 */
static bool
collation_agrees(Oid column, Oid input)
{
	if (column == input || !OidIsValid(input))
		return true;
	return get_collation_isdeterministic(input) &&
		(!OidIsValid(column) || get_collation_isdeterministic(column));
}

/* What an operator means to the key, and the type on its right. */
typedef struct KeyOperator
{
	Oid opno;
	int strategy; /* InvalidStrategy: nothing */
	Oid righttype;
} KeyOperator;

/* Looks an operator up; PostgreSQL's own never change and are remembered. */
static KeyOperator
find_key_operator(Oid opno)
{
	static KeyOperator known[8];
	KeyOperator *place = &known[opno % lengthof(known)];
	KeyOperator found = {opno, InvalidStrategy, InvalidOid};
	Oid lefttype;

	if (place->opno == opno)
		return *place;
	found.strategy = get_op_opfamily_strategy(opno, INTEGER_BTREE_FAM_OID);
	if (found.strategy == InvalidStrategy)
		return found;
	op_input_types(opno, &lefttype, &found.righttype);
	if (opno < FirstUnpinnedObjectId)
		*place = found;
	return found;
}

/*
 * Finds what an operator with the column on its left means to the store:
 * fills strategy and lookup, or returns false.
 */
static bool
match_operator(TviewDesc *desc, AttrNumber attno, Oid opno, Oid collation,
			   TviewMatch *match)
{
	if (attno == desc->key)
	{
		match->lookup = NULL;
		match->condition.strategy = find_key_operator(opno).strategy;
		return match->condition.strategy != InvalidStrategy;
	}

	for (int i = 0; i < desc->nlookups; i++)
	{
		TviewLookup *lookup = &desc->lookups[i];

		if (lookup->attno != attno)
			continue;
		if (get_op_opfamily_strategy(opno, lookup->tagger.opfamily) !=
				HTEqualStrategyNumber ||
			!collation_agrees(lookup->tagger.collation, collation) ||
			!op_strict(opno))
			return false;
		match->lookup = lookup;
		match->condition.strategy = BTEqualStrategyNumber;
		return true;
	}
	return false;
}

/*
 * The type that the match's operator takes on its right; for a polymorphic one
 * the type that stands there.
 */
static Oid
value_type(const TviewMatch *match, Oid opno, Node *value, bool is_array)
{
	Oid lefttype;
	Oid righttype;

	if (match->lookup == NULL)
		return find_key_operator(opno).righttype;
	op_input_types(opno, &lefttype, &righttype);
	if (!IsPolymorphicType(righttype))
		return righttype;
	righttype = getBaseType(exprType(value));
	return is_array ? get_element_type(righttype) : righttype;
}

/*
 * Matches "column op e" and "e op column"; returns false when it cannot be
 * pushed.
 */
static bool
match_opexpr(PlannerInfo *root, Index relid, TviewDesc *desc, OpExpr *op,
			 TviewMatch *match)
{
	Node *value;
	Var *column;
	Oid opno = op->opno;
	bool commuted = false;

	if (list_length(op->args) != 2)
		return false;
	column = tview_condition_column(linitial(op->args), relid);
	value = lsecond(op->args);
	if (column == NULL)
	{
		column = tview_condition_column(lsecond(op->args), relid);
		value = linitial(op->args);
		if (column == NULL)
			return false;
		commuted = true;
		opno = get_commutator(opno);
		if (!OidIsValid(opno))
			return false;
	}
	if (!match_operator(desc, column->varattno, opno, op->inputcollid, match) ||
		!value_is_stable(root, relid, value))
		return false;

	match->condition.attno = column->varattno;
	match->condition.is_array = false;
	match->condition.opno = opno;
	match->condition.collation = op->inputcollid;
	match->condition.valtype = value_type(match, opno, value, false);
	match->value = (Expr *) value;
	match->clause = (Expr *) op;
	if (commuted)
		match->clause = make_opclause(opno, op->opresulttype, op->opretset,
									  lsecond(op->args), linitial(op->args),
									  op->opcollid, op->inputcollid);
	return OidIsValid(match->condition.valtype);
}

/* Matches "column = ANY (array)"; returns false when it cannot be pushed. */
static bool
match_arrayexpr(PlannerInfo *root, Index relid, TviewDesc *desc,
				ScalarArrayOpExpr *op, TviewMatch *match)
{
	Var *column;
	Node *value;

	if (!op->useOr || list_length(op->args) != 2)
		return false;
	column = tview_condition_column(linitial(op->args), relid);
	value = lsecond(op->args);
	if (column == NULL ||
		!match_operator(desc, column->varattno, op->opno, op->inputcollid,
						match) ||
		match->condition.strategy != BTEqualStrategyNumber ||
		!OidIsValid(get_element_type(getBaseType(exprType(value)))) ||
		!value_is_stable(root, relid, value))
		return false;

	match->condition.attno = column->varattno;
	match->condition.is_array = true;
	match->condition.opno = op->opno;
	match->condition.collation = op->inputcollid;
	match->condition.valtype = value_type(match, op->opno, value, true);
	match->value = (Expr *) value;
	match->clause = (Expr *) op;
	return OidIsValid(match->condition.valtype);
}

TviewMatch *
tview_condition_match(PlannerInfo *root, Index relid, TviewDesc *desc,
					  Expr *clause)
{
	TviewMatch match = {0};
	TviewMatch *copy;

	if (IsA(clause, OpExpr))
	{
		if (!match_opexpr(root, relid, desc, (OpExpr *) clause, &match))
			return NULL;
	}
	else if (!IsA(clause, ScalarArrayOpExpr) ||
			 !match_arrayexpr(root, relid, desc, (ScalarArrayOpExpr *) clause,
							  &match))
		return NULL;
	copy = palloc(sizeof(TviewMatch));
	*copy = match;
	return copy;
}

/*
 * Returns the matches among the RestrictInfos, allocated in the current
 * context.  A clause that must wait for a more secure one is left alone.
 */
List *
tview_condition_collect(PlannerInfo *root, RelOptInfo *baserel,
						TviewDesc *desc, List *rinfos)
{
	List *matches = NIL;
	ListCell *lc;

	foreach(lc, rinfos)
	{
		RestrictInfo *rinfo = lfirst_node(RestrictInfo, lc);
		TviewMatch *match;

		if (rinfo->pseudoconstant ||
			!restriction_is_securely_promotable(rinfo, baserel))
			continue;
		match = tview_condition_match(root, baserel->relid, desc,
									  rinfo->clause);
		if (match == NULL)
			continue;
		match->rinfo = rinfo;
		matches = lappend(matches, match);
	}
	return matches;
}

/*
 * Returns the first equality with one value on the column, else the first
 * with an array, else NULL: the planner and the plan must choose the same.
 */
TviewMatch *
tview_condition_driver(List *matches, AttrNumber attno)
{
	TviewMatch *driver = NULL;
	ListCell *lc;

	foreach(lc, matches)
	{
		TviewMatch *match = lfirst(lc);

		if (match->condition.attno != attno ||
			match->condition.strategy != BTEqualStrategyNumber)
			continue;
		if (!match->condition.is_array)
			return match;
		if (driver == NULL)
			driver = match;
	}
	return driver;
}

/* True when the match bounds the key from at least one side. */
bool
tview_condition_is_bound(const TviewMatch *match)
{
	return match->lookup == NULL && !match->condition.is_array;
}

/*
 * Returns what a scan of this kind applies: bounds only for a range, nothing
 * for a full scan (filters are as cheap there), and for scans by key or
 * look-up everything, since each condition spares a row.
 */
List *
tview_condition_pushed(List *matches, TviewScanKind kind, AttrNumber driver)
{
	TviewMatch *first = NULL;
	List *pushed = NIL;
	ListCell *lc;

	if (kind == TVIEW_SCAN_FULL)
		return NIL;
	if (kind == TVIEW_SCAN_KEYS || kind == TVIEW_SCAN_LOOKUP)
	{
		first = tview_condition_driver(matches, driver);
		if (first == NULL)
			elog(ERROR, "no condition on column %d to drive a scan", driver);
		pushed = list_make1(first);
	}
	foreach(lc, matches)
	{
		TviewMatch *match = lfirst(lc);

		if (match != first &&
			(kind != TVIEW_SCAN_RANGE || tview_condition_is_bound(match)))
			pushed = lappend(pushed, match);
	}
	return pushed;
}
