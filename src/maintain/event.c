/*
 * event.c
 *		The extension's event triggers: new TVIEWs are recorded, and changes of
 *		anything that a TVIEW reads are followed.
 *
 * They run for every DDL command of every user, so they leave at once where
 * there is no TVIEW, and never raise an error but for commands on TVIEWs
 * themselves.
 */
#include "postgres.h"

#include "catalog/index.h"
#include "catalog/namespace.h"
#include "catalog/pg_cast_d.h"
#include "catalog/pg_class.h"
#include "catalog/pg_collation_d.h"
#include "catalog/pg_constraint_d.h"
#include "catalog/pg_foreign_server_d.h"
#include "catalog/pg_namespace_d.h"
#include "catalog/pg_opclass_d.h"
#include "catalog/pg_operator_d.h"
#include "catalog/pg_opfamily_d.h"
#include "catalog/pg_proc_d.h"
#include "catalog/pg_rewrite_d.h"
#include "catalog/pg_ts_config_d.h"
#include "catalog/pg_ts_config_map_d.h"
#include "catalog/pg_ts_dict_d.h"
#include "catalog/pg_type_d.h"
#include "commands/event_trigger.h"
#include "executor/spi.h"
#include "maintain/create.h"
#include "maintain/ddl.h"
#include "maintain/define.h"
#include "maintain/dependency.h"
#include "maintain/event.h"
#include "maintain/kin.h"
#include "maintain/naming.h"
#include "maintain/trigger.h"
#include "maintain/xact.h"
#include "meta/record.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"

PG_FUNCTION_INFO_V1(tview_event_command_start);
PG_FUNCTION_INFO_V1(tview_event_command_end);
PG_FUNCTION_INFO_V1(tview_event_sql_drop);
PG_FUNCTION_INFO_V1(tview_event_table_rewrite);

/* One object that a command has made, changed or dropped. */
typedef struct DdlObject
{
	Oid classid;
	Oid objid;
	char *type;	   /* object type, as event triggers name it */
	char *tag;	   /* of the command; NULL for dropped objects */
	bool original; /* dropped: named by the command */
	bool columns;  /* the command adds columns, or changes them */
	bool renamed;  /* names, or what names mean, may be others */
} DdlObject;

/* No TVIEW of this database was brought over by pg_upgrade. */
static bool adopted = false;

/* Raises unless called by the event trigger machinery. */
static EventTriggerData *
event_data(FunctionCallInfo fcinfo)
{
	if (!CALLED_AS_EVENT_TRIGGER(fcinfo))
		ereport(
			ERROR,
			(errcode(ERRCODE_E_R_I_E_EVENT_TRIGGER_PROTOCOL_VIOLATED),
			 errmsg(
				 "function of the extension tview_fdw was not called by an event trigger")));
	return (EventTriggerData *) fcinfo->context;
}

/*
 * The objects of the running event, in the current memory context.  The query
 * has columns classid, objid, object type, command tag, original.
 */
