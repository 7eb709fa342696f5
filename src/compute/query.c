/*
 * query.c
 *		See query.h.
 *
 * Queries run as the view's owner in a security-restricted context, as a
 * plain view's subqueries would be checked.  Where a base table has row-level
 * security, or a view has the option security_invoker, they run as the invoking
 * user instead: what is seen depends on who asks.
 */
#include "postgres.h"

#include "access/xact.h"
#include "compat.h"
#include "compute/compute.h"
#include "compute/query.h"
#include "catalog/namespace.h"
#include "common/hashfn.h"
#include "executor/executor.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/plancache.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

typedef struct QueryKey
{
	Oid relid;
	uint32 kind; /* TviewQueryKind */
	/* of the text and the parameters' types; of the shape */
	uint32 hash;
} QueryKey;

typedef struct KeptQuery
{
	QueryKey key;
	uint64 serial; /* of the descriptor that it was made for */
	char *sql;
	Oid *types;
	void *shape;
	Size size;
	SPIPlanPtr plan;
} KeptQuery;

static HTAB *queries = NULL;
static List *replaced = NIL; /* plans, until the transaction ends */

/* Frees the plans that were replaced: nobody runs them any more. */
static void
free_replaced(XactEvent event, void *arg)
{
	if (!tview_meta_is_end(event))
		return;
	while (replaced != NIL)
	{
		SPIPlanPtr plan = llast(replaced);

		replaced = list_delete_last(replaced);
		(void) SPI_freeplan(plan);
	}
}

/*
 * Empties the entry, but for its shape.  The plan may be running: where a
 * function of the view reads the TVIEW itself, and the descriptor has been
 * built anew in between.
 */
static void
empty_entry(KeptQuery *query)
{
	static bool armed = false;

	if (!armed)
		RegisterXactCallback(free_replaced, NULL);
	armed = true;
	if (query->plan)
	{
		MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);

		replaced = lappend(replaced, query->plan);
		MemoryContextSwitchTo(old);
	}
	query->plan = NULL;
	if (query->sql)
		pfree(query->sql);
	if (query->types)
		pfree(query->types);
	query->sql = NULL;
	query->types = NULL;
}

#define KEPT_MAX 1024
#define GONE_MAX 32 /* so many of them may be of TVIEWs that are no more */

/*
 * Called for each new entry.  Once in a while it drops those of tables that
 * are no more; and all, where statements of too many kinds have come.  An
 * entry without a plan may be about to get one.
 */
static void
forget_some(void)
{
	static long added = 0;
	long kept = hash_get_num_entries(queries);
	HASH_SEQ_STATUS status;
	KeptQuery *query;

	if (++added < Max(GONE_MAX, kept / 2) && kept < KEPT_MAX)
		return;
	added = 0;
	hash_seq_init(&status, queries);
	while ((query = hash_seq_search(&status)) != NULL)
	{
		Oid relid = query->key.relid;

		if (query->plan == NULL ||
			(kept < KEPT_MAX &&
			 SearchSysCacheExists1(RELOID, ObjectIdGetDatum(relid))))
			continue;
		empty_entry(query);
		if (query->shape)
			pfree(query->shape);
		hash_search(queries, &query->key, HASH_REMOVE, NULL);
	}
}

/* The entry of the key, an empty one when it is new. */
static KeptQuery *
find_entry(const QueryKey *key)
{
	bool found;
	KeptQuery *query;

	if (queries == NULL)
	{
		HASHCTL ctl = {.keysize = sizeof(QueryKey),
					   .entrysize = sizeof(KeptQuery)};

		queries =
			hash_create("tview queries", 64, &ctl, HASH_ELEM | HASH_BLOBS);
	}
	query = hash_search(queries, key, HASH_FIND, &found);
	if (!found)
	{
		forget_some();
		query = hash_search(queries, key, HASH_ENTER, &found);
		query->sql = NULL;
		query->types = NULL;
		query->shape = NULL;
		query->size = 0;
		query->plan = NULL;
	}
	return query;
}

