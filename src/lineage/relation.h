/*
 * relation.h
 *		What kind of relation a view reads, and the queries of views.
 */
#ifndef TVIEW_RELATION_H
#define TVIEW_RELATION_H

#include "postgres.h"

#include "lineage/lineage.h"
#include "utils/relcache.h"
#include "nodes/parsenodes.h"

typedef enum TviewRelationKind
{
	TVIEW_RELATION_BASE, /* an ordinary or partitioned table, permanent */
	TVIEW_RELATION_VIEW,
	TVIEW_RELATION_TVIEW,
	TVIEW_RELATION_REFUSED /* the problem is set */
} TviewRelationKind;

/* Classifies relid as read by the view readerid. */
extern TviewRelationKind tview_relation_kind(TviewLineage *lineage, Oid relid,
											 Oid readerid);

/*
 * A private copy of a view's query, or for a TVIEW a query that selects its
 * columns from its backing view.  NULL when the problem is set.
 */
extern Query *tview_relation_query(TviewLineage *lineage, Oid relid,
								   TviewRelationKind kind);

/*
 * Does a TVIEW's column of the first type hold the text of its view's column
 * of the second?  json may stand over jsonb: its value is the jsonb's cast to
 * json, which is the text that jsonb's output function makes.
 */
extern bool tview_relation_holds_text(Oid type, Oid viewtype);

/* The backing view of a TVIEW, InvalidOid when there is none. */
extern Oid tview_relation_backing(Oid relid);

/* Is relid a foreign table of the wrapper tview_fdw? */
extern bool tview_relation_is_tview(Oid relid);

/*
 * Is there a unique index whose only key column is attno (immediate, valid, not
 * partial) and whose equality is that of opno (InvalidOid: of the type)?  Never
 * for inheritance parents, unless inh is false.
 */
extern bool tview_relation_is_unique(Oid relid, bool inh, AttrNumber attno,
									 Oid opno);

/* Is the column declared NOT NULL, and so for all rows? */
extern bool tview_relation_is_not_null(Oid relid, AttrNumber attno);

/*
 * What a virtual generated column is computed from, over Vars of entry 1; NULL
 * for every other column.
 */
extern Node *tview_relation_virtual_expression(Oid relid, AttrNumber attno);

/* Has a plain table children whose rows a scan reads too? */
extern bool tview_relation_has_children(Oid relid);

/*
 * Is a partition being detached from the table, or was DETACH CONCURRENTLY left
 * half done?  Until it ends it depends on the snapshot whether it is one.
 */
extern bool tview_relation_is_detaching(Oid relid);

/*
 * Opens a relation without a lock, to read what the catalogs say of it.  A
 * command that changes one table of a TVIEW holds that table and looks at the
 * others: two such commands must not wait for each other's tables.  They are
 * serialised by the lock on the TVIEW, and whoever comes second sees what the
 * first has committed.  The second form returns NULL for a missing relation,
 * the first raises ERRCODE_UNDEFINED_TABLE.
 */
extern Relation tview_relation_open(Oid relid);
extern Relation tview_relation_try_open(Oid relid);
extern void tview_relation_close(Relation rel);

#endif /* TVIEW_RELATION_H */
