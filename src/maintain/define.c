/*
 * define.c
 *		See define.h.
 *
 * Order of locks: the TVIEW (at creation its creator has it; later
 * ShareUpdateExclusiveLock, so that two commands never write one row at a
 * time), then base tables in the order of their oids.  At creation the base
 * tables are locked first and analysed again under the locks: what is
 * recorded is what the triggers watch.
 */
#include "postgres.h"

#include "access/transam.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "cache/stop.h"
#include "catalog/pg_class.h"
#include "maintain/analyse.h"
#include "maintain/define.h"
#include "maintain/dependency.h"
#include "maintain/fill.h"
#include "maintain/kin.h"
#include "maintain/trigger.h"
#include "maintain/xact.h"
#include "storage/lmgr.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/resowner.h"
#include "utils/syscache.h"

/* ---- recording ---- */

/* Sends relcache invalidations for the TVIEW and all its tables. */
static void
invalidate(const TviewRecord *record)
{
	List *rels = lappend_oid(list_copy(record->bases), record->relid);
	ListCell *lc;

	foreach(lc, list_concat_unique_oid(rels, record->sources))
		if (SearchSysCacheExists1(RELOID, ObjectIdGetDatum(lfirst_oid(lc))))
			CacheInvalidateRelcacheByRelid(lfirst_oid(lc));
}

/* A new generation, greater than the old one (or the first: NULL). */
static TviewGeneration
new_generation(const TviewGeneration *old)
{
	TviewGeneration generation;

	/* two commands may come in another order than their transactions' xids */
	generation.xid = U64FromFullTransactionId(GetTopFullTransactionId());
	if (old != NULL && old->xid >= generation.xid)
		generation.xid = old->xid + 1;
	if (!pg_strong_random(&generation.nonce, sizeof(generation.nonce)))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not generate random values")));
	return generation;
}

/*
 * Writes a definition down: rows, dependencies, triggers.  old is what was
 * recorded, or NULL.  Returns the tables whose triggers were in disorder.
 */
static List *
record_definition(TviewDefinition *definition, const TviewRecord *old)
{
	TviewRecord *record = definition->record;
	List *tables = list_copy(record->bases);

	tview_record_put(record, definition->sources);
	tview_dependency_record(record->relid, record->viewid, definition->key,
							definition->depends_on);
	if (old != NULL)
	{
		tables = list_concat_unique_oid(tables, old->bases);
		invalidate(old);
	}
	invalidate(record);
	CommandCounterIncrement();
	return tview_trigger_sync(tables);
}

/* Locks the base tables against writers; false when all were locked already. */
static bool
lock_bases(List *bases, List **locked)
{
	List *sorted = list_copy(bases);
	bool any = false;
	ListCell *lc;

	list_sort(sorted, list_oid_cmp);
	foreach(lc, sorted)
	{
		if (list_member_oid(*locked, lfirst_oid(lc)))
			continue;
		LockRelationOid(lfirst_oid(lc), ShareRowExclusiveLock);
		*locked = lappend_oid(*locked, lfirst_oid(lc));
		any = true;
	}
	return any;
}

/* Analyses until nothing changes between the analysis and the locks. */
static TviewDefinition *
analyse_and_lock(Oid relid, const TviewRecord *old, bool by_option)
{
	TviewDefinition *definition = tview_analyse_table(relid, old, by_option);
	List *locked = NIL;

	while (lock_bases(definition->record->bases, &locked))
		definition = tview_analyse_table(relid, old, by_option);
	return definition;
}

void
tview_define_create(Oid relid)
{
	TviewDefinition *definition;
	TviewRecord *record;

	if (get_rel_persistence(relid) != RELPERSISTENCE_PERMANENT)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TABLE_DEFINITION),
				 errmsg("foreign table %s cannot be temporary",
						tview_meta_relation_name(relid)),
				 errdetail(
					 "The server's wrapper keeps its rows for all sessions.")));
	tview_kin_refuse(relid);

	definition = analyse_and_lock(relid, NULL, true);
	TVIEW_STOP("create.locked");
	record = definition->record;
	record->generation = new_generation(NULL);
	(void) record_definition(definition, NULL);
	TVIEW_STOP("create.recorded");
	if (record->problem != NULL)
		ereport(WARNING,
				(errcode(ERRCODE_WARNING),
				 errmsg("foreign table %s is not served from the store: %s",
						tview_meta_relation_name(relid), record->problem),
				 errhint("CREATE OR REPLACE VIEW completes it.")));
	else if (record->warning != NULL)
		ereport(WARNING,
				(errcode(ERRCODE_WARNING),
				 errmsg("foreign table %s: %s", tview_meta_relation_name(relid),
						record->warning)));
}

/* ---- looking again ---- */

void
tview_define_mark_gone(List *relids)
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

/*
 * Replaces the recorded row by one with another problem (or none) and a new
 * generation.
 */
static void
record_again(TviewRecord *record, List *sources)
{
	record->generation = new_generation(&record->generation);
	tview_record_put(record, sources);
	invalidate(record);
	CommandCounterIncrement();
}