/*
 * True when the entry has a plan of this very descriptor; while a partition is
 * being detached a plan is its snapshot's alone.
 */
static bool
is_ready(const KeptQuery *query, const TviewDesc *desc)
{
	return query->plan && query->serial == desc->serial && !desc->detaching;
}

/* Prepares the query, in place of what the entry had. */
static SPIPlanPtr
prepare(KeptQuery *query, TviewDesc *desc, const char *sql, int nargs,
		const Oid *types, int options)
{
	SPIPlanPtr plan;

	empty_entry(query);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	plan = SPI_prepare_cursor(sql, nargs, unconstify(Oid *, types), options);
	if (plan == NULL)
		elog(ERROR, "could not prepare \"%s\": %s", sql,
			 SPI_result_code_string(SPI_result));
	SPI_keepplan(plan);
	SPI_finish();
	query->sql = MemoryContextStrdup(TopMemoryContext, sql);
	query->types =
		MemoryContextAlloc(TopMemoryContext, Max(nargs, 1) * sizeof(Oid));
	if (nargs > 0)
		memcpy(query->types, types, nargs * sizeof(Oid));
	query->plan = plan;
	query->serial = desc->serial;
	return plan;
}

/*
 * True when the kept plan is of this text and these parameters: the text says
 * how many.
 */
static bool
is_same_query(const KeptQuery *query, const char *sql, int nargs,
			  const Oid *types)
{
	return strcmp(query->sql, sql) == 0 &&
		(nargs == 0 || memcmp(query->types, types, nargs * sizeof(Oid)) == 0);
}

SPIPlanPtr
tview_query_prepare(TviewDesc *desc, const char *sql, int nargs,
					const Oid *types)
{
	uint32 hash = string_hash(sql, strlen(sql) + 1);
	QueryKey key = {
		desc->relid, TVIEW_QUERY_OTHER,
		nargs > 0 ? hash_combine(hash, tag_hash(types, nargs * sizeof(Oid)))
				  : hash};
	KeptQuery *query = find_entry(&key);

	if (is_ready(query, desc) && is_same_query(query, sql, nargs, types))
		return query->plan;
	return prepare(query, desc, sql, nargs, types, 0);
}

SPIPlanPtr
tview_query_find(TviewDesc *desc, TviewQueryKind kind)
{
	QueryKey key = {desc->relid, kind, 0};
	KeptQuery *query = find_entry(&key);

	return is_ready(query, desc) ? query->plan : NULL;
}

SPIPlanPtr
tview_query_make(TviewDesc *desc, TviewQueryKind kind, const char *sql,
				 int nargs, const Oid *types, int options)
{
	QueryKey key = {desc->relid, kind, 0};

	return prepare(find_entry(&key), desc, sql, nargs, types, options);
}

/* The key of queries of a shape. */
static QueryKey
shape_key(const TviewDesc *desc, const void *shape, Size size)
{
	return (QueryKey){desc->relid, TVIEW_QUERY_SHAPE,
					  hash_bytes(shape, (int) size)};
}

SPIPlanPtr
tview_query_find_shape(TviewDesc *desc, const void *shape, Size size)
{
	QueryKey key = shape_key(desc, shape, size);
	const KeptQuery *query = find_entry(&key);

	return is_ready(query, desc) && query->size == size &&
			memcmp(query->shape, shape, size) == 0
		? query->plan
		: NULL;
}

SPIPlanPtr
tview_query_make_shape(TviewDesc *desc, const void *shape, Size size,
					   const char *sql, int nargs, const Oid *types,
					   int options)
{
	QueryKey key = shape_key(desc, shape, size);
	KeptQuery *query = find_entry(&key);
	SPIPlanPtr plan = prepare(query, desc, sql, nargs, types, options);

	/* until now the entry may have had another shape of that hash */
	if (query->shape)
		pfree(query->shape);
	query->shape = NULL;
	query->size = 0;
	query->shape = MemoryContextAlloc(TopMemoryContext, size);
	memcpy(query->shape, shape, size);
	query->size = size;
	return plan;
}

