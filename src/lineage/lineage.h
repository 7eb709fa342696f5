/*
 * lineage.h
 *		What a view reads: from its query tree to its root table, the columns
 *		of base tables that must be tracked, and the tag query.
 *
 * Pure analysis: reads the system catalogs, changes nothing, runs no query.
 */
#ifndef TVIEW_LINEAGE_H
#define TVIEW_LINEAGE_H

#include "postgres.h"

#include "access/attnum.h"
#include "nodes/pg_list.h"
#include "nodes/bitmapset.h"

/* Settings that a view's output may depend on. */
#define TVIEW_SETTING_TIMEZONE 0x0001
#define TVIEW_SETTING_DATESTYLE 0x0002
#define TVIEW_SETTING_INTERVALSTYLE 0x0004
#define TVIEW_SETTING_FLOAT_DIGITS 0x0008
#define TVIEW_SETTING_BYTEA_OUTPUT 0x0010
#define TVIEW_SETTING_LC_MONETARY 0x0020
#define TVIEW_SETTING_LC_NUMERIC 0x0040
#define TVIEW_SETTING_LC_TIME 0x0080
#define TVIEW_SETTING_TEXT_SEARCH 0x0100 /* default_text_search_config */
#define TVIEW_SETTING_SEARCH_PATH 0x0200 /* reg* output */
#define TVIEW_SETTING_PATH_NUMBER 9		 /* its bit */
#define TVIEW_SETTING_XMLBINARY 0x0400
#define TVIEW_SETTING_XMLOPTION 0x0800
#define TVIEW_SETTING_QUOTE_ALL 0x1000	 /* quote_all_identifiers */
#define TVIEW_SETTING_ARRAY_NULLS 0x2000 /* text to arrays */
/* timezone_abbreviations: text to moments, AT TIME ZONE */
#define TVIEW_SETTING_ABBREVIATIONS 0x4000
/* how many names tview_lineage_setting_names has */
#define TVIEW_SETTING_COUNT 15

/* The GUC's name for bit i. */
extern const char *const tview_lineage_setting_names[TVIEW_SETTING_COUNT];

/*
 * A column of a base table whose values reach rows of the view, or look them
 * up.
 */
typedef struct TviewTracked
{
	Oid relid; /* the table as the view names it (a parent for partitions) */
	AttrNumber attno;
	Oid opfamily; /* hash operator family of the equality */
	bool
		/* some row tag stands on it; false: only look-ups by a root column */
		reaches;
} TviewTracked;

/* One column of the tag query, after the first one ("key"). */
typedef struct TviewTagColumn
{
	Oid relid;
	AttrNumber attno;
	Oid opfamily;
	Oid valtype;   /* type of the value (of the element when multiple) */
	bool multiple; /* the column is an array of valtype */
} TviewTagColumn;

/* A base table that the view reads. */
typedef struct TviewSource
{
	Oid relid;		  /* as the view names it */
	bool by_row;	  /* reached by row tags */
	bool by_relation; /* has a relation tag: any change touches every row */
	bool whole_row;	  /* every column is read */
	Bitmapset *
		/*
		 * else: attribute numbers read, offset by
		 * FirstLowInvalidHeapAttributeNumber
		 */
		used;
} TviewSource;

typedef struct TviewLineage
{
	/* a view whose meaning cannot be kept: everything else is unset */
	char *problem; /* errmsg; NULL when fine */
	int sqlstate;
	char *detail;
	char *hint;
	char *warning; /* e.g. jsonb_agg without ORDER BY; NULL when none */

	Oid rootid;			 /* the root table */
	AttrNumber key_root; /* its key column */
	AttrNumber key_view; /* the view's key column */
	/* at most one row per key follows from unique indexes */
	bool unique_proven;
	/* "pk = ANY(keys)" reaches the root's scan: cheap by key */
	bool restrictable;
	/* TVIEW_SETTING_... that the output may depend on */
	int settings;
	List *sources; /* of TviewSource */
	/* of TviewTracked, distinct; with the root's key and look-up columns */
	List *tracked;
	List *tagcols; /* of TviewTagColumn, in the tag query's order */
	/*
	 * SQL text, fully qualified: key, then tagcols; one row per root row; no
	 * parameters: callers wrap it
	 */
	char *tag_query;
	int ncolumns; /* of the view */
	/* per view column: attribute of the root that it plainly is, or 0 */
	AttrNumber *root_column;
	/*
	 * oids of all tables to be watched: sources and their partitions and
	 * inheritance children, distinct
	 */
	List *bases;
	/* oids of views and TVIEWs expanded, the view itself first */
	List *views;
	List *functions; /* oids of functions not of pg_catalog */
	/* oids of user-defined types in the output path */
	List *types;
} TviewLineage;

/*
 * Analyses the view whose key is the column named key.  depends_on: oids of
 * tables that user-defined functions read (relation tags), with which STABLE
 * functions are allowed.  Never raises for what a view may contain: returns
 * the problem.  Everything is allocated in the current memory context.
 */
extern TviewLineage *tview_lineage_analyse(Oid viewid, const char *key,
										   List *depends_on);

/*
 * A 64-bit hash over everything outside our own tables that the meaning of
 * the view depends on (rewrite rules of all views expanded, columns of the
 * tables, functions' definitions, children): unequal means "analyse again".
 */
extern uint64 tview_lineage_fingerprint(const TviewLineage *lineage);

#endif /* TVIEW_LINEAGE_H */
