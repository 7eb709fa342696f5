/*
 * pathkey.c
 *		Orders that a scan of a TVIEW delivers and that its query can use.
 *
 * The key is never null, so NULLS FIRST and NULLS LAST are alike.  Where one
 * row per key is proven, every expression over the TVIEW's columns follows
 * from the key, and a pathkey on it after the key's asks for nothing more.
 */
#include "postgres.h"

#include "fdw/pathkey.h"

#include "access/stratnum.h"
#include "catalog/pg_opfamily_d.h"
#include "fdw/condition.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/paths.h"

/* True when some member of the class is the key column itself. */
static bool
class_has_key(EquivalenceClass *ec, RelOptInfo *baserel, AttrNumber key)
{
	ListCell *lc;

	foreach(lc, ec->ec_members)
	{
		EquivalenceMember *em = lfirst(lc);
		Var *var =
			tview_condition_column((Node *) em->em_expr, baserel->relid);

		if (var != NULL && var->varattno == key)
			return true;
	}
	return false;
}

/* True when some member of the class has one value per row of the TVIEW. */
static bool
class_follows_row(EquivalenceClass *ec, RelOptInfo *baserel)
{
	ListCell *lc;

	if (ec->ec_has_volatile)
		return false;
	foreach(lc, ec->ec_members)
	{
		EquivalenceMember *em = lfirst(lc);

		if (!em->em_is_const && bms_equal(em->em_relids, baserel->relids) &&
			!expression_returns_set((Node *) em->em_expr))
			return true;
	}
	return false;
}

/*
 * Returns the query's pathkeys from position n on as long as they follow from
 * the row.
 */
static List *
append_dependent(PlannerInfo *root, RelOptInfo *baserel, List *pathkeys)
{
	ListCell *lc;

	for_each_from(lc, root->query_pathkeys, list_length(pathkeys))
	{
		PathKey *pathkey = lfirst_node(PathKey, lc);

		if (!class_follows_row(pathkey->pk_eclass, baserel))
			break;
		pathkeys = lappend(pathkeys, pathkey);
	}
	return pathkeys;
}

/* Returns what of the query's order a single row satisfies; never throws. */
List *
tview_pathkey_of_one_row(PlannerInfo *root, RelOptInfo *baserel,
						 TviewDesc *desc)
{
	if (!desc->single_row)
		return NIL;
	return append_dependent(root, baserel, NIL);
}

/*
 * Returns the query's order, if it begins with the key, and the ascending
 * order that a merge join on the key could use.
 */
List *
tview_pathkey_orders(PlannerInfo *root, RelOptInfo *baserel, TviewDesc *desc)
{
	List *orders = NIL;
	PathKey *wanted = NULL;
	ListCell *lc;

	if (desc->key <= 0)
		return NIL;
	if (root->query_pathkeys != NIL)
	{
		wanted = linitial_node(PathKey, root->query_pathkeys);
		if (wanted->pk_opfamily == INTEGER_BTREE_FAM_OID &&
			class_has_key(wanted->pk_eclass, baserel, desc->key))
		{
			List *order = list_make1(wanted);

			if (desc->single_row)
				order = append_dependent(root, baserel, order);
			orders = lappend(orders, order);
		}
	}
	if (!baserel->has_eclass_joins)
		return orders;

	foreach(lc, root->eq_classes)
	{
		EquivalenceClass *ec = lfirst(lc);
		PathKey *pathkey;

		if (!bms_overlap(ec->ec_relids, baserel->relids) ||
			!list_member_oid(ec->ec_opfamilies, INTEGER_BTREE_FAM_OID) ||
			!eclass_useful_for_merging(root, ec, baserel) ||
			!class_has_key(ec, baserel, desc->key))
			continue;
		pathkey = make_canonical_pathkey(root, ec, INTEGER_BTREE_FAM_OID,
										 BTLessStrategyNumber, false);
		if (pathkey != wanted)
			orders = lappend(orders, list_make1(pathkey));
	}
	return orders;
}
