/*
 * modify.c
 *		Writing to a TVIEW: refused, with the name of the table to write to.
 *
 * INSERT, UPDATE and DELETE are refused when they are planned.  COPY FROM and
 * the routing of rows to a partition have no plan: there PostgreSQL asks
 * whether the table is updatable first and would refuse in words of its own.
 */
#include "postgres.h"

#include "fdw/modify.h"

#include "meta/meta.h"
#include "parser/parsetree.h"
#include "storage/lmgr.h"
#include "utils/lsyscache.h"

/* Every command that may be asked about. */
#define ALL_COMMANDS ((1 << CMD_INSERT) | (1 << CMD_UPDATE) | (1 << CMD_DELETE))

/* Raises the error; doing is "insert into" and the like.  Does not return. */
static void
refuse(Oid relid, const char *doing)
{
	TviewDesc *desc = tview_meta_get(relid, true);
	char *name = get_rel_name(relid);

	if (desc != NULL && OidIsValid(desc->rootid))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot %s \"%s\", which shows a view: write to the base table \"%s.%s\" instead",
						doing, name,
						get_namespace_name(get_rel_namespace(desc->rootid)),
						get_rel_name(desc->rootid)),
				 errhint("The rows of %s follow from the base tables of the view %s, and change with them.",
						 desc->name, desc->viewname)));
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("cannot %s \"%s\", which shows a view: write to the view's base tables instead",
					doing, name)));
}

/*
 * Says that nothing can be written, for information_schema and its readers,
 * but lets through who is about to write and has locked the table for it, so
 * that one of the functions below can say more.
 */
int
tviewIsForeignRelUpdatable(Relation rel)
{
	if (CheckRelationLockedByMe(rel, RowExclusiveLock, false))
		return ALL_COMMANDS;
	return 0;
}

/* Refuses INSERT, UPDATE and DELETE. */
List *
tviewPlanForeignModify(PlannerInfo *root, ModifyTable *plan,
					   Index resultRelation, int subplan_index)
{
	Oid relid = planner_rt_fetch(resultRelation, root)->relid;

	switch (plan->operation)
	{
		case CMD_UPDATE:
			refuse(relid, "update");
			break;
		case CMD_DELETE:
			refuse(relid, "delete from");
			break;
		default:
			refuse(relid, "insert into");
			break;
	}
	return NIL;
}

/* Refuses COPY FROM and rows that are routed to the table as a partition. */
void
tviewBeginForeignInsert(ModifyTableState *mtstate, ResultRelInfo *resultRelInfo)
{
	refuse(RelationGetRelid(resultRelInfo->ri_RelationDesc), "insert into");
}

/* Refuses a row that is inserted without a plan or a beginning. */
TupleTableSlot *
tviewExecForeignInsert(EState *estate, ResultRelInfo *rinfo,
					   TupleTableSlot *slot, TupleTableSlot *planSlot)
{
	refuse(RelationGetRelid(rinfo->ri_RelationDesc), "insert into");
	return NULL;
}

/* Likewise for an update. */
TupleTableSlot *
tviewExecForeignUpdate(EState *estate, ResultRelInfo *rinfo,
					   TupleTableSlot *slot, TupleTableSlot *planSlot)
{
	refuse(RelationGetRelid(rinfo->ri_RelationDesc), "update");
	return NULL;
}

/* Likewise for a delete. */
TupleTableSlot *
tviewExecForeignDelete(EState *estate, ResultRelInfo *rinfo,
					   TupleTableSlot *slot, TupleTableSlot *planSlot)
{
	refuse(RelationGetRelid(rinfo->ri_RelationDesc), "delete from");
	return NULL;
}

/* Refuses TRUNCATE. */
void
tviewExecForeignTruncate(List *rels, DropBehavior behavior, bool restart_seqs)
{
	refuse(RelationGetRelid((Relation) linitial(rels)), "truncate");
}
