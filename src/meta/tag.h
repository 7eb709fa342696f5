/*
 * tag.h
 *		Tags: 64-bit names for "column = value" and for whole relations.
 *
 * Two different things may share a tag by accident; that costs a needless
 * recomputation, never a wrong row, because a tag only ever says "changed".
 */
#ifndef TVIEW_TAG_H
#define TVIEW_TAG_H

#include "postgres.h"

/* A bijective mixer (the finaliser of splitmix64). */
static inline uint64
tview_tag_mix(uint64 x)
{
	x ^= x >> 30;
	x *= UINT64CONST(0xbf58476d1ce4e5b9);
	x ^= x >> 27;
	x *= UINT64CONST(0x94d049bb133111eb);
	x ^= x >> 31;
	return x;
}

/* The tag of a whole relation: carried by touch() and all() marks. */
static inline uint64
tview_tag_relation(Oid relid)
{
	return tview_tag_mix(UINT64CONST(0x7476696577000000) ^ relid);
}

/* The first bits of a tag say the column, unless that is of integers. */
#define TVIEW_TAG_COLUMN_BITS 8

/* The index has lists under these two tags. */
static inline bool
tview_tag_is_reserved(uint64 tag)
{
	return tag == 0 || tag == PG_UINT64_MAX;
}

/*
 * The index's tag for rows that are looked up by the column value of a tag: not
 * reserved, and of different tags different, unless it is
 * TVIEW_TAG_SHARED_LOOKUP.  It begins as the tag does.
 */
#define TVIEW_TAG_SHARED_LOOKUP UINT64CONST(1)

static inline uint64
tview_tag_lookup(uint64 tag)
{
	uint64 others = UINT64CONST(0x9e3779b97f4a7c15) >> TVIEW_TAG_COLUMN_BITS;
	uint64 lookup = tag ^ others;

	return tview_tag_is_reserved(lookup) ? TVIEW_TAG_SHARED_LOOKUP : lookup;
}

#endif /* TVIEW_TAG_H */
