/*
 * functions.c
 *		tview.reset and tview.refresh.
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "cache/contents.h"
#include "cache/handle.h"
#include "cache/reader.h"
#include "cache/writer.h"
#include "catalog/namespace.h"
#include "compat.h"
#include "compute/compute.h"
#include "foreign/foreign.h"
#include "maintain/define.h"
#include "maintain/fill.h"
#include "maintain/functions.h"
#include "meta/meta.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/snapmgr.h"
#include "utils/varlena.h"

PG_FUNCTION_INFO_V1(tview_reset);
PG_FUNCTION_INFO_V1(tview_refresh);

static void
refuse_in_recovery(const char *what)
{
	if (RecoveryInProgress())
		ereport(
			ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg(
				 "cannot %s during recovery: the store belongs to the primary",
				 what)));
}

static void
check_table_owner(Oid relid)
{
	if (!tview_compat_owns_class(relid))
		aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_FOREIGN_TABLE,
					   get_rel_name(relid));
}

/* The TVIEW of that name, InvalidOid when there is none. */
static Oid
find_tview(const char *name)
{
	List *names;
	Oid relid;

	if (!SplitIdentifierString(pstrdup(name), '.', &names) || names == NIL ||
		list_length(names) > 3)
		return InvalidOid;
	relid = RangeVarGetRelid(
		makeRangeVarFromNameList(tview_compat_qualified_name(name)), NoLock,
		true);
	return OidIsValid(relid) && tview_meta_get(relid, true) ? relid
															: InvalidOid;
}

/* Resets the store of a server. */
static void
reset_server(ForeignServer *server)
{
	const char *failure;
	TviewHandle *handle;

	if (!tview_compat_owns_server(server->serverid))
		aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_FOREIGN_SERVER,
					   server->servername);
	handle = tview_handle_attach(server->serverid, &failure);
	if (handle == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_IO_ERROR),
				 errmsg("could not open the store of server \"%s\": %s",
						server->servername, failure)));
	tview_store_reset(handle->store, "tview.reset was called");
}

/* Empties a TVIEW, and with it the rest of a store that takes no writes. */
static void
empty_tview(TviewDesc *desc)
{
	const char *failure;
	TviewHandle *handle;

	if (tview_contents_clear(desc->serverid, desc->relid, false))
		return;
	handle = tview_handle_attach(desc->serverid, &failure);
	if (handle == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_IO_ERROR),
				 errmsg("could not empty the store of %s: %s", desc->name,
						failure)));
	tview_store_reset(handle->store, "a TVIEW could not be emptied");
}

Datum
tview_reset(PG_FUNCTION_ARGS)
{
	char *target = text_to_cstring(PG_GETARG_TEXT_PP(0));
	Oid relid;
	ForeignServer *server;
	TviewDesc *desc;

	refuse_in_recovery("reset a store");
	relid = find_tview(target);
	server = GetForeignServerByName(target, true);
	if (server && !tview_meta_server_is_ours(server->serverid))
		server = NULL;
	if (OidIsValid(relid) && server)
		ereport(ERROR,
				(errcode(ERRCODE_AMBIGUOUS_PARAMETER),
				 errmsg("\"%s\" is both a TVIEW and a server", target),
				 errhint("Qualify the TVIEW with its schema.")));
	if (server)
	{
		reset_server(server);
		PG_RETURN_VOID();
	}
	if (!OidIsValid(relid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("\"%s\" is neither a TVIEW nor a server of tview_fdw",
						target)));
	check_table_owner(relid);
	desc = tview_meta_get(relid, false);
	empty_tview(desc);
	PG_RETURN_VOID();
}

/* Locks the bases as a reader does. */
static void
lock_bases(const TviewDesc *desc)
{
	for (int i = 0; i < desc->nbases; i++)
		LockRelationOid(desc->bases[i], AccessShareLock);
}

/* Raises why a TVIEW cannot be filled by this session now. */
static void
check_fillable(TviewDesc *desc, Snapshot snapshot)
{
	TviewReason reason = tview_reader_check(desc, snapshot);
	const char *setting = tview_compute_foreign_setting(desc);

	if (reason.code != TVIEW_BYPASS_NONE)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cannot refresh %s: %s", desc->name, reason.text)));
	if (setting)
		ereport(
			ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg(
				 "cannot refresh %s: the setting %s differs from that of the stored rows",
				 desc->name, setting),
			 errhint("RESET %s, or ask for the option settings 'pinned'.",
					 setting)));
}

Datum
tview_refresh(PG_FUNCTION_ARGS)
{
	Oid relid = PG_GETARG_OID(0);
	TviewDesc *desc = tview_meta_get(relid, false);
	Snapshot snapshot;
	bool complete;
	int64 rows;

	refuse_in_recovery("refresh a TVIEW");
	check_table_owner(relid);
	if (desc->bypass)
	{
		/* analyses again; a TVIEW whose definition changes is filled by that */
		tview_define_refresh(relid, TVIEW_DEFINE_STRICT | TVIEW_DEFINE_BUMP);
		CommandCounterIncrement();
		PG_RETURN_INT64(0);
	}
	lock_bases(desc);
	check_fillable(desc, GetActiveSnapshot());
	empty_tview(desc);

	/* the snapshot has to be later than the record; the build says so if not */
	(void) tview_contents_prepare(desc, true, NULL);
	snapshot = RegisterSnapshot(GetLatestSnapshot());
	PushActiveSnapshot(snapshot);
	rows = tview_fill_build(desc, snapshot, 0, false, &complete);
	PopActiveSnapshot();
	UnregisterSnapshot(snapshot);
	if (!complete)
		ereport(
			WARNING,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("%s is not complete: not every row could be stored",
					desc->name),
			 errhint(
				 "Transactions older than the store's floor, own uncommitted changes, or a full store prevent it; try again later.")));
	PG_RETURN_INT64(rows);
}
