/*
 * compat.h
 *		What differs between the versions of PostgreSQL that this builds with.
 */
#ifndef TVIEW_COMPAT_H
#define TVIEW_COMPAT_H

#include "postgres.h"

#include "access/htup_details.h"
#include "access/stratnum.h"
#include "access/transam.h"
#include "catalog/pg_class.h"
#include "catalog/pg_foreign_server.h"
#include "catalog/pg_namespace.h"
#include "commands/explain.h"
#include "commands/vacuum.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/prep.h"
#include "parser/parse_relation.h"
#include "rewrite/rewriteHandler.h"
#include "storage/lock.h"
#include "utils/acl.h"
#include "utils/guc.h"
#include "utils/guc_tables.h"
#include "utils/regproc.h"
#include "utils/rel.h"
#include "utils/selfuncs.h"
#include "utils/tuplesort.h"
#if PG_VERSION_NUM >= 180000
#include "commands/explain_format.h"
#include "commands/explain_state.h"
#endif

/* True when this backend holds the lock in this very mode. */
static inline bool
tview_compat_holds_lock(const LOCKTAG *tag, LOCKMODE mode)
{
#if PG_VERSION_NUM >= 170000
	return LockHeldByMe(tag, mode, false);
#else
	return LockHeldByMe(tag, mode);
#endif
}

/* True where the counts of strong locks are what src/meta/strong.c knows. */
static inline bool
tview_compat_has_strong_counts(void)
{
	return PG_VERSION_NUM < 190000;
}

/* The next datum of a sort, valid until the sort's next call or longer. */
static inline bool
tview_compat_sort_next(Tuplesortstate *sort, Datum *datum, bool *isnull)
{
#if PG_VERSION_NUM >= 160000
	return tuplesort_getdatum(sort, true, false, datum, isnull, NULL);
#else
	return tuplesort_getdatum(sort, true, datum, isnull, NULL);
#endif
}

/* The oldest xid that the commit log knows, under XactTruncationLock. */
static inline TransactionId
tview_compat_oldest_clog_xid(void)
{
#if PG_VERSION_NUM >= 170000
	return TransamVariables->oldestClogXid;
#else
	return ShmemVariableCache->oldestClogXid;
#endif
}

/*
 * The next xid, or an earlier one that is not below any xid of a snapshot that
 * was taken before.
 */
static inline uint64
tview_compat_recent_next_xid(void)
{
#if SIZEOF_VOID_P < 8
	return U64FromFullTransactionId(ReadNextFullTransactionId());
#elif PG_VERSION_NUM >= 170000
	return *(volatile uint64 *) &TransamVariables->nextXid.value;
#else
	return *(volatile uint64 *) &ShmemVariableCache->nextXid.value;
#endif
}

/* The parts of a possibly qualified name, or an error. */
static inline List *
tview_compat_qualified_name(const char *name)
{
#if PG_VERSION_NUM >= 160000
	return stringToQualifiedNameList(name, NULL);
#else
	return stringToQualifiedNameList(name);
#endif
}

/* True when the user owns the relation. */
static inline bool
tview_compat_owns_class(Oid relid)
{
#if PG_VERSION_NUM >= 160000
	return object_ownercheck(RelationRelationId, relid, GetUserId());
#else
	return pg_class_ownercheck(relid, GetUserId());
#endif
}

/* True when the user owns the foreign server. */
static inline bool
tview_compat_owns_server(Oid serverid)
{
#if PG_VERSION_NUM >= 160000
	return object_ownercheck(ForeignServerRelationId, serverid, GetUserId());
#else
	return pg_foreign_server_ownercheck(serverid, GetUserId());
#endif
}

/* What the user may do in a schema. */
static inline AclResult
tview_compat_schema_aclcheck(Oid schemaid, AclMode mode)
{
#if PG_VERSION_NUM >= 160000
	return object_aclcheck(NamespaceRelationId, schemaid, GetUserId(), mode);
#else
	return pg_namespace_aclcheck(schemaid, GetUserId(), mode);
#endif
}

/* True when the executor's check lets the query's range table pass. */
static inline bool
tview_compat_permitted(Query *query)
{
#if PG_VERSION_NUM >= 160000
	return ExecCheckPermissions(query->rtable, query->rteperminfos, false);
#else
	return ExecCheckRTPerms(query->rtable, false);
#endif
}

/*
 * Whose privileges count for an entry of the range table that is planned.
 * (Since 16 they are not in the entry, and those of a child nowhere but in
 * what the planner knows of it.)
 */