void
tview_query_run(SPIPlanPtr plan, Snapshot snapshot, int nargs,
				const Oid *types, const Datum *values, DestReceiver *receiver)
{
	CachedPlanSource *source = linitial(SPI_plan_get_plan_sources(plan));
	ResourceOwner owner = CurrentResourceOwner;
	ParamListInfo params = makeParamList(nargs);
	CachedPlan *cached;
	QueryDesc *query;

	for (int i = 0; i < nargs; i++)
	{
		params->params[i].value = values[i];
		params->params[i].isnull = false;
		params->params[i].pflags = PARAM_FLAG_CONST;
		params->params[i].ptype = types[i];
	}
	PushActiveSnapshot(snapshot);
	cached = GetCachedPlan(source, params, owner, NULL);
	query = CreateQueryDesc(linitial_node(PlannedStmt, cached->stmt_list),
							source->query_string, snapshot, InvalidSnapshot,
							receiver, params, NULL, 0);
	ExecutorStart(query, 0);
	tview_compat_run(query, 0, true);
	ExecutorFinish(query);
	ExecutorEnd(query);
	FreeQueryDesc(query);
	ReleaseCachedPlan(cached, owner);
	PopActiveSnapshot();
}

void
tview_query_check_columns(const TviewDesc *desc, TupleDesc rows,
						  const Bitmapset *columns)
{
	for (int i = 0; i < desc->tupdesc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc->tupdesc, i);
		Oid type = TupleDescAttr(rows, i)->atttypid;

		if (att->attisdropped || att->atttypid == type ||
			(columns && !bms_is_member(att->attnum, columns)))
			continue;
		ereport(
			ERROR,
			(errcode(ERRCODE_FDW_INCONSISTENT_DESCRIPTOR_INFORMATION),
			 errmsg("column \"%s\" of foreign table %s does not match view %s",
					NameStr(att->attname), desc->name, desc->viewname),
			 errdetail("Its type is %s, the view's is %s.",
					   format_type_be(att->atttypid), format_type_be(type))));
	}
}

char *
tview_query_columns(const TviewDesc *desc, const Bitmapset *columns)
{
	StringInfoData sql;

	if (columns == NULL)
		return desc->view_query;
	initStringInfo(&sql);
	for (int i = 0; i < desc->tupdesc->natts; i++)
		appendStringInfo(&sql, "%s %s", i == 0 ? "SELECT" : ",",
						 bms_is_member(i + 1, columns)
							 ? desc->view_columns[i]
							 : "NULL::pg_catalog.int4");
	appendStringInfo(&sql, " FROM %s v", desc->viewname);
	return sql.data;
}

/* True when names may mean the session's temporary tables. */
static bool
has_temporary(void)
{
	Oid schema;
	Oid toast;

	GetTempNamespaceState(&schema, &toast);
	return OidIsValid(schema);
}

/* True when there is a schema of the user's name. */
static bool
has_schema(Oid userid)
{
	char *name = GetUserNameFromId(userid, true);

	return name != NULL && OidIsValid(get_namespace_oid(name, true));
}

/*
 * True when "$user" is another schema for the user than for the view's owner,
 * as whom rows are computed to be stored.
 */
static bool
has_own_schema(const TviewDesc *desc)
{
	const char *path = desc->settings[TVIEW_SETTING_PATH_NUMBER];

	return GetUserId() != desc->viewowner && path != NULL &&
		strstr(path, "$user") != NULL &&
		(has_schema(GetUserId()) || has_schema(desc->viewowner));
}

