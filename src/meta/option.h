/*
 * option.h
 *		Options of servers and foreign tables: names, values, limits.
 */
#ifndef TVIEW_OPTION_H
#define TVIEW_OPTION_H

#include "postgres.h"

#include "access/toast_compression.h"

#include "nodes/pg_list.h"

#ifdef USE_LZ4
#define TVIEW_DEFAULT_COMPRESSION TOAST_LZ4_COMPRESSION
#else
#define TVIEW_DEFAULT_COMPRESSION TOAST_PGLZ_COMPRESSION
#endif

typedef enum TviewSettingsMode
{
	TVIEW_SETTINGS_SESSION, /* a session with other settings runs the view */
	/* served and computed under the recorded settings */
	TVIEW_SETTINGS_PINNED
} TviewSettingsMode;

/* Options of a server that concern its store. */
typedef struct TviewStoreOptions
{
	uint64 map_size;	  /* bytes */
	uint64 mark_log_size; /* bytes */
	uint32 max_readers;
	bool sync;
	char *store_path; /* absolute, or NULL: under the database's directory */
} TviewStoreOptions;

#define TVIEW_DEFAULT_MAP_SIZE (UINT64CONST(1) << 30)
#define TVIEW_MIN_MAP_SIZE (UINT64CONST(1) << 20)
#define TVIEW_MAX_MAP_SIZE (UINT64CONST(1) << 46)
#define TVIEW_DEFAULT_MARK_LOG_SIZE (UINT64CONST(16) << 20)
#define TVIEW_MIN_MARK_LOG_SIZE (UINT64CONST(1) << 16)
#define TVIEW_MAX_MARK_LOG_SIZE (UINT64CONST(1) << 34)
#define TVIEW_MIN_READERS 16
#define TVIEW_MAX_READERS 65536
/* the default of max_readers is MaxBackends + 32 */

/* Options of a TVIEW, the server's where the table has none. */
typedef struct TviewTableOptions
{
	/* as written: [schema.]name, quoted where needed; NULL when missing */
	char *view;
	/* key column, NULL: pk_<rest of the table's name after tv_> */
	char *key;
	bool populate; /* default true */
	TviewSettingsMode settings;
	bool background;  /* refresh 'background'; default 'on_read' */
	char compression; /* of long values: a method of TOAST's, or invalid */
	List *depends_on; /* oids of tables that user-defined functions read */
} TviewTableOptions;

/*
 * Does IMPORT FOREIGN SCHEMA declare jsonb columns as json: the server's
 * option, false by default.
 */
extern bool tview_option_jsonb_as_json(Oid serverid);

/* The store's options of a server, defaults where none is given. */
extern void tview_option_store(Oid serverid, TviewStoreOptions *options);

/*
 * Options of a TVIEW.  Looks the names in depends_on up: raises
 * ERRCODE_UNDEFINED_TABLE for a missing one.
 */
extern void tview_option_table(Oid relid, TviewTableOptions *options);

/*
 * Oid of the backing view by the option's text; raises ERRCODE_UNDEFINED_TABLE
 * unless missing_ok.
 */
extern Oid tview_option_view(const char *view, bool missing_ok);

/* The validator's parsers: raise ERRCODE_FDW_INVALID_STRING_FORMAT and kin. */
extern uint64 tview_option_parse_size(const char *name, const char *value,
									  uint64 min, uint64 max);
extern bool tview_option_parse_bool(const char *name, const char *value);
extern TviewSettingsMode tview_option_parse_settings(const char *name,
													 const char *value);
/* TOAST_PGLZ_COMPRESSION, TOAST_LZ4_COMPRESSION or InvalidCompressionMethod. */
extern char tview_option_parse_compression(const char *name, const char *value);
/* True for 'background', false for 'on_read'. */
extern bool tview_option_parse_refresh(const char *name, const char *value);
extern uint32 tview_option_parse_readers(const char *name, const char *value);
/*
 * Oids of the tables named in a depends_on list; raises for a missing one
 * unless missing_ok.
 */
extern List *tview_option_parse_tables(const char *value, bool missing_ok);

/*
 * True when the TVIEW has the option refresh 'background'; false also for one
 * that is no longer there.
 */
extern bool tview_option_is_background(Oid relid);

/*
 * Options of a TVIEW without any look-up of names: returns depends_on as text,
 * or NULL.
 */
extern char *tview_option_texts(Oid relid, TviewTableOptions *options);

#endif /* TVIEW_OPTION_H */
