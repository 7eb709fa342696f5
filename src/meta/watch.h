/*
 * watch.h
 *		Builds what a change of a base table must mark; for meta.c only.
 */
#ifndef TVIEW_WATCH_H
#define TVIEW_WATCH_H

#include "postgres.h"

#include "meta/meta.h"

/*
 * A new list in one context of its own below parent, or NULL when nothing is to
 * be marked.
 */
extern TviewBase *tview_watch_build(Oid relid, MemoryContext parent);

#endif /* TVIEW_WATCH_H */
