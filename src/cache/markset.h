/*
 * markset.h
 *		A growing sequence of marks that can be asked by tag, and by key
 *		column: the backend's copy of the mark log, and the set of marks that
 *		the running transaction has not published yet.
 *
 * Marks are numbered by position; a chain leads from the latest mark of a tag
 * (or of a key column) to the one before it.  Positions below the caller's
 * lower bound are simply not followed, so dropping old marks is cheap.
 */
#ifndef TVIEW_MARKSET_H
#define TVIEW_MARKSET_H

#include "postgres.h"

#include "access/attnum.h"

#include "store/store.h"

typedef struct TviewMarkEntry
{
	TviewMark mark;
	uint64 previous_tag; /* position + 1 of the tag's mark before, 0: none */
	uint64
		/* likewise for marks with TVIEW_MARK_IS_KEY of one key column */
		previous_key;
} TviewMarkEntry;

typedef struct TviewMarkSet TviewMarkSet;

/* True when the mark carries a key of this root, of this column. */
static inline bool
tview_mark_has_key_of(const TviewMark *mark, Oid rootid, uint32 key_root)
{
	return (mark->flags & TVIEW_MARK_HAS_PK) && mark->rel == rootid &&
		mark->keyatt == key_root;
}

/*
 * An empty set whose first mark gets the position; lives in its own child of
 * context.
 */
extern TviewMarkSet *tview_markset_create(MemoryContext context,
										  uint64 position);
/* Empties the set; the next mark gets the position. */
extern void tview_markset_reset(TviewMarkSet *set, uint64 position);

/* Position that the next mark gets. */
extern uint64 tview_markset_end(const TviewMarkSet *set);

extern void tview_markset_add(TviewMarkSet *set, const TviewMark *mark);
/* Forgets marks below the position (some may be kept for a while). */
extern void tview_markset_drop(TviewMarkSet *set, uint64 position);

extern const TviewMarkEntry *tview_markset_at(const TviewMarkSet *set,
											  uint64 position);

/*
 * Latest mark of the tag at or above the position, then the one before, NULL
 * at the end.
 */
extern const TviewMarkEntry *tview_markset_first(const TviewMarkSet *set,
												 uint64 tag, uint64 lower);
extern const TviewMarkEntry *tview_markset_next(const TviewMarkSet *set,
												const TviewMarkEntry *entry,
												uint64 lower);

/* The same by key column: marks whose tag is on the key itself. */
extern const TviewMarkEntry *tview_markset_first_key(const TviewMarkSet *set,
													 Oid rel, AttrNumber keyatt,
													 uint64 lower);
extern const TviewMarkEntry *tview_markset_next_key(const TviewMarkSet *set,
													const TviewMarkEntry *entry,
													uint64 lower);

#endif /* TVIEW_MARKSET_H */
