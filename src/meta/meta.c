/*
 * meta.c
 *		The backend's cache of descriptors; see meta.h.
 *
 * An entry is valid until an invalidation names something that it watches.  A
 * message may arrive while a descriptor is being built: it is then stale from
 * the start, and built again at the next call.  Replaced objects move below
 * "discarded", which is emptied when the transaction ends.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_foreign_data_wrapper.h"
#include "catalog/pg_foreign_server.h"
#include "catalog/pg_proc.h"
#include "commands/extension.h"
#include "foreign/fdwapi.h"
#include "foreign/foreign.h"
#include "miscadmin.h"
#include "meta/describe.h"
#include "meta/meta.h"
#include "meta/record.h"
#include "meta/watch.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

typedef struct DescEntry
{
	Oid relid;		 /* key */
	TviewDesc *desc; /* NULL: none */
	bool stale;
	TviewWatched watched; /* in desc->context */
} DescEntry;

typedef struct BaseEntry
{
	Oid relid; /* key */
	TviewBase *first;
	bool stale;
} BaseEntry;

static HTAB *descs = NULL;
static DescEntry *found_last = NULL; /* NULL after one was removed */
static HTAB *bases = NULL;
static MemoryContext context = NULL;   /* what is cached */
static MemoryContext discarded = NULL; /* replaced, but perhaps in use */
static uint64 messages = 0;			   /* invalidations so far */
static uint32 database_hash = 0;	   /* of this database, in DATABASEOID */

/* Our own objects; tviews is InvalidOid while they are not known. */
static struct
{
	Oid schema;
	Oid tviews;
	Oid sources;
} own;

/* ---- invalidation ---- */

static int
compare_oids(const void *a, const void *b)
{
	Oid x = *(const Oid *) a;
	Oid y = *(const Oid *) b;

	return x < y ? -1 : x > y;
}

/* Marks every entry stale. */
static void
stale_all(void)
{
	HASH_SEQ_STATUS status;
	DescEntry *desc;
	BaseEntry *base;

	hash_seq_init(&status, descs);
	while ((desc = hash_seq_search(&status)) != NULL)
		desc->stale = true;
	hash_seq_init(&status, bases);
	while ((base = hash_seq_search(&status)) != NULL)
		base->stale = true;
	own.tviews = InvalidOid;
}

/* Marks stale what watches the relation; InvalidOid means all. */
static void
invalidate_relation(Datum arg, Oid relid)
{
	HASH_SEQ_STATUS status;
	DescEntry *desc;
	BaseEntry *base;

	messages++;
	if (!OidIsValid(relid))
	{
		stale_all();
		return;
	}
	if (relid == own.tviews || relid == own.sources)
		own.tviews = InvalidOid;

	hash_seq_init(&status, descs);
	while ((desc = hash_seq_search(&status)) != NULL)
		if (!desc->stale &&
			(desc->relid == relid || desc->desc == NULL ||
			 bsearch(&relid, desc->watched.rels, desc->watched.nrels,
					 sizeof(Oid), compare_oids)))
			desc->stale = true;

	hash_seq_init(&status, bases);
	while ((base = hash_seq_search(&status)) != NULL)
	{
		if (base->relid == relid)
			base->stale = true;
		for (TviewBase *entry = base->first; entry != NULL; entry = entry->next)
			if (entry->sourceid == relid)
				base->stale = true;
	}
}

/*
 * True when the hash value of an invalidated object is among those watched; 0
 * means all.
 */
static bool
is_watched(uint32 hashvalue, const uint32 *hashes, int n)
{
	for (int i = 0; i < n; i++)
		if (hashvalue == 0 || hashes[i] == hashvalue)
			return true;
	return false;
}

/* Marks stale what uses the function or the type. */
static void
invalidate_object(Datum arg, int cacheid, uint32 hashvalue)
{
	HASH_SEQ_STATUS status;
	DescEntry *desc;

	messages++;
	hash_seq_init(&status, descs);
	while ((desc = hash_seq_search(&status)) != NULL)
	{
		if (desc->desc == NULL)
			desc->stale = true;
		else if (cacheid == PROCOID)
			desc->stale |= is_watched(hashvalue, desc->watched.procs,
									  desc->watched.nprocs);
		else
			desc->stale |= is_watched(hashvalue, desc->watched.types,
									  desc->watched.ntypes);
	}
}

/* Rare changes: everything is stale. */
static void
invalidate_all(Datum arg, int cacheid, uint32 hashvalue)
{
	messages++;
	stale_all();
}

/* Another owner of this database has other privileges. */
static void
invalidate_database(Datum arg, int cacheid, uint32 hashvalue)
{
	if (hashvalue == 0 || hashvalue == database_hash)
		invalidate_all(arg, cacheid, hashvalue);
}

/* Frees what was replaced during the transaction. */
static void
free_discarded(XactEvent event, void *arg)
{
	if (tview_meta_is_end(event))
		MemoryContextDeleteChildren(discarded);
}

/*
 * Takes an object out of the cache; its memory lives until the transaction
 * ends.
 */
