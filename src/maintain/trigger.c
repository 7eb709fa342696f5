/*
 * trigger.c
 *		See trigger.h.
 *
 * The triggers are internal ones: they are not dumped (creating the foreign
 * table makes them), and commands for users' triggers leave them alone.
 * PostgreSQL appends an oid to their names.  Names decide the order of firing:
 * rows are marked before users' AFTER triggers run.  Row triggers stand on
 * every partition for itself, for internal triggers are not cloned.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/pg_class.h"
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "maintain/trigger.h"
#include "meta/meta.h"
#include "meta/record.h"
#include "nodes/makefuncs.h"
#include "storage/lmgr.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#define EVENTS_OF_ROWS \
	(TRIGGER_TYPE_INSERT | TRIGGER_TYPE_UPDATE | TRIGGER_TYPE_DELETE)

static const struct
{
	const char *name;
	bool row;
	int16 timing;
	int16 events;
} triggers[TVIEW_TRIGGER_COUNT] = {
	[TVIEW_TRIGGER_ROW] = {TVIEW_TRIGGER_ROW_NAME, true, TRIGGER_TYPE_AFTER,
						   EVENTS_OF_ROWS},
	[TVIEW_TRIGGER_TRUNCATE] = {"0tview_mark_truncate", false,
								TRIGGER_TYPE_BEFORE, TRIGGER_TYPE_TRUNCATE}};

/* What stands on one table. */
typedef struct TriggerState
{
	Oid oid[TVIEW_TRIGGER_COUNT]; /* InvalidOid: missing */
	char enabled[TVIEW_TRIGGER_COUNT];
} TriggerState;

/* Looks up which of our triggers stand on the table. */
static void
read_state(Oid tableid, TriggerState *state)
{
	Relation rel = table_open(TriggerRelationId, AccessShareLock);
	Oid functions[TVIEW_TRIGGER_COUNT];
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple tuple;

	memset(state, 0, sizeof(TriggerState));
	for (int i = 0; i < TVIEW_TRIGGER_COUNT; i++)
		functions[i] = tview_meta_trigger_function(i);
	ScanKeyInit(&key, Anum_pg_trigger_tgrelid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(tableid));
	scan =
		systable_beginscan(rel, TriggerRelidNameIndexId, true, NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_trigger trigger = (Form_pg_trigger) GETSTRUCT(tuple);

		for (int i = 0; i < TVIEW_TRIGGER_COUNT; i++)
		{
			if (trigger->tgfoid != functions[i] || !trigger->tgisinternal)
				continue;
			state->oid[i] = trigger->oid;
			state->enabled[i] = trigger->tgenabled;
		}
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
}

/* Makes one trigger. */
static void
create_trigger(Oid tableid, TviewTriggerKind kind)
{
	CreateTrigStmt *stmt = makeNode(CreateTrigStmt);

	stmt->trigname = pstrdup(triggers[kind].name);
	stmt->relation = NULL;
	stmt->funcname =
		list_make2(makeString(pstrdup("tview")),
				   makeString(pstrdup(tview_meta_trigger_functions[kind])));
	stmt->row = triggers[kind].row;
	stmt->timing = triggers[kind].timing;
	stmt->events = triggers[kind].events;
	(void) CreateTriggerFiringOn(stmt, NULL, tableid, InvalidOid, InvalidOid,
								 InvalidOid, tview_meta_trigger_function(kind),
								 InvalidOid, NULL, true, false,
								 TRIGGER_FIRES_ALWAYS);
	CommandCounterIncrement();
}

/* Makes one trigger fire always. */
static void
mend_trigger(Oid tableid, Oid triggerid)
{
	Relation rel = table_open(TriggerRelationId, RowExclusiveLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple tuple;

	ScanKeyInit(&key, Anum_pg_trigger_oid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(triggerid));
	scan = systable_beginscan(rel, TriggerOidIndexId, true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	{
		HeapTuple changed = heap_copytuple(tuple);

		((Form_pg_trigger) GETSTRUCT(changed))->tgenabled =
			TRIGGER_FIRES_ALWAYS;
		CatalogTupleUpdate(rel, &changed->t_self, changed);
	}
	systable_endscan(scan);
	table_close(rel, RowExclusiveLock);
	CacheInvalidateRelcacheByRelid(tableid);
	CommandCounterIncrement();
}

/*
 * Removes our triggers from the table.  Where a query of this session is
 * using the table they stay: they find nothing to mark, and go with the next
 * change of a definition.
 */
static void
remove_triggers(Oid tableid, const TriggerState *state)
{
	Relation rel = try_table_open(tableid, AccessExclusiveLock);
	bool in_use;

	if (rel == NULL)
		return;
	in_use = rel->rd_refcnt > 1 || AfterTriggerPendingOnRel(tableid);
	table_close(rel, NoLock);
	if (in_use)
		return;
	for (int i = 0; i < TVIEW_TRIGGER_COUNT; i++)
	{
		ObjectAddress trigger;

		if (!OidIsValid(state->oid[i]))
			continue;
		ObjectAddressSet(trigger, TriggerRelationId, state->oid[i]);
		performDeletion(&trigger, DROP_RESTRICT,
						PERFORM_DELETION_INTERNAL | PERFORM_DELETION_QUIETLY);
	}
}

/* Makes and mends; true when something was disabled or mended. */
static bool
complete_triggers(Oid tableid, char relkind)
{
	TriggerState state;
	bool trouble = false;
	bool locked = false;
	int present = 0;

	read_state(tableid, &state);
	for (int i = 0; i < TVIEW_TRIGGER_COUNT; i++)
		present += OidIsValid(state.oid[i]);
	for (int i = 0; i < TVIEW_TRIGGER_COUNT; i++)
	{
		bool missing = !OidIsValid(state.oid[i]);

		if (!tview_meta_wants_trigger(relkind, i) ||
			(!missing && state.enabled[i] == TRIGGER_FIRES_ALWAYS))
			continue;
		/* none at all is a table that was not watched so far */
		trouble |= present > 0;
		if (!missing && state.enabled[i] == TRIGGER_DISABLED)
			continue;
		if (!locked)
			LockRelationOid(tableid, ShareRowExclusiveLock);
		locked = true;
		if (missing)
			create_trigger(tableid, i);
		else
			mend_trigger(tableid, state.oid[i]);
	}
	return trouble;
}

List *
tview_trigger_sync(List *tables)
{
	List *sorted = list_copy(tables);
	List *trouble = NIL;
	ListCell *lc;

	list_sort(sorted, list_oid_cmp);
	list_deduplicate_oid(sorted);
	foreach(lc, sorted)
	{
		Oid tableid = lfirst_oid(lc);
		char relkind = get_rel_relkind(tableid);

		if (relkind != RELKIND_RELATION && relkind != RELKIND_PARTITIONED_TABLE)
			continue;
		if (!tview_record_base_is_needed(tableid))
		{
			TriggerState state;
			bool any = false;

			read_state(tableid, &state);
			for (int i = 0; i < TVIEW_TRIGGER_COUNT; i++)
				any |= OidIsValid(state.oid[i]);
			if (any)
				remove_triggers(tableid, &state);
		}
		else if (complete_triggers(tableid, relkind))
			trouble = lappend_oid(trouble, tableid);
	}
	return trouble;
}
