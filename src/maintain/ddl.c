/*
 * ddl.c
 *		See ddl.h.
 *
 * The hook runs in the midst of a deletion: it removes our own rows, but
 * leaves triggers to the sql_drop event trigger.  Where that does not come
 * (DROP EXTENSION) the triggers go with their functions.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_class.h"
#include "catalog/pg_foreign_server.h"
#include "foreign/fdwapi.h"
#include "foreign/foreign.h"
#include "maintain/ddl.h"
#include "maintain/xact.h"
#include "meta/meta.h"
#include "meta/record.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

/* The path of a server's store before ALTER SERVER. */
typedef struct MovedStore
{
	Oid serverid;
	char *path; /* NULL: the default place */
} MovedStore;

static object_access_hook_type next_hook = NULL;

/* Both in TopTransactionContext; forgotten when the transaction ends. */
static List *dropped_bases = NIL;
static List *moved_stores = NIL;

/* A foreign table of ours goes: removes its rows. */
static void
forget_table(Oid relid)
{
	Oid serverid = tview_meta_table_server(relid);
	TviewRecord *record;
	MemoryContext old;

	if (!OidIsValid(serverid))
		return;
	record = tview_record_get(relid);
	if (record != NULL)
	{
		old = MemoryContextSwitchTo(TopTransactionContext);
		dropped_bases = list_concat_unique_oid(dropped_bases, record->bases);
		MemoryContextSwitchTo(old);
		tview_record_delete(relid);
	}
	tview_xact_drop_rows(serverid, relid);
}

/* A server of ours goes: removes its store. */
static void
forget_server(Oid serverid)
{
	TviewStoreOptions options;

	if (!tview_meta_server_is_ours(serverid))
		return;
	tview_option_store(serverid, &options);
	tview_xact_remove_store(serverid, options.store_path);
}

/* A server of ours is being altered: remembers the options that it had. */
static void
remember_server(Oid serverid)
{
	TviewStoreOptions options;
	MovedStore *moved;
	MemoryContext old;

	if (!tview_meta_server_is_ours(serverid))
		return;
	tview_option_store(serverid, &options);
	old = MemoryContextSwitchTo(TopTransactionContext);
	moved = palloc(sizeof(MovedStore));
	moved->serverid = serverid;
	moved->path = options.store_path ? pstrdup(options.store_path) : NULL;
	moved_stores = lappend(moved_stores, moved);
	MemoryContextSwitchTo(old);
}

static void
access_hook(ObjectAccessType access, Oid classid, Oid objectid, int subid,
			void *arg)
{
	if (next_hook)
		next_hook(access, classid, objectid, subid, arg);
	if (subid != 0)
		return;
	if (access == OAT_DROP && classid == RelationRelationId &&
		get_rel_relkind(objectid) == RELKIND_FOREIGN_TABLE)
		forget_table(objectid);
	else if (access == OAT_DROP && classid == ForeignServerRelationId)
		forget_server(objectid);
	else if (access == OAT_POST_ALTER && classid == ForeignServerRelationId)
		remember_server(objectid);
}

List *
tview_ddl_take_dropped_bases(void)
{
	List *bases = list_copy(dropped_bases);

	dropped_bases = NIL;
	return bases;
}

void
tview_ddl_move_stores(void)
{
	ListCell *lc;

	foreach(lc, moved_stores)
	{
		MovedStore *moved = lfirst(lc);
		TviewStoreOptions options;

		if (GetForeignServerExtended(moved->serverid, FSV_MISSING_OK) == NULL)
			continue;
		tview_option_store(moved->serverid, &options);
		if (strcmp(moved->path ? moved->path : "",
				   options.store_path ? options.store_path : "") != 0)
			tview_xact_move_store(moved->serverid, moved->path,
								  options.store_path);
	}
	moved_stores = NIL;
}

/* Forgets what lives in the transaction's memory. */
static void
forget_all(XactEvent event, void *arg)
{
	switch (event)
	{
		case XACT_EVENT_COMMIT:
		case XACT_EVENT_ABORT:
		case XACT_EVENT_PREPARE:
			dropped_bases = NIL;
			moved_stores = NIL;
			break;
		default:
			break;
	}
}

void
tview_ddl_init(void)
{
	next_hook = object_access_hook;
	object_access_hook = access_hook;
	RegisterXactCallback(forget_all, NULL);
}