/* Analyses again and records what differs.  Raises what is wrong. */
static void
refresh(TviewRecord *old, int flags)
{
	bool strict = (flags & TVIEW_DEFINE_STRICT) != 0;
	List *old_sources = tview_record_sources(old->relid, InvalidOid);
	TviewDefinition *definition = tview_analyse_table(old->relid, old, strict);
	TviewRecord *record = definition->record;
	bool moved = old->cluster != record->cluster;
	bool bump = (flags & TVIEW_DEFINE_BUMP) != 0 || moved;
	bool detail;
	List *disorder;

	/*
	 * tables that are new to the TVIEW, or were not watched after pg_upgrade,
	 * are locked, and analysed under the lock
	 */
	if (list_difference_oid(record->bases, old->bases) != NIL || moved)
	{
		definition = analyse_and_lock(old->relid, old, strict);
		record = definition->record;
	}

	bump |= strcmp(tview_analyse_meaning(old, old_sources),
				   tview_analyse_meaning(record, definition->sources)) != 0;
	bump |= record->fingerprint != old->fingerprint &&
		(flags & TVIEW_DEFINE_CHILDREN) == 0;
	detail = record->fingerprint != old->fingerprint ||
		strcmp(tview_analyse_details(old, old_sources),
			   tview_analyse_details(record, definition->sources)) != 0;

	record->generation =
		bump ? new_generation(&old->generation) : old->generation;
	if (bump || detail)
		disorder = record_definition(definition, old);
	else
	{
		tview_dependency_record(record->relid, record->viewid, definition->key,
								definition->depends_on);
		disorder = tview_trigger_sync(record->bases);
	}
	if (disorder != NIL && !bump)
		record_again(record, definition->sources);
	/*
	 * who sees this transaction may read before its messages come, and see
	 * rows that it has changed without a trigger
	 */
	tview_define_mark_gone(disorder);
	if (record->problem == NULL &&
		(old->problem != NULL || (moved && strict)))
	{
		TviewTableOptions options;

		(void) tview_option_texts(old->relid, &options);
		if (options.populate)
			tview_fill_populate(old->relid);
	}
}

/* Records that the TVIEW cannot be analysed any more. */
static void
record_problem(TviewRecord *record, const char *problem)
{
	List *sources = tview_record_sources(record->relid, InvalidOid);

	if (record->problem != NULL && strcmp(record->problem, problem) == 0)
		return;
	record->problem = pstrdup(problem);
	record->cluster = GetSystemIdentifier();
	record_again(record, sources);
	ereport(WARNING,
			(errcode(ERRCODE_WARNING),
			 errmsg("foreign table %s is no longer served from the store: %s",
					tview_meta_relation_name(record->relid), problem)));
}

/* Like refresh, but an error becomes the recorded problem. */
static void
refresh_safely(TviewRecord *old, int flags)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	ErrorData *error = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		refresh(old, flags);
		ReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(context);
		CurrentResourceOwner = owner;
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(context);
		CurrentResourceOwner = owner;
	}
	PG_END_TRY();

	if (error == NULL)
		return;
	if (error->sqlerrcode == ERRCODE_QUERY_CANCELED ||
		error->sqlerrcode == ERRCODE_T_R_DEADLOCK_DETECTED ||
		error->sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE ||
		error->sqlerrcode == ERRCODE_ADMIN_SHUTDOWN ||
		ERRCODE_TO_CATEGORY(error->sqlerrcode) ==
			ERRCODE_INSUFFICIENT_RESOURCES)
		ReThrowError(error);
	/* as it was before: the subtransaction may have changed it */
	old = tview_record_get(old->relid);
	if (old != NULL)
		record_problem(old, error->message);
}

void
tview_define_refresh(Oid relid, int flags)
{
	TviewRecord *old;

	if ((flags & TVIEW_DEFINE_STRICT) != 0)
		tview_kin_refuse(relid);
	LockRelationOid(relid, ShareUpdateExclusiveLock);
	TVIEW_STOP("refresh.locked");
	if (!SearchSysCacheExists1(RELOID, ObjectIdGetDatum(relid)))
		return;
	old = tview_record_get(relid);
	if (old == NULL)
		return;
	if ((flags & TVIEW_DEFINE_STRICT) != 0)
		refresh(old, flags);
	else
		refresh_safely(old, flags);
}

/* True when the TVIEW's tables can be locked without waiting for anybody. */
static bool
can_lock(const TviewRecord *record)
{
	List *sorted = list_copy(record->bases);
	ListCell *lc;

	if (!ConditionalLockRelationOid(record->relid, ShareUpdateExclusiveLock))
		return false;
	list_sort(sorted, list_oid_cmp);
	foreach(lc, sorted)
		if (!ConditionalLockRelationOid(lfirst_oid(lc), ShareRowExclusiveLock))
			return false;
	return true;
}

bool
tview_define_adopt(void)
{
	bool any = false;
	ListCell *lc;

	foreach(lc, tview_record_list())
	{
		TviewRecord *record = lfirst(lc);

		if (record->cluster == GetSystemIdentifier())
			continue;
		any = true;
		if (can_lock(record))
			tview_define_refresh(record->relid, 0);
	}
	return !any;
}