static void
discard(MemoryContext object)
{
	MemoryContextSetParent(object, discarded);
}

void
tview_meta_init(void)
{
	HASHCTL ctl = {0};

	context = AllocSetContextCreate(TopMemoryContext, "TVIEW metadata",
									ALLOCSET_DEFAULT_SIZES);
	discarded = AllocSetContextCreate(context, "TVIEW metadata, replaced",
									  ALLOCSET_SMALL_SIZES);
	ctl.hcxt = context;
	ctl.keysize = sizeof(Oid);
	ctl.entrysize = sizeof(DescEntry);
	descs = hash_create("TVIEW descriptors", 64, &ctl,
						HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	ctl.entrysize = sizeof(BaseEntry);
	bases = hash_create("TVIEW base tables", 64, &ctl,
						HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);

	CacheRegisterRelcacheCallback(invalidate_relation, (Datum) 0);
	CacheRegisterSyscacheCallback(PROCOID, invalidate_object, (Datum) 0);
	CacheRegisterSyscacheCallback(TYPEOID, invalidate_object, (Datum) 0);
	CacheRegisterSyscacheCallback(NAMESPACEOID, invalidate_all, (Datum) 0);
	CacheRegisterSyscacheCallback(FOREIGNSERVEROID, invalidate_all, (Datum) 0);
	CacheRegisterSyscacheCallback(FOREIGNTABLEREL, invalidate_all, (Datum) 0);
	CacheRegisterSyscacheCallback(AUTHOID, invalidate_all, (Datum) 0);
	CacheRegisterSyscacheCallback(AUTHMEMMEMROLE, invalidate_all, (Datum) 0);
	CacheRegisterSyscacheCallback(DATABASEOID, invalidate_database, (Datum) 0);
	RegisterXactCallback(free_discarded, NULL);
}

/* ---- our own objects ---- */

/*
 * Finds schema and tables of the extension, and makes sure that they are its
 * members.
 */
static bool
find_own(void)
{
	Oid schema, tviews, sources, extension;

	if (OidIsValid(own.tviews))
		return true;
	schema = get_namespace_oid("tview", true);
	if (!OidIsValid(schema))
		return false;
	tviews = get_relname_relid("tviews", schema);
	sources = get_relname_relid("sources", schema);
	if (!OidIsValid(tviews) || !OidIsValid(sources))
		return false;
	extension = get_extension_oid("tview_fdw", true);
	if (!OidIsValid(extension) ||
		getExtensionOfObject(RelationRelationId, tviews) != extension ||
		getExtensionOfObject(RelationRelationId, sources) != extension)
		return false;
	own.schema = schema;
	own.sources = sources;
	own.tviews = tviews;
	return true;
}

Oid
tview_meta_schema(void)
{
	return find_own() ? own.schema : InvalidOid;
}

Oid
tview_meta_tviews_relid(void)
{
	return find_own() ? own.tviews : InvalidOid;
}

Oid
tview_meta_sources_relid(void)
{
	return find_own() ? own.sources : InvalidOid;
}

char *
tview_meta_relation_name(Oid relid)
{
	char *name = get_rel_name(relid);
	char *schema = get_namespace_name(get_rel_namespace(relid));

	if (name == NULL || schema == NULL)
		return psprintf("relation %u", relid);
	return quote_qualified_identifier(schema, name);
}

bool
tview_meta_server_is_ours(Oid serverid)
{
	ForeignServer *server = GetForeignServerExtended(serverid, FSV_MISSING_OK);
	ForeignDataWrapper *wrapper;
	HeapTuple tuple;
	bool isnull;
	Datum source;
	bool ours;

	if (server == NULL)
		return false;
	wrapper = GetForeignDataWrapperExtended(server->fdwid, FDW_MISSING_OK);
	if (wrapper == NULL || !OidIsValid(wrapper->fdwhandler))
		return false;
	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(wrapper->fdwhandler));
	if (!HeapTupleIsValid(tuple))
		return false;
	source = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_prosrc, &isnull);
	ours = !isnull &&
		strcmp(TextDatumGetCString(source), "tview_fdw_handler") == 0;
	ReleaseSysCache(tuple);
	return ours;
}

Oid
tview_meta_table_server(Oid relid)
{
	Oid serverid;

	if (get_rel_relkind(relid) != RELKIND_FOREIGN_TABLE)
		return InvalidOid;
	serverid = GetForeignServerIdByRelId(relid);
	return tview_meta_server_is_ours(serverid) ? serverid : InvalidOid;
}

/* ---- look-ups ---- */

/* So much may be kept of tables that are no more. */
#define GONE_MAX 16

static bool
is_gone(Oid relid)
{
	return !SearchSysCacheExists1(RELOID, ObjectIdGetDatum(relid));
}

/*
 * Called for each table that is new here.  Once in a while it drops what was
 * kept of tables that are no more: others may make and drop TVIEWs for as long
 * as this session lives.
 */
