/*
 * record.h
 *		Rows of tview.tviews and tview.sources, read and written.
 *
 * Reading uses the catalog snapshot: the latest committed state and the own
 * transaction's.  Writing is for DDL alone (src/maintain); a writer holds
 * ShareUpdateExclusiveLock or more on the TVIEW, so that two never meet on a
 * row.
 */
#ifndef TVIEW_RECORD_H
#define TVIEW_RECORD_H

#include "postgres.h"

#include "meta/meta.h"

/* A row of tview.tviews.  Array columns are never NULL. */
typedef struct TviewRecord
{
	Oid relid;
	Oid viewid;
	Oid serverid;
	Oid rootid; /* with a problem: this and all that follows may be unset */
	AttrNumber key_root;
	AttrNumber key; /* of the TVIEW */
	TviewGeneration generation;
	TransactionId writer; /* of the row; set by reading */
	uint64 fingerprint;
	bool restrictable;
	bool single_row;
	int setting_mask;
	char *settings[TVIEW_SETTING_COUNT]; /* NULL where not in the mask */
	char *tag_query;
	List *tagcols; /* of TviewTagColumn */
	int nlookups;
	AttrNumber *lookup_att;	 /* of the TVIEW */
	AttrNumber *lookup_root; /* of the root */
	Oid *lookup_family;
	List *relation_tags; /* oids */
	List *sources;		 /* oids */
	List *bases;		 /* oids */
	List *views;		 /* oids */
	List *functions;	 /* oids */
	List *types;		 /* oids */
	char *problem;		 /* why it must be bypassed, or NULL */
	char *warning;		 /* or NULL */
	/*
	 * system identifier: pg_upgrade brings records over, but neither triggers
	 * nor the oids of servers and functions
	 */
	uint64 cluster;
} TviewRecord;

/* Why a record of another cluster is bypassed. */
#define TVIEW_RECORD_FROM_ELSEWHERE "recorded before pg_upgrade"

/* A row of tview.sources. */
typedef struct TviewSourceRecord
{
	Oid relid;	  /* the TVIEW */
	Oid baseid;	  /* the table or partition with the triggers */
	Oid sourceid; /* as the view names it: itself or an ancestor */
	Oid serverid;
	bool by_row;
	bool by_relation;
	bool all_used; /* any column may be read */
	/* else: attributes of sourceid, offset like pull_varattnos has them */
	Bitmapset *used;
	List *tracked; /* of TviewTracked, attributes of sourceid */
	/* key column of sourceid where it is this TVIEW's root, else 0 */
	AttrNumber key_att;
} TviewSourceRecord;

/* The TVIEW's row in the current memory context, or NULL. */
extern TviewRecord *tview_record_get(Oid relid);
/* All rows of tview.tviews, of TviewRecord. */
extern List *tview_record_list(void);
/*
 * Rows of tview.sources of a TVIEW, or of a base table (the other one
 * InvalidOid).
 */
extern List *tview_record_sources(Oid relid, Oid baseid);
/* True when some TVIEW needs the triggers of baseid. */
extern bool tview_record_base_is_needed(Oid baseid);

/* Replaces the row (or adds it), with its sources (of TviewSourceRecord). */
extern void tview_record_put(const TviewRecord *record, List *sources);
/* Removes the row and its sources; nothing happens when there is none. */
extern void tview_record_delete(Oid relid);

#endif /* TVIEW_RECORD_H */
