/*
 * compute.h
 *		Runs views and tag queries: under a given snapshot, as the view's
 *		owner, in a security-restricted context, with the recorded settings
 *		where they are pinned.
 */
#ifndef TVIEW_COMPUTE_H
#define TVIEW_COMPUTE_H

#include "postgres.h"

#include "cache/writer.h"
#include "executor/tuptable.h"
#include "meta/meta.h"
#include "nodes/bitmapset.h"
#include "utils/snapshot.h"

/* What one key came to under the snapshot. */
typedef struct TviewComputed
{
	int64 key;
	bool root_exists; /* the tag query knows the key */
	/* rows of the view with this key: 0, 1, more (never stored) */
	int nrows;
	MinimalTuple *rows;
	int ntags;
	uint64 *tags; /* distinct; without relation tags; NULL unless asked for */
	int nlookups;
	uint64 *lookups; /* of the root's columns, as TviewFillItem has them */
} TviewComputed;

/*
 * Computes keys[0..n) (distinct, ascending) under the snapshot, in the current
 * memory
 * context.  with_tags: also run the tag query.  Raises what the view raises.
 */
extern TviewComputed *tview_compute_keys(TviewDesc *desc, Snapshot snapshot,
										 const int64 *keys, int n,
										 bool with_tags);

/*
 * The same under a guard (guard.h): NULL when the view raises an error.
 */
extern TviewComputed *tview_compute_try(TviewDesc *desc, Snapshot snapshot,
										const int64 *keys, int n,
										bool with_tags);

/*
 * The same with tags, where the keys lie close together: the view is asked for
 * the range from the first to the last of them, but for the holes (distinct,
 * between them): keys of rows that nobody wants.
 */
extern TviewComputed *tview_compute_range_try(TviewDesc *desc,
											  Snapshot snapshot,
											  const int64 *keys, int n,
											  const int64 *holes, int nholes);

/*
 * What a key came to as an item for the store: it lives as long as computed,
 * which the store may change; or a copy, in the current memory context.
 */
extern TviewFillItem tview_compute_lend_item(TviewComputed *computed);
extern void tview_compute_item(const TviewComputed *computed,
							   TviewFillItem *item);

/* True when both rows have equal columns, byte for byte after detoasting. */
extern bool tview_compute_same_row(const TviewDesc *desc, MinimalTuple a,
								   MinimalTuple b);

/* A key, which its type can hold, as a value of that type. */
extern Datum tview_compute_key_datum(const TviewDesc *desc, int64 key);

/* The key of a row of the view; 0 where it is NULL. */
extern int64 tview_compute_key_of(const TviewDesc *desc, MinimalTuple row,
								  bool *isnull);

/* Some columns of the rows of one key, perhaps under conditions. */
typedef struct TviewPart
{
	const Bitmapset *columns; /* attribute numbers */
	/* two queries of a TVIEW have the same text when they have equal bytes */
	const void *shape;
	Size size;
	int nparams;
	const Oid *types;
	const Datum *values; /* not null */
	/* says SQL over alias v with $1.., for a shape that has no plan yet */
	const char *(*compose)(const void *arg);
	const void *arg;
} TviewPart;

/*
 * Computes them in the current memory context; returns how many there are.
 * Columns that are not asked for are null.  Raises what the view raises.
 */
extern int tview_compute_part(TviewDesc *desc, Snapshot snapshot,
							  const TviewPart *part, MinimalTuple **rows);

/* A stream over the view's rows: a plain execution, in bounded memory. */
typedef struct TviewStream TviewStream;

/* An error of the view ends the stream, and not the statement (guard.h). */
#define TVIEW_STREAM_GUARDED 0x01
/* no row is computed before it is asked for, as it may raise an error */
#define TVIEW_STREAM_SINGLE 0x02

/* SELECT ... FROM view v [WHERE where] [ORDER BY key ...] */
typedef struct TviewStreamQuery
{
	const Bitmapset *columns; /* attribute numbers; NULL: all of them */
	const char *where;		  /* SQL over alias v with $1.., or NULL */
	int nparams;
	const Oid *types;
	const Datum *values; /* not null */
	int direction;		 /* 0: no ORDER BY */
	int flags;			 /* TVIEW_STREAM_... */
} TviewStreamQuery;

/*
 * Opens a stream.  Resources belong to the current resource owner; the
 * stream must be closed, or dies with the owner.
 */
extern TviewStream *tview_stream_open(TviewDesc *desc, Snapshot snapshot,
									  const TviewStreamQuery *query);
/*
 * Next row as a minimal tuple that is valid until the next call; NULL at the
 * end.
 */
extern MinimalTuple tview_stream_next(TviewStream *stream);
/* True when the view raised an error, of a guarded stream. */
extern bool tview_stream_failed(const TviewStream *stream);
extern void tview_stream_close(TviewStream *stream);

/* A stream over all keys in ascending order, with rows and tags, for builds. */
typedef struct TviewBuild TviewBuild;
extern TviewBuild *tview_build_open(TviewDesc *desc, Snapshot snapshot,
									int flags);
/*
 * Next key with its rows and tags, valid until the next call; NULL at the
 * end.
 */
extern TviewComputed *tview_build_next(TviewBuild *build);
extern bool tview_build_failed(const TviewBuild *build);
extern void tview_build_close(TviewBuild *build);

/*
 * NULL when the session's settings are those recorded (or pinned), else the
 * name of the first that differs.
 */
extern const char *tview_compute_foreign_setting(TviewDesc *desc);

#endif /* TVIEW_COMPUTE_H */