/* How names may mean something else to the session; NULL when they do not. */
static const char *
foreign_names(const TviewDesc *desc)
{
	if ((desc->setting_mask & TVIEW_SETTING_SEARCH_PATH) == 0)
		return NULL;
	/* they are looked for before all that search_path names */
	if (has_temporary())
		return "search_path (temporary tables)";
	return has_own_schema(desc) ? "search_path ($user)" : NULL;
}

const char *
tview_compute_foreign_setting(TviewDesc *desc)
{
	const char *names;

	if (desc->setting_mask == 0 ||
		desc->settings_mode == TVIEW_SETTINGS_PINNED)
		return NULL;
	names = foreign_names(desc);
	if (names != NULL)
		return names;
	for (int i = 0; i < TVIEW_SETTING_COUNT; i++)
	{
		const char *value;

		if ((desc->setting_mask & (1 << i)) == 0 || desc->settings[i] == NULL)
			continue;
		value = GetConfigOption(tview_lineage_setting_names[i], false, false);
		if (strcmp(value, desc->settings[i]) != 0)
			return tview_lineage_setting_names[i];
	}
	return NULL;
}

/*
 * Sets those of the recorded settings that the mask has, where the session's
 * differ; returns the GUC nesting level or 0.
 */
static int
pin_settings(TviewDesc *desc, int mask)
{
	int level = 0;

	for (int i = 0; i < TVIEW_SETTING_COUNT; i++)
	{
		const char *name = tview_lineage_setting_names[i];
		const char *value = desc->settings[i];

		if (value == NULL || (mask & (1 << i)) == 0)
			continue;
		if ((1 << i) == TVIEW_SETTING_SEARCH_PATH && has_temporary())
			value = psprintf("%s%spg_temp", value, *value ? ", " : "");
		if (strcmp(GetConfigOption(name, false, false), value) == 0)
			continue;
		if (level == 0)
			level = NewGUCNestLevel();
		(void) set_config_option(name, value, PGC_USERSET, PGC_S_SESSION,
								 GUC_ACTION_SAVE, true, 0, false);
	}
	return level;
}

/*
 * True when the view is run in place of the store because names mean something
 * else to the session, and the session may read the view: then it is run as
 * any view is, its functions as the user.
 */
static bool
runs_as_user(TviewDesc *desc)
{
	const char *setting;

	if ((desc->setting_mask & TVIEW_SETTING_SEARCH_PATH) == 0)
		return false;
	setting = tview_compute_foreign_setting(desc);
	return setting != NULL &&
		pg_class_aclcheck(desc->viewid, GetUserId(), ACL_SELECT) ==
		ACLCHECK_OK &&
		tview_compat_schema_aclcheck(get_rel_namespace(desc->viewid),
									 ACL_USAGE) == ACLCHECK_OK;
}

/*
 * Functions run as the owner, too.  The names in them must not lead to what
 * another user has made: neither by that user's search_path, nor by temporary
 * tables.
 */
void
tview_query_enter(TviewDesc *desc, TviewIdentity *saved)
{
	int mask = desc->settings_mode == TVIEW_SETTINGS_PINNED ? -1 : 0;

	GetUserIdAndSecContext(&saved->userid, &saved->sec_context);
	if (!desc->rls && saved->userid != desc->viewowner && mask == 0 &&
		desc->settings[TVIEW_SETTING_PATH_NUMBER] != NULL)
	{
		if (runs_as_user(desc))
		{
			saved->guc_level = 0;
			return;
		}
		mask = TVIEW_SETTING_SEARCH_PATH;
	}
	if (!desc->rls)
		SetUserIdAndSecContext(desc->viewowner,
							   saved->sec_context |
								   SECURITY_LOCAL_USERID_CHANGE |
								   SECURITY_RESTRICTED_OPERATION);
	saved->guc_level = mask != 0 ? pin_settings(desc, mask) : 0;
}

void
tview_query_leave(const TviewIdentity *saved)
{
	if (saved->guc_level > 0)
		AtEOXact_GUC(false, saved->guc_level);
	SetUserIdAndSecContext(saved->userid, saved->sec_context);
}
