/*
 * meta.h
 *		Definitions of TVIEWs as recorded in tview.tviews and tview.sources,
 *		cached per backend.
 *
 * A row of tview.tviews exists for every foreign table of the wrapper; rows
 * are written by DDL (maintain/ddl.c) and are never changed otherwise.  Here
 * they are read with plain catalog scans (latest committed state plus the own
 * transaction's, like the system catalogs): no SPI, callable wherever a
 * catalog look-up is.
 *
 * Descriptors live in a memory context of their own each.  A relcache
 * invalidation of the TVIEW, of its view or of one of its bases (and changes
 * of roles, functions, types, servers) marks them stale; a stale descriptor is
 * rebuilt at the next tview_meta_get, and the memory of the old one is freed
 * at the end of the transaction: a pointer stays valid until then.
 */
#ifndef TVIEW_META_H
#define TVIEW_META_H

#include "postgres.h"

#include "access/tupdesc.h"
#include "access/xact.h"
#include "fmgr.h"
#include "lineage/lineage.h"
#include "meta/option.h"

/* A change of definition.  Later ones of a TVIEW compare greater by xid. */
typedef struct TviewGeneration
{
	/*
	 * full xid of the transaction that changed it; one more than before where
	 * that would not be greater
	 */
	uint64 xid;
	uint64 nonce; /* random */
} TviewGeneration;

/* How values of one column become tags. */
typedef struct TviewTagger
{
	Oid relid;
	AttrNumber attno;
	Oid opfamily;
	Oid valtype;
	bool is_integer; /* int2, int4, int8: the value itself is the hash */
	int16 typlen;
	bool typbyval;
	char typalign;
	FmgrInfo hash; /* extended hash function, unless is_integer */
	Oid collation;
} TviewTagger;

typedef struct TviewTagSpec
{
	TviewTagger tagger;
	bool multiple; /* the tag query's column is an array */
} TviewTagSpec;

/* A plain root column of the TVIEW, by which it can be looked up. */
typedef struct TviewLookup
{
	AttrNumber attno; /* of the TVIEW; the look-up hash uses the root's attno */
	/* a unique index of the root has it as its only key column */
	bool is_unique;
	TviewTagger tagger; /* of the root's column */
} TviewLookup;

/* One TVIEW. */
typedef struct TviewDesc
{
	MemoryContext context;
	uint64 serial; /* another one for every descriptor built in this backend */
	Oid relid;
	Oid viewid;
	Oid serverid;
	Oid owner; /* of the foreign table */
	Oid viewowner;
	char *name;		/* schema-qualified and quoted */
	char *viewname; /* schema-qualified and quoted */
	TviewGeneration generation;
	/*
	 * why it must not be served, whatever the snapshot; NULL when it may: a
	 * problem, a definition or trigger that does not match
	 */
	const char *bypass;
	bool own_ddl; /* what is recorded was written by the running transaction */
	/*
	 * what is seen depends on who reads: some base table has row-level security
	 * enabled, or some view got the option security_invoker
	 */
	bool rls;
	bool readable; /* the owner was found to have the right to read the view */
	/* a base table loses a partition: the snapshot decides what it reads */
	bool detaching;

	Oid rootid;
	AttrNumber key_root; /* key column of the root */
	/* key column of the TVIEW (and of the view: same numbers mod dropped) */
	AttrNumber key;
	Oid keytype; /* int2, int4 or int8 */
	bool restrictable;
	bool single_row;  /* at most one row per key is proven */
	int setting_mask; /* TVIEW_SETTING_... */
	/* recorded values, NULL where not in the mask */
	char *settings[TVIEW_SETTING_COUNT];
	TviewSettingsMode settings_mode;
	char compression; /* of long values; see option.h */

	TupleDesc tupdesc; /* of the foreign table */
	/*
	 * SELECT <columns in tupdesc order, NULL for dropped ones> FROM <view> v,
	 * with a cast where a column is json and the view's is jsonb
	 */
	char *view_query;
	char **view_columns; /* the columns as they stand there */
	char *key_name;		 /* quoted name of the key column */
	char *tag_query;	 /* see TviewLineage */
	int ntagspecs;
	TviewTagSpec *tagspecs;
	/*
	 * per tag: the column of the TVIEW that has its value; NULL where a tag
	 * has none (rowtag.h)
	 */
	AttrNumber *row_tags;
	int nlookups;
	TviewLookup *lookups; /* without the key */
	int nbases;
	Oid *bases; /* every table whose triggers feed it, with partitions */
	int nviews;
	Oid *views;		/* the view, and all views and TVIEWs that it reads */
	uint16 *counts; /* of locks on the views and the bases: see strong.h */
	int nsources;	/* tables as the view names them: marks carry these oids */
	Oid *sources;
	int nrelation_tags;
	Oid *relation_tags; /* sources with a relation tag */
} TviewDesc;