static inline Oid
tview_compat_rte_user(PlannerInfo *root, RangeTblEntry *rte)
{
	Oid userid = InvalidOid;

#if PG_VERSION_NUM >= 160000
	for (int i = 1; i < root->simple_rel_array_size; i++)
		if (root->simple_rte_array[i] == rte &&
			root->simple_rel_array[i] != NULL)
			userid = root->simple_rel_array[i]->userid;
#else
	userid = rte->checkAsUser;
#endif
	return OidIsValid(userid) ? userid : GetUserId();
}

/* All settings, and how many there are. */
static inline struct config_generic **
tview_compat_settings(int *n)
{
#if PG_VERSION_NUM >= 160000
	return get_guc_variables(n);
#else
	*n = GetNumConfigOptions();
	return get_guc_variables();
#endif
}

/* Zeroed memory for a setting's "extra", or NULL. */
static inline void *
tview_compat_guc_zeroed(size_t size)
{
#if PG_VERSION_NUM >= 160000
	void *memory = guc_malloc(LOG, size);

	if (memory != NULL)
		memset(memory, 0, size);
	return memory;
#else
	return calloc(1, size);
#endif
}

/* The entries below a join tree node, those of joins included. */
static inline Relids
tview_compat_jointree_relids(Node *jtnode)
{
#if PG_VERSION_NUM >= 160000
	return get_relids_in_jointree(jtnode, true, true);
#else
	return get_relids_in_jointree(jtnode, true);
#endif
}

/* How many elements an array has, as far as the planner knows. */
static inline double
tview_compat_array_length(PlannerInfo *root, Node *array)
{
#if PG_VERSION_NUM >= 170000
	return estimate_array_length(root, array);
#else
	return estimate_array_length(array);
#endif
}

/* A path that scans a foreign table. */
static inline ForeignPath *
tview_compat_scan_path(PlannerInfo *root, RelOptInfo *rel, double rows,
					   Cost startup, Cost total, List *pathkeys,
					   Relids required_outer, List *private)
{
#if PG_VERSION_NUM >= 180000
	return create_foreignscan_path(root, rel, NULL, rows, 0, startup, total,
								   pathkeys, required_outer, NULL, NIL,
								   private);
#elif PG_VERSION_NUM >= 170000
	return create_foreignscan_path(root, rel, NULL, rows, startup, total,
								   pathkeys, required_outer, NULL, NIL,
								   private);
#else
	return create_foreignscan_path(root, rel, NULL, rows, startup, total,
								   pathkeys, required_outer, NULL, private);
#endif
}

/* A path that computes what is above a scan. */
static inline ForeignPath *
tview_compat_upper_path(PlannerInfo *root, RelOptInfo *rel, PathTarget *target,
						double rows, Cost startup, Cost total, List *private)
{
#if PG_VERSION_NUM >= 180000
	return create_foreign_upper_path(root, rel, target, rows, 0, startup, total,
									 NIL, NULL, NIL, private);
#elif PG_VERSION_NUM >= 170000
	return create_foreign_upper_path(root, rel, target, rows, startup, total,
									 NIL, NULL, NIL, private);
#else
	return create_foreign_upper_path(root, rel, target, rows, startup, total,
									 NIL, NULL, private);
#endif
}

/*
 * Completes the scan of the query's only relation, whose conditions are its
 * own, as the planner does.
 */
static inline void
tview_compat_complete_scan(ForeignScan *scan, Query *query, Oid serverid)
{
	scan->operation = CMD_SELECT;
	scan->fs_server = serverid;
	scan->fs_relids = bms_make_singleton(1);
#if PG_VERSION_NUM >= 160000
	scan->fs_base_relids = bms_make_singleton(1);
	scan->checkAsUser =
		getRTEPermissionInfo(query->rteperminfos,
							 linitial_node(RangeTblEntry, query->rtable))
			->checkAsUser;
#endif
}

/* Adds what the planner has noted elsewhere in earlier versions. */
static inline void
tview_compat_complete_statement(PlannedStmt *statement,
								const PlannerGlobal *glob)
{
#if PG_VERSION_NUM >= 160000
	statement->permInfos = glob->finalrteperminfos;
#endif
#if PG_VERSION_NUM >= 180000
	statement->unprunableRelids = bms_copy(glob->allRelids);
#endif
}

/* Checks the privileges of a statement, and makes its range table known. */
static inline void
tview_compat_init_range_table(EState *estate, const PlannedStmt *statement)
{
#if PG_VERSION_NUM >= 180000
	ExecCheckPermissions(statement->rtable, statement->permInfos, true);
	ExecInitRangeTable(estate, statement->rtable, statement->permInfos,
					   bms_copy(statement->unprunableRelids));
#elif PG_VERSION_NUM >= 160000
	ExecCheckPermissions(statement->rtable, statement->permInfos, true);
	ExecInitRangeTable(estate, statement->rtable, statement->permInfos);
#else
	ExecCheckRTPerms(statement->rtable, true);
	ExecInitRangeTable(estate, statement->rtable);
#endif
}

