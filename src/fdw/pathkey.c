/*
 * pathkey.c
 *		Orders that a scan of a TVIEW delivers and that its query can use.
 *
 * The key is never null, so NULLS FIRST and NULLS LAST are alike.  What an
 * order asks for behind the key is left to be sorted, although one row per key
 * is all that nearly every snapshot sees: one may see a row that was deleted
 * since and one that its own transaction has put in its place.
 */
#include "postgres.h"

#include "fdw/pathkey.h"

#include "access/stratnum.h"
#include "catalog/pg_opfamily_d.h"
#include "fdw/condition.h"
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

/*
 * Returns the order by the key that the query's order begins with, and the
 * ascending one that a merge join on the key could use.
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
			orders = lappend(orders, list_make1(wanted));
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
