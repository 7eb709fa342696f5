/*
 * concern.h
 *		Which TVIEWs a DDL command concerns.
 */
#ifndef TVIEW_CONCERN_H
#define TVIEW_CONCERN_H

#include "postgres.h"

#include "nodes/pg_list.h"

/* One object that a command has made, changed or dropped. */
typedef struct TviewDdlObject
{
	Oid classid;
	Oid objid;
	char *type;	   /* object type, as event triggers name it */
	char *tag;	   /* of the command; NULL for dropped objects */
	bool original; /* dropped: named by the command */
	bool columns;  /* the command adds columns, or changes them */
	bool renamed;  /* names, or what names mean, may be others */
} TviewDdlObject;

/*
 * The objects of the running event, of TviewDdlObject, in the current memory
 * context: for ddl_command_end (columns and renamed are the caller's to set),
 * and for sql_drop.
 */
extern List *tview_concern_read_changed(void);
extern List *tview_concern_read_dropped(void);

/* The oids of the relations among the objects. */
extern List *tview_concern_relations(List *objects);

/*
 * Looks again, with tview_define_refresh, at every TVIEW that one of the
 * objects concerns.  dropped: the objects were dropped.  records are all
 * TVIEWs, and are sorted here; flags are those of define.h.
 */
extern void tview_concern_refresh(List *objects, List *records, bool dropped,
								  int flags);

#endif /* TVIEW_CONCERN_H */
