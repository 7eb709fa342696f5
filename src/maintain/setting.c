/*
 * setting.c
 *		See setting.h.
 *
 * A session's reset value is the database's default unless the role or the
 * client has set it.  Then ALTER DATABASE, ALTER ROLE ALL, the configuration
 * files and the built-in value are asked, in the order of their precedence.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/pg_authid_d.h"
#include "catalog/pg_db_role_setting.h"
#include "catalog/pg_type_d.h"
#include "compat.h"
#include "executor/spi.h"
#include "maintain/setting.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/guc_tables.h"

/* The setting's entry, or NULL. */
static struct config_generic *
find_setting(const char *name)
{
	int n;
	struct config_generic **settings = tview_compat_settings(&n);

	for (int i = 0; i < n; i++)
		if (pg_strcasecmp(settings[i]->name, name) == 0)
			return settings[i];
	return NULL;
}

/*
 * The value in ALTER DATABASE/ROLE ... SET for a database or all, and all
 * roles; or NULL.
 */
static char *
find_database_setting(Oid databaseid, const char *name)
{
	Relation rel = table_open(DbRoleSettingRelationId, AccessShareLock);
	char *value = NULL;
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple tuple;

	ScanKeyInit(&keys[0], Anum_pg_db_role_setting_setdatabase,
				BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(databaseid));
	ScanKeyInit(&keys[1], Anum_pg_db_role_setting_setrole,
				BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(InvalidOid));
	scan = systable_beginscan(rel, DbRoleSettingDatidRolidIndexId, true, NULL,
							  2, keys);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	{
		bool isnull;
		Datum config = heap_getattr(tuple, Anum_pg_db_role_setting_setconfig,
									RelationGetDescr(rel), &isnull);
		Datum *pairs;
		int n = 0;

		if (!isnull)
			deconstruct_array(DatumGetArrayTypeP(config), TEXTOID, -1, false,
							  TYPALIGN_INT, &pairs, NULL, &n);
		for (int i = 0; i < n; i++)
		{
			char *pair = TextDatumGetCString(pairs[i]);
			char *eq = strchr(pair, '=');

			if (eq == NULL)
				continue;
			*eq = '\0';
			if (pg_strcasecmp(pair, name) == 0)
				value = eq + 1;
		}
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return value;
}

/*
 * The value in the configuration files, or NULL.  Reads them as the superuser
 * may.
 */
static char *
find_file_setting(const char *name)
{
	MemoryContext caller = CurrentMemoryContext;
	Oid types[1] = {TEXTOID};
	Datum values[1] = {CStringGetTextDatum(name)};
	char *value = NULL;
	Oid userid;
	int security;

	GetUserIdAndSecContext(&userid, &security);
	SetUserIdAndSecContext(BOOTSTRAP_SUPERUSERID,
						   security | SECURITY_LOCAL_USERID_CHANGE |
							   SECURITY_NOFORCE_RLS);
	SPI_connect();
	if (SPI_execute_with_args(
			"SELECT setting FROM pg_catalog.pg_file_settings"
			" WHERE pg_catalog.lower(name) OPERATOR(pg_catalog.=) pg_catalog.lower($1)"
			" AND applied ORDER BY seqno DESC",
			1, types, values, NULL, true, 1) == SPI_OK_SELECT &&
		SPI_processed == 1)
	{
		char *found =
			SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);

		if (found != NULL)
			value = MemoryContextStrdup(caller, found);
	}
	SPI_finish();
	SetUserIdAndSecContext(userid, security);
	return value;
}

/* The built-in value as text, or NULL where there is none. */
static const char *
find_boot_value(struct config_generic *setting)
{
	switch (setting->vartype)
	{
		case PGC_BOOL:
			return ((struct config_bool *) setting)->boot_val ? "on" : "off";
		case PGC_INT:
			return psprintf("%d", ((struct config_int *) setting)->boot_val);
		case PGC_REAL:
			return psprintf("%g", ((struct config_real *) setting)->boot_val);
		case PGC_STRING:
			return ((struct config_string *) setting)->boot_val;
		case PGC_ENUM:
			return config_enum_lookup_by_value(
				(struct config_enum *) setting,
				((struct config_enum *) setting)->boot_val);
	}
	return NULL;
}

/* The value as SHOW prints it once it is set. */
static char *
normalise(const char *name, const char *value)
{
	int level = NewGUCNestLevel();
	const char *shown;
	char *result;

	(void) set_config_option(name, value, PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, WARNING, false);
	shown = GetConfigOptionByName(name, NULL, false);
	result = pstrdup(shown ? shown : value);
	AtEOXact_GUC(true, level);
	return result;
}

char *
tview_setting_default(const char *name)
{
	struct config_generic *setting = find_setting(name);
	const char *value;

	if (setting == NULL)
		return pstrdup("");
	if (setting->reset_source <= PGC_S_DATABASE)
		value = GetConfigOptionResetString(name);
	else
	{
		value = find_database_setting(MyDatabaseId, name);
		if (value == NULL)
			value = find_database_setting(InvalidOid, name);
		if (value == NULL)
			value = find_file_setting(name);
		if (value == NULL)
			value = find_boot_value(setting);
	}
	return value == NULL ? pstrdup("") : normalise(name, value);
}