/* What the trigger on one base table must mark for one server. */
typedef struct TviewTrackedColumn
{
	AttrNumber attno; /* of the table that the trigger stands on */
	/* false: look-up only, marked when inserted, deleted or changed */
	bool reaches;
	bool is_key; /* it is keyatt */
	/* relid and attno are those of the source (the parent) */
	TviewTagger tagger;
} TviewTrackedColumn;

typedef struct TviewBase
{
	MemoryContext context;
	Oid relid; /* the table (or partition) that changes */
	Oid serverid;
	Oid sourceid; /* the table that the view names: itself, or an ancestor */
	/* of relid: root key column, 0 when it is no TVIEW's root */
	AttrNumber key;
	AttrNumber key_source; /* the same column's number in sourceid */
	bool touch;			   /* some TVIEW has a relation tag on it */
	bool all_used;		   /* any column may be read */
	/* else: attributes of relid, offset like pull_varattnos has them */
	Bitmapset *used;
	AttrNumber last_used; /* the last of those, the tracked ones and the key */
	int ntracked;
	TviewTrackedColumn *tracked;
	/* the same table for another server, source, or key column */
	struct TviewBase *next;
} TviewBase;

extern void tview_meta_init(void);

/*
 * The descriptor of a TVIEW.  Raises ERRCODE_UNDEFINED_TABLE when relid has
 * no row in tview.tviews, unless missing_ok (then NULL).
 */
extern TviewDesc *tview_meta_get(Oid relid, bool missing_ok);

/* The list of what a change of relid must mark; NULL when nothing. */
extern TviewBase *tview_meta_base(Oid relid);

/* True when every row of the TVIEW depends on any change of the source. */
extern bool tview_meta_has_relation_tag(const TviewDesc *desc, Oid relid);

/*
 * True when a row of the TVIEW reads of the root's keys no other than its own.
 */
extern bool tview_meta_reads_own_key_only(const TviewDesc *desc);

/* An integer of type int2, int4 or int8. */
extern int64 tview_meta_integer(Oid type, Datum value);

/* Oids of all TVIEWs, of one server or of all (InvalidOid), palloc'd list. */
extern List *tview_meta_list(Oid serverid);

/*
 * Schema and relation oids of the extension's own objects; InvalidOid while it
 * is not installed.
 */
extern Oid tview_meta_schema(void);
extern Oid tview_meta_tviews_relid(void);
extern Oid tview_meta_sources_relid(void);

/*
 * Schema-qualified and quoted name, palloc'd; "relation <oid>" when there is
 * none.
 */
extern char *tview_meta_relation_name(Oid relid);

/* True when the server's wrapper has our handler; false for a missing one. */
extern bool tview_meta_server_is_ours(Oid serverid);
/*
 * The server of a foreign table of ours, recorded or not; InvalidOid for any
 * other relation.
 */
extern Oid tview_meta_table_server(Oid relid);

/* The triggers on base tables. */
typedef enum TviewTriggerKind
{
	TVIEW_TRIGGER_ROW,
	TVIEW_TRIGGER_TRUNCATE
} TviewTriggerKind;

#define TVIEW_TRIGGER_COUNT 2

/* Names of their functions in schema tview, and their oids. */
extern const char *const tview_meta_trigger_functions[TVIEW_TRIGGER_COUNT];
extern Oid tview_meta_trigger_function(TviewTriggerKind kind);
/* Whether a base table of this kind has such a trigger. */
extern bool tview_meta_wants_trigger(char relkind, TviewTriggerKind kind);

/*
 * Fills a tagger for values of type valtype in the hash operator family; false
 * when it has no hash function.
 */
extern bool tview_meta_fill_tagger(TviewTagger *tagger, Oid relid,
								   AttrNumber attno, Oid opfamily, Oid valtype,
								   Oid collation);

/*
 * The tag of a value (not NULL).  May detoast and throw what the hash function
 * throws.
 */
extern uint64 tview_meta_tag(TviewTagger *tagger, Datum value);

/* The same for an integer, whatever the width of the tagger's type. */
extern uint64 tview_meta_tag_integer(const TviewTagger *tagger, int64 value);

/*
 * True for the event of a transaction that is over: what was only kept for it
 * can go.
 */
static inline bool
tview_meta_is_end(XactEvent event)
{
	return event == XACT_EVENT_COMMIT || event == XACT_EVENT_PARALLEL_COMMIT ||
		event == XACT_EVENT_ABORT || event == XACT_EVENT_PARALLEL_ABORT ||
		event == XACT_EVENT_PREPARE;
}

#endif /* TVIEW_META_H */
