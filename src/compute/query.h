/*
 * query.h
 *		The prepared queries of a TVIEW, kept per backend as long as its
 *		descriptor is the same; and the identity under which they run.
 */
#ifndef TVIEW_QUERY_H
#define TVIEW_QUERY_H

#include "postgres.h"

#include "executor/spi.h"
#include "meta/meta.h"
#include "nodes/bitmapset.h"
#include "tcop/dest.h"
#include "utils/snapshot.h"

/*
 * A prepared query of the TVIEW by its text; prepared (and kept) when new.
 * The identity must have been entered.
 */
extern SPIPlanPtr tview_query_prepare(TviewDesc *desc, const char *sql,
									  int nargs, const Oid *types);

/* Queries that need no text to be found again. */
typedef enum TviewQueryKind
{
	TVIEW_QUERY_OTHER,	   /* known by its text */
	TVIEW_QUERY_ROW,	   /* the view's rows of one key */
	TVIEW_QUERY_ROWS,	   /* of several */
	TVIEW_QUERY_ROW_TAGS,  /* the tag query for one key */
	TVIEW_QUERY_ROWS_TAGS, /* for several */
	TVIEW_QUERY_MANY,	   /* of so many that a plan of its own pays */
	TVIEW_QUERY_MANY_TAGS,
	TVIEW_QUERY_RANGE, /* of a range of keys, but for some */
	TVIEW_QUERY_RANGE_TAGS,
	TVIEW_QUERY_SHAPE, /* known by what the caller calls its shape */
} TviewQueryKind;

/* The query of that kind, NULL when it must be prepared (anew). */
extern SPIPlanPtr tview_query_find(TviewDesc *desc, TviewQueryKind kind);
/* Prepares it; options are PostgreSQL's for cursors (CURSOR_OPT_...). */
extern SPIPlanPtr tview_query_make(TviewDesc *desc, TviewQueryKind kind,
								   const char *sql, int nargs, const Oid *types,
								   int options);

/* The same for a query that is known by its shape. */
extern SPIPlanPtr tview_query_find_shape(TviewDesc *desc, const void *shape,
										 Size size);
extern SPIPlanPtr tview_query_make_shape(TviewDesc *desc, const void *shape,
										 Size size, const char *sql, int nargs,
										 const Oid *types, int options);

/*
 * Runs a prepared query with its parameters (not null) under the snapshot; the
 * rows go to the receiver.
 */
extern void tview_query_run(SPIPlanPtr plan, Snapshot snapshot, int nargs,
							const Oid *types, const Datum *values,
							DestReceiver *receiver);

/*
 * Raises unless the rows of the view have the types of the TVIEW's columns (of
 * those that were asked for; NULL: all of them): a view may have been changed
 * since the TVIEW was made for it.
 */
extern void tview_query_check_columns(const TviewDesc *desc, TupleDesc rows,
									  const Bitmapset *columns);

/*
 * The view's query, with NULL for all columns but these (attribute numbers;
 * NULL: all of them).
 */
extern char *tview_query_columns(const TviewDesc *desc,
								 const Bitmapset *columns);

/*
 * Who runs the queries: saved by enter, restored by leave (or by the end of
 * the transaction).
 */
typedef struct TviewIdentity
{
	Oid userid;
	int sec_context;
	int guc_level; /* 0: no settings were changed */
} TviewIdentity;

extern void tview_query_enter(TviewDesc *desc, TviewIdentity *saved);
extern void tview_query_leave(const TviewIdentity *saved);

#endif /* TVIEW_QUERY_H */