/* Runs the query for a number of rows, or with 0 to its end, and only once. */
static inline void
tview_compat_run(QueryDesc *query, uint64 rows, bool once)
{
#if PG_VERSION_NUM >= 180000
	ExecutorRun(query, ForwardScanDirection, rows);
#else
	ExecutorRun(query, ForwardScanDirection, rows, once);
#endif
}

static inline MinimalTuple
tview_compat_form_tuple(TupleDesc desc, Datum *values, bool *nulls)
{
#if PG_VERSION_NUM >= 180000
	return heap_form_minimal_tuple(desc, values, nulls, 0);
#else
	return heap_form_minimal_tuple(desc, values, nulls);
#endif
}

static inline MinimalTuple
tview_compat_copy_tuple(MinimalTuple tuple)
{
#if PG_VERSION_NUM >= 180000
	return heap_copy_minimal_tuple(tuple, 0);
#else
	return heap_copy_minimal_tuple(tuple);
#endif
}

/* Where ANALYZE may pause. */
static inline void
tview_compat_analyze_delay(void)
{
#if PG_VERSION_NUM >= 180000
	vacuum_delay_point(true);
#else
	vacuum_delay_point();
#endif
}

static inline bool
tview_compat_is_descending(const PathKey *key)
{
#if PG_VERSION_NUM >= 180000
	return key->pk_cmptype == COMPARE_GT;
#else
	return key->pk_strategy == BTGreaterStrategyNumber;
#endif
}

/* True when no row has a null in column i (from 0) of the relcache's rows. */
static inline bool
tview_compat_is_not_null(TupleDesc desc, int i)
{
#if PG_VERSION_NUM >= 180000
	/* the constraint may be NOT VALID */
	return TupleDescCompactAttr(desc, i)->attnullability == ATTNULLABLE_VALID;
#else
	return TupleDescAttr(desc, i)->attnotnull;
#endif
}

/*
 * The expression of a column that is computed when it is read, over Vars of
 * entry 1, NULL when the column is stored.
 */
static inline Node *
tview_compat_virtual_expression(Relation rel, AttrNumber attno)
{
#if PG_VERSION_NUM >= 180000
	if (attno > 0 &&
		TupleDescAttr(RelationGetDescr(rel), attno - 1)->attgenerated ==
			ATTRIBUTE_GENERATED_VIRTUAL)
		return build_generation_expression(rel, attno);
#endif
	return NULL;
}

/*
 * Puts grouped expressions where the query names them by an entry of the range
 * table, and empties that entry.
 */
static inline void
tview_compat_flatten_groups(Query *query)
{
#if PG_VERSION_NUM >= 180000
	ListCell *lc;

	if (!query->hasGroupRTE)
		return;
	query->targetList = castNode(
		List, flatten_group_exprs(NULL, query, (Node *) query->targetList));
	query->havingQual = flatten_group_exprs(NULL, query, query->havingQual);
	foreach(lc, query->rtable)
		if (lfirst_node(RangeTblEntry, lc)->rtekind == RTE_GROUP)
			lfirst_node(RangeTblEntry, lc)->groupexprs = NIL;
	query->hasGroupRTE = false;
#endif
}

/* What an SQL/JSON expression is made of. */
typedef enum TviewCompatJson
{
	TVIEW_COMPAT_JSON_NONE, /* it is none */
	TVIEW_COMPAT_JSON_PART, /* what is below it counts */
	TVIEW_COMPAT_JSON_MAKE, /* values are printed as by to_json */
	TVIEW_COMPAT_JSON_QUERY /* a path is applied, and its result converted */
} TviewCompatJson;

/* Also gives the values that are printed, or the type of the result. */
static inline TviewCompatJson
tview_compat_json(Node *node, List **values, Oid *type)
{
	*values = NIL;
	*type = InvalidOid;
#if PG_VERSION_NUM >= 160000
	switch (nodeTag(node))
	{
		case T_JsonFormat:
		case T_JsonReturning:
		case T_JsonValueExpr:
		case T_JsonIsPredicate:
			return TVIEW_COMPAT_JSON_PART;
		case T_JsonConstructorExpr:
			*values = ((JsonConstructorExpr *) node)->args;
			return TVIEW_COMPAT_JSON_MAKE;
#if PG_VERSION_NUM >= 170000
		case T_JsonBehavior:
			return TVIEW_COMPAT_JSON_PART;
		case T_JsonExpr:
			*type = ((JsonExpr *) node)->returning->typid;
			return TVIEW_COMPAT_JSON_QUERY;
#endif
		default:
			break;
	}
#endif
	return TVIEW_COMPAT_JSON_NONE;
}

#endif /* TVIEW_COMPAT_H */
