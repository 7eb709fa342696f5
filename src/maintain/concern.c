/*
 * concern.c
 *		See concern.h.
 *
 * TVIEWs are looked at again in the order of their oids, since each is locked
 * until the transaction ends: commands that meet on several of them wait for
 * each other, and no deadlock comes of it.
 */
#include "postgres.h"

#include "catalog/index.h"
#include "catalog/pg_cast_d.h"
#include "catalog/pg_class.h"
#include "catalog/pg_collation_d.h"
#include "catalog/pg_constraint_d.h"
#include "catalog/pg_inherits.h"
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
#include "executor/spi.h"
#include "maintain/concern.h"
#include "maintain/define.h"
#include "maintain/dependency.h"
#include "maintain/kin.h"
#include "meta/record.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

/* ---- the objects of a command ---- */

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
		TviewDdlObject *object = palloc0(sizeof(TviewDdlObject));
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

List *
tview_concern_read_changed(void)
{
	return read_objects(
		"SELECT classid, objid, object_type, command_tag, false"
		" FROM pg_catalog.pg_event_trigger_ddl_commands()");
}

List *
tview_concern_read_dropped(void)
{
	return read_objects(
		"SELECT classid, objid, object_type, NULL::pg_catalog.text, original"
		" FROM pg_catalog.pg_event_trigger_dropped_objects()"
		" WHERE NOT is_temporary");
}

List *
tview_concern_relations(List *objects)
{
	List *relids = NIL;
	ListCell *lc;

	foreach(lc, objects)
		if (((TviewDdlObject *) lfirst(lc))->classid == RelationRelationId)
			relids =
				lappend_oid(relids, ((TviewDdlObject *) lfirst(lc))->objid);
	return relids;
}

/* ---- what was changed ---- */

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
		return record->types != NIL || record->functions != NIL;
	ancestors = tview_kin_ancestors(relid);
	return record->relid == relid || lists_meet(record->views, ancestors) ||
		lists_meet(record->bases, ancestors) ||
		lists_meet(record->sources, ancestors);
}

/*
 * True when values that the TVIEW shows have the row type of the relation or of
 * one that inherits from it, which a command changes with it: they show the
 * names of its columns.
 */
static bool
shows_rows_of(const TviewRecord *record, Oid relid)
{
	ListCell *lc;

	if (record->types == NIL || !OidIsValid(get_rel_type_id(relid)))
		return false;
	foreach(lc, find_all_inheritors(relid, NoLock, NULL))
		if (list_member_oid(record->types, get_rel_type_id(lfirst_oid(lc))))
			return true;
	return false;
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
concerns(const TviewDdlObject *object, const TviewRecord *record, int *flags)
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
			/* a function's text may name a type that no record has */
			if (record->functions != NIL && altered &&
				get_rel_relkind(object->objid) == RELKIND_COMPOSITE_TYPE)
				*flags |= TVIEW_DEFINE_BUMP;
			return reads_relation(record, object->objid) ||
				object->objid == record->viewid ||
				shows_rows_of(record, object->objid);
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
			if (!altered || (record->types == NIL && record->functions == NIL))
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

/* ---- what was dropped ---- */

/* What went with a command. */
typedef struct Dropped
{
	List *relations;
	/*
	 * an index or a constraint went without its table, so that a proof of
	 * uniqueness may have gone with it
	 */
	bool proofs;
	bool names;	 /* a row may have the name of what went, or it was hidden */
	bool called; /* a function may call what went without a dependency */
} Dropped;

static void
sum_up(List *objects, Dropped *dropped)
{
	bool tables = false;
	bool indexes = false;
	ListCell *lc;

	*dropped = (Dropped){.relations = tview_concern_relations(objects)};
	foreach(lc, objects)
	{
		const TviewDdlObject *object = lfirst(lc);
		bool is_index = strcmp(object->type, "index") == 0;
		Oid class = object->classid;

		tables |= strcmp(object->type, "table") == 0;
		indexes |= is_index && object->original;
		dropped->proofs |=
			is_index || strcmp(object->type, "table constraint") == 0;
		dropped->names |= class == RelationRelationId ||
			class == TypeRelationId || class == ProcedureRelationId ||
			class == NamespaceRelationId || class == OperatorRelationId;
		dropped->called |= class == ProcedureRelationId ||
			class == CastRelationId || class == TSConfigRelationId ||
			class == TSDictionaryRelationId;
	}
	dropped->proofs = indexes || (dropped->proofs && !tables);
}

/* True when what was dropped may concern the TVIEW; *flags is added to. */
static bool
drop_concerns(const Dropped *dropped, const TviewRecord *record, int *flags)
{
	if (dropped->names && (record->setting_mask & TVIEW_SETTING_SEARCH_PATH))
	{
		*flags |= TVIEW_DEFINE_BUMP;
		return true;
	}
	if (dropped->called && calls_unseen(record, flags))
		return true;
	return dropped->proofs || lists_meet(record->bases, dropped->relations) ||
		lists_meet(record->views, dropped->relations);
}

/* ---- looking again ---- */

static int
by_relid(const ListCell *a, const ListCell *b)
{
	return oid_cmp(&((TviewRecord *) lfirst(a))->relid,
				   &((TviewRecord *) lfirst(b))->relid);
}

void
tview_concern_refresh(List *objects, List *records, bool dropped, int flags)
{
	Dropped sum;
	List *relids = NIL;
	List *all_flags = NIL;
	ListCell *lc, *lc2;

	sum_up(objects, &sum);
	list_sort(records, by_relid);
	foreach(lc, records)
	{
		TviewRecord *record = lfirst(lc);
		int own_flags = flags;
		bool concerned = false;

		if (dropped)
			concerned = drop_concerns(&sum, record, &own_flags);
		else
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