static void
forget_gone(void)
{
	static long added = 0;
	HASH_SEQ_STATUS status;
	DescEntry *desc;
	BaseEntry *base;
	long kept = hash_get_num_entries(descs) + hash_get_num_entries(bases);

	if (++added < Max(GONE_MAX, kept / 2))
		return;
	added = 0;
	hash_seq_init(&status, descs);
	while ((desc = hash_seq_search(&status)) != NULL)
	{
		if (!desc->stale || !is_gone(desc->relid))
			continue;
		if (desc->desc != NULL)
			discard(desc->desc->context);
		hash_search(descs, &desc->relid, HASH_REMOVE, NULL);
	}
	found_last = NULL;
	hash_seq_init(&status, bases);
	while ((base = hash_seq_search(&status)) != NULL)
	{
		if (!base->stale || base->first == NULL || !is_gone(base->relid))
			continue;
		discard(base->first->context);
		base->first = NULL;
	}
}

/*
 * Builds the entry's descriptor anew; leaves none, and returns NULL, when relid
 * is no TVIEW.
 */
static DescEntry *
rebuild_desc(Oid relid)
{
	uint64 before = messages;
	TviewWatched watched;
	TviewDesc *desc;
	DescEntry *entry;
	bool found;

	if (database_hash == 0)
		database_hash = GetSysCacheHashValue1(DATABASEOID,
											  ObjectIdGetDatum(MyDatabaseId));
	desc = tview_describe_build(relid, context, &watched);
	if (desc != NULL && !hash_search(descs, &relid, HASH_FIND, NULL))
		forget_gone();
	/* the build may have come here for the same relation */
	entry = hash_search(descs, &relid, desc ? HASH_ENTER : HASH_FIND, &found);
	if (found && entry->desc != NULL)
		discard(entry->desc->context);
	if (desc == NULL)
	{
		if (found)
			hash_search(descs, &relid, HASH_REMOVE, NULL);
		found_last = NULL;
		return NULL;
	}
	entry->desc = desc;
	entry->watched = watched;
	entry->stale = messages != before;
	return entry;
}

TviewDesc *
tview_meta_get(Oid relid, bool missing_ok)
{
	DescEntry *entry = found_last;

	if (entry == NULL || entry->relid != relid)
		entry = hash_search(descs, &relid, HASH_FIND, NULL);
	if (entry == NULL || entry->stale)
		entry = rebuild_desc(relid);
	if (entry != NULL)
	{
		found_last = entry;
		/* whoever has no xid has written nothing */
		entry->desc->own_ddl =
			TransactionIdIsValid(GetTopTransactionIdIfAny()) &&
			TransactionIdIsCurrentTransactionId(entry->watched.writer);
		return entry->desc;
	}
	if (!missing_ok && !OidIsValid(tview_meta_table_server(relid)))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("%s is not a TVIEW", tview_meta_relation_name(relid)),
				 errhint("Name a foreign table of the wrapper tview_fdw.")));
	if (!missing_ok)
		ereport(
			ERROR,
			(errcode(ERRCODE_UNDEFINED_TABLE),
			 errmsg("relation %s is not recorded as a TVIEW",
					tview_meta_relation_name(relid)),
			 errdetail(
				 "It was created while the event triggers of the extension tview_fdw were disabled."),
			 errhint("Drop the foreign table and create it again.")));
	return NULL;
}

TviewBase *
tview_meta_base(Oid relid)
{
	static BaseEntry *last = NULL; /* entries are never removed */
	BaseEntry *entry = last;
	TviewBase *first;
	uint64 before;
	bool found;

	if (entry == NULL || entry->relid != relid)
		entry = hash_search(bases, &relid, HASH_FIND, NULL);
	if (entry != NULL && !entry->stale)
	{
		last = entry;
		return entry->first;
	}

	before = messages;
	if (entry == NULL)
		forget_gone();
	first = tview_watch_build(relid, context);
	entry = hash_search(bases, &relid, HASH_ENTER, &found);
	if (found && entry->first != NULL)
		discard(entry->first->context);
	entry->first = first;
	entry->stale = messages != before;
	return first;
}

bool
tview_meta_has_relation_tag(const TviewDesc *desc, Oid relid)
{
	for (int i = 0; i < desc->nrelation_tags; i++)
		if (desc->relation_tags[i] == relid)
			return true;
	return false;
}

bool
tview_meta_reads_own_key_only(const TviewDesc *desc)
{
	int n = 0;

	for (int i = 0; i < desc->ntagspecs; i++)
	{
		const TviewTagSpec *spec = &desc->tagspecs[i];

		if (spec->tagger.relid == desc->rootid &&
			spec->tagger.attno == desc->key_root)
			n += spec->multiple ? 2 : 1;
	}
	return n == 1;
}

List *
tview_meta_list(Oid serverid)
{
	List *oids = NIL;
	ListCell *lc;

	foreach(lc, tview_record_list())
	{
		TviewRecord *record = lfirst(lc);

		if (!OidIsValid(serverid) || record->serverid == serverid)
			oids = lappend_oid(oids, record->relid);
	}
	return oids;
}
