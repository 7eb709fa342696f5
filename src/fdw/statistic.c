/*
 * statistic.c
 *		Column statistics of TVIEWs that were never analyzed.
 *
 * A plain root column of a TVIEW has the values of the root's column, so the
 * root's statistics describe it, and its unique indexes make it unique.  The
 * planner asks for them by get_relation_stats_hook; without them it would take
 * an unknown column to have 200 values.  Statistics of the TVIEW itself come
 * first where ANALYZE has made them.
 *
 * The hook sees every look-up of statistics in the backend: it leaves at once
 * for what is not a foreign table.
 */
#include "postgres.h"

#include "compat.h"
#include "fdw/statistic.h"

#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "catalog/pg_statistic.h"
#include "fdw/handler.h"
#include "meta/meta.h"
#include "miscadmin.h"
#include "nodes/pathnodes.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
#include "utils/selfuncs.h"
#include "utils/syscache.h"

static get_relation_stats_hook_type next_hook = NULL;

/* Releases the statistics tuple (a callback of the planner). */
static void
free_statistics(HeapTuple tuple)
{
	ReleaseSysCache(tuple);
}

/*
 * Returns the root's column behind a column of the TVIEW, 0 when it is none;
 * sets is_unique.
 */
static AttrNumber
find_root_column(TviewDesc *desc, AttrNumber attno, bool *is_unique)
{
	*is_unique = false;
	if (attno == desc->key)
	{
		*is_unique = desc->single_row;
		return desc->key_root;
	}
	for (int i = 0; i < desc->nlookups; i++)
	{
		if (desc->lookups[i].attno == attno)
		{
			*is_unique = desc->single_row && desc->lookups[i].is_unique;
			return desc->lookups[i].tagger.attno;
		}
	}
	return InvalidAttrNumber;
}

/*
 * True when the user may see the root's values as they are: the view may
 * filter what is in the statistics, and only leakproof operators may look
 * at them otherwise.
 */
static bool
user_reads_root(TviewDesc *desc, PlannerInfo *root, RangeTblEntry *rte,
				AttrNumber attno)
{
	Oid userid = tview_compat_rte_user(root, rte);

	return !desc->rls && rte->securityQuals == NIL &&
		(pg_class_aclcheck(desc->rootid, userid, ACL_SELECT) == ACLCHECK_OK ||
		 pg_attribute_aclcheck(desc->rootid, attno, userid,
							   ACL_SELECT) == ACLCHECK_OK);
}

/*
 * Supplies the root's statistics for a TVIEW's column (a hook of the planner).
 * Returns false where the planner should look for the column's own.
 */
static bool
supply_statistics(PlannerInfo *root, RangeTblEntry *rte, AttrNumber attnum,
				  VariableStatData *vardata)
{
	TviewDesc *desc;
	AttrNumber attno;
	bool is_unique;
	bool is_parent;
	HeapTuple tuple;

	if (next_hook != NULL && next_hook(root, rte, attnum, vardata))
		return true;
	if (rte->relkind != RELKIND_FOREIGN_TABLE || rte->inh || attnum <= 0 ||
		!tview_handler_is_ours(rte->relid))
		return false;
	desc = tview_meta_get(rte->relid, true);
	if (desc == NULL || !OidIsValid(desc->rootid))
		return false;
	attno = find_root_column(desc, attnum, &is_unique);
	if (attno == InvalidAttrNumber)
		return false;

	/* a column seen through a subquery need not be unique above it */
	if (is_unique && vardata->rel != NULL &&
		vardata->rel->reloptkind != RELOPT_JOINREL &&
		root->simple_rel_array[vardata->rel->relid] == vardata->rel &&
		root->simple_rte_array[vardata->rel->relid] == rte)
		vardata->isunique = true;

	if (SearchSysCacheExists3(STATRELATTINH, ObjectIdGetDatum(rte->relid),
							  Int16GetDatum(attnum), BoolGetDatum(false)))
		return false;
	is_parent = get_rel_relkind(desc->rootid) == RELKIND_PARTITIONED_TABLE;
	tuple = SearchSysCache3(STATRELATTINH, ObjectIdGetDatum(desc->rootid),
							Int16GetDatum(attno),
							BoolGetDatum(is_parent));
	if (!HeapTupleIsValid(tuple))
		return false;
	vardata->statsTuple = tuple;
	vardata->freefunc = free_statistics;
	vardata->acl_ok = user_reads_root(desc, root, rte, attno);
	return true;
}

/* Puts our hook before those that are there. */
void
tview_statistic_init(void)
{
	next_hook = get_relation_stats_hook;
	get_relation_stats_hook = supply_statistics;
}
