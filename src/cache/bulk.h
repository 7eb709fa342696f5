/*
 * bulk.h
 *		The index of a TVIEW that is being created, written in one go.
 *
 * Index entries come in no order of their own, and putting each at its place
 * touches a page per entry.  While nobody else can see the TVIEW or change its
 * bases, its rows can be stored without them: nothing settles meanwhile.  The
 * entries are gathered and sorted, and appended when all rows are stored.
 */
#ifndef TVIEW_BULK_H
#define TVIEW_BULK_H

#include "postgres.h"

#include "cache/row.h"
#include "meta/meta.h"

typedef struct TviewBulk TviewBulk;

/*
 * Begins to gather, in the current memory context; sorts within
 * maintenance_work_mem, then on disk.
 */
extern TviewBulk *tview_bulk_begin(void);

/* Takes the index entries of a row that is stored without them. */
extern void tview_bulk_add(TviewBulk *bulk, int64 key, const TviewRow *row);

/*
 * Appends all of them to the TVIEW's index, which is empty.  False when the
 * store did not take them: the rows must be emptied then.
 */
extern bool tview_bulk_write(TviewBulk *bulk, TviewDesc *desc);

extern void tview_bulk_end(TviewBulk *bulk);

#endif /* TVIEW_BULK_H */
