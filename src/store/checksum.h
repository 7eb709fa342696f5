/*
 * checksum.h
 *		The checksum of everything that the store keeps in files.
 *
 * CRC-32C, with the processor's instruction where there is one.  Every change
 * of up to 32 bits in a row within eight bytes is found, other damage with
 * 1 - 2^-32.  Long data is summed in three interleaved lanes, so a value is
 * comparable with those of this code only.
 */
#ifndef TVIEW_CHECKSUM_H
#define TVIEW_CHECKSUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/*
 * The checksum of some bytes; seed is what they belong to (their key, their
 * place), so that the same bytes elsewhere have another one.
 */
extern uint32_t tview_checksum(uint64_t seed, const void *data, size_t size);

/*
 * A number below 2^48 together with 16 bits that vouch for it.  UINT64_MAX
 * stands for itself ("unknown"), larger numbers are not sealed.
 */
extern uint64_t tview_checksum_seal(uint64_t number);
#define TVIEW_SEALED_NUMBER ((UINT64_C(1) << 48) - 1)
/* The number, or false. */
extern bool tview_checksum_open(uint64_t sealed, uint64_t *number);

#endif /* TVIEW_CHECKSUM_H */
