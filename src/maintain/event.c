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

#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "commands/event_trigger.h"
#include "maintain/concern.h"
#include "maintain/create.h"
#include "maintain/ddl.h"
#include "maintain/define.h"
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

/* Marks what is read through a command's relations and their ancestors. */
static void
mark_objects_gone(List *objects)
{
	List *relids = NIL;
	ListCell *lc;

	foreach(lc, objects)
	{
		TviewDdlObject *object = lfirst(lc);

		if (object->classid == RelationRelationId)
			relids = list_concat_unique_oid(relids,
											tview_kin_ancestors(object->objid));
	}
	tview_define_mark_gone(relids);
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
		TviewDdlObject *object = lfirst(lc);
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

	objects = tview_concern_read_changed();
	if (objects == NIL)
		PG_RETURN_NULL();
	foreach(lc, objects)
	{
		((TviewDdlObject *) lfirst(lc))->columns = columns;
		((TviewDdlObject *) lfirst(lc))->renamed = renames;
	}
	children = changes_children_only(data->parsetree, &moves);
	if (moves || moves_rows(data->parsetree))
		mark_objects_gone(objects);
	look_at_tables(objects, records, data->parsetree);
	tview_concern_refresh(objects, records, false,
						  children ? TVIEW_DEFINE_CHILDREN : 0);
	PG_RETURN_NULL();
}

Datum
tview_event_sql_drop(PG_FUNCTION_ARGS)
{
	List *bases;
	List *records;
	List *objects;
	bool moves;
	int flags;
	EventTriggerData *data = event_data(fcinfo);

	if (!OidIsValid(tview_meta_tviews_relid()))
		PG_RETURN_NULL();
	bases = tview_ddl_take_dropped_bases();
	if (bases != NIL)
		(void) tview_trigger_sync(bases);
	records = tview_record_list();
	if (records == NIL)
		PG_RETURN_NULL();

	objects = tview_concern_read_dropped();
	tview_define_mark_gone(tview_concern_relations(objects));

	flags = changes_children_only(data->parsetree, &moves)
		? TVIEW_DEFINE_CHILDREN
		: 0;
	tview_concern_refresh(objects, records, true, flags);
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