static List *
read_objects(const char *query)
{
	MemoryContext caller = CurrentMemoryContext;
	List *objects = NIL;

	SPI_connect();
	if (SPI_execute(query, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read the objects of an event trigger");
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		HeapTuple tuple = SPI_tuptable->vals[i];
		TupleDesc tupdesc = SPI_tuptable->tupdesc;
		MemoryContext old = MemoryContextSwitchTo(caller);
		DdlObject *object = palloc0(sizeof(DdlObject));
		bool isnull;
		char *text;

		object->classid =
			DatumGetObjectId(SPI_getbinval(tuple, tupdesc, 1, &isnull));
		object->objid =
			DatumGetObjectId(SPI_getbinval(tuple, tupdesc, 2, &isnull));
		if (isnull)
			object->objid = InvalidOid;
		text = SPI_getvalue(tuple, tupdesc, 3);
		object->type = text ? pstrdup(text) : pstrdup("");
		text = SPI_getvalue(tuple, tupdesc, 4);
		object->tag = text ? pstrdup(text) : NULL;
		object->original =
			DatumGetBool(SPI_getbinval(tuple, tupdesc, 5, &isnull));
		objects = lappend(objects, object);
		MemoryContextSwitchTo(old);
	}
	SPI_finish();
	return objects;
}

/* ---- what a command concerns ---- */

/* True when oids has a member in common with relids. */
static bool
lists_meet(List *oids, List *relids)
{
	ListCell *lc;

	foreach(lc, relids)
		if (list_member_oid(oids, lfirst_oid(lc)))
			return true;
	return false;
}

/* True when the TVIEW reads the relation, or one of its ancestors. */
static bool
reads_relation(const TviewRecord *record, Oid relid)
{
	char relkind = get_rel_relkind(relid);
	List *ancestors;

	if (relkind == RELKIND_INDEX || relkind == RELKIND_PARTITIONED_INDEX)
	{
		relid = IndexGetRelation(relid, true);
		if (!OidIsValid(relid))
			return false;
	}
	if (relkind == RELKIND_COMPOSITE_TYPE)
		return record->types != NIL;
	ancestors = tview_kin_ancestors(relid);
	return record->relid == relid || lists_meet(record->views, ancestors) ||
		lists_meet(record->bases, ancestors) ||
		lists_meet(record->sources, ancestors);
}

/*
 * True when the TVIEW may depend on functions that nobody records: those that
 * its functions call, and casts by which a type becomes JSON or a variable's
 * value.  What it means may be another then.
 */
static bool
calls_unseen(const TviewRecord *record, int *flags)
{
	if (record->functions == NIL && record->types == NIL)
		return false;
	*flags |= TVIEW_DEFINE_BUMP;
	return true;
}

/*
 * True when what the command did to the object may concern the TVIEW; *flags is
 * added to.
 */
static bool
concerns(const DdlObject *object, const TviewRecord *record, int *flags)
{
	bool altered = object->tag == NULL || strncmp(object->tag, "ALTER", 5) == 0;

	if (object->renamed && (record->setting_mask & TVIEW_SETTING_SEARCH_PATH))
	{
		*flags |= TVIEW_DEFINE_BUMP;
		return true;
	}
	switch (object->classid)
	{
		case RelationRelationId:
			if (object->objid == record->relid && object->tag != NULL)
			{
				*flags |= TVIEW_DEFINE_STRICT;
				/* a stored row has what its columns were */
				if (object->columns)
					*flags |= TVIEW_DEFINE_BUMP;
			}
			return reads_relation(record, object->objid) ||
				object->objid == record->viewid;
		case TSConfigRelationId:
		case TSConfigMapRelationId:
		case TSDictionaryRelationId:
			/* text search is the system's own: no record says who uses it */
			if (!altered)
				return calls_unseen(record, flags);
			*flags |= TVIEW_DEFINE_BUMP;
			return true;
		case ProcedureRelationId:
			/* types alone meet no functions but those of casts */
			if (record->functions == NIL && object->tag != NULL &&
				!tview_dependency_is_of_cast(object->objid))
				return false;
			return calls_unseen(record, flags);
		case CastRelationId:
			return calls_unseen(record, flags);
		case TypeRelationId:
		case ConstraintRelationId:
			if (record->types == NIL || !altered)
				return false;
			if (object->tag != NULL)
				*flags |= TVIEW_DEFINE_BUMP;
			return true;
		case NamespaceRelationId:
		case CollationRelationId:
		case OperatorRelationId:
		case OperatorClassRelationId:
		case OperatorFamilyRelationId:
			return altered;
		case RewriteRelationId:
			return true;
		default:
			return false;
	}
}

/* Looks again at every TVIEW that one of the objects concerns. */
static void
refresh_concerned(List *objects, List *records, int flags)
{
	List *relids = NIL;
	List *all_flags = NIL;
	ListCell *lc, *lc2;

	foreach(lc, records)
	{
		TviewRecord *record = lfirst(lc);
		int own_flags = flags;
		bool concerned = false;

		foreach(lc2, objects)
			concerned |= concerns(lfirst(lc2), record, &own_flags);
		if (!concerned)
			continue;
		relids = lappend_oid(relids, record->relid);
		all_flags = lappend_int(all_flags, own_flags);
	}
	forboth(lc, relids, lc2, all_flags)
		tview_define_refresh(lfirst_oid(lc), lfirst_int(lc2));
}

/* ---- partitions that come and go ---- */

/*
 * True when the command can change nothing but who is whose child, and what is
 * proven to be unique; *moves where rows come or go with it.
 */
static bool
changes_children_only(Node *parsetree, bool *moves)
{
	ListCell *lc;

	*moves = false;
	if (IsA(parsetree, CreateStmt) || IsA(parsetree, IndexStmt))
		return true;
	if (IsA(parsetree, DropStmt))
		return ((DropStmt *) parsetree)->removeType == OBJECT_TABLE ||
			((DropStmt *) parsetree)->removeType == OBJECT_INDEX;
	if (!IsA(parsetree, AlterTableStmt))
		return false;
	foreach(lc, ((AlterTableStmt *) parsetree)->cmds)
	{
		switch (lfirst_node(AlterTableCmd, lc)->subtype)
		{
			case AT_AttachPartition:
			case AT_DetachPartition:
			case AT_DetachPartitionFinalize:
			case AT_AddInherit:
			case AT_DropInherit:
				*moves = true;
				break;
			default:
				return false;
		}
	}
	return true;
}

/* True for any command that attaches or detaches, also among other things. */
static bool
moves_rows(Node *parsetree)
{
	ListCell *lc;

	if (!IsA(parsetree, AlterTableStmt))
		return false;
	foreach(lc, ((AlterTableStmt *) parsetree)->cmds)
	{
		AlterTableType subtype = lfirst_node(AlterTableCmd, lc)->subtype;

		if (subtype == AT_AddInherit || subtype == AT_DropInherit)
			return true;
	}
	return false;
}

/* Marks everything that is read through one of the relations. */
static void
mark_sources_gone(List *relids)
{
	List *sources = NIL;
	ListCell *lc, *lc2;

	foreach(lc, relids)
		foreach(lc2, tview_record_sources(InvalidOid, lfirst_oid(lc)))
			sources = list_append_unique_oid(
				sources, ((TviewSourceRecord *) lfirst(lc2))->sourceid);
	foreach(lc, sources)
		if (get_rel_relkind(lfirst_oid(lc)) != '\0')
			tview_xact_mark_gone(lfirst_oid(lc));
}

/* The same for the relations of a command and their ancestors. */
static void
mark_objects_gone(List *objects)
{
	List *relids = NIL;
	ListCell *lc;

	foreach(lc, objects)
	{
		DdlObject *object = lfirst(lc);

		if (object->classid == RelationRelationId)
			relids = list_concat_unique_oid(relids,
											tview_kin_ancestors(object->objid));
	}
	mark_sources_gone(relids);
}

/* ---- the event triggers ---- */

Datum
tview_event_command_start(PG_FUNCTION_ARGS)
{
	(void) event_data(fcinfo);
	PG_RETURN_NULL();
}

/* True for commands that can neither make a TVIEW nor concern one. */
static bool
is_harmless(Node *parsetree)
{
	switch (nodeTag(parsetree))
	{
		case T_CommentStmt:
		case T_SecLabelStmt:
		case T_GrantStmt:
		case T_AlterDefaultPrivilegesStmt:
		case T_CreateSeqStmt:
		case T_AlterSeqStmt:
		case T_CreateTableAsStmt:
		case T_CreateTrigStmt:
		case T_CreatePolicyStmt:
		case T_AlterPolicyStmt:
		case T_CreateStatsStmt:
		case T_AlterStatsStmt:
		case T_CreatePublicationStmt:
		case T_CreateSubscriptionStmt:
		case T_CreateForeignServerStmt:
		case T_CreateUserMappingStmt:
		case T_DropStmt:
			return true;
		case T_CreateStmt:
			/* CREATE FOREIGN TABLE has a node type of its own */
			return ((CreateStmt *) parsetree)->inhRelations == NIL;
		case T_IndexStmt:
			return !((IndexStmt *) parsetree)->unique &&
				!((IndexStmt *) parsetree)->primary;
		default:
			return false;
	}
}

/* True for commands that may leave a foreign table of ours to be recorded. */
static bool
may_create_table(Node *parsetree)
{
	if (IsA(parsetree, AlterTableStmt))
		return ((AlterTableStmt *) parsetree)->objtype == OBJECT_FOREIGN_TABLE;
	return IsA(parsetree, CreateForeignTableStmt) ||
		IsA(parsetree, ImportForeignSchemaStmt);
}

/*
 * Refuses inheritance from TVIEWs; defines foreign tables of ours that are not
 * recorded.
 */
static void
look_at_tables(List *objects, List *records, Node *parsetree)
{
	List *created = NIL;
	ListCell *lc, *lc2;

	foreach(lc, objects)
	{
		DdlObject *object = lfirst(lc);
		bool recorded = false;

		if (object->classid != RelationRelationId)
			continue;
		if (strcmp(object->type, "table") == 0 ||
			strcmp(object->type, "foreign table") == 0)
			tview_kin_refuse(object->objid);
		foreach(lc2, records)
			recorded |= ((TviewRecord *) lfirst(lc2))->relid == object->objid;
		if (!recorded && OidIsValid(tview_meta_table_server(object->objid)))
			created = list_append_unique_oid(created, object->objid);
	}
	if (created != NIL)
		tview_create_tables(created, parsetree);
}

Datum
tview_event_command_end(PG_FUNCTION_ARGS)
{
	EventTriggerData *data = event_data(fcinfo);
	List *records;
	List *objects;
	bool moves;
	bool children;
	bool renames;
	bool columns = tview_naming_columns(data->parsetree);
	bool may_create = may_create_table(data->parsetree);
	ListCell *lc;

	if (!OidIsValid(tview_meta_tviews_relid()))
		PG_RETURN_NULL();
	if (!adopted)
		adopted = tview_define_adopt();
	renames = tview_naming_changes(data->parsetree);
	if (!renames && is_harmless(data->parsetree))
		PG_RETURN_NULL();
	records = tview_record_list();
	if (records == NIL && !may_create &&
		!IsA(data->parsetree, AlterForeignServerStmt))
		PG_RETURN_NULL();
	tview_ddl_move_stores();

	objects =
		read_objects("SELECT classid, objid, object_type, command_tag, false"
					 " FROM pg_catalog.pg_event_trigger_ddl_commands()");
	if (objects == NIL)
		PG_RETURN_NULL();
	foreach(lc, objects)
	{
		((DdlObject *) lfirst(lc))->columns = columns;
		((DdlObject *) lfirst(lc))->renamed = renames;
	}
	children = changes_children_only(data->parsetree, &moves);
	if (moves || moves_rows(data->parsetree))
		mark_objects_gone(objects);
	look_at_tables(objects, records, data->parsetree);
	refresh_concerned(objects, records, children ? TVIEW_DEFINE_CHILDREN : 0);
	PG_RETURN_NULL();
}

/*
 * True when an index or a constraint went without its table, so that a proof
 * of uniqueness may have gone with it.
 */
static bool
drops_proofs(List *objects)
{
	bool tables = false;
	bool proofs = false;
	ListCell *lc;

	foreach(lc, objects)
	{
		DdlObject *object = lfirst(lc);

		tables |= strcmp(object->type, "table") == 0;
		proofs |= strcmp(object->type, "index") == 0 ||
			strcmp(object->type, "table constraint") == 0;
		if (object->original && strcmp(object->type, "index") == 0)
			return true;
	}
	return proofs && !tables;
}

/* True when something went whose name a row may have, or may have hidden. */
static bool
drops_names(List *objects)
{
	ListCell *lc;

	foreach(lc, objects)
	{
		Oid classid = ((DdlObject *) lfirst(lc))->classid;

		if (classid == RelationRelationId || classid == TypeRelationId ||
			classid == ProcedureRelationId || classid == NamespaceRelationId ||
			classid == OperatorRelationId)
			return true;
	}
	return false;
}

/* True when something went that a function may call without a dependency. */
static bool
drops_called(List *objects)
{
	ListCell *lc;

	foreach(lc, objects)
	{
		Oid classid = ((DdlObject *) lfirst(lc))->classid;

		if (classid == ProcedureRelationId || classid == CastRelationId ||
			classid == TSConfigRelationId || classid == TSDictionaryRelationId)
			return true;
	}
	return false;
}

Datum
tview_event_sql_drop(PG_FUNCTION_ARGS)
{
	List *bases;
	List *records;
	List *objects;
	List *relids = NIL;
	bool proofs;
	bool moves;
	int flags;
	EventTriggerData *data = event_data(fcinfo);
	ListCell *lc;

	if (!OidIsValid(tview_meta_tviews_relid()))
		PG_RETURN_NULL();
	bases = tview_ddl_take_dropped_bases();
	if (bases != NIL)
		(void) tview_trigger_sync(bases);
	records = tview_record_list();
	if (records == NIL)
		PG_RETURN_NULL();

	objects = read_objects(
		"SELECT classid, objid, object_type, NULL::pg_catalog.text, original"
		" FROM pg_catalog.pg_event_trigger_dropped_objects()"
		" WHERE NOT is_temporary");
	foreach(lc, objects)
		if (((DdlObject *) lfirst(lc))->classid == RelationRelationId)
			relids = lappend_oid(relids, ((DdlObject *) lfirst(lc))->objid);
	mark_sources_gone(relids);

	proofs = drops_proofs(objects);
	flags = changes_children_only(data->parsetree, &moves)
		? TVIEW_DEFINE_CHILDREN
		: 0;
	foreach(lc, records)
	{
		TviewRecord *record = lfirst(lc);

		int own_flags = flags;

		if ((record->setting_mask & TVIEW_SETTING_SEARCH_PATH) &&
			drops_names(objects))
			own_flags |= TVIEW_DEFINE_BUMP;
		if (own_flags & TVIEW_DEFINE_BUMP ||
			(drops_called(objects) && calls_unseen(record, &own_flags)))
			tview_define_refresh(record->relid, own_flags);
		else if (proofs || lists_meet(record->bases, relids) ||
				 lists_meet(record->views, relids))
			tview_define_refresh(record->relid, flags);
	}
	PG_RETURN_NULL();
}

Datum
tview_event_table_rewrite(PG_FUNCTION_ARGS)
{
	Oid relid;

	(void) event_data(fcinfo);
	if (!OidIsValid(tview_meta_tviews_relid()))
		PG_RETURN_NULL();
	relid = DatumGetObjectId(
		OidFunctionCall0(F_PG_EVENT_TRIGGER_TABLE_REWRITE_OID));
	if (tview_record_base_is_needed(relid))
		tview_xact_mark_gone(relid);
	PG_RETURN_NULL();
}
